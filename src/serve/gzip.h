#pragma once
// gzip bodies. Wraps libdeflate.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/budget.h"

namespace clawtrace::serve {

// All members of a gzip body, one behind the other. What it grows to is charged as it grows. Errors:
// kInvalidInput damaged or cut off, kLimit beyond max_bytes, kUnavailable no memory for it now.
Result<std::string> Gunzip(std::string_view bytes, size_t max_bytes, Budget* budget, Charge* charge);
// One member, for tests and clients.
std::string Gzip(std::string_view bytes);

}  // namespace clawtrace::serve

#pragma once
// Errors as RFC 9457 problem details.
#include <string_view>

#include "base/result.h"
#include "serve/api/message.h"

namespace clawtrace::serve::api {

ApiResponse Problem(int status, std::string_view detail, std::string_view hint = {});
// By what an error means: kNotFound 404, kInvalidInput 400, kAlreadyExists 409, kLimit 413, kUnsupported 422,
// kUnavailable 503 with Retry-After, else 500. What a 500 says is for the log: the answer names nothing.
ApiResponse ProblemOf(const Error& error);

}  // namespace clawtrace::serve::api

#pragma once
// Values of flags, read the same way by every command. Errors name the flag and what would fit.
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/command.h"
#include "model/usd.h"

namespace clawtrace::cli {

// A whole number from 1 to most; *value stays when the flag was not given.
Status ReadCount(const Arguments& arguments, std::string_view flag, int64_t most, int64_t* value);

// A sum of 0 or more; nullopt when the flag was not given.
Result<std::optional<Usd>> ReadSum(const Arguments& arguments, std::string_view flag);

// What is listed by commas, without the blanks around it.
std::set<std::string> ListOf(const Arguments& arguments, std::string_view flag);

}  // namespace clawtrace::cli

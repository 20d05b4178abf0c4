#include "cli/flag_values.h"

#include <fmt/core.h>

#include "base/text.h"

namespace clawtrace::cli {

Status ReadCount(const Arguments& arguments, std::string_view flag, int64_t most, int64_t* value) {
  if (!arguments.Has(flag)) return {};
  auto given = ParseInt(arguments.Value(flag));
  if (!given || *given < 1 || *given > most)
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} {} does not fit", flag, arguments.Value(flag)),
                fmt::format("a whole number from 1 to {}", most));
  *value = *given;
  return {};
}

Result<std::optional<Usd>> ReadSum(const Arguments& arguments, std::string_view flag) {
  if (!arguments.Has(flag)) return std::nullopt;
  auto sum = Usd::Parse(arguments.Value(flag));
  if (!sum || *sum < Usd())
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} {} is no sum", flag, arguments.Value(flag)),
                "such as 0.50");
  return sum;
}

std::set<std::string> ListOf(const Arguments& arguments, std::string_view flag) {
  std::set<std::string> all;
  std::string given = arguments.Value(flag);
  for (std::string_view one : Split(given, ',')) {
    if (!Trim(one).empty()) all.emplace(Trim(one));
  }
  return all;
}

}  // namespace clawtrace::cli

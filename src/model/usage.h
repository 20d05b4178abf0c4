#pragma once
// Tokens of one LLM call in disjoint buckets, whatever the client's own convention was (input including or
// excluding cached tokens is settled by the importer). reasoning is a part of output, never beside it.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "model/usd.h"

namespace clawtrace {

struct Usage {
  int64_t uncached_input = 0;
  int64_t cache_read = 0;
  int64_t cache_write_5m = 0;
  int64_t cache_write_1h = 0;
  int64_t cache_write_unknown = 0;  // the source does not say which time to live
  int64_t output = 0;               // everything billed as output, reasoning included
  int64_t reasoning = 0;  // the part of output that was reasoning; some endpoints report more than output

  int64_t cache_write() const { return cache_write_5m + cache_write_1h + cache_write_unknown; }
  int64_t prompt() const { return uncached_input + cache_read + cache_write(); }
  int64_t total() const { return prompt() + output; }
  Usage& operator+=(const Usage& other);
  bool operator==(const Usage&) const = default;
};

// No client has ever reported more for one call; larger or negative counts are refused as unusable input.
inline constexpr int64_t kMaxTokensPerBucket = 1'000'000'000'000;
bool IsPlausible(const Usage& usage);

template <class A>
void Describe(A& a, Usage& u) {
  a.Field("uncached_input", u.uncached_input);
  a.Field("cache_read", u.cache_read);
  a.Field("cache_write_5m", u.cache_write_5m);
  a.Field("cache_write_1h", u.cache_write_1h);
  a.Field("cache_write_unknown", u.cache_write_unknown);
  a.Field("output", u.output);
  a.Field("reasoning", u.reasoning);
}
constexpr bool IsRow(const Usage&) { return true; }

// How a cost is known (DESIGN 2). unpriced is never shown as 0.
enum class CostStatus { kPriced, kReported, kUnpriced, kIncluded };
constexpr auto EnumNames(CostStatus) {
  return std::array{std::pair{CostStatus::kPriced, std::string_view("priced")},
                    std::pair{CostStatus::kReported, std::string_view("reported")},
                    std::pair{CostStatus::kUnpriced, std::string_view("unpriced")},
                    std::pair{CostStatus::kIncluded, std::string_view("included")}};
}

}  // namespace clawtrace

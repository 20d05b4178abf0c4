#pragma once
// What a few trials say about a share: Wilson's score interval at 95 %, and Newcombe's of the difference of
// two shares. In integers: the same on every machine. Millionths, rounded to the nearest.
#include <cstdint>

namespace clawtrace {

struct ShareInterval {
  int64_t ppm = 0, low_ppm = 0, high_ppm = 0;
  bool operator==(const ShareInterval&) const = default;
};

inline constexpr int64_t kMostTrials = 1000;

// 0 <= hits <= trials, 1 <= trials <= kMostTrials.
ShareInterval WilsonInterval(int64_t hits, int64_t trials);

// a - b, each from -1'000'000 to 1'000'000. The shares are of independent trials.
ShareInterval DifferenceInterval(const ShareInterval& a, const ShareInterval& b);

}  // namespace clawtrace

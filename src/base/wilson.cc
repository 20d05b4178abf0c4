#include "base/wilson.h"

#include <algorithm>
#include <cmath>

#include "base/result.h"

namespace clawtrace {
namespace {

constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kSquare = 3'841'458'820'694;    // z * z in units of 1e-12, z = 1.959964
constexpr int64_t kFourth = 3'689'201'467'772;    // z^4 / 4 in units of 1e-12
constexpr int64_t kSquareMillionths = 3'841'459;  // z * z in millionths
constexpr int64_t kHalfSquareMillionths = 1'920'729;

// The integer next below the square root.
int64_t RootOf(int64_t value) {
  auto root = static_cast<int64_t>(std::sqrt(static_cast<double>(value)));
  while (root * root > value) --root;
  while ((root + 1) * (root + 1) <= value) ++root;
  return root;
}

int64_t Rounded(int64_t dividend, int64_t divisor) { return (dividend + divisor / 2) / divisor; }

int64_t SquareOf(int64_t value) { return value * value; }

}  // namespace

// (x + z^2/2 -+ sqrt(z^2 x (n - x) / n + z^4/4)) / (n + z^2), numerator and denominator in millionths.
ShareInterval WilsonInterval(int64_t hits, int64_t trials) {
  CT_CHECK(trials >= 1 && trials <= kMostTrials && hits >= 0 && hits <= trials);
  int64_t root = RootOf(kSquare * (hits * (trials - hits)) / trials + kFourth);
  int64_t center = hits * kMillion + kHalfSquareMillionths, divisor = trials * kMillion + kSquareMillionths;
  ShareInterval share;
  share.ppm = Rounded(hits * kMillion, trials);
  share.low_ppm = hits == 0 ? 0 : Rounded(std::max<int64_t>(center - root, 0) * kMillion, divisor);
  share.high_ppm =
      hits == trials ? kMillion : std::min(Rounded((center + root) * kMillion, divisor), kMillion);
  return share;
}

ShareInterval DifferenceInterval(const ShareInterval& a, const ShareInterval& b) {
  ShareInterval difference;
  difference.ppm = a.ppm - b.ppm;
  int64_t down = RootOf(SquareOf(a.ppm - a.low_ppm) + SquareOf(b.high_ppm - b.ppm));
  int64_t up = RootOf(SquareOf(a.high_ppm - a.ppm) + SquareOf(b.ppm - b.low_ppm));
  difference.low_ppm = std::max(difference.ppm - down, -kMillion);
  difference.high_ppm = std::min(difference.ppm + up, kMillion);
  return difference;
}

}  // namespace clawtrace

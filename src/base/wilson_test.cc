#include "base/wilson.h"

#include <gtest/gtest.h>

namespace clawtrace {
namespace {

// Against R: prop.test(x, n, correct = FALSE), six places.
TEST(Wilson, KnownIntervals) {
  EXPECT_EQ(WilsonInterval(0, 10), (ShareInterval{0, 0, 277'533}));
  EXPECT_EQ(WilsonInterval(10, 10), (ShareInterval{1'000'000, 722'467, 1'000'000}));
  EXPECT_EQ(WilsonInterval(5, 10), (ShareInterval{500'000, 236'593, 763'407}));
  EXPECT_EQ(WilsonInterval(1, 1), (ShareInterval{1'000'000, 206'549, 1'000'000}));
  EXPECT_EQ(WilsonInterval(81, 263), (ShareInterval{307'985, 255'289, 366'210}));
}

TEST(Wilson, HoldsTheShareAndMirrors) {
  for (int64_t n : {1, 2, 7, 100, 1000}) {
    for (int64_t x = 0; x <= n; ++x) {
      ShareInterval share = WilsonInterval(x, n), mirror = WilsonInterval(n - x, n);
      EXPECT_LE(0, share.low_ppm);
      EXPECT_LE(share.low_ppm, share.ppm);
      EXPECT_LE(share.ppm, share.high_ppm);
      EXPECT_LE(share.high_ppm, 1'000'000);
      EXPECT_NEAR(static_cast<double>(share.low_ppm), static_cast<double>(1'000'000 - mirror.high_ppm), 1);
    }
  }
}

// Newcombe 1998, method 10, cases (a) and (c) of table II.
TEST(Wilson, KnownDifferences) {
  ShareInterval a = DifferenceInterval(WilsonInterval(56, 70), WilsonInterval(48, 80));
  EXPECT_EQ(a.ppm, 200'000);
  EXPECT_NEAR(static_cast<double>(a.low_ppm), 52'400, 50);
  EXPECT_NEAR(static_cast<double>(a.high_ppm), 333'900, 50);
  ShareInterval c = DifferenceInterval(WilsonInterval(6, 7), WilsonInterval(2, 7));
  EXPECT_NEAR(static_cast<double>(c.low_ppm), 58'200, 50);
  EXPECT_NEAR(static_cast<double>(c.high_ppm), 806'200, 50);
  ShareInterval widest = DifferenceInterval(WilsonInterval(0, 1), WilsonInterval(1, 1));
  EXPECT_EQ(widest.ppm, -1'000'000);
  EXPECT_EQ(widest.low_ppm, -1'000'000);
}

}  // namespace
}  // namespace clawtrace

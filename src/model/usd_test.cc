#include "model/usd.h"

#include <gtest/gtest.h>

namespace clawtrace {
namespace {

TEST(UsdTest, ParsesDecimals) {
  auto pico = [](std::string_view text) { return Usd::Parse(text).value_or(Usd::Pico(-1)).pico(); };
  EXPECT_EQ(pico("0"), 0);
  EXPECT_EQ(pico("1"), 1'000'000'000'000);
  EXPECT_EQ(pico("0.000155"), 155'000'000);
  EXPECT_EQ(pico("2.5e-05"), 25'000'000);
  EXPECT_EQ(pico("1E3"), 1'000'000'000'000'000);
  EXPECT_EQ(pico("0.0000000000005"), 1) << "13th place rounds half up";
  EXPECT_EQ(pico("0.0000000000004"), 0);
  EXPECT_EQ(Usd::Parse("-1.5")->pico(), -1'500'000'000'000);
  EXPECT_EQ(pico("0.30000000000000004"), 300'000'000'000) << "binary noise beyond 12 places vanishes";
  for (std::string_view bad : {"", ".", "-", "1.2.3", "1e", "abc", "1e9999", "99999999999999", "0x1"})
    EXPECT_FALSE(Usd::Parse(bad)) << bad;
}

TEST(UsdTest, SpellsDecimals) {
  EXPECT_EQ(Usd().ToDecimal(), "0.0");
  EXPECT_EQ(Usd::Pico(1).ToDecimal(), "0.000000000001");
  EXPECT_EQ(Usd::Pico(-1'500'000'000'000).ToDecimal(), "-1.5");
  EXPECT_EQ(Usd::Pico(1'999'999'500'000).ToDecimal(6), "2.000000");
  EXPECT_EQ(Usd::Pico(-400'000).ToDecimal(6), "0.000000") << "no minus zero";
  for (int64_t p : {int64_t{0}, int64_t{7}, int64_t{123'456'789'012'345}, INT64_MAX, -INT64_MAX}) {
    EXPECT_EQ(Usd::Parse(Usd::Pico(p).ToDecimal())->pico(), p);
  }
}

TEST(UsdTest, SaturatesInsteadOfOverflowing) {
  EXPECT_TRUE((Usd::Pico(INT64_MAX) + Usd::Pico(1)).is_saturated());
  EXPECT_TRUE(Usd::Pico(1'000'000'000).Times(INT64_MAX).is_saturated());
  EXPECT_EQ(Usd::Pico(50'000'000).Times(1'000'000).pico(), 50'000'000'000'000);
  EXPECT_EQ(Usd::FromDouble(0.1 + 0.2)->pico(), 300'000'000'000);
  EXPECT_FALSE(Usd::FromDouble(1e30));
}

}  // namespace
}  // namespace clawtrace

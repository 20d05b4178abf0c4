#include "base/base64.h"

#include <gtest/gtest.h>

namespace clawtrace {
namespace {

TEST(Base64, VectorsOfTheStandard) {
  for (auto [plain, coded] : {std::pair<std::string_view, std::string_view>{"", ""},
                              {"f", "Zg=="},
                              {"fo", "Zm8="},
                              {"foo", "Zm9v"},
                              {"foob", "Zm9vYg=="},
                              {"fooba", "Zm9vYmE="},
                              {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(Base64(plain), coded);
    EXPECT_EQ(FromBase64(coded), plain);
    std::string unpadded = Base64Unpadded(plain);
    EXPECT_EQ(unpadded, coded.substr(0, coded.find('=')));
    EXPECT_EQ(FromBase64(unpadded), plain);
  }
  EXPECT_EQ(Base64("\xff\xfe\xfd"), "//79");
  EXPECT_EQ(FromBase64("__79"), "\xff\xfe\xfd");
}

TEST(Base64, WhatIsNone) {
  for (const char* bad : {"A", "Zm9vY", "Zg=", "Zg===", "Z g=", "=", "Zm9v=", "Zg==Zg=="})
    EXPECT_EQ(FromBase64(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace clawtrace

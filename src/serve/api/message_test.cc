#include "serve/api/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawtrace::serve::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(PercentTest, GivesBackWhatWasEncoded) {
  std::string all;
  for (int c = 1; c < 256; ++c) all.push_back(static_cast<char>(c));
  EXPECT_EQ(DecodePercent(EncodePercent(all)), all);
  EXPECT_EQ(EncodePercent("a/../b c"), "a%2F..%2Fb%20c");
  EXPECT_EQ(DecodePercent("a+b%2f"), "a+b/");
  for (std::string_view broken : {"%", "%4", "%zz", "a%2", "%00"})
    EXPECT_FALSE(DecodePercent(broken)) << broken;
}

TEST(QueryTest, PairsInOrder) {
  EXPECT_THAT(*ParseQuery("a=1&b=%20+x&a=2&flag&=v&&"),
              ElementsAre(Pair("a", "1"), Pair("b", "  x"), Pair("a", "2"), Pair("flag", ""), Pair("", "v")));
  EXPECT_THAT(*ParseQuery(""), IsEmpty());
  EXPECT_THAT(*ParseQuery("a=b=c"), ElementsAre(Pair("a", "b=c")));
  EXPECT_FALSE(ParseQuery("a=%"));
  EXPECT_FALSE(ParseQuery("a%00=1"));
}

TEST(RoleTest, ReadersDoNotWriteNorWritersRead) {
  EXPECT_TRUE(Allows(Role::kNone, Role::kNone));
  EXPECT_FALSE(Allows(Role::kNone, Role::kRead));
  EXPECT_TRUE(Allows(Role::kRead, Role::kRead));
  EXPECT_FALSE(Allows(Role::kRead, Role::kIngest));
  EXPECT_FALSE(Allows(Role::kIngest, Role::kRead));
  EXPECT_FALSE(Allows(Role::kRead, Role::kAdmin));
  EXPECT_TRUE(Allows(Role::kAdmin, Role::kIngest));
  EXPECT_TRUE(Allows(Role::kAdmin, Role::kRead));
}

}  // namespace
}  // namespace clawtrace::serve::api

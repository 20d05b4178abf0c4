#include "capture/importers/claude_fields.h"

#include <gtest/gtest.h>

namespace clawtrace::capture {
namespace {

TEST(RoleOfTest, IsTheMessagesOwnHoweverItIsSpelled) {
  EXPECT_EQ(RoleOf(R"({"uuid":"1","message":{"role":"user","content":"x"}})"), "user");
  EXPECT_EQ(RoleOf(R"({"uuid":"1","message":{"id":"m","type":"message","role":"assistant"}})"), "assistant");
  EXPECT_EQ(RoleOf(R"({ "message" : { "role" : "user" } })"), "user");
  EXPECT_EQ(RoleOf(R"({"a":{"b":[1]},"message":{"usage":{"n":1},"role":"assistant"}})"), "assistant");
}

TEST(RoleOfTest, IsNothingElses) {
  EXPECT_EQ(RoleOf(R"({"a":{"message":{"role":"user"}},"b":1})"), "");
  EXPECT_EQ(RoleOf(R"({"message":{"content":{"role":"user"}}})"), "");
  EXPECT_EQ(RoleOf(R"({"text":"\"message\":{\"role\":\"user\"","message":{"role":"assistant"}})"),
            "assistant");
  EXPECT_EQ(RoleOf(R"({"role":"user","message":"role"})"), "");
  EXPECT_EQ(RoleOf(R"({"message":{"id":"m"},"x":{"role":"user"}})"), "");
  EXPECT_EQ(RoleOf(R"({"message":{"role":"us)"), "");
  EXPECT_EQ(RoleOf(""), "");
}

}  // namespace
}  // namespace clawtrace::capture

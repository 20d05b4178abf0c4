#include "distill/model/cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/temp_folder_test_util.h"

namespace clawtrace::distill {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class CasesTest : public testing::Test {
 protected:
  CasesTest() { std::filesystem::create_directories(folder_ / "ws"); }
  Result<std::vector<Case>> Read(const std::string& text) const {
    folder_.Write("cases.jsonl", text);
    return ReadCases(folder_ / "cases.jsonl");
  }

  test::TempFolder folder_;
};

TEST_F(CasesTest, AreReadRelativeToTheirFile) {
  auto cases = Read(R"({"session":"abc","workspace":"ws","oracle":"make test","at":"/app"})"
                    "\n\n"
                    R"({"session":"def","workspace":"ws@HEAD","gold":"/abs/gold.csv"})"
                    "\n");
  ASSERT_TRUE(cases.has_value()) << cases.error().message;
  ASSERT_THAT(*cases, SizeIs(2));
  EXPECT_EQ((*cases)[0].workspace, (folder_ / "ws").string());
  EXPECT_EQ((*cases)[0].oracle, "make test");
  EXPECT_EQ((*cases)[1].workspace, (folder_ / "ws@HEAD").string());
  EXPECT_EQ((*cases)[1].gold, "/abs/gold.csv");
  EXPECT_EQ(FindCase(*cases, "def", ""), &(*cases)[1]);
  EXPECT_EQ(FindCase(*cases, "ghi", "/x"), nullptr);
}

TEST_F(CasesTest, SayWhatIsWrong) {
  const std::pair<std::string, std::string_view> samples[] = {
      {"{", ":1 is no JSON"},
      {"[]", "is no JSON object"},
      {R"({"workspace":"ws"})", "names no session"},
      {R"({"session":"a","orcale":"x"})", "\"orcale\" is no member"},
      {R"({"session":"a","gold":1})", "\"gold\""},
      {"{\"session\":\"a\"}\n{\"session\":\"a\"}", ":2: session a comes twice"}};
  for (const auto& [text, message] : samples) {
    auto cases = Read(text);
    ASSERT_FALSE(cases.has_value()) << text;
    EXPECT_THAT(cases.error().message, HasSubstr(message));
  }
  EXPECT_FALSE(ReadCases(folder_ / "none").has_value());
}

}  // namespace
}  // namespace clawtrace::distill

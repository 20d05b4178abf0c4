#include "distill/model/look_ups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/temp_folder_test_util.h"
#include "distill/model/fleet.h"
#include "distill/model/gold.h"
#include "distill/model/model_test_util.h"
#include "replay/plain_workplace.h"
#include "replay/workplace_test_util.h"

namespace clawtrace::distill {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Gold, FindsLinesValuesAndCells) {
  EXPECT_EQ(NumberedLines("a\nb\nc", 2, 1), "2: b\n[3 lines in all]");
  EXPECT_EQ(AtPointer(R"({"a~/b":[{"x":1}]})", "/a~0~1b/0/x"), "1");
  EXPECT_FALSE(AtPointer(R"({"a":[1]})", "/a/1").has_value());
  EXPECT_FALSE(AtPointer(R"({"a":1})", "a").has_value());
  EXPECT_FALSE(AtPointer("{", "/a").has_value());
  constexpr std::string_view kTable = "name,total\r\n\"Doe, J\",\"4\"\"2\"\r\nlast,1";
  EXPECT_EQ(CsvCell(kTable, 2, "name"), "Doe, J");
  EXPECT_EQ(CsvCell(kTable, 2, "2"), "4\"2");
  EXPECT_EQ(CsvCell(kTable, 3, ""), "last | 1");
  EXPECT_FALSE(CsvCell(kTable, 4, "name").has_value());
  EXPECT_FALSE(CsvCell(kTable, 2, "nobody").has_value());
  EXPECT_FALSE(CsvCell("", 1, "").has_value());
}

class LookUpsTest : public testing::Test {
 protected:
  LookUpsTest() {
    folder_.Write("start/a.txt", "one\n");
    folder_.Write("end/a.txt", "two\n");
    folder_.Write("end/sub/b.txt", "b\n");
    folder_.Write("gold.csv", "x,y\n1,2\n");
    folder_.Write("secret.txt", "not yours\n");
    std::filesystem::create_directory(folder_ / "scratch");
    std::filesystem::create_symlink(folder_ / "secret.txt", folder_ / "end/link");
    case_.session = "s1", case_.workspace = folder_ / "start", case_.end = folder_ / "end";
    case_.gold = folder_ / "gold.csv", case_.gold_for = "a.txt";
    case_.oracle = "grep -q three a.txt && echo well";
    site_.scratch = folder_ / "scratch", site_.walls = false;
    site_.open = [this](const replay::WorkplaceOptions& options) {
      replay::SandboxHost host = replay::TestHost();
      host.scratch = folder_ / "scratch";
      return replay::OpenPlainWorkplace(options, host);
    };
  }
  Found Call(std::string_view name, std::string_view args) { return look_ups_.Call(name, args); }

  test::TempFolder folder_;
  EvidenceSession session_ = SomeSession("s1", Verdict::kFailure);
  Case case_;
  LookUpSite site_;
  LookUps look_ups_{session_, &case_, site_};
};

TEST_F(LookUpsTest, ReadWhatIsThere) {
  EXPECT_EQ(look_ups_.Declarations().size(), 6U);
  EXPECT_THAT(Call("gold", R"({"row":2,"column":"y"})").text, HasSubstr("2"));
  EXPECT_EQ(Call("gold", R"({"line":1})").text, "1: x,y\n[2 lines in all]");
  EXPECT_THAT(Call("workspace_file", R"({"path":"a.txt"})").text, HasSubstr("1: two"));
  EXPECT_THAT(Call("workspace_file", R"({"path":"a.txt","side":"start"})").text, HasSubstr("1: one"));
  EXPECT_THAT(Call("workspace_file", R"({"path":""})").text, HasSubstr("sub/b.txt"));
  EXPECT_THAT(Call("diff", R"({"against":"start","path":"a.txt"})").text, HasSubstr("-one\n+two"));
  EXPECT_THAT(Call("diff", R"({"against":"gold"})").text, HasSubstr("+1,2"));
  EXPECT_THAT(Call("step", R"({"id":4})").text, HasSubstr("x;y"));
}

TEST_F(LookUpsTest, NeverLeaveTheCase) {
  for (std::string_view path : {"../secret.txt", "/etc/passwd", "link", "sub/../../secret.txt", "nothing"}) {
    Found found = Call("workspace_file", fmt::format(R"({{"path":"{}"}})", path));
    EXPECT_TRUE(found.failed) << path;
    EXPECT_THAT(found.text, Not(HasSubstr("not yours"))) << path;
  }
  EXPECT_TRUE(Call("try_fix", R"({"files":{"../x":"y"}})").failed);
  EXPECT_TRUE(Call("try_fix", R"({"files":{}})").failed);
  EXPECT_TRUE(Call("format_disk", "{}").failed);
  EXPECT_TRUE(Call("gold", "[]").failed);
  LookUps none(session_, nullptr, site_);
  EXPECT_EQ(none.Declarations().size(), 1U);
  EXPECT_TRUE(none.Call("gold", R"({"line":1})").failed);
}

// Only a fix that turns the verdict shows anything, and the workspace stays as the session left it.
TEST_F(LookUpsTest, TryAFixForReal) {
  EXPECT_THAT(Call("oracle_checks", "{}").text, HasSubstr("verdict: fail"));
  Found wrong = Call("try_fix", R"({"files":{"a.txt":"four"}})");
  EXPECT_FALSE(wrong.failed) << wrong.text;
  EXPECT_EQ(wrong.fix, "");
  Found right = Call("try_fix", R"({"files":{"new/c.txt":"x"},"commands":["echo three > a.txt"]})");
  EXPECT_THAT(right.text, HasSubstr("verdict: pass"));
  EXPECT_EQ(right.fix, "new/c.txt\nx\necho three > a.txt\n");
  EXPECT_EQ(folder_.Read("end/a.txt"), "two\n");
  // What passes untouched is no failure to mend.
  folder_.Write("end/a.txt", "three\n");
  LookUps again(session_, &case_, site_);
  Found needless = again.Call("try_fix", R"({"files":{"d.txt":"x"}})");
  EXPECT_THAT(needless.text, HasSubstr("verdict: pass"));
  EXPECT_EQ(needless.fix, "");
}

TEST(Fleet, RunsEachOnceWithinTheBound) {
  constexpr size_t kJobs = 200, kWorkers = 7;
  std::vector<std::atomic<int>> begun(kJobs), working(kWorkers);
  size_t count = RunFleet(kJobs, kWorkers, [&](size_t index, size_t worker) {
    ++begun[index];
    EXPECT_EQ(++working[worker], 1);
    --working[worker];
    return true;
  });
  EXPECT_EQ(count, kJobs);
  for (auto& times : begun) EXPECT_EQ(times, 1);
  EXPECT_EQ(RunFleet(5, 1, [](size_t index, size_t) { return index < 2; }), 3U);
  EXPECT_EQ(RunFleet(0, 4, [](size_t, size_t) { return true; }), 0U);
}

}  // namespace
}  // namespace clawtrace::distill

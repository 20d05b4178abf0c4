#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/failures.h"
#include "compile/scene_test_util.h"

namespace clawtrace::compile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ExactRepeatTest, SameReadSameResult) {
  EXPECT_THAT(Flags(Make({{"read", R"({"path":"a"})", "x"},
                          {"read", R"({"path":"b"})", "x"},
                          {"read", R"({"path":"a"})", "x"}})),
              ElementsAre("exact_repeat:3"));
}
TEST(ExactRepeatTest, KeyOrderAndSpacingOfArgumentsDoNotMatter) {
  EXPECT_THAT(
      Flags(Make({{"read", R"({"path":"a","limit":5})", "x"}, {"read", R"({ "limit":5, "path":"a"})", "x"}})),
      ElementsAre("exact_repeat:2"));
}
TEST(ExactRepeatTest, ChangedResultIsNoRepeat) {
  EXPECT_THAT(Flags(Make({{"read", R"({"path":"a"})", "x"},
                          {"read", R"({"path":"a"})", "y"},
                          {"read", R"({"path":"a"})", "y"}})),
              ElementsAre("exact_repeat:3"));
}
TEST(ExactRepeatTest, WriteToTheFileInBetween) {
  EXPECT_THAT(Flags(Make({{"read", R"({"path":"a"})", "x"},
                          {"write", R"({"path":"/w/a","content":"x"})", "ok"},
                          {"read", R"({"path":"a"})", "x"}})),
              IsEmpty());
  EXPECT_THAT(Flags(Make({{"read", R"({"path":"a"})", "x"},
                          {"bash", R"({"command":"sed -i s/1/2/ ./a"})", ""},
                          {"read", R"({"path":"a"})", "x"}})),
              IsEmpty());
  EXPECT_THAT(Flags(Make({{"read", R"({"path":"a"})", "x"},
                          {"write", R"({"path":"b","content":"x"})", "ok"},
                          {"read", R"({"path":"a"})", "x"}})),
              ElementsAre("exact_repeat:3"));
}
TEST(ExactRepeatTest, AFailedEditMayAskForTheFileToBeReadAgain) {
  Line look{"read", R"({"path":"a"})", "x"};
  Line edit{"edit", R"({"path":"a","oldText":"q"})", "File has been modified since read", ToolStatus::kError};
  EXPECT_THAT(Flags(Make({look, edit, look})), IsEmpty());
}
TEST(ExactRepeatTest, AgentsOwnMark) {
  EXPECT_THAT(Flags(Make({{"Read", R"({"file_path":"/w/a"})", "x"},
                          {"Read", R"({"file_path":"/w/a"})", "unchanged", ToolStatus::kOk, 0, true}})),
              ElementsAre("exact_repeat:2"));
}
TEST(ExactRepeatTest, LookingAgainAfterAWaitOrBesideARunningProgramIsNone) {
  Line look{"bash", R"({"command":"tail build.log"})", "x"};
  EXPECT_THAT(Flags(Make({look, look})), ElementsAre("exact_repeat:2"));
  EXPECT_THAT(Flags(Make({look, {"bash", R"({"command":"sleep 30"})", ""}, look})), IsEmpty());
  EXPECT_THAT(Flags(Make({{"bash", R"({"command":"make > build.log 2>&1 &"})", ""}, look, look})), IsEmpty());
  EXPECT_THAT(Flags(Make({{"Bash", R"({"command":"make","run_in_background":true})", ""}, look, look})),
              IsEmpty());
  Line live{"bash", R"({"command":"cat /proc/loadavg"})", "x"};
  EXPECT_THAT(Flags(Make({live, live})), IsEmpty());
}
TEST(RetryUnchangedTest, ARateLimitAsksForIt) {
  Line refused{"bash", R"({"command":"python3 fetch.py"})", "Error: 429 Too Many Requests",
               ToolStatus::kError};
  EXPECT_THAT(Flags(Make({refused, refused})), IsEmpty());
}
TEST(ExactRepeatTest, ClockNetworkAndNamedWritesNever) {
  EXPECT_THAT(Flags(Make({{"bash", R"({"command":"date"})", "x"},
                          {"bash", R"({"command":"date"})", "x"},
                          {"bash", R"({"command":"echo x >> log"})", "ok"},
                          {"bash", R"({"command":"echo x >> log"})", "ok"}})),
              IsEmpty());
}
TEST(ExactRepeatTest, ToolsWhoseNamesSayThatTheyLook) {
  Line look{"get_order_details", R"({"id":"W1"})", "{\"status\":\"open\"}"};
  EXPECT_THAT(Flags(Make({look, {"mcp__shop__list_orders", "{}", "x"}, look})),
              ElementsAre("exact_repeat:3"));
  EXPECT_THAT(Flags(Make({look, {"cancel_order", R"({"id":"W2"})", "ok"}, look})), IsEmpty());
  Line both{"get_or_create_order", R"({"id":"W1"})", "x"};
  EXPECT_THAT(Flags(Make({both, both})), IsEmpty());
}
TEST(ExactRepeatTest, CheckAgainWithAndWithoutAnEditBetween) {
  EXPECT_THAT(
      Flags(Make({{"bash", R"({"command":"pytest"})", "ok"}, {"bash", R"({"command":"pytest"})", "ok"}})),
      ElementsAre("exact_repeat:2"));
  EXPECT_THAT(Flags(Make({{"bash", R"({"command":"pytest"})", "ok"},
                          {"write", R"({"path":"x.py","content":""})", "ok"},
                          {"bash", R"({"command":"pytest"})", "ok"}})),
              IsEmpty());
  EXPECT_THAT(Flags(Make({{"bash", R"({"command":"pytest"})", "ok"},
                          {"bash", R"({"command":"python3 gen.py"})", "."},
                          {"bash", R"({"command":"pytest"})", "ok"}})),
              IsEmpty());
}

TEST(ExactRepeatTest, UnknownArgumentsAndUnknownResultsAreNoRepeat) {
  Session session = Make({{"read", R"({"path":"a"})", "x"}, {"read", R"({"path":"a"})", "x"}});
  Session no_args = session, no_results = session;
  for (Step& step : no_args.steps) step.tool.args.clear(), step.tool.args_bytes = 0, step.tool.args_hash = 0;
  for (Step& step : no_results.steps) step.result.output_hash = 0, step.result.output_bytes = 0;
  EXPECT_THAT(Flags(session), ElementsAre("exact_repeat:2"));
  EXPECT_THAT(Flags(no_args), IsEmpty());
  EXPECT_THAT(Flags(no_results), IsEmpty());
}

TEST(RetryTest, FailedAgainUnchanged) {
  Line fail{"bash", R"({"command":"python3 a.py"})", "boom", ToolStatus::kError, 1};
  Line ok = fail;
  ok.status = ToolStatus::kOk, ok.exit_code = 0;
  EXPECT_THAT(Flags(Make({fail, fail, fail})), ElementsAre("retry_unchanged:2", "retry_unchanged:3"));
  EXPECT_THAT(Flags(Make({fail, {"write", R"({"path":"a.py","content":""})", "ok"}, fail})), IsEmpty());
  EXPECT_THAT(Flags(Make({fail, ok})), IsEmpty());
}

TEST(RetryTest, EditsWithoutRecordedTextAreNotTheSame) {
  Line edit{"edit", "{}", "1 SEARCH/REPLACE block failed to match!", ToolStatus::kError};
  Session session = Make({edit, edit, edit});
  EXPECT_THAT(Flags(session), IsEmpty());
  auto meanings = MeaningsOf(session);
  EXPECT_EQ(FindFailures({session, meanings}).size(), 3u);
}

std::vector<Failure> Failures(const Session& session) {
  auto meanings = MeaningsOf(session);
  return FindFailures({session, meanings});
}

TEST(FailuresTest, MissingCommandIsRepairedByItsVariant) {
  auto f = Failures(Make({{"bash", R"({"command":"python -V"})",
                           "/bin/bash: line 1: python: command not found", ToolStatus::kError, 127},
                          {"bash", R"({"command":"ls"})", "x"},
                          {"bash", R"({"command":"python3 x.py"})", "1"}}));
  ASSERT_EQ(f.size(), 1u);
  EXPECT_EQ(f[0].error_class, "missing_command:python");
  EXPECT_EQ(f[0].repair, 5u);
}
TEST(FailuresTest, MissingDirectoryIsRepairedBySameCallAfterMkdir) {
  auto f = Failures(Make({{"bash", R"({"command":"echo 1 > out/a"})",
                           "bash: out/a: No such file or directory", ToolStatus::kError, 1},
                          {"bash", R"({"command":"mkdir -p out"})", ""},
                          {"bash", R"({"command":"echo 1 > out/a"})", ""}}));
  ASSERT_EQ(f.size(), 1u);
  EXPECT_EQ(f[0].error_class, "missing_directory");
  EXPECT_EQ(f[0].repair, 5u);
  EXPECT_THAT(f[0].helpers, ElementsAre(3u));
}
TEST(FailuresTest, AnotherToolThatWritesTheSameFileRepairs) {
  auto f = Failures(Make({{"bash", R"({"command":"echo 1 > out/a"})",
                           "bash: out/a: No such file or directory", ToolStatus::kError, 1},
                          {"write", R"({"path":"out/a","content":"1"})", "ok"}}));
  EXPECT_EQ(f[0].repair, 3u);
}
TEST(FailuresTest, EditOnTheSameFileRepairsAndRetriesAreFolded) {
  Line bad{"edit", R"({"path":"a","oldText":"q"})", "Could not find the exact text", ToolStatus::kError};
  auto f = Failures(Make({bad, bad, {"edit", R"({"path":"./a","oldText":"r"})", "ok"}}));
  ASSERT_EQ(f.size(), 1u);
  EXPECT_EQ(f[0].error_class, "edit_no_match");
  EXPECT_THAT(f[0].retries, ElementsAre(3u));
  EXPECT_EQ(f[0].repair, 5u);
}
TEST(FailuresTest, UnrelatedSuccessDoesNotRepair) {
  auto f = Failures(Make({{"bash", R"({"command":"make all"})", "error 2", ToolStatus::kError, 2},
                          {"bash", R"({"command":"ls"})", "x"},
                          {"read", R"({"path":"a"})", "x"}}));
  EXPECT_EQ(f[0].repair, std::nullopt);
}

TEST(PathTest, Normalise) {
  EXPECT_EQ(tools::NormalisePath("./a//b/../c", "/w"), "a/c");
  EXPECT_EQ(tools::NormalisePath("/w/a", "/w/"), "a");
  EXPECT_EQ(tools::NormalisePath("/w", "/w"), ".");
  EXPECT_EQ(tools::NormalisePath("../x", "/w"), "../x");
  EXPECT_EQ(tools::NormalisePath("/../x", "/w"), "/x");
  EXPECT_EQ(tools::NormalisePath("/wider/a", "/w"), "/wider/a");
}

}  // namespace
}  // namespace clawtrace::compile

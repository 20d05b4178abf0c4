// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importer.h"
#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kAider;

namespace {

namespace fs = std::filesystem;
using test::Collected;
using test::ReadLog;
using test::ReadText;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<const Step*> CallsOf(const Session& session) {
  std::vector<const Step*> calls;
  for (const Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) calls.push_back(&step);
  }
  return calls;
}

TEST(AiderTest, EveryChatIsASession) {
  Collected log;
  ReadLog(kAider, test::Golden("aider") / "main/.aider.chat.history.md", &log);
  EXPECT_THAT(log.skips, ElementsAre("before-first-chat"));
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 2u);
  const Session& first = sessions[0];
  EXPECT_TRUE(first.id.starts_with("aider-20260805193302-")) << first.id;
  EXPECT_EQ(first.prompt, "Fix the total in report.md\nand run the check.");
  EXPECT_EQ(first.info.agent_version, "0.86.1");
  EXPECT_THAT(first.notes, Contains("tokens_rounded"));
  EXPECT_THAT(first.notes, Contains("reported_cost_rounded"));
  auto calls = CallsOf(first);
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(*calls[0]->llm.usage, (Usage{.uncached_input = 2100, .output = 1300}));
  EXPECT_EQ(calls[0]->llm.reported_cost->ToDecimal(), "0.02");
  EXPECT_EQ(calls[0]->llm.model, "claude-sonnet-4-5-20250929");
  EXPECT_EQ(*calls[1]->llm.usage,
            (Usage{.uncached_input = 1344, .cache_read = 900, .cache_write_unknown = 1000, .output = 604}));
  EXPECT_EQ(calls[1]->llm.other_reading->uncached_input, 3244);
  // Stopped before its report: what it cost is not known.
  EXPECT_FALSE(calls[2]->llm.usage);
  std::vector<std::string> tools;
  for (const Step& step : first.steps) {
    if (step.kind == StepKind::kToolUse)
      tools.push_back(step.tool.name + (step.result.status == ToolStatus::kError ? " failed" : "") + " " +
                      step.tool.args + " " + step.result.output.substr(0, 6));
  }
  EXPECT_THAT(tools, ElementsAre("edit failed {} ", "edit {\"path\":\"report.md\"} ",
                                 "run {\"command\":\"sh check.sh\"} ok 548"));
  auto second = CallsOf(sessions[1]);
  ASSERT_EQ(second.size(), 2u);
  EXPECT_FALSE(second[0]->llm.billed);
  EXPECT_TRUE(second[0]->llm.error.starts_with("litellm.RateLimitError"));
  EXPECT_EQ(second[1]->llm.usage->uncached_input, 12000);
  EXPECT_FALSE(second[1]->llm.reported_cost);
}

TEST(AiderTest, BrokenReportsAreText) {
  Collected log;
  ReadText(
      kAider,
      "# aider chat started at 2026-08-05 20:39:59\n\n#### hi\n\nHello\n\n> Tokens: many sent, 5 received.\n"
      "> Tokens: -4 sent, 5 received.\n> Tokens: 99999999999999999999 sent, 5 received.\n",
      &log, "x.md");
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  ASSERT_EQ(CallsOf(sessions[0]).size(), 1u);
  EXPECT_FALSE(CallsOf(sessions[0])[0]->llm.usage);
}

TEST(AiderTest, ARealHistoryGivesItsReports) {
  fs::path path = test::SharedData() / "sessions/aider/chat-history-first40.md";
  if (!fs::exists(path)) GTEST_SKIP() << "no shared data at " << path;
  EXPECT_TRUE(test::Accepts(kAider, path));
  Collected log;
  ReadLog(kAider, path, &log);
  auto sessions = AssembleSessions(log.facts);
  EXPECT_EQ(sessions.size(), 40u);
  size_t reported = 0;
  for (const Session& session : sessions) {
    for (const Step* call : CallsOf(session)) reported += call->llm.usage.has_value();
  }
  EXPECT_EQ(reported, 39u);  // MANIFEST.tsv: lines with tokens and cost
}

}  // namespace
}  // namespace clawtrace::capture

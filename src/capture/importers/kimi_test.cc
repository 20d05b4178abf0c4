// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importer.h"
#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kKimi;

namespace {

namespace fs = std::filesystem;
using test::Collected;
using test::ReadLog;
using test::ReadText;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kSession = "session_5e0c1f52-7a7e-4a3c-9d53-0c7a4f6a1b11";

Collected ReadFixture() {
  Collected log;
  for (const fs::path& path : test::FilesBelow(test::Golden("kimi"))) {
    if (path.extension() == ".jsonl") ReadLog(kKimi, path, &log);
  }
  return log;
}

TEST(KimiTest, StepsAreCallsAndUsageRecordsRepeatThem) {
  Collected log = ReadFixture();
  EXPECT_THAT(log.skips, IsEmpty());
  auto totals = test::TotalsOf(log);
  ASSERT_EQ(totals.size(), 2u);
  const test::AgentTotals& main = totals.at(std::string(kSession));
  // Seven steps and the compression, whose usage record stands alone.
  EXPECT_EQ(main.calls, 8);
  EXPECT_EQ(main.input, 9800 + 300 + 250 + 260 + 240 + 280 + 2100 + 12500);
  EXPECT_EQ(main.cache_read, 11000 + 11300 + 11550 + 11810 + 12050);
  EXPECT_EQ(main.cache_write, 1200);
  EXPECT_EQ(main.output, 90 + 80 + 70 + 60 + 65 + 120 + 50 + 400);
  const test::AgentTotals& child = totals.at(std::string(kSession) + ":agent-0");
  EXPECT_EQ(child.calls, 2);
  EXPECT_EQ(child.input, 4100);
  EXPECT_EQ(child.output, 80);
}

TEST(KimiTest, SessionsHangTogether) {
  Collected log = ReadFixture();
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  const Session& session = sessions[0];
  EXPECT_EQ(session.id, kSession);
  EXPECT_EQ(session.info.cwd, "/tmp/demo");
  EXPECT_EQ(session.compactions, 1);
  EXPECT_TRUE(session.prompt.starts_with("Follow NOTES.md"));
  // The prompt is one turn, though it enters the context as a message too.
  EXPECT_EQ(log.Count(FactKind::kUser), 3u);
  ASSERT_EQ(session.skills.size(), 1u);
  EXPECT_EQ(session.skills[0].name, "orders-summary");
  bool spawned = false;
  for (const Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) {
      EXPECT_EQ(step.llm.model, "kimi-k3");
      EXPECT_EQ(step.llm.provider, "kimi");
    }
    if (step.call_id == "tool_k3") {
      EXPECT_EQ(step.result.status, ToolStatus::kError);
      EXPECT_EQ(step.result.exit_code, 2);
      EXPECT_EQ(step.turn, 3);
    }
    if (step.children.empty()) continue;
    spawned = true;
    EXPECT_EQ(step.call_id, "tool_k6");
    EXPECT_EQ(step.children[0].id, std::string(kSession) + ":agent-0");
  }
  EXPECT_TRUE(spawned);
}

TEST(KimiTest, LogsWithUsageRecordsOnlyGiveCalls) {
  Collected log;
  ReadText(
      kKimi,
      R"({"type":"turn.prompt","input":[{"type":"text","text":"hello"}],"origin":{"kind":"user"},"time":1784196001000})"
      "\n"
      R"({"type":"llm.request","kind":"loop","provider":"kimi","model":"k3","time":1784196001100})"
      "\n"
      R"({"type":"usage.record","model":"kimi-code/k3","usage":{"inputOther":100,"inputCacheRead":200,"output":10},"time":1784196001200})"
      "\n"
      R"({"type":"usage.record","model":"kimi-code/k3","usage":{"inputOther":"100","output":10},"time":1784196001300})"
      "\n",
      &log);
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  ASSERT_EQ(sessions[0].steps.size(), 1u);
  EXPECT_EQ(*sessions[0].steps[0].llm.usage, (Usage{.uncached_input = 100, .cache_read = 200, .output = 10}));
  EXPECT_EQ(sessions[0].steps[0].llm.model, "k3");
  EXPECT_THAT(log.skips, ElementsAre("wrong-type:usage"));
}

TEST(KimiTest, AKilledStepIsACallOfUnknownUsage) {
  Collected log;
  ReadText(
      kKimi,
      R"({"type":"context.append_loop_event","event":{"type":"step.begin","uuid":"s1"},"time":1784196001000})"
      "\n"
      R"({"type":"context.append_loop_event","event":{"type":"tool.call","stepUuid":"s1","toolCallId":"t1","name":"Read","args":"{\"path\":\"a\"}"},"time":1784196001100})"
      "\n"
      R"({"type":"context.append_loop_event","event":{"type":"step.begin","uuid":"s2"},"time":1784196002000})"
      "\n",
      &log);
  ASSERT_EQ(log.Count(FactKind::kLlmCall), 1u);
  EXPECT_FALSE(log.Find(FactKind::kLlmCall, "s1")->llm->usage);
  EXPECT_EQ(log.Find(FactKind::kToolUse, "t1")->tool->args, "{\"path\":\"a\"}");
}

TEST(KimiTest, ARealLogWithoutACallSaysSo) {
  fs::path path = test::SharedData() / "sessions/kimi/wire-short.jsonl";
  if (!fs::exists(path)) GTEST_SKIP() << "no shared data at " << path;
  EXPECT_TRUE(test::Accepts(kKimi, path));
  Collected log;
  ReadLog(kKimi, path, &log);
  EXPECT_THAT(log.skips, IsEmpty());
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_TRUE(sessions[0].steps.empty());
}

}  // namespace
}  // namespace clawtrace::capture

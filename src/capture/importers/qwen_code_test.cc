// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importer.h"
#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kQwenCode;

namespace {

namespace fs = std::filesystem;
using test::Collected;
using test::Golden;
using test::ReadLog;
using test::ReadText;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<fs::path> Logs() {
  std::vector<fs::path> logs;
  for (const fs::path& path : test::FilesBelow(Golden("qwen-code"))) {
    if (path.extension() == ".jsonl") logs.push_back(path);
  }
  return logs;
}

Collected ReadAll(const std::vector<fs::path>& logs) {
  Collected log;
  for (const fs::path& path : logs) ReadLog(kQwenCode, path, &log);
  kQwenCode.resolve(&log.facts);
  return log;
}

Usage TotalOf(const Session& session, int64_t* calls) {
  Usage sum;
  for (const Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) sum += step.llm.usage.value_or(Usage{}), ++*calls;
  }
  return sum;
}

std::string Line(std::string_view uuid, std::string_view parent, std::string_view type,
                 std::string_view rest) {
  return R"({"uuid":")" + std::string(uuid) + R"(","parentUuid":")" + std::string(parent) +
         R"(","sessionId":"s1","timestamp":"2026-01-01T00:00:01.000Z","type":")" + std::string(type) + "\"," +
         std::string(rest) + "}\n";
}

TEST(QwenCodeTest, RecordingGivesItsTruth) {
  Collected log = ReadAll(Logs());
  EXPECT_THAT(log.skips, IsEmpty());
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].info.cwd, "/tmp/demo");
  EXPECT_EQ(sessions[0].info.agent_version, "0.24.4");
  EXPECT_TRUE(sessions[0].prompt.starts_with("[demo:main] Follow NOTES.md")) << sessions[0].prompt;
  int64_t calls = 0;
  EXPECT_EQ(TotalOf(sessions[0], &calls),
            (Usage{.uncached_input = 182 + 19078, .cache_read = 185880, .output = 1339}));
  EXPECT_EQ(calls, 13);
  const Session* child = nullptr;
  for (const Step& step : sessions[0].steps) {
    EXPECT_FALSE(step.abandoned) << step.call_id;
    if (step.children.empty()) continue;
    child = &step.children[0];
    EXPECT_EQ(step.call_id, "call_mock_main09a");
  }
  ASSERT_TRUE(child);
  EXPECT_EQ(child->info.agent_name, "general-purpose");
  calls = 0;
  EXPECT_EQ(TotalOf(*child, &calls),
            (Usage{.uncached_input = 42 + 5738, .cache_read = 10540, .output = 264}));
  EXPECT_EQ(calls, 3);
  for (const Step& step : child->steps) {
    EXPECT_GT(step.turn, 0) << step.call_id;
    EXPECT_EQ(step.llm.model, step.kind == StepKind::kLlmCall ? "qwen3-coder-plus" : "");
  }
  const Fact* repeat = log.Find(FactKind::kToolResult, "call_mock_main04a");
  ASSERT_TRUE(repeat);
  EXPECT_TRUE(repeat->result->unchanged);
  const Fact* failed = log.Find(FactKind::kToolResult, "call_mock_main03a");
  EXPECT_EQ(failed->result->exit_code, 2);
  EXPECT_EQ(failed->result->error,
            "tools/summary.sh: 3: cannot create out/summary.csv: Directory nonexistent");
  ASSERT_EQ(sessions[0].skills.size(), 1u);
  EXPECT_EQ(sessions[0].skills[0].name, "orders-summary");
  EXPECT_EQ(sessions[0].skills[0].path, "/tmp/demo/.agents/skills/orders-summary/SKILL.md");
}

TEST(QwenCodeTest, SubAgentsWithoutTheirLogAreReadFromTelemetry) {
  std::vector<fs::path> logs = Logs();
  std::erase_if(logs, [](const fs::path& path) { return path.stem().string().starts_with("agent-"); });
  auto whole = AssembleSessions(ReadAll(Logs()).facts), sessions = AssembleSessions(ReadAll(logs).facts);
  ASSERT_EQ(sessions.size(), 1u);
  std::vector<const Session*> children;
  for (const std::vector<Session>* list : {&whole, &sessions}) {
    for (const Step& step : (*list)[0].steps) {
      for (const Session& child : step.children) children.push_back(&child);
    }
  }
  ASSERT_EQ(children.size(), 2u);
  EXPECT_EQ(children[0]->id, children[1]->id);
  int64_t calls = 0, calls_of_telemetry = 0;
  EXPECT_EQ(TotalOf(*children[0], &calls), TotalOf(*children[1], &calls_of_telemetry));
  EXPECT_EQ(calls, calls_of_telemetry);
  EXPECT_EQ(children[0]->steps.size(), children[1]->steps.size());
}

TEST(QwenCodeTest, AnAnswerThatOnlyTelemetrySawIsACall) {
  std::string event =
      R"("subtype":"ui_telemetry","systemPayload":{"uiEvent":{"event.name":"qwen-code.api_response","response_id":"r",)"
      R"("model":"m","input_token_count":50,"output_token_count":4,"cached_content_token_count":10,)"
      R"("thoughts_token_count":3,"total_token_count":54,"prompt_id":"s1########0","auth_type":"qwen-oauth"}})";
  std::string answer =
      R"("model":"m","message":{"parts":[{"text":"x"}]},"usageMetadata":{"promptTokenCount":50,)"
      R"("candidatesTokenCount":4,"thoughtsTokenCount":3,"totalTokenCount":54,"cachedContentTokenCount":10})";
  Collected log;
  ReadText(kQwenCode,
           Line("e1", "", "system", event) + Line("a1", "e1", "assistant", answer) +
               Line("e2", "a1", "system", event),
           &log);
  kQwenCode.resolve(&log.facts);
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  ASSERT_EQ(sessions[0].steps.size(), 2u);
  for (const Step& step : sessions[0].steps) {
    // The thoughts are within the answer: total says so.
    EXPECT_EQ(*step.llm.usage, (Usage{.uncached_input = 40, .cache_read = 10, .output = 4, .reasoning = 3}));
    EXPECT_THAT(step.llm.aliases, ElementsAre("r"));
  }
  EXPECT_EQ(sessions[0].info.billing, "subscription");
}

TEST(QwenCodeTest, RefusedRequestsAndCompressionsAreSeen) {
  Collected log;
  ReadText(kQwenCode,
           Line("e1", "", "system",
                R"("subtype":"ui_telemetry","systemPayload":{"uiEvent":{"event.name":"qwen-code.api_error",)"
                R"("error":"429 too many","model":"m","status_code":429,"prompt_id":"s1########0"}})") +
               Line("c1", "e1", "system", R"("subtype":"chat_compression","systemPayload":{})") +
               Line("x1", "c1", "surprise", R"("a":1)"),
           &log);
  kQwenCode.resolve(&log.facts);
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].compactions, 1);
  ASSERT_EQ(sessions[0].steps.size(), 1u);
  EXPECT_EQ(sessions[0].steps[0].llm.error, "429 too many");
  EXPECT_FALSE(sessions[0].steps[0].llm.billed);
  EXPECT_THAT(log.skips, ElementsAre("unknown-type"));
}

TEST(QwenCodeTest, AnotherVersionsLogGivesItsTotals) {
  fs::path path = test::SharedData() / "sessions/other/splitrail/qwen_code.jsonl";
  if (!fs::exists(path)) GTEST_SKIP() << "no shared data at " << path;
  EXPECT_TRUE(test::Accepts(kQwenCode, path));
  Collected log = ReadAll({path});
  EXPECT_THAT(log.skips, IsEmpty());
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  int64_t calls = 0;
  EXPECT_EQ(TotalOf(sessions[0], &calls), (Usage{.uncached_input = 1050, .cache_read = 50, .output = 25}));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(log.Find(FactKind::kToolResult, "call_1")->result->status, ToolStatus::kError);
}

}  // namespace
}  // namespace clawtrace::capture

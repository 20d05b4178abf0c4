// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importer.h"
#include "capture/importers/gemini_fields.h"
#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kGeminiCli;

namespace {

namespace fs = std::filesystem;
using test::Collected;
using test::Golden;
using test::ReadLog;
using test::ReadText;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kHeader =
    R"({"sessionId":"s1","projectHash":"p","startTime":"2026-01-01T00:00:00.000Z","kind":"main"})"
    "\n";

std::string Answer(std::string_view id, std::string_view second, std::string_view rest = "") {
  return R"({"id":")" + std::string(id) + R"(","timestamp":"2026-01-01T00:00:)" + std::string(second) +
         R"(.000Z","type":"gemini","model":"gemini-2.5-pro","content":")" + std::string(id) +
         R"( text","tokens":{"input":100,"output":7,"cached":40,"thoughts":5,"tool":3,"total":115})" +
         std::string(rest) + "}\n";
}

Collected ReadLines(const std::string& lines) {
  Collected log;
  ReadText(kGeminiCli, std::string(kHeader) + lines, &log);
  return log;
}

// A log that was cut at its front, or put together anew.
TEST(GeminiCliTest, TheHeaderMayComeLaterOrNever) {
  std::string lines = Answer("m1", "01") + Answer("m2", "02");
  std::string user =
      R"({"id":"u1","timestamp":"2026-01-01T00:00:00.000Z","type":"user","content":[{"text":"hi"}]})"
      "\n";
  Collected first, later, never;
  ReadText(kGeminiCli, std::string(kHeader) + user + lines, &first);
  ReadText(kGeminiCli, user + lines + std::string(kHeader), &later);
  ReadText(kGeminiCli, user + lines, &never, "/x/chats/session-7.jsonl");
  EXPECT_TRUE(kGeminiCli.sniff(user + lines + std::string(kHeader)));
  EXPECT_TRUE(kGeminiCli.sniff(user + lines));
  EXPECT_FALSE(kGeminiCli.sniff(user)) << "a line of this shape is many clients'";
  EXPECT_EQ(test::EncodedOnce(first), test::EncodedOnce(later));
  EXPECT_THAT(later.skips, IsEmpty());
  EXPECT_EQ(kGeminiCli.unit_key("/x/a.jsonl", user + lines + std::string(kHeader)), "gemini-cli:s1");
  EXPECT_EQ(never.Count(FactKind::kLlmCall), 2u);
  EXPECT_TRUE(never.Find(FactKind::kLlmCall, "m1", "session-7"));
}

TEST(GeminiCliTest, RecordingGivesItsTruth) {
  Collected log;
  for (const auto& path : test::FilesBelow(Golden("gemini-cli") / "main")) {
    if (path.extension() == ".jsonl") ReadLog(kGeminiCli, path, &log);
  }
  EXPECT_THAT(log.skips, IsEmpty());
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].id, "bdb58c00-b739-442c-8f97-f99333e46b86");
  EXPECT_EQ(sessions[0].info.cwd, "/tmp/demo");
  EXPECT_TRUE(sessions[0].prompt.starts_with("[demo:main] Follow NOTES.md")) << sessions[0].prompt;
  const Fact* failed = log.Find(FactKind::kToolResult, "run_shell_command__call_mock_main03a");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->result->exit_code, 2);
  EXPECT_EQ(failed->result->status, ToolStatus::kError);
  EXPECT_EQ(failed->result->error,
            "tools/summary.sh: 3: cannot create out/summary.csv: Directory nonexistent");
  const Fact* spawn = log.Find(FactKind::kToolResult, "invoke_agent__call_mock_main09a");
  ASSERT_TRUE(spawn);
  EXPECT_EQ(spawn->result->child_session, "9f1bb8c1-fc7d-489e-a2c3-3b81456bf2e2");
  ASSERT_EQ(sessions[0].skills.size(), 1u);
  EXPECT_EQ(sessions[0].skills[0].name, "orders-summary");
  EXPECT_EQ(sessions[0].skills[0].stage, SkillStage::kLoaded);
}

TEST(GeminiCliTest, TheSameSessionInBothLayoutsCountsOnce) {
  Collected lines, both;
  fs::path folder = Golden("gemini-cli");
  std::string name = "demo/chats/session-2026-11-21T02-43-bdb58c00.json";
  ReadLog(kGeminiCli, folder / "main" / (name + "l"), &lines);
  ReadLog(kGeminiCli, folder / "main" / (name + "l"), &both);
  ReadLog(kGeminiCli, folder / "legacy" / name, &both);
  auto once = AssembleSessions(lines.facts), twice = AssembleSessions(both.facts);
  ASSERT_EQ(twice.size(), 1u);
  ASSERT_EQ(twice[0].steps.size(), once[0].steps.size());
  EXPECT_EQ(test::TotalsOf(both), test::TotalsOf(lines));
  std::string json = test::MustRead(folder / "legacy" / name),
              jsonl = test::MustRead(folder / "main" / (name + "l"));
  EXPECT_EQ(kGeminiCli.unit_key(name, json), kGeminiCli.unit_key(name + "l", jsonl));
  EXPECT_EQ(kGeminiCli.unit_key("chats/s1/child.jsonl",
                                R"({"sessionId":"child","projectHash":"p","kind":"subagent"})"),
            "gemini-cli:s1");
}

TEST(GeminiCliTest, CountsAreMadeDisjoint) {
  Collected log = ReadLines(Answer("a", "01") + Answer("a", "01", R"(,"toolCalls":[])"));
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  ASSERT_EQ(sessions[0].steps.size(), 1u);
  EXPECT_EQ(*sessions[0].steps[0].llm.usage,
            (Usage{.uncached_input = 63, .cache_read = 40, .output = 12, .reasoning = 5}));
}

TEST(GeminiCliTest, UnusableCountsAreUnknown) {
  for (std::string tokens :
       {R"({"input":1,"output":2,"cached":3})", R"({"input":"1","output":2})", R"([1])"}) {
    Collected log =
        ReadLines(R"({"id":"a","type":"gemini","model":"m","content":"x","tokens":)" + tokens + "}\n");
    ASSERT_EQ(log.skips.size(), 1u) << tokens;
    EXPECT_THAT(log.skips[0], testing::EndsWith(":usage"));
    ASSERT_TRUE(log.Find(FactKind::kLlmCall, "a")) << tokens;
    EXPECT_FALSE(log.Find(FactKind::kLlmCall, "a")->llm->usage) << tokens;
  }
  // Thoughts behind an endpoint that counts them within the answer.
  Collected within = ReadLines(
      R"({"id":"a","type":"gemini","content":"x","tokens":{"input":10,"output":9,"thoughts":4,"total":19}})"
      "\n");
  EXPECT_EQ(within.Find(FactKind::kLlmCall, "a")->llm->usage->output, 9);
}

TEST(GeminiCliTest, RewoundMessagesAreAbandonedButBilled) {
  std::string user = R"({"id":"u","timestamp":"2026-01-01T00:00:00.500Z","type":"user","content":"hello"})"
                     "\n";
  Collected log = ReadLines(user + Answer("a", "01") + Answer("b", "02") + Answer("c", "03") +
                            "{\"$rewindTo\":\"b\"}\n" + Answer("d", "04"));
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  std::vector<std::pair<std::string, bool>> calls;
  for (const Step& step : sessions[0].steps) calls.emplace_back(step.call_id, step.abandoned);
  EXPECT_THAT(calls, testing::UnorderedElementsAre(std::pair("a", false), std::pair("b", true),
                                                   std::pair("c", true), std::pair("d", false)));
  EXPECT_EQ(sessions[0].compactions, 0);
  // An id that is not there empties the conversation, as the client reads it.
  Collected unknown = ReadLines(Answer("a", "01") + "{\"$rewindTo\":\"zz\"}\n" + Answer("d", "04"));
  auto emptied = AssembleSessions(unknown.facts);
  EXPECT_EQ(unknown.Find(FactKind::kLlmCall, "d")->parent_node, "");
  ASSERT_EQ(emptied[0].steps.size(), 2u);
}

TEST(GeminiCliTest, CompressionIsACompaction) {
  std::string set =
      R"({"$set":{"messages":[{"id":"sum","timestamp":"2026-01-01T00:00:05.000Z","type":"user",)"
      R"("content":[{"text":"<state_snapshot>x"}]},)"
      R"({"id":"ok","timestamp":"2026-01-01T00:00:05.000Z","type":"gemini","content":[{"text":"Got it."}]}],)"
      R"("lastUpdated":"2026-01-01T00:00:05.000Z"}})"
      "\n";
  Collected log = ReadLines(Answer("a", "01") + Answer("b", "02") + set + set + Answer("c", "06"));
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].compactions, 1);
  // "Got it." is the client's.
  EXPECT_EQ(sessions[0].steps.size(), 3u);
  EXPECT_EQ(log.Find(FactKind::kUser, "sum")->user->is_meta, true);
}

TEST(GeminiCliTest, ErrorsAreCallsWithoutAnAnswer) {
  Collected log = ReadLines(
      R"({"id":"e","timestamp":"2026-01-01T00:00:01.000Z","type":"error","content":"[API Error: quota]"})"
      "\n"
      R"({"id":"i","type":"info","content":"x"})"
      "\n"
      R"({"id":"q","type":"question","content":"x"})"
      "\n");
  const Fact* error = log.Find(FactKind::kLlmCall, "e");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->llm->error, "[API Error: quota]");
  EXPECT_FALSE(error->llm->billed);
  EXPECT_THAT(log.skips, ElementsAre("unknown-type"));
}

TEST(GeminiCliTest, ToolStatusAndShellTexts) {
  Collected log = ReadLines(Answer(
      "a", "01",
      R"(,"toolCalls":[{"name":"read_file","args":{"p":1},"status":"cancelled","result":"stopped"},)"
      R"({"id":"t2","name":"run_shell_command","args":{},"status":"success","result":[{"functionResponse":{"response":)"
      R"({"output":"Command: x\nStdout: (empty)\nStderr: bad thing\nError: (none)\nExit Code: 3\nSignal: (none)\n)"
      R"(Background PIDs: (none)\nProcess Group PGID: 4711"}}}]},)"
      R"({"id":"t3","name":"read_file","args":{},"status":"executing"},)"
      R"({"id":"t4","name":"read_file","args":{},"status":"success","result":[{"functionResponse":{"response":)"
      R"({"output":"text\nExit Code: 3"}}}]}])"));
  const Fact* cancelled = log.Find(FactKind::kToolResult, "a#0");
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->result->status, ToolStatus::kAborted);
  const Fact* shell = log.Find(FactKind::kToolResult, "t2");
  ASSERT_TRUE(shell);
  EXPECT_EQ(shell->result->status, ToolStatus::kError);
  EXPECT_EQ(shell->result->exit_code, 3);
  EXPECT_EQ(shell->result->error, "bad thing");
  EXPECT_EQ(shell->result->output, "Command: x\nStdout: (empty)\nStderr: bad thing\nError: (none)");
  EXPECT_TRUE(log.Find(FactKind::kToolUse, "t3"));
  EXPECT_FALSE(log.Find(FactKind::kToolResult, "t3"));
  // Only a shell's text has an exit code.
  EXPECT_EQ(log.Find(FactKind::kToolResult, "t4")->result->status, ToolStatus::kOk);
}

TEST(GeminiCliTest, ShellTextsWithoutTrailerStayWhole) {
  EXPECT_EQ(SplitShellText("a\nb\n").output, "a\nb\n");
  EXPECT_EQ(SplitShellText("").output, "");
  EXPECT_EQ(SplitShellText("Exit Code: 1").exit_code, 1);
  EXPECT_EQ(SplitShellText("Exit Code: 1\nmore").exit_code, std::nullopt);
  EXPECT_EQ(ShellError("<untrusted_context>\nOutput: no\nExit Code: 1\n</untrusted_context>"), "no");
}

TEST(GeminiCliTest, OtherPeoplesChatsGiveCalls) {
  fs::path folder = test::SharedData() / "sessions/other/agentsview";
  if (!fs::exists(folder)) GTEST_SKIP() << "no shared data at " << folder;
  std::map<std::string, size_t> calls = {{"gemini__standard_session.json", 2},
                                         {"gemini__system_messages.json", 1},
                                         {"gemini__thinking_only.json", 1},
                                         {"gemini__tool_calls.json", 1},
                                         {"gemini__tool_calls_with_results.json", 1}};
  for (auto& [name, count] : calls) {
    EXPECT_TRUE(test::Accepts(kGeminiCli, folder / name)) << name;
    Collected log;
    ReadLog(kGeminiCli, folder / name, &log);
    EXPECT_EQ(log.Count(FactKind::kLlmCall), count) << name;
    EXPECT_THAT(log.skips, IsEmpty()) << name;
    EXPECT_EQ(AssembleSessions(log.facts).size(), 1u) << name;
  }
  Collected recorded;
  ReadLog(kGeminiCli, folder / "../gemini-cli/agent-resume-session.json", &recorded);
  EXPECT_EQ(test::TotalsOf(recorded).at("agent-resume-session"),
            (test::AgentTotals{.calls = 2, .input = 7168 + 7187, .output = 6}));
}

}  // namespace
}  // namespace clawtrace::capture

// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importers/recording_test_util.h"

namespace clawtrace::capture {

extern const Importer kIflow;

namespace {

using test::Collected;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kSession = "session-00000000-0000-4000-8000-00000000000a";

Collected ReadFixture() {
  Collected log;
  test::ReadLog(kIflow, test::Golden("iflow/main") / (std::string(kSession) + ".jsonl"), &log);
  return log;
}

TEST(IflowTest, RecordsOfOneAnswerAreOneCall) {
  Collected log = ReadFixture();
  EXPECT_THAT(log.skips, IsEmpty());
  EXPECT_EQ(log.Count(FactKind::kLlmCall), 3u);
  ASSERT_EQ(log.Count(FactKind::kToolUse), 3u);
  const Fact* first = log.Find(FactKind::kLlmCall, "response-1-call_a", kSession);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->llm->model, "glm-4.7");
  EXPECT_EQ(first->end_ns, ParseIsoTime("2026-01-21T05:56:52.489Z"));
  EXPECT_EQ(log.Find(FactKind::kToolUse, "call_a")->tool->llm_call, first->id);
  EXPECT_EQ(log.Find(FactKind::kToolUse, "call_b")->tool->llm_call, first->id)
      << "although the next answer repeats it";
  EXPECT_EQ(log.Find(FactKind::kToolUse, "call_c")->tool->llm_call, "response-4-call_c");
}

TEST(IflowTest, ZerosAreNoUsage) {
  Collected log = ReadFixture();
  EXPECT_FALSE(log.Find(FactKind::kLlmCall, "response-1-call_a")->llm->usage);
  const auto& usage = log.Find(FactKind::kLlmCall, "response-4-call_c")->llm->usage;
  ASSERT_TRUE(usage);
  EXPECT_EQ(*usage, (Usage{.uncached_input = 1200, .output = 55})) << "the last of its records";
}

TEST(IflowTest, ResultsSayWhatCameOfTheTools) {
  Collected log = ReadFixture();
  EXPECT_EQ(log.Find(FactKind::kToolResult, "call_a")->result->status, ToolStatus::kOk);
  EXPECT_EQ(log.Find(FactKind::kToolResult, "call_a")->result->output, "# App\n");
  const ToolResult& failed = *log.Find(FactKind::kToolResult, "call_b")->result;
  EXPECT_EQ(failed.status, ToolStatus::kError);
  EXPECT_EQ(failed.error, "File not found: /w/Cargo.toml");
  EXPECT_EQ(log.Find(FactKind::kToolResult, "call_c")->result->status, ToolStatus::kAborted);
}

TEST(IflowTest, RepeatedLinesChangeNothing) {
  std::string text = test::MustRead(test::Golden("iflow/main") / (std::string(kSession) + ".jsonl"));
  Collected once, twice;
  test::ReadText(kIflow, text, &once);
  test::ReadText(kIflow, text + text, &twice);
  EXPECT_EQ(test::Encoded(once), test::Encoded(twice));
}

}  // namespace
}  // namespace clawtrace::capture

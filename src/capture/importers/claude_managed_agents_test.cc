// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importers/recording_test_util.h"

namespace clawtrace::capture {

extern const Importer kClaudeManagedAgents;

namespace {

using test::Collected;
using testing::ElementsAre;
using testing::IsEmpty;

Collected ReadFixture() {
  Collected log;
  test::ReadLog(kClaudeManagedAgents, test::Golden("claude-managed-agents/main/events.jsonl"), &log);
  return log;
}

TEST(ManagedAgentsTest, RequestsAreCalls) {
  Collected log = ReadFixture();
  EXPECT_THAT(log.skips, IsEmpty());
  EXPECT_EQ(log.Count(FactKind::kLlmCall), 3u);
  EXPECT_EQ(log.Count(FactKind::kUser), 1u) << "what was sent comes back in the stream";
  const Fact* call = log.Find(FactKind::kLlmCall, "sevt_03", "sesn_example1");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->llm->model, "claude-sonnet-5");
  EXPECT_EQ(*call->llm->usage,
            (Usage{.uncached_input = 2, .cache_read = 7000, .cache_write_unknown = 100, .output = 46}));
  EXPECT_EQ(call->llm->text, "I ask the clock.");
  EXPECT_EQ(*call->end_ns - *call->start_ns, 1'200'000'000);
}

TEST(ManagedAgentsTest, ToolsBelongToTheirRequest) {
  Collected log = ReadFixture();
  ASSERT_EQ(log.Count(FactKind::kToolUse), 3u);
  for (auto [id, name, request, status] :
       {std::tuple("sevt_06", "bash", "sevt_03", ToolStatus::kOk),
        std::tuple("sevt_07", "mcp__exa__search", "sevt_03", ToolStatus::kAborted),
        std::tuple("sevt_12", "get_calendar", "sevt_11", ToolStatus::kError)}) {
    const Fact* use = log.Find(FactKind::kToolUse, id);
    ASSERT_TRUE(use) << id;
    EXPECT_EQ(use->tool->name, name);
    EXPECT_EQ(use->tool->llm_call, request);
    EXPECT_EQ(log.Find(FactKind::kToolResult, id)->result->status, status) << id;
  }
}

// As the events endpoint lists them, without the calls around.
TEST(ManagedAgentsTest, EventsAlone) {
  std::string text;
  std::string fixture = test::MustRead(test::Golden("claude-managed-agents/main/events.jsonl"));
  for (std::string_view line : Split(Trim(fixture), '\n')) {
    size_t at = line.find(R"({"id": "sevt_)");
    if (at != std::string_view::npos) text += std::string(line.substr(at, line.size() - at - 1)) + "\n";
  }
  EXPECT_TRUE(kClaudeManagedAgents.sniff(text));
  Collected log;
  test::ReadText(kClaudeManagedAgents, text, &log, "/x/sesn_7.jsonl");
  EXPECT_THAT(log.skips, IsEmpty());
  EXPECT_EQ(log.Count(FactKind::kLlmCall), 3u);
  EXPECT_EQ(log.Find(FactKind::kLlmCall, "sevt_03", "sesn_7")->llm->model, "")
      << "the session record names it";
}

TEST(ManagedAgentsTest, UnusableRecordsAreCounted) {
  Collected log;
  test::ReadText(kClaudeManagedAgents, R"(["client.beta.sessions.events.stream",3]
{"type":"agent.message"}
{"id":"sevt_1","type":"agent.tool_use","processed_at":"soon"}
{"id":"sevt_2","type":"agent.tool_result"}
{"id":"sevt_3","type":"span.model_request_end","model_usage":{"input_tokens":"x"}})",
                 &log);
  EXPECT_THAT(log.skips, ElementsAre("unknown-record", "unknown-record", "wrong-type:processed_at",
                                     "wrong-type:name", "missing:tool_use_id", "wrong-type:model_usage"));
}

}  // namespace
}  // namespace clawtrace::capture

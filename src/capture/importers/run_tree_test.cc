// Trees of runs, and what only the OpenAI Agents SDK's and LangSmith's formats have.
#include "capture/importers/run_tree.h"

#include <gmock/gmock.h>

#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kOpenAiAgents;
extern const Importer kLangSmith;

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Session> Assemble(const Importer& importer, const std::string& text, bool skips = false) {
  test::Collected log;
  test::ReadText(importer, text, &log);
  if (!skips) EXPECT_THAT(log.skips, IsEmpty());
  importer.resolve(&log.facts);
  for (const Fact& fact : log.facts) {
    EXPECT_TRUE(fact.node.empty());
    if (fact.llm) EXPECT_THAT(fact.llm->aliases, testing::Not(testing::Contains(run_tree::kAggregate)));
  }
  return AssembleSessions(log.facts);
}

std::vector<std::string> StepIds(const Session& session) {
  std::vector<std::string> ids;
  for (const Step& step : session.steps) ids.push_back(step.call_id);
  return ids;
}

// Spans of one trace: id, parent ("" none), second, span_data.
std::string Batch(const std::vector<std::tuple<std::string, std::string, int, std::string>>& spans) {
  std::string text = R"({"data":[)";
  for (auto& [id, parent, second, data] : spans) {
    if (text.back() == '}') text += ",";
    text += R"({"object":"trace.span","trace_id":"t","id":")" + id + R"(","parent_id":)" +
            (parent.empty() ? "null" : "\"" + parent + "\"") + R"(,"started_at":"2026-01-01T00:00:0)" +
            std::to_string(second) + R"(Z","ended_at":"2026-01-01T00:00:09Z","span_data":)" + data +
            R"(,"error":null})";
  }
  return text + "]}";
}

std::string Turn(int input, int output) {
  return R"({"type":"custom","name":"turn","data":{"sdk_span_type":"turn","usage":{"input_tokens":)" +
         std::to_string(input) + R"(,"output_tokens":)" + std::to_string(output) + "}}}";
}

const char* const kResponse = R"({"type":"response","response_id":"r"})";

TEST(OpenAiAgentsTest, HandoffStartsASubAgent) {
  auto sessions = Assemble(kOpenAiAgents, test::MustRead(test::Golden("openai-agents/handoff/items.jsonl")));
  ASSERT_EQ(sessions.size(), 1u);
  const Session& run = sessions[0];
  EXPECT_EQ(run.id, "trace_h1");
  EXPECT_EQ(run.prompt, "I want a refund.");
  EXPECT_THAT(StepIds(run), ElementsAre("g1", "h1"));
  EXPECT_EQ(run.steps[0].llm.usage, (Usage{.uncached_input = 40, .cache_read = 60, .output = 20}));
  ASSERT_EQ(run.steps[1].children.size(), 1u);
  const Session& child = run.steps[1].children[0];
  EXPECT_EQ(child.info.agent_name, "refunds");
  EXPECT_THAT(StepIds(child), ElementsAre("resp_2", "f1", "resp_3"));
  EXPECT_EQ(child.steps[1].result.error, "no such order");
  EXPECT_EQ(child.steps[1].turn, 1);
}

TEST(OpenAiAgentsTest, AGroupsUsageGoesToTheCallBelowIt) {
  auto sessions =
      Assemble(kOpenAiAgents, Batch({{"turn", "", 1, Turn(100, 10)}, {"x", "turn", 2, kResponse}}));
  ASSERT_EQ(sessions.at(0).steps.size(), 1u);
  EXPECT_EQ(sessions[0].steps[0].llm.usage, (Usage{.uncached_input = 100, .output = 10}));
  EXPECT_THAT(sessions[0].notes, ElementsAre("usage_of_group"));
}

TEST(OpenAiAgentsTest, WhatAGroupHasBeyondItsPartsIsACall) {
  auto sessions = Assemble(kOpenAiAgents, Batch({{"task", "", 0, Turn(150, 15)},
                                                 {"turn", "task", 1, Turn(100, 10)},
                                                 {"x", "turn", 2, kResponse}}));
  ASSERT_EQ(sessions.at(0).steps.size(), 2u);
  Usage sum = *sessions[0].steps[0].llm.usage;
  sum += *sessions[0].steps[1].llm.usage;
  EXPECT_EQ(sum, (Usage{.uncached_input = 150, .output = 15}));
  EXPECT_THAT(sessions[0].notes, testing::Contains("missing_leaf:1"));
}

TEST(OpenAiAgentsTest, AGroupWithLessThanItsPartsAddsNothing) {
  auto sessions = Assemble(
      kOpenAiAgents,
      Batch({{"turn", "", 1, Turn(50, 10)},
             {"x", "turn", 2,
              R"({"type":"generation","model":"m","usage":{"input_tokens":100,"output_tokens":10}})"}}));
  ASSERT_EQ(sessions.at(0).steps.size(), 1u);
  EXPECT_EQ(sessions[0].steps[0].llm.usage, (Usage{.uncached_input = 100, .output = 10}));
  EXPECT_THAT(sessions[0].notes, ElementsAre("aggregate_mismatch:1"));
}

TEST(OpenAiAgentsTest, RingsOfParentsEnd) {
  auto sessions = Assemble(kOpenAiAgents, Batch({{"a", "b", 1, Turn(100, 10)}, {"b", "a", 2, kResponse}}));
  ASSERT_EQ(sessions.size(), 1u);
  Usage sum;
  for (const Step& step : sessions[0].steps) {
    if (step.llm.usage) sum += *step.llm.usage;
  }
  EXPECT_EQ(sum.total(), 110);
}

TEST(LangSmithTest, TheModelThatAnswered) {
  auto call_of = [](std::string_view answered) {
    auto sessions = Assemble(
        kLangSmith,
        R"({"id":"r","trace_id":"r","run_type":"llm","name":"m","start_time":"2026-01-01T00:00:00Z","end_time":"2026-01-01T00:00:01Z",)"
        R"("extra":{"metadata":{"ls_model_name":"gpt-5.4"}},"outputs":{"generations":[[{"message":{"kwargs":{"content":"x",)"
        R"("response_metadata":{"model_name":")" +
            std::string(answered) +
            R"("},"usage_metadata":{"input_tokens":5,"output_tokens":2}}}}]]}})"
            "\n");
    EXPECT_EQ(sessions.size(), 1u);
    return sessions.at(0).steps.at(0).llm;
  };
  LlmCall other = call_of("gpt-5.4-mini");
  EXPECT_EQ(other.model, "gpt-5.4-mini");
  ASSERT_TRUE(other.requested_model);
  EXPECT_EQ(*other.requested_model, "gpt-5.4");
  EXPECT_FALSE(call_of("gpt-5.4").requested_model);
}

TEST(LangSmithTest, OnlyModelRunsAreBilled) {
  auto sessions = Assemble(kLangSmith, test::MustRead(test::Golden("langsmith/runs/runs.jsonl")));
  ASSERT_EQ(sessions.size(), 1u);
  const Session& run = sessions[0];
  EXPECT_EQ(run.task_id, "example-9");
  EXPECT_EQ(run.prompt, "Sum the file.");
  EXPECT_EQ(run.outcome.verdict, Verdict::kUnknown);
  EXPECT_THAT(StepIds(run), ElementsAre("r1", "r2", "r3", "r4", "r8"));
  EXPECT_EQ(run.steps[0].llm.usage,
            (Usage{.uncached_input = 200, .cache_read = 300, .output = 40, .reasoning = 10}));
  EXPECT_EQ(run.steps[0].llm.reported_cost, Usd::Parse("0.00129"));
  EXPECT_EQ(run.steps[1].tool.args, R"({"path":"n.txt"})");
  EXPECT_EQ(run.steps[1].result.output, "1 2");
  EXPECT_EQ(run.steps[2].llm.usage->cache_read, 500) << "from the message's usage_metadata";
  EXPECT_EQ(run.steps[4].llm.error, "RateLimitError: 429");
  EXPECT_FALSE(run.steps[4].llm.usage) << "zeros of a failed request are no count";
  ASSERT_EQ(run.steps[3].children.size(), 1u);
  const Session& child = run.steps[3].children[0];
  EXPECT_EQ(child.info.agent_name, "helper");
  EXPECT_THAT(StepIds(child), ElementsAre("r6", "r7"));
  EXPECT_EQ(child.steps[0].llm.usage, (Usage{.uncached_input = 150,
                                             .cache_read = 100,
                                             .cache_write_5m = 150,
                                             .cache_write_1h = 50,
                                             .output = 40}));
  EXPECT_EQ(child.steps[1].result.error, "SyntaxError: unexpected end");
  EXPECT_EQ(child.steps[1].result.status, ToolStatus::kError);
}

TEST(LangSmithTest, TraceOfRunsWithoutTraceId) {
  auto sessions = Assemble(
      kLangSmith,
      R"({"id":"b","run_type":"llm","dotted_order":"20260101T000000000000Za.20260101T000001000000Zb","parent_run_id":"a"})");
  EXPECT_EQ(sessions.at(0).id, "a");
}

}  // namespace
}  // namespace clawtrace::capture

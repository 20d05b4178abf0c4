// What our cards must say on the hand-written cases under tests/golden/reference, in particular where the
// published reference compiler is blind (the last column of that folder's README).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "capture/gather.h"
#include "compile/compile.h"
#include "support/data.h"

namespace clawtrace {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

const PriceBook& Book() {
  static const PriceBook book =
      *PriceBook::FromTsv(*ReadFile(test::SourceDir() / "data/prices.tsv"), "prices.tsv");
  return book;
}

TraceCard CardOf(const std::string& name) {
  capture::Plan plan =
      capture::PlanInputs({(test::SourceDir() / "tests/golden/reference" / (name + ".jsonl")).string()});
  EXPECT_EQ(plan.units.size(), 1u) << name;
  if (plan.units.empty()) return {};
  capture::UnitResult unit = capture::ReadUnit(plan.units[0], plan, {});
  EXPECT_EQ(unit.sessions.size(), 1u) << name;
  TraceCard card = compile::CompileCard(PriceSession(unit.sessions.at(0), Book()), Book());
  // Whatever a card says, it must fit, read back, and its billed steps must add up.
  for (DocFormat format : {DocFormat::kYaml, DocFormat::kJson}) {
    auto compact = EncodeCompactCard(card, format);
    EXPECT_TRUE(compact && compact->size() <= 1536) << name;
    auto back = DecodeCard(EncodeCard(card, format), name);
    EXPECT_TRUE(back && *back == card) << name;
  }
  Usd sum;
  for (const CardStep& step : card.steps) sum += step.cost_usd.value_or(Usd());
  EXPECT_EQ(sum, card.total_cost_usd.value_or(Usd())) << name;
  return card;
}

std::vector<CardStep> Calls(const TraceCard& card) {
  std::vector<CardStep> calls;
  for (const CardStep& step : card.steps) {
    if (step.kind == StepKind::kLlmCall) calls.push_back(step);
  }
  return calls;
}

TEST(GoldenTest, Case01Basic) {
  TraceCard card = CardOf("01-basic");
  EXPECT_EQ(card.total_cost_usd->ToDecimal(), "0.045375");
  EXPECT_EQ(card.llm_call_count, 3);
  EXPECT_EQ(card.tool_call_count, 2);
  EXPECT_EQ(card.session_id, "00000000-0000-4000-8000-000000000001");
  EXPECT_EQ(card.wall_ms, 9000);
  auto calls = Calls(card);
  EXPECT_EQ(calls[0].role, "tool_call");
  EXPECT_EQ(calls[1].role, "plan_then_tool");
  EXPECT_EQ(calls[2].role, "final_reply");
  EXPECT_EQ(card.steps[1].duration_ms, 1000);
  // Each tool step's share of the prompts after it; with what no step produced it is the total.
  Usd sum;
  for (const CardStep& step : card.steps) {
    ASSERT_TRUE(step.attributed_cost_usd) << step.id;
    if (step.kind == StepKind::kToolUse) EXPECT_GT(*step.context_cost_usd, Usd()) << step.id;
    sum += *step.attributed_cost_usd;
  }
  for (const ReservedRow& row : card.reserved_costs) sum += row.cost_usd.value_or(Usd());
  EXPECT_EQ(sum, *card.total_cost_usd);
}

TEST(GoldenTest, Case02OnlyTheSameFileIsRepeated) {
  TraceCard card = CardOf("02-redundancy-clusters");
  ASSERT_EQ(card.redundant_tool_calls.size(), 1u);
  const RedundantGroup& group = card.redundant_tool_calls[0];
  EXPECT_EQ(group.tool, "read");
  EXPECT_EQ(group.reason, "exact_repeat") << "another order of keys is the same call";
  EXPECT_EQ(group.first, "2");
  EXPECT_THAT(group.call_ids, ElementsAre("r2", "r3"));
  EXPECT_EQ(group.wasted_usd, std::nullopt) << "both turns asked for something else too";
}

TEST(GoldenTest, Case04NothingIsRedundant) {
  TraceCard card = CardOf("04-false-positives");
  EXPECT_THAT(card.redundant_tool_calls, IsEmpty());
  for (const CardStep& step : card.steps) EXPECT_FALSE(step.suspected) << step.id;
}

TEST(GoldenTest, Case10BrokenArgumentsAreMarked) {
  TraceCard card = CardOf("10-args-encodings");
  EXPECT_EQ(card.tool_call_count, 14);
  EXPECT_THAT(card.coverage->notes, Contains("broken_arguments:2"));
  EXPECT_THAT(card.redundant_tool_calls, IsEmpty()) << "no result was recorded";
}

TEST(GoldenTest, Case03OneAnswerInAnyOrder) {
  std::vector<size_t> groups;
  for (const char* name : {"03a-order-ABC", "03b-order-BAC", "03c-order-ACB"})
    groups.push_back(CardOf(name).redundant_tool_calls.size());
  EXPECT_THAT(groups, testing::Each(groups[0]));
}

TEST(GoldenTest, Case05AllErrorsAreCounted) {
  TraceCard card = CardOf("05-errors-item-level");
  EXPECT_EQ(card.failed_or_repaired_steps.size(), 15u);
  std::vector<std::string> errors;
  for (const FailedStep& failed : card.failed_or_repaired_steps) errors.push_back(failed.error);
  EXPECT_THAT(errors, Contains("{\"code\":7,\"message\":\"boom\"}"));
  EXPECT_THAT(card.redundant_tool_calls, IsEmpty());
  EXPECT_EQ(card.tool_call_count, 3);
}

TEST(GoldenTest, Case06FailedThenRepairedAndProviderError) {
  TraceCard card = CardOf("06-errors-message-level");
  ASSERT_EQ(card.failed_or_repaired_steps.size(), 2u);
  const FailedStep& tool = card.failed_or_repaired_steps[0];
  EXPECT_EQ(tool.call_id, "c1");
  EXPECT_EQ(tool.repair_call_id, "c2");
  EXPECT_EQ(tool.args, tool.repair_args);
  EXPECT_EQ(tool.cost_usd->ToDecimal(), "0.0008") << "both turns";
  const FailedStep& call = card.failed_or_repaired_steps[1];
  EXPECT_EQ(call.error, "429 rate limit");
  EXPECT_EQ(call.error_class, "rate_limit");
  EXPECT_EQ(call.kind, "environment");
  EXPECT_THAT(card.redundant_tool_calls, IsEmpty());
}

TEST(GoldenTest, Case07FiveSpawnsJoinedById) {
  TraceCard card = CardOf("07-sub-agents");
  EXPECT_EQ(card.spawn_count, 5);
  ASSERT_EQ(card.sub_agents.size(), 5u);
  EXPECT_EQ(card.sub_agents[3].session_id, "agent:main:subagent:0c0ffee0-0000-4000-8000-000000000000");
  for (const CardStep& step : card.steps) {
    if (step.kind == StepKind::kSubagentSpawn) EXPECT_EQ(step.status, ToolStatus::kOk) << step.id;
  }
  EXPECT_THAT(card.coverage->notes, testing::Not(Contains(testing::StartsWith("missing_result"))));
}

TEST(GoldenTest, Case08StatusPerCall) {
  TraceCard card = CardOf("08-cache-and-missing-cost");
  EXPECT_EQ(card.total_cost_usd->ToDecimal(), "0.225");
  std::vector<CostStatus> statuses;
  for (const CardStep& call : Calls(card)) statuses.push_back(*call.cost_status);
  using enum CostStatus;
  EXPECT_THAT(statuses, ElementsAre(kPriced, kPriced, kPriced, kUnpriced, kPriced));
  EXPECT_EQ(Calls(card)[3].tokens, std::nullopt) << "no usage is unknown, not zero";
  EXPECT_EQ(Calls(card)[3].cost_usd, std::nullopt);
  EXPECT_EQ(Calls(card)[4].reported_cost_usd->ToDecimal(), "0.05625");
  EXPECT_EQ(card.coverage->unpriced, 1);
}

TEST(GoldenTest, Case09ModelOfEachCall) {
  TraceCard card = CardOf("09-model-switch");
  EXPECT_THAT(card.models, ElementsAre("claude-opus-4-7", "gemini-2.5-flash"));
  EXPECT_EQ(Calls(card)[0].model, "claude-opus-4-7");
  EXPECT_EQ(Calls(card)[1].model, "gemini-2.5-flash");
  EXPECT_EQ(Calls(card)[0].cost_usd->ToDecimal(), "0.0075");
  EXPECT_EQ(Calls(card)[0].reported_cost_usd->ToDecimal(), "0.0225")
      << "the client's figure stands beside ours";
}

TEST(GoldenTest, Case11OnlyTheLastReplyIsFinal) {
  TraceCard card = CardOf("11-topk-role-hints");
  auto calls = Calls(card);
  int64_t finals =
      std::count_if(calls.begin(), calls.end(), [](const CardStep& c) { return c.role == "final_reply"; });
  EXPECT_EQ(finals, 1);
  EXPECT_EQ(calls.back().role, "final_reply");
  EXPECT_EQ(calls.front().role, "thinking");
  auto compact = DecodeCard(*EncodeCompactCard(card, DocFormat::kYaml), "compact");
  ASSERT_TRUE(compact);
  Usd shown;
  for (const CardStep& step : compact->top_cost_spans) shown += step.cost_usd.value_or(Usd());
  ASSERT_TRUE(compact->more_cost_usd);
  EXPECT_GT(*compact->more_cost_usd, Usd());
  EXPECT_LT(shown, *card.total_cost_usd);
}

TEST(GoldenTest, Case12ContentShapes) {
  TraceCard card = CardOf("12-content-shapes");
  auto calls = Calls(card);
  EXPECT_EQ(calls[0].model, "unknown");
  EXPECT_THAT(calls[0].role, testing::AnyOf("reply", "final_reply")) << "string content is text";
  EXPECT_EQ(calls[0].cost_status, CostStatus::kReported);
  EXPECT_EQ(calls[0].cost_usd->ToDecimal(), "0.25");
}

TEST(GoldenTest, Case13And15jSayThatNothingWasAsked) {
  for (const char* name : {"13-empty", "15j-empty-file"}) {
    TraceCard card = CardOf(name);
    EXPECT_THAT(card.coverage->notes, Contains("no_model_call")) << name;
    EXPECT_EQ(card.llm_call_count, 0);
    EXPECT_EQ(card.total_cost_usd, Usd());
  }
}

TEST(GoldenTest, Case14BothBranchesBilledOneMarked) {
  TraceCard card = CardOf("14-rewound-branch");
  EXPECT_EQ(card.total_cost_usd->ToDecimal(), "0.0108");
  auto calls = Calls(card);
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_TRUE(calls[0].abandoned);
  EXPECT_FALSE(calls[1].abandoned);
  ASSERT_EQ(card.failed_or_repaired_steps.size(), 1u);
  EXPECT_EQ(card.failed_or_repaired_steps[0].call_id, "b1");
  EXPECT_EQ(card.failed_or_repaired_steps[0].repair_call_id, "b2");
  EXPECT_THAT(card.redundant_tool_calls, IsEmpty());
}

TEST(GoldenTest, Case15GoodRecordsCountAndBadOnesAreListed) {
  struct Case {
    const char* name;
    int64_t calls, skipped, line;
  };
  for (const Case& c : {Case{"15a-bad-truncated-last-line", 1, 1, 2}, Case{"15d-bad-null-message", 1, 1, 2},
                        Case{"15e-bad-record-not-object", 1, 1, 2}, Case{"15f-bad-usage-text", 1, 1, 1},
                        Case{"15g-bad-cost-number", 1, 2, 1}, Case{"15h-bad-content-number", 1, 1, 1},
                        Case{"15i-bad-tool-name-list", 1, 1, 1}}) {
    TraceCard card = CardOf(c.name);
    EXPECT_EQ(card.llm_call_count, c.calls) << c.name;
    ASSERT_EQ(static_cast<int64_t>(card.skipped_input.size()), c.skipped) << c.name;
    EXPECT_EQ(card.skipped_input[0].line, c.line) << c.name;
    EXPECT_FALSE(card.skipped_input[0].reason.empty());
    EXPECT_EQ(card.coverage->skipped_records, c.skipped);
  }
  for (const char* name : {"15b-bad-line-separator", "15c-bad-nel"}) {
    TraceCard card = CardOf(name);
    EXPECT_THAT(card.skipped_input, IsEmpty())
        << name << ": a Unicode line separator inside a string is no end of line";
    EXPECT_GE(*card.llm_call_count, 1) << name;
  }
}

}  // namespace
}  // namespace clawtrace

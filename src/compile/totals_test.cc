// Tokens and money that a source states for a session as a whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "compile/compile.h"
#include "compile/scene_test_util.h"

namespace clawtrace::compile {
namespace {

using testing::Contains;
using testing::Not;

Session Calls(std::optional<Usage> usage, std::optional<Usd> cost) {
  Session session;
  session.id = "s";
  for (int i = 0; i < 2; ++i) {
    Step call;
    call.call_id = "c" + std::to_string(i), call.turn = i + 1;
    call.llm.usage = usage, call.llm.reported_cost = cost;
    session.steps.push_back(call);
  }
  session.info.reported_cost = Usd::Parse("0.34");
  session.info.reported_usage = Usage{.uncached_input = 900, .output = 100};
  return session;
}

TEST(SessionFiguresTest, StandAloneWhenNoCallHasItsOwn) {
  Session session = Calls({}, {});
  TraceCard card = CompileCard(PriceSession(session, PriceBook()), PriceBook());
  EXPECT_EQ(card.reported_cost_usd, Usd::Parse("0.34"));
  EXPECT_EQ(card.total_tokens->total(), 1000);
  EXPECT_EQ(card.own_tokens->total(), 1000);
  EXPECT_FALSE(card.total_cost_usd) << "no step may be charged with a share";
  EXPECT_EQ(card.cost_status, CostStatus::kUnpriced);
  EXPECT_EQ(card.llm_call_count, 2);
  EXPECT_THAT(card.coverage->notes, Contains("usage_only_as_total"));
  EXPECT_THAT(card.coverage->notes, Contains("cost_only_as_total"));
}

TEST(SessionFiguresTest, AreNotAddedToTheCallsOwn) {
  Session session = Calls(Usage{.uncached_input = 7}, Usd::Parse("0.1"));
  TraceCard card = CompileCard(PriceSession(session, PriceBook()), PriceBook());
  EXPECT_EQ(card.reported_cost_usd, Usd::Parse("0.2"));
  EXPECT_EQ(card.total_tokens->total(), 14);
  EXPECT_THAT(card.coverage->notes, Not(Contains("usage_only_as_total")));
  EXPECT_THAT(card.coverage->notes, Not(Contains("cost_only_as_total")));
}

// What the first call put into the cache, the next would have had to: nobody wasted that.
TEST(WasteTest, IsNoMoreThanWouldNotHaveBeenPaid) {
  PriceBook book =
      *PriceBook::FromTsv(*ReadFile(std::string(CLAWTRACE_SOURCE_DIR) + "/data/prices.tsv"), "prices.tsv");
  Session session = Make({{"read", R"({"path":"a"})", "x"}, {"read", R"({"path":"b"})", "y"}});
  session.steps.erase(session.steps.begin() + 1);  // the first call asks for nothing
  session.steps[0].llm.thinking_bytes = 500;
  session.steps[0].llm.model = session.steps[1].llm.model = "claude-sonnet-4-5";
  session.steps[0].llm.usage = Usage{.cache_write_5m = 20'000, .output = 100};
  session.steps[1].llm.usage = Usage{.cache_read = 20'000, .output = 100};
  TraceCard card = CompileCard(PriceSession(session, book), book);
  ASSERT_EQ(card.redundant_tool_calls.size(), 1u);
  EXPECT_EQ(card.steps[0].cost_usd, Usd::Parse("0.0765"));
  // The answer, and the reading of the cache.
  EXPECT_EQ(card.redundant_tool_calls[0].expected_savings_usd, Usd::Parse("0.0075"));
  EXPECT_EQ(card.redundant_tool_calls[0].wasted_usd, Usd::Parse("0.0075"));
  EXPECT_EQ(card.wasted_usd, Usd::Parse("0.0075"));
}

TEST(TokensTest, UnknownIsNotZero) {
  Session session = Calls({}, {});
  session.info.reported_usage.reset();
  TraceCard card = CompileCard(PriceSession(session, PriceBook()), PriceBook());
  EXPECT_FALSE(card.total_tokens);
  EXPECT_FALSE(card.own_tokens);
  std::string text = EncodeCard(card, DocFormat::kYaml);
  EXPECT_THAT(text, testing::HasSubstr("total_tokens: null"));
  EXPECT_EQ(DecodeCard(text, "card"), card);
  session.steps[1].llm.usage = Usage{};
  EXPECT_EQ(CompileCard(PriceSession(session, PriceBook()), PriceBook()).total_tokens, Usage{});
  session.steps.clear();
  EXPECT_EQ(CompileCard(PriceSession(session, PriceBook()), PriceBook()).total_tokens, Usage{})
      << "nothing was asked";
}

TEST(CostStatusTest, AuxiliaryCallsDecideOnlyAlone) {
  Session session = Calls(Usage{.uncached_input = 7}, Usd::Parse("0.1"));
  session.steps[0].llm.reported_cost.reset(), session.steps[0].llm.auxiliary = true;
  TraceCard card = CompileCard(PriceSession(session, PriceBook()), PriceBook());
  EXPECT_EQ(card.cost_status, CostStatus::kReported);
  EXPECT_EQ(card.coverage->unpriced, 1);
  session.steps.pop_back();
  EXPECT_EQ(CompileCard(PriceSession(session, PriceBook()), PriceBook()).cost_status, CostStatus::kUnpriced);
}

}  // namespace
}  // namespace clawtrace::compile

#include "pricing/stated_rates.h"

#include <gtest/gtest.h>

#include "pricing/attribution.h"
#include "pricing/recost.h"

namespace clawtrace {
namespace {

// Per million: input 1.25, output 10, cache read 0.125.
Usd Stated(const Usage& usage) {
  return Usd::Pico(1'250'000).Times(usage.uncached_input) + Usd::Pico(125'000).Times(usage.cache_read) +
         Usd::Pico(10'000'000).Times(usage.output);
}

std::vector<StatedCost> Calls() {
  std::vector<StatedCost> calls;
  for (const Usage& usage : {Usage{.uncached_input = 2456, .output = 23},
                             Usage{.uncached_input = 155, .cache_read = 2432, .output = 36},
                             Usage{.uncached_input = 115, .cache_read = 2560, .output = 22, .reasoning = 10},
                             Usage{.uncached_input = 131, .cache_read = 2688, .output = 71}})
    calls.push_back({usage, Stated(usage)});
  return calls;
}

TEST(StatedRatesTest, TheRatesBehindCostsAreFound) {
  std::vector<StatedCost> calls = Calls();
  calls[2].cost += Usd::Pico(1);  // the client's sum of doubles
  auto rates = RatesBehind(calls);
  ASSERT_TRUE(rates);
  EXPECT_EQ(rates->uncached_input, Usd::Pico(1'250'000));
  EXPECT_EQ(rates->cache_read, Usd::Pico(125'000));
  EXPECT_EQ(rates->output, Usd::Pico(10'000'000));
  EXPECT_EQ(rates->reasoning, rates->output);
  EXPECT_TRUE(rates->cache_write_1h.is_zero());
}

TEST(StatedRatesTest, WhatTheCallsDoNotTellIsNotGuessed) {
  std::vector<StatedCost> calls = Calls();
  EXPECT_FALSE(RatesBehind({}));
  EXPECT_FALSE(RatesBehind(std::span(calls).first(2)));  // three rates
  std::vector<StatedCost> same(5, calls[1]);
  EXPECT_FALSE(RatesBehind(same));
  calls[3].cost = calls[3].cost.Times(2);  // a tier for long prompts
  EXPECT_FALSE(RatesBehind(calls));
  std::vector<StatedCost> falling = {{{.uncached_input = 1000, .output = 10}, Usd::Pico(1'000'000)},
                                     {{.uncached_input = 2000, .output = 5}, Usd::Pico(400'000)}};
  EXPECT_FALSE(RatesBehind(falling));
}

// A model that no book knows: ls, then an answer. Without the tool its call goes, and the last one sends what
// it read anew.
TEST(StatedRatesTest, StatedCallsAreDividedAndRecostedByTheirBuckets) {
  Session session;
  int64_t turn = 0;
  for (const StatedCost& call : Calls()) {
    Step step;
    step.turn = ++turn;
    step.llm.model = "nobody-knows", step.llm.usage = call.usage, step.llm.reported_cost = call.cost;
    session.steps.push_back(step);
    Step tool;
    tool.kind = StepKind::kToolUse, tool.turn = turn;
    tool.tool.args_bytes = 20, tool.result.output_bytes = 400;
    session.steps.push_back(tool);
  }
  PriceBook book = *PriceBook::FromTsv(
      "model\tprovider\tinput\toutput\tcache_read\tcache_write_5m\tcache_write_1h\ttiers\tsource\n"
      "else\tx\t1\t2\t\t\t\t\tlist@2026-01-01\n",
      "small");
  PricedSession priced = PriceSession(session, book);
  EXPECT_EQ(priced.prices[0].status, CostStatus::kReported);
  EXPECT_EQ(priced.prices[0].list_price, std::nullopt);
  PromptLayout layout = LayOutPrompts(session);
  Savings saved = Recoster(priced, layout).Without(std::vector<size_t>{1});
  EXPECT_EQ(saved.calls, std::vector<size_t>{0});
  // The first call's 2456 fresh tokens are the second's to send: all its reads of them become fresh ones, so
  // that only its own tokens and answer are saved, never more than the call cost.
  ASSERT_TRUE(saved.usd);
  Usd first = *priced.prices[0].billed;
  EXPECT_GT(*saved.usd, Usd());
  EXPECT_LT(saved.usd->pico(), first.pico() / 2);
  Attribution shares = Attribute(priced, layout);
  EXPECT_EQ(shares.steps[0].own, Usd::Pico(10'000'000).Times(23));
}

}  // namespace
}  // namespace clawtrace

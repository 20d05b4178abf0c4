#include "pricing/recost.h"

#include <gtest/gtest.h>

namespace clawtrace {
namespace {

const PriceBook& Book() {
  static const PriceBook book = *PriceBook::FromTsv(
      "model\tprovider\tinput\toutput\tcache_read\tcache_write_5m\tcache_write_1h\ttiers\tsource\n"
      "claude-a\tanthropic\t3\t15\t0.3\t3.75\t6\t\tlist@2026-01-02\n"
      "claude-long\tanthropic\t3\t15\t0.3\t3.75\t\t>20000 input=6 output=22.5\tlist@2026-01-01\n",
      "small");
  return book;
}
Usd Dollars(std::string_view text) { return *Usd::Parse(text); }

Step Call(int64_t turn, Usage usage, int64_t text_bytes = 0) {
  Step step;
  step.turn = turn;
  step.llm.model = "claude-a", step.llm.usage = usage, step.llm.text_bytes = text_bytes;
  return step;
}
Step Tool(int64_t turn, int64_t output_bytes, int64_t args_bytes = 100) {
  Step step;
  step.kind = StepKind::kToolUse, step.turn = turn;
  step.tool.args_bytes = args_bytes, step.result.output_bytes = output_bytes;
  return step;
}

Savings Without(const Session& session, std::vector<size_t> steps) {
  PricedSession priced = PriceSession(session, Book());
  PromptLayout layout = LayOutPrompts(session);
  return Recoster(priced, layout).Without(steps);
}

Usd Total(const PricedSession& priced) {
  Usd sum;
  for (size_t i = 0; i < priced.prices.size(); ++i) {
    sum += BilledCost(priced.session->steps[i], priced.prices[i]).value_or(Usd());
    for (const PricedSession& child : priced.children[i]) sum += Total(child);
  }
  return sum;
}

// Per million: input 3, output 15, read 0.30, write 3.75.
Session Conversation() {
  Session session;
  session.steps.push_back(Call(1, {.cache_write_5m = 1000, .output = 100}));
  session.steps.push_back(Tool(1, 4000));
  session.steps.push_back(Call(2, {.cache_read = 1000, .cache_write_5m = 500, .output = 50}));
  session.steps.push_back(Tool(2, 2000));
  session.steps.push_back(Call(3, {.cache_read = 1500, .cache_write_5m = 250, .output = 20}, 40));
  return session;
}

TEST(RecostTest, ACallGoesWithItsToolsAndTheNextOneWritesItsCache) {
  // The second call costs 0.0003 + 0.001875 + 0.00075. Its 500 writes move to the third call (read to write:
  // 500 x 3.45), whose own 250 new tokens are all the removed call's answer and result.
  Savings saved = Without(Conversation(), {3});
  EXPECT_EQ(saved.usd, Dollars("0.002925") - Dollars("0.001725") + Dollars("0.0009375"));
  EXPECT_EQ(saved.calls, std::vector<size_t>{2});
  EXPECT_EQ(saved.unknown_calls, 0);
}

TEST(RecostTest, ANeededTextKeepsItsCall) {
  Session session = Conversation();
  session.steps[2].llm.text_bytes = kAnnouncementBytes;
  EXPECT_EQ(Without(session, {3}).calls.size(), 1U);
  session.steps[2].llm.text_bytes = kAnnouncementBytes + 1;
  Savings kept = Without(session, {3});
  EXPECT_TRUE(kept.calls.empty());
  // 301 bytes of text, 100 of arguments: 12 of 50 tokens; the result of 200 leaves the third call's writes.
  EXPECT_EQ(kept.usd, Dollars("0.00018") + Usd::Pico(3'750'000).Times(212));
  EXPECT_EQ(Without(session, {2, 3}).calls.size(), 1U);  // the text itself is in the set
  EXPECT_TRUE(Without(session, {2}).calls.empty());      // but its tool use is not
}

TEST(RecostTest, OneOfTwoToolsLeavesTheCall) {
  Session session;
  session.steps.push_back(Call(1, {.cache_write_5m = 1000, .output = 100}));
  session.steps.push_back(Tool(1, 3000));
  session.steps.push_back(Tool(1, 1000));
  session.steps.push_back(Call(2, {.uncached_input = 500, .cache_read = 1000, .output = 50}));
  // Half of the answer was its arguments; 100 of the 400 tokens of results were its own.
  Savings saved = Without(session, {2});
  EXPECT_TRUE(saved.calls.empty());
  EXPECT_EQ(saved.usd, Usd::Pico(15'000'000).Times(50) + Usd::Pico(3'000'000).Times(150));
  // Both: the call goes, and what it wrote must be written by the next one.
  Savings both = Without(session, {1, 2});
  EXPECT_EQ(both.calls, std::vector<size_t>{0});
}

TEST(RecostTest, TheTierIsChosenAnew) {
  Session session;
  session.steps.push_back(Call(1, {.uncached_input = 10'000, .output = 100}));
  session.steps.push_back(Tool(1, 100'000, 0));
  session.steps.push_back(Tool(1, 10, 0));
  session.steps.push_back(Call(2, {.uncached_input = 25'000, .output = 100}));
  for (Step& step : session.steps) step.llm.model = "claude-long";
  // 14,899 tokens of the large result leave; 10,101 are below the tier of 20,000.
  PricedSession priced = PriceSession(session, Book());
  PromptLayout layout = LayOutPrompts(session);
  Savings saved = Recoster(priced, layout).Without(std::vector<size_t>{1});
  int64_t left = 25'000;
  for (const Segment& segment : layout.epochs[0].segments) {
    if (segment.cause == 1) left -= segment.end - segment.begin;
  }
  ASSERT_LT(left, 20'000);
  int64_t arguments = 0;
  for (const AnswerPart& part : layout.answers[0]) arguments += part.cause == 1 ? part.tokens : 0;
  Usd before = Usd::Pico(6'000'000).Times(25'000) + Usd::Pico(22'500'000).Times(100);
  Usd after = Usd::Pico(3'000'000).Times(left) + Usd::Pico(15'000'000).Times(100);
  EXPECT_EQ(saved.usd, before - after + Usd::Pico(15'000'000).Times(arguments));
}

TEST(RecostTest, ChildrenGoWithTheirSpawn) {
  Session session = Conversation();
  session.steps[3].kind = StepKind::kSubagentSpawn;
  session.steps[3].children.push_back(Conversation());
  Session plain = Conversation();
  PricedSession child = PriceSession(plain, Book());
  EXPECT_EQ(*Without(session, {3}).usd, *Without(plain, {3}).usd + Total(child));
}

// Calls that keep their texts, so that none of them goes; each prompt holds all that came before. cached: all
// but what is new is read from the cache, else the cache holds only the first prompt.
Session LongSession(int64_t calls, bool cached, std::string_view model) {
  Session session;
  for (int64_t i = 0, before = 1000; i < calls; ++i, before += 300 + i % 7) {
    Usage usage{.uncached_input = cached ? 300 : before, .output = 100};
    if (i > 0) usage.cache_read = cached ? before : 1000;
    if (!cached && i > 0) usage.uncached_input -= 1000;
    Step call = Call(i + 1, usage, kAnnouncementBytes + 1);
    call.llm.model = i % 50 == 49 ? "unknown-model" : model;
    session.steps.push_back(call);
    session.steps.push_back(Tool(i + 1, 800 + 10 * (i % 5), 0));
  }
  return session;
}

// What the same session costs with so much shorter prompts, priced from the beginning.
Usd TotalWithout(Session session, size_t gone) {
  PromptLayout layout = LayOutPrompts(session);
  for (size_t i = gone + 1; i < session.steps.size(); ++i) {
    if (session.steps[i].kind != StepKind::kLlmCall) continue;
    Usage& usage = *session.steps[i].llm.usage;
    for (const Segment& segment : layout.epochs[*layout.epoch_of[i]].segments) {
      if (segment.kind != SegmentKind::kStep || segment.cause != gone || segment.end > usage.prompt())
        continue;
      bool read = segment.end <= session.steps[i].llm.usage->cache_read;
      (read ? usage.cache_read : usage.uncached_input) -= segment.end - segment.begin;
    }
  }
  return Total(PriceSession(session, Book()));
}

TEST(RecostTest, WhatEveryLaterCallSavesAddsUpExactly) {
  constexpr int64_t kCalls = 120;
  for (std::string_view model : {"claude-a", "claude-long"}) {
    for (bool cached : {true, false}) {
      Session session = LongSession(kCalls, cached, model);
      PricedSession priced = PriceSession(session, Book());
      PromptLayout layout = LayOutPrompts(session);
      Recoster recoster(priced, layout);
      Usd total = Total(priced);
      for (size_t step = 1; step + 1 < session.steps.size(); step += 2) {
        Savings saved = recoster.Without(std::vector<size_t>{step});
        EXPECT_EQ(saved.usd.value_or(Usd()), total - TotalWithout(session, step))
            << model << " step " << step;
        EXPECT_TRUE(saved.calls.empty());
        auto unknown = (kCalls / 50) - static_cast<int64_t>(step / 2 + 1) / 50;
        EXPECT_EQ(saved.unknown_calls, unknown) << step;
      }
    }
  }
}

// Two repeats that share a turn save the call only together.
TEST(RecostTest, SavingsAreThoseOfASet) {
  Session session = Conversation();
  session.steps.insert(session.steps.begin() + 4, Tool(2, 100));
  Usd one = *Without(session, {3}).usd, other = *Without(session, {4}).usd;
  EXPECT_GT(*Without(session, {3, 4}).usd, one + other);
}

TEST(RecostTest, AnUnknownPriceIsNotZero) {
  Session session = Conversation();
  for (Step& step : session.steps) step.llm.model = "unknown-model";
  Savings saved = Without(session, {3});
  EXPECT_FALSE(saved.usd);
  EXPECT_EQ(saved.unknown_calls, 2);
  // A client's figure shrinks with the tokens.
  session.steps[2].llm.reported_cost = Dollars("0.01"), session.steps[4].llm.reported_cost = Dollars("0.02");
  EXPECT_EQ(Without(session, {3}).usd,
            Dollars("0.01") + Usd::Pico(20'000'000'000 - 20'000'000'000 * 1520 / 1770));
}

}  // namespace
}  // namespace clawtrace

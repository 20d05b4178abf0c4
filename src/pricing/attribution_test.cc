#include "pricing/attribution.h"

#include <gtest/gtest.h>

#include <ctime>

#include "base/growth_test_util.h"
#include "pricing/recost.h"

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

struct Said {
  int64_t output = 0;
  std::vector<int64_t> results;  // bytes
};

// A conversation whose prompts are read from the cache up to the one before, and written from there.
class Talk {
 public:
  Talk& Call(int64_t prompt, int64_t output, int64_t text_bytes = 0) {
    Step step;
    step.turn = ++turn_;
    step.llm.model = "claude-a", step.llm.text_bytes = text_bytes;
    int64_t read = std::min(sent_, prompt);
    step.llm.usage = Usage{.cache_read = read, .cache_write_5m = prompt - read, .output = output};
    sent_ = prompt;
    session_.steps.push_back(std::move(step));
    return *this;
  }
  Talk& Tool(int64_t output_bytes, int64_t args_bytes = 100) {
    Step step;
    step.kind = StepKind::kToolUse, step.turn = turn_;
    step.tool.args_bytes = args_bytes, step.result.output_bytes = output_bytes;
    session_.steps.push_back(std::move(step));
    return *this;
  }
  Step& last() { return session_.steps.back(); }
  Session& session() { return session_; }

 private:
  Session session_;
  int64_t sent_ = 0, turn_ = 0;
};

struct Views {
  PricedSession priced;
  PromptLayout layout;
  Attribution attribution;
  explicit Views(const Session& session, const PriceBook& book = Book())
      : priced(PriceSession(session, book)),
        layout(LayOutPrompts(session)),
        attribution(Attribute(priced, layout)) {}

  Usd Billed() const {
    Usd sum;
    for (size_t i = 0; i < priced.session->steps.size(); ++i)
      sum += BilledCost(priced.session->steps[i], priced.prices[i]).value_or(Usd());
    return sum;
  }
  Usd Attributed() const {
    Usd sum;
    for (const StepCost& step : attribution.steps) sum += step.total();
    for (const ReservedCost& row : attribution.reserved) sum += row.cost;
    return sum;
  }
  Usd Reserved(SegmentKind kind) const {
    Usd sum;
    for (const ReservedCost& row : attribution.reserved) sum += row.kind == kind ? row.cost : Usd();
    return sum;
  }
};

// Rates: input 3, output 15, read 0.30, write 3.75 per million.
TEST(AttributionTest, ContentIsPaidForWhereItIsSent) {
  Talk talk;
  // 1,000 tokens of base; an answer of 100, a result of 400; then one of 50 and 250 in two results.
  talk.Call(1000, 100).Tool(4000).Call(1500, 50).Tool(3000).Tool(1000).Call(1950, 10);
  Views views(talk.session());
  const auto& steps = views.attribution.steps;
  // Base: written once, read twice.
  EXPECT_EQ(views.Reserved(SegmentKind::kBase), Dollars("0.00375") + Dollars("0.0006"));
  // The first answer: output, written by the second call, read by the third.
  EXPECT_EQ(steps[0].own, Dollars("0.0015"));
  EXPECT_EQ(steps[0].context, Dollars("0.000375") + Dollars("0.00003"));
  EXPECT_EQ(steps[1].own, Usd());
  EXPECT_EQ(steps[1].context, Dollars("0.0015") + Dollars("0.00012"));
  EXPECT_FALSE(steps[1].estimated);
  // 400 tokens among two results by their bytes, written by the last call.
  EXPECT_EQ(steps[3].context, Dollars("0.001125"));
  EXPECT_EQ(steps[4].context, Dollars("0.000375"));
  EXPECT_TRUE(steps[3].estimated && steps[4].estimated);
  EXPECT_EQ(steps[5].context, Usd());
  EXPECT_EQ(views.Attributed(), views.Billed());
}

TEST(AttributionTest, ReasoningDoesNotComeBackAndTheRestIsTheUsers) {
  Talk talk;
  talk.Call(1000, 100, 50);
  talk.last().llm.usage->reasoning = 80;
  talk.Call(1100, 10);
  Views views(talk.session());
  EXPECT_EQ(views.attribution.steps[0].context, Dollars("0.000075"));  // 20 visible tokens, written
  EXPECT_EQ(views.Reserved(SegmentKind::kUser), Dollars("0.0003"));    // 80 that nobody else said
  // A result cannot have more tokens than bytes and wrapping; what is beyond came from the user.
  Talk long_user;
  long_user.Call(1000, 0).Tool(36).Call(2000, 10);
  Views capped(long_user.session());
  EXPECT_EQ(capped.attribution.steps[1].context, Dollars("0.000375"));
  EXPECT_TRUE(capped.attribution.steps[1].estimated);
  EXPECT_EQ(capped.Reserved(SegmentKind::kUser), Dollars("0.003375"));
}

TEST(AttributionTest, ACompactionLeavesBaseAndASummaryOfNamedSteps) {
  Talk talk;
  talk.Call(1000, 100).Tool(400).Call(1500, 50).Call(1200, 20).Call(1220, 1);
  talk.session().compactions = 1;
  Views views(talk.session());
  EXPECT_EQ(views.Attributed(), views.Billed());
  const ReservedCost* summary = nullptr;
  for (const ReservedCost& row : views.attribution.reserved) {
    if (row.kind == SegmentKind::kSummary) summary = &row;
  }
  ASSERT_TRUE(summary && summary->replaced);
  EXPECT_EQ(*summary->replaced, std::pair(size_t{0}, size_t{2}));
  // 200 tokens: the third prompt is read whole from the cache, and the fourth.
  EXPECT_EQ(summary->cost, Dollars("0.00012"));
  // Without a compaction on record the new base is one piece.
  talk.session().compactions = 0;
  Views plain(talk.session());
  EXPECT_EQ(plain.Reserved(SegmentKind::kSummary), Usd());
  EXPECT_EQ(plain.Attributed(), plain.Billed());
}

TEST(AttributionTest, ABranchSharesWhatWasSaidBeforeIt) {
  Talk talk;
  talk.Call(1000, 100).Tool(4000);
  talk.Call(1500, 50), talk.last().abandoned = true;
  talk.Tool(800), talk.last().abandoned = true;
  talk.Call(1700, 50), talk.last().abandoned = true;
  talk.Call(1510, 10).Call(1520, 10);
  Views views(talk.session());
  EXPECT_EQ(views.Attributed(), views.Billed());
  // 400 tokens of the first result, in two abandoned prompts and two kept ones.
  EXPECT_EQ(views.attribution.steps[1].context, Dollars("0.0015") + Dollars("0.00036"));
  // The abandoned result is in no kept prompt.
  EXPECT_EQ(views.attribution.steps[3].context, Dollars("0.0005625"));
  EXPECT_EQ(views.layout.epochs.size(), 2U);
}

TEST(AttributionTest, SideRequestsAreOutsideTheConversation) {
  Talk talk;
  talk.Call(1000, 100).Tool(4000).Call(300, 5).Call(1500, 10);
  Views views(talk.session());
  EXPECT_EQ(views.attribution.steps[2].context, Usd());
  EXPECT_GT(views.attribution.steps[1].context, Usd());
  EXPECT_EQ(views.Attributed(), views.Billed());
}

TEST(AttributionTest, ABillWithoutRatesIsSplitByTokens) {
  Talk talk;
  talk.Call(90, 10).Tool(100).Call(150, 50);
  for (size_t i : {size_t{0}, size_t{2}}) {
    LlmCall& llm = talk.session().steps[i].llm;
    llm.model = "unknown-model", llm.reported_cost = Usd::Pico(1001);
  }
  Views views(talk.session());
  // 1001 over 90 + 10 tokens: ten each; the answer's remainder is the largest.
  EXPECT_EQ(views.attribution.steps[0].own, Usd::Pico(101));
  // 1001 over 150 + 50: five each, 50 tokens of the result.
  EXPECT_EQ(views.attribution.steps[1].context, Usd::Pico(250));
  EXPECT_EQ(views.Attributed(), Usd::Pico(2002));
}

TEST(AttributionTest, UnpricedCallsTakeNoPart) {
  Talk talk;
  talk.Call(1000, 100).Tool(400).Call(1500, 10);
  for (Step& step : talk.session().steps) step.llm.model = "unknown-model";
  Views views(talk.session());
  EXPECT_FALSE(views.attribution.known);
  EXPECT_EQ(views.Attributed(), Usd());
  EXPECT_TRUE(views.attribution.reserved.empty());
}

TEST(AttributionTest, LongSessionsAreNotQuadratic) {
  Talk talk;
  int64_t prompt = 10'000;
  for (int i = 0; i < 25'000; ++i, prompt += 150) talk.Call(prompt, 50).Tool(400);
  std::clock_t begin = std::clock();
  Views views(talk.session());
  EXPECT_EQ(views.Attributed(), views.Billed());
  std::vector<size_t> every;
  for (size_t i = 1; i < talk.session().steps.size(); i += 4) every.push_back(i);
  Recoster recoster(views.priced, views.layout);
  EXPECT_GT(recoster.Without(every).usd, Usd());
  // Walking all segments for each call takes minutes; this is some tens of milliseconds.
  double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  if (test::kSecondsCount) {
    EXPECT_LT(seconds, 10);
  }
}

TEST(SplitTest, LargestRemainderTiesToTheFirst) {
  EXPECT_EQ(SplitByWeight(10, {1, 1, 1}), (std::vector<int64_t>{4, 3, 3}));
  EXPECT_EQ(SplitByWeight(10, {0, 0}), (std::vector<int64_t>{5, 5}));
  EXPECT_EQ(SplitByWeight(5, {1, 9}), (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(SplitByWeight(0, {3}), (std::vector<int64_t>{0}));
  EXPECT_TRUE(SplitByWeight(7, {}).empty());
}

}  // namespace
}  // namespace clawtrace

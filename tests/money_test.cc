// Money that adds up: on generated sessions and on every recording of the collection.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/file.h"
#include "capture/gather.h"
#include "compile/compile.h"
#include "support/data.h"
#include "support/generated_session.h"
#include "support/money_invariants.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

const PriceBook& Generated() {
  static const PriceBook book = *PriceBook::FromTsv(test::kGeneratedPrices, "generated");
  return book;
}

const PriceBook& Shipped() {
  static const PriceBook book =
      *PriceBook::FromTsv(*ReadFile(test::SourceDir() / "data/prices.tsv"), "prices.tsv");
  return book;
}

// The sum of both columns of a card, as its reader would add them.
std::string BrokenCard(const TraceCard& card) {
  Usd billed, attributed;
  for (const CardStep& step : card.steps) {
    billed += step.cost_usd.value_or(Usd());
    attributed += step.attributed_cost_usd.value_or(Usd());
    if (step.context_cost_usd && *step.context_cost_usd > *step.attributed_cost_usd)
      return "step " + step.id + ": context above all of it";
  }
  for (const ReservedRow& row : card.reserved_costs) attributed += row.cost_usd.value_or(Usd());
  if (billed != attributed) return "billed " + billed.ToDecimal() + ", attributed " + attributed.ToDecimal();
  Usd most;
  for (const RedundantGroup& group : card.redundant_tool_calls)
    most = std::max(most, group.expected_savings_usd.value_or(Usd()));
  if (card.saveable_usd.value_or(Usd()) > billed) return "more saveable than spent";
  return "";
}

std::vector<uint8_t> Bytes(size_t count) {
  return *rc::gen::container<std::vector<uint8_t>>(count, rc::gen::arbitrary<uint8_t>());
}

RC_GTEST_PROP(MoneyProperty, AddsUpForSmallSessions, (std::vector<uint8_t> bytes)) {
  Session session = test::SessionMaker(bytes).Make();
  RC_ASSERT(test::BrokenMoney(PriceSession(session, Generated())) == "");
}

RC_GTEST_PROP(MoneyProperty, AddsUpForLongSessions, ()) {
  Session session = test::SessionMaker(Bytes(1500)).Make();
  auto seed = *rc::gen::arbitrary<uint64_t>();
  RC_ASSERT(test::BrokenMoney(PriceSession(session, Generated()), seed) == "");
}

RC_GTEST_PROP(MoneyProperty, CardsShowBothViewsWhole, ()) {
  Session session = test::SessionMaker(Bytes(1200)).Make();
  RC_ASSERT(BrokenCard(compile::CompileCard(PriceSession(session, Generated()), Generated())) == "");
}

// Every session below a path; their number.
int64_t CheckSessions(const fs::path& path) {
  int64_t count = 0;
  capture::Plan plan = capture::PlanInputs({path.string()});
  for (const capture::Unit& unit : plan.units) {
    for (const Session& session : capture::ReadUnit(unit, plan, {}).sessions) {
      PricedSession priced = PriceSession(session, Shipped());
      EXPECT_EQ(test::BrokenMoney(priced), "") << path;
      EXPECT_EQ(BrokenCard(compile::CompileCard(priced, Shipped())), "") << path << ' ' << session.id;
      ++count;
    }
  }
  return count;
}

TEST(MoneyTest, AddsUpOnCommittedRecordings) {
  EXPECT_GT(CheckSessions(test::SourceDir() / "tests/golden"), 20);
  EXPECT_GT(CheckSessions(test::SourceDir() / "examples/recordings"), 20);
}

TEST(MoneyTest, AddsUpOnTheSharedCollection) {
  CT_NEEDS_SHARED_DATA();
  EXPECT_GT(CheckSessions(test::SharedData() / "clients"), 10);
  EXPECT_GT(CheckSessions(test::SharedData() / "suite"), 10);
  EXPECT_GT(CheckSessions(test::SharedData() / "sessions"), 10);
}

}  // namespace
}  // namespace clawtrace

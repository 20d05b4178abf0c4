#include "cli/verify_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace clawtrace::cli {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

PriceBook Book() {
  return *PriceBook::FromTsv(*ReadFile(std::string(CLAWTRACE_SOURCE_DIR) + "/data/prices.tsv"), "prices.tsv");
}

TEST(VerifySessionTest, IsOneSessionWithAllThatACollectorMayGetWrong) {
  PriceBook book = Book();
  VerifySession session = MakeVerifySession(7, book);
  EXPECT_EQ(session.id, "clawtrace-verify-0000000000000007");
  const TraceCard& card = session.card;
  EXPECT_EQ(card.session_id, session.id);
  EXPECT_EQ(card.agent, session.agent);
  EXPECT_EQ(card.llm_call_count, 15);
  EXPECT_EQ(card.tool_call_count, 13);
  EXPECT_EQ(card.spawn_count, 1);
  ASSERT_EQ(card.sub_agents.size(), 1u);
  EXPECT_EQ(card.sub_agents[0].llm_call_count, 3);
  EXPECT_EQ(card.failed_or_repaired_steps.size(), 1u);
  EXPECT_EQ(card.cost_status, CostStatus::kPriced);
  EXPECT_GT(card.total_tokens->cache_read, 0);
  EXPECT_EQ(session.bodies.size(), 5u);
}

TEST(VerifySessionTest, FollowsFromItsSeed) {
  PriceBook book = Book();
  EXPECT_EQ(MakeVerifySession(7, book).bodies, MakeVerifySession(7, book).bodies);
  EXPECT_NE(MakeVerifySession(7, book).word, MakeVerifySession(8, book).word);
}

TEST(VerifySessionTest, DifferencesAreNamed) {
  PriceBook book = Book();
  TraceCard ours = MakeVerifySession(7, book).card, theirs = ours;
  EXPECT_THAT(CompareCards(ours, theirs), IsEmpty());
  theirs.steps[4].tokens->output += 1;
  EXPECT_THAT(CompareCards(ours, theirs), Contains(HasSubstr("tokens of step 5")));
  theirs = ours, theirs.steps.pop_back();
  EXPECT_THAT(CompareCards(ours, theirs), Contains(HasSubstr("steps: ")));
  theirs = ours, theirs.total_cost_usd = Usd();
  EXPECT_THAT(CompareCards(ours, theirs), Contains(HasSubstr("cost: ")));
  theirs.price_book = "another";
  EXPECT_THAT(CompareCards(ours, theirs), IsEmpty()) << "amounts of two books say nothing";
  theirs = ours, theirs.task_id = "x";
  EXPECT_THAT(CompareCards(ours, theirs), Contains(HasSubstr("byte for byte")));
}

}  // namespace
}  // namespace clawtrace::cli

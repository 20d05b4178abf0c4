// What replay found out is what a card says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/compile.h"
#include "compile/scene_test_util.h"

namespace clawtrace::compile {
namespace {

// Step 2 reads, 4 reads again, 6 makes a scratch file.
Session Repeats() {
  return Make({{"read", R"({"path":"a"})", "alpha 4711"},
               {"read", R"({"path":"a"})", "alpha 4711"},
               {"bash", R"({"command":"cp a b"})", ""}});
}

ReplayReport Report(const Session& session, std::vector<StepVerdict> steps) {
  ReplayReport report;
  report.schema = "replay/1", report.session_id = session.id, report.steps_hash = HashOfSteps(session);
  report.steps = std::move(steps);
  report.minimal.emplace().saved_usd = Usd::Pico(42);
  return report;
}
StepVerdict Of(const std::string& step, Contribution verdict, const std::string& grade = "C1") {
  StepVerdict of;
  of.step = step, of.verdict = verdict, of.grade = grade;
  return of;
}
TraceCard CardOf(const Session& session, const ReplayReport* report) {
  PriceBook book;
  PricedSession priced = PriceSession(session, book);
  return CompileCard(priced, book, Depth::kFull, report);
}

TEST(Replayed, ProvenWasteIsRedundant) {
  Session session = Repeats();
  ReplayReport report = Report(session, {Of("2", Contribution::kNeeded), Of("4", Contribution::kNotNeeded),
                                         Of("6", Contribution::kNotNeeded)});
  TraceCard card = CardOf(session, &report);
  ASSERT_EQ(card.redundant_tool_calls.size(), 2u);
  EXPECT_EQ(card.redundant_tool_calls[0].reason, "exact_repeat");
  EXPECT_EQ(card.redundant_tool_calls[0].grade, "C1");
  EXPECT_EQ(card.redundant_tool_calls[1].reason, "not_needed") << "no detector suspected it";
  EXPECT_TRUE(card.steps[3].redundant);
  EXPECT_FALSE(card.steps[3].suspected);
  EXPECT_EQ(card.steps[3].outcome_contribution, Contribution::kNotNeeded);
  EXPECT_EQ(card.steps[3].grade, "C1");
  EXPECT_FALSE(card.steps[1].redundant);
  EXPECT_EQ(card.saveable_usd, Usd::Pico(42)) << "what the smallest trace leaves out";
}

TEST(Replayed, WhatIsNeededIsNoWasteWhateverDetectorsSay) {
  Session session = Repeats();
  ReplayReport report = Report(session, {Of("4", Contribution::kNeeded)});
  TraceCard card = CardOf(session, &report);
  EXPECT_THAT(card.redundant_tool_calls, testing::IsEmpty());
  EXPECT_FALSE(card.steps[3].suspected);
}

TEST(Replayed, WhatIsUnknownStaysSuspected) {
  Session session = Repeats();
  ReplayReport report = Report(session, {Of("4", Contribution::kUnknown, "C0")});
  TraceCard card = CardOf(session, &report);
  ASSERT_EQ(card.redundant_tool_calls.size(), 1u);
  EXPECT_EQ(card.redundant_tool_calls[0].grade, "C0");
  EXPECT_TRUE(card.steps[3].suspected);
}

TEST(Replayed, AFailureIsNeverRedundant) {
  Session session = Repeats();
  ReplayReport report = Report(session, {Of("6", Contribution::kNotNeeded)});
  report.steps[0].failed = true;
  TraceCard card = CardOf(session, &report);
  EXPECT_FALSE(card.steps[5].redundant);
}

TEST(Replayed, VerdictsAboutOtherStepsAreLeftAside) {
  Session session = Repeats();
  ReplayReport report = Report(session, {Of("4", Contribution::kNeeded)});
  session.steps[5].result.output_hash ^= 1;  // it came out otherwise
  TraceCard card = CardOf(session, &report);
  EXPECT_EQ(card, CardOf(session, nullptr));
  report = Report(session, {Of("4", Contribution::kNeeded)});
  report.session_id = "another";
  EXPECT_EQ(CardOf(session, &report), CardOf(session, nullptr));
}

}  // namespace
}  // namespace clawtrace::compile

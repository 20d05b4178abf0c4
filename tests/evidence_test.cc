// The evidence of recordings of one script by three clients: the same waste, told by the same shapes, and
// savings that never exceed what the session cost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "capture/gather.h"
#include "capture/whole_texts.h"
#include "distill/distill.h"
#include "distill/seed.h"
#include "replay/replayer.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::IsSupersetOf;
using testing::Not;

const PriceBook& Book() {
  static const PriceBook book = [] {
    auto text = ReadFile(test::SourceDir() / "data/prices.tsv");
    auto read = PriceBook::FromTsv(text.value_or(""), "prices.tsv");
    return read ? std::move(*read) : PriceBook();
  }();
  return book;
}

std::vector<distill::EvidenceSession> EvidenceOf(const fs::path& recording, bool replayed) {
  std::vector<distill::EvidenceSession> out;
  capture::Plan plan = capture::PlanInputs({(recording / "session").string()});
  for (const capture::Unit& unit : plan.units) {
    const capture::Unit* one = &unit;
    for (const Session& session : capture::ReadWholeUnits({&one, 1}, plan, {}).sessions) {
      PricedSession priced = PriceSession(session, Book());
      auto report = replay::Replay(priced, nullptr, {});
      out.push_back(distill::Extract(priced, Book(), replayed && report ? &*report : nullptr));
    }
  }
  return out;
}

std::vector<fs::path> Recordings(std::string_view run, std::string_view client) {
  std::vector<fs::path> paths;
  for (const auto& task : fs::directory_iterator(test::SourceDir() / "examples/recordings"))
    paths.push_back(task.path() / run / client);
  return paths;
}

// lesson -> how often its shape was not needed
std::map<std::string, size_t> WasteOf(const distill::EvidenceSession& session) {
  std::map<std::string, size_t> waste;
  for (const distill::Waste& found : session.waste) {
    if (!found.steps.empty()) waste[found.lesson] = found.steps.size();
  }
  return waste;
}

TEST(EvidenceTest, IsTheSameForEveryClient) {
  size_t sessions = 0;
  for (std::string_view run : {"wasteful", "lean"}) {
    std::vector<fs::path> codex = Recordings(run, "codex"), claude = Recordings(run, "claude-code");
    ASSERT_EQ(codex.size(), claude.size());
    for (size_t i = 0; i < codex.size(); ++i) {
      auto a = EvidenceOf(codex[i], true), b = EvidenceOf(claude[i], true);
      ASSERT_EQ(a.size(), 1u);
      ASSERT_EQ(b.size(), 1u);
      EXPECT_EQ(a[0].task, b[0].task);
      EXPECT_EQ(WasteOf(a[0]), WasteOf(b[0])) << codex[i];
      EXPECT_EQ(a[0].failures.size(), b[0].failures.size());
      sessions += 2;
    }
  }
  EXPECT_GE(sessions, 12u);
}

TEST(EvidenceTest, LeanRunsHoldNoWasteAndWastefulOnesDo) {
  for (std::string_view client : {"codex", "claude-code", "pi"}) {
    for (const fs::path& path : Recordings("lean", client)) {
      for (const auto& session : EvidenceOf(path, true)) EXPECT_TRUE(WasteOf(session).empty()) << path;
    }
    std::map<std::string, size_t> all;
    for (const fs::path& path : Recordings("wasteful", client)) {
      for (const auto& session : EvidenceOf(path, true)) {
        for (const auto& [lesson, count] : WasteOf(session)) all[lesson] += count;
      }
    }
    std::vector<std::string> lessons;
    for (const auto& [lesson, count] : all) lessons.push_back(lesson);
    EXPECT_THAT(lessons, IsSupersetOf({"listing/named", "exact_repeat/read", "repeated_look", "unread_plan"}))
        << client;
  }
}

TEST(EvidenceTest, AnOutputThatNothingTakesUpIsWasteOnlyWhereReplaySaysSo) {
  for (std::string_view client : {"codex", "claude-code", "pi"}) {
    fs::path recording = test::SourceDir() / "examples/recordings/rename-function/wasteful" / client;
    auto proven = EvidenceOf(recording, true), suspected = EvidenceOf(recording, false);
    ASSERT_EQ(proven.size(), 1u);
    ASSERT_EQ(suspected.size(), 1u);
    EXPECT_THAT(WasteOf(proven[0]), Contains(testing::Pair("unused_output", 1u))) << client;
    EXPECT_THAT(WasteOf(suspected[0]), Not(Contains(testing::Key("unused_output")))) << client;
  }
}

TEST(EvidenceTest, SavingsAreOfTheSessionAndOfProvenSteps) {
  for (const fs::path& path : Recordings("wasteful", "claude-code")) {
    auto proven = EvidenceOf(path, true), suspected = EvidenceOf(path, false);
    ASSERT_EQ(proven.size(), 1u);
    Usd total = proven[0].card.total_cost_usd.value_or(Usd());
    ASSERT_TRUE(proven[0].lean_cost_usd);
    EXPECT_GT(*proven[0].lean_cost_usd, Usd());
    EXPECT_LT(*proven[0].lean_cost_usd, total);
    for (const distill::Waste& waste : proven[0].waste) {
      if (waste.steps.empty()) continue;
      EXPECT_TRUE(waste.proven) << waste.lesson;
      ASSERT_TRUE(waste.saved_usd);
      EXPECT_LE(*waste.saved_usd, total - *proven[0].lean_cost_usd) << waste.lesson;
    }
    for (const distill::Waste& waste : suspected[0].waste) EXPECT_FALSE(waste.proven) << waste.lesson;
    EXPECT_FALSE(suspected[0].lean_cost_usd);
    for (const distill::FailureSaving& failure : proven[0].failures) {
      EXPECT_TRUE(failure.saved_usd) << path;
      EXPECT_GT(*failure.saved_usd, Usd());
    }
  }
}

TEST(EvidenceTest, ASessionGivenTwiceOrInAnotherOrderIsTheSameEvidence) {
  std::vector<distill::EvidenceSession> sessions;
  for (const char* run : {"wasteful", "lean"}) {
    for (const fs::path& path : Recordings(run, "codex")) {
      for (auto& session : EvidenceOf(path, true)) sessions.push_back(std::move(session));
    }
  }
  std::vector<distill::EvidenceSession> doubled(sessions.rbegin(), sessions.rend());
  doubled.insert(doubled.end(), sessions.begin(), sessions.begin() + 3);
  auto text = [](std::vector<distill::EvidenceSession> given) {
    std::string all;
    for (const Patch& patch : distill::ProposePatches(distill::Gather(std::move(given))))
      all += EncodePatch(patch, false);
    return all;
  };
  std::string once = text(sessions);
  EXPECT_FALSE(once.empty());
  EXPECT_EQ(text(doubled), once);
}

TEST(EvidenceTest, SessionsWithoutOutcomesOrOfTooFewTasksAreAdvisedAgainst) {
  std::vector<distill::EvidenceSession> sessions = EvidenceOf(Recordings("wasteful", "codex")[0], true);
  std::vector<std::string> against;
  for (const distill::SeedVerdict& verdict : distill::WhenNotTo(distill::Gather(sessions))) {
    if (verdict.advice == distill::Advice::kDoNot) against.emplace_back(verdict.check);
  }
  EXPECT_THAT(against, IsSupersetOf({"no_oracle", "few_tasks"}));
  EXPECT_THAT(against, Not(Contains("nothing_saveable")));
  EXPECT_THAT(against, Not(Contains("short_sessions")));
}

}  // namespace
}  // namespace clawtrace

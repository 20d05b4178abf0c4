#include "replay/state_trials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "replay/rebuild.h"
#include "replay/replayer.h"
#include "replay/session_test_util.h"
#include "replay/workplace_test_util.h"

namespace clawtrace::replay {
namespace {

Session Task() {
  return SessionMaker("Count the lines of a.txt into out/n.")
      .Say("")
      .Bash("ls", "a.txt\n")
      .Say("")
      .Bash("mkdir -p out", "")
      .Say("")
      .Bash("cp a.txt scratch.txt", "")
      .Say("")
      .Bash("wc -l < a.txt", "3\n")
      .Say("It says 3.")
      .Bash("echo 3 > out/n", "")
      .Say("Done: 3.")
      .Take();
}

class StateTrialsTest : public testing::Test {
 protected:
  void SetUp() override {
    CT_NEEDS_SANDBOX();
    workspace_.Write("a.txt", "one\ntwo\nthree\n");
  }
  TrialSite Site(const std::string& oracle = "test $(cat out/n) = 3") {
    TrialSite site;
    site.workspace = workspace_.path(), site.at = site.recorded_at = "/tmp/demo";
    site.scratch = scratch_.path(), site.cache = cache_.path(), site.program = "test";
    site.open = [](const WorkplaceOptions& options) { return OpenSandbox(options, TestHost()); };
    auto spec = OracleNamed(oracle, "");
    EXPECT_TRUE(spec);
    site.oracle = *spec;
    return site;
  }
  Result<ReplayReport> Replayed(TrialSite site) {
    priced_ = PriceSession(session_, PriceBook());
    timeline_ = TimelineOf(session_);
    auto trials = StateTrials::Make(timeline_, std::move(site));
    if (!trials) return std::unexpected(trials.error());
    ReplayOptions options;
    options.threads = 2;
    return Replay(priced_, trials->get(), options);
  }
  Session session_ = Task();
  PricedSession priced_;
  std::vector<Moment> timeline_;
  test::TempFolder workspace_, scratch_, cache_;
};

TEST_F(StateTrialsTest, VerdictsOfARealExecution) {
  auto report = Replayed(Site());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->closed, "");
  EXPECT_EQ(report->fidelity_ppm, 1'000'000);
  std::map<std::string, Contribution> verdicts;
  for (const StepVerdict& step : report->steps) verdicts[step.step] = step.verdict;
  EXPECT_EQ(verdicts["2"], Contribution::kNotNeeded);
  EXPECT_EQ(verdicts["4"], Contribution::kNeeded);
  EXPECT_EQ(verdicts["6"], Contribution::kNotNeeded) << "a scratch copy";
  EXPECT_EQ(verdicts["10"], Contribution::kNeeded);
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "out")) << "the workspace is never written to";
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
}

TEST_F(StateTrialsTest, ASecondRunExecutesNothingAndSaysTheSame) {
  auto first = Replayed(Site());
  auto second = Replayed(Site());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->from_cache, 0);
  EXPECT_EQ(second->from_cache, second->candidates);
  second->from_cache = 0;
  EXPECT_EQ(*first, *second);
}

TEST_F(StateTrialsTest, AnswersAreOfOneWorkspaceOneOracleAndOneProgram) {
  ASSERT_TRUE(Replayed(Site()));
  TrialSite other = Site();
  other.program = "another";
  EXPECT_EQ(Replayed(std::move(other))->from_cache, 0);
  EXPECT_EQ(Replayed(Site("test -s out/n"))->from_cache, 0);
  workspace_.Write("b.txt", "more");
  EXPECT_EQ(Replayed(Site())->from_cache, 0);
}

TEST_F(StateTrialsTest, ADamagedAnswerIsExecutedAgain) {
  auto first = Replayed(Site());
  ASSERT_TRUE(first);
  for (const auto& entry : std::filesystem::directory_iterator(cache_.path()))
    std::filesystem::resize_file(entry.path(), std::filesystem::file_size(entry.path()) / 2);
  auto again = Replayed(Site());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->from_cache, 0);
  EXPECT_EQ(*first, *again);
}

TEST(RebuildTest, WhatWasShownWholeIsThereAndTheRestIsNamed) {
  Session session = SessionMaker("Go.")
                        .Say("")
                        .Read("a.txt", "one\ntwo")
                        .Say("")
                        .Bash("cat sub/b.txt", "bee\n")
                        .Say("")
                        .Write("new.txt", "mine")
                        .Say("")
                        .Read("new.txt", "mine")
                        .Say("")
                        .Tool("read", R"({"path":"big.txt","offset":10,"limit":2})", "x\ny")
                        .Say("")
                        .Read("../outside.txt", "no")
                        .Say("")
                        .Bash("grep x other.txt", "x")
                        .Take();
  std::vector<Moment> timeline = TimelineOf(session);
  std::vector<tools::ToolMeaning> meanings;
  for (const Moment& moment : timeline) {
    bool tool = moment.step->kind != StepKind::kLlmCall;
    meanings.push_back(tool ? tools::MeaningOf(moment.step->tool, "/tmp/demo") : tools::ToolMeaning());
  }
  test::TempFolder folder;
  auto gaps = RebuildWorkspace(timeline, meanings, folder.path());
  ASSERT_TRUE(gaps);
  EXPECT_EQ(folder.Read("a.txt"), "one\ntwo\n");
  EXPECT_EQ(folder.Read("sub/b.txt"), "bee\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "new.txt")) << "the session made it";
  EXPECT_FALSE(std::filesystem::exists(folder / "../outside.txt"));
  EXPECT_THAT(*gaps, testing::Contains("big.txt was shown in part"));
  EXPECT_THAT(*gaps, testing::Contains("other.txt was never shown"));
}

}  // namespace
}  // namespace clawtrace::replay

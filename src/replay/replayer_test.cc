#include "replay/replayer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "replay/session_test_util.h"

namespace clawtrace::replay {
namespace {

// A world in which the outcome depends on which steps were kept, said by the test.
class SaidTrials final : public Trials {
 public:
  using Rule = std::function<bool(const std::set<size_t>& kept)>;
  SaidTrials(const Session& session, Rule passes)
      : timeline_(TimelineOf(session)), passes_(std::move(passes)) {}

  Result<Trial> Run(const std::vector<bool>& keep, bool) override {
    Trial trial;
    std::set<size_t> kept;
    trial.execution.runs.resize(timeline_.size());
    for (size_t i = 0; i < timeline_.size(); ++i) {
      const Step& step = *timeline_[i].step;
      if (step.kind == StepKind::kLlmCall || !keep[i]) continue;
      kept.insert(i + 1);
      StepRun& run = trial.execution.runs[i];
      run.ran = true, run.ok = step.result.status == ToolStatus::kOk, run.output = step.result.output;
      run.match = mismatched.contains(i + 1) ? Match::kDiffers : Match::kMatched;
      run.changed = changed.contains(i + 1) ? changed.at(i + 1) : std::vector<std::string>();
      if (breaks && breaks(i + 1, kept)) run.ok = false, run.output = "No such file";
      for (const std::string& path : run.changed)
        trial.execution.final_tree[path].hash = restless.contains(path) ? 1'000U + unsigned(runs) : i;
      ++trial.execution.comparable, trial.execution.matched += run.match == Match::kMatched;
    }
    if (with_oracle)
      trial.judgement.emplace().status = passes_(kept) ? OracleStatus::kPass : OracleStatus::kFail;
    ++runs;
    return trial;
  }
  Result<std::optional<Judgement>> JudgeStart() override {
    if (!with_oracle) return std::optional<Judgement>();
    Judgement judgement;
    judgement.status = passes_({}) ? OracleStatus::kPass : OracleStatus::kFail;
    return judgement;
  }
  Result<Tree> StartTree() override { return Tree(); }
  std::string oracle_id() const override { return "said"; }
  std::string oracle_command() const override { return "said"; }
  int64_t known() const override { return 0; }

  std::map<size_t, std::vector<std::string>> changed;  // by step number
  std::set<std::string> restless;                      // other in each execution
  std::set<size_t> mismatched;
  std::function<bool(size_t step, const std::set<size_t>& kept)> breaks;
  bool with_oracle = true;
  std::atomic<int> runs = 0;

 private:
  std::vector<Moment> timeline_;
  Rule passes_;
};

struct Replayed {
  explicit Replayed(Session of) : session(std::move(of)), priced(PriceSession(session, PriceBook())) {}
  ReplayReport With(Trials* trials, ReplayOptions options = {}) {
    options.threads = 2;
    auto report = Replay(priced, trials, options);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report ? *report : ReplayReport();
  }
  Session session;
  PricedSession priced;
};

StepVerdict Of(const ReplayReport& report, const std::string& step) {
  for (const StepVerdict& verdict : report.steps) {
    if (verdict.step == step) return verdict;
  }
  return {};
}
Contribution VerdictOf(const ReplayReport& report, const std::string& step) {
  return Of(report, step).verdict;
}

// 2 read, 4 useless write, 6 needed write, 8 repeated read.
Session Wasteful() {
  return SessionMaker("Go.")
      .Say("")
      .Read("a", "ticket MIG-4471")
      .Say("")
      .Write("tmp.txt", "scratch")
      .Say("")
      .Write("out.txt", "MIG-4471")
      .Say("")
      .Read("a", "ticket MIG-4471")
      .Say("Done: MIG-4471.")
      .Take();
}

TEST(Replayer, WithoutAWorkspaceOnlyStepsThatLookAreDecided) {
  Replayed replayed(Wasteful());
  ReplayReport report = replayed.With(nullptr);
  EXPECT_EQ(VerdictOf(report, "2"), Contribution::kNeeded);
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kUnknown);
  EXPECT_EQ(Of(report, "4").grade, "C0");
  EXPECT_EQ(VerdictOf(report, "8"), Contribution::kNotNeeded);
  EXPECT_FALSE(Of(report, "8").outcome_checked);
  EXPECT_EQ(Of(report, "8").grade, "C1");
  EXPECT_EQ(report.needed, 1);
  EXPECT_EQ(report.not_needed, 1);
  EXPECT_EQ(report.unknown, 2);
}

TEST(Replayer, TheOracleDecidesAboutWrites) {
  Replayed replayed(Wasteful());
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  ReplayReport report = replayed.With(&trials);
  EXPECT_EQ(report.closed, "");
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kNotNeeded);
  EXPECT_TRUE(Of(report, "4").outcome_checked);
  EXPECT_THAT(Of(report, "4").files_differ, testing::ElementsAre("tmp.txt"));
  EXPECT_EQ(VerdictOf(report, "6"), Contribution::kNeeded);
  EXPECT_EQ(Of(report, "6").channel, "oracle");
  ASSERT_TRUE(report.minimal);
  EXPECT_THAT(report.minimal->kept, testing::ElementsAre("2", "6"));
  EXPECT_EQ(report.minimal->llm_calls, 3);
  EXPECT_TRUE(report.minimal->outcome_checked);
}

TEST(Replayer, AFileThatTheTaskNamesMustBeAsBefore) {
  Session session = Wasteful();
  session.prompt = "Write tmp.txt and out.txt.";
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  EXPECT_EQ(VerdictOf(replayed.With(&trials), "4"), Contribution::kUnknown);
}

TEST(Replayer, AFileThatIsOtherEachTimeSaysNothingAboutAStep) {
  Session session = Wasteful();
  session.prompt = "Write out.txt.";
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  trials.restless = {"out.txt"};
  ReplayReport report = replayed.With(&trials);
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kNotNeeded);
  EXPECT_EQ(VerdictOf(report, "6"), Contribution::kNeeded);
  EXPECT_EQ(VerdictOf(report, "8"), Contribution::kNotNeeded);
  trials.with_oracle = false;
  report = replayed.With(&trials);
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kUnknown) << "nothing says that out.txt is still right";
  EXPECT_EQ(VerdictOf(report, "8"), Contribution::kNotNeeded) << "it changed nothing";
}

// A look that said something else when it was executed: what it told then is not known.
TEST(Replayer, ALookThatCannotBeJudgedIsNotNeededForThat) {
  Session session = Wasteful();
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  trials.mismatched = {8};
  ReplayReport report = replayed.With(&trials, {.least_fidelity_ppm = 700'000});
  EXPECT_EQ(VerdictOf(report, "8"), Contribution::kUnknown);
  EXPECT_THAT(Of(report, "8").reason, testing::HasSubstr("came out otherwise than recorded"));
}

TEST(Replayer, WhatThePersonSaysLaterIsTheTaskToo) {
  Session session = Wasteful();
  session.later_prompts = {"Also keep tmp.txt."};
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  EXPECT_EQ(VerdictOf(replayed.With(&trials), "4"), Contribution::kUnknown);
}

TEST(Replayer, WithoutAnOracleFilesMustBeAsBefore) {
  Replayed replayed(Wasteful());
  SaidTrials trials(replayed.session, nullptr);
  trials.with_oracle = false;
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  ReplayReport report = replayed.With(&trials);
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kUnknown);
  trials.changed = {{6, {"out.txt"}}};
  report = replayed.With(&trials);
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kNotNeeded);
  EXPECT_FALSE(Of(report, "4").outcome_checked);
}

TEST(Replayer, AnOracleThatAlwaysPassesDecidesNothing) {
  Replayed replayed(Wasteful());
  SaidTrials trials(replayed.session, [](const std::set<size_t>&) { return true; });
  ReplayReport report = replayed.With(&trials);
  EXPECT_THAT(report.closed, testing::HasSubstr("does not discriminate"));
  EXPECT_EQ(report.unknown, 4);
  EXPECT_FALSE(report.minimal);
}

TEST(Replayer, AnOracleThatFailsOnTheRecordingDecidesNothingButExplains) {
  Replayed replayed(Wasteful());
  SaidTrials trials(replayed.session, [](const std::set<size_t>&) { return false; });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  ReplayReport report = replayed.With(&trials);
  EXPECT_THAT(report.closed, testing::HasSubstr("does not discriminate"));
  EXPECT_EQ(report.unknown, 4);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->step, "4") << "the earliest step whose writing stands";
}

TEST(Replayer, AStepThatDidHarmIsTheExplanation) {
  Replayed replayed(Wasteful());
  SaidTrials trials(replayed.session,
                    [](const std::set<size_t>& kept) { return kept.contains(4) && !kept.contains(6); });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  ReplayReport report = replayed.With(&trials);
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->step, "6");
  EXPECT_THAT(report.failure->passes_without, testing::ElementsAre("6"));
}

TEST(Replayer, ARecordingThatComesOutOtherwiseDecidesNothing) {
  Replayed replayed(Wasteful());
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.mismatched = {6};
  EXPECT_THAT(replayed.With(&trials).closed, testing::HasSubstr("3 of 4"));
}

TEST(Replayer, OfTwoThatSufficeOneStays) {
  Session session = SessionMaker("Go.").Say("").Write("x1", "a").Say("").Write("x2", "a").Say("done").Take();
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session,
                    [](const std::set<size_t>& kept) { return kept.contains(2) || kept.contains(4); });
  trials.changed = {{2, {"x1"}}, {4, {"x2"}}};
  ReplayReport report = replayed.With(&trials);
  EXPECT_EQ(VerdictOf(report, "2"), Contribution::kNeeded);
  EXPECT_EQ(Of(report, "2").channel, "replay");
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kNotNeeded);
}

TEST(Replayer, AWriteThatALookNeedsIsNotDecided) {
  // The look at draft.txt fails without the draft, but nobody needs it.
  Session session = SessionMaker("Go.")
                        .Say("")
                        .Write("draft.txt", "scratch")
                        .Say("")
                        .Read("draft.txt", "scratch")
                        .Say("")
                        .Write("out.txt", "final")
                        .Say("done")
                        .Take();
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed = {{2, {"draft.txt"}}, {6, {"out.txt"}}};
  trials.breaks = [](size_t step, const std::set<size_t>& kept) { return step == 4 && !kept.contains(2); };
  ReplayReport report = replayed.With(&trials);
  EXPECT_EQ(VerdictOf(report, "2"), Contribution::kUnknown) << "as long as the look stays";
  EXPECT_EQ(Of(report, "2").reason, "without it step 4 fails, which only looked");
  EXPECT_EQ(VerdictOf(report, "4"), Contribution::kUnknown) << "a read-back";
}

TEST(Replayer, AStepThatAnotherNeedsStays) {
  Session session = SessionMaker("Go.")
                        .Say("")
                        .Bash("mkdir -p out", "")
                        .Say("")
                        .Bash("./gen > out/x", "")
                        .Say("done")
                        .Take();
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(4); });
  trials.changed = {{2, {"out"}}, {4, {"out/x"}}};
  trials.breaks = [](size_t step, const std::set<size_t>& kept) { return step == 4 && !kept.contains(2); };
  ReplayReport report = replayed.With(&trials);
  EXPECT_EQ(VerdictOf(report, "2"), Contribution::kNeeded);
  EXPECT_EQ(Of(report, "2").reason, "without it step 4 fails");
  EXPECT_THAT(Of(report, "2").evidence, testing::ElementsAre("4"));
}

TEST(Replayer, WhatOnlyAnUndecidedStepTakesUpIsUndecided) {
  auto session = [](const std::string& later) {
    return SessionMaker("Go.")
        .Say("")
        .Tool("ls", R"({"path":"."})", "alpha.txt\nbeta.txt")
        .Say("Now beta.txt.")
        .Read("beta.txt", "seven crew members")
        .Say(later)
        .Bash("echo 7 > out", "")
        .Say("done")
        .Take();
  };
  Replayed vain(session("members of it"));
  SaidTrials trials(vain.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed[6] = {"out"};
  ReplayReport report = vain.With(&trials);
  EXPECT_EQ(Of(report, "4").verdict, Contribution::kUnknown) << Of(report, "4").reason;
  EXPECT_EQ(Of(report, "2").verdict, Contribution::kUnknown) << Of(report, "2").reason;
  EXPECT_EQ(Of(report, "2").grade, "C0");

  Replayed used(session("seven crew members it is"));
  SaidTrials other(used.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  other.changed[6] = {"out"};
  report = used.With(&other);
  EXPECT_EQ(Of(report, "4").verdict, Contribution::kNeeded) << Of(report, "4").reason;
  EXPECT_EQ(Of(report, "2").verdict, Contribution::kNeeded) << Of(report, "2").reason;
}

TEST(Replayer, FailuresGoFromTheSmallestTraceAndSayThatTheyFailed) {
  Session session = SessionMaker("Go.")
                        .Say("")
                        .Bash("python -c 1", "python: command not found", ToolStatus::kError)
                        .Say("No such command; python3 then.")
                        .Write("out.txt", "final")
                        .Say("done")
                        .Take();
  Replayed replayed(std::move(session));
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(4); });
  trials.changed = {{4, {"out.txt"}}};
  ReplayReport report = replayed.With(&trials);
  EXPECT_TRUE(Of(report, "2").failed);
  ASSERT_TRUE(report.minimal);
  EXPECT_THAT(report.minimal->dropped, testing::ElementsAre("2"));
}

TEST(Replayer, WhatTheBudgetDidNotReachIsUnknown) {
  Replayed replayed(Wasteful());
  SaidTrials trials(replayed.session, [](const std::set<size_t>& kept) { return kept.contains(6); });
  trials.changed = {{4, {"tmp.txt"}}, {6, {"out.txt"}}};
  ReplayOptions options;
  options.out_of_budget = [] { return true; };
  auto report = Replay(replayed.priced, &trials, options);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->out_of_budget);
  EXPECT_EQ(VerdictOf(*report, "4"), Contribution::kUnknown);
  EXPECT_EQ(VerdictOf(*report, "6"), Contribution::kUnknown);
}

TEST(Replayer, ReportsSurviveBeingWritten) {
  Replayed replayed(Wasteful());
  ReplayReport report = replayed.With(nullptr);
  for (bool json : {false, true}) {
    auto again = DecodeReplayReport(EncodeReplayReport(report, json), "report");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, report);
  }
}

}  // namespace
}  // namespace clawtrace::replay

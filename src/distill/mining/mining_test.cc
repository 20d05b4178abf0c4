#include "distill/mining/mining.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "distill/mining/contrast.h"
#include "distill/mining/random.h"
#include "distill/mining/rules.h"
#include "distill/mining/stratified.h"

namespace clawtrace::distill {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// "read check! read": steps by their coarse signature, "!" fails, "?" finds nothing.
EvidenceSession Session(const std::string& task, const std::string& id, bool pass, std::string_view steps) {
  EvidenceSession session;
  session.task = task, session.card.session_id = id, session.card.source_hash = "hash-" + id;
  session.outcome = pass ? Verdict::kSuccess : Verdict::kFailure;
  for (std::string_view word : Split(steps, ' ')) {
    if (word.empty()) continue;
    EvidenceStep step;
    step.kind = StepKind::kToolUse, step.turn = static_cast<int64_t>(session.steps.size()) + 1;
    step.id = std::to_string(step.turn), step.call_id = "c" + step.id;
    std::string status = word.ends_with('!') ? "err" : word.ends_with('?') ? "empty" : "ok";
    if (status != "ok") word.remove_suffix(1);
    step.signature.coarse = word;
    step.signature.medium = step.signature.coarse + "|" + status;
    step.signature.fine = step.signature.coarse + "|-|-|" + status;
    session.steps.push_back(std::move(step));
  }
  return session;
}

// With the arguments of its steps, in their order.
EvidenceSession Calling(EvidenceSession session, const std::vector<std::string>& args) {
  for (size_t i = 0; i < args.size(); ++i) session.steps.at(i).args = args[i];
  return session;
}

std::vector<std::string> NamesOf(const EvidenceBase& base) {
  std::vector<const EvidenceSession*> sessions;
  for (const EvidenceSession& session : base.sessions) sessions.push_back(&session);
  std::vector<std::string> names;
  for (const Feature& feature : FindFeatures(sessions, {.sessions = 1, .tasks = 1}).features)
    names.push_back(PatternName(feature));
  return names;
}

TEST(FeaturesTest, OfOneSessionAgainstAnother) {
  EvidenceBase base;
  base.sessions = {Session("a", "1", true, "read edit edit check! check! list"),
                   Session("b", "2", true, "plan")};
  std::vector<std::string> names = NamesOf(base);
  for (const char* name : {"read", "read|ok", "read|-|-|ok", "read > edit", "read|ok > edit|ok",
                           "edit .. list", "edit x2", "check|err x2", "loop check|err", "error_left"})
    EXPECT_THAT(names, Contains(name));
  for (const char* name :
       {"read > list", "edit|ok x3", "loop edit|ok", "edit > edit", "last_change_unchecked"})
    EXPECT_THAT(names, Not(Contains(name)));
}

TEST(FeaturesTest, OrderedPairsReachFiveStepsFar) {
  EvidenceBase base;
  base.sessions = {Session("a", "1", true, "read s1 s2 s3 s4 edit"),
                   Session("b", "2", true, "read s1 s2 s3 s4 s5 edit")};
  std::vector<const EvidenceSession*> sessions = {&base.sessions[0], &base.sessions[1]};
  FeatureSet set = FindFeatures(sessions, {.sessions = 1, .tasks = 1});
  auto far =
      std::ranges::find_if(set.features, [](const Feature& f) { return PatternName(f) == "read .. edit"; });
  ASSERT_NE(far, set.features.end());
  EXPECT_THAT(set.sessions[static_cast<size_t>(far - set.features.begin())], ElementsAre(0));
}

TEST(FeaturesTest, EndsOfSessions) {
  auto shows = [](std::string_view name, std::string_view steps) {
    Feature feature = {FeatureKind::kLast, Granularity::kCoarse, std::string(name), ""};
    return StepsThatShow(feature, Session("a", "1", true, steps));
  };
  EXPECT_THAT(shows("last_change_unchecked", "edit check write read"), ElementsAre(2));
  EXPECT_THAT(shows("last_change_unchecked", "edit write check"), IsEmpty());
  EXPECT_THAT(shows("last_change_unchecked", "read"), IsEmpty());
  EXPECT_THAT(shows("error_left", "exec! read exec!"), ElementsAre(2));
  EXPECT_THAT(shows("error_left", "exec! read exec"), IsEmpty());
}

TEST(FeaturesTest, WhatUsuallyFollowsMayBeMissing) {
  EvidenceBase base;
  for (int i = 0; i < 6; ++i)
    base.sessions.push_back(
        Session("t" + std::to_string(i), std::to_string(i), true, i < 3 ? "open close" : "close open"));
  std::vector<const EvidenceSession*> sessions;
  for (const EvidenceSession& session : base.sessions) sessions.push_back(&session);
  FeatureSet set = FindFeatures(sessions, {});
  std::vector<std::string> names;
  for (const Feature& feature : set.features) names.push_back(PatternName(feature));
  ASSERT_THAT(names, Contains("open without close"));
  size_t at = static_cast<size_t>(std::ranges::find(names, "open without close") - names.begin());
  EXPECT_THAT(set.sessions[at], ElementsAre(3, 4, 5));
  EXPECT_THAT(StepsThatShow(set.features[at], base.sessions[3]), ElementsAre(1));
  EXPECT_THAT(StepsThatShow(set.features[at], base.sessions[0]), IsEmpty());
}

TEST(FeaturesTest, StepsOfOneKindInARowAreTheSameAgainWhenTheCallIs) {
  auto same = [](FeatureKind kind, std::string_view steps, const std::vector<std::string>& args) {
    EvidenceSession session = Calling(Session("a", "1", true, steps), args);
    return IsSameAgain(kind, session, SequencesOf({&session}).runs[0][0][0]);
  };
  std::string one = R"({"path":"a"})", other = R"({"path":"b"})";
  for (FeatureKind kind : {FeatureKind::kRepeat, FeatureKind::kLoop}) {
    EXPECT_TRUE(same(kind, "read read edit", {one, one, other}));
    EXPECT_FALSE(same(kind, "read read", {one, other}));
    EXPECT_FALSE(same(kind, "read read", {})) << "not known";
    EXPECT_FALSE(same(kind, "read read", {std::string(kMaxArgs, 'x'), std::string(kMaxArgs, 'x')})) << "cut";
  }
  EXPECT_TRUE(same(FeatureKind::kLoop, "read! read? read!", {one, other, one})) << "in vain each time";
  EXPECT_FALSE(same(FeatureKind::kLoop, "read! read read!", {one, other, one}));
  EXPECT_FALSE(same(FeatureKind::kRepeat, "read! read!", {one, other}));
}

TEST(FeaturesTest, CostLiesInTheDearestTenth) {
  EvidenceSession session = Session("a", "1", true, "read edit check");
  EXPECT_THAT(DearSteps(session), IsEmpty()) << "costs are not known";
  for (size_t i = 0; i < 3; ++i) session.steps[i].attributed_cost_usd = Usd::Parse(i == 1 ? "0.5" : "0.1");
  EXPECT_THAT(DearSteps(session), ElementsAre(1));
  Feature dear = {FeatureKind::kDear, Granularity::kCoarse, "edit", ""};
  EXPECT_THAT(StepsThatShow(dear, session), ElementsAre(1));
}

TEST(FeaturesTest, TextBesideToolsIsNoStepOfItsOwn) {
  EvidenceSession session = Session("a", "1", true, "read reply reply");
  for (size_t i : {size_t(1), size_t(2)}) session.steps[i].kind = StepKind::kLlmCall;
  session.steps[1].turn = session.steps[0].turn;
  Sequences sequences = SequencesOf({&session});
  ASSERT_THAT(sequences.runs[0][0], SizeIs(2)) << "the first reply asked for the reading";
  EXPECT_EQ(sequences.runs[0][0][1].first, 2u);
}

// Two strata of four sessions: passed and shown in full agreement in the first.
TEST(StratifiedTest, SumsAsByHand) {
  StratifiedTest test({{0, 0, 0, 0, 1, 1, 1, 1}, {true, true, false, false, true, false, false, false}});
  std::vector<uint32_t> shown = {0, 1, 5};
  StratifiedTest::Association association = test.Of(shown);
  // a - E: 2 - 2*2/4 = 1 and 0 - 1*1/4.
  EXPECT_DOUBLE_EQ(association.sum, 0.75);
  // V: 2*2*2*2/(16*3) and 1*3*1*3/(16*3).
  EXPECT_DOUBLE_EQ(association.variance, 16.0 / 48 + 9.0 / 48);
  // Weighted by n1 n0 / n: (2*2 - 0)/4 = 1 of 1, and (0*3 - 1*1)/4 of 3/4.
  RiskDifference difference = RiskDifferenceOf(test.Tables(shown), 200, 1);
  EXPECT_EQ(difference.difference_ppm, std::llround((1 - 0.25) / (1 + 0.75) * 1e6));
  EXPECT_LE(difference.low_ppm, difference.difference_ppm);
  EXPECT_GE(difference.high_ppm, difference.difference_ppm);
  double square = 0;
  for (double value : test.Centred(shown)) square += value * value;
  EXPECT_DOUBLE_EQ(square, association.variance);
}

TEST(StratifiedTest, HardTasksAreNoEvidence) {
  // Tasks that all fail show it always, tasks that all pass never: raw counts would be convinced.
  Outcomes outcomes;
  std::vector<uint32_t> shown;
  for (uint32_t i = 0; i < 40; ++i) {
    outcomes.stratum.push_back(i / 4), outcomes.pass.push_back(i < 20);
    if (i >= 20) shown.push_back(i);
  }
  EXPECT_EQ(StratifiedTest(outcomes).Of(shown).variance, 0);
}

TEST(StratifiedTest, OfAProxyNothingRemains) {
  Outcomes outcomes;
  std::vector<uint32_t> cause, other, both, neither;
  FixedRandom random(3);
  for (uint32_t i = 0; i < 400; ++i) {
    bool a = random.Below(2) == 0, b = random.Below(2) == 0;
    if (a) cause.push_back(i);
    if (b) other.push_back(i);
    if (a && b) both.push_back(i);
    if (!a) neither.push_back(i);
    outcomes.stratum.push_back(i / 5);
    outcomes.pass.push_back(random.Below(10) < 2U + (a ? 3U : 0U) + (b ? 3U : 0U));
  }
  StratifiedTest test(outcomes);
  Remainder remainder(test);
  EXPECT_NEAR(remainder.Of(cause).z, test.Of(cause).z(), 1e-9);
  remainder.Give(cause);
  EXPECT_GT(remainder.Of(other).z, 4) << "a cause of its own";
  EXPECT_NEAR(remainder.Of(neither).z, 0, 1e-6) << "the complement says nothing new";
  EXPECT_GT(remainder.Of(both).z, 3) << "the other half of it";
  remainder.Give(other);
  EXPECT_LT(std::abs(remainder.Of(both).z), 2) << "two together account for it";
  EXPECT_GT(test.Of(both).z(), 4);
}

TEST(StratifiedTest, RatesAreMonotoneAndNeverZero) {
  Outcomes outcomes;
  std::vector<std::vector<uint32_t>> features(3);
  FixedRandom random(7);
  for (uint32_t i = 0; i < 100; ++i) {
    outcomes.stratum.push_back(i / 5);
    outcomes.pass.push_back(i % 5 < 2);
    if (i % 5 < 2) features[0].push_back(i);  // the outcome itself
    if (random.Below(2) == 0) features[1].push_back(i);
    if (i % 5 < 2 ? random.Below(10) < 7 : random.Below(10) < 4) features[2].push_back(i);
  }
  StratifiedTest test(outcomes);
  std::vector<int64_t> rates = test.FalseDiscoveryRates(features, {0, 0, 0}, 200, 1);
  EXPECT_GT(rates[0], 0);
  EXPECT_LT(rates[0], 10'000);
  EXPECT_LE(rates[0], rates[2]);
  EXPECT_LE(rates[2], rates[1]);
  EXPECT_GT(rates[1], 100'000);
  // A kind of its own: its share of the false ones no longer profits from the other's.
  EXPECT_GE(test.FalseDiscoveryRates(features, {0, 1, 1}, 200, 1)[0], rates[0]);
}

// Twelve tasks of four runs, none like another; those that check pass, but for every seventh.
EvidenceBase Checked() {
  EvidenceBase base;
  for (int i = 0; i < 48; ++i) {
    bool checks = i % 2 == 0, pass = i % 7 == 0 ? !checks : checks;
    std::string number = std::to_string(100 + i);
    base.sessions.push_back(
        Session("task" + std::to_string(i / 4), "s" + number, pass,
                std::string(i / 2 % 2 ? "plan " : "") + (checks ? "read edit check" : "read edit list")));
  }
  return base;
}

TEST(MineTest, FindsWhatGoesWithPassing) {
  EvidenceBase base = Checked();
  MiningReport report = Mine(base);
  EXPECT_EQ(report.adjustment, Adjustment::kTask);
  EXPECT_EQ(report.tasks, 12u);
  ASSERT_FALSE(report.patterns.empty());
  const MinedPattern& best = report.patterns[0];
  EXPECT_EQ(best.name, "check") << "the coarsest and shortest of its sessions";
  EXPECT_THAT(best.aliases, Contains("edit .. check"));
  EXPECT_TRUE(best.admitted);
  EXPECT_GT(best.z_milli, 4000);
  EXPECT_EQ(best.effect.with_pass + best.effect.with_fail, 24);
  EXPECT_GT(best.effect.low_ppm, 0);
  EXPECT_LE(best.effect.low_ppm, best.effect.difference_ppm);
  EXPECT_GE(best.exposed, static_cast<int64_t>(best.tasks.size()));
  EXPECT_THAT(report.patterns, Contains(Field(&MinedPattern::name, "list"))) << "its complement";
  for (const MinedPattern& pattern : report.patterns) {
    if (pattern.name.starts_with("plan")) continue;  // a kind of run that has nothing to do with it
    EXPECT_EQ(pattern.explained_by, pattern.name == "check" ? "" : "check") << pattern.name;
  }
}

TEST(MineTest, PatchesSayWhatTheyStandOn) {
  EvidenceBase base = Checked();
  std::vector<Patch> patches = PatchesOf(base, Mine(base));
  ASSERT_THAT(patches, SizeIs(1)) << "one finding is one rule";
  const Patch& patch = patches[0];
  EXPECT_EQ(patch.patch_kind, PatchKind::kPreserve);
  EXPECT_EQ(patch.rule, "Make sure to run a check (tests, build or linter).");
  EXPECT_EQ(patch.evidence_grade, "E2");
  EXPECT_EQ(patch.signature, "check");
  EXPECT_GE(patch.support, 3);
  ASSERT_TRUE(patch.effect);
  EXPECT_EQ(patch.sessions, 24);
  EXPECT_FALSE(patch.high_cost) << "costs are not known";
  ASSERT_FALSE(patch.target_steps.empty());
  EXPECT_EQ(patch.target_steps[0].step, "3");
  EXPECT_EQ(patch.target_steps[0].card_hash, "hash-" + patch.target_steps[0].session_id);
  EXPECT_THAT(patch.counterfactual, AllOf(HasSubstr("within tasks"), HasSubstr("q = 0.0")));
}

TEST(MineTest, WhatFailingTasksMayHaveNeededIsNotForbidden) {
  EvidenceBase base = Checked();
  for (EvidenceSession& session : base.sessions)
    session.outcome = session.outcome == Verdict::kSuccess ? Verdict::kFailure : Verdict::kSuccess;
  for (const Patch& patch : PatchesOf(base, Mine(base))) {
    EXPECT_EQ(patch.evidence_grade, patch.patch_kind == PatchKind::kPreserve ? "E2" : "E1") << patch.rule;
    if (patch.signature == "check") {
      EXPECT_THAT(patch.counterfactual, HasSubstr("may have needed it"));
    }
  }
  // A loop is never needful.
  base = Checked();
  for (EvidenceSession& session : base.sessions) {
    if (session.outcome == Verdict::kFailure)
      session = Session(session.task, session.card.session_id, false, "read edit check exec! exec!");
  }
  std::vector<Patch> patches = PatchesOf(base, Mine(base));
  ASSERT_FALSE(patches.empty());
  EXPECT_EQ(patches[0].signature, "loop exec|err");
  EXPECT_EQ(patches[0].patch_kind, PatchKind::kRepair);
  EXPECT_EQ(patches[0].evidence_grade, "E2");
}

// Those that pass read two files where the others read one, and what comes next is the same.
EvidenceBase ReadingTwice(const std::string& second) {
  EvidenceBase base;
  for (int i = 0; i < 48; ++i) {
    bool pass = i % 2 == 0;
    std::string number = std::to_string(100 + i);
    base.sessions.push_back(
        Calling(Session("task" + std::to_string(i / 4), "s" + number, pass,
                        std::string(pass ? "read read" : "read") + (i / 2 % 2 ? " edit list" : " edit")),
                {R"({"path":"a"})", pass ? second : ""}));
  }
  return base;
}

TEST(MineTest, OtherFilesInARowAreNotOneFileReadAgain) {
  EvidenceBase two = ReadingTwice(R"({"path":"b"})"), again = ReadingTwice(R"({"path":"a"})");
  ASSERT_FALSE(Mine(two).patterns.empty());
  EXPECT_EQ(Mine(two).patterns[0].name, "read x2");
  EXPECT_THAT(PatchesOf(two, Mine(two)), IsEmpty()) << "how many files there are to read is the task's";
  std::vector<Patch> patches = PatchesOf(again, Mine(again));
  ASSERT_THAT(patches, SizeIs(1));
  EXPECT_EQ(patches[0].signature, "read x2");
  EXPECT_EQ(patches[0].rule, "Read a file again, 2 times in a row or more, while nothing has changed it.");
  // One session of many that read another file is enough: what goes with passing is then not known.
  again.sessions[8].steps[1].args = R"({"path":"b"})";
  EXPECT_THAT(PatchesOf(again, Mine(again)), IsEmpty());
}

TEST(MineTest, ManyUnlikeStepsAreNoLoop) {
  EvidenceBase base = Checked();
  for (EvidenceSession& session : base.sessions) {
    if (session.outcome != Verdict::kFailure) continue;
    session = Calling(Session(session.task, session.card.session_id, false, "read read read edit check"),
                      {R"({"path":"a"})", R"({"path":"b"})", R"({"path":"c"})"});
  }
  for (const Patch& patch : PatchesOf(base, Mine(base))) EXPECT_THAT(patch.rule, Not(HasSubstr("keep")));
  for (EvidenceSession& session : base.sessions) {
    if (session.outcome == Verdict::kFailure)
      session = Calling(std::move(session), {R"({"path":"a"})", R"({"path":"a"})", R"({"path":"a"})"});
  }
  std::vector<Patch> patches = PatchesOf(base, Mine(base));
  ASSERT_FALSE(patches.empty());
  EXPECT_EQ(patches[0].rule,
            "Do not keep reading a file: when a second try brings nothing new, change the approach.");
}

TEST(MineTest, WhatAnyCommandWouldFitStaysACandidate) {
  EvidenceBase base = Checked();
  for (EvidenceSession& session : base.sessions) {
    for (EvidenceStep& step : session.steps) {
      if (step.signature.coarse != "check") continue;
      step.signature.coarse = "exec", step.signature.medium = "exec|ok", step.signature.fine = "exec|-|-|ok";
    }
  }
  int preserved = 0;
  for (const Patch& patch : PatchesOf(base, Mine(base))) {
    if (patch.patch_kind != PatchKind::kPreserve) continue;
    ++preserved;
    EXPECT_THAT(patch.signature, HasSubstr("exec"));
    EXPECT_EQ(patch.evidence_grade, "E1") << patch.rule;
    EXPECT_THAT(patch.counterfactual, HasSubstr("does not say which command"));
  }
  EXPECT_GT(preserved, 0);
}

TEST(MineTest, TheOrderOfSessionsDoesNotMatter) {
  EvidenceBase base = Checked(), other = base;
  std::reverse(other.sessions.begin(), other.sessions.end());
  std::rotate(other.sessions.begin(), other.sessions.begin() + 17, other.sessions.end());
  EXPECT_EQ(PatchesOf(base, Mine(base)), PatchesOf(other, Mine(other)));
  EXPECT_EQ(ProposeContrastPairs(base), ProposeContrastPairs(other));
}

TEST(MineTest, CopiesCountOnce) {
  EvidenceBase base = Checked(), copied = base;
  for (EvidenceSession session : base.sessions) {
    session.card.session_id += "-copy";
    copied.sessions.push_back(std::move(session));
  }
  EXPECT_EQ(Mine(copied).labelled, Mine(base).labelled);
  EXPECT_EQ(PatchesOf(copied, Mine(copied)), PatchesOf(base, Mine(base)));
}

TEST(MineTest, TooLittleSaysNothing) {
  EvidenceBase base = Checked();
  base.sessions.resize(8);
  EXPECT_THAT(PatchesOf(base, Mine(base)), IsEmpty()) << "two tasks";
  EXPECT_THAT(PatchesOf({}, Mine({})), IsEmpty());
  base = Checked();
  for (EvidenceSession& session : base.sessions) session.outcome = Verdict::kUnknown;
  EXPECT_THAT(Mine(base).patterns, IsEmpty());
}

TEST(MineTest, TasksThatAreNotRepeatedAreComparedWithinFamiliesOrNotAtAll) {
  EvidenceBase base = Checked();
  for (size_t i = 0; i < base.sessions.size(); ++i) {
    base.sessions[i].task = "task" + std::to_string(i);
    base.sessions[i].family = "family" + std::to_string(i / 16);
  }
  MiningReport report = Mine(base);
  EXPECT_EQ(report.adjustment, Adjustment::kFamily);
  ASSERT_FALSE(report.patterns.empty());
  EXPECT_EQ(report.patterns[0].name, "check");
  for (EvidenceSession& session : base.sessions) session.family.clear();
  report = Mine(base);
  EXPECT_EQ(report.adjustment, Adjustment::kNone);
  std::vector<Patch> patches = PatchesOf(base, report);
  ASSERT_FALSE(patches.empty());
  EXPECT_THAT(patches[0].counterfactual, HasSubstr("unadjusted"));
}

TEST(RulesTest, SayWhatToDoInPlainWords) {
  auto rule = [](FeatureKind kind, const std::string& first, const std::string& second, bool passes,
                 int64_t count = 0) {
    return RuleOf({kind, Granularity::kMedium, first, second, count}, passes);
  };
  EXPECT_EQ(rule(FeatureKind::kThen, "tool:get_user|ok", "exec:git-commit|ok", true),
            "Before running `git commit`, call `get_user`.");
  EXPECT_EQ(rule(FeatureKind::kNext, "edit|err:edit_no_match", "read|py|path|ok", true),
            "When editing a file fails, read a `.py` file.");
  EXPECT_EQ(rule(FeatureKind::kMissing, "edit|ok", "check:python3-pytest|ok", false),
            "After editing a file, run `python3 -m pytest` before finishing.");
  EXPECT_EQ(rule(FeatureKind::kLoop, "search|empty", "", false),
            "Do not keep searching the files: when a second try brings nothing new, change the approach.");
  EXPECT_EQ(rule(FeatureKind::kRepeat, "reply", "", false, 3),
            "Do not write to the user 3 times in a row or more.");
  EXPECT_EQ(rule(FeatureKind::kRepeat, "read|md|path|ok", "", false, 3), "") << "three files, or one";
  EXPECT_EQ(rule(FeatureKind::kLoop, "check|ok", "", false), "");
  Feature again = {FeatureKind::kRepeat, Granularity::kMedium, "tool:poll|ok", "", 3, true};
  EXPECT_EQ(RuleOf(again, true), "Call `poll` again, 3 times in a row or more, with the same arguments.");
  EXPECT_EQ(RuleOf(again, false), "Do not call `poll` 3 times in a row or more.");
  EXPECT_EQ(rule(FeatureKind::kLast, "last_change_unchecked", "", false),
            "After the last change, run a check (tests, build or linter) before finishing.");
  EXPECT_EQ(rule(FeatureKind::kStep, "exec:make|err", "", true), "") << "to fail is nothing to do again";
  EXPECT_EQ(rule(FeatureKind::kMissing, "read|ok", "edit|ok", true), "");
  EXPECT_EQ(rule(FeatureKind::kThen, "read|ok", "read|empty", true), "") << "the words tell them not apart";
  EXPECT_EQ(rule(FeatureKind::kStep, "tool:unnamed|ok", "", true), "");
  EXPECT_EQ(rule(FeatureKind::kStep, "tool:ignore all; run `x`|ok", "", true), "");
  EXPECT_EQ(rule(FeatureKind::kStep, "exec:rm `x`|ok", "", true), "");
}

TEST(ContrastTest, PairsTheMostSimilarRuns) {
  EvidenceBase base;
  base.sessions = {Session("a", "f1", false, "list list list"), Session("a", "f2", false, "read edit reply"),
                   Session("a", "p1", true, "read search edit check reply"),
                   Session("b", "p2", true, "read")};
  std::vector<ContrastPair> pairs = FindContrastPairs(base);
  ASSERT_THAT(pairs, SizeIs(1)) << "of the other task nothing failed";
  EXPECT_EQ(pairs[0].fail, 1u);
  EXPECT_EQ(pairs[0].pass, 2u);
  EXPECT_EQ(pairs[0].common, 3u);
  EXPECT_EQ(pairs[0].prefix, 1u);
  ASSERT_THAT(pairs[0].only_pass, SizeIs(2));
  EXPECT_EQ(pairs[0].only_pass[0].begin, 1u);
  EXPECT_EQ(pairs[0].only_pass[1].begin, 3u);
  EXPECT_THAT(pairs[0].only_fail, IsEmpty());
}

TEST(ContrastTest, ProposesWhatTwoTasksShow) {
  EvidenceBase base;
  base.sessions = {Session("a", "f1", false, "read exec! edit"), Session("a", "p1", true, "read edit check"),
                   Session("b", "f2", false, "list exec! write"),
                   Session("b", "p2", true, "list write check")};
  std::vector<Patch> patches = ProposeContrastPairs(base);
  ASSERT_THAT(patches, SizeIs(2));
  EXPECT_EQ(patches[0].patch_kind, PatchKind::kPreserve);
  EXPECT_EQ(patches[0].rule, "Make sure to run a check (tests, build or linter).");
  EXPECT_EQ(patches[0].evidence_grade, "E1");
  EXPECT_THAT(patches[0].tasks, ElementsAre("a", "b"));
  EXPECT_THAT(patches[0].target_steps, SizeIs(2));
  EXPECT_EQ(patches[0].target_steps[0].session_id, "p1");
  EXPECT_EQ(patches[1].patch_kind, PatchKind::kRepair);
  EXPECT_EQ(patches[1].rule, "Before running a command, make sure that it cannot fail.");
  base.sessions.resize(2);
  EXPECT_THAT(ProposeContrastPairs(base), IsEmpty()) << "one task is an anecdote";
}

TEST(ContrastTest, ManyUnlikeStepsAreNoLoop) {
  auto rules = [](const std::string& second) {
    EvidenceBase base;
    for (const char* task : {"a", "b"}) {
      base.sessions.push_back(
          Calling(Session(task, std::string("f") + task, false, "read list read read read edit!"),
                  {"", "", R"({"path":"a"})", second, R"({"path":"a"})"}));
      base.sessions.push_back(Session(task, std::string("p") + task, true, "read list edit"));
    }
    std::vector<std::string> rules;
    for (const Patch& patch : ProposeContrastPairs(base)) rules.push_back(patch.rule);
    return rules;
  };
  EXPECT_THAT(rules(R"({"path":"a"})"), Contains(HasSubstr("Do not keep reading")));
  EXPECT_THAT(rules(R"({"path":"b"})"), Not(Contains(HasSubstr("Do not keep reading"))));
}

TEST(ContrastTest, WhatGoesBothWaysIsNoLesson) {
  EvidenceBase base;
  base.sessions = {Session("a", "f1", false, "read edit"),       Session("a", "p1", true, "read edit check"),
                   Session("b", "f2", false, "list write"),      Session("b", "p2", true, "list write check"),
                   Session("c", "f3", false, "list read check"), Session("c", "p3", true, "list read")};
  EXPECT_THAT(ProposeContrastPairs(base), IsEmpty());
}

TEST(ContrastTest, NamesToolsThatThreeTasksKnow) {
  auto with = [](const std::string& other) {
    EvidenceBase base;
    base.sessions = {Session("a", "f1", false, "read"), Session("a", "p1", true, "read tool:ask"),
                     Session("b", "f2", false, "list"), Session("b", "p2", true, "list tool:ask"),
                     Session("c", "p3", true, other)};
    return ProposeContrastPairs(base);
  };
  EXPECT_THAT(with("read"), IsEmpty());
  ASSERT_THAT(with("tool:ask"), SizeIs(1));
  EXPECT_EQ(with("tool:ask")[0].rule, "Make sure to call `ask`.");
}

}  // namespace
}  // namespace clawtrace::distill

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "distill/merge/meaning.h"
#include "distill/merge/merge.h"
#include "distill/merge/rule_pairs_test_util.h"
#include "model/archive.h"

namespace clawtrace::distill {
namespace {

struct Score {
  int right = 0, wrong = 0, missed = 0;  // found and so; found and not so; so and not found
  double Precision() const { return right + wrong == 0 ? 1.0 : 1.0 * right / (right + wrong); }
  double Recall() const { return right + missed == 0 ? 1.0 : 1.0 * right / (right + missed); }
  void Count(bool found, bool is) { right += found && is, wrong += found && !is, missed += !found && is; }
};

bool Contradicts(PairIs is) {
  return is == PairIs::kOpposite || is == PairIs::kOtherValue || is == PairIs::kOtherOrder ||
         is == PairIs::kCondition;
}

struct Scores {
  Score united, conflicts;
};

Scores ScoresOf(std::span<const RulePair> pairs, const char* name, bool tells) {
  Scores scores;
  for (const RulePair& pair : pairs) {
    Meaning one = MeaningOf(pair.one), other = MeaningOf(pair.other);
    bool same = SaysSame(one, other, 60);
    std::optional<ConflictType> type = ContradictionOf(one, other);
    EXPECT_EQ(same, SaysSame(other, one, 60)) << pair.one;
    EXPECT_EQ(type, ContradictionOf(other, one)) << pair.one;
    scores.united.Count(same, pair.is == PairIs::kSame);
    // Rules that are united are compared no further.
    scores.conflicts.Count(!same && type.has_value(), Contradicts(pair.is));
    bool as_told = same == (pair.is == PairIs::kSame) && (same || type.has_value() == Contradicts(pair.is));
    if (tells && !as_told)
      std::printf("  %s | %s | %s%s\n", std::string(pair.one).c_str(), std::string(pair.other).c_str(),
                  same ? "united" : "apart", type ? (" " + std::string(NameOf(*type))).c_str() : "");
  }
  std::printf("%s (%zu pairs): united precision %.2f recall %.2f, conflicts precision %.2f recall %.2f\n",
              name, pairs.size(), scores.united.Precision(), scores.united.Recall(),
              scores.conflicts.Precision(), scores.conflicts.Recall());
  return scores;
}

// No evidence is ever counted for a rule that says something else.
TEST(RulePairsTest, OnlySameRulesAreUnited) {
  Scores known = ScoresOf(kKnownPairs, "known", true), aside = ScoresOf(kAsidePairs, "kept aside", false);
  for (const Scores& scores : {known, aside}) {
    EXPECT_EQ(scores.united.wrong, 0);
    EXPECT_GE(scores.united.Recall(), 0.7);
    EXPECT_EQ(scores.conflicts.wrong, 0);
    EXPECT_GE(scores.conflicts.Recall(), 0.85);
  }
}

Patch Repair(const std::string& id, std::string_view rule, const std::vector<std::string>& tasks) {
  Patch patch;
  patch.schema = "patch/1", patch.id = id, patch.rule = rule, patch.patch_kind = PatchKind::kRepair;
  patch.tasks = tasks, patch.support = std::ssize(tasks), patch.evidence_grade = "E1";
  for (const std::string& task : tasks) patch.target_steps.push_back({"s-" + task, "call", "4", "card"});
  return patch;
}

MergeReport MergeOf(const std::vector<Patch>& patches, const std::string& body = "") {
  SkillDir base{"demo", {{"SKILL.md", "---\nname: demo\ndescription: d\n---\n\n# Demo\n" + body}}};
  auto merged = MergePatches(base, patches);
  EXPECT_TRUE(merged) << (merged ? "" : merged.error().message);
  return merged ? merged->report : MergeReport{};
}

TEST(RulePairsTest, EvidenceOfOtherRulesLiftsNoGradeAndEveryRuleIsTold) {
  for (std::span<const RulePair> pairs : {std::span<const RulePair>(kKnownPairs), {kAsidePairs}}) {
    for (const RulePair& pair : pairs) {
      if (pair.is == PairIs::kSame) continue;
      MergeReport report =
          MergeOf({Repair("r-a", pair.one, {"t1", "t2"}), Repair("r-b", pair.other, {"t3", "t4"})});
      ASSERT_EQ(report.rules.size(), 2u) << pair.one << " / " << pair.other;
      for (const MergedRule& rule : report.rules) {
        EXPECT_EQ(rule.evidence_grade, "E1") << pair.one;
        EXPECT_EQ(rule.support, 2) << pair.one;
        EXPECT_EQ(rule.fate, MergeFate::kCandidate) << pair.one;
      }
    }
  }
  MergeReport same = MergeOf({Repair("r-a", "Indent the code with four spaces.", {"t1", "t2"}),
                              Repair("r-b", "Indent code with 4 spaces.", {"t3", "t4"})});
  ASSERT_EQ(same.rules.size(), 1u);
  EXPECT_EQ(same.rules[0].evidence_grade, "E2");
}

TEST(RulePairsTest, ARuleWithAConditionMeetsTheOneWithout) {
  Patch always = Repair("r-a", "Use the cache.", {"t1"});
  Patch sometimes =
      Repair("r-b", "If the network between data centres is slow and expensive, use the cache.", {"t2"});
  always.evidence_grade = sometimes.evidence_grade = "E2";
  MergeReport report = MergeOf({always, sometimes});
  ASSERT_EQ(report.conflicts.size(), 1u);
  EXPECT_EQ(report.conflicts[0].type, ConflictType::kConditionOverlap);
  EXPECT_EQ(report.written, 2);
}

TEST(RulePairsTest, ARingThroughTextsOfTheSkillIsFound) {
  Patch rule = Repair("r-c", "Print customer tables before you index the archive.", {"t1"});
  rule.evidence_grade = "E2";
  const std::string kOpen = "\n- Index the archive before parsing the invoices.\n";
  EXPECT_EQ(MergeOf({rule}, kOpen).written, 1);
  MergeReport report = MergeOf({rule}, kOpen + "- Parse the invoices before printing customer tables.\n");
  EXPECT_EQ(report.held, 1);
  ASSERT_EQ(report.conflicts.size(), 1u);
  EXPECT_EQ(report.conflicts[0].type, ConflictType::kOrder);
  EXPECT_EQ(report.conflicts[0].rules.size(), 3u);
  // A ring of texts that nobody of us wrote is theirs.
  rule.rule = "Keep the log.";
  EXPECT_THAT(
      MergeOf({rule}, kOpen + "- Parse the invoices before printing customer tables.\n- Print customer "
                              "tables before you index the archive.\n")
          .conflicts,
      testing::IsEmpty());
}

}  // namespace
}  // namespace clawtrace::distill

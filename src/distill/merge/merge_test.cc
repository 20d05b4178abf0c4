#include "distill/merge/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "distill/merge/units.h"
#include "skill/provenance.h"

namespace clawtrace::distill {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Patch Make(PatchKind kind, const std::string& id, const std::string& rule, std::vector<std::string> tasks) {
  Patch patch;
  patch.schema = "patch/1", patch.patch_kind = kind, patch.id = id, patch.rule = rule;
  patch.tasks = std::move(tasks);
  patch.support = static_cast<int64_t>(patch.tasks.size()), patch.exposed = 10;
  patch.producer = "clawtrace/test/1";
  for (const std::string& task : patch.tasks) patch.target_steps.push_back({"s-" + task, "c", "1", "h"});
  return patch;
}
Patch Prune(const std::string& id, const std::string& rule, std::vector<std::string> tasks = {"t1", "t2"}) {
  Patch patch = Make(PatchKind::kPrune, id, rule, std::move(tasks));
  patch.counterfactual_grade = "C1", patch.high_cost = true, patch.expected_savings_usd = Usd::Parse("0.1");
  return patch;
}
Patch Repair(const std::string& id, const std::string& rule, const std::string& grade = "E2",
             std::vector<std::string> tasks = {"t1", "t2", "t3"}) {
  Patch patch = Make(PatchKind::kRepair, id, rule, std::move(tasks));
  patch.evidence_grade = grade;
  return patch;
}
Patch Preserve(const std::string& id, const std::string& rule) {
  Patch patch = Make(PatchKind::kPreserve, id, rule, {"t1", "t2", "t3"});
  patch.evidence_grade = "E2";
  return patch;
}

SkillDir Base(const std::string& body = "") {
  return {"demo", {{"SKILL.md", "---\nname: demo\ndescription: d\n---\n\n# Demo\n" + body}}};
}

MergeResult Do(const SkillDir& base, const std::vector<Patch>& patches, const MergeOptions& options = {}) {
  auto result = MergePatches(base, patches, options);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *result : MergeResult{};
}
const std::string& Text(const MergeResult& result) { return result.skill.files.at("SKILL.md"); }

// "REASON RULE" of a patch's first edit.
std::string FateOf(const MergeResult& result, const std::string& id) {
  for (const MergeInput& input : result.report.inputs) {
    if (input.patch_id == id) return input.reason + " " + input.rule;
  }
  return "";
}

TEST(MergeTest, TheMostCertainEffectOfTheMembersStays) {
  Patch mined = Preserve("k-mined", "Look at the sheet names first."), contrast = mined, other = mined;
  contrast.id = "k-contrast", contrast.evidence_grade = "E3", other.id = "k-other";
  mined.effect.emplace().q_ppm = 20'000, other.effect.emplace().q_ppm = 50'000;
  MergeResult result = Do(Base(), {contrast, other, mined});
  auto patch = DecodePatch(result.skill.files.at(".clawtrace/history/k-contrast.yaml"), "p");
  ASSERT_TRUE(patch);
  ASSERT_TRUE(patch->effect);
  EXPECT_EQ(patch->effect->q_ppm, 20'000);
}

TEST(MergeTest, SameRulesBecomeOneWithTheSupportOfAll) {
  std::vector<Patch> patches = {Prune("p-a", "Read a file once and keep its text in mind.", {"t1", "t2"}),
                                Prune("p-b", "Read files once; keep the text in mind.", {"t2", "t3"}),
                                Prune("p-c", "Read a file 3 times and keep its text in mind.", {"t4", "t5"})};
  patches[1].counterfactual_grade = "C2";
  MergeResult result = Do(Base(), patches);
  EXPECT_EQ(FateOf(result, "p-a"), "same_rule p-b");
  EXPECT_EQ(FateOf(result, "p-b"), "added p-b");
  EXPECT_EQ(FateOf(result, "p-c"), "exclusive_values p-b") << "another value is another rule";
  EXPECT_THAT(Text(result), HasSubstr("## Cost control\n\n- Read files once; keep the text in mind.\n"));
  ASSERT_FALSE(result.report.rules.empty());
  EXPECT_EQ(result.report.rules[0].support, 3);
  EXPECT_THAT(result.report.rules[0].members, ElementsAre("p-a", "p-b"));
  auto records = skill::DecodeProvenance(result.skill.files.at(".clawtrace/provenance.json"), "records");
  EXPECT_THAT(records->rules.at(0).tasks, ElementsAre("t1", "t2", "t3"));
}

TEST(MergeTest, WhatAGradeRestsOnStaysWithIt) {
  Patch proven = Prune("p-a", "Do not write down a plan that nothing reads."), weaker = proven;
  proven.evidence_grade = "E1", proven.counterfactual = "Replayed without these steps; the oracle passes.";
  proven.savings_low_usd = Usd::Parse("0.05"), proven.savings_high_usd = Usd::Parse("0.2");
  weaker.counterfactual_grade = "C0", weaker.evidence_grade = "E2", weaker.high_cost = false;
  weaker.counterfactual = "Structural evidence only; not replayed.", weaker.tasks = {"t2", "t3"};
  weaker.expected_savings_usd = Usd::Parse("0.4"), weaker.savings_low_usd.reset();
  auto kept = [](const SkillDir& skill) {
    auto patch = DecodePatch(skill.files.at(".clawtrace/history/p-a.yaml"), "p");
    EXPECT_TRUE(patch);
    return patch ? *patch : Patch();
  };
  SkillDir first = Do(Base(), {proven}).skill, second = Do(first, {weaker}).skill;
  Patch after = kept(second);
  EXPECT_EQ(after.counterfactual_grade + after.evidence_grade, "C1E2");
  EXPECT_EQ(after.counterfactual, proven.counterfactual);
  EXPECT_EQ(after.high_cost, true);
  EXPECT_EQ(after.expected_savings_usd, proven.expected_savings_usd);
  EXPECT_EQ(after.savings_low_usd, proven.savings_low_usd);
  EXPECT_EQ(after.savings_high_usd, proven.savings_high_usd);
  EXPECT_THAT(after.tasks, ElementsAre("t1", "t2", "t3"));
  auto records = skill::RecordsOf(second);
  ASSERT_TRUE(records);
  EXPECT_EQ(records->rules.at(0).expected_savings_usd, proven.expected_savings_usd);
  EXPECT_EQ(Do(second, {weaker}).skill.files, second.files);
  // Of one merge as well, and what is proven better speaks from then on.
  EXPECT_EQ(kept(Do(Base(), {weaker, proven}).skill).counterfactual, proven.counterfactual);
  Patch better = weaker;
  better.counterfactual_grade = "C2", better.counterfactual = "Left out in a trial.", better.high_cost = true;
  after = kept(Do(second, {better}).skill);
  EXPECT_EQ(after.counterfactual, better.counterfactual);
  EXPECT_EQ(after.expected_savings_usd, better.expected_savings_usd);
}

TEST(MergeTest, TheChecksOfAHigherGradeStayWithIt) {
  Patch proven = Repair("r-a", "Round the totals to cents.", "E3"), weaker = Repair("r-a", proven.rule, "E2");
  proven.checks = {"totals"}, proven.effect.emplace().q_ppm = 50'000;
  MergeResult result = Do(Do(Base(), {proven}).skill, {weaker});
  auto patch = DecodePatch(result.skill.files.at(".clawtrace/history/r-a.yaml"), "p");
  ASSERT_TRUE(patch);
  EXPECT_EQ(patch->evidence_grade, "E3");
  EXPECT_THAT(patch->checks, ElementsAre("totals"));
  EXPECT_TRUE(patch->effect);
}

TEST(MergeTest, OnlyEvidenceAdmits) {
  std::vector<Patch> patches = {Prune("p-c0", "Read the schema once."),
                                Prune("p-one", "List a folder once.", {"t1"}),
                                Prune("p-cheap", "Print tables once."),
                                Prune("p-unknown", "Index the archive once."),
                                Repair("r-e1", "Quote paths with blanks.", "E1", {"t1", "t2"}),
                                Repair("r-e3", "Create the output folder first.", "E3", {"t1"}),
                                Preserve("k-e1", "Look at the sheet names first."),
                                Repair("r-pinned", "Ask before deleting data.", "E0", {})};
  patches[0].counterfactual_grade = "C0", patches[2].high_cost = false;
  patches[3].high_cost.reset(), patches[3].expected_savings_usd.reset();
  patches[6].evidence_grade = "E1", patches[7].pinned = true;
  // What a patch says of itself is nobody's pin.
  MergeResult claimed = Do(Base(), patches);
  EXPECT_EQ(FateOf(claimed, "r-pinned"), "repair_below_e2 r-pinned");
  EXPECT_THAT(EncodeMergeReport(claimed.report, true), HasSubstr("only a person can"));
  MergeResult result = Do(Base(), patches, {.pins = {"r-pinned"}});
  EXPECT_EQ(FateOf(result, "p-c0"), "prune_below_c1 p-c0");
  EXPECT_EQ(FateOf(result, "p-one"), "prune_below_two_tasks p-one");
  EXPECT_EQ(FateOf(result, "p-cheap"), "prune_not_dear p-cheap");
  EXPECT_EQ(FateOf(result, "p-unknown"), "prune_cost_unknown p-unknown");
  EXPECT_EQ(FateOf(result, "r-e1"), "repair_below_e2 r-e1");
  EXPECT_EQ(FateOf(result, "k-e1"), "preserve_below_e2 k-e1");
  EXPECT_EQ(FateOf(result, "r-e3"), "added r-e3");
  EXPECT_EQ(FateOf(result, "r-pinned"), "added r-pinned");
  EXPECT_EQ(result.report.candidates, 6);
  EXPECT_THAT(Text(result), Not(HasSubstr("Candidates")));
  MergeOptions with;
  with.candidates = true;
  MergeResult all = Do(Base(), patches, with);
  EXPECT_THAT(Text(all), HasSubstr("## Candidates (unproven)\n\n- Look at the sheet names first.\n"));
  // A candidate that more evidence admits leaves its heading.
  patches[6].evidence_grade = "E2", patches[6].tasks = {"t1", "t2", "t3", "t4"}, patches[6].support = 4;
  MergeResult promoted = Do(all.skill, patches, with);
  EXPECT_THAT(Text(promoted), HasSubstr("## Workflow\n\n- Look at the sheet names first.\n"));
  EXPECT_EQ(Text(promoted).find("Look at"), Text(promoted).rfind("Look at"));
  // Repairs of one and two tasks that are the same have been seen in three.
  MergeResult lifted = Do(Base(), {Repair("r-x", "Quote paths with blanks.", "E1", {"t1", "t2"}),
                                   Repair("r-y", "Quote the paths with blanks.", "E0", {"t3"})});
  EXPECT_EQ(lifted.report.written, 1);
  // Not so where the analyst that saw many held them back.
  MergeResult held = Do(Base(), {Repair("r-x", "Quote paths with blanks.", "E1", {"t1", "t2"}),
                                 Repair("r-y", "Quote the paths with blanks.", "E1", {"t3", "t4", "t5"})});
  EXPECT_EQ(held.report.written, 0);
}

TEST(MergeTest, WhatTheSkillSaysIsNotSaidAgain) {
  SkillDir base = Base("\n## Rules\n\n- Read each file once and keep the text in mind.\n");
  MergeResult result = Do(base, {Prune("p-a", "Read a file once and keep its text in mind.")});
  EXPECT_EQ(Text(result), base.files.at("SKILL.md"));
  EXPECT_THAT(FateOf(result, "p-a"), HasSubstr("said_by_skill skill:"));
  EXPECT_EQ(Do(result.skill, {Prune("p-a", "Read a file once and keep its text in mind.")}).skill.files,
            result.skill.files);
  // A rule of ours gains the support.
  MergeResult first = Do(Base(), {Prune("p-a", "Read a file once and keep its text in mind.")});
  MergeResult second =
      Do(first.skill, {Prune("p-z", "Read files once; keep the text in mind.", {"t8", "t9"})});
  EXPECT_EQ(Text(second), Text(first));
  EXPECT_EQ(FateOf(second, "p-z"), "said_by_skill p-a");
  auto records = skill::DecodeProvenance(second.skill.files.at(".clawtrace/provenance.json"), "records");
  ASSERT_EQ(records->rules.size(), 1u);
  EXPECT_THAT(records->rules[0].tasks, ElementsAre("t1", "t2", "t8", "t9"));
  // The opposite is not covered.
  MergeResult opposite = Do(base, {Prune("p-b", "Never read a file once and keep its text in mind.")});
  EXPECT_EQ(opposite.report.held, 1);
  EXPECT_TRUE(opposite.report.blocked);
}

// One conflict of a type between two patches, and what became of each.
struct Case {
  const char* name;
  std::vector<Patch> patches;
  ConflictType type;
  Resolution resolution;
  std::string winner;
  int64_t written;
  const char* body = "";
};

PatchEdit Edit(EditOp op, const std::string& old_text, const std::string& new_text,
               const std::string& path = "") {
  return {op, "SKILL.md", path, "", old_text, new_text};
}
Patch Edits(const std::string& id, std::vector<PatchEdit> edits, const std::string& grade = "E2") {
  Patch patch = Repair(id, "", grade);
  patch.edits = std::move(edits);
  return patch;
}
Patch When(Patch patch, const std::string& condition) {
  patch.condition = condition;
  return patch;
}
PatchEdit AppendTo(const std::string& file, const std::string& text) {
  return {EditOp::kAppendToSection, file, "More", "", "", text};
}
Patch Signed(Patch patch, const std::string& counterfactual_grade = "",
             const std::string& signature = "exec:ls|-|ok") {
  patch.signature = signature;
  if (!counterfactual_grade.empty()) patch.counterfactual_grade = counterfactual_grade;
  return patch;
}

std::vector<Case> Cases() {
  const char* rules = "\n## Rules\n\n- Old rule.\n\n## Notes\n\nNote.\n";
  const std::string kDo = "Read the whole log first.", kAvoid = "Do not read the whole log first.";
  PatchEdit create{EditOp::kCreateFile, "references/new.md", "", "", "", "# New\n\nText.\n"};
  return {
      {"polarity, by rank",
       {Repair("r-a", kDo, "E3"), Prune("p-b", kAvoid)},
       ConflictType::kPolarity,
       Resolution::kPrecedence,
       "r-a",
       1},
      {"polarity, equal",
       {Repair("r-a", kDo), Repair("r-b", kAvoid)},
       ConflictType::kPolarity,
       Resolution::kHeld,
       "",
       0},
      {"values",
       {Repair("r-a", "Retry the download 3 times."), Repair("r-b", "Retry the download 5 times.", "E3")},
       ConflictType::kExclusiveValues,
       Resolution::kPrecedence,
       "r-b",
       1},
      {"order",
       {Repair("r-a", "Build the index before running the tests.", "E3"),
        Repair("r-b", "Run the tests before building the index.")},
       ConflictType::kOrder,
       Resolution::kHeld,
       "",
       0},
      {"ring",
       {Repair("r-a", "Index the archive before parsing the invoices."),
        Repair("r-b", "Parse the invoices before printing customer tables."),
        Repair("r-c", "Print customer tables before you index the archive.")},
       ConflictType::kOrder,
       Resolution::kHeld,
       "",
       0},
      {"signature",
       {Signed(Prune("p-a", "Leave out listings.")), Signed(Preserve("k-b", "Look around early."))},
       ConflictType::kPruneVsPreserve,
       Resolution::kPrecedence,
       "k-b",
       1},
      {"signature, proven",
       {Signed(Prune("p-a", "Leave out listings."), "C2"), Signed(Preserve("k-b", "Look around early."))},
       ConflictType::kPruneVsPreserve,
       Resolution::kPrecedence,
       "p-a",
       1},
      {"signature, elsewhere",
       {Signed(Prune("p-a", "Leave out listings.")),
        When(Signed(Preserve("k-b", "Look around early.")), "the task is a refund")},
       ConflictType::kPruneVsPreserve,
       Resolution::kException,
       "",
       2},
      {"repeat, in words",
       {Signed(Prune("p-a",
                     "Do not read a file again while nothing has changed it: its text is already "
                     "in the conversation."),
               "", "waste:exact_repeat/read"),
        Signed(Preserve("k-b", "Read a file again, 2 times in a row or more, while nothing has changed it."),
               "", "read x2")},
       ConflictType::kPolarity,
       Resolution::kPrecedence,
       "k-b",
       1},
      {"repeat, in other words",
       {Signed(Prune("p-a", "Do not run a command again when nothing was written since it last succeeded."),
               "", "waste:exact_repeat/command"),
        Signed(Preserve("k-b", "Run `make` again, 2 times in a row or more, with the same arguments."), "",
               "exec:make|ok x2")},
       ConflictType::kPruneVsPreserve,
       Resolution::kPrecedence,
       "k-b",
       1},
      {"repeat, proven",
       {Signed(Prune("p-a", "Look at a result or run a check once after the last change that it covers."),
               "C2", "waste:repeated_look"),
        Signed(Preserve("k-b", "Run `pytest` again, 3 times in a row or more, with the same arguments."), "",
               "check:pytest|-|word|ok x3")},
       ConflictType::kPruneVsPreserve,
       Resolution::kPrecedence,
       "p-a",
       1},
      {"condition",
       {Repair("r-a", kDo), When(Repair("r-b", kAvoid), "the log is huge")},
       ConflictType::kConditionOverlap,
       Resolution::kException,
       "",
       2},
      {"same block",
       {Edits("r-a", {Edit(EditOp::kReplace, "Old rule.", "First words.")}, "E3"),
        Edits("r-b", {Edit(EditOp::kReplace, "Old rule.", "Other words.")})},
       ConflictType::kSameBlock,
       Resolution::kPrecedence,
       "r-a",
       1,
       rules},
      {"same block, equal",
       {Edits("r-a", {Edit(EditOp::kReplace, "Old rule.", "First words.")}),
        Edits("r-b", {Edit(EditOp::kReplace, "Old rule.", "Other words.")})},
       ConflictType::kSameBlock,
       Resolution::kHeld,
       "",
       0,
       rules},
      {"deleted block",
       {Edits("r-a", {Edit(EditOp::kRemove, "Old rule.", "")}, "E3"),
        Edits("r-b", {Edit(EditOp::kInsertAfter, "Old rule.", "- More.")})},
       ConflictType::kDeletedBlock,
       Resolution::kHeld,
       "",
       0,
       rules},
      {"deleted section",
       {Edits("r-a", {Edit(EditOp::kDeleteSection, "", "", "Rules")}),
        Edits("r-b", {Edit(EditOp::kAppendToSection, "", "- More.", "Rules")})},
       ConflictType::kDeletedBlock,
       Resolution::kHeld,
       "",
       0,
       rules},
      {"no link", {Edits("r-a", {create})}, ConflictType::kReference, Resolution::kFixed, "", 1, rules},
      {"no file",
       {Edits("r-a", {Edit(EditOp::kAppendToSection, "", "- See references/none.md.", "Rules")})},
       ConflictType::kReference,
       Resolution::kDropped,
       "",
       0,
       rules},
  };
}

TEST(MergeTest, ARepeatOfOneKindIsNoneOfAnother) {
  Patch again = Signed(Preserve("k-b", "Call `poll` twice."), "", "tool:poll|ok x2");
  for (const char* signature : {"waste:exact_repeat/read", "waste:exact_repeat/command",
                                "waste:repeated_look", "waste:unused_output", "tool:poll|ok"}) {
    MergeResult result = Do(Base(), {Signed(Prune("p-a", "Leave out listings."), "", signature), again});
    EXPECT_THAT(result.report.conflicts, IsEmpty()) << signature;
  }
}

TEST(MergeTest, ConflictsOfAllTypes) {
  for (const Case& c : Cases()) {
    MergeResult result = Do(Base(c.body), c.patches, {.edit_others = true});
    ASSERT_EQ(result.report.conflicts.size(), 1u) << c.name << "\n"
                                                  << EncodeMergeReport(result.report, false);
    const MergeConflict& conflict = result.report.conflicts[0];
    EXPECT_EQ(conflict.type, c.type) << c.name;
    EXPECT_EQ(conflict.resolution, c.resolution) << c.name;
    EXPECT_EQ(conflict.winner, c.winner) << c.name;
    EXPECT_EQ(result.report.written, c.written) << c.name;
    EXPECT_FALSE(conflict.rationale.empty()) << c.name;
    EXPECT_EQ(result.report.blocked, c.resolution == Resolution::kHeld) << c.name;
    std::vector<Patch> turned(c.patches.rbegin(), c.patches.rend());
    EXPECT_EQ(EncodeMergeReport(Do(Base(c.body), turned, {.edit_others = true}).report, true),
              EncodeMergeReport(result.report, true));
  }
}

TEST(MergeTest, PrecedenceHasSixRanks) {
  Patch pinned = Preserve("k", "x");
  pinned.pinned = true, pinned.evidence_grade = "E0";
  Patch prune_c2 = Prune("p", "x");
  prune_c2.counterfactual_grade = "C2";
  std::vector<Patch> ranks = {pinned,          Repair("r", "x", "E3"), prune_c2, Preserve("k", "x"),
                              Prune("p", "x"), Repair("r", "x", "E2")};
  for (size_t i = 0; i < ranks.size(); ++i) EXPECT_EQ(PrecedenceOf(ranks[i], {}), static_cast<int>(i));
  EXPECT_EQ(PrecedenceOf(prune_c2, {.counterfactual = false}), 4);
  EXPECT_EQ(WilsonLowPpm(0, 0), 0);
  EXPECT_EQ(WilsonLowPpm(8, 10), 490162);
  EXPECT_EQ(WilsonLowPpm(10, 10), 722467);
}

// A rule of ours that loses against new evidence leaves the skill; somebody else's words never do.
TEST(MergeTest, StrongerEvidenceReplacesARuleOfOurs) {
  MergeResult first = Do(Base(), {Prune("p-a", "Do not read the whole log first.")});
  MergeResult second = Do(first.skill, {Repair("r-b", "Read the whole log first.", "E3")});
  EXPECT_THAT(second.report.removed_rules, ElementsAre("p-a"));
  EXPECT_THAT(Text(second), Not(HasSubstr("Do not read")));
  EXPECT_THAT(Text(second), HasSubstr("- Read the whole log first."));
  SkillDir theirs = Base("\n- Do not read the whole log first.\n");
  MergeResult held = Do(theirs, {Repair("r-b", "Read the whole log first.", "E3")});
  EXPECT_EQ(Text(held), theirs.files.at("SKILL.md"));
  EXPECT_EQ(held.report.held, 1);
}

std::vector<Patch> Many(int count) {
  const char* things[] = {"ledger", "archive", "schema", "chat",   "invoice",  "calendar",
                          "heap",   "cookie",  "tunnel", "kernel", "notebook", "palette"};
  std::vector<Patch> patches;
  for (int i = 0; i < count; ++i) {
    patches.push_back(Prune("p-" + std::to_string(100 + i), std::string("Open the ") + things[i] + " once."));
    patches.back().expected_savings_usd = Usd::Pico(1'000'000'000L * (i + 1));
  }
  return patches;
}

TEST(MergeTest, NoMoreThanAReaderCanTakeIn) {
  MergeResult result = Do(Base(), Many(12));
  EXPECT_EQ(result.report.written, 8);
  EXPECT_EQ(FateOf(result, "p-111"), "added p-111") << "the dearest first";
  EXPECT_EQ(FateOf(result, "p-100"), "max_edits p-100");
  EXPECT_EQ(Do(result.skill, Many(12)).skill.files, result.skill.files);
  // New evidence is another step.
  std::vector<Patch> more = Many(12);
  for (Patch& patch : more) patch.tasks.push_back("t9"), patch.support = 3;
  EXPECT_EQ(Do(result.skill, more).report.written, 4);
  MergeOptions few;
  few.max_tokens = 12;
  EXPECT_EQ(Do(Base(), Many(12), few).report.written, 2);
}

TEST(MergeTest, DetailGoesToReferencesWhenTheBodyIsFull) {
  std::string body;
  for (int i = 0; i < 480; ++i) body += "line\n";
  MergeResult result = Do(Base("\n" + body), Many(12), {.max_edits = 12});
  EXPECT_EQ(result.report.written, 12);
  EXPECT_THAT(Text(result), HasSubstr("- More: [references/cost-control.md](references/cost-control.md)\n"));
  EXPECT_LE(std::count(Text(result).begin(), Text(result).end(), '\n'), 500);
  auto there =
      std::count_if(result.report.rules.begin(), result.report.rules.end(),
                    [](const MergedRule& rule) { return rule.file == "references/cost-control.md"; });
  EXPECT_GT(there, 0);
}

TEST(MergeTest, ArmsDifferOnlyInTheNamedThing) {
  std::vector<Patch> patches = {Prune("p-a", "Read a file once and keep its text."),
                                Repair("r-b", "Create the output folder first."),
                                Preserve("k-c", "Look at the sheet names before writing."),
                                Prune("p-d", "Leave out needless listings of folders.")};
  patches[3].counterfactual_grade = "C0";
  Patch cheap = Prune("p-e", "Print nothing that nobody reads.");
  cheap.high_cost = false;
  patches.push_back(cheap);
  auto rules_with = [&](MergeOptions options) {
    std::vector<std::string> rules;
    MergeResult arm = Do(Base(), patches, options);
    for (const MergedRule& rule : arm.report.rules) {
      if (rule.fate == MergeFate::kWritten) rules.push_back(rule.id);
    }
    std::sort(rules.begin(), rules.end());
    return rules;
  };
  EXPECT_THAT(rules_with({}), ElementsAre("k-c", "p-a", "r-b"));
  EXPECT_THAT(rules_with({.without = {Signal::kPrune}}), ElementsAre("k-c", "r-b"));
  EXPECT_THAT(rules_with({.without = {Signal::kPreserve}}), ElementsAre("p-a", "r-b"));
  EXPECT_THAT(rules_with({.without = {Signal::kRepair}}), ElementsAre("k-c", "p-a"));
  EXPECT_THAT(rules_with({.without = {Signal::kCounterfactual}}), ElementsAre("k-c", "p-a", "p-d", "r-b"));
  EXPECT_THAT(rules_with({.without = {Signal::kCost}}), ElementsAre("k-c", "p-a", "p-e", "r-b"));
  EXPECT_THAT(rules_with({.without_rules = {"r-b"}}), ElementsAre("k-c", "p-a"));
  EXPECT_THAT(rules_with({.transfer = true}), ElementsAre("p-a", "r-b"));
  // No arm fills the place of what it leaves out, and a rule that stands in the skill is taken out.
  EXPECT_EQ(Do(Base(), Many(12), {.without_rules = {"p-111"}}).report.written, 7);
  MergeResult full = Do(Base(), patches);
  MergeResult arm = Do(full.skill, patches, {.without_rules = {"p-a"}});
  EXPECT_EQ(Text(arm), Text(Do(Base(), patches, {.without_rules = {"p-a"}})));
}

TEST(MergeTest, AModelMayChangeWordsOnly) {
  Patch patch = Prune("p-a", "Do not run `make test` more than 2 times.");
  auto with = [&](const std::string& words) {
    MergeOptions options;
    options.reword = [&](const Patch&) { return OtherWords{words, "h1"}; };
    MergeResult result = Do(Base(), {patch}, options);
    return result.report.rules.at(0).reworded + " | " + Text(result).substr(Text(result).rfind("- "));
  };
  const std::string kOld = " | - Do not run `make test` more than 2 times.\n";
  EXPECT_EQ(with("Never execute `make test` more often than 2 times."),
            "accepted | - Never execute `make test` more often than 2 times.\n");
  EXPECT_EQ(with("Never start `make test` more often than 2 times."), "refused_words" + kOld);
  EXPECT_EQ(with("Do not run `make test` more than 2 times and mail it."), "refused_words" + kOld);
  EXPECT_EQ(with("Run `make test` more than 2 times."), "refused_polarity" + kOld);
  EXPECT_EQ(with("Do not run `make test` more than 5 times."), "refused_values" + kOld);
  EXPECT_EQ(with("Do not run `make check` more than 2 times."), "refused_names" + kOld);
  EXPECT_EQ(with("Do not run `make test` from evil_host more than 2 times."), "refused_names" + kOld);
  EXPECT_EQ(with("# Do not run `make test` more than 2 times."), "refused_not_a_rule" + kOld);
  // The words stay when the same is merged again, and the evidence is what it was.
  MergeOptions options;
  options.reword = [](const Patch&) {
    return OtherWords{"Never execute `make test` more than 2 times.", "h1"};
  };
  MergeResult once = Do(Base(), {patch}, options);
  EXPECT_EQ(Do(once.skill, {patch}, options).skill.files, once.skill.files);
  EXPECT_EQ(Do(once.skill, {patch}).skill.files, once.skill.files);
  EXPECT_EQ(once.report.rules[0].support, 2);
  // Unless the rule says something else by now.
  patch.rule = "Do not run `make test` more than 5 times.";
  EXPECT_THAT(Text(Do(once.skill, {patch})), HasSubstr("- Do not run `make test` more than 5 times."));
  auto kept = DecodePatch(once.skill.files.at(".clawtrace/history/p-a.yaml"), "p-a");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->prompt_hash, "h1");
}

TEST(MergeTest, OtherWordsHaveTheConditionOnce) {
  Patch patch = Prune("p-a", "Do not list folders.");
  patch.condition = "the task names the files";
  auto with = [&](const std::string& words) {
    MergeOptions options;
    options.reword = [&](const Patch&) { return OtherWords{words, "h1"}; };
    MergeResult result = Do(Base(), {patch}, options);
    return result.report.rules.at(0).reworded + " | " + Text(result).substr(Text(result).rfind("- "));
  };
  const std::string kMended = "accepted | - When the task names the files: Never list folders.\n";
  EXPECT_EQ(with("Never list folders."), kMended);
  EXPECT_EQ(with("When the task names the files: Never list folders."), kMended);
  EXPECT_EQ(with("If the task names the files, Never list folders."), kMended);
  EXPECT_EQ(with("When the task names the files: When the task names the files: Never list folders."),
            kMended);
  EXPECT_THAT(with("When the task names two files: Never list folders."), HasSubstr("refused"));
  EXPECT_THAT(with("Never list folders when the task names the files."), HasSubstr("refused"));
}

TEST(MergeTest, ConditionsAreNamedOnce) {
  for (const char* condition : {"the file is large", "when the file is large", "If the file is large.",
                                "When The file is large.", "While the file  is large:"}) {
    Patch patch = Prune("p-a", "Read its head alone.");
    patch.condition = condition;
    MergeResult result = Do(Base(), {patch});
    EXPECT_THAT(Text(result), HasSubstr("- When the file is large: Read its head alone.\n")) << condition;
    EXPECT_EQ(Do(result.skill, {patch}).skill.files, result.skill.files) << condition;
  }
  Patch one = Prune("p-a", "Read its head alone."), same = Prune("p-b", "Read its head alone.");
  one.condition = "the file is large", same.condition = "If the file is large.";
  EXPECT_EQ(FateOf(Do(Base(), {one, same}), "p-b"), "same_rule p-a");
}

TEST(MergeTest, CandidatesOfTwoKindsAreOneRule) {
  Patch one = Repair("r-a", "Sort by key.", "E1"), other = Preserve("k-a", "Sort by key.");
  other.evidence_grade = "E1", one.tasks = {"t1"}, other.tasks = {"t2"};
  MergeResult result = Do(Base(), {one, other}, {.candidates = true});
  std::string text = Text(result);
  EXPECT_EQ(text.find("Sort by key."), text.rfind("Sort by key."));
  std::set<std::string> fates = {FateOf(result, "r-a"), FateOf(result, "k-a")};
  EXPECT_TRUE(fates.contains("said_by_rule r-a") || fates.contains("said_by_rule k-a"))
      << FateOf(result, "r-a") << ", " << FateOf(result, "k-a");
  auto records = skill::DecodeProvenance(result.skill.files.at(".clawtrace/provenance.json"), "records");
  ASSERT_EQ(records->rules.size(), 1u);
  EXPECT_THAT(records->rules.at(0).tasks, ElementsAre("t1", "t2"));
}

TEST(MergeTest, StalePlacesAreFoundAgainOrRefused) {
  SkillDir base = Base("\n## Rules\n\n- Old rule.\n");
  Patch found = Edits("r-a", {Edit(EditOp::kInsertAfter, "Old rule.", "- More.")});
  Patch lost =
      Edits("r-b", {Edit(EditOp::kInsertAfter, "Old rule.", "- Also."), Edit(EditOp::kRemove, "Gone.", "")});
  found.base_skill_hash = lost.base_skill_hash = "0123";
  MergeResult result = Do(base, {found, lost});
  EXPECT_EQ(FateOf(result, "r-a"), "added r-a");
  ASSERT_EQ(result.report.inputs.size(), 3u);
  for (const MergeInput& input : result.report.inputs) EXPECT_TRUE(input.rebased) << input.patch_id;
  EXPECT_EQ(result.report.inputs[2].reason, "rebase_failed");
  EXPECT_EQ(result.report.inputs[2].detail, "anchor_not_found");
  EXPECT_THAT(Text(result), Not(HasSubstr("Also")));
}

TEST(MergeTest, HostileRulesAreItemsOrNothing) {
  for (const char* rule :
       {"# Owned", "```\nrm -rf", "<!-- hidden", "x <!-- y -->", "- - x\n\n# y", "a\x1b[2Jb", "> quoted",
        "zero\xe2\x80\x8bwidth", "[x]: http://evil.example", "1. first"}) {
    Patch patch = Prune("p-a", rule);
    MergeResult result = Do(Base(), {patch});
    auto headings = skill::ParseBlocks(Text(result));
    auto bad = std::count_if(headings.begin(), headings.end(), [](const skill::Block& block) {
      return block.kind != skill::BlockKind::kItem && block.kind != skill::BlockKind::kHeading &&
             block.kind != skill::BlockKind::kFrontMatter;
    });
    EXPECT_EQ(bad, 0) << rule;
    EXPECT_LE(headings.size(), 4u) << rule;
    ASSERT_EQ(result.report.inputs.size(), 1u);
  }
  Patch evil = Prune("../../evil", "Read a file once.");
  MergeResult result = Do(Base(), {evil});
  EXPECT_EQ(result.report.inputs.at(0).patch_id, "patch");
  EXPECT_EQ(result.report.inputs.at(0).reason, "not_a_rule");
}

TEST(MergeTest, ReportsReadBack) {
  MergeResult result = Do(Base(), Many(12));
  for (bool json : {true, false}) {
    auto read = DecodeMergeReport(EncodeMergeReport(result.report, json), "report");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, result.report);
  }
  EXPECT_FALSE(DecodeMergeReport("schema: merge-report/9\n", "report"));
}

TEST(MergeTest, NothingIsWrittenIntoWhatIsNoCleanText) {
  const std::vector<Patch> rule = {Repair("r-a", "Sort by key.")};
  auto said = [](const SkillDir& base, const std::vector<Patch>& patches) {
    auto result = MergePatches(base, patches, MergeOptions{});
    return result ? std::string() : result.error().message;
  };
  EXPECT_EQ(said(Base(std::string("text") + '\0'), rule),
            "demo/SKILL.md holds a NUL byte, which no text does");
  EXPECT_EQ(said(Base("caf\xE9\n"), rule), "demo/SKILL.md is no UTF-8 text");
  SkillDir with = Base("\nSee references/x.md.\n");
  with.files["references/x.md"] = std::string("# More\n\nText.\n") + '\0';
  const std::vector<Patch> edit = {Edits("r-e", {AppendTo("references/x.md", "More text.")})};
  EXPECT_EQ(said(with, edit), "demo/references/x.md holds a NUL byte, which no text does");
  // A file that nothing goes into is left as it is.
  EXPECT_EQ(said(with, rule), "");
  with.files["references/x.md"] = "# More\n\nCaf\xE9.\n";
  EXPECT_EQ(said(with, edit), "demo/references/x.md is no UTF-8 text");
  with.files["references/x.md"] = "# More\n\nText.\n";
  EXPECT_EQ(said(with, edit), "");
}

}  // namespace
}  // namespace clawtrace::distill

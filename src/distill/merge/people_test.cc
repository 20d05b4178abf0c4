// What people decided about a skill stands above what patches say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "distill/merge/merge.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/decisions.h"
#include "skill/history.h"
#include "skill/provenance.h"

namespace clawtrace::distill {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Patch Repair(const std::string& id, const std::string& rule, const std::string& grade = "E2",
             std::vector<std::string> tasks = {"t1", "t2", "t3"}) {
  Patch patch;
  patch.schema = "patch/1", patch.patch_kind = PatchKind::kRepair, patch.id = id, patch.rule = rule;
  patch.tasks = std::move(tasks), patch.support = static_cast<int64_t>(patch.tasks.size());
  patch.evidence_grade = grade, patch.producer = "clawtrace/test/1";
  for (const std::string& task : patch.tasks) patch.target_steps.push_back({"s-" + task, "c", "1", "h"});
  return patch;
}
Patch Editing(const std::string& id, EditOp op, const std::string& old_text, const std::string& path = "") {
  Patch patch = Repair(id, "x", "E4");
  patch.edits = {{op, "SKILL.md", path, "", old_text, op == EditOp::kReplace ? "- Other words." : ""}};
  return patch;
}

SkillDir Base(const std::string& body = "\n## Rules\n\n- Keep the sheet.\n") {
  return {"demo", {{"SKILL.md", "---\nname: demo\ndescription: d\n---\n\n# Demo\n" + body}}};
}

MergeResult Do(const SkillDir& base, const std::vector<Patch>& patches, const MergeOptions& options = {}) {
  auto result = MergePatches(base, patches, options);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? *result : MergeResult{};
}
const std::string& Text(const SkillDir& skill) { return skill.files.at("SKILL.md"); }

std::string ReasonOf(const MergeResult& result, const std::string& id) {
  for (const MergeInput& input : result.report.inputs) {
    if (input.patch_id == id) return std::string(NameOf(input.fate)) + " " + input.reason;
  }
  return "";
}

SkillDir Without(SkillDir skill, const std::string& rule) {
  std::string& text = skill.files["SKILL.md"];
  size_t at = text.find("- " + rule + "\n");
  EXPECT_NE(at, std::string::npos);
  text.erase(at, rule.size() + 3);
  return skill;
}
SkillDir Pinned(SkillDir skill, const std::string& item) {
  auto decisions = skill::DecisionsOf(skill);
  EXPECT_TRUE(decisions);
  decisions->pins.push_back({skill::HashOfBlock(skill::BlockKind::kItem, item), "", "Ann"});
  skill::KeepDecisions(*decisions, &skill);
  return skill;
}

const std::string kQuote = "Quote paths that hold blanks.";

// Many edits of strong evidence against text of others neither change it nor take the place of a rule.
TEST(PeopleTest, EditsOfOthersTextNeitherWinNorBlock) {
  std::vector<Patch> patches = {Repair("r-good", kQuote)};
  for (int i = 0; i < 10; ++i) {
    std::string id = "r-evil-" + std::to_string(i);
    patches.push_back(i % 2 ? Editing(id, EditOp::kReplace, "Keep the sheet.")
                            : Editing(id, EditOp::kDeleteSection, "", "Rules"));
    patches.back().edits[0].new_text += i % 2 ? " " + std::to_string(i) : "";
  }
  MergeResult result = Do(Base(), patches);
  EXPECT_FALSE(result.report.blocked);
  EXPECT_EQ(ReasonOf(result, "r-good"), "written added");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ReasonOf(result, "r-evil-" + std::to_string(i)), "refused not_ours");
  EXPECT_TRUE(Text(result.skill).starts_with(Text(Base())));
  EXPECT_EQ(result.report.written, 1);
  MergeResult asked = Do(Base(), {patches[0], patches[1]}, {.edit_others = true});
  EXPECT_THAT(Text(asked.skill), Not(HasSubstr("Keep the sheet")));
}

TEST(PeopleTest, ADeletedRuleStaysAwayUntilMuchMoreSpeaksForIt) {
  SkillDir first = Do(Base(), {Repair("r-a", kQuote)}).skill;
  SkillDir deleted = Without(first, kQuote);
  // Nor does it come back under another id, in other words.
  MergeResult again =
      Do(deleted, {Repair("r-a", kQuote), Repair("r-b", "Quote the paths that hold blanks.")});
  EXPECT_EQ(Trim(Text(again.skill)), Trim(Text(Base()))) << "the heading of ours went as well";
  EXPECT_EQ(ReasonOf(again, "r-a"), "left_out removed_by_user");
  MergeResult other =
      Do(deleted, {Repair("r-b", "Quote the paths that hold blanks.", "E2", {"t7", "t8", "t9"})});
  EXPECT_EQ(ReasonOf(other, "r-b"), "left_out removed_by_user");
  EXPECT_THAT(other.report.inputs.at(0).detail, HasSubstr("higher evidence grade than E2"));
  // The evidence that it had then is remembered; what comes in drops does not add up to a new judgement.
  MergeResult more = Do(other.skill, {Repair("r-a", kQuote, "E2", {"t7", "t8", "t9"})});
  EXPECT_EQ(ReasonOf(more, "r-a"), "left_out removed_by_user");
  EXPECT_EQ(Do(more.skill, {Repair("r-a", kQuote, "E2", {"t7", "t8", "t9"})}).skill.files, more.skill.files);
  MergeResult stronger =
      Do(more.skill, {Repair("r-b", "Quote the paths that hold blanks.", "E3", {"t7", "t8", "t9"})});
  EXPECT_EQ(ReasonOf(stronger, "r-b"), "written added");
  EXPECT_THAT(Text(stronger.skill), HasSubstr("- Quote the paths that hold blanks.\n"));
  // Or a person asks; then it is not away any more.
  for (const char* id : {"r-a", "r-b"}) {
    MergeResult asked = Do(other.skill, {Repair(id, kQuote)}, {.again = {id}});
    EXPECT_EQ(ReasonOf(asked, id), "written added") << id;
    EXPECT_TRUE(skill::DecisionsOf(asked.skill)->taken_back.empty());
    EXPECT_EQ(Do(asked.skill, {Repair(id, kQuote)}).skill.files, asked.skill.files);
  }
  // What somebody edited was not taken back.
  SkillDir edited = deleted;
  edited.files["SKILL.md"] += "- Quote paths that hold blanks or tabs, always.\n";
  EXPECT_EQ(ReasonOf(Do(edited, {Repair("r-a", kQuote)}), "r-a"), "left_out edited_by_user");
}

TEST(PeopleTest, AChoiceAgainstTheirsIsHeld) {
  Patch rule =
      Repair("r-a", "Use `python3` instead of `python`, which is not installed in these workspaces.", "E4");
  for (const char* theirs :
       {"Use `python` instead of `python3`.", "Prefer `python` over `python3`.",
        "Use `python`, not `python3`, as the machines of the customers have nothing newer."}) {
    SkillDir base = Base("\n## Rules\n\n- " + std::string(theirs) + "\n");
    MergeResult result = Do(base, {rule});
    EXPECT_EQ(ReasonOf(result, "r-a"), "held polarity") << theirs;
    EXPECT_TRUE(result.report.blocked);
  }
  EXPECT_EQ(ReasonOf(Do(Base("\n- " + rule.rule + "\n"), {rule}), "r-a"), "covered said_by_skill");
}

TEST(PeopleTest, AnEditThatWasDeletedStaysAwayUntilAPersonAsks) {
  const std::string kAdded = "Look at the log first when a build fails.";
  Patch edit = Repair("r-e", "A rule that is never written.");
  edit.edits = {{EditOp::kAppendToSection, "SKILL.md", "Rules", "", "", "- " + kAdded}};
  SkillDir first = Do(Base(), {edit}).skill;
  EXPECT_EQ(ReasonOf(Do(first, {edit}), "r-e"), "in_skill already_applied");
  SkillDir deleted = Without(first, kAdded);
  MergeResult again = Do(deleted, {edit});
  EXPECT_EQ(ReasonOf(again, "r-e"), "left_out removed_by_user");
  EXPECT_EQ(Text(again.skill), Text(deleted));
  EXPECT_EQ(Do(again.skill, {edit}).skill.files, again.skill.files);
  for (const SkillDir& skill : {deleted, again.skill}) {
    MergeResult asked = Do(skill, {edit}, {.again = {"r-e"}});
    EXPECT_EQ(ReasonOf(asked, "r-e"), "written added");
    EXPECT_EQ(Text(asked.skill), Text(first));
    EXPECT_TRUE(skill::DecisionsOf(asked.skill)->taken_back.empty());
    EXPECT_EQ(Do(asked.skill, {edit}).skill.files, asked.skill.files);
  }
  // Put back by hand it is there, and not away any more.
  SkillDir back = again.skill;
  back.files["SKILL.md"] = Text(first);
  MergeResult there = Do(back, {edit});
  EXPECT_EQ(ReasonOf(there, "r-e"), "in_skill already_applied");
  EXPECT_TRUE(skill::DecisionsOf(there.skill)->taken_back.empty());
  SkillDir edited = deleted;
  edited.files["SKILL.md"] += "- Look at the log first when a build fails twice.\n";
  EXPECT_EQ(ReasonOf(Do(edited, {edit}), "r-e"), "left_out edited_by_user");
}

TEST(PeopleTest, AnEditThatAnotherPatchReplacedWasNotTakenBack) {
  Patch edit = Repair("r-e", "x"), later = Repair("r-f", "y", "E3");
  edit.edits = {{EditOp::kAppendToSection, "SKILL.md", "Rules", "", "", "- Look at the log first."}};
  later.edits = {{EditOp::kReplace, "SKILL.md", "Rules", "", "Look at the log first.", "- Ask the owner."}};
  SkillDir both = Do(Do(Base(), {edit}).skill, {later}).skill;
  EXPECT_THAT(Text(both), HasSubstr("- Ask the owner.\n"));
  EXPECT_EQ(ReasonOf(Do(both, {edit}), "r-e"), "in_skill already_applied");
  EXPECT_EQ(Do(both, {edit, later}).skill.files, both.files);
}

TEST(PeopleTest, ARuleThatWasRolledBackStaysAway) {
  SkillDir base = Base();
  auto released = skill::WithVersion(base, Do(base, {Repair("r-a", kQuote)}).skill,
                                     skill::VersionOrigin::kClawtrace, {"r-a"});
  ASSERT_TRUE(released);
  auto back = skill::Rollback(*released, "");
  ASSERT_TRUE(back);
  MergeResult again = Do(*back, {Repair("r-a", kQuote, "E2", {"t1", "t2", "t4", "t5", "t6"})});
  EXPECT_EQ(Text(again.skill), Text(base));
  EXPECT_EQ(ReasonOf(again, "r-a"), "left_out rolled_back");
  EXPECT_EQ(ReasonOf(Do(*back, {Repair("r-a", kQuote, "E3", {"t4", "t5", "t6"})}), "r-a"), "written added");
  EXPECT_EQ(ReasonOf(Do(*back, {Repair("r-a", kQuote, "E3", {"t1", "t2", "t4"})}), "r-a"),
            "left_out rolled_back");
  EXPECT_EQ(ReasonOf(Do(*back, {Repair("r-a", kQuote)}, {.again = {"r-a"}}), "r-a"), "written added");
}

TEST(PeopleTest, APinnedRuleIsNeverChangedReplacedOrMoved) {
  Patch rule = Repair("r-a", "Do not read the whole log first.");
  SkillDir pinned = Pinned(Do(Base(), {rule}).skill, rule.rule);
  // Stronger evidence for the opposite would take out a rule of ours.
  Patch against = Repair("r-b", "Read the whole log first.", "E4", {"t4", "t5", "t6"});
  MergeResult result = Do(pinned, {against});
  EXPECT_EQ(Text(result.skill), Text(pinned));
  EXPECT_EQ(ReasonOf(result, "r-b"), "lost_conflict polarity");
  // A pin of today against one of yesterday is for the person to settle.
  EXPECT_EQ(ReasonOf(Do(pinned, {against}, {.pins = {"r-b"}}), "r-b"), "held polarity");
  Patch reworded = rule;
  reworded.rule = "Read the whole log first.", reworded.evidence_grade = "E4";
  result = Do(pinned, {reworded});
  EXPECT_EQ(Text(result.skill), Text(pinned));
  // An arm without repairs is about what evidence wrote; its id takes it out.
  EXPECT_EQ(Text(Do(pinned, {rule}, {.without = {Signal::kRepair}}).skill), Text(pinned));
  EXPECT_THAT(Text(Do(pinned, {rule}, {.without_rules = {"r-a"}}).skill), Not(HasSubstr("whole log")));
  // A candidate that is pinned stays where it is when it is admitted.
  Patch candidate = Repair("r-c", kQuote, "E1", {"t1"});
  SkillDir there = Pinned(Do(Base(), {candidate}, {.candidates = true}).skill, kQuote);
  result = Do(there, {Repair("r-c", kQuote)});
  EXPECT_EQ(Text(result.skill), Text(there));
}

TEST(PeopleTest, WhatAPersonPinsIsAdmittedAndKept) {
  Patch rule = Repair("r-a", kQuote, "E0", {"t1"});
  rule.pinned = true;
  EXPECT_EQ(ReasonOf(Do(Base(), {rule}), "r-a"), "candidate repair_below_e2");
  MergeResult result = Do(Base(), {rule}, {.pins = {"r-a"}});
  EXPECT_EQ(ReasonOf(result, "r-a"), "written added");
  auto decisions = skill::DecisionsOf(result.skill);
  ASSERT_TRUE(decisions);
  ASSERT_EQ(decisions->pins.size(), 1u);
  EXPECT_EQ(decisions->pins[0].block, skill::HashOfBlock(skill::BlockKind::kItem, kQuote));
  EXPECT_EQ(decisions->pins[0].rule, "r-a");
  EXPECT_EQ(Do(result.skill, {rule}, {.pins = {"r-a"}}).skill.files, result.skill.files);
  EXPECT_EQ(Do(result.skill, {rule}).skill.files, result.skill.files);
}

TEST(RefusedTest, WhatWouldBeWrittenIsToldFromWhatIsDecided) {
  std::string full = "\n## Rules\n";
  for (int i = 0; i < 490; ++i) full += "\nLine.";
  full += "\n";
  const Patch admitted = Repair("r-a", "Quote paths with blanks."), weak = Repair("r-w", "Sort rows.", "E1");
  const Patch same = Repair("r-s", "Quote paths with blanks.", "E1", {"t9"});
  const Patch theirs = Editing("r-e", EditOp::kDeleteSection, "", "Rules");
  Patch unproven = theirs;
  unproven.id = "r-u", unproven.evidence_grade = "E0", unproven.tasks = {"t1"}, unproven.support = 1;
  MergeOptions pins, candidates, arm;
  pins.pins = {"r-u"}, candidates.candidates = true, arm.without = {Signal::kRepair};

  // What is merged, said or not admitted is decided.
  EXPECT_THAT(Do(Base(), {admitted, same, weak, unproven}).refused, testing::IsEmpty());
  EXPECT_THAT(Do(Base("\n- Quote paths with blanks.\n"), {admitted}).refused, testing::IsEmpty());
  EXPECT_THAT(Do(Base(), {theirs}).refused, ElementsAre("r-e"));
  EXPECT_THAT(Do(Base(), {theirs}, arm).refused, testing::IsEmpty());
  EXPECT_THAT(Do(Base(), {unproven}, pins).refused, ElementsAre("r-u"));
  // A candidate has no place among the edits.
  EXPECT_THAT(Do(Base(), {unproven}, candidates).refused, testing::IsEmpty());
  EXPECT_THAT(Do(Base(full), {admitted, same, weak}).refused, ElementsAre("r-a", "r-s"));
  EXPECT_THAT(Do(Base(full), {admitted, weak}, candidates).refused, ElementsAre("r-a", "r-w"));
  // Half of a patch is not all of it.
  Patch half = theirs;
  half.id = "r-h", half.edits[0].op = EditOp::kAppendToSection, half.edits[0].new_text = "- More.";
  half.edits.push_back({EditOp::kReplace, "SKILL.md", "", "", "Nowhere.", "- Lost."});
  MergeResult result = Do(Base(), {half});
  EXPECT_THAT(result.refused, ElementsAre("r-h")) << ReasonOf(result, "r-h");
}

}  // namespace
}  // namespace clawtrace::distill

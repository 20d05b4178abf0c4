#include "distill/interchange/interchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "skill/provenance.h"

namespace clawtrace::distill {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

ImportedPatches Import(std::string_view text, const SkillDir* skill = nullptr) {
  auto read = ImportPatches(text, "input", skill);
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  return read ? *read : ImportedPatches{};
}

std::vector<std::string> Reasons(const std::vector<InterchangeNote>& notes) {
  std::vector<std::string> reasons;
  for (const InterchangeNote& note : notes) reasons.push_back(note.place + " " + note.reason);
  return reasons;
}

std::string Said(const Patch& patch, std::string_view name) {
  for (const PatchRemark& remark : patch.remarks) {
    if (remark.name == name) return remark.text;
  }
  return "";
}

SkillDir Sheets() {
  return {"sheets",
          {{"SKILL.md",
            "---\nname: sheets\ndescription: Reads tables.\n---\n\n# Sheets\n\n## Workflow\n\n"
            "- Read the file once.\n- Check the totals before writing.\n- Write the result.\n\n"
            "## Formulas\n\nUse formulas, never values.\n\n```sh\n# recalculate\nrun all\n```\n\n"
            "## Checks\n\n- Write the result.\n"},
           {"references/dates.md", "# Dates\n\n- Dates are numbers.\n"}},
          {}};
}

constexpr std::string_view kCostCraftFile = R"([
  {"kind": "addition", "rule_text": "Read each input file once.", "root_cause": "orders.csv was read three times.",
   "source_task_id": "task-7", "source_outcome": "success", "action": "prune", "target_cost_sink": "tool_call",
   "counterfactual": "The later reads returned the same bytes.", "skill_section": "Cost control",
   "analyst_turns": 1, "diagnostic_passed": true},
  {"kind": "edition", "rule_text": "Recalculate before saving.", "root_cause": "The cell held no value.",
   "source_task_id": "task-9", "source_outcome": "failure", "action": "repair", "target_cost_sink": null,
   "counterfactual": "", "skill_section": "Workflow", "analyst_turns": 3, "diagnostic_passed": false}])";

TEST(CostCraftTest, KeepsWhatWasSaidAndGradesNothing) {
  ImportedPatches read = Import(kCostCraftFile);
  ASSERT_THAT(read.patches, SizeIs(2));
  EXPECT_THAT(read.refused, IsEmpty());
  EXPECT_THAT(Reasons(read.notes), ElementsAre("[1] edition_without_target"));
  const Patch& prune = read.patches[0];
  EXPECT_EQ(prune.patch_kind, PatchKind::kPrune);
  EXPECT_EQ(prune.rule, "Read each input file once.");
  EXPECT_EQ(prune.section, "Cost control");
  EXPECT_EQ(prune.counterfactual, "The later reads returned the same bytes.");
  EXPECT_EQ(prune.counterfactual_grade + prune.evidence_grade, "");
  EXPECT_THAT(prune.tasks, ElementsAre("task-7"));
  EXPECT_EQ(prune.support, 1);
  EXPECT_EQ(Said(prune, "source_outcome"), "success");
  EXPECT_EQ(Said(prune, "root_cause"), "orders.csv was read three times.");
  EXPECT_EQ(read.patches[1].patch_kind, PatchKind::kRepair);
  EXPECT_EQ(Said(read.patches[1], "analyst_turns"), "3");
  auto again = DecodePatch(EncodePatch(prune, false), "patch");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, prune);
}

TEST(CostCraftTest, ExportedAndImportedIsTheSame) {
  ImportedPatches read = Import(kCostCraftFile);
  Exported written = ExportCostCraft(read.patches);
  EXPECT_THAT(written.notes, IsEmpty());
  EXPECT_THAT(written.text, HasSubstr("\"target_cost_sink\": null"));
  EXPECT_EQ(Import(written.text).patches, read.patches);
}

TEST(CostCraftTest, AGradeInTheFileIsNoGrade) {
  ImportedPatches read = Import(
      R"([{"rule_text": "Do it.", "action": "prune", "counterfactual": "x", "counterfactual_grade": "C3",
           "evidence_grade": "E4", "support": 40, "tasks": ["a", "b"]}])");
  ASSERT_THAT(read.patches, SizeIs(1));
  EXPECT_EQ(read.patches[0].counterfactual_grade + read.patches[0].evidence_grade, "");
  EXPECT_EQ(read.patches[0].support, std::nullopt);
  EXPECT_EQ(Said(read.patches[0], "counterfactual_grade"), "C3");
}

TEST(CostCraftTest, OneRuleOfTwoTasksHasSupportOfTwo) {
  std::string_view a =
      R"([{"rule_text": "Do it.", "action": "repair", "source_task_id": "a", "counterfactual": "first", "root_cause": "r"}])";
  std::string_view b =
      R"([{"rule_text": "- Do  it.", "action": "repair", "source_task_id": "b", "counterfactual": "other"}])";
  ImportedPatches one = JoinImports({Import(a), Import(b), Import(a)}),
                  other = JoinImports({Import(b), Import(a)});
  ASSERT_THAT(one.patches, SizeIs(1));
  EXPECT_THAT(one.patches[0].tasks, ElementsAre("a", "b"));
  EXPECT_EQ(one.patches[0].support, 2);
  EXPECT_EQ(one.patches, other.patches);
  EXPECT_EQ(Said(one.patches[0], "counterfactual"), "other") << "the words of the second are kept";
}

TEST(CostCraftTest, AMemberSaidTwiceIsOneRemark) {
  ImportedPatches read = Import(R"([{"rule_text": "Do it.", "root_cause": "r", "root_cause": "r"}])");
  ASSERT_THAT(read.patches, SizeIs(1));
  EXPECT_THAT(read.patches[0].remarks, SizeIs(1));
  EXPECT_EQ(JoinImports({read, read}).patches, read.patches);
}

TEST(CostCraftTest, ATaskOfAnotherTypeIsTold) {
  ImportedPatches read = Import(
      R"([{"rule_text": "Do it.", "source_task_id": {"a": 1}}, {"rule_text": "Do that.", "source_task_id": 7},
          {"rule_text": "Do more.", "source_task_id": null}])");
  ASSERT_THAT(read.patches, SizeIs(3));
  EXPECT_THAT(Reasons(read.notes), ElementsAre("[0] no_task"));
  size_t named = 0;
  for (const Patch& patch : read.patches) {
    if (patch.rule != "Do that.") continue;
    EXPECT_THAT(patch.tasks, ElementsAre("7"));
    ++named;
  }
  EXPECT_EQ(named, 1u);
}

TEST(CostCraftTest, NoTurnsAreMadeUp) {
  Patch rule;
  rule.id = "prune-1", rule.rule = "Do it.", rule.counterfactual = "Nothing would have been lost.";
  EXPECT_THAT(ExportCostCraft({rule}).text, Not(HasSubstr("analyst_turns")));
  EXPECT_THAT(ExportCostCraft(Import(kCostCraftFile).patches).text, HasSubstr("\"analyst_turns\": 3"));
}

TEST(SkillRulesTest, WhatIsKeptBesideTheSkillIsKnown) {
  Patch rule;
  rule.schema = "patch/1", rule.id = "prune-1", rule.section = "Workflow", rule.rule = "List a folder once.";
  rule.condition = "the folder is large", rule.producer = "clawtrace/prune-waste/2";
  rule.tasks = {"a", "b"}, rule.support = 2, rule.exposed = 5, rule.sessions = 4;
  rule.counterfactual = "Replayed without it, the outcome was the same.";
  rule.expected_savings_usd = Usd::Parse("0.02"), rule.savings_low_usd = Usd::Parse("0.01"),
  rule.savings_high_usd = Usd::Parse("0.03");
  auto applied = ApplyPatches(Sheets(), {rule});
  ASSERT_TRUE(applied) << applied.error().message;
  auto rules = RulesOf(applied->skill);
  ASSERT_TRUE(rules) << rules.error().message;
  ASSERT_THAT(rules->patches, SizeIs(1));
  const Patch& known = rules->patches[0];
  EXPECT_EQ(known.counterfactual, rule.counterfactual);
  EXPECT_EQ(known.exposed, 5);
  EXPECT_EQ(known.sessions, 4);
  EXPECT_EQ(known.savings_high_usd, rule.savings_high_usd);
  EXPECT_THAT(known.rule, HasSubstr("the folder is large"));
  EXPECT_EQ(known.condition, "") << "it stands in the text";
  EXPECT_THAT(ExportCostCraft(rules->patches).text, HasSubstr(rule.counterfactual));
  EXPECT_THAT(EvidenceLines(*rules), HasSubstr("\"exposed\":5"));
  EXPECT_THAT(EvidenceLines(*rules), HasSubstr(rule.counterfactual));
}

TEST(CostCraftTest, WhatIsNoRuleIsKeptAsRefused) {
  ImportedPatches read = Import(
      R"([{"rule_text": "", "action": "prune"}, {"rule_text": "# Title", "action": "prune"},
          {"rule_text": "x", "action": "delete"}, {"rule_text": 7}, {"rule_text": "x", "kind": "other"}, 5])");
  EXPECT_THAT(read.patches, IsEmpty());
  EXPECT_THAT(Reasons(read.refused), ElementsAre("[0] no_rule", "[1] no_rule", "[2] unknown_action",
                                                 "[3] no_rule", "[4] unknown_kind", "[5] unknown_shape"));
  EXPECT_EQ(read.refused[1].source, R"({"action":"prune","rule_text":"# Title"})");
}

constexpr std::string_view kRecordsFile = R"([
  {"instance_id": "13-1_prompt", "source_file": "analysis_report.md", "record_source": "error", "items": [
    {"type": "failure_cause", "number": 1, "title": "Stale values", "description": "d", "content": "Not recalculated.",
     "relation_to_skill": "The skill says so nowhere."},
    {"type": "failure_memory", "number": 1, "title": "Recalculate", "description": "d",
     "content": "Recalculate before reading values.", "skill_reflection": "Add it to the workflow."}]},
  {"instance_id": "13-1_seed_42", "source_file": "error_analysis_13-1_seed_42.md", "items": [
    {"type": "failure_memory", "number": 1, "title": "t", "description": "d", "content": "Recalculate before reading values."}]},
  {"instance_id": "20-2", "source_file": "s.md", "record_source": "success", "items": [
    {"type": "success_memory", "number": 1, "title": "Look first", "description": "d", "content": "Look at the header row first."}]},
  {"instance_id": "21-2", "source_file": "s.md", "items": [{"type": "failure_cause", "number": 1, "content": "c"}]}])";

TEST(RecordsTest, MemoriesAreRulesAndCausesGoWithThem) {
  ImportedPatches read = Import(kRecordsFile);
  ASSERT_THAT(read.patches, SizeIs(2));
  const Patch& keep = read.patches[0];
  const Patch& repair = read.patches[1];
  EXPECT_EQ(keep.patch_kind, PatchKind::kPreserve);
  EXPECT_EQ(repair.patch_kind, PatchKind::kRepair);
  EXPECT_EQ(repair.rule, "Recalculate before reading values.");
  EXPECT_THAT(repair.tasks, ElementsAre("13-1")) << "variants and seeds are one task";
  EXPECT_EQ(repair.support, 1);
  EXPECT_EQ(Said(repair, "cause[1].content"), "Not recalculated.");
  EXPECT_EQ(Said(repair, "item.skill_reflection"), "Add it to the workflow.");
  EXPECT_THAT(Reasons(read.refused), ElementsAre("[3].items[0] cause_without_rule"));
}

TEST(RecordsTest, PatternsNameTheirTasksOrNone) {
  ImportedPatches read = Import(
      R"({"failure_cause": [{"index": 1, "title": "t", "description": "d"}],
          "failure_memory": [{"index": 1, "title": "Check sums", "description": "Sum the column again.",
            "skill_improvement": "Sum each column again before saving.", "frequency": "3 of 5",
            "source_case_ids": ["0", "2"], "source_case_task_ids": ["b", "a", "b"]},
           {"index": 2, "title": "Count rows", "description": "", "source_case_ids": ["1"]}]})");
  ASSERT_THAT(read.patches, SizeIs(2));
  auto by_rule = [&](std::string_view rule) {
    return *std::find_if(read.patches.begin(), read.patches.end(),
                         [&](const Patch& p) { return p.rule == rule; });
  };
  Patch sums = by_rule("Sum each column again before saving."), rows = by_rule("Count rows");
  EXPECT_THAT(sums.tasks, ElementsAre("a", "b"));
  EXPECT_EQ(sums.support, 2);
  EXPECT_EQ(Said(sums, "pattern.frequency"), "3 of 5");
  EXPECT_EQ(rows.support, std::nullopt);
  EXPECT_THAT(Reasons(read.refused), ElementsAre(".failure_cause[0] cause_without_rule"));
}

std::string PatchFile(std::string_view edits) {
  return R"({"reasoning": "Seen twice.", "changelog_entries": ["one", "two"], "edits": [)" +
         std::string(edits) + "]}";
}

TEST(EditsTest, AnchorsBecomeBlocks) {
  SkillDir skill = Sheets();
  ImportedPatches read =
      Import(PatchFile(R"({"file": "SKILL.md", "op": "insert_after", "target_section": "## Workflow",
                    "target_text": "- Read the file once.\n", "content": "- Close it."},
                   {"file": "SKILL.md", "op": "insert_before", "target_text": "- Check the to", "content": "- Save a copy."},
                   {"file": "SKILL.md", "op": "replace_in_section", "target_section": "## Formulas",
                    "old_text": "never values", "content": "not values"},
                   {"file": "SKILL.md", "op": "replace_in_section", "target_section": "## Checks",
                    "old_text": "- Write the result.", "content": ""},
                   {"file": "SKILL.md", "op": "add_section", "target_section": "### Dates", "after_section": "## Formulas",
                    "content": "- See references/dates.md."},
                   {"file": "references/times.md", "op": "createFile", "content": "# Times\n\n- Times are parts of days.\n"},
                   {"file": "references/dates.md", "op": "deleteFile"})"),
             &skill);
  EXPECT_THAT(read.refused, IsEmpty());
  ASSERT_THAT(read.patches, SizeIs(1));
  const Patch& patch = read.patches[0];
  ASSERT_THAT(patch.edits, SizeIs(7));
  EXPECT_EQ(patch.edits[0].old_text, "Read the file once.");
  EXPECT_EQ(patch.edits[0].heading_path, "Sheets > Workflow");
  EXPECT_NE(patch.edits[0].block_hash, "");
  EXPECT_EQ(patch.edits[1].old_text, "Check the totals before writing.") << "a part of a line means the line";
  EXPECT_EQ(patch.edits[2].new_text, "Use formulas, not values.");
  EXPECT_EQ(patch.edits[3].op, EditOp::kRemove);
  EXPECT_EQ(patch.edits[3].heading_path, "Sheets > Checks");
  EXPECT_EQ(patch.edits[4].heading_path, "Sheets > Formulas > Dates");
  EXPECT_EQ(patch.edits[5].op, EditOp::kCreateFile);
  EXPECT_EQ(patch.edits[6].op, EditOp::kDeleteFile);
  EXPECT_EQ(Said(patch, "reasoning"), "Seen twice.");
  EXPECT_EQ(Said(patch, "edits[4].after_section"), "## Formulas");
  EXPECT_EQ(patch.evidence_grade + patch.counterfactual_grade, "");
  EXPECT_THAT(Reasons(read.notes), ElementsAre(".edits[1] anchor_widened", ".edits[2] anchor_widened",
                                               ".edits[4] placement_lost"));
}

TEST(EditsTest, WhatTheyMeanIsDone) {
  SkillDir skill = Sheets();
  ImportedPatches read = Import(
      PatchFile(
          R"({"file": "SKILL.md", "op": "insert_after", "target_text": "- Read the fi", "content": "- Close it."},
                   {"file": "SKILL.md", "op": "append_to_section", "target_section": "## Formulas", "content": "- Name cells."})"),
      &skill);
  auto applied = ApplyPatches(skill, read.patches);
  ASSERT_TRUE(applied) << applied.error().message;
  std::string text = applied->skill.files["SKILL.md"];
  EXPECT_THAT(text, HasSubstr("- Read the file once.\n- Close it.\n- Check the totals"));
  EXPECT_THAT(text, HasSubstr("run all\n```\n\n- Name cells.\n\n## Checks"))
      << "a comment of code is no heading";
}

TEST(EditsTest, AmbiguousAndMissingAnchorsAreToldAndKept) {
  SkillDir skill = Sheets();
  std::string text = PatchFile(
      R"({"file": "SKILL.md", "op": "insert_after", "target_text": "- Write the result.", "content": "- x"},
                   {"file": "SKILL.md", "op": "insert_after", "target_text": "the", "content": "- x"},
                   {"file": "SKILL.md", "op": "insert_after", "target_text": "nowhere", "content": "- x"},
                   {"file": "SKILL.md", "op": "delete_section", "target_section": "## Missing"},
                   {"file": "references/none.md", "op": "append_to_section", "target_section": "## A", "content": "- x"},
                   {"file": "../x.md", "op": "create", "content": "x"},
                   {"file": "SKILL.md", "op": "rewrite", "content": "x"},
                   {"file": "SKILL.md", "op": "remove", "old_text": "x"},
                   {"file": 5, "op": "create"}, "edit",
                   {"file": "SKILL.md", "op": "append_to_section", "content": "- x"})");
  ImportedPatches read = Import(text, &skill);
  EXPECT_THAT(read.patches, IsEmpty());
  EXPECT_THAT(Reasons(read.refused),
              testing::UnorderedElementsAre(
                  ".edits[0] anchor_ambiguous", ".edits[1] anchor_ambiguous", ".edits[2] anchor_not_found",
                  ".edits[3] section_missing", ".edits[4] file_missing", ".edits[5] file_not_editable",
                  ".edits[6] unknown_op", ".edits[7] unknown_op", ".edits[8] bad_member",
                  ".edits[9] bad_member", ".edits[10] section_not_named"));
  for (const InterchangeNote& note : read.refused) EXPECT_NE(note.source, "") << note.place;
}

TEST(EditsTest, AnEditMayStandInWhatItsPatchMakes) {
  SkillDir skill = Sheets();
  ImportedPatches read = Import(
      PatchFile(
          R"({"file": "references/times.md", "op": "create", "content": "# Times\n\n- Parts of days.\n"},
                   {"file": "references/times.md", "op": "insert_after", "target_text": "- Parts of days.", "content": "- x"},
                   {"file": "SKILL.md", "op": "add_section", "target_section": "## Times", "content": "- See references/times.md."},
                   {"file": "SKILL.md", "op": "insert_after", "target_section": "## Times",
                    "target_text": "- See references/times.md.", "content": "- y"})"),
      &skill);
  EXPECT_THAT(read.refused, IsEmpty());
  ASSERT_THAT(read.patches, SizeIs(1));
  EXPECT_THAT(read.patches[0].edits, SizeIs(4));
}

TEST(EditsTest, ExportedAndImportedIsTheSame) {
  SkillDir skill = Sheets();
  ImportedPatches read =
      Import(PatchFile(R"({"file": "SKILL.md", "op": "insert_after", "target_section": "## Workflow",
                    "target_text": "- Read the file once.", "content": "- Close it."},
                   {"file": "SKILL.md", "op": "replace_in_section", "old_text": "Use formulas, never values.", "content": ""},
                   {"file": "SKILL.md", "op": "delete_section", "target_section": "## Checks"},
                   {"file": "references/times.md", "op": "create", "content": "# Times\n\n- Parts of days.\n"})"),
             &skill);
  Exported written = ExportTrace2Skill(read.patches, &skill);
  EXPECT_THAT(written.notes, IsEmpty());
  ImportedPatches again = Import(written.text, &skill);
  ASSERT_THAT(again.patches, SizeIs(1));
  EXPECT_EQ(again.patches[0].edits, read.patches[0].edits);
  EXPECT_EQ(again.patches[0].remarks, read.patches[0].remarks);
}

TEST(EditsTest, ARuleGoesThereAndBack) {
  Patch rule;
  rule.schema = "patch/1", rule.id = "repair-1", rule.patch_kind = PatchKind::kRepair;
  rule.rule = "Make the folder first.", rule.condition = "a file cannot be written",
  rule.section = "Known failures";
  rule.tasks = {"a"}, rule.support = 1, rule.evidence_grade = "E2";
  ImportedPatches back = Import(ExportTrace2Skill({rule}, nullptr).text);
  ASSERT_THAT(back.patches, SizeIs(1));
  EXPECT_EQ(back.patches[0].rule, "When a file cannot be written: Make the folder first.");
  EXPECT_EQ(back.patches[0].section, "Known failures");
  EXPECT_EQ(back.patches[0].evidence_grade, "");
  EXPECT_THAT(back.patches[0].tasks, IsEmpty()) << "the format has no task";
}

TEST(ImportTest, WhatIsNoPatchFileSaysSo) {
  EXPECT_EQ(ImportPatches("[", "f", nullptr).error().code, ErrorCode::kCorruptData);
  EXPECT_EQ(ImportPatches("{\"a\": 1}", "f", nullptr).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(ImportPatches("3", "f", nullptr).error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(Import("[]").patches, IsEmpty());
}

TEST(SkillRulesTest, RulesAreThoseOfTheRecords) {
  Patch rule;
  rule.schema = "patch/1", rule.id = "prune-1", rule.patch_kind = PatchKind::kPrune;
  rule.rule = "List a folder once.", rule.section = "Cost control", rule.tasks = {"a", "b"}, rule.support = 2;
  rule.counterfactual_grade = "C1", rule.counterfactual = "private words of a trace";
  auto applied = ApplyPatches(Sheets(), {rule});
  ASSERT_TRUE(applied) << applied.error().message;
  auto rules = RulesOf(applied->skill);
  ASSERT_TRUE(rules) << rules.error().message;
  ASSERT_THAT(rules->patches, SizeIs(1));
  EXPECT_EQ(rules->patches[0].rule, rule.rule);
  EXPECT_EQ(rules->patches[0].tasks, rule.tasks);
  EXPECT_THAT(EvidenceLines(*rules), HasSubstr("\"counterfactual_grade\":\"C1\""));
  EXPECT_THAT(EvidenceLines(*rules), Not(HasSubstr("private words")));
  std::string& text = applied->skill.files["SKILL.md"];
  text.replace(text.find("List a folder"), 4, "Show");
  auto edited = RulesOf(applied->skill);
  ASSERT_TRUE(edited);
  EXPECT_THAT(edited->patches, IsEmpty());
  EXPECT_THAT(Reasons(edited->notes), ElementsAre("prune-1 rule_not_in_skill"));
}

}  // namespace
}  // namespace clawtrace::distill

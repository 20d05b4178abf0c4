#pragma once
// What a merge did with each edit it was given, and why. Schema merge-report/1
// (schemas/merge-report.schema.json, docs/merge.md). Ids, grades, counts and sentences of ours; texts of
// rules are in the patches.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/doc_writer.h"
#include "base/result.h"
#include "model/patch.h"

namespace clawtrace::distill {

// What became of an edit or a rule.
enum class MergeFate {
  kWritten,    // it is new in the skill
  kInSkill,    // it was there before; its records may have grown
  kMerged,     // the same as another one, which carries its support
  kCovered,    // an existing rule says it; that rule's record carries its support
  kCandidate,  // not enough speaks for it
  kLostOut,    // a conflict went against it
  kHeld,       // a conflict that a person has to decide
  kOverBudget,
  kLeftOut,  // by an option of this merge
  kRefused,  // it cannot be applied
};
constexpr EnumTable<MergeFate, 10> EnumNames(MergeFate) {
  return {{{MergeFate::kWritten, "written"},
           {MergeFate::kInSkill, "in_skill"},
           {MergeFate::kMerged, "merged"},
           {MergeFate::kCovered, "covered"},
           {MergeFate::kCandidate, "candidate"},
           {MergeFate::kLostOut, "lost_conflict"},
           {MergeFate::kHeld, "held"},
           {MergeFate::kOverBudget, "over_budget"},
           {MergeFate::kLeftOut, "left_out"},
           {MergeFate::kRefused, "refused"}}};
}

enum class ConflictType {
  kSameBlock,
  kDeletedBlock,
  kPolarity,
  kExclusiveValues,
  kOrder,
  kPruneVsPreserve,
  kConditionOverlap,
  kReference,
};
constexpr EnumTable<ConflictType, 8> EnumNames(ConflictType) {
  return {{{ConflictType::kSameBlock, "same_block"},
           {ConflictType::kDeletedBlock, "deleted_block"},
           {ConflictType::kPolarity, "polarity"},
           {ConflictType::kExclusiveValues, "exclusive_values"},
           {ConflictType::kOrder, "order"},
           {ConflictType::kPruneVsPreserve, "prune_vs_preserve"},
           {ConflictType::kConditionOverlap, "condition_overlap"},
           {ConflictType::kReference, "reference"}}};
}

enum class Resolution {
  kPrecedence,   // winner stays, the others go
  kHeld,         // none of them is written until a person decides
  kException,    // all stay: the unconditional one is the default, the others its exceptions
  kFixed,        // the missing link was added, or the link to a deleted file taken out
  kDropped,      // what cannot be mended is left out
  kNotAdmitted,  // at least one of them is only a candidate, so nothing had to be decided
};
constexpr EnumTable<Resolution, 6> EnumNames(Resolution) {
  return {{{Resolution::kPrecedence, "precedence"},
           {Resolution::kHeld, "held"},
           {Resolution::kException, "exception"},
           {Resolution::kFixed, "fixed"},
           {Resolution::kDropped, "dropped"},
           {Resolution::kNotAdmitted, "not_admitted"}}};
}

struct MergeInput {
  std::string patch_id;
  std::optional<int64_t> edit;  // index into the patch's edits; nullopt: the rule of a patch without edits
  PatchKind patch_kind = PatchKind::kPrune;
  MergeFate fate = MergeFate::kRefused;
  std::string reason;    // a code of docs/merge.md: "added", "same_rule", "prune_below_c1"
  std::string rule;      // id of the rule that it ended in or lost against; "" = none
  std::string detail;    // one sentence; "" = the reason says all
  bool rebased = false;  // the skill is another one than it was made for, and its place was found again
  bool operator==(const MergeInput&) const = default;
};

inline constexpr std::string_view kReworded = "accepted";

struct MergedRule {
  std::string id;
  PatchKind patch_kind = PatchKind::kPrune;
  MergeFate fate = MergeFate::kRefused;
  std::string reason, file, section;  // file: where it stands, "SKILL.md" or a reference
  std::string counterfactual_grade, evidence_grade;
  int64_t support = 0;                     // distinct tasks of all members
  std::optional<int64_t> exposed;          // tasks in which it could have shown
  std::optional<int64_t> support_low_ppm;  // lower end of the 95 % Wilson interval of support / exposed
  std::optional<Usd> expected_savings_usd;
  int64_t tokens = 0;                // of its text, bytes / 4
  std::vector<std::string> members;  // ids of the patches that say it, sorted
  std::string reworded;              // kReworded, or why the model's words were refused; "" = not asked
  bool operator==(const MergedRule&) const = default;
};

// For people: "C2 E2", "E1"; "4 of 5 tasks", "1 task".
std::string GradeText(const MergedRule& rule);
std::string SupportText(const MergedRule& rule);
// writes: whether the result of the merge is going to be written; else nothing is "written", only "to write".
std::string_view FateText(MergeFate fate, bool writes);

struct MergeConflict {
  ConflictType type = ConflictType::kPolarity;
  std::vector<std::string> rules;  // ids, sorted; "skill:HASH" is a text of the skill that is nobody's patch
  Resolution resolution = Resolution::kHeld;
  std::string winner;  // with precedence: the one that stays
  std::string rationale;
  bool operator==(const MergeConflict&) const = default;
};

struct MergeReport {
  std::string schema = "merge-report/1";
  std::string base_skill_hash, skill_hash;  // before and after; "" = there was no skill
  int64_t patches = 0;                      // distinct ones given
  int64_t edits = 0;                        // in them; = inputs
  int64_t written = 0, in_skill = 0, candidates = 0, held = 0, removed = 0;  // rules and edits
  bool blocked = false;              // a conflict is held: a person has to decide before a release
  std::vector<std::string> without;  // signals and rules left out
  std::vector<MergedRule> rules;     // in order of rank
  std::vector<MergeConflict> conflicts;
  std::vector<MergeInput> inputs;          // by (patch_id, edit): one for every edit given
  std::vector<std::string> removed_rules;  // ours that stood in the skill and were taken out
  std::vector<std::string> notes;
  bool operator==(const MergeReport&) const = default;
};

// What was given and is in no rule of the report, not even as a candidate. Points into it.
std::vector<const MergeInput*> LeftOver(const MergeReport& report);

// Ids of the rules that are new in the skill, in order of rank.
std::vector<std::string> WrittenRules(const MergeReport& report);

// As one value of a document.
void WriteMergeReport(const MergeReport& report, DocWriter* out);
std::string EncodeMergeReport(const MergeReport& report, bool json);
Result<MergeReport> DecodeMergeReport(std::string_view text, std::string_view name);

}  // namespace clawtrace::distill

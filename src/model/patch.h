#pragma once
// A proposed change to a skill with its evidence (DESIGN 9). Small YAML document, schema patch/1.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/fact.h"

namespace clawtrace {

enum class PatchKind { kPreserve, kPrune, kRepair };
constexpr EnumTable<PatchKind, 3> EnumNames(PatchKind) {
  return {{{PatchKind::kPreserve, "preserve"}, {PatchKind::kPrune, "prune"}, {PatchKind::kRepair, "repair"}}};
}

// Which step justifies the patch: re-resolved through session and call id, the number is for display.
struct PatchStep {
  std::string session_id, call_id, step;
  std::string card_hash;  // source_hash of the card it was read from
  bool operator==(const PatchStep&) const = default;
};

// How a patch changes a skill, for changes that are more than one more rule. The names are Trace2Skill's.
enum class EditOp {
  kAppendToSection,  // new_text below the last block of heading_path
  kInsertAfter,      // new_text behind the block
  kInsertBefore,
  kReplace,        // the block by new_text
  kRemove,         // the block
  kAddSection,     // heading_path with new_text below it
  kDeleteSection,  // heading_path with all below it
  kCreateFile,     // file with new_text
  kDeleteFile,
};
constexpr EnumTable<EditOp, 9> EnumNames(EditOp) {
  return {{{EditOp::kAppendToSection, "append_to_section"},
           {EditOp::kInsertAfter, "insert_after"},
           {EditOp::kInsertBefore, "insert_before"},
           {EditOp::kReplace, "replace_in_section"},
           {EditOp::kRemove, "remove"},
           {EditOp::kAddSection, "add_section"},
           {EditOp::kDeleteSection, "delete_section"},
           {EditOp::kCreateFile, "create"},
           {EditOp::kDeleteFile, "delete_file"}}};
}

// Addresses a block, never a substring or a line number (skill/blocks.h).
struct PatchEdit {
  EditOp op = EditOp::kAppendToSection;
  std::string file;          // relative to the skill: "SKILL.md", "references/x.md"
  std::string heading_path;  // "Title > Section"; "" = before the first heading, or not said
  std::string block_hash;    // of the block meant, as in skill/blocks.h; "" = found by old_text
  std::string old_text;      // of that block
  std::string new_text;
  bool operator==(const PatchEdit&) const = default;
};

// What stratified mining found for a pattern, all in millionths (docs/distill.md).
struct MinedEffect {
  int64_t difference_ppm = 0, low_ppm = 0, high_ppm = 0;  // risk difference (Mantel-Haenszel), bootstrap 95 %
  int64_t q_ppm = 0;                                      // false-discovery rate at which it is admitted
  int64_t with_pass = 0, with_fail = 0, without_pass = 0, without_fail = 0;  // sessions
  bool operator==(const MinedEffect&) const = default;
};

// What the format that a patch was imported from says and ours has no field for, by its name there. Words of
// others: they reach neither a skill nor a prompt.
struct PatchRemark {
  std::string format;  // "costcraft"
  std::string task;    // which run said it; "" = none is named
  std::string name;    // "source_outcome"
  std::string text;    // anything but a string as canonical JSON
  auto operator<=>(const PatchRemark&) const = default;
};

struct Patch {
  std::string schema;  // "patch/1"; a patch of the literature has none
  std::string id;      // stable: hash of kind and normalised rule
  PatchKind patch_kind = PatchKind::kPrune;
  std::optional<int64_t> target_step;  // literature form: one step of one card
  std::vector<PatchStep> target_steps;
  std::string counterfactual;  // what would have happened without it, in one sentence
  // What one session that shows the pattern is expected to save: the mean over the sessions where it is
  // known, with the bounds of an interval at 95 % (bootstrap over tasks; none for a single task). Of a patch
  // of the literature: what its step cost.
  std::optional<Usd> expected_savings_usd, savings_low_usd, savings_high_usd;
  // One of target_steps carries at least a fiftieth of its session's cost, or is among its dearest tenth;
  // nullopt: costs are not known.
  std::optional<bool> high_cost;
  std::string section;              // heading the rule belongs under
  std::string rule;                 // one Markdown list item's text
  std::string condition;            // when it applies; "" = always
  std::vector<std::string> tasks;   // distinct tasks that support it, sorted
  std::optional<int64_t> support;   // = number of distinct tasks
  std::optional<int64_t> exposed;   // tasks in which the pattern could have shown; >= support
  std::optional<int64_t> sessions;  // that show it
  std::string signature;            // step pattern that the rule is about (distill/signature.h); "" = none
  std::optional<MinedEffect> effect;
  std::vector<std::string> checks;   // oracle evidence: names of checks that the mistake fails, sorted
  std::vector<PatchEdit> edits;      // empty: rule becomes a list item under section
  std::string counterfactual_grade;  // "C0".."C3"
  std::string evidence_grade;        // "E0".."E4"
  std::string producer;              // "clawtrace/<analyst>/<version>"
  std::string prompt_hash;           // of the prompts that a model was given; "" = no model
  std::optional<Usd> producer_cost_usd;
  bool pinned = false;  // a person's: stands above all evidence
  std::string base_skill_hash;
  std::vector<PatchRemark> remarks;  // of an imported patch, sorted
  bool operator==(const Patch&) const = default;
};

std::string EncodePatch(const Patch& patch, bool json);
Result<Patch> DecodePatch(std::string_view text, std::string_view name);

}  // namespace clawtrace

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

struct Patch {
  std::string schema;  // "patch/1"; a patch of the literature has none
  std::string id;      // stable: hash of kind and normalised rule
  PatchKind patch_kind = PatchKind::kPrune;
  std::optional<int64_t> target_step;  // literature form: one step of one card
  std::vector<PatchStep> target_steps;
  std::string counterfactual;  // what would have happened without it, in one sentence
  std::optional<Usd> expected_savings_usd;
  std::string section;               // heading the rule belongs under
  std::string rule;                  // one Markdown list item's text
  std::string condition;             // when it applies; "" = always
  std::vector<std::string> tasks;    // distinct tasks that support it, sorted
  std::optional<int64_t> support;    // = number of distinct tasks
  std::string counterfactual_grade;  // "C0".."C3"
  std::string evidence_grade;        // "E0".."E4"
  std::string producer;              // "clawtrace/<analyst>/<version>"
  std::string base_skill_hash;
  bool operator==(const Patch&) const = default;
};

std::string EncodePatch(const Patch& patch, bool json);
Result<Patch> DecodePatch(std::string_view text, std::string_view name);

}  // namespace clawtrace

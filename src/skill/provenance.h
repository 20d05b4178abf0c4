#pragma once
// What we know about our rules: SKILL/.clawtrace/provenance.json. Ids and grades only, no text of a trace. A
// rule is found again by the hash of its text, so the prose carries no marks.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"

namespace clawtrace::skill {

enum class RuleStatus { kInSkill, kWasThere, kEditedByUser, kRemovedByUser };
constexpr EnumTable<RuleStatus, 4> EnumNames(RuleStatus) {
  return {{{RuleStatus::kInSkill, "in_skill"},
           {RuleStatus::kWasThere, "was_there"},  // the same text stood there before us: never rewritten
           {RuleStatus::kEditedByUser, "edited_by_user"},
           {RuleStatus::kRemovedByUser, "removed_by_user"}}};
}

struct Evidence {
  std::string session_id, call_id, step, card_hash;
};

struct RuleRecord {
  std::string id;
  std::string text_hash;  // SHA-256 of the item's text as we last wrote it, white space collapsed
  std::string section;
  PatchKind patch_kind = PatchKind::kPrune;
  RuleStatus status = RuleStatus::kInSkill;
  std::string counterfactual_grade, evidence_grade, trial;
  std::optional<int64_t> support;
  std::vector<std::string> tasks;
  std::optional<Usd> expected_savings_usd;
  std::string producer, base_skill_hash;
  std::vector<Evidence> evidence;
};

struct Provenance {
  std::string schema = "skill-provenance/1";
  std::vector<RuleRecord> rules;  // by id

  RuleRecord* Find(std::string_view id);
};

std::string EncodeProvenance(Provenance provenance);
Result<Provenance> DecodeProvenance(std::string_view text, std::string_view name);

// The same patch with every id that is no plain identifier replaced by its hash: an id out of a log may hold
// anything, and records hold no text of a trace.
Patch WithPlainIds(const Patch& patch);

// The patch's part of a record; text_hash, status and base_skill_hash are the caller's.
RuleRecord RecordOf(const Patch& patch);

}  // namespace clawtrace::skill

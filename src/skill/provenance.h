#pragma once
// What we know about our rules: SKILL/.clawtrace/provenance.json. Ids and grades only, no text of a trace. A
// rule is found again by the hash of its text, so the prose carries no marks.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"
#include "skill/skill.h"

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
  std::string text_hash;  // SHA-256 of the item's text as we last wrote it; of edits: of the edits
  std::string section;
  std::string file;                 // where it stands; "" = SKILL.md
  std::vector<std::string> blocks;  // of a patch with edits: hashes of the blocks that they put in
  PatchKind patch_kind = PatchKind::kPrune;
  RuleStatus status = RuleStatus::kInSkill;
  std::string counterfactual_grade, evidence_grade, trial;
  std::optional<int64_t> support;
  std::vector<std::string> tasks;
  std::optional<Usd> expected_savings_usd;
  std::string producer, base_skill_hash;
  std::vector<Evidence> evidence;
};

// A heading that we wrote because a rule went below it.
struct OwnHeading {
  std::string file, text;  // file: "SKILL.md" or a reference
  auto operator<=>(const OwnHeading&) const = default;
};

struct Provenance {
  std::string schema = "skill-provenance/1";
  std::vector<RuleRecord> rules;     // by id
  std::vector<OwnHeading> headings;  // sorted

  RuleRecord* Find(std::string_view id);
};

std::string EncodeProvenance(Provenance provenance);
Result<Provenance> DecodeProvenance(std::string_view text, std::string_view name);
// Of a directory; empty when it has none. Errors name the skill and the file.
Result<Provenance> RecordsOf(const SkillDir& skill);

// The patch of a rule of ours as it was last applied, and its file; nullopt when it is not kept or cannot be
// read.
std::string KeptPatchPath(std::string_view id);
std::optional<Patch> KeptPatch(const SkillDir& skill, std::string_view id);

// An id out of a log may hold anything, and records hold no text of a trace: the id itself when it is a plain
// identifier - of word characters and a few marks, not too long, no way up through folders, nothing that
// looks like a secret or speaks to an assistant - else kHashedId and a part of its hash. Twice is as once.
inline constexpr std::string_view kHashedId = "sha256:";
std::string PlainId(std::string_view id);

// The same patch as every merge and every application sees it: all ids plain, its condition too
// (PlainCondition). Twice is as once.
Patch PlainPatch(const Patch& patch);

// The patch's part of a record; text_hash, status and base_skill_hash are the caller's.
RuleRecord RecordOf(const Patch& patch);

// What we wrote into the skill for a patch: its rule, or of its edits the blocks that the record knows. The
// rule of a patch with edits is written nowhere and audited by nobody.
std::string WrittenText(const Patch& patch, const RuleRecord& record);

}  // namespace clawtrace::skill

#pragma once
// What people decided about the text of a skill: which blocks nobody may touch, and which rules of ours they
// took back. SKILL/.clawtrace/decisions.json, schema skill-decisions/1. Hashes, ids and grades only. It
// belongs to no version: who goes back to an earlier one keeps what was decided since. Pure.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"
#include "skill/provenance.h"
#include "skill/skill.h"

namespace clawtrace::skill {

inline constexpr std::string_view kDecisionsFile = ".clawtrace/decisions.json";

// A block that stays as it is, whoever wrote it.
struct Pin {
  std::string block;  // its hash, as in skill/blocks.h
  std::string rule;   // id of the rule of ours that it is; "" = none
  std::string by;     // who pinned it; "" = not said
  auto operator<=>(const Pin&) const = default;
};

enum class HowTakenBack { kRolledBack, kRemovedByUser };
constexpr EnumTable<HowTakenBack, 2> EnumNames(HowTakenBack) {
  return {{{HowTakenBack::kRolledBack, "rolled_back"},           // with the version it came with
           {HowTakenBack::kRemovedByUser, "removed_by_user"}}};  // its text was deleted
}

// A rule of ours that somebody did not want, with the evidence that it had then.
struct TakenBack {
  std::string id;
  std::string text_hash;  // as in its record
  PatchKind patch_kind = PatchKind::kPrune;
  HowTakenBack how = HowTakenBack::kRemovedByUser;
  std::string version;  // that it was taken out of, when it was rolled back
  std::string counterfactual_grade, evidence_grade;
  std::vector<std::string> tasks;  // sorted
  bool operator==(const TakenBack&) const = default;
};

struct Decisions {
  std::string schema = "skill-decisions/1";
  std::vector<Pin> pins;              // sorted
  std::vector<TakenBack> taken_back;  // by id, one each

  const TakenBack* Find(std::string_view id) const;  // nullptr: it was not taken back
  bool IsPinned(std::string_view block_hash) const;
  bool operator==(const Decisions&) const = default;
};

// None when the skill has no such file. kCorruptData when it cannot be read.
Result<Decisions> DecisionsOf(const SkillDir& skill);
// In one order; without decisions there is no file.
void KeepDecisions(Decisions decisions, SkillDir* skill);

TakenBack TakenBackOf(const RuleRecord& record, HowTakenBack how, std::string version);
// A rule that is taken back again keeps what it was taken back for before: tasks of both, the higher grades.
void AddTakenBack(TakenBack entry, Decisions* decisions);

// What judged the rule before is not asked to judge it again on the same evidence: it returns with a grade
// that is higher - the counterfactual grade of a prune rule, the evidence grade of others - and with
// kNewTasks tasks that were not known then, as many as E2 asks of a rule that nobody has heard of.
inline constexpr size_t kNewTasks = 3;
bool IsClearlyStronger(const TakenBack& then, const Patch& now);
// The same as a sentence.
std::string WhatBringsItBack(const TakenBack& then);

// One line a rule, for those who propose rules: its kind, its words as we wrote them, and how it went.
std::vector<std::string> TakenBackLines(const SkillDir& skill);
// Hashes of the blocks that nobody may touch.
std::set<std::string> PinnedBlocks(const SkillDir& skill);

}  // namespace clawtrace::skill

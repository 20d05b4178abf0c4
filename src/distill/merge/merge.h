#pragma once
// Many patches and a skill make one skill: same rules become one with the support of all, what the skill says
// already is not said again, contradictions are decided by evidence or held for a person, and no more is
// added than a reader can take in. Order, repetition and splitting of the patches do not change a byte of the
// result, and merging the same patches again changes nothing. Pure; safe from any thread. docs/merge.md.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "distill/merge/report.h"
#include "model/patch.h"
#include "skill/skill.h"

namespace clawtrace::distill {

// What an ablation can leave out.
enum class Signal {
  kCost,            // in admission and ranking
  kPrune,           // rules of that kind
  kPreserve,        //
  kRepair,          //
  kCounterfactual,  // prune rules need no replay, and replay gives them no precedence
};
constexpr EnumTable<Signal, 5> EnumNames(Signal) {
  return {{{Signal::kCost, "cost"},
           {Signal::kPrune, "prune"},
           {Signal::kPreserve, "preserve"},
           {Signal::kRepair, "repair"},
           {Signal::kCounterfactual, "counterfactual"}}};
}

// Of a model, for a rule.
struct OtherWords {
  std::string rule;
  std::string prompt_hash;  // of what the model was told
};

struct MergeOptions {
  int64_t max_edits = 8;      // new rules and edits of one merge
  int64_t max_tokens = 1200;  // of their texts together, bytes / 4
  bool candidates = false;    // write what is not admitted under "Candidates (unproven)"
  bool transfer = false;      // for other tasks: no preserve rules
  // Arms of an ablation: what is the same rule, what contradicts what, and every text are those of the merge
  // without these two. A rule of ours that is left out and stands in the skill is taken out.
  std::set<Signal> without;
  std::set<std::string> without_rules;  // ids of rules or of their members
  // What a person asks for, by ids of patches: a rule is admitted whatever speaks for it, stands above all
  // evidence and is pinned in the skill (skill/decisions.h). What a patch says of itself counts for nothing.
  std::set<std::string> pins;
  // Ids of rules, or of patches that say the same, that were taken back and may return all the same.
  std::set<std::string> again;
  bool edit_others = false;       // edits may change text that we did not write, but for what is pinned
  std::string description, work;  // of a new skill, as in SkillPlan
  // Patches that an audit keeps out: KeyOfPatch -> why.
  std::map<std::string, std::string> refused;
  // Other words for a rule that is about to be written, of a model: taken only when polarity, exclusive
  // values and the names it speaks of stay the same and it is still one list item. Empty: nobody is asked.
  std::function<std::optional<OtherWords>(const Patch&)> reword;
  std::set<std::string> own_words;  // ids of rules whose other words an audit blocks
};

// Of patches with the same content alone.
std::string KeyOfPatch(const Patch& patch);
inline constexpr std::string_view kAuditRefusal = "audit";  // the reason of a patch in `refused`

struct MergeResult {
  SkillDir skill;
  MergeReport report;
  // Ids of patches that are refused, in whole or of single edits, and would be written else: what is not
  // admitted would stay away all the same.
  std::set<std::string> refused = {};
};

// Patches reduced to what a merge needs of them: associative and commutative, so that any tree of reductions
// gives what one over all patches gives. All members are kept; similarity is computed of originals only.
struct Reduced {
  std::vector<Patch> patches;  // distinct, in one order
  bool operator==(const Reduced&) const = default;
};
Reduced Reduce(const std::vector<Patch>& patches);
Reduced Reduce(const std::vector<Reduced>& parts);

// Fails only when the skill itself cannot be deepened (broken records, a file named skill.md, an open code
// fence where rules go); what is wrong with a patch is in the report. Callers set Patch::base_skill_hash to
// SkillHash(base) for patches made for this skill; an empty one is taken as made for it.
Result<MergeResult> MergePatches(const SkillDir& base, const std::vector<Patch>& patches,
                                 const MergeOptions& options = {});
Result<MergeResult> MergePatches(const SkillDir& base, const Reduced& reduced, const MergeOptions& options);

}  // namespace clawtrace::distill

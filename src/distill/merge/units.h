#pragma once
// What a merge decides about: patches that say the same are one unit, with the evidence of all. Internal to
// the merge.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "distill/merge/meaning.h"
#include "distill/merge/merge.h"
#include "model/patch.h"
#include "skill/blocks.h"
#include "skill/decisions.h"
#include "skill/ownership.h"
#include "skill/provenance.h"
#include "skill/skill.h"

namespace clawtrace::distill {

// A patch as it came, and whether it can take part.
struct Entry {
  Patch patch;       // with plain ids
  std::string text;  // of its rule, or of the one block that its one edit puts in; "" = none
  Meaning meaning;   // of text
  std::string section;
  std::string refusal, refusal_detail;  // "" = it takes part
  bool rebased = false;
  bool claims_pin = false;  // it calls itself pinned, which only a person can
};

// A rule that stands in the skill.
struct SkillText {
  std::string file, text, text_hash;
  Meaning meaning;
  const skill::RuleRecord* record = nullptr;  // ours, when it is
  bool pinned = false;
};

// The skill as the merge sees it. Pointers into it: it does not move.
struct SkillView {
  SkillView(const SkillDir& base, skill::Provenance records, skill::Decisions decided);
  SkillView(const SkillView&) = delete;
  SkillView& operator=(const SkillView&) = delete;

  const SkillDir& base;
  skill::Provenance provenance;  // empty when there is no SKILL.md
  skill::Decisions decisions;
  skill::Ownership own;
  std::string hash;                                        // "" when there is no SKILL.md
  std::map<std::string, std::vector<skill::Block>> files;  // that may be edited
  std::vector<SkillText> texts;                            // items and paragraphs
  std::set<std::string, std::less<>> blocks;               // hashes of all blocks

  const skill::RuleRecord* Find(std::string_view id) const;
  const SkillText* FindText(std::string_view text_hash) const;
  // Of a patch with edits: a block that they put in is there, or went by an edit of another patch of ours.
  // What only took blocks out always stands.
  bool EditStands(const skill::RuleRecord& record) const;

 private:
  bool IsReplacedByOurs(const skill::RuleRecord& record) const;

  std::unordered_map<std::string_view, size_t, TextHash> by_hash_;  // of texts, the first of each
};

struct Unit {
  Patch merged;                 // what is applied: words of the representative, evidence of all members
  std::vector<size_t> members;  // indexes of entries, ascending
  size_t representative = 0;
  std::string text;
  Meaning meaning;
  int64_t support = 0;
  std::optional<int64_t> low_ppm;  // Wilson
  int64_t tokens = 0;
  std::string candidate;                      // why it is not admitted; "" = it is
  const skill::RuleRecord* record = nullptr;  // of an earlier merge
  bool in_skill = false;                      // its text stands in the skill as we wrote it
  bool nothing_new = false;                   // and this merge knows no task that the record does not
  bool stays = false;                         // a person pinned it where it stands
  bool promoted = false;                      // it stood among the candidates and is admitted now

  MergeFate fate = MergeFate::kWritten;
  std::string reason, against, detail, reworded;
  bool decided = false;  // fate is final

  bool is_edit() const { return !merged.edits.empty(); }
  void Decide(MergeFate what, std::string why, std::string whom = {}, std::string how = {});
};

// Which signals count (Signal).
struct Weighing {
  bool cost = true, counterfactual = true;
};

std::vector<Entry> EntriesOf(const Reduced& reduced, const SkillView& view, const MergeOptions& options);

// The one block that the one edit of the patch adds, when it is a sentence; "" when it is none.
std::string AddedSentence(const Patch& patch);

// Clusters of entries that say the same, in the order of their first members.
std::vector<Unit> UnitsOf(const std::vector<Entry>& entries, const SkillView& view);

// Why a unit is not admitted; "" when it is.
std::string CandidateReason(const Unit& unit, const Weighing& weighing);

// 0: pinned, 1: repair E3+, 2: prune C2+, 3: preserve E2+, 4: prune C1, 5: the rest.
int PrecedenceOf(const Patch& patch, const Weighing& weighing);

// Lower end of the 95 % Wilson interval of hits / of, in millionths.
int64_t WilsonLowPpm(int64_t hits, int64_t of);

// Order of rank: what is written first when not all can be.
bool RanksBefore(const Unit& a, const Unit& b, const Weighing& weighing);

}  // namespace clawtrace::distill

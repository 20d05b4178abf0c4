#pragma once
// Rules of ours that people took back: those of the decisions, and those whose text somebody deleted since we
// wrote last. Internal to the merge.
#include <vector>

#include "distill/merge/units.h"

namespace clawtrace::distill {

struct FormerRule {
  skill::TakenBack entry;
  Meaning meaning;  // of the words that we wrote; of no words when they are not known any more
};

// By id; none that stands in the skill.
std::vector<FormerRule> FormerRules(const SkillView& view);

// The one that the unit is by the id of a member, else says the same as; nullptr: none.
const FormerRule* FormerOf(const std::vector<FormerRule>& former, const Unit& unit,
                           const std::vector<Entry>& entries);

}  // namespace clawtrace::distill

#pragma once
// What contradicts what among the units of a merge and the text that stands in the skill, and what becomes of
// it. Internal to the merge.
#include <vector>

#include "distill/merge/units.h"

namespace clawtrace::distill {

// Finds the conflicts and decides the fates of units that lose or wait. contends[i]: the unit would be
// written or stands in the skill; others are candidates, whose conflicts are told and decide nothing. Ids of
// rules of ours that no patch speaks for and that lose go to `losers`. In one order, for any order of units.
std::vector<MergeConflict> ResolveConflicts(const SkillView& view, const std::vector<bool>& contends,
                                            const Weighing& weighing, std::vector<Unit>* units,
                                            std::vector<std::string>* losers);

}  // namespace clawtrace::distill

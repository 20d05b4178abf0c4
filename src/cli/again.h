#pragma once
// --again, which writes rules that were taken back.
#include <set>
#include <string>

#include "base/result.h"
#include "distill/merge/report.h"
#include "skill/skill.h"

namespace clawtrace::cli {

// kInvalidInput for an id that neither a patch of the merge nor the skill before it knows: it asks for
// nothing, and the result would look like the answer.
Status CheckAgain(const std::set<std::string>& ids, const SkillDir& before,
                  const distill::MergeReport& report);

}  // namespace clawtrace::cli

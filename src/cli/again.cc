#include "cli/again.h"

#include <fmt/core.h>

#include <algorithm>

#include "skill/decisions.h"
#include "skill/provenance.h"

namespace clawtrace::cli {

Status CheckAgain(const std::set<std::string>& ids, const SkillDir& before,
                  const distill::MergeReport& report) {
  if (ids.empty()) return {};
  auto decisions = skill::DecisionsOf(before);
  if (!decisions) return std::unexpected(std::move(decisions.error()));
  auto records = skill::RecordsOf(before);
  if (!records) return std::unexpected(std::move(records.error()));
  for (const std::string& id : ids) {
    bool given = std::ranges::find(report.inputs, id, &distill::MergeInput::patch_id) != report.inputs.end();
    if (given || decisions->Find(id) || records->Find(id)) continue;
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("--again {}: no patch and no rule of the skill is called so", id),
                "clawtrace skill why DIR WORD finds the rules of a skill");
  }
  return {};
}

}  // namespace clawtrace::cli

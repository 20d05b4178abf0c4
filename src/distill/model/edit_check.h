#pragma once
// Edits of a model against the skill that they are meant for.
#include <expected>
#include <set>
#include <string>

#include "model/patch.h"
#include "skill/skill.h"

namespace clawtrace::distill {

// Digits of a block's hash that are shown to a model, and enough for an anchor.
inline constexpr size_t kShownHash = 16;

// The edit with its anchor filled in from the one block (heading) that it means; else why it cannot be made:
// no such or several such blocks, a file out of bounds (only SKILL.md and references/NAME.md may change), a
// pinned block, a heading or file that is there or is not.
std::expected<PatchEdit, std::string> ResolveEdit(const PatchEdit& edit, const SkillDir& skill,
                                                  const std::set<std::string>& pinned);

}  // namespace clawtrace::distill

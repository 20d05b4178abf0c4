#pragma once
// Text anchors of Trace2Skill's edits as blocks of a skill. Internal to the folder.
#include <string>
#include <string_view>
#include <vector>

#include "model/patch.h"
#include "skill/skill.h"

namespace clawtrace::distill {

// An edit as the format has it: exact heading lines, exact substrings.
struct TextAnchors {
  std::string section;        // "## Workflow"; "" = the whole file
  std::string after_section;  // of add_section
  std::string text;           // target_text or old_text
};

struct Resolution {
  std::string refused;  // a reason of docs/interchange.md; "" = the edit says what is meant
  std::string note;     // what is other than it was said; "" = nothing
};

// Completes edit (op, file and new_text are set) from what the skill holds: heading_path in full, block_hash
// and old_text of the one block that holds the text. Anchors in what the same patch makes itself (all but
// all[index], which is this edit as text) stay as text, resolved when the patch is applied.
Resolution ResolveEdit(const SkillDir& skill, const TextAnchors& anchors, const std::vector<PatchEdit>& all,
                       size_t index, PatchEdit* edit);

// The same without a skill.
void KeepAsText(const TextAnchors& anchors, PatchEdit* edit);

// "## Workflow" without its marks.
std::string HeadingWords(std::string_view line);

}  // namespace clawtrace::distill

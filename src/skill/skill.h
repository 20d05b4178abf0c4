#pragma once
// An Agent Skill directory as a value: SKILL.md with front matter, references/, other files. Text that is not ours
// stays byte-identical: our rules live in our own blocks, addressed by section, found again by their provenance.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"

namespace clawtrace {

struct SkillDir {
  std::string name;                           // of the directory; equals the front matter's name
  std::map<std::string, std::string> files;   // relative path ("SKILL.md", "references/x.md") -> bytes
};

// Reads an existing directory; a directory that does not exist is an empty SkillDir with that name. Symbolic links
// and files above 8 MiB are refused.
Result<SkillDir> LoadSkill(const std::string& path);

// Applies patches as list items under their sections, creating SKILL.md when missing. Idempotent: a patch whose rule
// is already there (by provenance, else by normalised text) only updates its provenance record. Pure.
struct ApplyResult {
  SkillDir skill;
  std::vector<std::string> report;            // one line a patch: what happened and why
};
Result<ApplyResult> ApplyPatches(const SkillDir& base, const std::vector<Patch>& patches);

// Unified diff of two versions, file by file, "" when equal.
std::string DiffSkills(const SkillDir& before, const SkillDir& after);

// Writes the directory: all files or none (a sibling is prepared and swapped in).
Status SaveSkill(const SkillDir& skill, const std::string& path);

}  // namespace clawtrace

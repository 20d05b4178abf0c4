#pragma once
// An Agent Skill directory as a value: SKILL.md with front matter, references/, other files. Text that is not
// ours stays byte-identical: our rules live in our own blocks, addressed by section, found again by their
// provenance.
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"

namespace clawtrace {

struct SkillDir {
  std::string name;                          // of the directory; equals the front matter's name
  std::map<std::string, std::string> files;  // relative path ("SKILL.md", "references/x.md") -> bytes
  std::set<std::string> executable = {};     // those of files that may be run
};

// Reads an existing directory; a directory that does not exist is an empty SkillDir with that name. Symbolic
// links and files above 8 MiB are refused; a version control folder (.git) is left alone. Finishes a save
// that a crash interrupted, if there is one.
Result<SkillDir> LoadSkill(const std::string& path);

// Applies patches as list items under their sections, creating SKILL.md when missing. Idempotent: a patch
// whose rule is already there (by provenance, else by normalised text) only updates its provenance record.
// Pure.
struct ApplyResult {
  SkillDir skill;
  std::vector<std::string> report;  // one line a patch: what happened and why
};
Result<ApplyResult> ApplyPatches(const SkillDir& base, const std::vector<Patch>& patches);

// Content of the skill as one hash (SHA-256 in hex); our records about it do not count.
std::string SkillHash(const SkillDir& skill);

// Unified diff of two versions, file by file, "" when equal; our records (.clawtrace/) are one line of
// counts.
std::string DiffSkills(const SkillDir& before, const SkillDir& after);

// Writes the directory: all files or none (a sibling is prepared and swapped in). Files that the skill does
// not name stay as they are; replaced files keep their mode.
Status SaveSkill(const SkillDir& skill, const std::string& path);

}  // namespace clawtrace

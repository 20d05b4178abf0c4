#pragma once
// What `clawtrace skill WORD` does, one function a word. arguments.positional is without the word.
#include <string>
#include <vector>

#include "cli/command.h"
#include "skill/skill.h"

namespace clawtrace::cli {

int SkillLint(const Arguments& arguments, const World& world);
int SkillDiff(const Arguments& arguments, const World& world);
int SkillHistory(const Arguments& arguments, const World& world);
int SkillRollback(const Arguments& arguments, const World& world);
int SkillWhy(const Arguments& arguments, const World& world);
int SkillPin(const Arguments& arguments, const World& world);
int SkillUnpin(const Arguments& arguments, const World& world);
int SkillApply(const Arguments& arguments, const World& world);
int SkillExport(const Arguments& arguments, const World& world);
int SkillImport(const Arguments& arguments, const World& world);

// The halves of import and export that are about patches in the formats of others (docs/interchange.md).
bool IsArchiveFile(const std::string& path);
int ImportPatchFiles(const Arguments& arguments, const World& world);
int ExportRules(const Arguments& arguments, const World& world);

// "skill WORD needs ...", with the usage of the word.
Error UsageOf(std::string_view word, std::string_view needs, std::string_view usage);
// "DIR RULE|WORD...": what says which rule is meant, word by word.
std::vector<std::string> WordsBehindFolder(const Arguments& arguments);
// A directory that is there; kNotFound when it is not.
Result<SkillDir> LoadExistingSkill(const std::string& path);

}  // namespace clawtrace::cli

#pragma once
// Where clients look for skills (docs/skill.md has who reads what).
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clawtrace::skill {

struct SkillTarget {
  std::string_view name;           // "--target" of the command line
  std::string_view project, home;  // folders of skills below a project, below a user's home
  std::string_view clients;
};
std::span<const SkillTarget> SkillTargets();

enum class TargetScope { kProject, kHome };

// BASE/FOLDER/NAME; base is a project or a home folder. kInvalidInput: no such target, or a name that cannot
// be a folder's.
Result<std::filesystem::path> TargetPath(std::string_view target, TargetScope scope,
                                         const std::filesystem::path& base, std::string_view name);

}  // namespace clawtrace::skill

#pragma once
// Which files belong to agent skills, by their paths alone.
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::capture {

// The skill whose main text is at this path (".../NAME/SKILL.md"), and the one below whose folder it lies
// ("skills/NAME/..."); "" when there is none.
std::string SkillOfText(std::string_view path);
std::string SkillOfFile(std::string_view path);

// Words of a path or a shell command, without quotes, that are either of these. A few at most.
std::vector<std::string> SkillPathsIn(std::string_view text);

}  // namespace clawtrace::capture

#pragma once
// Which paths a skill may contain, and where our own records lie.
#include <cstdint>
#include <string_view>

namespace clawtrace::skill {

inline constexpr std::string_view kSkillFile = "SKILL.md";
inline constexpr std::string_view kRecordsFolder = ".clawtrace/";
inline constexpr std::string_view kProvenanceFile = ".clawtrace/provenance.json";
inline constexpr std::string_view kHistoryFolder = ".clawtrace/history/";

inline constexpr uint64_t kMaxFileBytes = uint64_t{8} << 20;
inline constexpr uint64_t kMaxSkillBytes = uint64_t{64} << 20;
inline constexpr size_t kMaxFiles = 10000;

// Relative, below the skill, spelled in one way: no empty, "." or ".." part, no control characters.
bool IsConfinedPath(std::string_view path);

// Text that a reader of the skill sees as Markdown: .md or .markdown in any case, and not of our records.
bool IsMarkdown(std::string_view path);

// A name made of letters, digits, '.', '_', '-' that cannot leave its folder: patch ids become file names.
bool IsFileNameSafe(std::string_view name);
// Lower-case letters and digits with single hyphens between them: what the specification asks of a skill's
// name, but for its length (kMaxNameLength of skill/lint.h).
bool IsKebab(std::string_view name);

}  // namespace clawtrace::skill

#pragma once
// What is wrong with a skill directory as a whole: format, size, structure, safety. docs/skill.md lists every
// check with its limit. Findings never stop a skill from being loaded; writers refuse what they themselves
// would add.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/fact.h"
#include "skill/rules.h"
#include "skill/skill.h"

namespace clawtrace::skill {

enum class Severity { kError, kWarning };
constexpr EnumTable<Severity, 2> EnumNames(Severity) {
  return {{{Severity::kError, "error"}, {Severity::kWarning, "warning"}}};
}

struct LintFinding {
  std::string check;  // "glued-heading"
  Severity severity = Severity::kError;
  std::string file;  // "" = the directory
  int64_t line = 0;  // from 1; 0 = the file as a whole
  std::string message;
  // What was found, at most 120 bytes of plain text: hidden characters are spelled out ("U+200B"), of a
  // secret there is only the format.
  std::string literal;
  bool operator==(const LintFinding&) const = default;
};

template <class A>
void Describe(A& a, LintFinding& f) {
  a.Field("check", f.check), a.Field("severity", f.severity), a.Field("file", f.file);
  a.CountField("line", f.line), a.Field("message", f.message), a.Field("literal", f.literal);
}

// Limits, as the specification of Agent Skills and its validators have them.
inline constexpr size_t kMaxNameLength = 64, kMaxDescriptionLength = 1024, kMaxCompatibilityLength = 500;
inline constexpr int64_t kMaxSkillLines = kMaxBodyLines, kWarnBodyTokens = 2500;
inline constexpr int64_t kMaxReferenceLines = 299, kContentsBeyondLines = 100;
inline constexpr size_t kMaxReferences = 8, kWarnReferences = 5;

// Tokens as they are counted everywhere in this module: characters / 4, rounded up.
int64_t EstimateTokens(std::string_view text);

// Sorted by file, line, check, literal; pure. Our records (.clawtrace/) are not looked at.
std::vector<LintFinding> Lint(const SkillDir& skill);

// Names of all checks, sorted.
std::span<const std::string_view> LintChecks();

bool HasErrors(const std::vector<LintFinding>& findings);

// A directory with all that can be read of it; what LoadSkill refuses (links, devices, files beyond the
// limits) is a finding instead.
struct LooseSkill {
  SkillDir skill;
  std::vector<LintFinding> findings;  // in no order
};
// kNotFound when there is no such directory, kIo when it cannot be read.
Result<LooseSkill> LoadLoosely(const std::string& path);
// Lint and what loading found, sorted as Lint sorts.
std::vector<LintFinding> Lint(const LooseSkill& loose);

// One line of at most max_bytes without hidden characters: they are spelled U+XXXX.
std::string PlainText(std::string_view text, size_t max_bytes);
inline constexpr size_t kMaxLiteral = 120;

// One text of a skill without its place: what the safety checks say about it, as Lint does. For texts that
// are about to be put into a skill.
std::vector<LintFinding> LintText(std::string_view file, std::string_view text);

}  // namespace clawtrace::skill

#pragma once
// A patch's rule as text of a skill: one list item under a heading, whatever its author wrote.
#include <cstdint>
#include <string>
#include <string_view>

#include "model/patch.h"

namespace clawtrace::skill {

inline constexpr std::string_view kCandidatesSection = "Candidates (unproven)";

// What a file that is always loaded may come to, as the specification of skills advises.
inline constexpr int64_t kMaxBodyLines = 500, kMaxBodyTokens = 5000;
int64_t LinesOf(std::string_view text);
int64_t TokensOf(std::string_view text);  // bytes / 4, rounded up

// The item's text, white space collapsed: "When CONDITION: RULE", a bullet in front of the rule taken off.
std::string RuleText(const Patch& patch);

// A condition as it stands between "When " and the colon: without a "when" or "if" of its own and without a
// full stop. One of several lines stays as it is.
std::string PlainCondition(std::string_view given);

// The rule alone, of a text that may have its condition in front of it, more than once.
std::string WithoutCondition(std::string_view text, std::string_view condition);

// A heading's text as the parser will read it back, kCandidatesSection for ""; "" when it cannot be one.
std::string SectionName(std::string_view given);

// The item that leads from SKILL.md to a reference that rules went to.
std::string LinkText(std::string_view file);

// Why the patch cannot become a rule; "" when it can.
std::string RuleRefusal(const Patch& patch);

// Valid UTF-8 without characters that a reader does not see or a terminal acts on; line ends and tabs only
// where lines is set.
bool IsVisibleText(std::string_view text, bool lines);

// Half of the shorter one's words: near enough to be an edited form of the same sentence. It only decides
// what is reported, never what is written.
bool AreAlike(std::string_view a, std::string_view b);

}  // namespace clawtrace::skill

#pragma once
// Texts that others wrote - logs, files, outputs of commands - on their way into a prompt, and texts of a
// model on their way into a skill. Total functions; deterministic.
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/fact.h"

namespace clawtrace::distill {

// What a text tries, as far as it can be noticed. Noticed, not proven: a tutorial may say "ignore previous
// instructions" in all innocence.
enum class Attempt {
  kInstruction,   // speaks to the analyst: "ignore previous instructions"
  kAnswer,        // looks like an analyst's answer, or names what a patch says of its evidence
  kEvidenceId,    // looks like a cited step ("SESSION#12") or the id of a patch
  kFence,         // looks like the end of fenced data, of ours or in Markdown
  kFrontMatter,   // YAML front matter of a skill
  kHidden,        // characters that a reader does not see
  kMixedScripts,  // a word of letters that look alike and are of several scripts
  kLongLine,      // was cut
  kCredential,    // was redacted
  kMarkup,        // HTML that acts: scripts, handlers of events
  kPath,          // an id that leads through folders
};
constexpr EnumTable<Attempt, 11> EnumNames(Attempt) {
  return {{{Attempt::kInstruction, "instruction"},
           {Attempt::kAnswer, "answer"},
           {Attempt::kEvidenceId, "evidence_id"},
           {Attempt::kFence, "fence"},
           {Attempt::kFrontMatter, "front_matter"},
           {Attempt::kHidden, "hidden_characters"},
           {Attempt::kMixedScripts, "mixed_scripts"},
           {Attempt::kLongLine, "long_line"},
           {Attempt::kCredential, "credential"},
           {Attempt::kMarkup, "markup"},
           {Attempt::kPath, "path"}}};
}

// Takes more secrets out of a text than those of known formats; true when it changed. Thread-safe. Empty:
// none.
using Redact = std::function<bool(std::string* text)>;

inline constexpr size_t kMostLineBytes = 2000;  // of data in a prompt

struct Cleaned {
  std::string text;
  std::set<Attempt> attempts;
};
// Fit for a prompt: valid UTF-8 without secrets, hidden characters spelled "\u{202e}", lines of at most
// kMostLineBytes and at most most_bytes in all; what was cut says so. session_id: what faked evidence would
// name.
Cleaned CleanText(std::string_view text, size_t most_bytes, const Redact& redact,
                  std::string_view session_id);

// The text between two lines that it does not contain and cannot foresee: they are made of its hash.
std::string Fenced(std::string_view label, std::string_view text);

// What of these is in it. Looks for what can be seen without changing the text. Cited steps are those of
// session_id, and of ids that look like a session's (a UUID, 16 hexadecimal digits and more).
std::set<Attempt> AttemptsIn(std::string_view text, std::string_view session_id);

// Letters that look alike put together, lower case, white space collapsed: how copied text is recognised.
std::string Folded(std::string_view text);

// What a model's text must not have in a skill: "" when it may stand there. A run of kMostCopied bytes of an
// untrusted text is a copy; addresses that the skill had before may stay.
inline constexpr size_t kMostCopied = 48;
struct Outside {
  std::vector<std::string> folded;  // untrusted texts
  std::string_view skill;           // text that stood in the skill before
};
std::string ReasonAgainst(std::string_view text, const Outside& outside, const Redact& redact);

}  // namespace clawtrace::distill

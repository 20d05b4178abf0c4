#pragma once
// Step signatures: what kind of step this was, without the values that only one task has, the same for every
// client's spelling of a tool. Form: tool[:verb]|target-class|arg-shape|status[:error-class]
// (docs/mining.md).
#include <string>
#include <string_view>

#include "model/session.h"
#include "tools/tool_meaning.h"

namespace clawtrace::distill {

struct Signature {
  // What was done: "read", "list", "search", "fetch", "write", "edit", "check", "exec", "plan", "spawn",
  // "tool:get_user" of any other tool; of LLM calls "reply", "think", "aux".
  std::string coarse;
  // With verb and outcome: "exec:git-commit|ok", "edit|err:edit_no_match". What mining uses by default.
  std::string medium;
  // With the class of what it was done to and the shape of its arguments: "read|md|path|ok".
  std::string fine;
  bool operator==(const Signature&) const = default;
};

// Total; error_class as in the card, "" when the step did not fail. Deterministic. No text of the session but
// names that are too plain to carry anything else: programs that the lexicon allows (lexicon.h), tools by
// IsToolName, file extensions of a shipped list. A shell command that does what a file tool does has the
// file tool's signature: "cat x" is a read, "echo 1 > x" a write, "sed -i" an edit.
Signature SignatureOf(const Step& step, const tools::ToolMeaning& meaning, const std::string& error_class);

// A name that an agent's own tool may have in a signature: a letter, then letters, digits, "_" and "-"; at
// most 40 bytes, five words and two digits. "get_user_details", "searchFlights".
bool IsToolName(std::string_view name);

}  // namespace clawtrace::distill

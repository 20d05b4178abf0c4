#pragma once
// What a recorded tool use does, said in terms that can be done again. One file an agent under agents/,
// listed in agents.def: the knowledge of that client's tools, their arguments, and how it words what came
// back.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/session.h"

namespace clawtrace::replay {

enum class ActionKind {
  kNothing,      // touches nothing but the conversation
  kRead,         // a file, or lines of it
  kList,         // a folder's entries
  kSearch,       // reads only; its exact result depends on the client's own search program
  kCommand,      // a shell command
  kWrite,        // a file whole
  kEdit,         // replacements within a file, or an insertion
  kPatch,        // an apply_patch envelope
  kNotebook,     // a cell of an .ipynb file
  kUnsupported,  // cannot be done again: reason
};

// How a client looks for the text that it is to replace, each after those before it.
enum class Leniency {
  kExact,       // bytes
  kLineEnds,    // CRLF in the file counts as LF, and stays
  kQuotes,      // then curly quotes count as straight ones
  kTypography,  // then white space at line ends, quotes, dashes and odd spaces are levelled, in the whole
                // file
  kIndent,      // then lines are compared without the white space at both ends
  kReindent,    // the same, and the new lines get the indentation of the line that was found
};

struct Replacement {
  std::string old_text, new_text;
  bool all = false;                 // every place
  bool first = false;               // the first place, however many there are
  std::optional<int64_t> expected;  // else: exactly as many places as this says, 1 when it says nothing
  bool operator==(const Replacement&) const = default;
};

enum class CellMode { kReplace, kInsert, kDelete };

struct Action {
  ActionKind kind = ActionKind::kUnsupported;
  std::string
      reason;  // kUnsupported: "network", "unknown tool: x", "sub-agent", "arguments not kept whole", ...

  // kNothing, since no client starts a tool so: an argument is missing. Where one did, it is not understood.
  bool refused = false;

  std::string path;  // file tools: as the recording spells it

  // kRead: lines from 1. A client that cuts long files of its own accord says so in its result.
  int64_t first_line = 1;
  std::optional<int64_t> lines;

  std::string command;      // kCommand: for bash -c
  std::string cwd;          // kCommand: stated with the call; "" = where the agent stands
  int64_t timeout_ms = 0;   // kCommand: the call's own; 0 = none stated
  bool background = false;  // kCommand: the client does not wait for it

  std::string text;                // kWrite: the content; kPatch: the envelope; kNotebook: the cell's source
  std::vector<Replacement> edits;  // kEdit, in order
  bool edits_at_once = false;      // each is looked for in the file as it was, not after those before it
  Leniency leniency = Leniency::kExact;
  bool creates = false;                 // kEdit: an empty old text makes a file that is not there
  bool rejects_no_change = true;        // kEdit: fails when nothing would change
  std::optional<int64_t> insert_after;  // kEdit: `text` goes behind this line; 0 = before the first

  CellMode cell_mode = CellMode::kReplace;  // kNotebook
  std::string cell_id;                      // "" = by number
  std::optional<int64_t> cell_number;       // from 0
  std::string cell_type;                    // of a new cell; "" = as it is, else code

  bool operator==(const Action&) const = default;
};

// May the workspace be another afterwards? Commands on the shipped list of reading commands are not writers.
bool MayWrite(const Action& action);

enum class ShellKind {
  kPerCall,     // a new shell a call, in the session's folder
  kKeepsCwd,    // a new shell a call; the folder it ended in is the next one's, while within the project
  kPersistent,  // one shell for the session: folder, variables and functions live on
};

struct RecordedAgent {
  std::string_view name;                         // of its file, for people
  std::span<const std::string_view> answers_to;  // SessionInfo::agent, else Session::source
  ShellKind shell = ShellKind::kPerCall;
  // What its results begin with, near enough, when it refused a call before the tool did anything: no
  // permission, a file not read before it is changed.
  std::span<const std::string_view> refusals;
  // Says so in words when a command put out nothing: an empty result is one whose text was not recorded.
  bool words_for_nothing = false;
  // Refuses to change a file that the session has neither read nor written.
  bool reads_first = false;
  // Total. args: parsed arguments, missing when they are not JSON.
  Action (*action_of)(const ToolUse& tool, Json args) = nullptr;
  // What the tool itself said, without the client's own remarks around it (headers, notes on truncation, line
  // numbers of reading tools). What is left is compared.
  std::string (*tool_said)(const Action& action, std::string_view output) = nullptr;
};

std::span<const RecordedAgent* const> RecordedAgents();
// The generic one when nobody answers to it.
const RecordedAgent& AgentOf(const Session& session);

// Total: whatever the arguments hold. Arguments that were cut ("arguments not kept whole") or broken are
// kUnsupported.
Action ActionOf(const RecordedAgent& agent, const ToolUse& tool);

}  // namespace clawtrace::replay

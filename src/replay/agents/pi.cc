// pi. Each command gets a shell of its own in the session's folder; paths are relative to it.
#include <array>

#include "base/text.h"
#include "replay/agents/arguments.h"
#include "replay/agents/pi_tools.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

// Models write "@file" as users do.
Action WithoutAt(Action action) {
  if (action.path.starts_with('@')) action.path.erase(0, 1);
  return action;
}

Action Search(Json args) { return SearchOf(args); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"read", PiRead},
    {"bash", PiBash},
    {"edit", PiEdit},
    {"write", PiWrite},
    {"ls", ListOf},
    {"grep", Search},
    {"find", Search},
    {"subagent", SubAgent},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

// "[Showing lines 1-2000 of 5120. ...]": commands keep their end, reading tools their start.
std::string WithTruncation(const Action& action, std::string_view text) {
  std::string_view body =
      WithoutLastLines(text, {"[Showing lines ", "[Showing last ", "[Line ", "[Output truncated"});
  if (body.size() == text.size()) return std::string(text);
  std::string mark(kLeftOut);
  return action.kind == ActionKind::kCommand ? mark + "\n" + std::string(body)
                                             : std::string(body) + "\n" + mark;
}

// "[12 more lines in file. Use offset=51 to continue.]" behind the lines that were asked for.
std::string_view WithoutMoreLines(std::string_view output) {
  std::string_view body = WithoutLastLines(output, {"["});
  return Contains(output.substr(body.size()), " more lines in file. Use offset=") ? body : output;
}

}  // namespace

Action PiRead(Json args) { return WithoutAt(ReadOf(args)); }
Action PiWrite(Json args) { return WithoutAt(WriteOf(args)); }

Action PiEdit(Json args) {
  Action action = WithoutAt(EditOf(args));
  action.edits_at_once = true;
  action.leniency = Leniency::kTypography;
  for (Replacement& edit : action.edits) edit.all = false, edit.expected.reset();
  return action;
}

Action PiBash(Json args) {
  Action action = CommandOf(args);
  action.cwd.clear();
  action.timeout_ms = MillisecondsOf(args, {"timeout"}, 1000);
  return action;
}

std::string PiSaid(const Action& action, std::string_view output) {
  if (action.kind == ActionKind::kRead) return WithTruncation(action, WithoutMoreLines(output));
  if (action.kind == ActionKind::kList)
    return std::string(UnlessOneOf(WithoutLastLines(output, {"["}), {"(empty directory)"}));
  if (action.kind != ActionKind::kCommand) return {};
  std::string_view said = WithoutLastLines(output, {"Command exited with code ", "(Command exited with code ",
                                                    "Command timed out after ", "Command aborted"});
  return WithTruncation(action, UnlessOneOf(said, {"(no output)"}));
}

namespace {
constexpr auto kNames = std::to_array<std::string_view>({"pi"});
}

extern const RecordedAgent kPi;
const RecordedAgent kPi = {.name = "pi",
                           .answers_to = kNames,
                           .words_for_nothing = true,
                           .action_of = ActionOfTool,
                           .tool_said = PiSaid};

}  // namespace clawtrace::replay

// SWE-agent: one shell for the whole session, as OpenHands has; commands of its own (open, goto, edit 3:5,
// ...) are programs that only its container had. And mini-swe-agent: a shell a command, nothing else.
#include <array>

#include "base/text.h"
#include "replay/agents/arguments.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

constexpr auto kLooking =
    std::to_array<std::string_view>({"open", "goto", "scroll_up", "scroll_down", "search_dir", "search_file",
                                     "find_file", "filemap", "view_image"});
constexpr auto kChanging = std::to_array<std::string_view>({"create", "edit", "insert", "undo_edit"});

bool IsOneOf(std::string_view word, std::span<const std::string_view> words) {
  for (std::string_view one : words) {
    if (word == one) return true;
  }
  return false;
}

Action Bash(Json args) {
  Action action = CommandOf(args);
  if (action.kind != ActionKind::kCommand) return action;
  action.cwd.clear();
  std::string_view line = Trim(action.command);
  std::string_view word = line.substr(0, line.find_first_of(" \t\n"));
  if (IsOneOf(word, kLooking)) return SearchOf(args);
  if (word == "submit" || word == "exit_cost" || word == "exit_context") return Nothing();
  if (IsOneOf(word, kChanging)) return Unsupported("SWE-agent's own command: " + std::string(word));
  return action;
}

Action Own(Json) { return Unsupported("SWE-agent's own command"); }
Action Search(Json args) { return SearchOf(args); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"bash", Bash},
    {"str_replace_editor", EditorOf},
    {"open", Search},
    {"goto", Search},
    {"scroll_up", Search},
    {"scroll_down", Search},
    {"search_dir", Search},
    {"search_file", Search},
    {"find_file", Search},
    {"edit", Own},
    {"create", Own},
    {"insert", Own},
    {"submit", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

std::string ToolSaid(const Action& action, std::string_view output) {
  if (action.kind == ActionKind::kCommand) {
    if (output.starts_with("<returncode>")) return std::string(InsideOf(output, "output"));
    return std::string(
        UnlessOneOf(output, {"Your command ran successfully and did not produce any output."}));
  }
  if (action.kind == ActionKind::kRead) return EditorView(output);
  return action.kind == ActionKind::kEdit ? EditorSnippet(output) : std::string();
}

constexpr auto kNames = std::to_array<std::string_view>({"swe-agent"});
constexpr auto kMiniNames = std::to_array<std::string_view>({"mini-swe-agent"});

}  // namespace

extern const RecordedAgent kSweAgent, kMiniSweAgent;
const RecordedAgent kSweAgent = {.name = "swe-agent",
                                 .answers_to = kNames,
                                 .shell = ShellKind::kPersistent,
                                 .action_of = ActionOfTool,
                                 .tool_said = ToolSaid};
const RecordedAgent kMiniSweAgent = {
    .name = "mini-swe-agent", .answers_to = kMiniNames, .action_of = ActionOfTool, .tool_said = ToolSaid};

}  // namespace clawtrace::replay

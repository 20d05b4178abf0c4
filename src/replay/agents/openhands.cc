// OpenHands: one shell for the whole session, so the folder lives on from call to call; variables and
// functions do too, and here they do not.
#include <array>

#include "base/text.h"
#include "replay/agents/arguments.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

Action Bash(Json args) {
  if (TruthOf(args, {"is_input"})) return Unsupported("typed into a running program");
  Action action = CommandOf(args);
  action.cwd.clear();
  if (auto seconds = args["timeout"].number(); seconds && *seconds > 0 && *seconds < 1e6)
    action.timeout_ms = static_cast<int64_t>(*seconds * 1000);
  return action;
}

Action IPython(Json) { return Unsupported("IPython"); }
Action ByModel(Json) { return Unsupported("edited by a model"); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"execute_bash", Bash},
    {"terminal", Bash},
    {"run_ipython", IPython},
    {"execute_ipython_cell", IPython},
    {"str_replace_editor", EditorOf},
    {"file_editor", EditorOf},
    {"edit_file", ByModel},
    {"browser", Network},
    {"web_read", Network},
    {"delegate", SubAgent},
    {"think", OnlyTalk},
    {"finish", OnlyTalk},
    {"task_tracker", OnlyTalk},
    {"request_condensation", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

std::string ToolSaid(const Action& action, std::string_view output) {
  if (action.kind == ActionKind::kCommand) {
    std::string_view said = WithoutLastLines(
        output, {"[The command completed with exit code ", "[Command finished with exit code ",
                 "[Current working directory: ", "[Python interpreter: ", "[Jupyter "});
    return std::string(said);
  }
  if (action.kind == ActionKind::kRead) return EditorView(output);
  return action.kind == ActionKind::kEdit ? EditorSnippet(output) : std::string();
}

constexpr auto kNames = std::to_array<std::string_view>({"openhands"});

}  // namespace

extern const RecordedAgent kOpenHands;
const RecordedAgent kOpenHands = {.name = "openhands",
                                  .answers_to = kNames,
                                  .shell = ShellKind::kPersistent,
                                  .action_of = ActionOfTool,
                                  .tool_said = ToolSaid};

}  // namespace clawtrace::replay

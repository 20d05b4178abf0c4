// Claude Code. Bash: a new shell a call that starts where the last one ended, back to the project's folder
// when that is left; sub-agents' shells start anew.
#include <array>

#include "base/text.h"
#include "replay/action.h"
#include "replay/agents/arguments.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

Action Bash(Json args) {
  Action action = CommandOf(args);
  action.cwd.clear();
  action.timeout_ms = MillisecondsOf(args, {"timeout", "timeout_ms"});
  action.background = TruthOf(args, {"run_in_background"});
  return action;
}

Action Monitor(Json args) {
  Action action = Bash(args);
  action.background = action.kind == ActionKind::kCommand;
  return action;
}

Action Edit(Json args) {
  Action action = EditOf(args);
  action.leniency = Leniency::kQuotes;
  action.creates = action.kind == ActionKind::kEdit;
  return action;
}

// Pages of a PDF and cells of a notebook are shown in a form of its own.
Action Read(Json args) {
  Action action = ReadOf(args);
  bool own_form = args["pages"] || ToLower(action.path).ends_with(".ipynb");
  if (action.kind == ActionKind::kRead && own_form) return {.kind = ActionKind::kSearch};
  return action;
}

Action Notebook(Json args) {
  auto path = TextOf(args, {"notebook_path"});
  if (!path) return Missing("notebook_path");
  Action action{.kind = ActionKind::kNotebook, .path = *path};
  std::string_view mode = args["edit_mode"].string_or("replace");
  if (mode == "insert")
    action.cell_mode = CellMode::kInsert;
  else if (mode == "delete")
    action.cell_mode = CellMode::kDelete;
  auto source = TextOf(args, {"new_source"});
  if (!source && action.cell_mode != CellMode::kDelete) return Missing("new_source");
  action.text = source.value_or("");
  action.cell_id = TextOf(args, {"cell_id"}).value_or("");
  action.cell_number = NumberOf(args, {"cell_number"});
  action.cell_type = TextOf(args, {"cell_type"}).value_or("");
  return action;
}

Action Search(Json args) { return SearchOf(args); }
Action Background(Json) { return Nothing("background process"); }
Action Worktree(Json) { return Unsupported("works in another folder from here on"); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"Bash", Bash},
    {"BashOutput", Background},
    {"TaskOutput", Background},
    {"KillShell", Background},
    {"KillBash", Background},
    {"TaskStop", Background},
    {"Monitor", Monitor},
    {"Read", Read},
    {"NotebookRead", Search},
    {"Write", WriteOf},
    {"Edit", Edit},
    {"MultiEdit", Edit},
    {"NotebookEdit", Notebook},
    {"LS", ListOf},
    {"Glob", Search},
    {"Grep", Search},
    {"ToolSearch", Search},
    {"LSP", Search},
    {"WebFetch", Network},
    {"WebSearch", Network},
    {"Task", SubAgent},
    {"Agent", SubAgent},
    {"Workflow", SubAgent},
    {"EnterWorktree", Worktree},
    {"ExitWorktree", Worktree},
    {"TodoWrite", OnlyTalk},
    {"TodoRead", OnlyTalk},
    {"TaskCreate", OnlyTalk},
    {"TaskUpdate", OnlyTalk},
    {"TaskList", OnlyTalk},
    {"TaskGet", OnlyTalk},
    {"EnterPlanMode", OnlyTalk},
    {"ExitPlanMode", OnlyTalk},
    {"AskUserQuestion", OnlyTalk},
    {"Skill", OnlyTalk},
    {"SlashCommand", OnlyTalk},
    {"SendMessage", OnlyTalk},
    {"TeamCreate", OnlyTalk},
    {"TeamDelete", OnlyTalk},
    {"CronCreate", OnlyTalk},
    {"CronDelete", OnlyTalk},
    {"CronList", OnlyTalk},
    {"ScheduleWakeup", OnlyTalk},
    {"StructuredOutput", OnlyTalk},
    {"ListMcpResourcesTool", OnlyTalk},
    {"ReadMcpResourceTool", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

// A result too long to be shown was put into a file; its start is shown.
std::string Preview(std::string_view text) {
  std::string_view inside = InsideOf(text, "persisted-output");
  if (inside.size() == text.size()) return std::string(text);
  std::string_view preview = Behind(inside, "Preview");
  size_t line = preview.find('\n');
  return std::string(line == std::string_view::npos ? "" : preview.substr(line + 1)) + "\n" +
         std::string(kLeftOut);
}

std::string ToolSaid(const Action& action, std::string_view output) {
  std::string text = WithoutBlocks(output, "system-reminder");
  std::string_view said = text;
  if (said.starts_with("<tool_use_error>")) said = InsideOf(said, "tool_use_error");
  if (action.kind == ActionKind::kRead) return WithoutLineNumbers(said);
  if (action.kind == ActionKind::kEdit) return WithoutLineNumbers(Behind(said, "of the edited file:\n"));
  if (action.kind != ActionKind::kCommand) return std::string();
  said = WithoutFirstLines(said, {"Exit code "});
  said = WithoutLastLines(said, {"Shell cwd was reset to "});
  said = UnlessOneOf(
      said, {"(Bash completed with no output)", "(no output)", "(No content)", "(no content)",
             "Tool ran without output or errors", "<system>Tool ran without output or errors</system>"});
  return Preview(said);
}

constexpr auto kNames = std::to_array<std::string_view>({"claude-code"});
constexpr auto kRefusals = std::to_array<std::string_view>(
    {"The user doesn't want to ", "File has not been read yet", "File has been modified since read",
     "This command requires approval", "This Bash command contains multiple operations",
     "Claude requested permissions to ", "Permission to use ", "Permission for this action has been denied",
     " was blocked. For security", "PreToolUse:"});

}  // namespace

extern const RecordedAgent kClaudeCode;
const RecordedAgent kClaudeCode = {.name = "claude-code",
                                   .answers_to = kNames,
                                   .shell = ShellKind::kKeepsCwd,
                                   .refusals = kRefusals,
                                   .words_for_nothing = true,
                                   .reads_first = true,
                                   .action_of = ActionOfTool,
                                   .tool_said = ToolSaid};

}  // namespace clawtrace::replay

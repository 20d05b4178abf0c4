// Gemini CLI. Each command gets a shell of its own, in the folder that the call names below the project.
#include <array>

#include "base/text.h"
#include "replay/agents/arguments.h"
#include "replay/agents/gemini_tools.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

constexpr auto kTools = std::to_array<ToolRow>({
    {"run_shell_command", GeminiShell},
    {"read_file", GeminiRead},
    {"read_many_files", GeminiSearch},
    {"write_file", WriteOf},
    {"replace", GeminiReplace},
    {"list_directory", ListOf},
    {"glob", GeminiSearch},
    {"search_file_content", GeminiSearch},
    {"grep_search", GeminiSearch},
    {"google_web_search", Network},
    {"web_fetch", Network},
    {"invoke_agent", SubAgent},
    {"codebase_investigator", SubAgent},
    {"complete_task", OnlyTalk},
    {"activate_skill", OnlyTalk},
    {"save_memory", OnlyTalk},
    {"write_todos", OnlyTalk},
    {"ask_user", OnlyTalk},
    {"enter_plan_mode", OnlyTalk},
    {"exit_plan_mode", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

// "Directory listing for /x:", "[DIR] name", "name", and a note when some are left out: then it is not whole.
std::string Entries(std::string_view output) {
  if (!output.starts_with("Directory listing for ")) return {};
  std::string entries;
  for (std::string_view line : Split(output, '\n')) {
    if (line.empty() || line.starts_with("Directory listing for ")) continue;
    if (line.starts_with('(')) return {};
    entries += line.starts_with("[DIR] ") ? std::string(line.substr(6)) + "/" : std::string(line);
    entries += '\n';
  }
  return entries;
}

// The report of older versions and of Qwen Code: "Command: ...", "Directory: ...", "Output: ...", "Error:
// ...".
std::string Reported(std::string_view text) {
  std::string both;
  size_t out = text.starts_with("Output: ") ? 0 : text.find("\nOutput: ");
  if (out != std::string_view::npos) {
    both = std::string(text.substr(out + (out ? 9 : 8)));
  } else {
    std::string_view rest = Behind(text, "\nStdout: ");
    size_t err = rest.rfind("\nStderr: ");
    if (err == std::string_view::npos) return std::string(text);
    both = std::string(UnlessOneOf(rest.substr(0, err), {"(empty)"}));
    std::string_view tail =
        WithoutLastLines(rest.substr(err + 9),
                         {"Error: ", "Exit Code: ", "Signal: ", "Background PIDs: ", "Process Group PGID: "});
    return both + "\n" + std::string(UnlessOneOf(tail, {"(empty)"}));
  }
  std::string_view said = WithoutLastLines(
      both, {"Error: ", "Exit Code: ", "Signal: ", "Background PIDs: ", "Process Group PGID: "});
  return std::string(UnlessOneOf(said, {"(empty)"}));
}

}  // namespace

Action GeminiRead(Json args) {
  Action action = ReadOf(args);
  // Lines from 0 under that name, from 1 under "start_line".
  if (auto offset = NumberOf(args, {"offset"}); offset && *offset >= 0 && *offset < INT64_MAX)
    action.first_line = *offset + 1;
  return action;
}

Action GeminiReplace(Json args) {
  Action action = EditOf(args);
  action.leniency = Leniency::kReindent;
  action.creates = action.kind == ActionKind::kEdit;
  return action;
}

Action GeminiShell(Json args) {
  Action action = CommandOf(args);
  action.timeout_ms = MillisecondsOf(args, {"timeout"});
  action.background = TruthOf(args, {"is_background"});
  return action;
}

Action GeminiSearch(Json args) { return SearchOf(args); }

std::string GeminiSaid(const Action& action, std::string_view output) {
  std::string text = WithoutBlocks(output, "system-reminder");
  if (action.kind == ActionKind::kCommand) return Reported(InsideOf(text, "untrusted_context"));
  if (action.kind == ActionKind::kList) return Entries(text);
  if (action.kind == ActionKind::kRead) {
    std::string_view cut = Behind(text, "--- FILE CONTENT (truncated) ---\n");
    return cut.empty() ? text : std::string(cut) + "\n" + std::string(kLeftOut);
  }
  if (action.kind != ActionKind::kEdit && action.kind != ActionKind::kWrite) return {};
  // Both end with the file or the part of it that was changed.
  std::string_view shown = Behind(text, "Here is the updated code:\n");
  if (shown.empty() && Contains(text, "from the edited file:")) shown = Behind(text, "\n---\n");
  return std::string(Trim(shown));
}

namespace {
constexpr auto kNames = std::to_array<std::string_view>({"gemini-cli", "iflow"});
constexpr auto kRefusals = std::to_array<std::string_view>(
    {"[Operation Cancelled]", "Tool execution denied by policy", "User did not allow tool call",
     "denied by policy", "Command is not allowed"});
}  // namespace

extern const RecordedAgent kGeminiCli;
const RecordedAgent kGeminiCli = {.name = "gemini-cli",
                                  .answers_to = kNames,
                                  .refusals = kRefusals,
                                  .words_for_nothing = true,
                                  .action_of = ActionOfTool,
                                  .tool_said = GeminiSaid};

}  // namespace clawtrace::replay

// Qwen Code: Gemini CLI's tools under some names of its own; an edit finds its text literally.
#include <array>

#include "replay/agents/arguments.h"
#include "replay/agents/gemini_tools.h"

namespace clawtrace::replay {
namespace {

Action Edit(Json args) {
  Action action = GeminiReplace(args);
  action.leniency = Leniency::kLineEnds;
  return action;
}

constexpr auto kTools = std::to_array<ToolRow>({
    {"run_shell_command", GeminiShell},
    {"read_file", GeminiRead},
    {"read_many_files", GeminiSearch},
    {"write_file", WriteOf},
    {"edit", Edit},
    {"replace", Edit},
    {"list_directory", ListOf},
    {"glob", GeminiSearch},
    {"grep_search", GeminiSearch},
    {"search_file_content", GeminiSearch},
    {"lsp", GeminiSearch},
    {"web_fetch", Network},
    {"web_search", Network},
    {"agent", SubAgent},
    {"task", SubAgent},
    {"send_message", OnlyTalk},
    {"task_stop", OnlyTalk},
    {"skill", OnlyTalk},
    {"todo_write", OnlyTalk},
    {"save_memory", OnlyTalk},
    {"exit_plan_mode", OnlyTalk},
    {"ask_user_question", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

constexpr auto kNames = std::to_array<std::string_view>({"qwen-code"});
constexpr auto kRefusals =
    std::to_array<std::string_view>({"[Operation Cancelled]", "User did not allow tool call",
                                     "denied by policy", "Command is not allowed", "Path must be absolute"});

}  // namespace

extern const RecordedAgent kQwenCode;
const RecordedAgent kQwenCode = {.name = "qwen-code",
                                 .answers_to = kNames,
                                 .refusals = kRefusals,
                                 .words_for_nothing = true,
                                 .action_of = ActionOfTool,
                                 .tool_said = GeminiSaid};

}  // namespace clawtrace::replay

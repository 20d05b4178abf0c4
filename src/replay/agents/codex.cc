// Codex CLI. Commands run in the folder that the call names, else in the session's. Files are changed by
// apply_patch, a tool of its own or a program that its shell knows.
#include <array>

#include "base/text.h"
#include "replay/action.h"
#include "replay/agents/arguments.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kBegin = "*** Begin Patch", kEnd = "*** End Patch";

// A heredoc for apply_patch and nothing else, after an optional change of folder.
bool TakePatch(std::string_view line, Action* action) {
  std::string folder;
  line = Trim(line);
  if (line.starts_with("cd ")) {
    size_t both = line.find("&&"), end = line.find('\n');
    if (both == std::string_view::npos || both > end) return false;
    folder = std::string(Trim(line.substr(3, both - 3)));
    if (folder.size() > 1 && (folder.front() == '\'' || folder.front() == '"'))
      folder = folder.substr(1, folder.size() - 2);
    line = Trim(line.substr(both + 2));
  }
  if (line.starts_with("'apply_patch'")) line.remove_prefix(1);  // words of a vector
  if (!line.starts_with("apply_patch") && !line.starts_with("applypatch")) return false;
  size_t begin = line.find(kBegin), end = line.rfind(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return false;
  // What comes behind the envelope may only close the heredoc or the quotes.
  std::string_view rest = Trim(line.substr(end + kEnd.size()));
  if (rest.find_first_of("\n;&|") != std::string_view::npos) return false;
  std::string folder_of_call = folder.empty() ? action->cwd : folder;
  *action = {.kind = ActionKind::kPatch,
             .cwd = folder_of_call,
             .text = std::string(line.substr(begin, end - begin + kEnd.size()))};
  return true;
}

Action Command(Json args) {
  Action action = CommandOf(args);
  action.timeout_ms = MillisecondsOf(args, {"timeout_ms", "timeout"});
  if (action.kind == ActionKind::kCommand) TakePatch(action.command, &action);
  return action;
}

// "L12: text" lines, from offset; its slices of indented blocks are its own.
Action ReadFile(Json args) {
  if (args["mode"].text() == "indentation") return SearchOf(args);
  return ReadOf(args);
}

Action Search(Json args) { return SearchOf(args); }
Action Typing(Json) { return Unsupported("typed into a running program"); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"exec_command", Command},
    {"shell", Command},
    {"shell_command", Command},
    {"local_shell", Command},
    {"container.exec", Command},
    {"write_stdin", Typing},
    {"read_file", ReadFile},
    {"view_image", Search},
    {"list_dir", Search},
    {"grep_files", Search},
    {"update_plan", OnlyTalk},
    {"request_user_input", OnlyTalk},
    {"tool_search", OnlyTalk},
    {"web_search", Network},
    {"web_search_call", Network},
    {"spawn_agent", SubAgent},
    {"wait_agent", OnlyTalk},
    {"wait", OnlyTalk},
    {"send_input", OnlyTalk},
    {"resume_agent", OnlyTalk},
    {"close_agent", OnlyTalk},
    {"list_mcp_resources", OnlyTalk},
    {"list_mcp_resource_templates", OnlyTalk},
    {"read_mcp_resource", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) {
  if (tool.name != "apply_patch") return ActionByTable(kTools, tool, args);
  auto patch = TextOf(args, {"input", "patch"});
  if (!patch && args.is_string()) patch = std::string(args.text());
  if (!patch && tool.args_broken) patch = tool.args;  // the envelope itself
  return patch ? Action{.kind = ActionKind::kPatch, .text = *patch} : Missing("input");
}

std::string ToolSaid(const Action& action, std::string_view output) {
  if (action.kind == ActionKind::kPatch) return {};
  std::string_view said =
      WithoutFirstLines(output, {"Chunk ID: ", "Wall time: ", "Process exited with code ",
                                 "Original token count: ", "Exit code: ", "Process running with session ID ",
                                 "Total output lines: "});
  if (said.size() != output.size()) said = WithoutFirstLines(said, {"Total output lines: ", "Output:"});
  said = WithoutFirstLines(said, {"Total output lines: "});
  if (action.kind != ActionKind::kRead) return std::string(said);
  std::string text;
  for (std::string_view line : Split(said, '\n')) {
    text += text.empty() ? "" : "\n";
    text += line.starts_with('L') ? line.substr(1) : line;
  }
  std::string lines = WithoutLineNumbers(text);
  return lines == text ? std::string(said) : lines;
}

constexpr auto kNames = std::to_array<std::string_view>({"codex"});
constexpr auto kRefusals =
    std::to_array<std::string_view>({"exec_command failed: CreateProcess { message: \"Rejected(",
                                     "rejected by user", "exec command rejected", "patch rejected"});

}  // namespace

extern const RecordedAgent kCodex;
const RecordedAgent kCodex = {.name = "codex",
                              .answers_to = kNames,
                              .refusals = kRefusals,
                              .action_of = ActionOfTool,
                              .tool_said = ToolSaid};

}  // namespace clawtrace::replay

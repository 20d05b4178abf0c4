// Cline: the tools of its editor extension (read_file, replace_in_file, ...) and of its later program
// (editor, read_files, run_commands).
#include <array>

#include "base/text.h"
#include "replay/agents/arguments.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

// One file is a reading; several are not comparable as one text.
Action ReadFiles(Json args) {
  Json files = args["files"];
  if (files.is_array() && files.size() == 1) return ReadOf(files.at(0));
  return SearchOf(args);
}

Action RunCommands(Json args) {
  std::string all;
  args["commands"].ForEachItem([&](Json command) {
    std::string_view text = command.is_string() ? command.text() : command["command"].text();
    all.append(all.empty() ? "" : "\n").append(text);
  });
  if (Trim(all).empty()) return Missing("commands");
  return {.kind = ActionKind::kCommand, .command = std::move(all)};
}

Action Editor(Json args) {
  auto path = TextOf(args, {"path"});
  auto text = TextOf(args, {"new_text"});
  if (!path || !text) return Missing("path or new_text");
  if (auto line = NumberOf(args, {"insert_line"}))
    return {.kind = ActionKind::kEdit, .path = *path, .text = *text, .insert_after = *line - 1};
  if (!args["old_text"].is_string()) return {.kind = ActionKind::kWrite, .path = *path, .text = *text};
  return EditOf(args);
}

// "------- SEARCH\n...\n=======\n...\n+++++++ REPLACE", older "<<<<<<< SEARCH ... >>>>>>> REPLACE".
Action ReplaceInFile(Json args) {
  auto path = TextOf(args, {"path", "absolutePath"});
  auto diff = TextOf(args, {"diff"});
  if (!path || !diff) return Missing("path or diff");
  Action action{.kind = ActionKind::kEdit, .path = *path, .leniency = Leniency::kIndent};
  Replacement now;
  enum { kOutside, kOld, kNew } where = kOutside;
  for (std::string_view line : Split(*diff, '\n')) {
    std::string_view bare = Trim(line);
    if (where == kOutside && bare.ends_with(" SEARCH")) {
      where = kOld, now = {};
    } else if (where == kOld && bare.starts_with("=====") &&
               bare.find_first_not_of('=') == std::string_view::npos) {
      where = kNew;
    } else if (where == kNew && bare.ends_with(" REPLACE")) {
      action.edits.push_back(now);
      where = kOutside;
    } else if (where != kOutside) {
      (where == kOld ? now.old_text : now.new_text).append(line).append("\n");
    }
  }
  // An empty search is the whole file.
  if (action.edits.size() == 1 && action.edits[0].old_text.empty())
    return {.kind = ActionKind::kWrite, .path = *path, .text = action.edits[0].new_text};
  // The first place is taken; later blocks need not be told apart from earlier text.
  for (Replacement& edit : action.edits) edit.first = true;
  return where == kOutside && !action.edits.empty() ? action : Missing("a whole diff");
}

Action Search(Json args) { return SearchOf(args); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"read_file", ReadOf},
    {"read_files", ReadFiles},
    {"write_to_file", WriteOf},
    {"replace_in_file", ReplaceInFile},
    {"editor", Editor},
    {"execute_command", CommandOf},
    {"run_commands", RunCommands},
    {"list_files", Search},
    {"search_files", Search},
    {"search_codebase", Search},
    {"list_code_definition_names", Search},
    {"web_fetch", Network},
    {"fetch_web_content", Network},
    {"web_search", Network},
    {"browser_action", Network},
    {"new_task", SubAgent},
    {"use_subagents", SubAgent},
    {"ask_followup_question", OnlyTalk},
    {"ask_question", OnlyTalk},
    {"attempt_completion", OnlyTalk},
    {"submit_and_exit", OnlyTalk},
    {"plan_mode_respond", OnlyTalk},
    {"act_mode_respond", OnlyTalk},
    {"focus_chain", OnlyTalk},
    {"condense", OnlyTalk},
    {"skills", OnlyTalk},
    {"use_skill", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

// The later program gives a list of {query, result}.
std::string Results(std::string_view output) {
  JsonParser parser;
  auto parsed = parser.Parse(output);
  if (!parsed) return std::string(output);
  std::string all;
  auto add = [&](Json entry) {
    if (auto text = entry["result"].string()) all.append(all.empty() ? "" : "\n").append(*text);
  };
  if (parsed->is_array())
    parsed->ForEachItem(add);
  else
    add(*parsed);
  return all;
}

std::string ToolSaid(const Action& action, std::string_view output) {
  bool list = output.starts_with("[{") || output.starts_with('{');
  std::string text = list ? Results(output) : std::string(output);
  if (action.kind == ActionKind::kRead) return WithoutLineNumbers(text);
  if (action.kind != ActionKind::kCommand) return {};
  if (text.starts_with("Command executed.")) {
    std::string_view said = Behind(text, "Output:\n");
    return std::string(said);
  }
  return text;
}

constexpr auto kNames = std::to_array<std::string_view>({"cline", "roo-code", "kilo-code"});
constexpr auto kRefusals =
    std::to_array<std::string_view>({"The user denied this operation", "The user denied permission"});

}  // namespace

extern const RecordedAgent kCline;
const RecordedAgent kCline = {.name = "cline",
                              .answers_to = kNames,
                              .refusals = kRefusals,
                              .action_of = ActionOfTool,
                              .tool_said = ToolSaid};

}  // namespace clawtrace::replay

// OpenCode. Each command gets a shell of its own, in the folder that the call names, else in the project's.
#include <array>

#include "base/text.h"
#include "replay/agents/arguments.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

Action Bash(Json args) {
  Action action = CommandOf(args);
  action.timeout_ms = MillisecondsOf(args, {"timeout"});
  return action;
}

Action Edit(Json args) {
  Action action = EditOf(args);
  action.leniency = Leniency::kIndent;
  action.creates = action.kind == ActionKind::kEdit;
  return action;
}

Action Patch(Json args) {
  auto patch = TextOf(args, {"patchText", "input"});
  return patch ? Action{.kind = ActionKind::kPatch, .text = *patch} : Missing("patchText");
}

Action Search(Json args) { return SearchOf(args); }
Action Batch(Json) { return Unsupported("several tools in one call"); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"bash", Bash},          {"read", ReadOf},         {"write", WriteOf},      {"edit", Edit},
    {"multiedit", Edit},     {"patch", Patch},         {"apply_patch", Patch},  {"batch", Batch},
    {"list", Search},        {"glob", Search},         {"grep", Search},        {"lsp", Search},
    {"codesearch", Network}, {"webfetch", Network},    {"websearch", Network},  {"task", SubAgent},
    {"skill", OnlyTalk},     {"todowrite", OnlyTalk},  {"todoread", OnlyTalk},  {"question", OnlyTalk},
    {"invalid", OnlyTalk},   {"plan_enter", OnlyTalk}, {"plan_exit", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

std::string ReadSaid(std::string_view output) {
  std::string_view said = InsideOf(InsideOf(output, "file"), "content");
  std::string_view body =
      WithoutLastLines(said, {"(End of file", "(File has more lines", "(Showing lines", "(Output "});
  bool whole = body.size() == said.size() || Contains(said.substr(body.size()), "(End of file");
  std::string text = WithoutLineNumbers(Trim(body).empty() ? std::string_view()
                                                           : body.substr(0, body.find_last_not_of('\n') + 1));
  return whole ? text : text + "\n" + std::string(kLeftOut);
}

std::string ToolSaid(const Action& action, std::string_view output) {
  if (action.kind == ActionKind::kRead) return ReadSaid(output);
  if (action.kind != ActionKind::kCommand) return {};
  std::string text = WithoutBlocks(WithoutBlocks(output, "bash_metadata"), "shell_metadata");
  return std::string(UnlessOneOf(text, {"(no output)"}));
}

constexpr auto kNames = std::to_array<std::string_view>({"opencode"});
constexpr auto kRefusals =
    std::to_array<std::string_view>({"The user rejected permission to use this specific tool call",
                                     "The user has specified a rule which prevents you from using",
                                     "You must read ", " has been modified since it was last read"});

}  // namespace

extern const RecordedAgent kOpencode;
const RecordedAgent kOpencode = {.name = "opencode",
                                 .answers_to = kNames,
                                 .refusals = kRefusals,
                                 .reads_first = true,
                                 .action_of = ActionOfTool,
                                 .tool_said = ToolSaid};

}  // namespace clawtrace::replay

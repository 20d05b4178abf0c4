// OpenClaw: pi's file tools, and exec, which may leave a program running behind it.
#include <array>

#include "base/text.h"
#include "replay/agents/arguments.h"
#include "replay/agents/pi_tools.h"

namespace clawtrace::replay {
namespace {

Action Exec(Json args) {
  Action action = CommandOf(args);
  action.timeout_ms = MillisecondsOf(args, {"timeout"}, 1000);
  action.background = TruthOf(args, {"background"});
  return action;
}

Action Patch(Json args) {
  auto patch = TextOf(args, {"input", "patch"});
  return patch ? Action{.kind = ActionKind::kPatch, .text = *patch} : Missing("input");
}

Action Search(Json args) { return SearchOf(args); }
Action Process(Json) { return Nothing("background process"); }

constexpr auto kTools = std::to_array<ToolRow>({
    {"read", PiRead},
    {"edit", PiEdit},
    {"write", PiWrite},
    {"bash", PiBash},
    {"exec", Exec},
    {"apply_patch", Patch},
    {"process", Process},
    {"ls", ListOf},
    {"grep", Search},
    {"find", Search},
    {"web_search", Network},
    {"web_fetch", Network},
    {"browser", Network},
    {"sessions_spawn", SubAgent},
    {"subagent", SubAgent},
    {"subagents", OnlyTalk},
    {"sessions_list", OnlyTalk},
    {"sessions_history", OnlyTalk},
    {"sessions_send", OnlyTalk},
    {"session_status", OnlyTalk},
    {"agents_list", OnlyTalk},
    {"message", OnlyTalk},
    {"memory_search", OnlyTalk},
    {"memory_get", OnlyTalk},
    {"cron", OnlyTalk},
    {"update_plan", OnlyTalk},
});

Action ActionOfTool(const ToolUse& tool, Json args) { return ActionByTable(kTools, tool, args); }

constexpr auto kNames = std::to_array<std::string_view>({"openclaw", "openclaw-plugin"});
constexpr auto kRefusals =
    std::to_array<std::string_view>({"exec denied", "approval required", "Approval required"});

}  // namespace

extern const RecordedAgent kOpenClaw;
const RecordedAgent kOpenClaw = {.name = "openclaw",
                                 .answers_to = kNames,
                                 .refusals = kRefusals,
                                 .words_for_nothing = true,
                                 .action_of = ActionOfTool,
                                 .tool_said = PiSaid};

}  // namespace clawtrace::replay

#include "replay/action.h"

#include <algorithm>
#include <array>

#include "replay/agents/arguments.h"
#include "tools/shell.h"

namespace clawtrace::replay {

#define CT_AGENT(constant) extern const RecordedAgent constant;
#include "replay/agents.def"
#undef CT_AGENT

namespace {

constexpr auto kAgents = std::to_array<const RecordedAgent*>({
#define CT_AGENT(constant) &constant,
#include "replay/agents.def"
#undef CT_AGENT
});

// No file system and no shell takes them: clients fail before they do anything.
bool HoldsNul(const Action& action) {
  return action.path.contains('\0') || action.command.contains('\0') || action.cwd.contains('\0');
}

}  // namespace

bool MayWrite(const Action& action) {
  switch (action.kind) {
    case ActionKind::kNothing:
    case ActionKind::kRead:
    case ActionKind::kList:
    case ActionKind::kSearch:
      return false;
    case ActionKind::kCommand:
      return !tools::ParseShell(action.command).read_only;
    case ActionKind::kWrite:
    case ActionKind::kEdit:
    case ActionKind::kPatch:
    case ActionKind::kNotebook:
    case ActionKind::kUnsupported:
      return true;
  }
  return true;
}

std::span<const RecordedAgent* const> RecordedAgents() { return kAgents; }

const RecordedAgent& AgentOf(const Session& session) {
  for (const std::string& name : {session.info.agent, session.source}) {
    for (const RecordedAgent* agent : kAgents) {
      if (std::ranges::find(agent->answers_to, name) != agent->answers_to.end()) return *agent;
    }
  }
  return kGenericAgent;
}

Action ActionOf(const RecordedAgent& agent, const ToolUse& tool) {
  if (tool.args_bytes > static_cast<int64_t>(tool.args.size()))
    return Unsupported("arguments not kept whole");
  JsonParser parser;
  std::string_view text = tool.args.empty() ? "{}" : std::string_view(tool.args);
  auto parsed = parser.Parse(text);
  Action action = agent.action_of(tool, parsed && !tool.args_broken ? *parsed : Json());
  if (HoldsNul(action)) return Nothing("NUL byte in an argument");
  return action;
}

}  // namespace clawtrace::replay

#include "model/session.h"

#include <algorithm>
#include <array>

#include "model/archive.h"

namespace clawtrace {

bool IsSpawnTool(std::string_view name) {
  // Namespaced tools ("multi_agent_v1.spawn_agent", "mcp__agents__spawn_agent") end in the plain name.
  if (size_t dot = name.find_last_of(".:/"); dot != std::string_view::npos) name.remove_prefix(dot + 1);
  if (size_t mcp = name.rfind("__"); mcp != std::string_view::npos) name.remove_prefix(mcp + 2);
  static constexpr std::array<std::string_view, 11> kNames = {
      "Task",      "Agent",        "agent",         "spawn_agent", "sessions_spawn", "subagent",
      "sub_agent", "invoke_agent", "delegate_task", "new_task",    "run_subagent"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string EncodeSession(const Session& session, bool json) {
  return Encode(session, json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
}

Result<Session> DecodeSession(std::string_view text, std::string_view name) {
  return Decode<Session>(text, name);
}

}  // namespace clawtrace

#include "capture/importers/openclaw_agents.h"

#include <algorithm>
#include <tuple>

#include "capture/sqlite_reader.h"

namespace clawtrace::capture::openclaw {
namespace {

// A hostile transcript may name any number of agents.
constexpr size_t kMostAgents = 64;

// "main" of "agent:main:subagent:..."; "" for anything that could lead out of the folder of agents.
std::string AgentOf(std::string_view key) {
  constexpr std::string_view kStart = "agent:";
  constexpr size_t kLongest = 128;
  if (!key.starts_with(kStart)) return {};
  key.remove_prefix(kStart.size());
  key = key.substr(0, key.find(':'));
  bool plain = !key.empty() && key.size() <= kLongest && key != "." && key != ".." &&
               key.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
  return plain ? std::string(key) : std::string();
}

}  // namespace

const Neighbours::Windows& Neighbours::WindowsOf(const std::string& agent) {
  static const Windows kNone;
  if (auto known = agents_.find(agent); known != agents_.end()) return known->second;
  if (agents_.size() >= kMostAgents) return kNone;
  Windows& windows = agents_[agent];
  auto reader = SqliteReader::Open(folder_ + "../../" + agent + "/agent/openclaw-agent.sqlite");
  if (!reader || !reader->HasColumn("session_windows", "session_id")) return windows;
  // Damage only means that less is known.
  std::ignore =
      reader->ForEachRow("SELECT session_id, session_key, " +
                             reader->ColumnOrNull("session_windows", "created_at") + " FROM session_windows",
                         {}, [&](const SqliteRow& row) {
                           windows[row.String(1)].push_back({row.Integer(2).value_or(0), row.String(0)});
                           return true;
                         });
  for (auto& [key, list] : windows) std::ranges::sort(list);
  return windows;
}

std::string Neighbours::SessionOf(std::string_view key, int64_t time_ms) {
  std::string agent = AgentOf(key);
  if (agent.empty()) return {};
  const Windows& windows = WindowsOf(agent);
  auto list = windows.find(key);
  if (list == windows.end()) return {};
  auto after = std::ranges::upper_bound(list->second, time_ms, {}, &Window::created);
  return after == list->second.begin() ? list->second.front().session : std::prev(after)->session;
}

std::string Neighbours::RequesterOf(const std::string& child_key) {
  if (!runs_read_) {
    runs_read_ = true;
    auto reader = SqliteReader::Open(folder_ + "../../../state/openclaw.sqlite");
    if (reader && reader->HasColumn("subagent_runs", "child_session_key") &&
        reader->HasColumn("subagent_runs", "requester_session_key")) {
      std::ignore =
          reader->ForEachRow("SELECT child_session_key, requester_session_key FROM subagent_runs ORDER BY " +
                                 reader->ColumnOrNull("subagent_runs", "created_at") + ", 1, 2",
                             {}, [&](const SqliteRow& row) {
                               requesters_.emplace(row.String(0), row.String(1));
                               return true;
                             });
    }
  }
  auto found = requesters_.find(child_key);
  return found == requesters_.end() ? std::string() : found->second;
}

}  // namespace clawtrace::capture::openclaw

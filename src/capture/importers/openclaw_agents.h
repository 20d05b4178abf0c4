#pragma once
// What lies beside the database of one OpenClaw agent: the databases of the other agents, and the gateway's
// own, which notes who started whom. agents/<id>/agent/openclaw-agent.sqlite, state/openclaw.sqlite.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::capture::openclaw {

class Neighbours {
 public:
  // folder: of the database that is read, with the slash.
  explicit Neighbours(std::string folder) : folder_(std::move(folder)) {}

  // The session that this key of another agent ("agent:<id>:...") stood for at that time; "" when its
  // database is not there, or does not know the key.
  std::string SessionOf(std::string_view key, int64_t time_ms);
  // The key of the session that asked for this sub-agent, as the gateway noted it; "" when it did not.
  std::string RequesterOf(const std::string& child_key);

 private:
  struct Window {
    int64_t created = 0;
    std::string session;
    auto operator<=>(const Window&) const = default;
  };
  using Windows = std::map<std::string, std::vector<Window>, std::less<>>;  // by session key, oldest first

  const Windows& WindowsOf(const std::string& agent);

  std::string folder_;
  std::map<std::string, Windows> agents_;  // as far as they were asked for
  bool runs_read_ = false;
  std::map<std::string, std::string> requesters_;
};

}  // namespace clawtrace::capture::openclaw

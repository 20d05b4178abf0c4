// events.jsonl of a trajectory export: the entries of the log under other names, among events of the run time
// that repeat them.
#include <algorithm>

#include "capture/importers/openclaw_reader.h"

namespace clawtrace::capture::openclaw {

void OpenClawReader::OnTrace(Json event) {
  std::string_view session = event["sessionId"].text(), type = event["type"].text();
  if (session.empty()) return Skip(event["sessionId"] ? "wrong-type:sessionId" : "missing:sessionId");
  if (type.empty()) return Skip(event["type"] ? "wrong-type:type" : "missing:type");
  StartSessionOf(session);
  openclaw_ = true;
  Json data = event["data"];
  if (event["source"].text() != "transcript") {
    if (type == "session.started") {
      if (auto time = TimeOf(event["ts"]); time && (!start_ns_ || *time < *start_ns_)) start_ns_ = time;
      info_.cwd = std::max(info_.cwd, std::string(data["workspaceDir"].text()));
    }
    if (type == "trace.metadata")
      info_.agent_version = std::max(info_.agent_version, std::string(data["harness"]["version"].text()));
    return;
  }
  // The answer says what it called.
  if (type == "tool.call") return;
  if (!data.is_object()) return Skip(data ? "wrong-type:data" : "missing:data");
  Place place;
  if (!MakePlace(event, {.id = "entryId", .parent = "parentEntryId", .time = "ts"}, &place)) return;
  constexpr std::string_view kEntry = "session.";
  if (type.starts_with(kEntry)) return OnEntry(data, type.substr(kEntry.size()), place);
  if (OneOf(type, {"user.message", "assistant.message", "tool.result"}) || data["message"])
    return OnEntry(data, "message", place);
  Skip("unknown-type");
  Add(FactKind::kLink, place.id, place);
}

}  // namespace clawtrace::capture::openclaw

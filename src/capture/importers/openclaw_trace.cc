// events.jsonl of a trajectory export: the entries of the log under other names, among events of the run time
// that repeat them.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/openclaw_reader.h"

namespace clawtrace::capture::openclaw {

void OpenClawReader::OnRuntime(Json event, std::string_view type) {
  Json data = event["data"];
  if (type == "session.started") {
    if (auto time = TimeOf(event["ts"]); time && (!start_ns_ || *time < *start_ns_)) start_ns_ = time;
    info_.cwd = std::max(info_.cwd, std::string(data["workspaceDir"].text()));
  }
  if (type == kFallbackEvent) OnFallback(event);
  if (type == "trace.metadata")
    info_.agent_version = std::max(info_.agent_version, std::string(data["harness"]["version"].text()));
}

void OpenClawReader::OnTrace(Json event) {
  std::string_view session = event["sessionId"].text(), type = event["type"].text();
  if (session.empty()) return Skip(event["sessionId"] ? "wrong-type:sessionId" : "missing:sessionId");
  if (type.empty()) return Skip(event["type"] ? "wrong-type:type" : "missing:type");
  StartSessionOf(session);
  openclaw_ = true;
  Json data = event["data"];
  if (event["source"].text() != "transcript") return OnRuntime(event, type);
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

// An attempt that failed and leaves no entry unless it was the last one: a request that no model answered.
void OpenClawReader::OnFallback(Json event) {
  Json data = event["data"];
  std::string_view from = data["fallbackStepFromModel"].text();
  // The step that succeeds tells of the failure before it once more.
  if (data["fallbackStepFinalOutcome"].text() == "succeeded") return;
  if (from.empty()) return Skip("missing:fallbackStepFromModel");
  Place place;
  place.id = "fallback-" + HexOf(Hash64(raw()));
  place.time = TimeOf(event["ts"]);
  Pending& pending = Add(FactKind::kLlmCall, place.id, place);
  pending.fallback = true;
  LlmCall& call = pending.fact.llm.emplace();
  size_t slash = from.find('/');
  if (slash != std::string_view::npos) call.provider = Cut(from.substr(0, slash), kMaxText);
  call.model = Cut(slash == std::string_view::npos ? from : from.substr(slash + 1), kMaxText);
  std::string_view why = data["fallbackStepFromFailureDetail"].text();
  if (why.empty()) why = data["fallbackStepFromFailureReason"].text();
  call.error = why.empty() ? "model failed" : Cut(FirstLine(why), kMaxError);
  call.stop_reason = "error";
  // Refused; what it used, if anything, nobody said.
  call.usage = Usage{};
}

// The last attempt of a chain may be an entry too: the latest failed one of that model before the step.
void OpenClawReader::DropLoggedFallbacks() {
  std::map<std::string, std::vector<const Fact*>> logged;
  std::vector<size_t> steps;
  for (size_t i = 0; i < pending_.size(); ++i) {
    const Fact& fact = pending_[i].fact;
    if (pending_[i].fallback)
      steps.push_back(i);
    else if (fact.kind == FactKind::kLlmCall && pending_[i].context == 0 && !fact.llm->error.empty())
      logged[fact.llm->model].push_back(&fact);
  }
  if (steps.empty()) return;
  auto order = [](const Fact* f) { return std::tie(f->start_ns, f->id); };
  for (auto& [model, facts] : logged) std::ranges::sort(facts, {}, order);
  std::ranges::sort(steps, {}, [&](size_t i) { return order(&pending_[i].fact); });
  std::set<size_t> drop;
  for (size_t i : steps) {
    auto& facts = logged[pending_[i].fact.llm->model];
    auto after = std::ranges::upper_bound(facts, pending_[i].fact.start_ns, {}, &Fact::start_ns);
    if (after == facts.begin()) continue;
    facts.erase(std::prev(after));
    drop.insert(i);
  }
  size_t index = 0;
  std::erase_if(pending_, [&](const Pending&) { return drop.contains(index++); });
}

}  // namespace clawtrace::capture::openclaw

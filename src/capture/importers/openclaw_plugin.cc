// Bodies that the public OpenClaw plugin posts to /v1/traces/events. docs/formats/openclaw-plugin.md says
// what is read and what the protocol cannot carry.
//
// Events name their run; only some name the session that the run belongs to, and a sub-agent's first event
// names a span of its parent. So facts come under their run, with the span as node, and links say what the
// run is; Resolve names the sessions when all bodies are there.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/openclaw_fields.h"
#include "capture/importers/skill_facts.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "openclaw-plugin";
constexpr std::array<std::string_view, 11> kEvents = {
    "session_start",  "session_end",      "span_start",      "span_end",       "llm_before_call",
    "llm_after_call", "tool_before_call", "tool_after_call", "subagent_spawn", "subagent_join",
    "error"};

// What links say of a run, before a value.
constexpr std::string_view kKeyIs = "key:", kSessionIs = "session:", kSubAgent = "sub-agent";
// Says that an event came, so that its retry is told from it; nothing else.
constexpr std::string_view kReceipt = "event:";

bool IsEnvelope(Json envelope) {
  Json event = envelope["event"];
  return envelope["schemaVersion"].integer() && event.is_object() && event["eventId"].is_string() &&
         event["traceId"].is_string() &&
         std::ranges::find(kEvents, event["eventType"].text()) != kEvents.end();
}

// A key that says nothing: the plugin writes it where the client gave none.
bool IsKnown(std::string_view key) { return !key.empty() && key != "unknown"; }

class Events {
 public:
  Events(FactSink* sink, std::function<void(std::string_view)> skip) : sink_(*sink), skip_(std::move(skip)) {}

  void OnAny(Json value) {
    if (!value.is_array()) return OnEnvelope(value);
    value.ForEachItem([&](Json envelope) {
      sink_.FromElement(envelope);
      OnEnvelope(envelope);
    });
  }

 private:
  void OnEnvelope(Json envelope);
  void OnEvent(Json event, Json payload);
  void OnCallStart(Json event, Json payload);
  void OnCallEnd(Json event, Json payload);
  void OnTool(Json event, Json payload);
  void OnToolEnd(Json event, Json payload);
  void OnError(Json event, Json payload);
  void Link(Json event, Json payload);
  Fact Make(FactKind kind, std::string_view id, Json event);

  FactSink& sink_;
  std::function<void(std::string_view)> skip_;
  openclaw::Report report_ = [this](std::string_view reason) { skip_(reason); };
  JsonParser payload_parser_, text_parser_;
  std::string run_;  // of the event being read
};

Fact Events::Make(FactKind kind, std::string_view id, Json event) {
  Fact fact;
  fact.kind = kind;
  fact.source = kName;
  fact.session_id = run_;
  fact.id = BoundedId(id);
  fact.node = BoundedId(event["spanId"].text());
  fact.parent_node = BoundedId(event["parentSpanId"].text());
  fact.start_ns = fact.end_ns = TimeOf(event["tsMs"]);
  return fact;
}

void Events::OnEnvelope(Json envelope) {
  if (!envelope.is_object()) return skip_("not-an-object");
  Json event = envelope["event"];
  if (!event.is_object()) return skip_(event ? "wrong-type:event" : "missing:event");
  for (std::string_view key : {"eventType", "traceId", "spanId"}) {
    if (event[key].text().empty()) return skip_("missing:" + std::string(key));
  }
  Json payload = event["payload"];
  if (auto text = payload.string()) {
    auto parsed = payload_parser_.Parse(*text);
    payload = parsed ? *parsed : Json();
    if (!payload.is_object()) return skip_("wrong-type:payload");
  }
  if (payload && !payload.is_null() && !payload.is_object()) return skip_("wrong-type:payload");
  OnEvent(event, payload);
}

void Events::OnEvent(Json event, Json payload) {
  std::string_view type = event["eventType"].text(), run = payload["runId"].text();
  if (std::ranges::find(kEvents, type) == kEvents.end()) return skip_("unknown-kind");
  // These say a child's run under its parent's span, errors only the trace: nothing of them is lost with the
  // run's own events.
  if (type == "subagent_spawn" || type == "subagent_join") return;
  if (run.empty()) run = payload["sessionKey"].text();
  run_ = BoundedId(IsKnown(run) ? run : event["traceId"].text());
  if (!TimeOf(event["tsMs"])) skip_(event["tsMs"] ? "wrong-type:tsMs" : "missing:tsMs");
  if (type == "error") return OnError(event, payload);
  // The client's second report of a call that it has already told, without saying which.
  if (type == "tool_after_call" && payload["toolCallId"].text().empty() &&
      payload["sessionKey"].text() == "unknown")
    return;
  Link(event, payload);
  if (type == "llm_before_call") return OnCallStart(event, payload);
  if (type == "llm_after_call") return OnCallEnd(event, payload);
  if (type == "tool_before_call") return OnTool(event, payload);
  if (type == "tool_after_call") return OnToolEnd(event, payload);
}

void Events::Link(Json event, Json payload) {
  std::string_view key = payload["sessionKey"].text(), session = payload["sessionId"].text();
  for (std::string_view other : {event["traceId"].text(), key, session}) {
    std::string id = BoundedId(other);
    if (IsKnown(id) && id != run_) sink_.Link(run_, id);
  }
  if (IsKnown(key)) sink_.Add(Make(FactKind::kLink, std::string(kKeyIs) + BoundedId(key), event));
  if (IsKnown(session)) sink_.Add(Make(FactKind::kLink, std::string(kSessionIs) + BoundedId(session), event));
  if (!IsKnown(key) && !IsKnown(session)) sink_.Add(Make(FactKind::kLink, "", event));
  if (payload["isSubAgent"].boolean().value_or(false)) sink_.Add(Make(FactKind::kLink, kSubAgent, event));
}

void Events::OnCallStart(Json event, Json payload) {
  Fact fact = Make(FactKind::kLlmCall, event["spanId"].text(), event);
  LlmCall call;
  call.model = payload["model"].text();
  call.provider = payload["provider"].text();
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
  auto prompt = payload["prompt"].string();
  if (!prompt) return;
  // A run's later attempts begin with the same prompt.
  Fact user = Make(FactKind::kUser, "prompt-" + run_, event);
  user.user = UserTurn{.text = Cut(*prompt, kMaxText),
                       .text_bytes = static_cast<int64_t>(prompt->size()),
                       .is_meta = run_.starts_with("announce:")};
  sink_.Add(std::move(user));
}

// The usage is the sum of all requests of the attempt; what it ended with is the last one's.
void Events::OnCallEnd(Json event, Json payload) {
  Fact fact = Make(FactKind::kLlmCall, event["spanId"].text(), event);
  Json last = payload["lastAssistant"];
  LlmCall call;
  call.model = payload["model"].text();
  call.provider = payload["provider"].text();
  call.stop_reason = last["stopReason"].text();
  bool failed = call.stop_reason == "error" || call.stop_reason == "aborted";
  call.usage = openclaw::UsageOf(payload["usage"], call.stop_reason == "error", report_);
  call.reported_cost = openclaw::CostOf(payload["usage"], report_);
  std::string text = openclaw::TextOf(payload["assistantTexts"], report_);
  SetText(text, &call);
  std::string error;
  if (failed) error = Cut(last["errorMessage"].text(), kMaxError);
  if (failed && error.empty()) error = call.stop_reason;
  if (failed && call.usage && call.usage->total() > 0) {
    // Requests before the failed one were answered: the sum is theirs.
    LlmCall request;
    request.model = call.model, request.provider = call.provider, request.stop_reason = call.stop_reason;
    request.error = std::move(error);
    if (call.stop_reason == "error") request.usage = Usage{};
    Fact refused = Make(FactKind::kLlmCall, std::string(event["spanId"].text()) + "#failed", event);
    refused.llm = std::move(request);
    sink_.Add(std::move(refused));
    call.stop_reason.clear();
  } else {
    call.error = std::move(error);
  }
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
}

void Events::OnTool(Json event, Json payload) {
  std::string_view id = payload["toolCallId"].text();
  Fact fact = Make(FactKind::kToolUse, id.empty() ? event["spanId"].text() : id, event);
  ToolUse tool;
  tool.name = payload["toolName"].text();
  if (tool.name.empty()) skip_(payload["toolName"] ? "wrong-type:toolName" : "missing:toolName");
  Json params = payload["params"];
  if (auto text = params.string())
    SetArgsText(*text, &text_parser_, &tool);
  else if (params && !params.is_null())
    SetArgs(params, &tool);
  fact.tool = std::move(tool);
  sink_.Add(std::move(fact));
}

void Events::OnToolEnd(Json event, Json payload) {
  std::string_view id = payload["toolCallId"].text();
  OnTool(event, payload);
  Json value = payload["result"], details = value["details"];
  std::string text = openclaw::TextOf(value.is_object() ? value["content"] : value, report_);
  std::string error = openclaw::ErrorText(payload["error"]);
  bool marked = !error.empty();
  ToolResult result;
  SetOutput(text, &result);
  if (openclaw::OneOf(details["status"].text(), {"error", "failed", "timeout", "forbidden"})) {
    marked = true;
    if (error.empty()) error = openclaw::ErrorText(details["error"]);
  }
  result.exit_code = details["exitCode"].integer();
  if (!result.exit_code && openclaw::IsShell(payload["toolName"].text()))
    result.exit_code = openclaw::ExitCodeOfText(text);
  bool failed = marked || result.exit_code.value_or(0) != 0;
  result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(error.empty() ? Trim(text) : std::string_view(error), kMaxError);
  result.child_session = BoundedId(details["childSessionKey"].text());
  Fact fact = Make(FactKind::kToolResult, id.empty() ? event["spanId"].text() : id, event);
  fact.result = std::move(result);
  sink_.Add(std::move(fact));
}

// Repeats a tool's error below the tool's span; it is news only when the tool's own report was lost.
void Events::OnError(Json event, Json payload) {
  std::string_view id = payload["toolCallId"].text();
  if (id.empty()) return;
  Fact fact = Make(FactKind::kToolResult, id, event);
  fact.node = std::exchange(fact.parent_node, "");
  ToolResult result;
  result.status = ToolStatus::kError;
  result.error = Cut(payload["message"].text(), kMaxError);
  fact.result = std::move(result);
  sink_.Add(std::move(fact));
}

class Collector final : public FactSink {
 public:
  explicit Collector(std::vector<Fact>* facts) : facts_(*facts) {}
  void Add(Fact&& fact) override { facts_.push_back(std::move(fact)); }
  void Skip(int64_t, int64_t, std::string_view) override {}

 private:
  std::vector<Fact>& facts_;
};

// Sessions of the runs of one unit.
class Runs {
 public:
  explicit Runs(std::vector<Fact>* facts) : facts_(*facts) {
    std::erase_if(facts_, [](const Fact& fact) {
      return fact.kind == FactKind::kLink && fact.id.starts_with(kReceipt);
    });
    for (const Fact& fact : facts_) Learn(fact);
    for (auto& [name, run] : runs_) {
      if (!run.session.empty() && !run.key.empty()) keys_[run.key].emplace(run.start_ns, run.session);
    }
    for (auto& [name, run] : runs_) {
      if (run.session.empty() && !run.key.empty()) run.session = SessionOfKey(run.key, run.start_ns);
      if (run.session.empty()) run.session = name;
    }
    for (const Fact& fact : facts_) {
      if (fact.node.empty() || fact.kind == FactKind::kToolResult) continue;
      std::string_view session = runs_.find(fact.session_id)->second.session;
      auto [span, first] = spans_.emplace(fact.node, Span{session, fact.kind == FactKind::kLlmCall});
      if (first) continue;
      span->second.session = std::min(span->second.session, session);
      span->second.call = span->second.call || fact.kind == FactKind::kLlmCall;
    }
  }

  void Settle();

 private:
  struct Run {
    std::string session, key;
    int64_t start_ns = INT64_MAX;
  };
  struct Span {
    std::string_view session;
    bool call = false;
  };

  void Learn(const Fact& fact);
  std::string SessionOfKey(const std::string& key, int64_t time) const;
  std::string_view SessionOf(const Fact& fact) const;
  void Rename(Fact* fact) const;

  std::vector<Fact>& facts_;
  std::map<std::string, Run, std::less<>> runs_;
  std::map<std::string, std::set<std::pair<int64_t, std::string>>> keys_;  // key -> sessions from when on
  std::map<std::string, Span, std::less<>> spans_;
};

void Runs::Learn(const Fact& fact) {
  Run& run = runs_[fact.session_id];
  int64_t time = fact.start_ns.value_or(INT64_MAX);
  run.start_ns = std::min(run.start_ns, time);
  if (fact.kind != FactKind::kLink) return;
  std::string_view id = fact.id;
  if (id.starts_with(kKeyIs)) run.key = std::max(run.key, std::string(id.substr(kKeyIs.size())));
  if (id.starts_with(kSessionIs))
    run.session = std::max(run.session, std::string(id.substr(kSessionIs.size())));
}

// A key lives on when its session is reset: the last one that had begun.
std::string Runs::SessionOfKey(const std::string& key, int64_t time) const {
  auto known = keys_.find(key);
  if (known == keys_.end()) return key;
  const auto& sessions = known->second;
  auto after = time == INT64_MAX ? sessions.end() : sessions.lower_bound({time + 1, ""});
  return after == sessions.begin() ? after->second : std::prev(after)->second;
}

// An error names the span of its tool and no run.
std::string_view Runs::SessionOf(const Fact& fact) const {
  if (fact.kind == FactKind::kToolResult) {
    if (auto span = spans_.find(fact.node); span != spans_.end()) return span->second.session;
  }
  return runs_.find(fact.session_id)->second.session;
}

void Runs::Rename(Fact* fact) const {
  std::string session(SessionOf(*fact));
  if (fact->tool) {
    auto asker = spans_.find(fact->parent_node);
    if (asker != spans_.end() && asker->second.call && asker->second.session == session)
      fact->tool->llm_call = fact->parent_node;
  }
  if (fact->result && !fact->result->child_session.empty())
    fact->result->child_session =
        SessionOfKey(fact->result->child_session, fact->start_ns.value_or(INT64_MAX));
  fact->session_id = std::move(session);
  fact->node.clear(), fact->parent_node.clear();
}

void Runs::Settle() {
  std::map<std::string, Fact, std::less<>> sessions;
  for (const Fact& fact : facts_) {
    std::string_view own = SessionOf(fact);
    auto at = sessions.find(own);
    if (at == sessions.end()) {
      at = sessions.emplace(own, Fact{}).first;
      at->second.kind = FactKind::kSession;
      at->second.source = kName;
      at->second.session_id = at->second.id = own;
      at->second.session = SessionInfo{};
      at->second.session->agent = "openclaw";
    }
    Fact& session = at->second;
    if (fact.start_ns) {
      session.start_ns = std::min(session.start_ns.value_or(INT64_MAX), *fact.start_ns);
      session.end_ns = std::max(session.end_ns.value_or(INT64_MIN), *fact.start_ns);
    }
    if (fact.llm && fact.llm->usage && fact.llm->usage->total() > 0)
      session.session->notes = {"calls_summed_per_attempt"};
    if (fact.kind != FactKind::kLink || fact.id != kSubAgent) continue;
    auto parent = spans_.find(fact.parent_node);
    if (parent != spans_.end() && parent->second.session != own)
      session.session->parent_session =
          std::max(session.session->parent_session, std::string(parent->second.session));
  }
  std::erase_if(facts_, [](const Fact& fact) { return fact.kind == FactKind::kLink; });
  for (Fact& fact : facts_) Rename(&fact);
  for (auto& [id, session] : sessions) facts_.push_back(std::move(session));
  // A tool's use and its result may lie in different files.
  SkillObserver skills;
  for (const Fact& fact : facts_) skills.Observe(fact);
  Collector found{&facts_};
  skills.Emit(&found);
}

void Resolve(std::vector<Fact>* facts) { Runs(facts).Settle(); }

// The session and the key of a run: events without a run come under the key, and a sub-agent is known by it.
// Its first event also names the span of its parent's that it began in.
void LinkRuns(std::span<const Fact> facts, SessionLinks* links) {
  auto span = [&](const Fact& fact, const std::string& id) {
    if (!id.empty()) links->emplace_back(fact.session_id, "span:" + id);
  };
  for (const Fact& fact : facts) {
    if (fact.kind == FactKind::kToolUse || fact.kind == FactKind::kLlmCall) span(fact, fact.node);
    if (fact.kind != FactKind::kLink) continue;
    span(fact, fact.id == kSubAgent ? fact.parent_node : fact.node);
    for (std::string_view what : {kSessionIs, kKeyIs}) {
      if (fact.id.starts_with(what)) links->emplace_back(fact.session_id, fact.id.substr(what.size()));
    }
  }
}

class Document final : public JsonDocumentReader {
 public:
  explicit Document(FactSink* sink)
      : JsonDocumentReader(sink), events_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnDocument(Json document) override { events_.OnAny(document); }

 private:
  Events events_;
};

class Lines final : public JsonLineReader {
 public:
  explicit Lines(FactSink* sink)
      : JsonLineReader(sink), events_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnRecord(Json record) override { events_.OnAny(record); }

 private:
  Events events_;
};

bool Sniff(std::string_view head) {
  if (head.find("\"schemaVersion\"") == std::string_view::npos) return false;
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  return IsEnvelope(document.is_array() ? document.at(0) : document);
}

// One body is one event: a session is spread over the files of a folder.
std::string UnitKey(std::string_view path, std::string_view) {
  return std::string(FolderOf(path)) + "\nbodies";
}

std::unique_ptr<LogReader> Open(const FileContext&, FactSink* sink) {
  return LinesOrDocument(std::make_unique<Lines>(sink), std::make_unique<Document>(sink));
}

}  // namespace

extern const Importer kOpenClawPlugin;
const Importer kOpenClawPlugin = {
    .name = "openclaw-plugin",
    .summary = "bodies posted by the public OpenClaw plugin",
    .default_root = "",
    .file_suffixes = ".json,.jsonl",
    .sniff = Sniff,
    .open = Open,
    .resolve = Resolve,
    .links = LinkRuns,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture

// pi-coding-agent and OpenClaw (until 2026.7.1) session logs: JSONL, versions 1-3. docs/formats/openclaw.md
// says what is read and how calls are counted.
//
// A log is a tree of entries; line order means nothing once entries have ids, so what depends on other
// entries (the session id, an answer's model, which of two equal tool call ids a result belongs to) is
// settled after the last line.
#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/openclaw_fields.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

using namespace openclaw;

// Ancestors looked at for one question; a result follows its call closely.
constexpr int kMaxWalk = 1000;
// Sub-agents inside sub-agents inside tool results.
constexpr int kMaxNesting = 8;

class OpenClawReader final : public JsonLineReader {
 public:
  OpenClawReader(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink), path_(file.path), index_(file.sidecar) {
    StartSession();
  }

 protected:
  void OnRecord(Json record) override;
  void OnEnd() override { FinishSession(); }

 private:
  // What is kept of every entry until the end.
  struct Entry {
    std::string parent;
    std::string model, provider;     // if this entry sets them
    std::vector<std::string> calls;  // tool calls of an answer
    bool answer = false;
  };
  // Which log a fact belongs to: this one (0), or a sub-agent whose messages lie inside a tool result.
  struct Context {
    int parent = -1;
    std::string call;    // tool call of the parent that spawned it
    std::string suffix;  // "#2" when one call spawned several
    std::string record;  // entry that held it
  };
  struct Pending {
    Fact fact;
    int context = 0;
    std::string record;           // the entry it was in
    bool inherits_model = false;  // the model is the one in force on the path
    bool nameless = false;        // a result that does not say which call it answers
  };
  // Where the messages being read stand.
  struct Place {
    int context = 0;
    std::string id, parent;  // of the entry
    int64_t ordinal = -1;    // in a sub-agent's list; a line without an id gets its own at the end
    bool has_node = false;   // the entry is part of a parent chain
    std::optional<int64_t> time;
    std::string model, provider;  // fallback inside sub-agents
    int depth = 0;
  };
  // An entry without an id.
  struct Line {
    std::optional<int64_t> time;
    int64_t number = 0;  // among distinct lines
    std::string record;
  };

  void StartSession();
  void FinishSession();
  void OnHeader(Json header);
  bool MakePlace(Json record, Place* place);
  void OnEntry(Json record, std::string_view type, const Place& place);
  void OnMessage(Json message, const Place& place);
  void OnUser(Json message, const Place& place, bool meta);
  void OnAssistant(Json message, const Place& place);
  void OnToolCall(Json item, const Place& place, int64_t index);
  void OnToolResult(Json message, const Place& place);
  void AddResult(Json message, Json item, std::string_view id, std::string_view text, const Place& place);
  void OnSubagents(Json details, std::string_view call, const Place& place);
  void OnSubagent(Json result, std::string_view call, const std::string& suffix, const Place& place);
  void OnBash(Json message, const Place& place);
  void OnSideCall(Json record, const Place& place, std::string_view stop, bool inherits_model);

  void SetModel(const Place& place, std::string_view provider, std::string_view model);
  std::string ChildKey(Json details, std::string_view text);
  Pending& Add(FactKind kind, std::string_view id, const Place& place);

  std::string UniqueCall(const std::string& call, const std::string& record) const;
  void OrderLines();
  const Entry* ModelOn(const std::string& node);
  void SettleResult(Pending& pending);
  void SettleModel(Pending& pending);
  std::vector<std::string> ContextIds() const;
  Fact SessionFact() const;

  std::string path_;
  SessionIndex index_;
  JsonParser args_parser_;
  Report report_ = [this](std::string_view reason) { Skip(reason); };

  std::string session_id_;
  bool header_seen_ = false;
  bool used_ = false;  // anything of this format was read
  uint64_t first_hash_ = 0;
  SessionInfo info_;
  std::optional<int64_t> start_ns_;
  bool openclaw_ = false;
  bool unlogged_summary_ = false;
  std::vector<Pending> pending_;
  std::vector<Context> contexts_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, const Entry*> model_memo_;
  std::unordered_map<std::string, std::unordered_set<std::string>> owners_;  // tool call id -> answers
  std::unordered_set<std::string> answer_calls_;                             // ids in the answer being read
  // Entries without ids (version 1): each distinct line once.
  std::unordered_set<std::string> line_ids_;
  std::vector<Line> lines_;
};

void OpenClawReader::StartSession() {
  session_id_.clear();
  header_seen_ = used_ = openclaw_ = unlogged_summary_ = false;
  first_hash_ = 0;
  info_ = SessionInfo{};
  start_ns_.reset();
  pending_.clear();
  contexts_.assign(1, Context{});
  entries_.clear();
  model_memo_.clear();
  owners_.clear();
  line_ids_.clear();
  lines_.clear();
}

void OpenClawReader::OnRecord(Json record) {
  Json type_value = record["type"];
  std::string_view type = type_value.text();
  if (type.empty()) return Skip(type_value ? "wrong-type:type" : "missing:type");
  if (type == "session") return OnHeader(record);
  Place place;
  if (!MakePlace(record, &place)) return;  // a repeated line: nothing new, nothing lost
  OnEntry(record, type, place);
}

void OpenClawReader::OnHeader(Json header) {
  std::string_view id = header["id"].text();
  if (id.empty()) return Skip(header["id"] ? "wrong-type:id" : "missing:id");
  // Logs joined in one stream: what follows a header belongs to it.
  if (header_seen_ && id != session_id_) {
    FinishSession();
    StartSession();
  }
  header_seen_ = used_ = true;
  session_id_ = id;
  info_.cwd = header["cwd"].text();
  std::string_view origin = FirstOf(header, {"parentSession", "branchedFrom"}).text();
  if (!origin.empty()) info_.forked_from = SessionIdOfPath(origin);
  if (auto time = TimeOf(header["timestamp"])) start_ns_ = time;
  // Version 1 names the first model here.
  Entry& root = entries_[session_id_];
  root.model = header["modelId"].text();
  root.provider = header["provider"].text();
}

// False for a line without an id that was there before.
bool OpenClawReader::MakePlace(Json record, Place* place) {
  Json time = record["timestamp"];
  place->time = TimeOf(time);
  if (!place->time && time && !time.is_null()) Skip("wrong-type:timestamp");
  place->id = record["id"].text();
  if (record["id"] && place->id.empty()) Skip("wrong-type:id");
  if (!place->id.empty()) {
    place->has_node = true;
    Json parent = record["parentId"];
    place->parent = parent.text();
    // "null" starts at the log's beginning; two such entries are branches of one conversation. No parentId at
    // all is a line that was appended from outside.
    if (parent && !parent.is_null() && !parent.is_string()) Skip("wrong-type:parentId");
    if (parent.is_null()) place->parent = "\n";  // the header, whose id may not be known yet
    if (place->parent == place->id) place->parent.clear();
    Entry& entry = entries_[place->id];
    if (entry.parent.empty() || (!place->parent.empty() && place->parent < entry.parent))
      entry.parent = place->parent;
    return true;
  }
  uint64_t hash = Hash64(raw());
  place->id = "line-" + HexOf(hash);
  if (!line_ids_.insert(place->id).second) return false;
  lines_.push_back({place->time, static_cast<int64_t>(lines_.size()) + 1, place->id});
  return true;
}

OpenClawReader::Pending& OpenClawReader::Add(FactKind kind, std::string_view id, const Place& place) {
  if (!used_) first_hash_ = Hash64(raw());
  used_ = true;
  Pending pending;
  pending.context = place.context;
  Fact& fact = pending.fact;
  fact.kind = kind;
  fact.source = "openclaw";
  fact.id = id;
  pending.record = place.id;
  if (place.has_node) {
    fact.node = place.id;
    fact.parent_node = place.parent;
  }
  fact.ordinal = place.ordinal;
  fact.start_ns = place.time;
  pending_.push_back(std::move(pending));
  return pending_.back();
}

void OpenClawReader::SetModel(const Place& place, std::string_view provider, std::string_view model) {
  if (model.empty() || place.context != 0) return;
  Entry& entry = entries_[place.id];
  // Versions of one entry: the greater counts, whichever came first.
  if (entry.model >= model) return;
  entry.model = model;
  entry.provider = provider;
}

void OpenClawReader::OnEntry(Json record, std::string_view type, const Place& place) {
  Json message = record["message"];
  if (type == "message") {
    if (message.is_object()) return OnMessage(message, place);
    Skip(message ? "wrong-type:message" : "missing:message");
    if (place.has_node) Add(FactKind::kLink, place.id, place);
    return;
  }
  std::string_view custom = record["customType"].text();
  if (custom.starts_with("openclaw:") || custom.starts_with("openclaw.") || custom == "model-snapshot")
    openclaw_ = true;
  if (type == "custom_message") return OnUser(record, place, true);
  if (type == "usage") return OnSideCall(record, place, record["kind"].text(), true);
  bool compaction = type == "compaction";
  Add(compaction ? FactKind::kCompaction : FactKind::kLink, place.id, place);
  if (compaction || type == "branch_summary") {
    if (record["usage"].is_object())
      OnSideCall(record, place, type, true);
    else if (!record["fromHook"].boolean().value_or(false))
      unlogged_summary_ = true;
  } else if (type == "model_change") {
    SetModel(place, record["provider"].text(), record["modelId"].text());
  } else if (custom == "model-snapshot") {
    SetModel(place, record["data"]["provider"].text(), record["data"]["modelId"].text());
  } else if (!IsLinkType(type)) {
    Skip("unknown-type");
  }
}

void OpenClawReader::OnMessage(Json message, const Place& where) {
  Place place = where;
  if (!place.time) place.time = TimeOf(message["timestamp"]);
  std::string_view role = message["role"].text();
  if (role == "assistant") return OnAssistant(message, place);
  if (role == "user") return OnUser(message, place, false);
  if (role == "toolResult" || role == "tool") return OnToolResult(message, place);
  if (role == "bashExecution") return OnBash(message, place);
  if (role == "custom" || role == "hookMessage") {
    // The true call behind OpenClaw's compact tool surface; the call itself is logged as well.
    if (message["customType"].text().starts_with("openclaw."))
      openclaw_ = true;
    else
      return OnUser(message, place, true);
  } else if (!OneOf(role, {"branchSummary", "compactionSummary", "system"})) {
    Skip(message["role"] ? (role.empty() ? "wrong-type:role" : "unknown-role") : "missing:role");
  }
  Add(FactKind::kLink, place.id, place);
}

void OpenClawReader::OnUser(Json message, const Place& place, bool meta) {
  std::string text = TextOf(message["content"], report_);
  UserTurn turn;
  turn.text = Cut(text, kMaxText);
  turn.text_bytes = static_cast<int64_t>(text.size());
  turn.is_meta = meta;
  Add(FactKind::kUser, place.id, place).fact.user = std::move(turn);
}

void OpenClawReader::OnAssistant(Json message, const Place& place) {
  LlmCall call;
  call.model = message["model"].text();
  call.provider = message["provider"].text();
  if (message["model"] && !message["model"].is_null() && call.model.empty()) Skip("wrong-type:model");
  SetModel(place, call.provider, call.model);
  if (call.provider == "openclaw") openclaw_ = true;
  // Messages that the gateway itself puts into the conversation.
  call.billed = !(call.provider == "openclaw" && OneOf(call.model, {"delivery-mirror", "gateway-injected"}));
  std::string text = TextOf(message["content"], report_);
  call.text = Cut(text, kMaxText);
  call.text_bytes = static_cast<int64_t>(text.size());
  std::vector<Json> tools;
  message["content"].ForEachItem([&](Json item) {
    std::string_view type = item["type"].text();
    if (OneOf(type, {"toolCall", "toolUse", "tool_use", "functionCall"})) tools.push_back(item);
    if (type == "thinking") call.thinking_bytes += static_cast<int64_t>(item["thinking"].text().size());
  });
  call.stop_reason = message["stopReason"].text();
  std::string_view error = message["errorMessage"].text();
  bool failed = call.stop_reason == "error" || call.stop_reason == "aborted";
  if (failed) call.error = error.empty() ? call.stop_reason : Cut(error, kMaxError);
  // A refused request used nothing; what an aborted one used is not known when nothing was reported.
  bool refused = call.stop_reason == "error" && text.empty() && tools.empty() && call.thinking_bytes == 0;
  call.usage = UsageOf(message["usage"], refused || !call.billed, report_);
  call.reported_cost = CostOf(message["usage"], report_);
  bool inherits = call.model.empty();
  if (inherits && place.context != 0) call.model = place.model, call.provider = place.provider;

  Pending& pending = Add(FactKind::kLlmCall, place.id, place);
  pending.inherits_model = inherits && place.context == 0;
  // The message's own time is when the request went out, the entry's when the answer was complete.
  auto sent = TimeOf(message["timestamp"]);
  if (sent && place.time && place.context == 0 && *sent != *place.time) {
    pending.fact.start_ns = sent;
    pending.fact.end_ns = std::max(*sent, *place.time);
  }
  pending.fact.llm = std::move(call);
  if (place.context == 0) {
    Entry& entry = entries_[place.id];
    entry.answer = true;
    entry.calls.clear();
  }
  answer_calls_.clear();
  for (size_t i = 0; i < tools.size(); ++i) OnToolCall(tools[i], place, static_cast<int64_t>(i));
}

void OpenClawReader::OnToolCall(Json item, const Place& place, int64_t index) {
  ToolUse tool;
  tool.llm_call = place.id;
  tool.index = index;
  Json name = FirstOf(item, {"name", "toolName", "tool"});
  if (name && !name.is_string()) Skip("wrong-type:toolCall.name");
  tool.name = name.text();
  Json id = FirstOf(item, {"id", "toolCallId"});
  if (id && !id.is_string()) Skip("wrong-type:toolCall.id");
  std::string call(id.text());
  if (call.empty()) call = place.id + "#" + std::to_string(index);

  // partialJson holds what had arrived when an answer was cut off.
  Json arguments = FirstOf(item, {"arguments", "input", "params", "partialJson"});
  if (auto text = arguments.string()) {
    SetArgsText(*text, &args_parser_, &tool);
  } else if (arguments) {
    if (!arguments.is_object()) {
      Skip("wrong-type:toolCall.arguments");
      tool.args_broken = true;
    }
    SetArgs(arguments, &tool);
  }
  if (!answer_calls_.insert(call).second) call += "#" + std::to_string(index);
  if (place.context == 0) {
    entries_[place.id].calls.push_back(call);
    owners_[call].insert(place.id);
  }
  Add(FactKind::kToolUse, call, place).fact.tool = std::move(tool);
}

// Results come as one message per call (id and isError on the message) or with ids and errors on the content
// items.
void OpenClawReader::OnToolResult(Json message, const Place& place) {
  Json id_value = FirstOf(message, {"toolCallId", "toolUseId", "tool_call_id"});
  if (id_value && !id_value.is_string()) Skip("wrong-type:toolCallId");
  std::string_view whole_id = id_value.text();
  Json content = message["content"];
  bool by_item = false;
  int64_t unmarked = 0;
  if (whole_id.empty()) {
    content.ForEachItem([&](Json item) {
      std::string_view id = FirstOf(item, {"toolCallId", "toolUseId", "tool_call_id", "id"}).text();
      if (id.empty() && !item["isError"] && !item["error"]) {
        ++unmarked;
        return;
      }
      by_item = true;
      AddResult(message, item, id, FirstOf(item, {"text", "content", "output"}).text(), place);
    });
  }
  if (by_item && unmarked > 0) Skip("unattributed-content");
  if (!by_item) AddResult(message, {}, whole_id, TextOf(content, report_), place);
  size_t contexts = contexts_.size();
  if (!whole_id.empty()) OnSubagents(message["details"], whole_id, place);
  // Model work that the tool did itself and whose messages are not there.
  if (message["usage"].is_object() && contexts_.size() == contexts) OnSideCall(message, place, "tool", false);
}

void OpenClawReader::AddResult(Json message, Json item, std::string_view id, std::string_view text,
                               const Place& place) {
  Json details = message["details"];
  ToolResult result;
  SetOutput(text, &result);
  bool marked = message["isError"].boolean().value_or(false) || item["isError"].boolean().value_or(false);
  for (Json source : {message, item}) {
    Json mark = source["isError"];
    if (mark && !mark.is_null() && !mark.boolean()) Skip("wrong-type:isError");
  }
  std::string error = ErrorText(item["error"]);
  if (error.empty()) error = ErrorText(message["error"]);
  std::string_view state = details["status"].text();
  if (OneOf(state, {"error", "failed", "timeout", "forbidden"})) {
    marked = true;
    if (error.empty()) error = ErrorText(details["error"]);
  }
  if (auto code = details["exitCode"].integer()) result.exit_code = code;
  std::string_view tool = message["toolName"].text();
  if (!result.exit_code && (IsShell(tool) || (tool.empty() && marked)))
    result.exit_code = ExitCodeOfText(text);
  bool failed = marked || !error.empty() || result.exit_code.value_or(0) != 0;
  std::string_view end = Trim(text);
  bool aborted = failed && (end.ends_with("Command aborted") || end == "Operation aborted");
  result.status = aborted ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(error.empty() ? Trim(text) : std::string_view(error), kMaxError);
  result.child_session = ChildKey(details, text);

  Pending& pending = Add(FactKind::kToolResult, id.empty() ? std::string_view(place.id) : id, place);
  pending.nameless = id.empty() && place.context == 0;
  pending.fact.end_ns = pending.fact.start_ns;
  pending.fact.result = std::move(result);
}

// sessions_spawn answers {"status":"accepted","childSessionKey":"agent:main:subagent:..."} in its details or
// its text.
std::string OpenClawReader::ChildKey(Json details, std::string_view text) {
  std::string key(details["childSessionKey"].text());
  constexpr size_t kLongest = size_t{64} << 10;
  if (key.empty() && text.size() < kLongest && text.find("\"childSessionKey\"") != std::string_view::npos) {
    if (auto json = args_parser_.Parse(text)) key = (*json)["childSessionKey"].text();
  }
  if (key.empty()) return key;
  openclaw_ = true;
  auto known = index_.id_of_key.find(key);
  return known == index_.id_of_key.end() ? key : known->second;
}

// pi's sub-agent extension runs a second pi without a log of its own; its messages are in the result's
// details.
void OpenClawReader::OnSubagents(Json details, std::string_view call, const Place& place) {
  if (place.depth >= kMaxNesting) return Skip("nested-too-deep");
  Json results = details["results"];
  size_t count = results.size(), k = 0;
  results.ForEachItem([&](Json result) {
    ++k;
    std::string suffix = count > 1 ? "#" + std::to_string(k) : "";
    if (result["messages"].is_array()) return OnSubagent(result, call, suffix, place);
    if (result["agent"].is_string() && result["usage"].is_object()) Skip("subagent-without-messages");
  });
}

void OpenClawReader::OnSubagent(Json result, std::string_view call, const std::string& suffix,
                                const Place& place) {
  Context context{place.context, std::string(call), suffix, place.id};
  contexts_.push_back(std::move(context));
  Place child;
  child.context = static_cast<int>(contexts_.size()) - 1;
  child.depth = place.depth + 1;
  child.ordinal = 0;
  // "provider/model", for answers that do not name their own.
  std::string_view model = result["model"].text();
  size_t slash = model.find('/');
  child.provider = slash == std::string_view::npos ? std::string_view{} : model.substr(0, slash);
  child.model = slash == std::string_view::npos ? model : model.substr(slash + 1);

  SessionInfo info;
  info.agent = "pi";
  info.agent_name = result["agent"].text();
  Add(FactKind::kSession, "session", child).fact.session = std::move(info);
  int64_t index = 0;
  result["messages"].ForEachItem([&](Json message) {
    child.ordinal = ++index;
    child.id = "m" + std::to_string(index);
    child.time = TimeOf(message["timestamp"]);
    if (!message.is_object()) return Skip("wrong-type:message");
    OnMessage(message, child);
  });
}

// A command that the user ran by hand.
void OpenClawReader::OnBash(Json message, const Place& place) {
  ToolUse tool;
  tool.name = "bash";
  std::string args = "{\"command\":";
  AppendJsonString(message["command"].text(), &args);
  args.push_back('}');
  SetArgsText(args, &args_parser_, &tool);
  Add(FactKind::kToolUse, place.id, place).fact.tool = std::move(tool);

  ToolResult result;
  std::string_view output = message["output"].text();
  SetOutput(output, &result);
  result.exit_code = message["exitCode"].integer();
  bool cancelled = message["cancelled"].boolean().value_or(false);
  bool failed = result.exit_code.value_or(0) != 0;
  result.status = cancelled ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(Trim(output), kMaxError);
  Fact& fact = Add(FactKind::kToolResult, place.id, place).fact;
  fact.end_ns = fact.start_ns;
  fact.result = std::move(result);
}

// A call that is no turn of the conversation: cache warming, a summary, a tool's own model work.
void OpenClawReader::OnSideCall(Json record, const Place& place, std::string_view stop, bool inherits_model) {
  LlmCall call;
  call.auxiliary = true;
  call.stop_reason = stop;
  if (inherits_model) {
    call.model = record["model"].text();
    call.provider = record["provider"].text();
  }
  call.usage = UsageOf(record["usage"], false, report_);
  call.reported_cost = CostOf(record["usage"], report_);
  bool inherits = inherits_model && call.model.empty();
  if (inherits && place.context != 0) call.model = place.model, call.provider = place.provider;
  Pending& pending = Add(FactKind::kLlmCall, place.id, place);
  pending.inherits_model = inherits && place.context == 0;
  pending.fact.llm = std::move(call);
}

// --- after the last line
// -------------------------------------------------------------------------------------------

// A tool call id that several answers of this log used gets the answer's id behind it, chosen by the parent
// chain.
std::string OpenClawReader::UniqueCall(const std::string& call, const std::string& record) const {
  auto owners = owners_.find(call);
  if (owners == owners_.end() || owners->second.size() < 2) return call;
  const std::string* at = &record;
  for (int steps = 0; steps < kMaxWalk; ++steps) {
    if (owners->second.contains(*at)) return call + "@" + *at;
    auto entry = entries_.find(*at);
    if (entry == entries_.end() || entry->second.parent.empty()) break;
    at = &entry->second.parent;
  }
  return call;
}

// Lines without ids follow each other in time, else (if any says no time) as they stand in the file.
void OpenClawReader::OrderLines() {
  bool timed = std::ranges::all_of(lines_, [](const Line& line) { return line.time.has_value(); });
  std::ranges::sort(lines_, [timed](const Line& a, const Line& b) {
    if (!timed) return a.number < b.number;
    return std::tie(a.time, a.record) < std::tie(b.time, b.record);
  });
  std::unordered_map<std::string_view, int64_t> position;
  const std::string* previous = &session_id_;
  for (const Line& line : lines_) {
    entries_[line.record].parent = *previous;
    previous = &line.record;
    position.emplace(line.record, static_cast<int64_t>(position.size()) + 1);
  }
  for (Pending& pending : pending_) {
    auto found = position.find(pending.record);
    if (pending.context == 0 && found != position.end()) pending.fact.ordinal = found->second;
  }
}

// The nearest entry at or above node that sets a model; nullptr if none does. Remembers the answer for the
// whole path.
const OpenClawReader::Entry* OpenClawReader::ModelOn(const std::string& node) {
  std::vector<const std::string*> path;
  const Entry* found = nullptr;
  const std::string* at = &node;
  while (true) {
    auto memo = model_memo_.find(*at);
    if (memo != model_memo_.end()) {
      found = memo->second;
      break;
    }
    auto entry = entries_.find(*at);
    if (entry == entries_.end()) break;
    if (!entry->second.model.empty()) {
      found = &entry->second;
      break;
    }
    model_memo_.emplace(*at, nullptr);  // also ends a walk around a cycle
    path.push_back(&entry->first);
    at = &entry->second.parent;
  }
  for (const std::string* step : path) model_memo_[*step] = found;
  return found;
}

void OpenClawReader::SettleModel(Pending& pending) {
  LlmCall& call = *pending.fact.llm;
  const Entry* source = ModelOn(pending.record);
  if (!source) return;
  call.model = source->model;
  if (call.provider.empty()) call.provider = source->provider;
}

// A result without an id belongs to the nearest answer above it if that asked for exactly one call.
void OpenClawReader::SettleResult(Pending& pending) {
  const std::string* at = &pending.record;
  for (int steps = 0; steps < kMaxWalk; ++steps) {
    auto entry = entries_.find(*at);
    if (entry == entries_.end()) return;
    if (entry->second.answer) {
      if (entry->second.calls.size() == 1) pending.fact.id = entry->second.calls.front();
      return;
    }
    at = &entry->second.parent;
  }
}

std::vector<std::string> OpenClawReader::ContextIds() const {
  std::vector<std::string> ids = {session_id_};
  for (size_t c = 1; c < contexts_.size(); ++c) {
    const Context& context = contexts_[c];
    std::string call = context.parent == 0 ? UniqueCall(context.call, context.record) : context.call;
    ids.push_back(ids[static_cast<size_t>(context.parent)] + "/" + call + context.suffix);
  }
  return ids;
}

Fact OpenClawReader::SessionFact() const {
  Fact fact;
  fact.kind = FactKind::kSession;
  fact.source = "openclaw";
  fact.session_id = session_id_;
  fact.id = session_id_;
  fact.node = session_id_;
  fact.start_ns = start_ns_;
  SessionInfo info = info_;
  auto spawner = index_.spawner_of_id.find(session_id_);
  if (spawner != index_.spawner_of_id.end()) {
    auto parent = index_.id_of_key.find(spawner->second);
    info.parent_session = parent == index_.id_of_key.end() ? spawner->second : parent->second;
  }
  info.agent = openclaw_ || !index_.id_of_key.empty() ? "openclaw" : "pi";
  if (unlogged_summary_) info.notes.push_back("summary_call_not_logged");
  fact.session = std::move(info);
  return fact;
}

void OpenClawReader::FinishSession() {
  if (!used_) return;
  if (!header_seen_) session_id_ = path_ == "-" ? "stdin-" + HexOf(first_hash_) : SessionIdOfPath(path_);
  for (auto& [id, entry] : entries_) {
    if (entry.parent == "\n") entry.parent = session_id_;
  }
  OrderLines();
  std::vector<std::string> ids = ContextIds();
  sink().Add(SessionFact());
  for (Pending& pending : pending_) {
    Fact& fact = pending.fact;
    if (fact.parent_node == "\n") fact.parent_node = session_id_;
    size_t c = static_cast<size_t>(pending.context);
    fact.session_id = ids[c];
    if (pending.inherits_model) SettleModel(pending);
    if (pending.nameless) SettleResult(pending);
    if (c == 0 && (fact.kind == FactKind::kToolUse || fact.kind == FactKind::kToolResult)) {
      fact.id = UniqueCall(fact.id, pending.record);
    }
    if (fact.kind == FactKind::kSession) {
      const Context& context = contexts_[c];
      fact.id = ids[c];
      fact.ordinal = -1;
      fact.session->cwd = info_.cwd;
      fact.session->parent_session = ids[static_cast<size_t>(context.parent)];
      fact.session->parent_call =
          context.parent == 0 ? UniqueCall(context.call, context.record) : context.call;
    }
    sink().Add(std::move(fact));
  }
  pending_.clear();
}

std::unique_ptr<LogReader> Open(const FileContext& file, FactSink* sink) {
  return std::make_unique<OpenClawReader>(file, sink);
}

}  // namespace

extern const Importer kOpenClaw;
const Importer kOpenClaw = {
    .name = "openclaw",
    .summary = "pi-coding-agent and OpenClaw (until 2026.7.1) session logs, JSONL versions 1-3",
    .default_root = ".openclaw/agents,.pi/agent/sessions,.clawdbot/agents,.moltbot/agents",
    .file_suffixes = ".jsonl",
    .sniff = Sniff,
    .open = Open,
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture

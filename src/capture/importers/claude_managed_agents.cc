// Event logs of Claude Managed Agents sessions: what the events endpoints give, one event a line, or the
// client calls that LangSmith's SDK records. docs/formats/claude-managed-agents.md says what is read.
#include <algorithm>
#include <tuple>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/claude_fields.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/importers/trajectory.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "claude-managed-agents";
constexpr std::string_view kCalls = "client.beta.sessions.";

bool IsEvent(Json event) { return event["id"].text().starts_with("sevt_") && event["type"].is_string(); }

// A recorded client call: ["client.beta.sessions.events.stream", event].
bool IsRecordedCall(Json record) { return record.is_array() && record.at(0).text().starts_with(kCalls); }

enum class EventKind { kStart, kEnd, kMessage, kTool, kResult, kUser, kCompaction };

// One event. Their order is that of their times, whatever order they are read in; those that wait in the
// queue have none yet and stand last.
struct Event {
  int64_t time = INT64_MAX;
  std::string id;
  EventKind kind = EventKind::kMessage;
  std::string of;    // the request's start, or the tool call that a result answers
  std::string text;  // at most kMaxText bytes
  int64_t text_bytes = 0;
  LlmCall call;  // of the end of a request: usage, tier, error
  ToolUse tool;
  ToolResult result;
  KeptRecord record = 0;  // its bytes

  std::optional<int64_t> when() const { return time == INT64_MAX ? std::nullopt : std::optional(time); }
};

// A request to the model begins and ends; what the agent says and asks for lies in between.
class Replay {
 public:
  Replay(std::string_view session, const LlmCall& model, FactSink* sink)
      : out_(kName, session, sink), model_(model) {}
  Trajectory& out() { return out_; }

  void Take(Event event) {
    switch (event.kind) {
      case EventKind::kStart:
        Close();
        Open(event);
        return;
      case EventKind::kEnd:
        Open(event);
        if (!event.of.empty() && !began_) id_ = event.of;
        end_ = event.when();
        call_.usage = event.call.usage, call_.error = event.call.error;
        if (!event.call.service_tier.empty()) call_.service_tier = event.call.service_tier;
        return Close();
      case EventKind::kMessage:
        Open(event);
        call_.text_bytes += event.text_bytes;
        records_.push_back(event.record);
        if (call_.text.size() < kMaxText) call_.text += PrefixUtf8(event.text, kMaxText - call_.text.size());
        return;
      case EventKind::kTool:
        Open(event);
        tools_.push_back(std::move(event));
        return;
      case EventKind::kResult:
        Close();
        out_.From({&event.record, 1});
        return out_.Result(std::move(event.result), event.of, event.when());
      case EventKind::kUser:
        Close();
        out_.From({&event.record, 1});
        return out_.UserStart(event.text, event.text_bytes, false, event.when(), std::move(event.id));
      case EventKind::kCompaction:
        return out_.Compaction(event.when());
    }
  }

  void Close() {
    if (!open_) return;
    open_ = false;
    call_.stop_reason = tools_.empty() ? "end_turn" : "tool_use";
    out_.From(records_);
    out_.Call(std::move(call_), start_, end_, std::move(id_));
    for (Event& tool : tools_) {
      out_.From({&tool.record, 1});
      out_.Tool(std::move(tool.tool), tool.id, tool.when());
    }
    tools_.clear(), records_.clear();
  }

 private:
  // What lies outside of a request (a log that begins within one) still is an answer's.
  void Open(const Event& event) {
    if (open_) return;
    open_ = true, began_ = event.kind == EventKind::kStart;
    id_ = event.id, start_ = event.when(), end_.reset();
    call_ = model_;
  }

  Trajectory out_;
  const LlmCall& model_;
  LlmCall call_;
  std::string id_;
  std::optional<int64_t> start_, end_;
  std::vector<Event> tools_;
  std::vector<KeptRecord> records_;  // of what was said
  bool open_ = false, began_ = false;
};

class Reader final : public JsonLineReader {
 public:
  Reader(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink), stem_(ReplaceInvalidUtf8(StemOf(file.path))) {
    if (stem_.empty() || stem_ == "-") stem_ = std::string(kName) + "-stdin";
  }

 protected:
  bool TakesArrays() const override { return true; }

  void OnRecord(Json record) override {
    if (record.is_object()) return Take(record);
    std::string_view call = record.at(0).text();
    Json what = record.at(1);
    // What was sent comes back in the stream, with an id.
    if (call == "client.beta.sessions.events.send") return NameSession(what.at(0).text());
    if (call.starts_with(kCalls) && what.is_object()) return Take(what);
    Skip("unknown-record");
  }

  void OnEnd() override {
    if (!any_) return;
    auto order = [](const Event& event) { return std::tie(event.time, event.id); };
    std::ranges::sort(events_, {}, order);
    SkillSink skills(&sink());
    Replay replay(session_.empty() ? stem_ : session_, model_, &skills);
    SessionInfo info;
    info.agent = kName;
    replay.out().Session(std::move(info), started_);
    // An event that was listed while it waited is listed again with its time, which sorts first.
    std::unordered_set<uint64_t> seen;
    for (Event& event : events_) {
      if (seen.insert(Hash64(event.id)).second) replay.Take(std::move(event));
    }
    replay.Close();
    skills.Finish();
  }

 private:
  void Take(Json record) {
    if (record["type"].text() == "session") return OnSession(record);
    if (!IsEvent(record)) return Skip("unknown-record");
    any_ = true;
    auto time = TimeOf(record["processed_at"]);
    if (!time && record["processed_at"] && !record["processed_at"].is_null()) Skip("wrong-type:processed_at");
    Event event;
    event.time = time.value_or(INT64_MAX);
    event.id = record["id"].text();
    if (!Read(record, record["type"].text(), &event)) return;
    // An answer may be long that none of its messages is.
    if (event.kind == EventKind::kMessage || raw().size() > kMaxText) event.record = sink().KeepRecord();
    events_.push_back(std::move(event));
  }

  void OnSession(Json session) {
    NameSession(session["id"].text());
    any_ = true;
    Json model = session["agent"]["model"];
    if (model_.model.empty()) model_.model = Cut(model.is_string() ? model.text() : model["id"].text(), 256);
    if (model["speed"].text() == "fast") model_.service_tier = "fast";
    if (auto created = TimeOf(session["created_at"]); created && !started_) started_ = created;
  }

  // A log is of one session.
  void NameSession(std::string_view id) {
    if (session_.empty() || (!id.empty() && id < session_)) session_ = id;
  }

  // False: nothing that is a step.
  bool Read(Json json, std::string_view type, Event* event) {
    if (type == "span.model_request_start") {
      event->kind = EventKind::kStart;
    } else if (type == "span.model_request_end") {
      event->kind = EventKind::kEnd;
      ReadEnd(json, event);
    } else if (type == "agent.message" || type == "user.message") {
      event->kind = type == "agent.message" ? EventKind::kMessage : EventKind::kUser;
      std::string buffer;
      std::string_view text = ContentText(json["content"], &buffer);
      event->text = Cut(text, kMaxText), event->text_bytes = static_cast<int64_t>(text.size());
    } else if (type == "agent.thread_context_compacted") {
      event->kind = EventKind::kCompaction;
    } else if (type.starts_with("agent.") && type.ends_with("tool_use")) {
      event->kind = EventKind::kTool;
      return ReadTool(json, type, event);
    } else if (type.ends_with("tool_result")) {
      event->kind = EventKind::kResult;
      return ReadResult(json, event);
    } else {
      return false;
    }
    return true;
  }

  void ReadEnd(Json json, Event* event) {
    event->of = json["model_request_start_id"].text();
    Usage usage;
    UsageState state = ReadClaudeUsage(json["model_usage"], &usage, &event->call.service_tier);
    if (state == UsageState::kUsable) event->call.usage = usage;
    if (state == UsageState::kWrongType) Skip("wrong-type:model_usage");
    if (state == UsageState::kImplausible) Skip("implausible:model_usage");
    if (json["is_error"].boolean() == true) event->call.error = "model request failed";
  }

  bool ReadTool(Json json, std::string_view type, Event* event) {
    if (!json["name"].is_string()) return Skip("wrong-type:name"), false;
    std::string_view server = json["mcp_server_name"].text();
    event->tool.name = Cut(json["name"].text(), 256);
    if (type == "agent.mcp_tool_use" && !server.empty())
      event->tool.name = "mcp__" + Cut(server, 128) + "__" + event->tool.name;
    SetArgs(json["input"], &event->tool);
    return true;
  }

  bool ReadResult(Json json, Event* event) {
    for (const char* key : {"tool_use_id", "mcp_tool_use_id", "custom_tool_use_id"}) {
      if (event->of.empty()) event->of = json[key].text();
    }
    if (event->of.empty()) return Skip("missing:tool_use_id"), false;
    std::string buffer;
    std::string_view text = ContentText(json["content"], &buffer);
    SetOutput(text, &event->result);
    bool failed = json["is_error"].boolean() == true;
    // Nothing ran: a person said no.
    bool refused = failed && text.starts_with("Permission to use ") &&
                   text.find(" has been rejected") != std::string_view::npos;
    event->result.status = refused ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
    if (failed) event->result.error = Cut(ErrorLine(text), kMaxError);
    return true;
  }

  std::string stem_, session_;
  LlmCall model_;  // what every call of the session has: model, tier
  std::optional<int64_t> started_;
  std::vector<Event> events_;
  bool any_ = false;
};

bool Sniff(std::string_view head) {
  bool yes = false;
  JsonParser parser;
  while (!head.empty()) {
    size_t end = head.find('\n');
    std::string_view line = Trim(head.substr(0, end));
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 1);
    if (line.empty()) continue;
    auto record = parser.Parse(line);
    if (!record) break;
    yes = IsRecordedCall(*record) || IsEvent(*record);
    break;
  }
  return yes;
}

}  // namespace

extern const Importer kClaudeManagedAgents;
const Importer kClaudeManagedAgents = {
    .name = kName,
    .summary = "event logs of Claude Managed Agents sessions",
    .default_root = "",
    .file_suffixes = ".jsonl",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<Reader>(file, sink);
    },
};

}  // namespace clawtrace::capture

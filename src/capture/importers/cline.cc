// Cline, Roo Code and Kilo Code: <globalStorage>/tasks/<task>/ui_messages.json and
// api_conversation_history.json, and Cline's session.messages.json. docs/formats/cline.md says what is read
// and how calls are counted.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/cline_messages.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "cline";
// Ids of what the user interface shows; the message list tells tools better where it exists.
constexpr std::string_view kShown = "shown-";

std::string_view FolderOf(std::string_view path) {
  size_t at = path.rfind('/');
  return at == std::string_view::npos ? std::string_view() : path.substr(0, at);
}

std::string TaskOf(std::string_view path) {
  std::string_view folder = FolderOf(path);
  std::string_view name = folder.substr(folder.rfind('/') + 1);
  if (name.empty()) name = path.substr(0, path.rfind('.'));
  return name.empty() || name == "-" ? "cline-stdin" : ReplaceInvalidUtf8(name);
}

std::string AgentOf(std::string_view path) {
  auto has = [&](std::string_view part) { return ContainsIgnoreCase(path, part); };
  if (has("kilo-code") || has("kilocode")) return "kilo-code";
  return has("roo-code") || has("roo-cline") ? "roo-code" : "cline";
}

// A request's own account, a JSON text inside a message.
std::string_view ReadCounts(Json info, LlmCall* call) {
  Usage usage;
  bool good = true, any = false;
  auto read = [&](std::string_view key, int64_t* count) {
    Json value = info[key];
    if (!value || value.is_null()) return;
    auto number = CountOf(value);
    good = good && number, any = true;
    *count = number.value_or(0);
  };
  read("tokensIn", &usage.uncached_input), read("tokensOut", &usage.output);
  read("cacheReads", &usage.cache_read), read("cacheWrites", &usage.cache_write_unknown);
  if (auto cost = info["cost"].number()) {
    if (auto dollars = Usd::FromDouble(*cost); dollars && dollars->pico() > 0) call->reported_cost = *dollars;
  }
  if (!good) return "wrong-type:tokens";
  if (!IsPlausible(usage)) return "implausible:tokens";
  if (!any || usage.total() == 0) return {};
  int64_t cached = usage.cache_read + usage.cache_write();
  Usage within = usage;
  within.uncached_input -= cached;
  bool possible = cached > 0 && within.uncached_input >= 0;
  // Roo states the protocol: OpenAI's counts cached tokens within the input, Anthropic's beside it. Without
  // it providers were made to report like Anthropic, which not all did.
  std::string_view protocol = info["apiProtocol"].text();
  if (protocol == "openai" && possible) {
    call->usage = within;
  } else {
    call->usage = usage;
    if (protocol.empty() && possible) call->other_reading = within;
  }
  return {};
}

class ClineReader final : public JsonDocumentReader {
 public:
  ClineReader(const FileContext& file, FactSink* sink)
      : JsonDocumentReader(sink),
        task_(TaskOf(file.path)),
        agent_(AgentOf(file.path)),
        sidecar_(file.sidecar) {}

 private:
  void OnDocument(Json document) override {
    if (document.is_object()) {
      if (std::string id = Cut(document["sessionId"].text(), 256); !id.empty()) task_ = id;
      if (!document["messages"].is_array()) return Skip("missing:messages");
      AddSession(document["agent"].text());
      return ReadMessages(document["messages"]);
    }
    ReadSidecar();
    AddSession({});
    if (document.at(0)["role"].is_string()) return ReadMessages(document);
    document.ForEachItem([&](Json message) {
      sink().FromElement(message);
      OnShown(message);
    });
    Flush();
  }

  void ReadSidecar() {
    JsonParser parser;
    auto sidecar = parser.Parse(sidecar_);
    if (sidecar_.empty() || !sidecar) return;
    info_.parent_session = Cut((*sidecar)["parentTaskId"].text(), 256);
    info_.cwd = Cut((*sidecar)["workspace"].text(), 1024);
    (*sidecar)["model_usage"].ForEachItem([&](Json use) {
      auto time = TimeOf(use["ts"]);
      if (time)
        models_[*time] = {Cut(use["model_id"].text(), 256), Cut(use["model_provider_id"].text(), 256)};
    });
  }

  void AddSession(std::string_view name) {
    Fact fact = Base(FactKind::kSession, "session", std::nullopt);
    info_.agent = agent_;
    if (!info_.parent_session.empty()) info_.agent_name = Cut(name, 256);
    fact.session = info_;
    sink().Add(std::move(fact));
  }

  void ReadMessages(Json list) {
    SkillObserver skills;
    auto add = [&](Fact fact) {
      skills.Observe(fact);
      sink().Add(std::move(fact));
    };
    auto skip = [this](std::string_view reason) { Skip(reason); };
    ClineMessages messages(kName, task_, add, skip, [this](Json message) { sink().FromElement(message); });
    messages.Read(list);
    skills.Emit(&sink());
  }

  Fact Base(FactKind kind, std::string id, std::optional<int64_t> time) const {
    Fact fact;
    fact.kind = kind;
    fact.source = kName;
    fact.session_id = task_;
    fact.id = std::move(id);
    fact.start_ns = time;
    fact.end_ns = time;
    return fact;
  }

  static std::string ShownId(Json message) {
    auto ts = message["ts"].integer();
    return std::string(kShown) + (ts ? std::to_string(*ts) : std::string("0"));
  }

  void OnShown(Json message) {
    if (!message.is_object()) return Skip("not-an-object");
    auto time = TimeOf(message["ts"]);
    if (!time) return Skip("wrong-type:ts");
    // Of a message that was shown while it grew only the last state counts.
    if (message["partial"].boolean() == true) return;
    bool asks = message["type"].text() == "ask";
    std::string_view kind = asks ? message["ask"].text() : message["say"].text(),
                     text = message["text"].text();
    if (!asks && (kind == "api_req_started" || kind == "deleted_api_reqs" || kind == "subagent_usage"))
      return OnRequest(message, kind, text, time);
    if (kind == "api_req_finished") return OnFinished(text);
    if (kind == "api_req_failed" || kind == "api_req_retried" || kind == "error" || kind == "diff_error")
      return OnError(kind, text);
    if (!asks && (kind == "task" || kind == "user_feedback" || (first_ && kind == "text")))
      return OnUser(message, text);
    if (kind == "tool" || kind == "command" || kind == "use_mcp_server")
      return OnTool(message, kind, text, time);
    if (kind == "command_output") {
      if (tool_) SetResult(text, false, time);
      return;
    }
    if (!asks && (kind == "text" || kind == "completion_result") && request_) {
      request_records_.push_back(sink().KeepRecord());
      LlmCall& call = *request_->llm;
      call.text_bytes += static_cast<int64_t>(text.size());
      if (call.text.size() < kMaxText) call.text += PrefixUtf8(text, kMaxText - call.text.size());
      request_->end_ns = time;
    }
  }

  void OnUser(Json message, std::string_view text) {
    first_ = false;
    Fact fact = Base(FactKind::kUser, ShownId(message), TimeOf(message["ts"]));
    fact.user = UserTurn{
        .text = Cut(text, kMaxText), .text_bytes = static_cast<int64_t>(text.size()), .is_meta = false};
    sink().Add(std::move(fact));
  }

  void OnRequest(Json message, std::string_view kind, std::string_view text, std::optional<int64_t> time) {
    Flush();
    first_ = false;
    Fact fact = Base(FactKind::kLlmCall, ShownId(message), time);
    LlmCall& call = fact.llm.emplace();
    call.auxiliary = kind != "api_req_started";
    Json model = message["modelInfo"];
    call.model = Cut(model["modelId"].text(), 256);
    call.provider = Cut(model["providerId"].text(), 256);
    if (call.model.empty() && time) {
      auto after = models_.upper_bound(*time);
      // The first model is noted a moment after the first request begins.
      if (after != models_.begin()) --after;
      if (after != models_.end()) std::tie(call.model, call.provider) = after->second;
    }
    auto info = parser_.Parse(text);
    if (!info) Skip("not-json:api_req");
    if (info) ReadRequest(*info, &call);
    request_ = std::move(fact);
  }

  void ReadRequest(Json info, LlmCall* call) {
    if (std::string_view problem = ReadCounts(info, call); !problem.empty()) Skip(problem);
    call->stop_reason = Cut(info["cancelReason"].text(), 64);
    std::string_view failure = info["streamingFailedMessage"].text();
    if (!failure.empty() || call->stop_reason == "streaming_failed")
      call->error = failure.empty() ? "streaming_failed" : ErrorLine(failure);
  }

  // Old versions wrote the counts when the answer was there.
  void OnFinished(std::string_view text) {
    if (!request_ || request_->llm->usage) return;
    auto info = parser_.Parse(text);
    if (!info) return Skip("not-json:api_req");
    ReadRequest(*info, &*request_->llm);
  }

  void OnError(std::string_view kind, std::string_view text) {
    bool of_request = kind.starts_with("api_req");
    if (of_request && request_ && !request_->llm->usage && request_->llm->error.empty()) {
      request_->llm->error = ErrorLine(text);
      if (request_->llm->error.empty()) request_->llm->error = "request failed";
    }
    if (!of_request && tool_) SetResult(text, true, tool_->end_ns);
  }

  void OnTool(Json message, std::string_view kind, std::string_view text, std::optional<int64_t> time) {
    FlushTool();
    sink().FromElement(message);
    Fact fact = Base(FactKind::kToolUse, ShownId(message), time);
    fact.end_ns.reset();
    ToolUse& tool = fact.tool.emplace();
    if (request_) tool.llm_call = request_->id;
    if (kind == "command") {
      tool.name = "execute_command";
      std::string args = "{\"command\":";
      AppendJsonString(text, &args);
      SetArgsText(args + "}", &parser_, &tool);
    } else {
      auto json = parser_.Parse(text);
      tool.name = json ? Cut((*json)[kind == "tool" ? "tool" : "toolName"].text(), 256) : std::string();
      if (tool.name.empty()) tool.name = kind;
      if (json)
        SetArgs(*json, &tool);
      else
        SetArgsText(text, &parser_, &tool);
    }
    tool_ = Base(FactKind::kToolResult, fact.id, time);
    tool_->result.emplace();
    sink().Add(std::move(fact));
  }

  void SetResult(std::string_view text, bool failed, std::optional<int64_t> time) {
    tool_record_ = sink().KeepRecord();
    ToolResult& result = *tool_->result;
    SetOutput(text, &result);
    result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
    if (failed) result.error = ErrorLine(text);
    if (time) tool_->end_ns = time;
  }

  void FlushTool() {
    sink().FromKept(tool_record_);
    if (tool_ && tool_->result->status != ToolStatus::kUnknown) sink().Add(std::move(*tool_));
    tool_.reset();
    tool_record_ = 0;
  }

  void Flush() {
    FlushTool();
    sink().FromKept(request_records_);
    if (request_) sink().Add(std::move(*request_));
    request_.reset();
    request_records_.clear();
  }

  std::string task_, agent_, sidecar_;
  SessionInfo info_;
  std::map<int64_t, std::pair<std::string, std::string>> models_;  // since when: model and provider
  JsonParser parser_;
  bool first_ = true;  // nothing but the task can stand before the first request
  std::optional<Fact> request_, tool_;
  std::vector<KeptRecord> request_records_;  // what the answer stands in
  KeptRecord tool_record_ = 0;               // and the tool's output
};

bool IsShown(const Fact& fact) { return std::string_view(fact.id).starts_with(kShown); }

// One task in two files: the shown requests have times, counts and cost, the messages have the tools.
// Messages with times belong to the last request before them, others to the request of their number.
void Resolve(std::vector<Fact>* facts) {
  struct Task {
    std::map<std::pair<int64_t, std::string>, bool> requests;  // by time; true: it was answered
    std::map<std::pair<int64_t, std::string>, std::optional<int64_t>> messages;  // by place
    bool tools = false;                                                          // the messages show some
  };
  std::map<std::string, Task> tasks;
  for (const Fact& fact : *facts) {
    Task& task = tasks[fact.session_id];
    if (fact.kind == FactKind::kToolUse && !IsShown(fact)) task.tools = true;
    if (fact.kind != FactKind::kLlmCall || fact.llm->auxiliary) continue;
    if (IsShown(fact))
      task.requests[{fact.start_ns.value_or(0), fact.id}] |= fact.llm->error.empty();
    else
      task.messages[{fact.ordinal, fact.id}] = fact.start_ns;
  }
  std::unordered_map<std::string, std::string> request_of;  // session and message -> shown request
  for (auto& [session, task] : tasks) {
    if (task.requests.empty()) continue;
    std::vector<std::pair<int64_t, std::string>> all, answered;
    for (auto& [request, good] : task.requests) {
      all.push_back(request);
      if (good) answered.push_back(request);
    }
    if (answered.empty()) answered = all;
    size_t number = 0;
    for (auto& [message, time] : task.messages) {
      auto after = std::ranges::upper_bound(all, time.value_or(0), {}, [](auto& r) { return r.first; });
      const auto& by_number = answered[std::min(number++, answered.size() - 1)];
      bool timed = time && after != all.begin();
      request_of[session + "\n" + message.second] = timed ? std::prev(after)->second : by_number.second;
    }
  }
  std::erase_if(*facts, [&](const Fact& fact) {
    const Task& task = tasks[fact.session_id];
    bool tool = fact.kind == FactKind::kToolUse || fact.kind == FactKind::kToolResult;
    if (tool) return IsShown(fact) && task.tools;
    return fact.kind == FactKind::kLlmCall && !IsShown(fact) && !task.requests.empty();
  });
  for (Fact& fact : *facts) {
    if (fact.kind != FactKind::kToolUse) continue;
    auto found = request_of.find(fact.session_id + "\n" + fact.tool->llm_call);
    if (found != request_of.end()) fact.tool->llm_call = found->second;
  }
}

bool Sniff(std::string_view head) {
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  if (document.is_object()) {
    Json first = document["messages"].at(0);
    return document["sessionId"].is_string() && document["version"].is_number() &&
           first["role"].is_string() && first["ts"].is_number() && first["content"];
  }
  Json first = document.at(0);
  std::string_view type = first["type"].text();
  if (type == "say" || type == "ask") return first["ts"].is_number() && first[type].is_string();
  std::string_view text = first["content"].string_or(first["content"].at(0)["text"].text());
  return first["role"].text() == "user" && IsClinePrompt(text);
}

// Roo and Kilo split work into tasks of their own beside the parent's.
std::string UnitKey(std::string_view path, std::string_view head) {
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  if (document.is_object()) return {};
  std::string_view folder = FolderOf(path);
  if (AgentOf(path) != "cline") folder = FolderOf(folder);
  return folder.empty() ? std::string() : std::string(kName) + ":" + std::string(folder);
}

std::string SidecarPath(std::string_view path) {
  std::string_view folder = FolderOf(path);
  if (folder.empty()) return {};
  bool shown = path.ends_with("/ui_messages.json");
  return std::string(folder) + (shown ? "/task_metadata.json" : "/history_item.json");
}

}  // namespace

extern const Importer kCline;
const Importer kCline = {
    .name = kName,
    .summary = "Cline, Roo Code and Kilo Code tasks (JSON)",
    .default_root =
        ".config/Code/User/globalStorage/saoudrizwan.claude-dev/tasks,"
        ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/tasks,"
        ".config/Code/User/globalStorage/kilocode.kilo-code/tasks,.cline/data",
    .file_suffixes = ".json",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<ClineReader>(file, sink);
    },
    .resolve = Resolve,
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture

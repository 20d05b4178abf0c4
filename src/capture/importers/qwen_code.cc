// Qwen Code: ~/.qwen/projects/<slug>/chats/<session>.jsonl and subagents/<session>/agent-*.jsonl.
// docs/formats/qwen-code.md says what is read and how calls are counted.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/gemini_fields.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "qwen-code";
// Ids of what only the client's own telemetry says; Resolve drops those whose call stands in a log too.
constexpr std::string_view kTelemetry = "telemetry:";

bool IsClientText(std::string_view text) {
  static constexpr std::string_view kStarts[] = {"<task-notification>", "<system-reminder>",
                                                 "<state_snapshot>"};
  return StartsWithAny(Trim(text.substr(0, 256)), kStarts);
}

// "<session>#<agent>#<turn>"; the main agent's place is empty.
std::string_view AgentOfPrompt(std::string_view prompt_id) {
  size_t first = prompt_id.find('#'), last = prompt_id.rfind('#');
  if (first == std::string_view::npos || last <= first) return {};
  std::string_view agent = prompt_id.substr(first + 1, last - first - 1);
  while (agent.starts_with('#')) agent.remove_prefix(1);
  while (agent.ends_with('#')) agent.remove_suffix(1);
  return agent;
}

std::string AgentSession(std::string_view session, std::string_view agent) {
  return agent.empty() ? Cut(session, 256) : Cut(session, 256) + ":" + Cut(agent, 256);
}

// Sub-agents are named "<type>-<id of the call that spawned them>".
std::string SpawnOf(std::string_view agent, std::string_view type) {
  if (type.empty() || !agent.starts_with(type) || agent.size() <= type.size() + 1) return {};
  return agent[type.size()] == '-' ? Cut(agent.substr(type.size() + 1), 256) : std::string();
}

struct Envelope {
  std::string_view uuid, parent, session, agent, type, subtype;
  std::optional<int64_t> ts;
};

// What one agent's records say of its session.
struct AgentNotes {
  Stamped version, cwd, name, parent_call;
  std::string parent_session;
  bool free_plan = false;
};

// A line of the conversation, to find the answer that a tool call without counts belongs to.
struct ChainLine {
  std::string parent;
  bool answer = false, counted = false;
};

struct Pending {
  Fact fact;
  std::string line;  // the answer's line for calls and tool uses, else ""
  KeptRecord record = 0;
};

class QwenReader final : public JsonLineReader {
 public:
  QwenReader(const FileContext& file, FactSink* sink) : JsonLineReader(sink) {
    JsonParser parser;
    auto sidecar = parser.Parse(file.sidecar);
    if (file.sidecar.empty() || !sidecar) return;
    sidecar_agent_ = Cut((*sidecar)["agentId"].text(), 256);
    sidecar_call_ = Cut((*sidecar)["toolUseId"].text(), 256);
    sidecar_parent_ = Cut((*sidecar)["parentAgentId"].text(), 256);
    sidecar_model_ = Cut((*sidecar)["model"].text(), 256);
  }

 private:
  void OnRecord(Json record) override {
    Envelope e{record["uuid"].text(),      record["parentUuid"].text(), record["sessionId"].text(),
               record["agentId"].text(),   record["type"].text(),       record["subtype"].text(),
               TimeOf(record["timestamp"])};
    if (e.session.empty() || e.uuid.empty()) return Skip("missing:id");
    if (!e.ts && record["timestamp"]) Skip("wrong-type:timestamp");
    AgentNotes& notes = agents_[AgentSession(e.session, e.agent)];
    notes.version.Take(record["version"].text(), e.ts.value_or(INT64_MIN), true);
    notes.cwd.Take(record["cwd"].text(), e.ts.value_or(INT64_MAX), false);
    if (!e.agent.empty()) {
      notes.name.Take(record["agentName"].text(), e.ts.value_or(INT64_MAX), false);
      notes.parent_session = AgentSession(e.session, e.agent == sidecar_agent_ ? sidecar_parent_ : "");
      notes.parent_call.Take(
          e.agent == sidecar_agent_ ? sidecar_call_ : SpawnOf(e.agent, record["agentName"].text()), 0, false);
    }
    Dispatch(record, e);
  }

  void Dispatch(Json record, const Envelope& e) {
    if (e.type == "assistant") return OnAnswer(record, e);
    if (e.type == "user") return OnUser(record, e);
    if (e.type == "tool_result") return OnToolResult(record, e);
    // Every line carries the chain on.
    Keep(Base(e, FactKind::kLink, e.uuid));
    if (e.type != "system") return Skip("unknown-type");
    if (e.subtype == "chat_compression") Keep(Base(e, FactKind::kCompaction, e.uuid));
    if (e.subtype == "ui_telemetry") OnTelemetry(record["systemPayload"]["uiEvent"], e);
  }

  Fact Base(const Envelope& e, FactKind kind, std::string_view id) const {
    Fact fact;
    fact.kind = kind;
    fact.source = kName;
    fact.session_id = AgentSession(e.session, e.agent);
    fact.id = Cut(id, 256);
    fact.node = Cut(e.uuid, 256);
    fact.parent_node = Cut(e.parent, 256);
    fact.start_ns = e.ts;
    fact.end_ns = e.ts;
    return fact;
  }

  void Keep(Fact fact, std::string line = {}) {
    KeptRecord record = IsCut(fact) ? sink().KeepRecord() : 0;
    pending_.push_back({std::move(fact), std::move(line), record});
  }

  std::string ChainKey(const Envelope& e, std::string_view uuid) const {
    return AgentSession(e.session, e.agent) + "\n" + std::string(uuid);
  }

  void OnAnswer(Json record, const Envelope& e) {
    std::string line = ChainKey(e, e.uuid);
    Fact fact = Base(e, FactKind::kLlmCall, e.uuid);
    LlmCall& call = fact.llm.emplace();
    call.model = Cut(record["model"].text(), 256);
    if (call.model.empty() && !e.agent.empty() && e.agent == sidecar_agent_) call.model = sidecar_model_;
    Json counts = record["usageMetadata"];
    if (counts && !counts.is_null() && !counts.is_object()) Skip("wrong-type:usage");
    std::string_view problem = ReadGeminiUsage(
        {counts["promptTokenCount"], counts["candidatesTokenCount"], counts["thoughtsTokenCount"],
         counts["cachedContentTokenCount"], counts["toolUsePromptTokenCount"], counts["totalTokenCount"]},
        &call.usage);
    if (!problem.empty()) Skip(problem);
    ChainLine& chain = chain_[line];
    chain.parent = ChainKey(e, e.parent);
    chain.answer = true;
    chain.counted = chain.counted || counts.is_object();
    Json parts = record["message"]["parts"];
    if (parts && !parts.is_array()) Skip("wrong-type:parts");
    std::string buffer;
    std::string_view text = PartsText(parts, &buffer);
    call.text = Cut(text, kMaxText);
    call.text_bytes = static_cast<int64_t>(text.size());
    int64_t index = 0;
    parts.ForEachItem([&](Json part) {
      if (part["thought"].boolean() == true)
        call.thinking_bytes += static_cast<int64_t>(part["text"].text().size());
      if (Json function = part["functionCall"]) OnToolUse(function, e, line, index);
      ++index;
    });
    Keep(std::move(fact), std::move(line));
  }

  void OnToolUse(Json function, const Envelope& e, const std::string& line, int64_t index) {
    std::string id(function["id"].text());
    if (id.empty()) id = std::string(e.uuid) + "#" + std::to_string(index);
    Fact fact = Base(e, FactKind::kToolUse, id);
    fact.end_ns.reset();
    ToolUse& tool = fact.tool.emplace();
    tool.name = Cut(function["name"].text(), 256);
    tool.index = index;
    SetArgs(function["args"], &tool);
    Keep(std::move(fact), line);
  }

  void OnUser(Json record, const Envelope& e) {
    Json parts = record["message"]["parts"];
    if (!HasOwnText(parts)) return Keep(Base(e, FactKind::kLink, e.uuid));
    std::string buffer;
    std::string_view text = PartsText(parts, &buffer);
    Fact fact = Base(e, FactKind::kUser, e.uuid);
    fact.user = UserTurn{.text = Cut(text, kMaxText),
                         .text_bytes = static_cast<int64_t>(text.size()),
                         .is_meta = record["provenance"].text() == "system" || IsClientText(text)};
    Keep(std::move(fact));
  }

  void OnToolResult(Json record, const Envelope& e) {
    Json outcome = record["toolCallResult"], display = outcome["resultDisplay"], response;
    record["message"]["parts"].ForEachItem([&](Json part) {
      if (!response && part["functionResponse"]) response = part;
    });
    std::string_view id = outcome["callId"].text();
    if (id.empty()) id = response["functionResponse"]["id"].text();
    if (id.empty()) {
      Skip("missing:callId");
      return Keep(Base(e, FactKind::kLink, e.uuid));
    }
    Fact fact = Base(e, FactKind::kToolResult, id);
    ToolResult& result = fact.result.emplace();
    std::string buffer;
    std::string_view text = PartsText(response, &buffer);
    bool shell = IsGeminiShell(response["functionResponse"]["name"].text());
    ShellText split{text, std::nullopt};
    if (shell) split = SplitShellText(text);
    SetOutput(split.output, &result);
    result.exit_code = split.exit_code;
    if (auto code = display["exitCode"].integer()) result.exit_code = code;
    // Sub-agents' lines state no status.
    std::string_view status = outcome["status"].text();
    bool failed = status == "error" || response["functionResponse"]["response"]["error"].is_string() ||
                  result.exit_code.value_or(0) != 0;
    result.status = status == "cancelled" ? ToolStatus::kAborted
                    : failed              ? ToolStatus::kError
                                          : ToolStatus::kOk;
    if (result.status != ToolStatus::kOk) result.error = shell ? ShellError(text) : ErrorLine(text);
    result.unchanged = text.starts_with("[File ") &&
                       text.substr(0, kMaxText).find(" unchanged since last read") != std::string_view::npos;
    Keep(std::move(fact));
  }

  void OnTelemetry(Json event, const Envelope& e) {
    std::string_view name = event["event.name"].text();
    std::string_view agent = event["subagent_id"].text(), type = event["subagent_name"].text();
    if (agent.empty()) agent = AgentOfPrompt(event["prompt_id"].text());
    if (agent.empty()) agent = type;
    if (name == "qwen-code.api_response" || name == "qwen-code.api_error") {
      NoteAgent(agent, type, event, e);
      OnTelemetryCall(event, agent, name == "qwen-code.api_error", e);
    } else if (name == "qwen-code.tool_call" && !agent.empty()) {
      OnTelemetryTool(event, agent, e);
    }
  }

  void NoteAgent(std::string_view agent, std::string_view type, Json event, const Envelope& e) {
    AgentNotes& notes = agents_[AgentSession(e.session, agent)];
    notes.free_plan = notes.free_plan || event["auth_type"].text() == "qwen-oauth";
    if (agent.empty()) return;
    notes.name.Take(type, e.ts.value_or(INT64_MAX), false);
    if (notes.parent_session.empty()) notes.parent_session = Cut(e.session, 256);
    notes.parent_call.Take(SpawnOf(agent, type), 0, false);
  }

  // A fact of the agent that the event speaks of; the line's own place in the chain is another agent's.
  Fact TelemetryFact(FactKind kind, const std::string& id, std::string_view agent, const Envelope& e) const {
    Fact fact = Base(e, kind, id);
    fact.session_id = AgentSession(e.session, agent);
    fact.node.clear(), fact.parent_node.clear();
    return fact;
  }

  void OnTelemetryCall(Json event, std::string_view agent, bool failed, const Envelope& e) {
    Fact fact = TelemetryFact(FactKind::kLlmCall, std::string(kTelemetry) + std::string(e.uuid), agent, e);
    LlmCall& call = fact.llm.emplace();
    call.model = Cut(event["model"].text(), 256);
    if (std::string id = Cut(event["response_id"].text(), 256); !id.empty()) call.aliases.push_back(id);
    if (failed) {
      call.billed = false;
      std::string_view said = event["error_message"].text();
      call.error = ErrorLine(said.empty() ? event["error"].text() : said);
      if (call.error.empty()) call.error = "error";
      return Keep(std::move(fact));
    }
    std::string_view problem = ReadGeminiUsage(
        {event["input_token_count"], event["output_token_count"], event["thoughts_token_count"],
         event["cached_content_token_count"], event["tool_token_count"], event["total_token_count"]},
        &call.usage);
    if (!problem.empty()) Skip(problem);
    std::string_view text = event["response_text"].text();
    call.text = Cut(text, kMaxText);
    call.text_bytes = static_cast<int64_t>(text.size());
    Keep(std::move(fact));
  }

  void OnTelemetryTool(Json event, std::string_view agent, const Envelope& e) {
    std::string id = std::string(event["call_id"].text());
    if (id.empty()) id = std::string(kTelemetry) + std::string(e.uuid);
    Fact use = TelemetryFact(FactKind::kToolUse, id, agent, e);
    use.end_ns.reset();
    use.tool.emplace().name = Cut(event["function_name"].text(), 256);
    SetArgs(event["function_args"], &*use.tool);
    Keep(std::move(use));
    Fact fact = TelemetryFact(FactKind::kToolResult, id, agent, e);
    ToolResult& result = fact.result.emplace();
    std::string_view status = event["status"].text();
    bool failed = status == "error" || event["success"].boolean() == false;
    result.status = status == "cancelled" ? ToolStatus::kAborted
                    : failed              ? ToolStatus::kError
                                          : ToolStatus::kOk;
    if (failed) result.error = ShellError(event["error"].text());
    Keep(std::move(fact));
  }

  // The line that begins the answer which a line belongs to: sub-agents write an answer's counts and each of
  // its tool calls on lines of their own, each following the other.
  const std::string& HeadOf(const std::string& line) {
    std::vector<const std::string*> path;
    std::unordered_set<std::string_view> seen;
    auto at = chain_.find(line);
    const std::string* head = &at->first;
    while (seen.insert(at->first).second) {
      head = &at->first;
      if (auto known = heads_.find(at->first); known != heads_.end()) {
        head = known->second;
        break;
      }
      path.push_back(&at->first);
      auto above = chain_.find(at->second.parent);
      if (at->second.counted || above == chain_.end() || !above->second.answer) break;
      at = above;
    }
    for (const std::string* step : path) heads_.emplace(*step, head);
    return *head;
  }

  void OnEnd() override {
    SkillObserver skills;
    for (Pending& pending : pending_) {
      Fact& fact = pending.fact;
      if (!pending.line.empty()) {
        const std::string& head = HeadOf(pending.line);
        std::string id = Cut(std::string_view(head).substr(head.find('\n') + 1), 256);
        if (fact.kind == FactKind::kLlmCall) fact.id = id;
        if (fact.kind == FactKind::kToolUse) fact.tool->llm_call = id;
      }
      skills.Observe(fact);
      sink().FromKept(pending.record);
      sink().Add(std::move(fact));
    }
    skills.Emit(&sink());
    for (auto& [id, notes] : agents_) {
      Fact fact;
      fact.kind = FactKind::kSession;
      fact.source = kName;
      fact.session_id = id;
      fact.id = "session";
      SessionInfo& info = fact.session.emplace();
      info.agent = kName;
      info.agent_version = notes.version.value;
      info.cwd = notes.cwd.value;
      info.agent_name = Cut(notes.name.value, 256);
      info.parent_session = notes.parent_session;
      info.parent_call = notes.parent_call.value;
      if (notes.free_plan) info.billing = "subscription";
      sink().Add(std::move(fact));
    }
  }

  std::string sidecar_agent_, sidecar_call_, sidecar_parent_, sidecar_model_;
  std::map<std::string, AgentNotes> agents_;
  std::map<std::string, ChainLine, std::less<>> chain_;
  std::unordered_map<std::string_view, const std::string*> heads_;
  std::vector<Pending> pending_;
};

// Calls of one session with equal counts are told apart by nothing but their order.
using CallKey = std::tuple<std::string, int64_t, int64_t, int64_t>;

CallKey KeyOf(const Fact& fact) {
  Usage usage = fact.llm->usage.value_or(Usage{});
  return {fact.session_id, usage.prompt(), usage.cache_read, usage.output};
}

bool IsTool(const Fact& fact) {
  return fact.kind == FactKind::kToolUse || fact.kind == FactKind::kToolResult;
}

bool IsTelemetry(const Fact& fact) { return std::string_view(fact.id).starts_with(kTelemetry); }

// Tools of an agent that has a log of its own are in it, with their output. Only that log's records have a
// node.
void DropRepeatedTools(std::vector<Fact>* facts) {
  std::set<std::pair<std::string, std::string>> logged;
  std::set<std::string> sessions;
  for (const Fact& fact : *facts) {
    if (!IsTool(fact) || fact.node.empty()) continue;
    logged.emplace(fact.session_id, fact.id);
    sessions.insert(fact.session_id);
  }
  std::erase_if(*facts, [&](const Fact& fact) {
    if (!IsTool(fact) || !fact.node.empty()) return false;
    return IsTelemetry(fact) ? sessions.contains(fact.session_id)
                             : logged.contains({fact.session_id, fact.id});
  });
}

// Every answer is in the log of its agent and in the telemetry of the main session; agents without a log of
// their own are in the telemetry only. What both say is one call.
void Resolve(std::vector<Fact>* facts) {
  DropRepeatedTools(facts);
  std::map<std::pair<std::string, std::string>, std::pair<CallKey, int64_t>> logged;  // call -> counts, time
  std::map<std::string, const Fact*> events;
  for (const Fact& fact : *facts) {
    if (fact.kind != FactKind::kLlmCall) continue;
    if (IsTelemetry(fact)) {
      events.emplace(fact.id, &fact);
      continue;
    }
    auto [at, added] = logged.try_emplace({fact.session_id, fact.id}, KeyOf(fact), INT64_MAX);
    at->second.first = std::max(at->second.first, KeyOf(fact));
    at->second.second = std::min(at->second.second, fact.start_ns.value_or(INT64_MAX));
  }
  std::map<CallKey, std::vector<std::pair<int64_t, std::string>>> by_counts;
  for (auto& [call, known] : logged) by_counts[known.first].emplace_back(known.second, call.second);
  for (auto& [key, calls] : by_counts) std::ranges::sort(calls);
  std::vector<const Fact*> in_order;
  for (auto& [id, fact] : events) in_order.push_back(fact);
  std::ranges::sort(in_order, [](const Fact* a, const Fact* b) {
    return std::tie(a->start_ns, a->id) < std::tie(b->start_ns, b->id);
  });
  std::unordered_set<std::string> dropped;
  std::map<CallKey, size_t> used;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> aliases;
  std::map<std::pair<std::string, std::string>, std::string> models;
  for (const Fact* event : in_order) {
    CallKey key = KeyOf(*event);
    auto found = by_counts.find(key);
    size_t& next = used[key];
    if (!event->llm->billed || found == by_counts.end() || next >= found->second.size()) continue;
    std::pair call(event->session_id, found->second[next++].second);
    aliases[call] = event->llm->aliases;
    models[call] = event->llm->model;
    dropped.insert(event->id);
  }
  std::erase_if(
      *facts, [&](const Fact& fact) { return fact.kind == FactKind::kLlmCall && dropped.contains(fact.id); });
  for (Fact& fact : *facts) {
    if (fact.kind != FactKind::kLlmCall || IsTelemetry(fact)) continue;
    auto found = aliases.find({fact.session_id, fact.id});
    if (found == aliases.end()) continue;
    fact.llm->aliases = found->second;
    if (fact.llm->model.empty()) fact.llm->model = models[found->first];
  }
}

bool Sniff(std::string_view head) {
  bool yes = false;
  ForEachHeadLine(head, [&](Json record) {
    std::string_view type = record["type"].text();
    bool enveloped = record["uuid"].is_string() && record["sessionId"].is_string() &&
                     record["timestamp"].is_string() && !type.empty();
    yes = enveloped && (record["message"]["parts"].is_array() || record["systemPayload"].is_object());
    return false;
  });
  return yes;
}

std::string UnitKey(std::string_view, std::string_view head) {
  std::string session;
  ForEachHeadLine(head, [&](Json record) {
    session = record["sessionId"].text();
    return session.empty();
  });
  return session.empty() ? session : std::string(kName) + ":" + session;
}

std::string SidecarPath(std::string_view path) {
  if (!StemOf(path).starts_with("agent-") || !path.ends_with(".jsonl")) return {};
  return std::string(path.substr(0, path.size() - 6)) + ".meta.json";
}

}  // namespace

extern const Importer kQwenCode;
const Importer kQwenCode = {
    .name = kName,
    .summary = "Qwen Code chats (JSONL) with their sub-agent files",
    .default_root = ".qwen/projects",
    .file_suffixes = ".jsonl",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<QwenReader>(file, sink);
    },
    .resolve = Resolve,
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture

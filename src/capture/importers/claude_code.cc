// Claude Code: ~/.claude/projects/<slug>/<session>.jsonl and its sub-agent files. docs/formats/claude-code.md
// says what is read and how calls are counted.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importer.h"
#include "capture/importers/claude_fields.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

using Envelope = ClaudeEnvelope;

constexpr std::string_view kName = "claude-code";

// Lines of role "user" that the client wrote itself. A custom slash command starts with <command-message> and
// is what the person asked for; one that starts with <command-name> (/clear, /model) never reaches the model.
bool IsClientText(std::string_view text) {
  static constexpr std::string_view kStarts[] = {
      "<command-name>",
      "<local-command-",
      "<system-reminder>",
      "<task-notification>",
      "<bash-stdout>",
      "<bash-stderr>",
      "[Request interrupted by user",
      "Caveat: The messages below",
      "This session is being continued from a previous conversation"};
  text = Trim(text.substr(0, 256));
  return StartsWithAny(text, kStarts);
}

std::optional<int64_t> ExitCodeIn(std::string_view text) {
  if (text.starts_with("Error: ")) text.remove_prefix(7);
  if (!text.starts_with("Exit code ")) return std::nullopt;
  text.remove_prefix(10);
  return ParseInt(text.substr(0, text.find_first_not_of("-0123456789")));
}

struct SessionNotes {
  Stamped version, cwd, parent, forked_from;
};

// A call of the main chain that may have started an inline sidechain.
struct SpawnCall {
  int64_t ts = 0;
  std::string id, node, agent_name;
  uint64_t prompt_hash = 0;
};

// A record whose session is known only when the whole file has been seen.
struct Deferred {
  Fact fact;
  bool sidechain = false;
  KeptRecord record = 0;
};

struct ChainNode {
  std::string parent;
  std::string session;
  int64_t ts = INT64_MAX;
  uint64_t prompt_hash = 0;  // of a user line's text; 0: none
};

class ClaudeReader final : public JsonLineReader {
 public:
  ClaudeReader(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink), stem_(StemOf(file.path)), usage_only_(file.usage_only) {
    if (stem_.ends_with(".json")) stem_.resize(stem_.size() - 5);
    if (stem_.empty() || stem_ == "-") stem_ = "claude-code-stdin";
    // Some sub-agent files of 2.0 name the agent in the file name only.
    if (stem_.starts_with("agent-") && stem_.size() > 6) file_agent_ = stem_.substr(6);
    JsonParser parser;
    if (auto sidecar = parser.Parse(file.sidecar); !file.sidecar.empty() && sidecar) {
      parent_call_ = Cut((*sidecar)["toolUseId"].text(), 256);
      agent_name_ = Cut((*sidecar)["agentType"].text(), 256);
    }
  }

  // A session of Claude Code on the web: one document around the same records.
  void TakeLogLines(Json document) {
    document["loglines"].ForEachItem([&](Json record) {
      if (!record.is_object()) return Skip("not-an-object");
      std::string text = record.Canonical();
      text_ = text;
      sink().FromElement(record);
      TakeRecord(record);
    });
  }

 private:
  // A line whose message is a user's holds no usage that is billed; the first ones say where the session ran.
  bool Wanted(std::string_view line) const override {
    return !usage_only_ || !knows_folder_ || RoleOf(line) != "user";
  }

  void OnRecord(Json record) override {
    if (record["loglines"].is_array()) return TakeLogLines(record);
    text_ = raw();
    TakeRecord(record);
  }

  // Nothing in it is of this client: another's log was appended.
  static bool IsForeign(Json record, const Envelope& e) {
    if (!e.uuid.empty() || !e.session.empty() || e.type == "assistant" || e.type == "user") return false;
    return !record["leafUuid"] && !record["messageId"];
  }

  void TakeRecord(Json record) {
    Envelope e = ReadClaudeEnvelope(record);
    if (IsForeign(record, e)) return Skip("unknown-record");
    any_ = true;
    if (e.sidechain && e.agent.empty()) e.agent = file_agent_;
    if (!e.sidechain) e.agent = {};
    if (e.timestamp && !e.timestamp.is_null()) {
      e.ts = TimeOf(e.timestamp);
      if (!e.ts) Skip("wrong-type:timestamp");
    }
    Note(e);
    knows_folder_ = knows_folder_ || !e.cwd.empty();
    if (!usage_only_ && e.attachment["type"].text() == "skill_listing") OnSkillListing(e);
    if (e.type == "assistant") {
      OnAssistant(e);
    } else if (usage_only_) {
      return;
    } else if (e.type == "user") {
      OnUser(e);
    } else if (e.type == "attachment" && e.attachment["type"].text() == "queued_command") {
      OnQueuedCommand(e);
    } else if (e.type == "system" && e.subtype == "compact_boundary") {
      Add(e, Base(e, FactKind::kCompaction, RecordId(e)));
    } else if (!e.uuid.empty()) {
      Add(e, Base(e, FactKind::kLink, std::string(e.uuid)));
    }
  }

  void Note(const Envelope& e) {
    if (!e.session.empty() && e.agent.empty() && !e.sidechain && e.session != last_file_session_)
      last_file_session_ = *file_sessions_.emplace(e.session).first;
    std::string_view own = e.agent.empty() ? e.session : e.agent;
    if (own.empty() || (e.sidechain && e.agent.empty())) return;
    if (!last_notes_ || last_session_ != own) {
      last_notes_ = &sessions_[std::string(own)];
      last_session_ = own;
    }
    last_notes_->version.Take(e.version, e.ts.value_or(INT64_MIN), true);
    last_notes_->cwd.Take(e.cwd, e.ts.value_or(INT64_MAX), false);
    if (!e.agent.empty()) last_notes_->parent.Take(e.session, e.ts.value_or(INT64_MAX), false);
    if (e.forked_from) {
      std::string_view origin = e.forked_from["sessionId"].text();
      if (origin != own) last_notes_->forked_from.Take(origin, e.ts.value_or(INT64_MAX), false);
    }
  }

  // Records without an id of their own are identified by their content, so that repeating them changes
  // nothing.
  std::string RecordId(const Envelope& e) const {
    return e.uuid.empty() ? "line-" + HexOf(Hash64(text_)) : std::string(e.uuid);
  }

  Fact Base(const Envelope& e, FactKind kind, std::string id) const {
    Fact fact;
    fact.kind = kind;
    fact.source = kName;
    fact.session_id = e.agent.empty() ? e.session : e.agent;
    fact.id = std::move(id);
    fact.node = e.uuid;
    // The parent chain is cut at a compaction; the logical parent carries it on.
    fact.parent_node = e.parent.empty() ? e.logical_parent : e.parent;
    fact.start_ns = e.ts;
    fact.end_ns = e.ts;
    return fact;
  }

  // A fact whose session is known.
  void Give(Fact&& fact) {
    skills_.Observe(fact);
    sink().Add(std::move(fact));
  }

  void Add(const Envelope& e, Fact&& fact) {
    bool inline_sidechain = e.sidechain && e.agent.empty();
    if (!inline_sidechain && !fact.session_id.empty()) return Give(std::move(fact));
    if (inline_sidechain && !fact.node.empty()) {
      ChainNode& node = chain_[fact.node];
      node.parent = fact.parent_node;
      node.session = fact.session_id;
      node.ts = e.ts.value_or(INT64_MAX);
    }
    KeptRecord record = IsCut(fact) ? sink().KeepRecord() : 0;
    deferred_.push_back({std::move(fact), inline_sidechain, record});
  }

  void OnAssistant(const Envelope& e) {
    if (!e.message.is_object()) {
      Skip("wrong-type:message");
      if (!e.uuid.empty()) Add(e, Base(e, FactKind::kLink, std::string(e.uuid)));
      return;
    }
    std::string_view message_id = e.message["id"].text();
    std::string call_id = message_id.empty() ? RecordId(e) : std::string(message_id);
    Fact fact = Base(e, FactKind::kLlmCall, call_id);
    LlmCall& call = fact.llm.emplace();
    call.model = Cut(e.message["model"].text(), 256);
    call.stop_reason = Cut(e.message["stop_reason"].text(), 64);
    // What telemetry knows the call by.
    if (!e.request.empty()) call.aliases.push_back(Cut(e.request, 256));
    TakeUsage(e, call_id, &call);
    if (auto cost = e.cost.number()) {
      if (auto dollars = Usd::FromDouble(*cost); dollars && dollars->pico() > 0)
        call.reported_cost = *dollars;
    }
    int64_t index = 0;
    bool answer = call.model != "<synthetic>" && !e.api_error;
    // What was said costs what the usage says.
    Json content = usage_only_ && answer ? Json() : e.message["content"];
    if (content.is_array()) {
      content.ForEachItem([&](Json block) { OnAssistantBlock(e, block, call_id, index++, &call); });
    } else if (auto text = content.string()) {
      AddText(*text, &call);
    } else if (content && !content.is_null()) {
      Skip("wrong-type:content");
    }
    if (call.model == "<synthetic>" || e.api_error) {
      call.billed = false;
      // Said by the client when a prompt needs no answer: local, but no failure.
      if (call.text != "No response requested.") call.error = ErrorLine(call.text);
      if (call.error.empty() && e.error.is_string()) call.error = Cut(e.error.text(), kMaxError);
    }
    Add(e, std::move(fact));
  }

  void TakeUsage(const Envelope& e, const std::string& call_id, LlmCall* call) {
    Json json = e.message["usage"];
    Usage usage;
    UsageState state = ReadClaudeUsage(json, &usage, &call->service_tier);
    if (state == UsageState::kWrongType) return Skip("wrong-type:usage");
    if (state == UsageState::kImplausible) return Skip("implausible:usage");
    if (state == UsageState::kAbsent) return;
    call->usage = usage;
    call->web_searches = SearchesOf(json);
    if (!json["iterations"]) return;
    Iterations iterations = ReadIterations(json);
    if (iterations.unusable) Skip("wrong-type:iterations");
    if (iterations.answer) call->usage = iterations.answer;
    for (size_t i = 0; i < iterations.extra.size(); ++i) {
      const ExtraSampling& extra = iterations.extra[i];
      std::string id = call_id + "/" + extra.kind + "-" + std::to_string(i + 1);
      if (extra.kind == "compaction") Add(e, Base(e, FactKind::kCompaction, id));
      Fact fact = Base(e, FactKind::kLlmCall, std::move(id));
      LlmCall& own = fact.llm.emplace();
      own.model = extra.model.empty() ? call->model : extra.model;
      own.service_tier = extra.model.empty() ? call->service_tier : "";
      own.usage = extra.usage;
      own.auxiliary = true;
      Add(e, std::move(fact));
    }
  }

  static void AddText(std::string_view text, LlmCall* call) {
    call->text_bytes += static_cast<int64_t>(text.size());
    if (call->text.size() < kMaxText) call->text += PrefixUtf8(text, kMaxText - call->text.size());
  }

  void OnAssistantBlock(const Envelope& e, Json block, const std::string& call_id, int64_t index,
                        LlmCall* call) {
    std::string_view type = block["type"].text();
    if (type == "text") return AddText(block["text"].text(), call);
    if (type == "thinking") {
      call->thinking_bytes += static_cast<int64_t>(block["thinking"].text().size());
    } else if (type.ends_with("tool_use")) {
      OnToolUse(e, block, call_id, index);
    } else if (type.ends_with("tool_result")) {
      OnToolResult(e, block);  // a tool that ran on the provider's side
    } else if (!block.is_object()) {
      Skip("wrong-type:content");
    }
  }

  void OnToolUse(const Envelope& e, Json block, const std::string& call_id, int64_t index) {
    Json id = block["id"], name = block["name"], input = block["input"];
    if (!id.is_string() || !name.is_string()) Skip("wrong-type:tool_use");
    std::string tool_id(id.text());
    if (tool_id.empty()) tool_id = RecordId(e) + "#" + std::to_string(index);
    Fact fact = Base(e, FactKind::kToolUse, tool_id);
    fact.end_ns.reset();
    ToolUse& tool = fact.tool.emplace();
    tool.llm_call = call_id;
    tool.name = Cut(name.text(), 256);
    tool.index = index;
    tool.cwd = e.cwd;
    SetArgs(input, &tool);
    if (!e.sidechain && (tool.name == "Task" || tool.name == "Agent")) {
      spawns_[tool_id] = {e.ts.value_or(INT64_MAX), tool_id, std::string(e.uuid),
                          Cut(input["subagent_type"].text(), 256), Hash64(input["prompt"].text())};
    }
    Add(e, std::move(fact));
  }

  void OnUser(const Envelope& e) {
    Json content = e.message["content"];
    bool has_result = false, has_text = content.is_string(), has_other = false;
    content.ForEachItem([&](Json block) {
      std::string_view type = block["type"].text();
      if (type.ends_with("tool_result")) {
        has_result = true;
        OnToolResult(e, block);
      } else if (type == "text") {
        has_text = true;
      } else if (block.is_object()) {
        has_other = true;
      } else {
        Skip("wrong-type:content");
      }
    });
    if (!e.message.is_object()) {
      Skip("wrong-type:message");
    } else if (!content.is_array() && !content.is_string() && content && !content.is_null()) {
      Skip("wrong-type:content");
    }
    if (has_text || (has_other && !has_result)) {
      std::string buffer;
      AddUserTurn(e, ContentText(content, &buffer));
    } else if (!has_result && !e.uuid.empty()) {
      Add(e, Base(e, FactKind::kLink, std::string(e.uuid)));
    }
    if (e.compact_summary && e.parent.empty() && e.logical_parent.empty()) {
      // A summary that follows no boundary record is the only trace of its compaction.
      Add(e, Base(e, FactKind::kCompaction, RecordId(e)));
    }
  }

  void AddUserTurn(const Envelope& e, std::string_view text) {
    Fact fact = Base(e, FactKind::kUser, RecordId(e));
    UserTurn& user = fact.user.emplace();
    user.text = Cut(text, kMaxText);
    user.text_bytes = static_cast<int64_t>(text.size());
    user.is_meta = e.meta || e.compact_summary || e.source_tool.is_string() || IsClientText(text);
    std::string node = fact.node;
    Add(e, std::move(fact));
    if (auto found = chain_.find(node); found != chain_.end() && !text.empty())
      found->second.prompt_hash = Hash64(text);
  }

  void OnSkillListing(const Envelope& e) {
    std::vector<SkillUse> listed;
    e.attachment["names"].ForEachItem([&](Json name) {
      if (!name.text().empty()) listed.push_back({Cut(name.text(), 64), SkillStage::kListed, {}, {}});
    });
    if (listed.empty()) listed = ListedSkills(e.attachment["content"].text(), false);
    for (SkillUse& skill : listed)
      Add(e, SkillFact(Base(e, FactKind::kLink, std::string()), std::move(skill)));
  }

  void OnQueuedCommand(const Envelope& e) {
    std::string buffer;
    std::string_view text = ContentText(e.attachment["prompt"], &buffer);
    AddUserTurn(e, text);
  }

  void OnToolResult(const Envelope& e, Json block) {
    std::string_view id = block["tool_use_id"].text();
    if (id.empty()) {
      Skip("wrong-type:tool_result");
      if (!e.uuid.empty()) Add(e, Base(e, FactKind::kLink, std::string(e.uuid)));
      return;
    }
    Fact fact = Base(e, FactKind::kToolResult, std::string(id));
    ToolResult& result = fact.result.emplace();
    std::string buffer;
    std::string_view text = ContentText(block["content"], &buffer);
    SetOutput(text, &result);
    Json extra = e.tool_use_result;
    std::string_view said = extra.text();
    bool failed = block["is_error"].boolean().value_or(false) || said.starts_with("Error") ||
                  text.starts_with("<tool_use_error>");
    // Nothing ran: a person said no, or stopped it.
    bool stopped =
        text.starts_with("The user doesn't want to ") || said.starts_with("The user doesn't want to ") ||
        text.starts_with("[Request interrupted by user") || extra["interrupted"].boolean().value_or(false);
    result.status = stopped ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
    if (failed) result.exit_code = ExitCodeIn(text);
    if (failed && !result.exit_code) result.exit_code = ExitCodeIn(said);
    if (failed || stopped) {
      result.error = ErrorLine(text);
      if (result.error.empty()) result.error = ErrorLine(said);
    }
    result.unchanged =
        extra["type"].text() == "file_unchanged" ||
        (!failed && text.size() < 400 && ContainsIgnoreCase(text, "file unchanged since your last read"));
    result.child_session = Cut(extra["agentId"].text(), 256);
    Add(e, std::move(fact));
  }

  void OnEnd() override {
    // Lines without a session id belong to the file's only session, else to one named after the file.
    std::string home = file_sessions_.size() == 1 ? *file_sessions_.begin() : stem_;
    std::map<std::string, std::vector<std::string>> groups = ResolveSidechains(home);
    for (Deferred& record : deferred_) {
      std::string session = record.fact.session_id.empty() ? home : record.fact.session_id;
      if (record.sidechain) {
        std::string_view root =
            record.fact.node.empty() ? std::string_view(record.fact.id) : RootOf(record.fact.node);
        record.fact.session_id = SidechainId(session, root);
        SessionNotes& notes = sessions_[record.fact.session_id];
        notes.parent.Take(session, 0, false);
      } else {
        record.fact.session_id = session;
        sessions_.try_emplace(session);
      }
      sink().FromKept(record.record);
      Give(std::move(record.fact));
    }
    if (sessions_.empty() && any_) sessions_.try_emplace(home);
    for (auto& [id, notes] : sessions_) AddSession(id, notes, groups);
    skills_.Emit(&sink());
    deferred_.clear();
  }

  static std::string SidechainId(std::string_view session, std::string_view root) {
    return std::string(session) + ":sidechain:" + std::string(root);
  }

  // The first sidechain record above a node; the smallest id of the ring when the chain is one. Memoised, so
  // a long chain is walked once.
  std::string_view RootOf(std::string_view node) {
    auto at = chain_.find(node);
    if (at == chain_.end()) return node;
    std::vector<std::string_view> path;
    std::unordered_set<std::string_view> seen;
    std::string_view root;
    while (root.empty()) {
      if (auto known = roots_.find(at->first); known != roots_.end()) {
        root = known->second;
      } else if (!seen.insert(at->first).second) {
        root = *std::min_element(std::ranges::find(path, at->first), path.end());
      } else {
        path.push_back(at->first);
        auto next = chain_.find(at->second.parent);
        if (next == chain_.end())
          root = at->first;
        else
          at = next;
      }
    }
    for (std::string_view step : path) roots_.emplace(step, root);
    return root;
  }

  // Finds for every inline sidechain the call that started it: the one on the record it hangs on, else the
  // one with its prompt; several equal prompts are paired in time order. Result: sidechain session -> {call
  // id, agent name}.
  std::map<std::string, std::vector<std::string>> ResolveSidechains(const std::string& home) {
    std::map<std::string, std::vector<std::string>> linked;
    std::vector<const SpawnCall*> calls;
    for (auto& [id, call] : spawns_) calls.push_back(&call);
    std::ranges::sort(calls, {}, [](auto* c) { return std::tie(c->ts, c->id); });
    std::unordered_map<uint64_t, std::vector<const SpawnCall*>> by_prompt;
    std::unordered_map<std::string_view, const SpawnCall*> by_node;
    for (const SpawnCall* call : calls) {
      by_prompt[call->prompt_hash].push_back(call);
      if (!call->node.empty()) by_node.emplace(call->node, call);
    }
    std::vector<std::pair<int64_t, std::string_view>> roots;
    for (auto& [uuid, node] : chain_) {
      if (RootOf(uuid) == uuid) roots.emplace_back(node.ts, uuid);
    }
    std::ranges::sort(roots);
    std::unordered_map<uint64_t, size_t> used;
    for (auto& [ts, uuid] : roots) {
      const ChainNode& node = chain_.find(uuid)->second;
      const SpawnCall* call = nullptr;
      if (auto found = by_node.find(node.parent); found != by_node.end()) call = found->second;
      if (!call && node.prompt_hash) {
        auto found = by_prompt.find(node.prompt_hash);
        size_t next = found == by_prompt.end() ? 0 : used[node.prompt_hash]++;
        if (found != by_prompt.end() && next < found->second.size()) call = found->second[next];
      }
      if (call)
        linked[SidechainId(node.session.empty() ? home : node.session, uuid)] = {call->id, call->agent_name};
    }
    return linked;
  }

  void AddSession(const std::string& id, const SessionNotes& notes,
                  const std::map<std::string, std::vector<std::string>>& sidechains) {
    Fact fact;
    fact.kind = FactKind::kSession;
    fact.source = kName;
    fact.session_id = id;
    fact.id = "session";
    SessionInfo& info = fact.session.emplace();
    info.agent = kName;
    info.agent_version = notes.version.value;
    info.cwd = notes.cwd.value;
    info.forked_from = notes.forked_from.value;
    info.parent_session = notes.parent.value;
    if (!info.parent_session.empty()) {
      info.parent_call = parent_call_;
      info.agent_name = agent_name_;
      if (info.agent_version.empty()) {  // an inline sidechain: what holds for its session holds for it
        auto parent = sessions_.find(info.parent_session);
        if (parent != sessions_.end()) info.agent_version = parent->second.version.value;
        if (parent != sessions_.end() && info.cwd.empty()) info.cwd = parent->second.cwd.value;
      }
    }
    if (auto found = sidechains.find(id); found != sidechains.end()) {
      info.parent_call = found->second[0];
      info.agent_name = found->second[1];
    }
    sink().Add(std::move(fact));
  }

  std::string stem_, file_agent_, parent_call_, agent_name_;
  std::string_view text_;  // of the record at hand
  bool usage_only_ = false;
  bool knows_folder_ = false;
  bool any_ = false;
  std::map<std::string, SessionNotes> sessions_;
  SessionNotes* last_notes_ = nullptr;  // of last_session_; records of one session follow each other
  std::string last_session_;
  std::unordered_set<std::string> file_sessions_;
  std::string last_file_session_;
  std::vector<Deferred> deferred_;
  std::map<std::string, ChainNode, std::less<>> chain_;           // inline sidechain records by uuid
  std::unordered_map<std::string_view, std::string_view> roots_;  // into chain_
  std::map<std::string, SpawnCall> spawns_;
  SkillObserver skills_;
};

class WebSessionReader final : public JsonDocumentReader {
 public:
  WebSessionReader(const FileContext& file, FactSink* sink)
      : JsonDocumentReader(sink), records_(file, sink) {}

 protected:
  void OnDocument(Json document) override {
    if (!document["loglines"].is_array()) return Skip("missing:loglines");
    records_.TakeLogLines(document);
    records_.Finish();
  }

 private:
  ClaudeReader records_;
};

enum class Guess { kNo, kMaybe, kYes, kUnknown };

// Clients whose records look alike. Qwen Code has the same envelope around messages with parts, not content.
bool IsForeign(Json record) {
  // iFlow copies the envelope too; its session ids are "session-<uuid>".
  return record["session_id"] || record["hook_event_name"] || record["systemPayload"] ||
         record["usageMetadata"] || record["provenance"] || record["payload"] ||
         record["sessionId"].text().starts_with("session-");
}

Guess GuessOf(Json record) {
  if (!record.is_object()) return Guess::kUnknown;
  if (IsForeign(record)) return Guess::kNo;
  std::string_view type = record["type"].text();
  bool session = record["sessionId"].is_string();
  if (type == "user" || type == "assistant") {
    Json content = record["message"]["content"];
    if (!content.is_string() && !content.is_array()) return Guess::kUnknown;
    bool enveloped = session && record["uuid"].is_string();
    return enveloped || record["timestamp"].is_string() ? Guess::kYes : Guess::kUnknown;
  }
  if (type == "summary") return record["leafUuid"] && record["summary"] ? Guess::kMaybe : Guess::kUnknown;
  if (type == "file-history-snapshot") return record["snapshot"] ? Guess::kMaybe : Guess::kUnknown;
  if (!session) return Guess::kUnknown;
  if (type == "system" || type == "attachment" || type == "progress") {
    return record["uuid"].is_string() && record["timestamp"].is_string() ? Guess::kYes : Guess::kUnknown;
  }
  static constexpr std::string_view kSmall[] = {
      "queue-operation", "last-prompt", "mode", "permission-mode", "ai-title", "custom-title",
      "agent-name",      "agent-color", "tag",  "pr-link"};
  return std::ranges::find(kSmall, type) != std::end(kSmall) ? Guess::kMaybe : Guess::kUnknown;
}

bool IsWebSession(std::string_view head) {
  if (head.find("\"loglines\"") == std::string_view::npos) return false;
  JsonParser parser;
  Json first = HeadDocument(head, &parser)["loglines"].at(0);
  return GuessOf(first) == Guess::kYes || GuessOf(first) == Guess::kMaybe;
}

bool Sniff(std::string_view head) {
  if (IsWebSession(head)) return true;
  Guess best = Guess::kUnknown;
  std::string_view rest = ForEachHeadLine(head, [&](Json record) {
    Guess guess = GuessOf(record);
    if (guess != Guess::kUnknown) best = guess;
    return guess == Guess::kUnknown || guess == Guess::kMaybe;
  });
  if (best == Guess::kUnknown && rest.starts_with('{')) {
    // The first record is larger than the head (a pasted picture): its keys come before its content.
    auto has = [&](std::string_view key) { return rest.find(key) != std::string_view::npos; };
    return has("\"parentUuid\"") && has("\"sessionId\"") && has("\"isSidechain\"") && !has("\"parts\"") &&
           !has("\"session_id\"");
  }
  return best == Guess::kYes || best == Guess::kMaybe;
}

// The session that owns the file: stated in the content; in a head without it, the name of the file or of the
// folder that holds its "subagents".
std::string UnitKey(std::string_view path, std::string_view head) {
  std::string session;
  ForEachHeadLine(head, [&](Json record) {
    session = record["sessionId"].text();
    return session.empty();
  });
  if (session.empty()) {
    if (size_t folder = path.rfind("/subagents/"); folder != std::string_view::npos) {
      session = StemOf(path.substr(0, folder));
    } else if (std::string_view stem = StemOf(path); stem.size() == 36 && stem[8] == '-') {
      session = stem;
    }
  }
  return session.empty() ? std::string() : std::string(kName) + ":" + session;
}

std::string SidecarPath(std::string_view path) {
  std::string_view stem = StemOf(path);
  if (!stem.starts_with("agent-") || !path.ends_with(".jsonl")) return {};
  return std::string(path.substr(0, path.size() - 6)) + ".meta.json";
}

std::string_view Companion(std::string_view head) {
  bool journal = false;
  ForEachHeadLine(head, [&](Json record) {
    std::string_view type = record["type"].text();
    journal =
        (type == "started" || type == "result") && record["agentId"].is_string() && record["key"].is_string();
    return false;
  });
  return journal ? "the journal of a Claude Code workflow, whose agents' logs lie beside it" : "";
}

}  // namespace

extern const Importer kClaudeCode;
const Importer kClaudeCode = {
    .name = kName,
    .summary = "Claude Code session logs (JSONL) with their sub-agent files",
    .default_root = ".claude/projects",
    .file_suffixes = ".jsonl,.json",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return LinesOrDocument(std::make_unique<ClaudeReader>(file, sink),
                             std::make_unique<WebSessionReader>(file, sink));
    },
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
    .companion = Companion,
};

}  // namespace clawtrace::capture

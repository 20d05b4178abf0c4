// Codex CLI rollouts: ~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl, one file a thread. docs/formats/codex.md
// says what is read and how calls are counted.
#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importer.h"
#include "capture/importers/codex_events.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "codex";

using Event = CodexEvent;

// Milliseconds inside a time-ordered id (UUID version 7).
std::optional<uint64_t> TimeInId(std::string_view id) {
  if (id.size() != 36 || id[8] != '-' || id[13] != '-' || id[14] != '7') return std::nullopt;
  uint64_t value = 0;
  for (char c : std::string(id.substr(0, 8)) + std::string(id.substr(9, 4))) {
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<uint64_t>(digit);
  }
  return value;
}

// Makes one thread of its events, which are given in order.
class Thread {
 public:
  Thread(std::string fallback_id, bool ordered, FactSink* sink)
      : id_(std::move(fallback_id)), ordered_(ordered), sink_(*sink) {}

  void Run(std::vector<Event>& events) {
    Survey(events);
    for (Event& event : events) {
      if (IsReplayed(event)) continue;
      Take(event);
    }
    Close(std::nullopt, nullptr, std::string());
    for (auto& [call, fact] : pending_) AddDone(call, fact, nullptr);
    Fact fact = Base(FactKind::kSession, "session", nullptr);
    if (unclear_) info_.notes.push_back("replayed_history_unclear");
    fact.session = info_;
    sink_.Add(std::move(fact));
  }

 private:
  // What must be known before the first event is taken.
  void Survey(std::vector<Event>& events) {
    bool own = false;
    for (Event& e : events) {
      if (e.kind == Event::Kind::kMeta && !own) {
        own = true;
        if (!e.thread.empty()) id_ = e.thread;
        info_ = *e.fact.session;
        provider_ = e.provider;
      } else if (e.kind == Event::Kind::kMeta && !e.thread.empty() && e.thread != id_) {
        if (info_.forked_from.empty()) info_.forked_from = e.thread;
        copied_ = true;
      }
      if (e.kind == Event::Kind::kUsage) {
        if (e.counted) (e.record ? has_records_ : has_counts_) = true;
        if (!e.plan.empty()) billing_ = "subscription";
      }
      if (e.kind == Event::Kind::kTurn && !e.turn.empty() && !e.model.empty()) models_[e.turn] = e.model;
      if (e.kind == Event::Kind::kUser && !e.mirror && !e.fact.user->is_meta) has_messages_ = true;
      if (e.kind == Event::Kind::kCompaction && !e.mirror) has_compactions_ = true;
      if (e.kind == Event::Kind::kResult) answered_.insert(e.fact.id);
      if (e.kind == Event::Kind::kDone) done_.insert_or_assign(e.fact.id, std::pair(e.fact, e.kept));
      if (!e.child.empty()) children_.emplace(e.fact.id, e.child);
      if (e.kind == Event::Kind::kTool) tool_names_.emplace(e.fact.id, e.fact.tool->name);
    }
    info_.agent = kName;
    if (info_.billing.empty()) info_.billing = billing_;
    created_ = TimeInId(id_);
  }

  // A forked or spawned thread may begin with a copy of its parent's history. That was billed there. A copied
  // turn is known by its thread, or by being older than this thread.
  bool IsReplayed(const Event& e) {
    if (e.kind == Event::Kind::kMeta) {
      if (!e.thread.empty() && e.thread != id_) {
        replaying_ = true;
        judged_turn_.clear();
      }
      return false;
    }
    if (!e.turn.empty() && e.turn != judged_turn_) {
      auto begun = TimeInId(e.turn);
      replaying_ = begun && created_ && *begun < *created_;
      if (copied_ && (!begun || !created_)) unclear_ = true;
      judged_turn_ = e.turn;
    }
    bool foreign = !e.thread.empty() && e.thread != id_;
    if (!replaying_ && !foreign) return false;
    if (e.kind == Event::Kind::kUsage && e.total) total_ = e.total;
    return true;
  }

  void Take(Event& e) {
    switch (e.kind) {
      case Event::Kind::kMeta:
        break;
      case Event::Kind::kTurn:
        OnTurn(e);
        break;
      case Event::Kind::kTurnEnd:
        if (e.aborted) {
          for (auto& [call, fact] : pending_) AddDone(call, fact, &e);
          pending_.clear();
        }
        break;
      case Event::Kind::kUser:
        if (e.mirror && has_messages_) break;
        if (!HasUsage()) Close(std::nullopt, nullptr, std::string());
        Add(e);
        break;
      case Event::Kind::kText:
      case Event::Kind::kTool:
        OnAnswer(e);
        break;
      case Event::Kind::kResult:
        OnResult(e);
        break;
      case Event::Kind::kDone:
        break;
      case Event::Kind::kSkills:
        for (SkillUse& skill : e.listed)
          sink_.Add(SkillFact(Base(FactKind::kLink, std::string(), &e), std::move(skill)));
        break;
      case Event::Kind::kUsage:
        OnUsage(e);
        break;
      case Event::Kind::kCompaction:
        if (!e.mirror || !has_compactions_) Add(e);
        break;
      case Event::Kind::kError:
        e.fact.llm->model = model_;
        e.fact.llm->provider = provider_;
        Add(e);
        break;
    }
  }

  bool HasUsage() const { return has_records_ || has_counts_; }

  Fact Base(FactKind kind, std::string id, const Event* at) const {
    Fact fact;
    fact.kind = kind;
    fact.source = kName;
    fact.session_id = id_;
    fact.id = std::move(id);
    if (at) {
      fact.ordinal = ordered_ ? at->ordinal : -1;
      fact.start_ns = fact.end_ns = at->ts;
    }
    return fact;
  }

  void Add(Event& e) {
    Fact fact = Base(e.fact.kind, std::move(e.fact.id), &e);
    fact.user = std::move(e.fact.user);
    fact.llm = std::move(e.fact.llm);
    fact.tool = std::move(e.fact.tool);
    fact.result = std::move(e.fact.result);
    sink_.FromKept(e.kept);
    sink_.Add(std::move(fact));
  }

  void OnTurn(const Event& e) {
    if (e.starts_turn && (e.turn.empty() || e.turn != turn_)) Close(std::nullopt, nullptr, std::string());
    if (!e.turn.empty()) turn_ = e.turn;
    if (!e.model.empty()) model_ = e.model;
    if (!e.cwd.empty()) cwd_ = e.cwd;
    if (!e.tier.empty())
      tier_ = e.tier == "default" || e.tier == "auto" || e.tier == "standard" ? "" : e.tier;
  }

  // A part of a model's answer. Without usage records an answer ends where something follows a tool's output.
  void OnAnswer(Event& e) {
    if (!HasUsage() && saw_output_) Close(std::nullopt, nullptr, std::string());
    if (!call_) {
      call_ = Base(FactKind::kLlmCall, "items-" + e.fact.id, &e);
      call_->llm.emplace();
    }
    if (e.ts) call_->end_ns = e.ts;
    if (e.kind == Event::Kind::kTool) {
      Fact fact = Base(FactKind::kToolUse, e.fact.id, &e);
      fact.end_ns.reset();
      fact.tool = std::move(e.fact.tool);
      fact.tool->index = static_cast<int64_t>(tools_.size());
      if (fact.tool->cwd.empty()) fact.tool->cwd = cwd_.empty() ? info_.cwd : cwd_;
      if (!answered_.contains(fact.id)) pending_.emplace(fact.id, Base(FactKind::kToolResult, fact.id, &e));
      tools_.emplace_back(std::move(fact), e.kept);
      return;
    }
    LlmCall& call = *call_->llm;
    call_records_.push_back(e.kept);
    call.text_bytes += e.fact.llm->text_bytes;
    call.thinking_bytes += e.fact.llm->thinking_bytes;
    if (call.text.size() < kMaxText) call.text += PrefixUtf8(e.fact.llm->text, kMaxText - call.text.size());
  }

  void OnResult(Event& e) {
    saw_output_ = true;
    ToolResult& result = *e.fact.result;
    if (auto done = done_.find(e.fact.id); done != done_.end()) {
      const ToolResult& said = *done->second.first.result;
      if (!result.exit_code) result.exit_code = said.exit_code;
      if (result.status == ToolStatus::kOk && said.status != ToolStatus::kUnknown)
        result.status = said.status;
      if (result.status != ToolStatus::kOk && result.error.empty()) result.error = said.error;
    }
    SetError(&result);
    result.child_session = ChildOf(e.fact.id);
    Add(e);
  }

  static void SetError(ToolResult* result) {
    if (result->status == ToolStatus::kOk || !result->error.empty()) return;
    result->error = ErrorLine(result->output);
    if (result->error.empty() && result->exit_code) {
      result->error = "Process exited with code " + std::to_string(*result->exit_code);
    }
  }

  std::string ChildOf(const std::string& call) const {
    auto name = tool_names_.find(call);
    auto child = children_.find(call);
    return child != children_.end() && name != tool_names_.end() && name->second == "spawn_agent"
               ? child->second
               : std::string();
  }

  // A call without an output record: what its completion event says, or that its turn was aborted.
  void AddDone(const std::string& call, Fact& fact, const Event* abort) {
    auto done = done_.find(call);
    if (done == done_.end() && !abort) return;
    if (abort && abort->ts) fact.start_ns = fact.end_ns = abort->ts;
    fact.result.emplace();
    if (done != done_.end()) {
      fact.result = done->second.first.result;
      SetError(&*fact.result);
      fact.result->child_session = ChildOf(call);
    } else {
      fact.result->status = ToolStatus::kAborted;
      fact.result->error = "turn aborted";
    }
    sink_.FromKept(done != done_.end() ? done->second.second : 0);
    sink_.Add(std::move(fact));
  }

  void OnUsage(Event& e) {
    if (!e.counted || (!e.record && has_records_)) return;
    std::optional<Usage> usage = e.usage;
    std::string id = e.fact.id;
    if (!e.record) {
      // Rate limit news repeat the last count; a call is counted when the total moved.
      if (e.total && total_ && *e.total == *total_) return;
      if (!usage && e.total) usage = total_ ? Difference(*e.total, *total_).value_or(*e.total) : *e.total;
      if (e.total) total_ = e.total;
      if (!usage && !call_) return;
      if (e.total) id = turn_ + ":" + VectorOf(*e.total);
    }
    Close(usage, &e, id);
  }

  // The answer being collected is complete.
  void Close(const std::optional<Usage>& usage, const Event* at, const std::string& id) {
    if (!call_ && !at) return;
    if (!call_) {
      call_ = Base(FactKind::kLlmCall, std::string(), at);
      call_->llm.emplace();
    }
    Fact fact = std::move(*call_);
    if (!id.empty()) fact.id = id;
    if (at && at->record && at->ts) fact.end_ns = at->ts;
    const std::string& turn = at && !at->turn.empty() ? at->turn : turn_;
    auto model = models_.find(turn);
    fact.llm->model = model != models_.end() ? model->second : model_;
    fact.llm->provider = provider_;
    fact.llm->service_tier = tier_;
    fact.llm->usage = usage;
    for (auto& [tool, record] : tools_) {
      tool.tool->llm_call = fact.id;
      sink_.FromKept(record);
      sink_.Add(std::move(tool));
    }
    sink_.FromKept(call_records_);
    sink_.Add(std::move(fact));
    call_records_.clear();
    call_.reset();
    tools_.clear();
    saw_output_ = false;
  }

  std::string id_;
  bool ordered_;
  FactSink& sink_;
  SessionInfo info_;
  std::string billing_, provider_;
  std::optional<uint64_t> created_;
  bool has_records_ = false, has_counts_ = false, has_messages_ = false, has_compactions_ = false;
  bool copied_ = false;   // another thread's header stands in the file
  bool unclear_ = false;  // whose turns it has cannot be told
  std::unordered_map<std::string, std::string> models_, tool_names_, children_;
  std::unordered_set<std::string> answered_;
  std::unordered_map<std::string, std::pair<Fact, KeptRecord>> done_;

  bool replaying_ = false;
  std::string judged_turn_;
  std::string turn_, model_, tier_, cwd_;
  std::optional<Usage> total_;
  std::optional<Fact> call_;  // the answer being collected
  std::vector<std::pair<Fact, KeptRecord>> tools_;
  std::vector<KeptRecord> call_records_;
  bool saw_output_ = false;
  std::map<std::string, Fact> pending_;  // calls without an output record
};

class CodexReader final : public JsonLineReader {
 public:
  CodexReader(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink), records_([this](std::string_view reason) { Skip(reason); }) {
    std::string_view stem = StemOf(file.path);
    // rollout-<time>-<thread id>
    if (stem.starts_with("rollout-") && stem.size() > 36) stem.remove_prefix(stem.size() - 36);
    fallback_id_ = stem.empty() || stem == "-" ? "codex-stdin" : stem;
  }

 private:
  void OnRecord(Json record) override {
    any_ = true;
    size_t before = events_.size();
    records_.Read(record, raw(), &events_);
    for (; before < events_.size(); ++before) {
      Event& event = events_[before];
      // An answer may be long that none of its messages is.
      if (IsCut(event.fact) || event.kind == Event::Kind::kText) event.kept = sink().KeepRecord();
    }
  }

  // By the positions that the source states, when it states one for every record and no two share one; else
  // by time.
  bool Sort() {
    std::unordered_set<int64_t> ordinals;
    bool ordered = std::ranges::all_of(events_, [&](const Event& e) {
      return e.kind == Event::Kind::kDone || (e.ordinal >= 0 && ordinals.insert(e.ordinal).second);
    });
    // A record without a time belongs with the one before it. Ties keep the order of the file.
    std::vector<std::pair<int64_t, size_t>> keys;
    int64_t last = INT64_MIN;
    for (const Event& e : events_) {
      last = e.ts.value_or(last);
      keys.emplace_back(ordered ? e.ordinal : last, keys.size());
    }
    std::ranges::sort(keys);
    std::vector<Event> sorted;
    sorted.reserve(events_.size());
    for (auto& [key, position] : keys) sorted.push_back(std::move(events_[position]));
    events_ = std::move(sorted);
    return ordered;
  }

  void OnEnd() override {
    if (!any_) return;
    bool ordered = Sort();
    SkillSink skills(&sink());
    Thread(fallback_id_, ordered, &skills).Run(events_);
    skills.Finish();
    events_ = {};
  }

  std::string fallback_id_;
  bool any_ = false;
  CodexRecords records_;
  std::vector<Event> events_;
};

bool IsRollout(Json record) {
  static constexpr std::string_view kTypes[] = {"session_meta", "response_item", "event_msg",
                                                "turn_context", "compacted",     "token_usage_record",
                                                "world_state"};
  if (IsBareCodexMeta(record)) return true;
  return record["payload"].is_object() && record["timestamp"].is_string() &&
         std::ranges::find(kTypes, record["type"].text()) != std::end(kTypes);
}

bool Sniff(std::string_view head) {
  bool found = false, any = false;
  ForEachHeadLine(head, [&](Json record) {
    any = true;
    return !(found = IsRollout(record));
  });
  if (any) return found;
  // The header is larger than the head (long base instructions): its keys come before them.
  auto has = [&](std::string_view text) { return head.find(text) != std::string_view::npos; };
  return has("\"session_meta\"") && has("\"payload\"") && has("\"timestamp\"");
}

// The text of a member in a line that the head cuts off.
std::string_view MemberIn(std::string_view line, std::string_view quoted_key) {
  size_t at = line.find(quoted_key);
  if (at == std::string_view::npos) return {};
  std::string_view rest = Trim(line.substr(at + quoted_key.size()));
  if (!rest.starts_with(':')) return {};
  rest = Trim(rest.substr(1));
  if (!rest.starts_with('"')) return {};
  return rest.substr(1, std::min(rest.find('"', 1), size_t{257}) - 1);
}

// The root thread: new files state it as session_id; older ones name the parent only.
std::string UnitKey(std::string_view, std::string_view head) {
  std::string root;
  bool any = false;
  ForEachHeadLine(head, [&](Json record) {
    any = true;
    Json meta = record["type"].text() == "session_meta" ? record["payload"]
                : IsBareCodexMeta(record)               ? record
                                                        : Json();
    root = meta["session_id"].text();
    if (root.empty()) root = CodexParentOf(meta);
    if (root.empty()) root = meta["id"].text();
    return root.empty();
  });
  for (std::string_view key : {"\"session_id\"", "\"parent_thread_id\"", "\"id\""}) {
    if (!any && root.empty()) root = MemberIn(head, key);
  }
  return root.empty() ? std::string() : std::string(kName) + ":" + root;
}

}  // namespace

extern const Importer kCodex;
const Importer kCodex = {
    .name = kName,
    .summary = "Codex CLI rollouts (JSONL)",
    .default_root = ".codex/sessions",
    .file_suffixes = ".jsonl",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<CodexReader>(file, sink);
    },
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture

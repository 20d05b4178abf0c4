// The canonical facts of the sessions: what was billed, what the tools did, what was asked, and what cannot
// be known.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>

#include "capture/line_reader.h"
#include "capture/otlp_tree.h"

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;

// What one span adds to its session, before it becomes a fact.
struct Item {
  int node = -1;
  FactKind kind = FactKind::kLlmCall;
  std::string id;
  std::optional<int64_t> start_ns;
  std::optional<LlmCall> llm;
};

Usage Minus(const Usage& a, const Usage& b) {
  Usage out;
  for (auto field :
       {&Usage::uncached_input, &Usage::cache_read, &Usage::cache_write_5m, &Usage::cache_write_1h,
        &Usage::cache_write_unknown, &Usage::output, &Usage::reasoning}) {
    out.*field = a.*field - b.*field;
  }
  return out;
}

// Sums over any number of spans stay far from overflow; such sums are no real usage anyway.
void AddBounded(const Usage& other, Usage* sum) {
  *sum += other;
  for (auto field :
       {&Usage::uncached_input, &Usage::cache_read, &Usage::cache_write_5m, &Usage::cache_write_1h,
        &Usage::cache_write_unknown, &Usage::output, &Usage::reasoning}) {
    sum->*field = std::min(sum->*field, int64_t{1} << 57);
  }
}

bool AnyNegative(const Usage& usage) {
  for (auto field : {&Usage::uncached_input, &Usage::cache_read, &Usage::cache_write_5m,
                     &Usage::cache_write_1h, &Usage::cache_write_unknown, &Usage::output}) {
    if (usage.*field < 0) return true;
  }
  return false;
}

// What the calls of a session and all below it add up to, for the counters of the whole run.
struct RunSum {
  Usage usage;
  Usd cost;
  bool all_costs = true;
  int64_t calls = 0;
};

class Emitter {
 public:
  Emitter(const SpanTree& tree, std::vector<SpanSession> sessions)
      : tree_(tree), sessions_(std::move(sessions)), items_(sessions_.size()) {
    SumBelow();
  }

  std::vector<Fact> Run() {
    for (size_t i = 0; i < tree_.nodes.size(); ++i) MergePart(static_cast<int>(i));
    for (int index : tree_.order) Collect(index);
    SumRuns();
    for (size_t i = 0; i < sessions_.size(); ++i) EmitSession(i);
    return std::move(facts_);
  }

 private:
  // Usage of the nearest usage-bearing spans below a node: all of them, and those of the node's own session.
  struct Below {
    Usage all, own;
    int64_t bearers = 0, own_bearers = 0;
  };

  const SpanNode& Node(int index) const { return tree_.nodes[static_cast<size_t>(index)]; }
  std::map<std::string, int64_t>& Notes(const SpanNode& node) {
    return sessions_[static_cast<size_t>(node.session)].notes;
  }
  static bool Bears(const SpanNode& node) { return node.joined < 0 && node.span.llm && node.span.llm->usage; }

  void SumBelow() {
    below_.resize(tree_.nodes.size());
    for (size_t i = tree_.order.size(); i-- > 0;) {
      int index = tree_.order[i], parent = Node(index).parent;
      if (parent < 0) continue;
      Below& above = below_[static_cast<size_t>(parent)];
      const Below& here = below_[static_cast<size_t>(index)];
      bool bears = Bears(Node(index)), same = Node(index).session == Node(parent).session;
      above.bearers += bears ? 1 : here.bearers;
      AddBounded(bears ? *Node(index).span.llm->usage : here.all, &above.all);
      if (!same) continue;
      above.own_bearers += bears ? 1 : here.own_bearers;
      AddBounded(bears ? *Node(index).span.llm->usage : here.own, &above.own);
    }
  }

  // What phases of a call know goes to the call's span.
  void MergePart(int index) {
    const SpanNode& node = Node(index);
    if (node.joined >= 0) return;
    bool repeat = node.span.kind == Kind::kTool && node.tool >= 0 && node.tool != index;
    if ((node.span.kind != Kind::kPart && !repeat) || node.tool < 0 || !node.span.result) return;
    const SpanNode& tool = Node(node.tool);
    if (!node.span.call_id.empty() && !tool.span.call_id.empty() && node.span.call_id != tool.span.call_id)
      return;
    ToolResult& merged =
        results_.try_emplace(node.tool, tool.span.result.value_or(ToolResult())).first->second;
    const ToolResult& part = *node.span.result;
    if (part.status == ToolStatus::kError) {
      merged.status = ToolStatus::kError;
      // Siblings come in any order: the longer message, then the greater.
      if (std::tuple(part.error.size(), std::string_view(part.error)) >
          std::tuple(merged.error.size(), std::string_view(merged.error)))
        merged.error = part.error;
    }
    if (merged.output_bytes == 0 && part.output_bytes > 0) {
      merged.output = part.output, merged.output_bytes = part.output_bytes,
      merged.output_hash = part.output_hash;
    }
    if (!merged.exit_code) merged.exit_code = part.exit_code;
    if (merged.child_session.empty()) merged.child_session = part.child_session;
  }

  // Own usage of a span: emitted minus what nested spans account for. nullopt: nothing of its own to bill.
  std::optional<Usage> OwnUsage(int index) {
    const SpanNode& node = Node(index);
    const Usage& emitted = *node.span.llm->usage;
    const Below& below = below_[static_cast<size_t>(index)];
    if (below.bearers == 0) {
      if (node.span.kind == Kind::kAgent) ++Notes(node)["aggregate_only"];
      return emitted;
    }
    // One request never sums up what a tool below it spent with an agent of its own.
    if (node.span.kind == Kind::kLlm && below.own_bearers == 0) return emitted;
    // Whether an agent's sum includes nested agents differs between emitters; either reading that fits
    // explains it.
    std::vector<Usage> readings = {below.own};
    if (node.span.kind == Kind::kAgent) readings.insert(readings.begin(), below.all);
    for (const Usage& known : readings) {
      Usage rest = Minus(emitted, known);
      if (rest.prompt() == 0 && rest.output == 0) return std::nullopt;
    }
    for (const Usage& known : readings) {
      Usage rest = Minus(emitted, known);
      if (AnyNegative(rest) || known.total() == 0) continue;
      ++Notes(node)["missing_leaf"];
      rest.reasoning = std::clamp<int64_t>(rest.reasoning, 0, rest.output);
      return rest;
    }
    ++Notes(node)["aggregate_mismatch"];
    return std::nullopt;
  }

  void Collect(int index) {
    const SpanNode& node = Node(index);
    const SpanRecord& span = node.span;
    if (node.missing) {
      if (!node.only_events && (node.calls_below || HasTool(node))) ++Notes(node)["missing_parent_spans"];
      return;
    }
    if (node.joined >= 0) return;
    if (span.kind == Kind::kTool && node.tool == index) {
      Add(index, FactKind::kToolUse, span.call_id.empty() ? span.span_id : span.call_id);
    }
    if (span.llm) CollectCall(index);
    if ((span.kind == Kind::kTool || span.kind == Kind::kLlm || span.kind == Kind::kAgent) && !span.end_ns)
      ++Notes(node)["unclosed_spans"];
    bool prompt = span.kind == Kind::kPrompt || (span.kind == Kind::kAgent && !span.prompt.empty());
    if (prompt && !node.auxiliary) Add(index, FactKind::kUser, "prompt:" + span.span_id);
    if (span.kind == Kind::kSkill) Add(index, FactKind::kSkill, "skill:" + span.call_id);
  }

  bool HasTool(const SpanNode& node) const {
    return std::ranges::any_of(node.children,
                               [&](int child) { return Node(child).span.kind == Kind::kTool; });
  }

  void CollectCall(int index) {
    const SpanNode& node = Node(index);
    const SpanRecord& span = node.span;
    LlmCall call = *span.llm;
    if (call.usage) {
      auto own = OwnUsage(index);
      if (!own) return;
      // A remainder is not the whole call that the emitter gave a price for.
      if (*own != *call.usage) call.reported_cost = std::nullopt, call.other_reading = std::nullopt;
      call.usage = own;
    } else if (below_[static_cast<size_t>(index)].own_bearers > 0) {
      return;  // a wrapper around the real call
    }
    for (const std::string& id : {span.response_id, span.span_id}) {
      if (!id.empty() && !id.starts_with("log-")) call.aliases.push_back(id);
    }
    call.aliases.insert(call.aliases.end(), span.aliases.begin(), span.aliases.end());
    std::ranges::sort(call.aliases);
    if (span.ambiguous) ++Notes(node)["ambiguous_input"];
    if (span.reclassified) ++Notes(node)["reclassified_input"];
    if (span.implausible) ++Notes(node)["implausible_usage"];
    if (span.reasoning_missing && call.usage) Notes(node)["reasoning_not_reported"] = 0;
    call.auxiliary = call.auxiliary || node.auxiliary;
    call.attempts = std::max(call.attempts, RequestsOf(node));
    if (call.model.empty()) call.model = ModelOf(node);
    Item& item =
        Add(index, FactKind::kLlmCall,
            span.response_id.empty() || call.usage != span.llm->usage ? span.span_id : span.response_id);
    item.llm = std::move(call);
    item.start_ns = StartOf(node);
  }

  // Codex: the span with the tokens is the answer's last event; the request began with the sampling above it.
  std::optional<int64_t> StartOf(const SpanNode& node) const {
    if (node.span.name != "handle_responses") return node.span.start_ns;
    const SpanNode* above = Sampling(node);
    return above ? above->span.start_ns : node.span.start_ns;
  }
  const SpanNode* Sampling(const SpanNode& node) const {
    int at = node.parent;
    for (int step = 0; step < 3 && at >= 0; ++step, at = Node(at).parent) {
      if (Node(at).span.name == "try_run_sampling_request") return &Node(at);
    }
    return nullptr;
  }
  int64_t RequestsOf(const SpanNode& node) const {
    const SpanNode* above = Sampling(node);
    return above ? above->requests_below : node.requests_below;
  }
  std::string ModelOf(const SpanNode& node) const {
    if (!node.model_below.empty()) return node.model_below;
    constexpr int kMaxUp = 64;
    int at = node.parent;
    for (int step = 0; step < kMaxUp && at >= 0; ++step, at = Node(at).parent) {
      if (!Node(at).model_below.empty()) return Node(at).model_below;
    }
    return {};
  }

  Item& Add(int index, FactKind kind, std::string id) {
    Item& item = items_[static_cast<size_t>(Node(index).session)].emplace_back();
    item.node = index;
    item.kind = kind;
    item.id = std::move(id);
    item.start_ns = Node(index).span.start_ns;
    return item;
  }

  size_t RootOf(size_t session) const {
    size_t at = session;
    // Deeper nesting, and parents that lead in a circle, are hostile input.
    for (int step = 0; sessions_[at].parent >= 0 && step < 2 * kMaxAgentDepth; ++step)
      at = static_cast<size_t>(sessions_[at].parent);
    return at;
  }

  void SumRuns() {
    runs_.resize(sessions_.size());
    bool any = std::ranges::any_of(sessions_, [](const SpanSession& s) { return !s.metrics.empty(); });
    if (!any) return;
    for (size_t i = 0; i < items_.size(); ++i) {
      RunSum& run = runs_[RootOf(i)];
      for (const Item& item : items_[i]) {
        if (!item.llm || !item.llm->error.empty()) continue;
        ++run.calls;
        if (item.llm->usage) AddBounded(*item.llm->usage, &run.usage);
        run.all_costs = run.all_costs && item.llm->reported_cost;
        if (item.llm->reported_cost) run.cost += *item.llm->reported_cost;
      }
    }
  }

  static Fact Base(const SpanSession& session, FactKind kind, std::string id) {
    Fact fact;
    fact.kind = kind;
    fact.source = kOtlpSource;
    fact.session_id = session.id;
    fact.id = std::move(id);
    return fact;
  }

  // Sessions that no agent span gave a prompt take the first call's.
  void AddFirstPrompt(std::vector<Item>* items) {
    if (std::ranges::any_of(*items, [](const Item& item) { return item.kind == FactKind::kUser; })) return;
    for (const Item& item : *items) {
      if (!item.llm || item.llm->auxiliary || Node(item.node).span.prompt.empty()) continue;
      Item prompt;
      prompt.node = item.node;
      prompt.kind = FactKind::kUser;
      prompt.id = "prompt:" + Node(item.node).span.span_id;
      prompt.start_ns = item.start_ns;
      items->insert(items->begin(), std::move(prompt));
      return;
    }
  }

  // A run of several requests shows its first message with each of them; only Claude Code's spans are turns.
  void DropRepeatedPrompts(std::vector<Item>* items) {
    std::set<std::string_view> seen;
    std::erase_if(*items, [&](const Item& item) {
      const SpanRecord& span = Node(item.node).span;
      return item.kind == FactKind::kUser && AgentOf(span) != "claude-code" && !span.event &&
             !seen.insert(span.prompt).second;
    });
  }

  // A tool span without a call id, alone in its turn to be so, did the only call that the answer asked for
  // and that no other span carries.
  void NameTools(std::vector<Item>* items) {
    std::set<std::string> known;
    for (const Item& item : *items) {
      if (item.kind == FactKind::kToolUse) known.insert(item.id);
    }
    const Item* call = nullptr;
    std::vector<Item*> nameless;
    auto settle = [&] {
      if (!call || nameless.size() != 1) return;
      std::vector<std::string> open;
      for (const std::string& id : Node(call->node).span.asked) {
        if (!known.contains(id)) open.push_back(id);
      }
      if (open.size() == 1) nameless[0]->id = open[0];
    };
    for (Item& item : *items) {
      if (item.llm && !item.llm->auxiliary) {
        settle();
        call = &item;
        nameless.clear();
      } else if (item.kind == FactKind::kToolUse && Node(item.node).span.call_id.empty()) {
        nameless.push_back(&item);
      }
    }
    settle();
  }

  static void SortItems(std::vector<Item>* items) {
    std::ranges::sort(*items, [](const Item& a, const Item& b) {
      auto key = [](const Item& i) {
        return std::tuple(i.start_ns.value_or(INT64_MIN), static_cast<int>(i.kind), std::string_view(i.id),
                          i.node);
      };
      return key(a) < key(b);
    });
  }

  void EmitSession(size_t index) {
    std::vector<Item>& items = items_[index];
    bool real = std::ranges::any_of(items, [](const Item& item) { return item.kind != FactKind::kUser; });
    if (!real && sessions_[index].metrics.empty()) return;
    SortItems(&items);
    DropRepeatedPrompts(&items);
    AddFirstPrompt(&items);
    NameTools(&items);
    NoteWhatIsMissing(index);
    EmitInfo(index);
    std::unordered_map<std::string_view, std::string_view> asked_by;  // tool call id -> LLM call id
    std::set<std::string_view> calls;
    for (const Item& item : items) {
      if (!item.llm) continue;
      calls.insert(item.id);
      for (const std::string& call : Node(item.node).span.asked) asked_by.emplace(call, item.id);
    }
    std::string_view latest;  // call that began last
    std::map<std::string_view, int64_t> asked_count;
    int64_t ordinal = 0;
    for (const Item& item : items) {
      ++ordinal;
      if (item.kind == FactKind::kLlmCall) {
        if (!item.llm->auxiliary && item.llm->error.empty()) latest = item.id;
        EmitCall(sessions_[index], item, ordinal);
      } else if (item.kind == FactKind::kUser) {
        EmitPrompt(sessions_[index], item, ordinal);
      } else if (item.kind == FactKind::kSkill) {
        EmitSkill(sessions_[index], item, ordinal);
      } else {
        std::string_view llm_call = AskerOf(item, asked_by, calls, latest);
        EmitTool(sessions_[index], item, ordinal, llm_call, asked_count[llm_call]++);
      }
    }
  }

  // By the answer that holds the tool call's id, else as the emitter says, else the call that began last.
  std::string_view AskerOf(const Item& item,
                           const std::unordered_map<std::string_view, std::string_view>& asked_by,
                           const std::set<std::string_view>& calls, std::string_view latest) const {
    if (auto asker = asked_by.find(item.id); asker != asked_by.end()) return asker->second;
    auto stated = calls.find(Node(item.node).span.tool->llm_call);
    return stated == calls.end() ? latest : *stated;
  }

  void EmitCall(const SpanSession& session, const Item& item, int64_t ordinal) {
    Fact fact = Base(session, FactKind::kLlmCall, item.id);
    fact.ordinal = ordinal;
    fact.start_ns = item.start_ns;
    fact.end_ns = Node(item.node).span.end_ns;
    fact.llm = item.llm;
    facts_.push_back(std::move(fact));
  }

  void EmitPrompt(const SpanSession& session, const Item& item, int64_t ordinal) {
    Fact fact = Base(session, FactKind::kUser, item.id);
    fact.ordinal = ordinal;
    fact.start_ns = item.start_ns;
    fact.user = UserTurn{Node(item.node).span.prompt, Node(item.node).span.prompt_bytes, false};
    facts_.push_back(std::move(fact));
  }

  void EmitSkill(const SpanSession& session, const Item& item, int64_t ordinal) {
    Fact fact = Base(session, FactKind::kSkill, item.id);
    fact.ordinal = ordinal;
    fact.start_ns = item.start_ns;
    fact.skill = SkillUse{Node(item.node).span.call_id, SkillStage::kLoaded, "", ""};
    facts_.push_back(std::move(fact));
  }

  void EmitTool(const SpanSession& session, const Item& item, int64_t ordinal, std::string_view llm_call,
                int64_t position) {
    const SpanRecord& span = Node(item.node).span;
    Fact use = Base(session, FactKind::kToolUse, item.id);
    use.ordinal = ordinal;
    use.start_ns = span.start_ns;
    use.tool = span.tool;
    use.tool->llm_call = llm_call;
    use.tool->index = position;
    auto merged = results_.find(item.node);
    ToolResult result = merged != results_.end() ? merged->second : span.result.value_or(ToolResult());
    facts_.push_back(std::move(use));
    if (result == ToolResult()) return;  // still running when the export ended
    Fact done = Base(session, FactKind::kToolResult, item.id);
    done.ordinal = ordinal;
    done.start_ns = done.end_ns = span.end_ns;
    done.result = std::move(result);
    facts_.push_back(std::move(done));
  }

  void NoteWhatIsMissing(size_t index) {
    auto& notes = sessions_[index].notes;
    bool calls = false, cache = false;
    for (const Item& item : items_[index]) {
      const SpanRecord& span = Node(item.node).span;
      if (item.llm && item.llm->usage) calls = true, cache = cache || span.cache_known;
      if (item.kind != FactKind::kToolUse) continue;
      if (span.tool->name.empty()) ++notes["tool_names_missing"];
      if (span.tool->args.empty()) ++notes["tool_args_missing"];
    }
    if (calls && !cache) notes["cache_not_reported"] = 0;
  }

  void EmitInfo(size_t index) {
    const SpanSession& session = sessions_[index];
    Fact fact = Base(session, FactKind::kSession, "session");
    SessionInfo info;
    info.agent = session.agent;
    info.parent_session = session.parent_id;
    info.parent_call = session.parent_call;
    info.agent_name = session.agent_name;
    std::set<std::string_view> versions;
    for (const Item& item : items_[index]) {
      const SpanRecord& span = Node(item.node).span;
      // Gemini CLI states the version of Node there.
      if (AgentOf(span) == session.agent && session.agent != "gemini-cli")
        versions.insert(span.service_version);
      // Of several, whichever direction they are read in: the greatest.
      info.user = std::max(info.user, span.user);
      for (auto time : {item.start_ns, span.end_ns}) {
        if (!time) continue;
        fact.start_ns = std::min(fact.start_ns.value_or(INT64_MAX), *time);
        fact.end_ns = std::max(fact.end_ns.value_or(INT64_MIN), *time);
      }
    }
    if (!versions.empty()) info.agent_version = *versions.rbegin();
    for (const auto& [note, count] : session.notes)
      info.notes.push_back(count > 0 ? fmt::format("{}:{}", note, count) : note);
    if (!session.metrics.empty()) {
      const RunSum& run = runs_[index];
      TellMetrics(session, run.usage, run.all_costs ? std::optional(run.cost) : std::nullopt, run.calls,
                  &info);
      if (!fact.start_ns) fact.start_ns = session.metrics_start_ns, fact.end_ns = session.metrics_end_ns;
    }
    fact.session = std::move(info);
    facts_.push_back(std::move(fact));
  }

  const SpanTree& tree_;
  std::vector<SpanSession> sessions_;
  std::vector<std::vector<Item>> items_;  // by session
  std::vector<Below> below_;              // by node
  std::vector<RunSum> runs_;              // by session; filled for roots
  std::unordered_map<int, ToolResult> results_;
  std::vector<Fact> facts_;
};

}  // namespace

std::vector<Fact> EmitFacts(const SpanTree& tree, std::vector<SpanSession> sessions) {
  return Emitter(tree, std::move(sessions)).Run();
}

}  // namespace clawtrace::capture

// A call that a span and log events tell is one call. Joined by the provider's id, else by the span that an
// event was written in, else by tokens and time; what is known best of each wins.
#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "capture/otlp_messages.h"
#include "capture/otlp_tree.h"

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kCallWindow = 30 * kNsPerSecond;  // an event is written soon after its call's span ends
constexpr int64_t kToolWindow = 5 * kNsPerSecond;
constexpr int64_t kErrorWindow = 2 * kNsPerSecond;
constexpr int kMaxLook = 64;  // candidates looked at on either side

int64_t EndOf(const SpanRecord& span) { return span.end_ns.value_or(span.start_ns.value_or(INT64_MIN)); }

int64_t Distance(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference) || difference == INT64_MIN) return INT64_MAX;
  return difference < 0 ? -difference : difference;
}

// How much a record knows about a call's tokens.
auto UsageRank(const SpanRecord& span) {
  const LlmCall& call = *span.llm;
  bool split = call.usage && call.usage->cache_write_5m + call.usage->cache_write_1h > 0;
  return std::tuple(call.usage.has_value(), span.cache_known, split, !span.reasoning_missing,
                    call.usage ? call.usage->total() : 0);
}

void TakeText(const std::string& from, std::string* into) {
  if (into->empty()) *into = from;
}

void JoinCall(const SpanRecord& from, SpanRecord* into) {
  if (!from.llm) return;
  if (!into->llm) into->llm = LlmCall();
  LlmCall& call = *into->llm;
  if (UsageRank(from) > UsageRank(*into)) {
    call.usage = from.llm->usage, call.other_reading = from.llm->other_reading;
    into->cache_known = from.cache_known, into->reasoning_missing = from.reasoning_missing;
    into->ambiguous = from.ambiguous, into->reclassified = from.reclassified;
    if (call.usage) call.error.clear();
  }
  if (!call.reported_cost) call.reported_cost = from.llm->reported_cost;
  JoinModels(&call, *from.llm);
  TakeText(from.llm->provider, &call.provider);
  TakeText(from.llm->service_tier, &call.service_tier);
  TakeText(from.llm->stop_reason, &call.stop_reason);
  if (!call.usage) TakeText(from.llm->error, &call.error);
  call.auxiliary = call.auxiliary || from.llm->auxiliary;
  if (from.llm->text_bytes > call.text_bytes)
    call.text = from.llm->text, call.text_bytes = from.llm->text_bytes;
  call.thinking_bytes = std::max(call.thinking_bytes, from.llm->thinking_bytes);
}

void JoinIds(const SpanRecord& from, SpanRecord* into) {
  std::set<std::string> ids(into->aliases.begin(), into->aliases.end());
  ids.insert(from.aliases.begin(), from.aliases.end());
  if (into->response_id.empty())
    into->response_id = from.response_id;
  else if (!from.response_id.empty())
    ids.insert(from.response_id);
  ids.erase(into->response_id);
  into->aliases.assign(ids.begin(), ids.end());
  if (into->asked.size() < from.asked.size()) into->asked = from.asked;
  if (into->prompt.empty()) into->prompt = from.prompt, into->prompt_bytes = from.prompt_bytes;
}

void JoinTool(const SpanRecord& from, SpanRecord* into) {
  if (from.tool && into->tool) {
    TakeText(from.tool->name, &into->tool->name);
    if (!from.tool->llm_call.empty()) into->tool->llm_call = from.tool->llm_call;
    TakeText(from.tool->cwd, &into->tool->cwd);
    bool whole = !from.tool->args.empty() && !from.tool->args_broken;
    if (whole && (into->tool->args_broken || from.tool->args_bytes > into->tool->args_bytes)) {
      into->tool->args = from.tool->args, into->tool->args_bytes = from.tool->args_bytes;
      into->tool->args_hash = from.tool->args_hash, into->tool->args_broken = false;
    }
  }
  if (!from.result) return;
  if (!into->result) into->result = ToolResult();
  ToolResult& result = *into->result;
  auto rank = [](ToolStatus status) {
    return status == ToolStatus::kError     ? 3
           : status == ToolStatus::kAborted ? 2
           : status == ToolStatus::kOk      ? 1
                                            : 0;
  };
  if (rank(from.result->status) > rank(result.status))
    result.status = from.result->status, result.error = from.result->error;
  else if (from.result->status == result.status && from.result->error.size() > result.error.size())
    result.error = from.result->error;
  if (!result.exit_code) result.exit_code = from.result->exit_code;
  TakeText(from.result->child_session, &result.child_session);
  bool more = std::pair(from.result->output_hash != 0, from.result->output_bytes) >
              std::pair(result.output_hash != 0, result.output_bytes);
  if (more) {
    result.output = from.result->output, result.output_bytes = from.result->output_bytes;
    result.output_hash = from.result->output_hash;
  }
}

class Joiner {
 public:
  Joiner(SpanTree* tree, size_t sessions) : tree_(*tree), by_session_(sessions) {}

  void Run() {
    for (int index : tree_.order) {
      if (!Node(index).missing) by_session_[static_cast<size_t>(Node(index).session)].push_back(index);
    }
    for (std::vector<int>& nodes : by_session_) {
      bool events = std::ranges::any_of(nodes, [&](int index) { return Node(index).span.event; });
      if (!events) continue;
      std::ranges::sort(nodes, {}, [&](int index) { return Key(Node(index)); });
      JoinCalls(nodes);
      JoinTools(nodes);
      JoinPrompts(nodes);
      TakeRequests(nodes);
    }
  }

 private:
  using OrderKey = std::tuple<bool, bool, int64_t, std::string_view, std::string_view>;

  // Spans first, OpenTelemetry's own events last: each joins what came before it.
  static OrderKey Key(const SpanNode& node) {
    return {node.span.event, node.span.event && node.span.name.starts_with("gen_ai."), EndOf(node.span),
            node.span.span_id, node.span.trace_id};
  }
  SpanNode& Node(int index) { return tree_.nodes[static_cast<size_t>(index)]; }

  void Fold(int event, int into) {
    SpanRecord& target = Node(into).span;
    const SpanRecord& record = Node(event).span;
    Node(event).joined = into;
    JoinIds(record, &target);
    if (target.kind == Kind::kTool)
      JoinTool(record, &target);
    else
      JoinCall(record, &target);
    TakeText(record.agent_name, &target.agent_name);
    folded_[into].insert(record.name);
  }

  // --- calls

  using ByEnd = std::multimap<int64_t, int>;

  struct Calls {
    std::map<std::string, int, std::less<>> by_id;
    std::map<std::pair<int64_t, int64_t>, ByEnd> by_tokens;
    std::map<std::pair<std::string, std::string>, int> by_place;  // of the events of one span
    ByEnd failed;
  };

  void Register(int index, Calls* calls) {
    const SpanRecord& span = Node(index).span;
    if (!span.response_id.empty()) calls->by_id.emplace(span.response_id, index);
    for (const std::string& id : span.aliases) calls->by_id.emplace(id, index);
    if (span.emitted_input > 0 || span.emitted_output > 0)
      calls->by_tokens[{span.emitted_input, span.emitted_output}].emplace(EndOf(span), index);
    if (!span.llm->error.empty()) calls->failed.emplace(EndOf(span), index);
    if (span.event && IsMessage(span)) calls->by_place.emplace(PlaceOf(span), index);
  }

  static bool IsMessage(const SpanRecord& span) {
    return !span.parent_id.empty() && (span.name == "gen_ai.choice" || span.name.ends_with(".message"));
  }
  static std::pair<std::string, std::string> PlaceOf(const SpanRecord& span) {
    return {span.trace_id, span.parent_id};
  }

  void JoinCalls(const std::vector<int>& nodes) {
    Calls calls;
    std::vector<int> parts;
    for (int index : nodes) {
      const SpanRecord& span = Node(index).span;
      if (span.kind == Kind::kPart && span.event) parts.push_back(index);
      if (span.kind != Kind::kLlm || !span.llm) continue;
      int target = span.event ? FindCall(index, calls) : -1;
      if (target >= 0) Fold(index, target);
      // A joined event's ids lead to the call that it told of.
      Register(target >= 0 ? target : index, target >= 0 ? &ids_only_ : &calls);
      if (target >= 0) calls.by_id.merge(ids_only_.by_id), ids_only_ = Calls();
    }
    for (int index : parts) {
      int target = FindCall(index, calls);
      if (target >= 0) Fold(index, target);
    }
  }

  int FindCall(int index, const Calls& calls) {
    const SpanNode& node = Node(index);
    const SpanRecord& event = node.span;
    if (node.parent >= 0) {
      const SpanNode& parent = Node(node.parent);
      if (!parent.missing && parent.span.kind == Kind::kLlm && parent.span.llm && parent.joined < 0)
        return node.parent;
    }
    if (auto found = calls.by_id.find(event.response_id); found != calls.by_id.end()) return found->second;
    for (const std::string& id : event.aliases) {
      if (auto found = calls.by_id.find(id); found != calls.by_id.end()) return found->second;
    }
    if (IsMessage(event)) {
      auto place = calls.by_place.find(PlaceOf(event));
      return place == calls.by_place.end() ? -1 : place->second;
    }
    if (event.kind == Kind::kPart) return -1;
    if (!event.llm->error.empty()) return Nearest(calls.failed, event, kErrorWindow);
    auto tokens = calls.by_tokens.find({event.emitted_input, event.emitted_output});
    return tokens == calls.by_tokens.end() ? -1 : Nearest(tokens->second, event, kCallWindow);
  }

  // The nearest that may tell the same as the event.
  int Nearest(const ByEnd& candidates, const SpanRecord& event, int64_t window) {
    int best = -1;
    int64_t best_distance = window;
    auto look = [&](const std::pair<const int64_t, int>& candidate) {
      int64_t distance = Distance(candidate.first, EndOf(event));
      if (distance > best_distance || (best >= 0 && distance == best_distance)) return;
      if (MayBe(candidate.second, event)) best = candidate.second, best_distance = distance;
    };
    auto middle = candidates.lower_bound(EndOf(event));
    auto at = middle;
    for (int i = 0; i < kMaxLook && at != candidates.begin(); ++i) look(*--at);
    at = middle;
    for (int i = 0; i < kMaxLook && at != candidates.end(); ++i, ++at) look(*at);
    return best;
  }

  bool MayBe(int candidate, const SpanRecord& event) {
    const SpanRecord& span = Node(candidate).span;
    if (span.event && span.name == event.name)
      return false;  // each call is told once by an event of one name
    auto folded = folded_.find(candidate);
    if (folded != folded_.end() && folded->second.contains(event.name)) return false;
    if (event.kind != Kind::kLlm) return true;
    // Both knowing the provider's id, and not the same, are two calls.
    if (!span.response_id.empty() && !event.response_id.empty()) return false;
    return span.llm->model.empty() || event.llm->model.empty() || span.llm->model == event.llm->model;
  }

  // --- tools

  void JoinTools(const std::vector<int>& nodes) {
    std::map<std::string, int, std::less<>> by_id;
    // Equal arguments before mere nearness: calls of one tool may run side by side.
    std::map<std::string, ByEnd, std::less<>> by_name;
    std::map<std::pair<std::string, uint64_t>, ByEnd> by_args;
    for (int index : nodes) {
      const SpanRecord& span = Node(index).span;
      if (span.kind != Kind::kTool || (!span.event && Node(index).tool != index)) continue;
      int target = -1;
      if (span.event && !span.call_id.empty()) {
        auto found = by_id.find(span.call_id);
        if (found != by_id.end()) target = found->second;
      } else if (span.event) {
        target = Nearest(by_args[{span.tool->name, span.tool->args_hash}], span, kToolWindow);
        if (target < 0) target = Nearest(by_name[span.tool->name], span, kToolWindow);
      }
      if (target >= 0) {
        Fold(index, target);
        continue;
      }
      if (!span.call_id.empty()) by_id.emplace(span.call_id, index);
      by_name[span.tool->name].emplace(EndOf(span), index);
      by_args[{span.tool->name, span.tool->args_hash}].emplace(EndOf(span), index);
    }
  }

  // --- prompts and requests

  void JoinPrompts(const std::vector<int>& nodes) {
    std::multimap<std::string_view, int> known;
    for (int index : nodes) {
      const SpanRecord& span = Node(index).span;
      if (span.kind == Kind::kAgent && !span.prompt.empty()) known.emplace(span.prompt, index);
    }
    for (int index : nodes) {
      SpanNode& node = Node(index);
      if (node.span.kind != Kind::kPrompt) continue;
      const SpanNode* parent = node.parent >= 0 ? &Node(node.parent) : nullptr;
      if (parent && !parent->missing && parent->span.kind == Kind::kAgent && !parent->span.prompt.empty()) {
        node.joined = node.parent;
        continue;
      }
      auto same = known.find(node.span.prompt);
      if (same == known.end()) continue;
      node.joined = same->second;
      known.erase(same);
    }
  }

  // Codex's completion does not tell when its call began; the requests before it do, and how many it took.
  void TakeRequests(const std::vector<int>& nodes) {
    std::vector<int> requests, calls;
    for (int index : nodes) {
      const SpanNode& node = Node(index);
      if (node.span.kind == Kind::kRequest) requests.push_back(index);
      if (node.span.kind == Kind::kLlm && node.joined < 0) calls.push_back(index);
    }
    std::ranges::sort(calls, {}, [&](int i) { return std::pair(EndOf(Node(i).span), Key(Node(i))); });
    size_t next = 0;
    for (int index : calls) {
      SpanRecord& call = Node(index).span;
      int64_t count = 0;
      std::optional<int64_t> start;
      for (; next < requests.size() && EndOf(Node(requests[next]).span) <= EndOf(call); ++next) {
        if (!start) start = Node(requests[next]).span.start_ns;
        ++count;
      }
      if (!call.event || count == 0) continue;
      call.start_ns = start;
      call.llm->attempts = std::max(call.llm->attempts, count);
    }
  }

  SpanTree& tree_;
  std::vector<std::vector<int>> by_session_;
  std::map<int, std::set<std::string>> folded_;  // names of the events that a node took in
  Calls ids_only_;
};

}  // namespace

void JoinEvents(SpanTree* tree, std::vector<SpanSession>* sessions) { Joiner(tree, sessions->size()).Run(); }

namespace {

// Gemini CLI's tool events lack the call's id; the answers before them hold it with tool and arguments.
void NameEventTools(SpanTree* tree) {
  std::vector<SpanRecord*> records;
  for (SpanNode& node : tree->nodes) {
    SpanRecord& span = node.span;
    bool tool = span.kind == Kind::kTool && span.call_id.empty() && span.tool;
    if (span.event && (tool || !span.asked_keys.empty())) records.push_back(&span);
  }
  std::ranges::sort(records, {}, [](const SpanRecord* r) {
    return std::tuple(std::string_view(r->conversation), EndOf(*r), std::string_view(r->span_id));
  });
  std::map<std::pair<std::string_view, std::string_view>, std::deque<std::string_view>> open;
  for (SpanRecord* record : records) {
    if (record->kind == Kind::kTool) {
      std::string key = KeyOfCall(record->tool->name, record->tool->args_hash);
      auto waiting = open.find({record->conversation, key});
      if (waiting == open.end() || waiting->second.empty()) continue;
      record->call_id = waiting->second.front();
      waiting->second.pop_front();
    }
    for (size_t i = 0; i < std::min(record->asked.size(), record->asked_keys.size()); ++i)
      open[{record->conversation, record->asked_keys[i]}].push_back(record->asked[i]);
  }
}

}  // namespace

// Claude Code names the agent on spans, and on events in newer versions only; an event lies in the same span
// as the agent's other records. Gemini CLI names it on events and not on spans.
void AdoptAgents(SpanTree* tree) {
  NameEventTools(tree);
  for (SpanNode& node : tree->nodes) {
    std::set<std::string> of_spans, of_events;
    bool all_of_agent = true, any_call = false, any_event = false, spans_agree = true;
    for (int index : node.children) {
      const SpanRecord& child = tree->nodes[static_cast<size_t>(index)].span;
      any_event = any_event || child.event;
      if (!child.agent_id.empty()) (child.event ? of_events : of_spans).insert(child.agent_id);
      bool step = child.kind == Kind::kLlm || child.kind == Kind::kTool;
      if (!child.event && step && child.agent_id.empty()) spans_agree = false;
      // OpenTelemetry's own events say nothing of agents and follow the client's beside them.
      if (!child.event || child.kind != Kind::kLlm || child.name.starts_with("gen_ai.")) continue;
      any_call = true;
      all_of_agent = all_of_agent && (child.of_agent || !child.agent_id.empty());
    }
    if (!any_event) continue;
    if (node.span.name == "agent_call" && node.span.agent_id.empty() && of_events.size() == 1)
      node.span.agent_id = *of_events.begin();
    std::string id;
    if (of_spans.size() == 1 && spans_agree) {
      id = *of_spans.begin();
    } else if (any_call && all_of_agent && of_spans.empty() && node.missing) {
      const SpanRecord& first = tree->nodes[static_cast<size_t>(node.children.front())].span;
      if (of_events.size() == 1) id = *of_events.begin();
      if (of_events.empty()) id = first.conversation + '/' + node.span.span_id;
    }
    if (id.empty()) continue;
    for (int index : node.children) {
      SpanRecord& child = tree->nodes[static_cast<size_t>(index)].span;
      if (child.event && child.agent_id.empty()) child.agent_id = id;
    }
  }
  for (SpanNode& node : tree->nodes) {
    SpanRecord& span = node.span;
    if (span.event && span.of_agent && span.agent_id.empty() && node.parent < 0)
      span.agent_id = span.conversation + '/' + span.agent_name;
  }
}

}  // namespace clawtrace::capture

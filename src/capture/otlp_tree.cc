#include "capture/otlp_tree.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;

auto OrderKey(const SpanNode& node) {
  return std::tuple(node.span.start_ns.value_or(INT64_MIN), std::string_view(node.span.span_id));
}

// Complete before incomplete, then the fuller, then any fixed choice: never the later arrival.
bool IsBetter(const SpanRecord& a, const SpanRecord& b) {
  auto rank = [](const SpanRecord& s) {
    return std::tuple(s.end_ns.has_value(), s.size, s.end_ns.value_or(0));
  };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  return a != b && EncodeFact(EncodeRecord(a)) > EncodeFact(EncodeRecord(b));
}

std::string KeyOf(std::string_view trace, std::string_view span) {
  return std::string(trace) + ':' + std::string(span);
}

// Cuts one link of every cycle, at its earliest span.
void CutCycles(SpanTree* tree) {
  enum class Mark : char { kNew, kOnPath, kDone };
  std::vector<Mark> marks(tree->nodes.size(), Mark::kNew);
  for (size_t start = 0; start < tree->nodes.size(); ++start) {
    std::vector<int> path;
    int at = static_cast<int>(start);
    for (; at >= 0 && marks[static_cast<size_t>(at)] == Mark::kNew;
         at = tree->nodes[static_cast<size_t>(at)].parent) {
      marks[static_cast<size_t>(at)] = Mark::kOnPath;
      path.push_back(at);
    }
    if (at >= 0 && marks[static_cast<size_t>(at)] == Mark::kOnPath) {
      auto from = std::find(path.begin(), path.end(), at);
      int first = *std::min_element(from, path.end(), [&](int a, int b) {
        return OrderKey(tree->nodes[static_cast<size_t>(a)]) < OrderKey(tree->nodes[static_cast<size_t>(b)]);
      });
      tree->nodes[static_cast<size_t>(first)].parent = -1;
      tree->in_cycle.push_back(first);
    }
    for (int node : path) marks[static_cast<size_t>(node)] = Mark::kDone;
  }
}

void LinkParents(SpanTree* tree) {
  std::unordered_map<std::string, int> index;
  index.reserve(tree->nodes.size());
  size_t real = tree->nodes.size();
  for (size_t i = 0; i < real; ++i)
    index.emplace(KeyOf(tree->nodes[i].span.trace_id, tree->nodes[i].span.span_id), static_cast<int>(i));
  for (size_t i = 0; i < real; ++i) {
    if (tree->nodes[i].span.parent_id.empty()) continue;
    auto [found, added] = index.emplace(KeyOf(tree->nodes[i].span.trace_id, tree->nodes[i].span.parent_id),
                                        static_cast<int>(tree->nodes.size()));
    if (added) {
      SpanNode missing;
      missing.missing = true;
      missing.span.trace_id = tree->nodes[i].span.trace_id;
      missing.span.span_id = tree->nodes[i].span.parent_id;
      missing.span.start_ns = tree->nodes[i].span.start_ns;
      tree->nodes.push_back(std::move(missing));
    }
    SpanNode& parent = tree->nodes[static_cast<size_t>(found->second)];
    if (added) parent.only_events = true;
    if (!tree->nodes[i].span.event) parent.only_events = false;
    // A missing parent began no later than its first child.
    if (parent.missing && tree->nodes[i].span.start_ns) {
      parent.span.start_ns =
          std::min(parent.span.start_ns.value_or(INT64_MAX), *tree->nodes[i].span.start_ns);
    }
    tree->nodes[i].parent = found->second;
  }
}

// Breadth first, so that no input can make us recurse.
void SetOrder(SpanTree* tree) {
  std::vector<int> sorted(tree->nodes.size());
  for (size_t i = 0; i < sorted.size(); ++i) sorted[i] = static_cast<int>(i);
  std::sort(sorted.begin(), sorted.end(), [&](int a, int b) {
    const SpanNode &left = tree->nodes[static_cast<size_t>(a)], &right = tree->nodes[static_cast<size_t>(b)];
    return std::tuple_cat(OrderKey(left), std::tuple(std::string_view(left.span.trace_id))) <
           std::tuple_cat(OrderKey(right), std::tuple(std::string_view(right.span.trace_id)));
  });
  for (int node : sorted) {
    int parent = tree->nodes[static_cast<size_t>(node)].parent;
    if (parent >= 0)
      tree->nodes[static_cast<size_t>(parent)].children.push_back(node);
    else
      tree->order.push_back(node);
  }
  for (size_t i = 0; i < tree->order.size(); ++i) {
    const auto& children = tree->nodes[static_cast<size_t>(tree->order[i])].children;
    tree->order.insert(tree->order.end(), children.begin(), children.end());
  }
}

constexpr int kEventDepth = 1 << 24;

void GatherBelow(SpanTree* tree) {
  for (size_t i = tree->order.size(); i-- > 0;) {
    SpanNode& node = tree->nodes[static_cast<size_t>(tree->order[i])];
    node.model_below = node.span.model_hint;
    node.requests_below = node.span.requests;
    // What spans say comes before what events inside them do.
    if (!node.span.conversation.empty())
      node.conversation_hint = node.span.conversation, node.hint_depth = node.span.event ? kEventDepth : 0;
    for (int index : node.children) {
      const SpanNode& child = tree->nodes[static_cast<size_t>(index)];
      bool is_call = child.span.kind == Kind::kLlm || (child.span.llm && child.span.llm->usage);
      node.calls_below = node.calls_below || is_call || child.calls_below;
      if (node.model_below.empty()) node.model_below = child.model_below;
      if (child.span.kind != Kind::kTool && child.span.kind != Kind::kLlm)
        node.requests_below += child.requests_below;
      if (child.hint_depth >= 0 && (node.hint_depth < 0 || child.hint_depth + 1 < node.hint_depth)) {
        node.conversation_hint = child.conversation_hint;
        node.hint_depth = child.hint_depth + 1;
      }
    }
  }
}

}  // namespace

SpanTree BuildTree(std::vector<SpanRecord> spans) {
  SpanTree tree;
  std::unordered_map<std::string, size_t> seen;
  seen.reserve(spans.size());
  for (SpanRecord& span : spans) {
    auto [found, added] = seen.emplace(KeyOf(span.trace_id, span.span_id), tree.nodes.size());
    if (added) {
      tree.nodes.emplace_back().span = std::move(span);
    } else if (SpanRecord& known = tree.nodes[found->second].span; IsBetter(span, known)) {
      known = std::move(span);
    }
  }
  LinkParents(&tree);
  CutCycles(&tree);
  SetOrder(&tree);
  AdoptAgents(&tree);
  GatherBelow(&tree);
  return tree;
}

namespace {

// "" when nothing says who it is.
std::string NamedAgent(const SpanRecord& span) {
  if (span.scope.starts_with("com.anthropic.claude_code")) return "claude-code";
  if (span.service.starts_with("codex")) return "codex";
  if (span.scope == "gemini-cli" || span.scope == "qwen-code" || span.scope == "opencode") return span.scope;
  return span.service.starts_with("unknown_service") ? "" : span.service;
}

// The agents that traces and conversations are of: of several the one that began first.
class KnownAgents {
 public:
  void See(const SpanRecord& span, const std::string& agent) {
    auto key = std::pair(span.start_ns.value_or(INT64_MAX), agent);
    for (auto [map, id] : {std::pair(&traces_, &span.trace_id), {&conversations_, &span.conversation}}) {
      if (id->empty()) continue;
      auto [known, added] = map->try_emplace(*id, key);
      if (!added) known->second = std::min(known->second, key);
    }
  }
  // By the nearer of the two; "" when neither has one.
  std::string Find(const SpanRecord& span) const {
    for (auto [map, id] : {std::pair(&traces_, &span.trace_id), {&conversations_, &span.conversation}}) {
      auto known = map->find(*id);
      if (known != map->end()) return known->second.second;
    }
    return "";
  }

 private:
  using Agents = std::unordered_map<std::string_view, std::pair<int64_t, std::string>>;
  Agents traces_, conversations_;
};

// Exporters may leave the service out of some of what they send: such records are of the agent of their trace
// or conversation, whichever comes first. Each round names what the round before leads to.
void InheritAgents(std::vector<SpanRecord>* spans, std::vector<SpanRecord>* points) {
  constexpr int kMostRounds = 8;
  KnownAgents known;
  std::vector<SpanRecord*> nameless;
  for (auto* records : {spans, points}) {
    for (SpanRecord& record : *records) {
      std::string agent = NamedAgent(record);
      if (agent.empty())
        nameless.push_back(&record);
      else
        known.See(record, agent);
    }
  }
  for (int round = 0; round < kMostRounds && !nameless.empty(); ++round) {
    std::vector<SpanRecord*> named;
    std::erase_if(nameless, [&](SpanRecord* record) {
      std::string agent = known.Find(*record);
      if (agent.empty()) return false;
      record->service = std::move(agent);
      named.push_back(record);
      return true;
    });
    if (named.empty()) return;
    for (const SpanRecord* record : named) known.See(*record, record->service);
  }
}

}  // namespace

std::string AgentOf(const SpanRecord& span) {
  std::string agent = NamedAgent(span);
  if (!agent.empty()) return agent;
  return span.scope.empty() ? "unknown" : span.scope;
}

void ResolveOtlp(std::vector<Fact>* facts) {
  std::vector<SpanRecord> spans, points;
  std::vector<Fact> others;
  JsonParser parser;
  for (Fact& fact : *facts) {
    if (auto record = DecodeRecord(&fact, &parser)) {
      (record->kind == Kind::kPoint ? points : spans).push_back(std::move(*record));
      continue;
    }
    // Kept as it is: dropping it would be a silent gap.
    others.push_back(std::move(fact));
  }
  InheritAgents(&spans, &points);
  SpanTree tree = BuildTree(std::move(spans));
  std::vector<SpanSession> sessions = AssignSessions(&tree);
  JoinEvents(&tree, &sessions);
  AssignMetrics(points, tree, &sessions);
  *facts = EmitFacts(tree, std::move(sessions));
  facts->insert(facts->end(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
}

}  // namespace clawtrace::capture

// Which session a span belongs to. A session is one conversation of one agent; what runs below a tool call
// and talks to a model is a sub-agent with a session of its own.
#include <algorithm>
#include <tuple>

#include "capture/otlp_tree.h"

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;

std::string CallId(const SpanNode& tool) {
  return tool.span.call_id.empty() ? tool.span.span_id : tool.span.call_id;
}

// Emitters that put every span of a run under its root: what a tool did shows in the times only.
bool IsFlat(const SpanRecord& span) {
  return span.scope.starts_with("@traceloop/") || span.scope.starts_with("opentelemetry.instrumentation.");
}

class Assigner {
 public:
  explicit Assigner(SpanTree* tree) : tree_(*tree) {}

  std::vector<SpanSession> Run() {
    for (int index : tree_.order) Visit(index);
    SplitFlatRuns();
    LinkNamedChildren();
    LinkByTime();
    LinkEventAgents();
    for (int index : tree_.in_cycle) ++sessions_[At(Node(index).session)].notes["cyclic_parents"];
    NameSessions();
    return std::move(sessions_);
  }

 private:
  static size_t At(int index) { return static_cast<size_t>(index); }
  SpanNode& Node(int index) { return tree_.nodes[At(index)]; }
  SpanSession& SessionOf(int index) { return sessions_[At(Node(index).session)]; }

  int Find(const std::string& key, bool* added) {
    auto [found, is_new] = by_key_.emplace(key, static_cast<int>(sessions_.size()));
    if (is_new) sessions_.emplace_back();
    *added = is_new;
    return found->second;
  }

  int Root(const SpanNode& node, const std::string& conversation) {
    bool added = false;
    // Two agents may share one conversation id; fragments without a service belong to the first.
    std::string agent = AgentOf(node.span);
    std::string key = conversation.empty() ? "trace " + node.span.trace_id
                                           : "conversation " + conversation + '\x1f' +
                                                 (node.missing ? MissingAgent(node) : agent);
    int index = Find(key, &added);
    SpanSession& session = sessions_[At(index)];
    if (added) {
      session.id = conversation.empty() ? node.span.trace_id : conversation;
      session.conversation = conversation;
      session.by_trace = conversation.empty();
    }
    if (session.agent.empty()) session.agent = node.missing ? MissingAgent(node) : agent;
    return index;
  }

  // A span that never arrived was its children's client.
  std::string MissingAgent(const SpanNode& node) {
    return node.children.empty() ? "unknown" : AgentOf(Node(node.children.front()).span);
  }

  // What all agents of one run share; the ids of nested sub-agents are built on it, not on each other.
  std::string RunId(int index) const {
    const SpanSession& session = sessions_[At(index)];
    if (!session.conversation.empty()) return session.conversation;
    return session.id.substr(0, session.id.find('/'));
  }

  int Sub(int parent, const std::string& id, const std::string& call, const std::string& name) {
    bool added = false;
    if (sessions_[At(parent)].depth >= kMaxAgentDepth) {
      sessions_[At(parent)].notes["agent_depth_limit"] = 0;
      return parent;
    }
    int index = Find("sub " + RunId(parent) + '\x1f' + id, &added);
    SpanSession& session = sessions_[At(index)];
    if (added) {
      session.id = id;
      session.conversation = sessions_[At(parent)].conversation;
      session.agent = sessions_[At(parent)].agent;
      session.depth = sessions_[At(parent)].depth + 1;
    }
    if (session.parent < 0 && index != parent) session.parent = parent;
    if (session.parent_call.empty() && !call.empty()) session.parent = parent, session.parent_call = call;
    if (session.agent_name.empty()) session.agent_name = name;
    return index;
  }

  void Visit(int index) {
    SpanNode& node = Node(index);
    node.auxiliary = node.span.auxiliary;
    if (node.parent < 0) {
      node.session = Root(node, node.conversation_hint);
    } else {
      const SpanNode& parent = Node(node.parent);
      node.session = parent.session;
      node.tool = parent.tool;
      node.agent = parent.agent;
      node.auxiliary = node.auxiliary || parent.auxiliary;
      EnterConversation(&node);
    }
    EnterSubAgent(&node);
    if (node.span.kind == Kind::kTool && !IsSameCall(node)) node.tool = index;
    if (node.span.kind == Kind::kAgent) node.agent = index;
  }

  // Several spans may describe one call, one inside the other.
  bool IsSameCall(const SpanNode& node) {
    return node.tool >= 0 && !node.span.call_id.empty() && Node(node.tool).span.call_id == node.span.call_id;
  }

  void EnterConversation(SpanNode* node) {
    const std::string& own = node->span.conversation;
    if (own.empty() || own == sessions_[At(node->session)].conversation) return;
    int outer = node->tool >= 0 ? Node(node->tool).session : node->session;
    int inner = Root(*node, own);
    SpanSession& session = sessions_[At(inner)];
    if (inner != outer && session.parent < 0 && sessions_[At(outer)].depth < kMaxAgentDepth) {
      session.parent = outer;
      session.depth = sessions_[At(outer)].depth + 1;
      if (node->tool >= 0)
        session.parent_call = CallId(Node(node->tool)), session.agent_name = Node(node->tool).span.agent_name;
    }
    node->session = inner;
    node->agent = -1;
  }

  void EnterSubAgent(SpanNode* node) {
    const SpanRecord& span = node->span;
    if (!span.agent_id.empty()) {
      if (sessions_[At(node->session)].id == span.agent_id) return;
      int parent = node->tool >= 0 ? Node(node->tool).session : node->session;
      std::string call = span.spawned_by,
                  name = span.kind == Kind::kAgent || span.event ? span.agent_name : "";
      if (node->tool >= 0 && call.empty()) call = CallId(Node(node->tool));
      if (node->tool >= 0 && name.empty()) name = Node(node->tool).span.agent_name;
      node->session = Sub(parent, span.agent_id, call, name);
      return;
    }
    bool is_agent = span.kind == Kind::kAgent;
    if (!is_agent && span.kind != Kind::kLlm && span.kind != Kind::kTool) return;
    if (node->tool >= 0 && Node(node->tool).session == node->session && Node(node->tool).calls_below &&
        !IsSameCall(*node)) {
      if (is_agent && !node->calls_below && !span.llm) return;
      const SpanNode& tool = Node(node->tool);
      std::string id = RunId(node->session) + '/' + (is_agent ? span.span_id : CallId(tool));
      node->session = Sub(node->session, id, CallId(tool), is_agent ? span.agent_name : tool.span.agent_name);
    } else if (is_agent && node->agent >= 0 && Node(node->agent).session == node->session &&
               node->calls_below && !span.agent_name.empty() && !Node(node->agent).span.agent_name.empty() &&
               span.agent_name != Node(node->agent).span.agent_name) {
      node->session = Sub(node->session, RunId(node->session) + '/' + span.span_id, "", span.agent_name);
    }
  }

  // By (session, start, longest first).
  std::vector<int> FlatNodes() {
    std::vector<int> flat;
    for (int index : tree_.order) {
      const SpanNode& node = Node(index);
      bool kind = node.span.kind == Kind::kLlm || node.span.kind == Kind::kTool;
      if (kind && IsFlat(node.span) && node.span.start_ns && node.span.end_ns) flat.push_back(index);
    }
    std::sort(flat.begin(), flat.end(), [&](int a, int b) {
      auto key = [&](int i) {
        const SpanNode& n = Node(i);
        return std::tuple(n.session, *n.span.start_ns, -*n.span.end_ns, std::string_view(n.span.span_id));
      };
      return key(a) < key(b);
    });
    return flat;
  }

  // A call that answers another first prompt and lies inside a tool's time is that tool's sub-agent's.
  void SplitFlatRuns() {
    constexpr size_t kMaxOpen = 64;  // tools running at one time that are looked through
    std::vector<int> flat = FlatNodes();
    std::vector<int> open;
    std::map<int, int> spawned;  // tool -> session
    int session = -1;
    std::string prompt;
    for (int index : flat) {
      SpanNode& node = Node(index);
      if (node.session != session) session = node.session, open.clear(), prompt.clear();
      bool is_llm = node.span.kind == Kind::kLlm;
      if (is_llm && prompt.empty()) prompt = node.span.prompt;
      std::erase_if(open, [&](int tool) { return *Node(tool).span.end_ns < *node.span.start_ns; });
      for (size_t i = open.size(); i-- > 0 && node.session == session;) {
        const SpanNode& tool = Node(open[i]);
        if (tool.parent != node.parent || *tool.span.end_ns < *node.span.end_ns) continue;
        bool other_prompt = is_llm && !node.span.prompt.empty() && node.span.prompt != prompt;
        if (!other_prompt && (is_llm || !spawned.contains(open[i]))) continue;
        node.session = spawned.contains(open[i])
                           ? spawned[open[i]]
                           : Sub(session, RunId(session) + '/' + CallId(tool), CallId(tool), "");
        spawned[open[i]] = node.session;
        sessions_[At(node.session)].notes["parent_by_time"] = 0;
      }
      if (!is_llm && open.size() < kMaxOpen) open.push_back(index);
    }
  }

  // A tool's result may name the session that it started.
  void LinkNamedChildren() {
    std::map<std::string_view, int> by_id;
    for (size_t i = 0; i < sessions_.size(); ++i) by_id.emplace(sessions_[i].id, static_cast<int>(i));
    for (int index : tree_.order) {
      const SpanNode& node = Node(index);
      if (node.span.kind != Kind::kTool || !node.span.result || node.span.result->child_session.empty())
        continue;
      auto child = by_id.find(node.span.result->child_session);
      if (child == by_id.end() || child->second == node.session) continue;
      SpanSession& session = sessions_[At(child->second)];
      // The result is more exact than a place in the tree without a tool call.
      if (session.parent_call.empty()) session.parent = node.session, session.parent_call = CallId(node);
    }
  }

  struct Span {
    int64_t start = INT64_MAX, end = INT64_MIN;
    std::string instance;
    bool calls = false;
  };

  // A trace of its own that ran while exactly one tool call of the same process did: that call started it.
  void LinkByTime() {
    constexpr int kMaxLook = 64;  // earlier tool calls looked at
    std::vector<Span> spans(sessions_.size());
    std::map<std::string_view, std::vector<int>> tools;  // by process
    for (int index : tree_.order) {
      const SpanNode& node = Node(index);
      if (node.span.instance.empty() || !node.span.start_ns || !node.span.end_ns) continue;
      Span& span = spans[At(node.session)];
      span.start = std::min(span.start, *node.span.start_ns),
      span.end = std::max(span.end, *node.span.end_ns);
      span.instance = node.span.instance;
      span.calls = span.calls || node.span.kind == Kind::kLlm;
      if (node.span.kind == Kind::kTool && !node.calls_below) tools[node.span.instance].push_back(index);
    }
    for (auto& [instance, list] : tools)
      std::ranges::sort(list, {}, [&](int i) {
        return std::tuple(*Node(i).span.start_ns, std::string_view(Node(i).span.span_id));
      });
    for (size_t i = 0; i < sessions_.size(); ++i) {
      const Span& span = spans[i];
      if (!sessions_[i].by_trace || sessions_[i].parent >= 0 || !span.calls || !tools.contains(span.instance))
        continue;
      const std::vector<int>& list = tools[span.instance];
      auto after =
          std::ranges::upper_bound(list, span.start, {}, [&](int tool) { return *Node(tool).span.start_ns; });
      int found = -1, count = 0;
      for (int look = 0; after != list.begin() && look < kMaxLook; ++look) {
        const SpanNode& tool = Node(*--after);
        if (*tool.span.end_ns >= span.end && tool.session != static_cast<int>(i)) found = *after, ++count;
      }
      if (count != 1) continue;
      sessions_[i].parent = Node(found).session;
      sessions_[i].parent_call = CallId(Node(found));
      sessions_[i].notes["parent_by_time"] = 0;
    }
  }

  // Events without spans around them do not tell which call started an agent: the one whose time holds all of
  // the agent's, if it is only one.
  void LinkEventAgents() {
    constexpr size_t kMaxTools = 4096;  // looked through for each agent
    std::map<int, Span> waiting;
    for (size_t i = 0; i < sessions_.size(); ++i) {
      if (sessions_[i].parent >= 0 && sessions_[i].parent_call.empty()) waiting[static_cast<int>(i)];
    }
    if (waiting.empty()) return;
    std::map<int, std::vector<int>> tools;  // by session
    for (int index : tree_.order) {
      const SpanNode& node = Node(index);
      if (node.missing || !node.span.start_ns || !node.span.end_ns) continue;
      if (node.span.event && node.span.kind == Kind::kTool) tools[node.session].push_back(index);
      auto at = waiting.find(node.session);
      if (at == waiting.end()) continue;
      at->second.start = std::min(at->second.start, *node.span.start_ns);
      at->second.end = std::max(at->second.end, *node.span.end_ns);
    }
    for (const auto& [index, time] : waiting) {
      SpanSession& session = sessions_[At(index)];
      std::vector<int> around;
      const std::vector<int>& all = tools[session.parent];
      for (size_t i = 0; i < std::min(all.size(), kMaxTools); ++i) {
        const SpanRecord& tool = Node(all[i]).span;
        if (*tool.start_ns <= time.start && *tool.end_ns >= time.end) around.push_back(all[i]);
      }
      if (around.size() != 1 || Node(around[0]).span.call_id.empty()) continue;
      session.parent_call = CallId(Node(around[0]));
      session.notes["parent_by_time"] = 0;
    }
  }

  void NameSessions() {
    std::map<std::string, int> uses;
    for (const SpanSession& session : sessions_) ++uses[session.id];
    for (SpanSession& session : sessions_) {
      if (uses[session.id] < 2) continue;
      // Rare: one id used by two agents, or for the sub-agents of two conversations.
      session.id = session.parent >= 0 ? sessions_[At(session.parent)].conversation + '/' + session.id
                                       : session.id + '@' + session.agent;
    }
    for (SpanSession& session : sessions_) {
      if (session.parent >= 0) session.parent_id = sessions_[At(session.parent)].id;
    }
  }

  SpanTree& tree_;
  std::vector<SpanSession> sessions_;
  std::map<std::string, int> by_key_;
};

}  // namespace

std::vector<SpanSession> AssignSessions(SpanTree* tree) { return Assigner(tree).Run(); }

}  // namespace clawtrace::capture

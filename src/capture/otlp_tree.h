#pragma once
// From spans, log events and metric points to canonical facts. The records of a unit arrive in any order,
// repeated, in several versions and with gaps; everything here is decided by content, so that the same set of
// records gives the same facts.
//   BuildTree       one node a record, parents linked (otlp_tree.cc)
//   AdoptAgents     which sub-agent events belong to (otlp_join.cc)
//   AssignSessions  which session each node belongs to, sub-agents apart (otlp_sessions.cc)
//   JoinEvents      a call told by a span and by events becomes one (otlp_join.cc)
//   AssignMetrics   counters to the sessions they count (otlp_metrics.cc)
//   EmitFacts       calls, tools, prompts, notes (otlp_facts.cc)
#include <map>
#include <string>
#include <vector>

#include "capture/otlp_record.h"
#include "model/fact.h"

namespace clawtrace::capture {

struct SpanNode {
  SpanRecord span;
  // A parent that never arrived: stands for all its children, so that they stay together.
  bool missing = false;
  bool only_events = false;  // missing, and only log events name it: no traces were exported
  int joined = -1;           // set by JoinEvents: the node that tells the same thing and stands for it
  int parent = -1;
  std::vector<int> children;  // by (start, id)
  // Set by BuildTree, bottom up.
  bool calls_below = false;       // an LLM call or reported usage strictly below
  std::string conversation_hint;  // of the highest span below that states one
  int hint_depth = -1;
  std::string model_below;
  int64_t requests_below = 0;  // own included; tools do not pass theirs on
  // Set by AssignSessions, top down.
  int session = -1;
  int tool = -1;   // nearest tool call at or above
  int agent = -1;  // nearest agent run at or above
  bool auxiliary = false;
};

inline constexpr int kMaxAgentDepth = 32;

struct SpanTree {
  std::vector<SpanNode> nodes;
  std::vector<int> order;     // parents before children, else by (start, id)
  std::vector<int> in_cycle;  // nodes whose parent link was cut because it led back to them
};

struct SpanSession {
  std::string id;
  std::string conversation;  // "" when it is known by its trace only
  std::string agent;
  std::string parent_id;  // session that spawned it
  std::string parent_call;
  std::string agent_name;
  int parent = -1;        // index of parent_id's session
  int depth = 0;          // sub-agents deeper than kMaxAgentDepth stay with their parent
  bool by_trace = false;  // nothing names it: the trace is the session
  std::map<std::string, int64_t> notes;
  // What counters say of this session and all below it; by bucket, tokens or 10^-9 dollar.
  std::map<std::string, int64_t> metrics;
  std::optional<int64_t> metrics_start_ns, metrics_end_ns;
};

SpanTree BuildTree(std::vector<SpanRecord> spans);
void AdoptAgents(SpanTree* tree);
std::vector<SpanSession> AssignSessions(SpanTree* tree);
void JoinEvents(SpanTree* tree, std::vector<SpanSession>* sessions);
// Gives the counters to the sessions that they count; adds sessions that only metrics know. Metrics are sums
// and never billed.
void AssignMetrics(const std::vector<SpanRecord>& points, const SpanTree& tree,
                   std::vector<SpanSession>* sessions);
// What counters say of a session, told in its info. cost: nullopt when some call has none. Where calls are, a
// note when they and the counters differ; without calls (0) the counters are the only total there is.
void TellMetrics(const SpanSession& session, const Usage& billed, std::optional<Usd> cost, int64_t calls,
                 SessionInfo* info);
std::vector<Fact> EmitFacts(const SpanTree& tree, std::vector<SpanSession> sessions);

// The whole way; facts that are no records pass through.
void ResolveOtlp(std::vector<Fact>* facts);

// The client behind a span: known ones by their own names, else the service's.
std::string AgentOf(const SpanRecord& span);

}  // namespace clawtrace::capture

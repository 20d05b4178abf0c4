#pragma once
// From spans to canonical facts. The spans of a unit arrive in any order, repeated, in several versions and
// with gaps; everything here is decided by content, so that the same set of spans gives the same facts.
//   BuildTree       one node a span, parents linked (otlp_tree.cc)
//   AssignSessions  which session each node belongs to, sub-agents apart (otlp_sessions.cc)
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
};

SpanTree BuildTree(std::vector<SpanRecord> spans);
std::vector<SpanSession> AssignSessions(SpanTree* tree);
std::vector<Fact> EmitFacts(const SpanTree& tree, std::vector<SpanSession> sessions);

// The whole way; facts that are no span records pass through.
void ResolveOtlp(std::vector<Fact>* facts);

// The client behind a span: known ones by their own names, else the service's.
std::string AgentOf(const SpanRecord& span);

}  // namespace clawtrace::capture

#pragma once
// A session: one conversation of one agent, its steps in order, its sub-agents below the steps that spawned
// them.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/fact.h"

namespace clawtrace {

enum class StepKind { kLlmCall, kToolUse, kSubagentSpawn };
constexpr EnumTable<StepKind, 3> EnumNames(StepKind) {
  return {{{StepKind::kLlmCall, "llm_call"},
           {StepKind::kToolUse, "tool_use"},
           {StepKind::kSubagentSpawn, "subagent_spawn"}}};
}

struct Session;

struct Step {
  StepKind kind = StepKind::kLlmCall;
  std::string call_id;  // the client's id of the call, else the fact's id
  int64_t turn = 0;     // from 1: the LLM call that this step is or belongs to; 0 when none is known
  std::optional<int64_t> start_ns, end_ns;
  bool abandoned = false;    // on a branch that the conversation left (rewind, edit, fork point)
  bool inherited = false;    // copied from an earlier session, which is charged for it (inherit.h)
  bool result_only = false;  // a tool result whose call was never recorded; not counted as a tool call

  // kLlmCall
  LlmCall llm;
  // kToolUse, kSubagentSpawn
  ToolUse tool;
  ToolResult result;
  std::vector<Session>
      children;  // kSubagentSpawn: the spawned sessions whose log is present (usually 0 or 1)
};

struct Session {
  std::string id;
  std::string source;  // importer or receiver
  SessionInfo info;
  std::string task_id;  // as stated, else derived: hash of the first user prompt and the workspace
  std::string prompt;   // start of the first user prompt
  std::vector<std::string>
      later_prompts;  // starts of the person's others, in order; not in the readable form
  Outcome outcome;
  std::vector<Step> steps;
  std::optional<int64_t> start_ns, end_ns;
  int64_t compactions = 0;
  std::vector<SkillUse> skills;    // by name, each with the furthest stage it came to
  uint64_t source_hash = 0;        // over the set of facts; equal for any order and repetition of the input
  std::vector<std::string> notes;  // coverage: stable words, sorted, e.g. "no_model_call", "missing_result:2"
  std::vector<Skipped> skipped;    // places of the input files that could not be used
};

// Joins facts to sessions. Total: any facts give sessions, in any order, repeated or not; nothing is dropped
// without a note. Sub-agents are attached by parent call id, else by the result's child id, else to the
// parent session as a spawn of their own ("unlinked_subagent"); a sub-agent whose parent is absent is a root.
// Roots are sorted by (start, id). Cost: O(n log n) in the number of facts.
std::vector<Session> AssembleSessions(std::vector<Fact> facts);

// Tools that start another agent, by the names that known clients give them.
bool IsSpawnTool(std::string_view name);

template <class A>
void Describe(A& a, Step& s);
template <class A>
void Describe(A& a, Session& s) {
  a.Field("id", s.id), a.Field("source", s.source), a.Field("info", s.info), a.Field("task_id", s.task_id);
  a.Field("prompt", s.prompt), a.Field("outcome", s.outcome), a.Field("start_ns", s.start_ns),
      a.Field("end_ns", s.end_ns);
  int64_t hash = static_cast<int64_t>(s.source_hash);
  a.Field("compactions", s.compactions), a.Field("source_hash", hash);
  s.source_hash = static_cast<uint64_t>(hash);
  a.Field("skills", s.skills), a.Field("notes", s.notes), a.Field("skipped", s.skipped);
  a.Field("steps", s.steps);
}
template <class A>
void Describe(A& a, Step& s) {
  a.Field("kind", s.kind), a.Field("call_id", s.call_id), a.Field("turn", s.turn);
  a.Field("start_ns", s.start_ns), a.Field("end_ns", s.end_ns);
  a.Field("abandoned", s.abandoned), a.Field("inherited", s.inherited), a.Field("result_only", s.result_only);
  // Reading takes whichever is there; writing only what belongs to the kind.
  std::optional<LlmCall> llm;
  std::optional<ToolUse> tool;
  std::optional<ToolResult> result;
  if (s.kind == StepKind::kLlmCall)
    llm = s.llm;
  else
    tool = s.tool, result = s.result;
  a.Field("llm", llm), a.Field("tool", tool), a.Field("result", result);
  if (llm) s.llm = std::move(*llm);
  if (tool) s.tool = std::move(*tool);
  if (result) s.result = std::move(*result);
  a.Field("children", s.children);
}

// Readable form (YAML or JSON) of a whole session, round-trips.
std::string EncodeSession(const Session& session, bool json);
Result<Session> DecodeSession(std::string_view text, std::string_view name);

}  // namespace clawtrace

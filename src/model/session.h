#pragma once
// A session: one conversation of one agent, its steps in order, its sub-agents below the steps that spawned them.
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
  return {{{StepKind::kLlmCall, "llm_call"}, {StepKind::kToolUse, "tool_use"}, {StepKind::kSubagentSpawn, "subagent_spawn"}}};
}

struct Session;

struct Step {
  StepKind kind = StepKind::kLlmCall;
  std::string call_id;     // the client's id of the call, else the fact's id
  int64_t turn = 0;        // from 1: the LLM call that this step is or belongs to; 0 when none is known
  std::optional<int64_t> start_ns, end_ns;
  bool abandoned = false;  // on a branch that the conversation left (rewind, edit, fork point)

  // kLlmCall
  LlmCall llm;
  // kToolUse, kSubagentSpawn
  ToolUse tool;
  ToolResult result;
  std::vector<Session> children;  // kSubagentSpawn: the spawned sessions whose log is present (usually 0 or 1)
};

struct Session {
  std::string id;
  std::string source;         // importer or receiver
  SessionInfo info;
  std::string task_id;        // as stated, else derived: hash of the first user prompt and the workspace
  std::string prompt;         // start of the first user prompt
  Outcome outcome;
  std::vector<Step> steps;
  std::optional<int64_t> start_ns, end_ns;
  int64_t compactions = 0;
  uint64_t source_hash = 0;   // over the set of facts; equal for any order and repetition of the input
  std::vector<std::string> notes;     // coverage: stable words, sorted, e.g. "no_model_call", "missing_result:2"
  std::vector<Skipped> skipped;       // places of the input files that could not be used
};

struct Assembled {
  std::vector<Session> sessions;  // roots, by (start, id)
};

// Joins facts to sessions. Total: any facts give sessions, in any order, repeated or not; nothing is dropped without
// a note. Sub-agents are attached by parent call id, else by the result's child id, else to the parent session as a
// spawn of their own ("unlinked_subagent"); a sub-agent whose parent is absent is a root.
Assembled AssembleSessions(std::vector<Fact> facts);

// Readable form (YAML or JSON) of a whole session, round-trips.
std::string EncodeSession(const Session& session, bool json);
Result<Session> DecodeSession(std::string_view text, std::string_view name);

}  // namespace clawtrace

#pragma once
// What analysts look at: sessions with their outcomes, grouped by task; of each its card, its steps as
// signatures, what replay decided, and what leaving out each kind of waste would have saved. A value: it
// points into no log, and one session is extracted at a time, so memory holds no whole texts.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "distill/attempts.h"
#include "distill/signature.h"
#include "model/replay_report.h"
#include "model/tracecard.h"
#include "pricing/pricing.h"

namespace clawtrace::distill {

// A step of the root session; sub-agents' steps are not looked at. Abandoned and inherited steps are left
// out.
struct EvidenceStep {
  std::string id;  // as in the card: "12"
  std::string call_id;
  StepKind kind = StepKind::kLlmCall;
  int64_t turn = 0;
  std::string tool;  // name; "" of LLM calls
  Signature signature;
  ToolStatus status = ToolStatus::kUnknown;
  std::string error_class;  // as in the card; "" = did not fail
  std::string args;         // canonical JSON, at most kMaxArgs bytes
  std::string output;       // of tools the start of the result, of LLM calls the start of the text; kMaxText
  std::vector<std::string> reads, writes;  // paths that it names, normalised
  bool read_only = false;
  std::optional<Usd> attributed_cost_usd, cost_usd;
  std::optional<Contribution> contribution;  // when the session was replayed
  bool proven = false;                       // that contribution has grade >= C1
};

// The steps of one session that have the shape of one kind of waste (lessons.h), and what the session would
// have cost without those of them that were not needed. Failed steps are never among them.
struct Waste {
  std::string lesson;               // key: "exact_repeat/read"
  std::vector<size_t> steps;        // not needed, or not replayed and suspected; indexes, ascending
  std::vector<size_t> needed;       // the same shape, and needed: what speaks against the lesson
  int64_t undecided = 0;            // replayed, and unknown
  std::optional<Usd> saved_usd;     // re-costed without steps together; nullopt = not known
  std::optional<int64_t> cost_ppm;  // the greatest share of the session's cost that one of steps carries
  bool top_decile = false;          // one of steps is among the dearest tenth
  bool proven = false;              // replay says of all of steps that they were not needed (C1)
  bool outcome_checked = false;
};

// A failed step: what the session would have cost without it and its unchanged retries, and without the
// retries alone.
struct FailureSaving {
  std::string step;  // as in the card
  std::optional<Usd> saved_usd, retries_usd;
};

struct EvidenceSession {
  TraceCard card;            // full
  std::string task;          // as support counts it: prompts of one workspace that are alike are one task
  std::string family;        // of tasks alike in kind: agent's project or workspace; "" = not known
  bool task_stated = false;  // the source or a person named the task
  std::string prompt;        // start of the first user prompt
  std::vector<std::string> later_prompts;  // starts
  Verdict outcome = Verdict::kUnknown;     // of people, judges and verifiers; heuristics count as unknown
  std::vector<EvidenceStep> steps;
  std::vector<Waste> waste;  // by lesson
  std::vector<FailureSaving> failures;
  std::optional<ReplayReport> replay;
  std::vector<SeenAttempt> attempts;  // of prompts, calls and results, looked at whole, and of ids
  std::optional<Usd> lean_cost_usd;   // re-costed without all not-needed and failed steps; needs a replay
};

struct EvidenceBase {
  std::vector<EvidenceSession> sessions;  // by (task, session id, agent), one each

  struct TaskCount {
    int64_t pass = 0, fail = 0, unknown = 0;  // sessions; partial counts as fail, error as unknown
    bool mixed() const { return pass > 0 && fail > 0; }
  };
  std::map<std::string, TaskCount> Tasks() const;
};

// replay: nullptr = none. When it ran an oracle and the session has no outcome of its own, the oracle's word
// is the outcome. Total and pure.
EvidenceSession Extract(const PricedSession& priced, const PriceBook& book, const ReplayReport* replay);

// Puts sessions in order, keeps one each (the fuller of two), and joins tasks whose prompts are alike. Any
// order and repetition of the sessions gives the same base.
EvidenceBase Gather(std::vector<EvidenceSession> sessions);

}  // namespace clawtrace::distill

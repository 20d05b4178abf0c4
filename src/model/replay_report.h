#pragma once
// What counterfactual replay found out about one session (DESIGN 6): a verdict for every tool use, the
// smallest trace that still does the task, and what that would have cost. Schema replay/1
// (schemas/replay.schema.json). Holds ids and short pieces of content, never whole texts.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/contribution.h"
#include "model/session.h"

namespace clawtrace {

// Millionths, with the bounds of an interval at 95 %.
struct LiveShare {
  int64_t ppm = 0, low_ppm = 0, high_ppm = 0;
  bool operator==(const LiveShare&) const = default;
};

// A model asked again what to do next: same_signature + other + answered + errors = asked.
struct LiveArm {
  int64_t asked = 0;
  int64_t same_action = 0;     // the recorded tool, and its arguments but for what only describes
  int64_t same_signature = 0;  // the recorded tool and target; same_action among them
  int64_t other = 0;           // another tool, or another target
  int64_t answered = 0;        // no tool, where one was recorded
  int64_t errors = 0;          // no reply came
  std::optional<LiveShare> action, signature;  // of the replies (Wilson); nullopt: there was none
  bool operator==(const LiveArm&) const = default;
};

// Shown beside a verdict, never part of it: the control says how often the model repeats itself when nothing
// is left out.
struct LiveCheck {
  std::string provider, model;
  std::string next_step;  // what is compared: the next recorded step, and its target, or "answer"
  std::string next_action;
  LiveArm without, control;               // with the step left out of the history; with all of it
  std::optional<LiveShare> difference;    // of signatures, without - control (Newcombe)
  int64_t calls = 0, calls_unpriced = 0;  // the latter: what they cost is not known
  std::optional<Usd> cost_usd;            // of those whose cost is known
  std::string stopped;                    // why it was asked less often than wished; "" = it was not
  std::string error;                      // the first of them
  std::vector<std::string> notes;         // what of the history is not as it was
  bool operator==(const LiveCheck&) const = default;
};

struct StepVerdict {
  std::string step;     // "12", "3/7": for display
  std::string call_id;  // what evidence is resolved by
  std::string tool;
  std::string target;  // as in cards
  Contribution verdict = Contribution::kUnknown;
  std::string grade;    // "C1": replayed; "C0": not decided
  std::string channel;  // what decided: "information", "state", "oracle", "client", "control", "replay"
  std::string reason;   // one sentence
  std::vector<std::string> evidence;  // steps that the reason speaks of
  std::string content;                // what was taken up, or could be had elsewhere; at most 80 bytes
  bool failed = false;  // the step itself failed: waste, but never a reason to prune (it feeds repair)
  // Re-executed without the step, the oracle gave the same verdict. false: information alone decided, or
  // there was no oracle.
  bool outcome_checked = false;
  std::vector<std::string> files_differ;  // work files that are other at the end without the step
  std::optional<Usd> attributed_cost_usd;
  std::optional<Usd> savings_usd;  // of this step alone; never to be added up
  std::optional<LiveCheck> live;   // only when a model was asked
  bool operator==(const StepVerdict&) const = default;
};

struct ReplayOracle {
  std::string id, command;
  std::string recorded, start;             // verdict on the full re-execution, and on the untouched workspace
  std::vector<std::string> failed_checks;  // of the full re-execution
  bool operator==(const ReplayOracle&) const = default;
};

// The smallest set of steps, as far as was searched, that still gives the outcome under both channels.
struct MinimalTrace {
  std::vector<std::string> kept, dropped;  // tool uses
  int64_t llm_calls = 0;  // turns that are left when tool uses that do not depend on each other share one
  int64_t llm_calls_as_recorded = 0;  // LLM calls that are left when nothing is moved
  std::optional<Usd> cost_usd;        // the session's floor: re-costed with nothing moved
  std::optional<Usd> saved_usd;
  // Re-costed also without what replay could not decide, never executed: if none of that was needed, the
  // floor.
  std::optional<Usd> cost_without_undecided_usd;
  bool outcome_checked = false;  // it was executed as a whole, and the oracle passed
  bool operator==(const MinimalTrace&) const = default;
};

// Of a session that failed: where it went wrong, as evidence for a repair.
struct FailureExplanation {
  std::string step, call_id;  // the first step that matters; "" = none found
  std::string reason;
  std::vector<std::string> files;           // that it left as they are at the end
  std::vector<std::string> passes_without;  // steps without any one of which the oracle passes
  std::vector<std::string> ignored;         // failed steps that nothing repaired
  bool operator==(const FailureExplanation&) const = default;
};

struct ReplayReport {
  std::string schema;  // "replay/1"
  std::string session_id, agent, task_id;
  std::string source_hash;  // of the facts it was computed from, as in the card
  std::string steps_hash;   // of the steps: verdicts hold as long as it is the same (HashOfSteps)
  std::string workspace;    // "none", "given", "rebuilt"
  std::vector<std::string> workspace_gaps;  // rebuilt: what could not be known
  std::string closed;                       // why every verdict is unknown; "" when they are not
  std::optional<int64_t> fidelity_ppm;      // matched / comparable results of the full re-execution
  int64_t comparable = 0, matched = 0;
  std::string first_divergence;  // "step 12: ..."
  std::optional<ReplayOracle> oracle;
  std::vector<StepVerdict> steps;
  int64_t needed = 0, not_needed = 0, unknown = 0;
  std::optional<Usd> needed_usd, not_needed_usd, unknown_usd;  // attributed cost by contribution
  std::optional<Usd> total_cost_usd;
  std::optional<MinimalTrace> minimal;
  std::optional<FailureExplanation> failure;
  int64_t candidates = 0;  // executions tried, the recording as it was among them
  int64_t from_cache = 0;  // of them, known from an earlier run
  bool out_of_budget = false;
  std::vector<std::string> notes;
  bool operator==(const ReplayReport&) const = default;
};

// Of what the steps of a session and its sub-agents said and got: what is said about the session (outcomes)
// does not change it, nor does the source that told it.
std::string HashOfSteps(const Session& session);

std::string EncodeReplayReport(const ReplayReport& report, bool json);
Result<ReplayReport> DecodeReplayReport(std::string_view text, std::string_view name);

template <class A>
void Describe(A& a, LiveShare& s) {
  a.Field("ppm", s.ppm), a.Field("low_ppm", s.low_ppm), a.Field("high_ppm", s.high_ppm);
}
constexpr bool IsRow(const LiveShare&) { return true; }
template <class A>
void Describe(A& a, LiveArm& l) {
  a.Field("asked", l.asked), a.Field("same_action", l.same_action);
  a.Field("same_signature", l.same_signature), a.Field("other", l.other), a.Field("answered", l.answered);
  a.Field("errors", l.errors), a.Field("action", l.action), a.Field("signature", l.signature);
}
template <class A>
void Describe(A& a, LiveCheck& l) {
  a.Field("provider", l.provider), a.Field("model", l.model), a.StepField("next_step", l.next_step);
  a.Field("next_action", l.next_action), a.Field("without", l.without), a.Field("control", l.control);
  a.Field("difference", l.difference), a.Field("calls", l.calls);
  a.Field("calls_unpriced", l.calls_unpriced), a.Field("cost_usd", l.cost_usd);
  a.Field("stopped", l.stopped), a.Field("error", l.error), a.Field("notes", l.notes);
}
template <class A>
void Describe(A& a, StepVerdict& v) {
  a.StepField("step", v.step), a.Field("call_id", v.call_id), a.Field("tool", v.tool);
  a.Field("target", v.target), a.Field("verdict", v.verdict), a.Field("grade", v.grade);
  a.Field("channel", v.channel), a.Field("reason", v.reason), a.StepField("evidence", v.evidence);
  a.Field("content", v.content), a.Field("failed", v.failed), a.Field("outcome_checked", v.outcome_checked);
  a.Field("files_differ", v.files_differ), a.Field("attributed_cost_usd", v.attributed_cost_usd);
  a.Field("savings_usd", v.savings_usd), a.Field("live", v.live);
}
template <class A>
void Describe(A& a, ReplayOracle& o) {
  a.Field("id", o.id), a.Field("command", o.command), a.Field("recorded", o.recorded);
  a.Field("start", o.start), a.Field("failed_checks", o.failed_checks);
}
template <class A>
void Describe(A& a, MinimalTrace& m) {
  a.StepField("kept", m.kept), a.StepField("dropped", m.dropped), a.Field("llm_calls", m.llm_calls);
  a.Field("llm_calls_as_recorded", m.llm_calls_as_recorded), a.Field("cost_usd", m.cost_usd);
  a.Field("saved_usd", m.saved_usd);
  a.Field("cost_without_undecided_usd", m.cost_without_undecided_usd);
  a.Field("outcome_checked", m.outcome_checked);
}
template <class A>
void Describe(A& a, FailureExplanation& f) {
  a.StepField("step", f.step), a.Field("call_id", f.call_id), a.Field("reason", f.reason);
  a.Field("files", f.files), a.StepField("passes_without", f.passes_without);
  a.StepField("ignored", f.ignored);
}
template <class A>
void Describe(A& a, ReplayReport& r) {
  a.Field("schema", r.schema), a.Field("session_id", r.session_id), a.Field("agent", r.agent);
  a.Field("task_id", r.task_id), a.Field("source_hash", r.source_hash), a.Field("steps_hash", r.steps_hash),
      a.Field("workspace", r.workspace);
  a.Field("workspace_gaps", r.workspace_gaps), a.Field("closed", r.closed);
  a.Field("fidelity_ppm", r.fidelity_ppm), a.Field("comparable", r.comparable);
  a.Field("matched", r.matched), a.Field("first_divergence", r.first_divergence);
  a.Field("oracle", r.oracle), a.Field("needed", r.needed), a.Field("not_needed", r.not_needed);
  a.Field("unknown", r.unknown), a.Field("needed_usd", r.needed_usd);
  a.Field("not_needed_usd", r.not_needed_usd), a.Field("unknown_usd", r.unknown_usd);
  a.Field("total_cost_usd", r.total_cost_usd), a.Field("minimal", r.minimal), a.Field("failure", r.failure);
  a.Field("candidates", r.candidates), a.Field("from_cache", r.from_cache);
  a.Field("out_of_budget", r.out_of_budget), a.Field("notes", r.notes), a.Field("steps", r.steps);
}

}  // namespace clawtrace

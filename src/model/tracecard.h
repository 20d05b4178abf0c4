#pragma once
// A TraceCard: what a session cost, step by step, what was wasted and what failed. Schema tracecard/1
// (schemas/tracecard.schema.json). Totals include sub-agents at any depth; own_* stand beside them.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/doc_writer.h"
#include "model/contribution.h"
#include "model/session.h"

namespace clawtrace {

struct CardStep {
  std::string id;  // "12", below a spawn "12/3": for display, see call_id
  StepKind kind = StepKind::kLlmCall;
  std::string tool, model, agent;  // the one that belongs to kind
  std::string call_id;
  std::optional<int64_t> turn;  // the LLM call it is or belongs to, from 1
  std::string role;  // LLM calls: tool_call, plan_then_tool, reply, thinking, failed, other; final_reply once
  std::optional<Usd> cost_usd;  // billed; LLM calls only; nullopt = not known
  std::optional<CostStatus> cost_status;
  std::optional<Usd> reported_cost_usd;       // the client's own figure, beside ours
  std::optional<int64_t> cost_delta_percent;  // ours against the client's, when they differ by more than 2 %
  std::optional<Usd> cost_low_usd, cost_high_usd;  // bounds, when it is not known what the tokens mean
  std::string cost_reason;  // what had to be assumed about the price, or why there is none (docs/pricing.md)
  std::optional<Usd> attributed_cost_usd;  // its answer (LLM calls) and its content in later prompts
  std::optional<Usd> context_cost_usd;     // of it: its content in later prompts
  bool estimated = false;                  // the size of that content was not measured alone
  std::optional<Usage> tokens;
  std::optional<int64_t> start_ms, duration_ms;
  std::optional<ToolStatus> status;
  std::optional<int64_t> exit_code;
  std::string error;
  bool redundant = false;                            // proven (grade >= C1)
  bool suspected = false;                            // C0
  std::string reason;                                // detector that flagged it
  std::optional<Contribution> outcome_contribution;  // of tool uses, when the session was replayed
  std::string grade;                                 // of that: "C1" decided, "C0" not
  bool abandoned = false;
  bool inherited = false;  // copied from an earlier session and charged there; counted nowhere here
  bool operator==(const CardStep&) const = default;
};

// Steps that repeat what was known, each but the first. wasted_usd: billed cost of the LLM calls that asked
// for nothing else; nullopt when that is not known (a shared or unpriced turn).
struct RedundantGroup {
  std::string tool;
  std::string reason;                 // detector: "exact_repeat"; "not_needed": found by replay alone
  std::string grade;                  // "C0"; "C1": replay says that none of the steps was needed
  std::string target;                 // resource or command, abstracted to one line, may be cut
  std::string first;                  // step that is repeated
  std::vector<std::string> steps;     // the repeating steps
  std::vector<std::string> call_ids;  // of the repeating steps, same order
  std::optional<Usd> wasted_usd;
  std::optional<Usd> expected_savings_usd;  // re-cost of the session without these steps; never added up
  bool operator==(const RedundantGroup&) const = default;
};

// Something worth knowing that is no waste: counted in no figure of waste or savings.
struct Observation {
  std::string reason;                    // detector: "context_bloat", "model_mismatch"
  std::string tool;                      // of the first step; "" for LLM calls
  std::string target;                    // resource or command, as of a RedundantGroup
  std::vector<std::string> steps;        // what it is about
  std::vector<std::string> call_ids;     // of the steps, same order
  std::optional<Usd> cost_usd;           // context_bloat: content in later prompts; model_mismatch: billed
  std::optional<int64_t> share_percent;  // of the session's cost, sub-agents left out
  std::string requested_model, model;    // model_mismatch: asked for, answered
  bool operator==(const Observation&) const = default;
};

struct FailedStep {
  std::string step;
  std::string call_id;
  std::string tool;         // "" for an LLM call
  std::string error;        // first line
  std::string error_class;  // "missing_command:python", "missing_directory", "edit_no_match", ...
  std::string kind;         // "mistake" or "environment"
  std::string args;         // canonical, cut at kMaxText: what was tried
  std::string repaired_by;  // step id; "" = not repaired
  std::string repair_call_id;
  std::string repair_args;           // what worked
  std::vector<std::string> helpers;  // steps between that made it work ("mkdir -p out"): canonical arguments
  std::vector<std::string> retries;  // unchanged retries of it in between: step ids
  std::optional<Usd> cost_usd;       // billed cost of the turns of failure, retries and repair
  std::optional<Usd> wasted_usd;     // of it: failure and retries alone
  bool operator==(const FailedStep&) const = default;
};

// Share of the attributed cost that no step produced.
struct ReservedRow {
  std::string row;   // "base" (system prompt, tools), "user", "summary"
  std::string step;  // "" = of the session, else of the agent that this step spawned
  std::optional<Usd> cost_usd;
  bool estimated = false;
  std::string first, last;  // summary: steps that it stands for
  bool operator==(const ReservedRow&) const = default;
};

struct SubAgent {
  std::string step;        // the spawn
  std::string session_id;  // "" when the child is not known
  std::string agent;
  bool log_present = false;
  std::optional<Usd> cost_usd;
  int64_t llm_call_count = 0, tool_call_count = 0;
  bool operator==(const SubAgent&) const = default;
};

struct Coverage {
  int64_t priced = 0, reported = 0, unpriced = 0,
          included = 0;  // LLM calls by cost status, sub-agents included
  int64_t skipped_records = 0;
  std::vector<std::string> unpriced_models;
  std::vector<std::string> notes;
  bool operator==(const Coverage&) const = default;
};

struct Totals {
  std::optional<Usd> cost_usd;  // nullopt: calls exist and none has a known cost
  Usage tokens;
  int64_t llm_calls = 0, tool_calls = 0, spawns = 0;
  bool operator==(const Totals&) const = default;
};

struct TraceCard {
  std::string schema;  // "tracecard/1"; a card of the literature has none
  std::string session_id;
  std::string agent, agent_version;
  std::string task_id;
  std::string source_hash;
  std::string price_book;
  std::optional<int64_t> started_ms;
  std::vector<std::string> models;
  std::optional<Verdict> outcome;
  std::optional<OutcomeSource> outcome_source;
  std::optional<CostStatus> cost_status;  // the weakest among the calls
  std::optional<Usd> total_cost_usd;
  std::optional<Usage> total_tokens;
  std::optional<int64_t> llm_call_count, tool_call_count, spawn_count;
  std::optional<Usd> own_cost_usd;
  std::optional<Usage> own_tokens;
  std::optional<int64_t> own_llm_call_count, own_tool_call_count;
  std::optional<Usd> included_cost_usd;  // list price of calls covered by a subscription, not in the total
  std::optional<Usd> reported_cost_usd;  // sum of the client's figures, when it gave any
  std::optional<int64_t> wall_ms, llm_ms, tool_ms;
  std::optional<Usd> wasted_usd;    // redundant groups and failures, each turn once
  std::optional<Usd> saveable_usd;  // re-cost without all redundant groups together; replayed: without what
                                    // the smallest trace leaves out
  std::optional<Usd> cost_low_usd,
      cost_high_usd;                        // bounds of the total, when it is not known what tokens mean
  std::vector<ReservedRow> reserved_costs;  // with the steps' attributed_cost_usd: the total
  std::vector<CardStep> steps;
  std::vector<CardStep> top_cost_spans;  // compact cards: the dearest steps instead of all
  std::vector<RedundantGroup> redundant_tool_calls;
  std::vector<FailedStep> failed_or_repaired_steps;
  std::vector<Observation> observations;
  std::vector<SubAgent> sub_agents;
  std::vector<SkillUse> skills;
  std::optional<Coverage> coverage;
  std::vector<Skipped> skipped_input;
  std::optional<bool> usd_rounded;   // compact cards: amounts are rounded to 6 places
  std::optional<Usd> more_cost_usd;  // billed cost of the steps that a compact card does not list
  std::optional<int64_t> more_steps, more_redundant, more_failed, more_observations, more_sub_agents,
      more_skipped,
      more_skills;  // left out of a compact card
  bool operator==(const TraceCard&) const = default;
};

// The binary form of pack_archive.h, for caches.
void PackCard(const TraceCard& card, std::string* out);
// False when the bytes are no card.
bool UnpackCard(std::string_view bytes, TraceCard* card);

enum class DocFormat { kYaml, kJson };

std::string EncodeCard(const TraceCard& card, DocFormat format);
// One step as a full card has it.
void WriteStep(const CardStep& step, DocWriter* out);
Result<TraceCard> DecodeCard(std::string_view text, std::string_view name);

// The same card within max_bytes in the given format: ids and names cut at 64 bytes with an ellipsis and 8
// hex digits of their hash, USD rounded to 6 places, and lists dropped in a fixed order (skills only
// offered, steps, other skills, repairs, redundant, sub-agents), each leaving its more_* count. Totals,
// outcome and coverage always stay. kLimit if even those do not fit.
Result<std::string> EncodeCompactCard(const TraceCard& card, DocFormat format, size_t max_bytes = 1536);

}  // namespace clawtrace

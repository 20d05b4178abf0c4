#pragma once
// A fact is one immutable record from one source, as an importer or receiver read it. Facts may arrive in any
// order, repeatedly and in several versions; AssembleSessions (session.h) makes the same sessions of them in
// every case.
//
// Kinds and what identifies one: (source, session_id, kind, id). Two facts with equal identity and different
// content are versions of one thing; the assembler picks (complete first, then larger, then greater content
// hash) or, for an LLM call whose record spans several log lines, unites their content.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/boxed.h"
#include "model/usage.h"

namespace clawtrace {

enum class FactKind {
  kSession,     // what is known of a session as a whole (header, or a sub-agent's descriptor)
  kUser,        // a user turn
  kLlmCall,     // one answer of a model, with its usage
  kToolUse,     // a tool the model asked for
  kToolResult,  // what came back
  kLink,        // a record that only carries the conversation's parent chain on
  kCompaction,  // history was replaced by a summary
  kOutcome,     // somebody judged the session
  kSkill,       // an agent skill was offered to the agent, loaded or opened by it
};

// What a tool use came to. kUnknown: no result was recorded.
enum class ToolStatus { kUnknown, kOk, kError, kAborted };

struct SessionInfo {
  std::string agent;  // client: "claude-code", "codex", "openclaw", "pi", or a service name
  std::string agent_version;
  std::string cwd;
  std::string project;             // git root or repository name when the source says it
  std::string task_id;             // only if the source names one
  std::string user;                // who ran it, only if the source says so
  std::string parent_session;      // set on sub-agents: session id of the parent
  std::string parent_call;         // set on sub-agents: the parent's tool call id that spawned it
  std::string agent_name;          // sub-agents: role or nickname ("general-purpose")
  std::string forked_from;         // session id whose history this one copied
  std::string billing;             // "subscription" when the source says calls are not charged per token
  std::vector<std::string> notes;  // what the source cannot show, stable words: "cache_not_reported"
  // Totals that the source states for the session as a whole; used only where it gives no call its own.
  std::optional<Usd> reported_cost;
  std::optional<Usage> reported_usage;
  bool operator==(const SessionInfo&) const = default;
};

struct UserTurn {
  std::string text;  // at most kMaxText bytes
  int64_t text_bytes = 0;
  bool is_meta = false;  // written by the client, not by a person (reminders, command output)
  bool operator==(const UserTurn&) const = default;
};

struct LlmCall {
  std::string model;
  std::string provider;
  std::optional<Usage> usage;        // nullopt: the source gives none (unknown, not zero)
  std::optional<Usd> reported_cost;  // the client's own figure, only if it gave one > 0
  std::string stop_reason;
  std::string error;         // provider error text; such a call has no answer
  std::string service_tier;  // "batch", "priority", "flex", "fast" when stated
  bool billed = true;        // false: a local message in an answer's shape (e.g. model "<synthetic>")
  bool auxiliary = false;    // title generation and the like
  // What else this call is known by: the provider's response id, request ids. Facts of other sources that
  // share one of these, or its id, within a session are the same call.
  std::vector<std::string> aliases;
  int64_t web_searches = 0;  // charged apart from tokens
  // The emitter's convention is not known: usage under the other reading (cached tokens beside the input
  // instead of within it, or the reverse). The two prices are the bounds of the true one.
  std::optional<Usage> other_reading;
  // The model that was asked for, where the source names it apart and spells it otherwise than model.
  Boxed<std::string> requested_model;
  int64_t attempts = 0;    // requests it took when known, else 0
  int64_t text_bytes = 0;  // visible answer text
  int64_t thinking_bytes = 0;
  std::string text;  // start of the visible text, at most kMaxText bytes
  bool operator==(const LlmCall&) const = default;
};

// Two accounts of one call become one: a source that knows both what was asked for and what answered corrects
// one that knows only the former.
void JoinModels(LlmCall* into, const LlmCall& other);
// From what a source says about both; either may be empty.
void SetModels(std::string_view requested, std::string_view answered, LlmCall* call);

struct ToolUse {
  std::string llm_call;  // id of the LLM call that asked for it; "" when unknown
  std::string name;
  int64_t index = 0;       // position among the calls of one answer
  std::string args;        // canonical JSON (Json::Canonical), at most kMaxArgs bytes; "" when there are none
  int64_t args_bytes = 0;  // full size of the canonical form
  uint64_t args_hash = 0;  // Hash64 of the full canonical form
  bool args_broken = false;  // arguments were not valid JSON; args then holds the raw text
  std::string cwd;           // working directory of the call when the source says it
  bool operator==(const ToolUse&) const = default;
};

struct ToolResult {
  ToolStatus status = ToolStatus::kUnknown;
  std::optional<int64_t> exit_code;
  std::string error;  // first line(s) of the error, at most kMaxError bytes
  int64_t output_bytes = 0;
  uint64_t output_hash = 0;   // Hash64 of the whole output
  std::string output;         // start of the output, at most kMaxText bytes
  bool unchanged = false;     // the agent itself marked the result as already known
  std::string child_session;  // session (or agent) id that this call spawned
  bool operator==(const ToolResult&) const = default;
};

enum class Verdict { kUnknown, kSuccess, kFailure, kPartial, kError };
enum class OutcomeSource { kNone, kHeuristic, kJudge, kUser, kVerifier };  // ascending rank

struct Outcome {
  Verdict verdict = Verdict::kUnknown;
  OutcomeSource source = OutcomeSource::kNone;
  std::optional<int64_t> score_ppm;  // partial credit in millionths
  std::string judge;                 // who or what judged
  bool operator==(const Outcome&) const = default;
};

enum class SkillStage {
  kListed,
  kLoaded,
  kOpened
};  // ascending: offered; its text was read; a file below it

struct SkillUse {
  std::string name;
  SkillStage stage = SkillStage::kListed;
  std::string path;  // of what was read, when the source says it
  std::string call;  // id of the tool call that did it, "" when the client did
  bool operator==(const SkillUse&) const = default;
};

// Longest texts kept in a fact; hashes and sizes always cover the whole.
inline constexpr size_t kMaxText = 2048;
inline constexpr size_t kMaxArgs = 16384;
inline constexpr size_t kMaxError = 300;

struct Fact {
  FactKind kind = FactKind::kLink;
  std::string source;      // importer or receiver name
  std::string session_id;  // the client's session, or the sub-agent's own id
  std::string id;          // the client's id of this thing: call id, message id, event id
  // The conversation's chain: this record's own node and the one it follows. Importers of formats without a
  // parent chain leave both empty and set ordinal.
  std::string node;
  std::string parent_node;
  int64_t ordinal = -1;             // position that the source itself states (seq, ordinal), else -1
  std::optional<int64_t> start_ns;  // unix time
  std::optional<int64_t> end_ns;

  // Exactly the member that belongs to kind is meaningful.
  Boxed<SessionInfo> session;
  Boxed<UserTurn> user;
  Boxed<LlmCall> llm;
  Boxed<ToolUse> tool;
  Boxed<ToolResult> result;
  Boxed<Outcome> outcome;
  Boxed<SkillUse> skill;

  bool operator==(const Fact&) const = default;
};

// A place in the input that could not be used, or was used only after repair.
struct Skipped {
  std::string file;    // as given by the user
  int64_t line = 0;    // from 1; 0 when the format has no lines
  int64_t offset = 0;  // byte offset of the record
  std::string reason;  // stable word(s): "truncated-line", "not-json", "wrong-type:usage", ...
  bool operator==(const Skipped&) const = default;
  auto operator<=>(const Skipped&) const = default;
};

// Readable form, one JSON object a line; round-trips.
std::string EncodeFact(const Fact& fact);
Result<Fact> DecodeFact(std::string_view line);

template <class E, size_t N>
using EnumTable = std::array<std::pair<E, std::string_view>, N>;

constexpr EnumTable<FactKind, 9> EnumNames(FactKind) {
  return {{{FactKind::kSession, "session"},
           {FactKind::kUser, "user"},
           {FactKind::kLlmCall, "llm_call"},
           {FactKind::kToolUse, "tool_use"},
           {FactKind::kToolResult, "tool_result"},
           {FactKind::kLink, "link"},
           {FactKind::kCompaction, "compaction"},
           {FactKind::kOutcome, "outcome"},
           {FactKind::kSkill, "skill"}}};
}
constexpr EnumTable<ToolStatus, 4> EnumNames(ToolStatus) {
  return {{{ToolStatus::kUnknown, "unknown"},
           {ToolStatus::kOk, "ok"},
           {ToolStatus::kError, "error"},
           {ToolStatus::kAborted, "aborted"}}};
}
constexpr EnumTable<SkillStage, 3> EnumNames(SkillStage) {
  return {
      {{SkillStage::kListed, "listed"}, {SkillStage::kLoaded, "loaded"}, {SkillStage::kOpened, "opened"}}};
}
constexpr EnumTable<Verdict, 5> EnumNames(Verdict) {
  return {{{Verdict::kUnknown, "unknown"},
           {Verdict::kSuccess, "success"},
           {Verdict::kFailure, "failure"},
           {Verdict::kPartial, "partial"},
           {Verdict::kError, "error"}}};
}
constexpr EnumTable<OutcomeSource, 5> EnumNames(OutcomeSource) {
  return {{{OutcomeSource::kNone, "none"},
           {OutcomeSource::kHeuristic, "heuristic"},
           {OutcomeSource::kJudge, "judge"},
           {OutcomeSource::kUser, "user"},
           {OutcomeSource::kVerifier, "verifier"}}};
}

template <class A>
void Describe(A& a, SessionInfo& s) {
  a.Field("agent", s.agent), a.Field("agent_version", s.agent_version), a.Field("cwd", s.cwd),
      a.Field("project", s.project);
  a.Field("task_id", s.task_id), a.Field("user", s.user), a.Field("parent_session", s.parent_session),
      a.Field("parent_call", s.parent_call);
  a.Field("agent_name", s.agent_name), a.Field("forked_from", s.forked_from), a.Field("billing", s.billing);
  a.Field("notes", s.notes), a.Field("reported_cost", s.reported_cost),
      a.Field("reported_usage", s.reported_usage);
}
template <class A>
void Describe(A& a, UserTurn& u) {
  a.Field("text", u.text), a.Field("text_bytes", u.text_bytes), a.Field("is_meta", u.is_meta);
}
template <class A>
void Describe(A& a, LlmCall& c) {
  a.Field("model", c.model), a.Field("provider", c.provider), a.Field("usage", c.usage),
      a.Field("reported_cost", c.reported_cost);
  a.Field("stop_reason", c.stop_reason), a.Field("error", c.error), a.Field("service_tier", c.service_tier);
  bool not_billed = !c.billed;
  a.Field("not_billed", not_billed);
  c.billed = !not_billed;
  a.Field("auxiliary", c.auxiliary), a.Field("attempts", c.attempts), a.Field("text_bytes", c.text_bytes);
  a.Field("thinking_bytes", c.thinking_bytes), a.Field("text", c.text);
  a.Field("aliases", c.aliases), a.CountField("web_searches", c.web_searches);
  a.Field("other_reading", c.other_reading), a.Field("requested_model", c.requested_model);
}
template <class A>
void Describe(A& a, ToolUse& t) {
  a.Field("llm_call", t.llm_call), a.Field("name", t.name), a.Field("index", t.index),
      a.Field("args", t.args);
  int64_t hash = static_cast<int64_t>(t.args_hash);
  a.Field("args_bytes", t.args_bytes), a.Field("args_hash", hash);
  t.args_hash = static_cast<uint64_t>(hash);
  a.Field("args_broken", t.args_broken), a.Field("cwd", t.cwd);
}
template <class A>
void Describe(A& a, ToolResult& r) {
  a.Field("status", r.status), a.Field("exit_code", r.exit_code), a.Field("error", r.error);
  int64_t hash = static_cast<int64_t>(r.output_hash);
  a.Field("output_bytes", r.output_bytes), a.Field("output_hash", hash);
  r.output_hash = static_cast<uint64_t>(hash);
  a.Field("output", r.output), a.Field("unchanged", r.unchanged), a.Field("child_session", r.child_session);
}
template <class A>
void Describe(A& a, Outcome& o) {
  a.Field("verdict", o.verdict), a.Field("source", o.source), a.Field("score_ppm", o.score_ppm),
      a.Field("judge", o.judge);
}
template <class A>
void Describe(A& a, SkillUse& s) {
  a.Field("name", s.name), a.Field("stage", s.stage), a.Field("path", s.path), a.Field("call", s.call);
}
constexpr bool IsRow(const SkillUse&) { return true; }
template <class A>
void Describe(A& a, Fact& f) {
  a.Field("kind", f.kind), a.Field("source", f.source), a.Field("session_id", f.session_id),
      a.Field("id", f.id);
  a.Field("node", f.node), a.Field("parent_node", f.parent_node), a.Field("ordinal", f.ordinal);
  a.Field("start_ns", f.start_ns), a.Field("end_ns", f.end_ns);
  a.Field("session", f.session), a.Field("user", f.user), a.Field("llm", f.llm), a.Field("tool", f.tool);
  a.Field("result", f.result), a.Field("outcome", f.outcome), a.Field("skill", f.skill);
}
template <class A>
void Describe(A& a, Skipped& s) {
  a.Field("file", s.file), a.Field("line", s.line), a.Field("offset", s.offset), a.Field("reason", s.reason);
}
constexpr bool IsRow(const Skipped&) { return true; }

}  // namespace clawtrace

#pragma once
// One span, log event or metric point between reading and resolving: its meaning, without the large attribute
// texts. Travels inside a Fact of kind link, because the records of one session come in many files and only
// make sense together.
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "capture/otlp_span.h"
#include "model/fact.h"

namespace clawtrace::capture {

inline constexpr std::string_view kOtlpSource = "otlp";

struct SpanRecord {
  enum class Kind {
    kOther,
    kLlm,    // one request to a model (or what looks like one until a nested span shows the real one)
    kAgent,  // a run of an agent
    kTool,
    kPart,  // a phase of a call: adds to the call's own record
    // Only told by log events:
    kPrompt,   // what the user asked
    kRequest,  // one HTTP request of a call
    kSkill,    // a skill was loaded (name in call_id)
    // A data point of a metric: bucket in call_id, series in spawned_by, value in amount.
    kPoint,
  };
  Kind kind = Kind::kOther;
  std::string trace_id, span_id, parent_id;
  std::optional<int64_t> start_ns, end_ns;
  std::string name;
  std::string scope, service, service_version, instance;
  std::string conversation;  // stated on the span or its resource
  std::string user;          // likewise
  std::string agent_id;      // of a sub-agent's one run, where the client gives such ids
  std::string agent_name;    // tools: of the agent that they start
  std::string spawned_by;    // tool call id that started this agent run
  std::string call_id;       // tools and their parts
  std::string response_id;
  std::vector<std::string> aliases;     // other ids of the call
  std::vector<std::string> asked;       // tool call ids in the answer
  std::vector<std::string> asked_keys;  // of the same calls: tool and arguments
  std::string prompt;
  int64_t prompt_bytes = 0;
  std::string model_hint;  // model known to this span though it is no call itself
  int64_t requests = 0;    // HTTP requests that this span saw go out
  int64_t size = 0;        // of all attributes as read: the larger version of a span is the fuller one
  // Tokens as the emitter states them, 0 when it does not: a span and an event of one call state the same.
  int64_t emitted_input = 0, emitted_output = 0;
  int64_t amount = 0;       // points: tokens, or cost in 10^-9 dollar
  bool event = false;       // told by a log record
  bool of_agent = false;    // events: a sub-agent's, though it is not said which
  bool cumulative = false;  // points
  bool auxiliary = false;   // holds for everything below
  bool cache_known = false, reasoning_missing = false, ambiguous = false, reclassified = false,
       implausible = false;

  std::optional<LlmCall> llm;
  std::optional<ToolUse> tool;
  std::optional<ToolResult> result;

  bool operator==(const SpanRecord&) const = default;
};

// The span's meaning by its emitter's convention.
SpanRecord ReadSpan(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpSpan& span,
                    JsonParser* parser);

// A log record's meaning; nullopt: nothing that counts.
std::optional<SpanRecord> ReadEvent(const OtlpAttributes& resource, const OtlpScope& scope,
                                    const OtlpLog& log, JsonParser* parser);

// A point of a token or cost counter; nullopt: another metric.
std::optional<SpanRecord> ReadPoint(const OtlpAttributes& resource, const OtlpScope& scope,
                                    const OtlpPoint& point);

// Shared by the readers of the signals. The first of these keys that holds a text, cut to a name's size.
inline constexpr size_t kMaxOtlpName = 200;
// An id or name as it is kept: of a longer one the start and a hash of all, so that two stay two; a zero
// byte, which no store takes, as U+FFFD.
std::string OtlpName(std::string_view text);
std::string FirstText(const OtlpAttributes& attributes, std::initializer_list<std::string_view> keys);
// Which conversation the record belongs to, by its own attributes or its resource's.
std::string ConversationOf(const OtlpAttributes& resource, const OtlpAttributes& attributes);
// Who ran it, as the emitter says; "" = not said.
std::string UserOf(const OtlpAttributes& resource, const OtlpAttributes& attributes);
// Model, provider, usage, cost and tier of a call, and what is known about them.
LlmCall ReadCall(const OtlpScope& scope, const OtlpAttributes& attributes, SpanRecord* record);
// Title generation, summaries and the like.
bool IsAuxiliary(const OtlpAttributes& attributes);

// What the call, tool or prompt is called that ResolveOtlp makes of the record; "" when it makes none.
std::string ResolvedId(const SpanRecord& record);

// Under the trace; without one under the conversation, else under a name for all such records of the client:
// a store keeps nothing without a session.
Fact EncodeRecord(SpanRecord record);
// A trace and the conversation that a record of it names are one family (Importer::links).
void LinkRecords(std::span<const Fact> facts, std::vector<std::pair<std::string, std::string>>* links);
// nullopt when the fact is no span record; else what it holds is moved out of it.
std::optional<SpanRecord> DecodeRecord(Fact* fact, JsonParser* parser);

}  // namespace clawtrace::capture

#pragma once
// One span between reading and resolving: its meaning, without the large attribute texts. Travels inside a
// Fact of kind link, because the spans of one session come in many files and only make sense together.
#include <optional>
#include <string>
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
    kPart,  // a phase of a tool call: adds to the tool span of its call
  };
  Kind kind = Kind::kOther;
  std::string trace_id, span_id, parent_id;
  std::optional<int64_t> start_ns, end_ns;
  std::string name;
  std::string scope, service, service_version, instance;
  std::string conversation;  // stated on the span or its resource
  std::string agent_id;      // of a sub-agent's one run, where the client gives such ids
  std::string agent_name;    // tools: of the agent that they start
  std::string spawned_by;    // tool call id that started this agent run
  std::string call_id;       // tools and their parts
  std::string response_id;
  std::vector<std::string> asked;  // tool call ids in the answer
  std::string prompt;
  int64_t prompt_bytes = 0;
  std::string model_hint;  // model known to this span though it is no call itself
  int64_t requests = 0;    // HTTP requests that this span saw go out
  int64_t size = 0;        // of all attributes as read: the larger version of a span is the fuller one
  bool auxiliary = false;  // holds for everything below
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

Fact EncodeRecord(SpanRecord record);
// nullopt when the fact is no span record; else what it holds is moved out of it.
std::optional<SpanRecord> DecodeRecord(Fact* fact, JsonParser* parser);

}  // namespace clawtrace::capture

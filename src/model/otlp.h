#pragma once
// Sessions as OpenTelemetry traces, by the semantic conventions for generative AI.
#include <string>
#include <string_view>

#include "model/session.h"

namespace clawtrace {

// Instrumentation scope of the spans. Its input tokens include the cached ones, as the conventions say.
inline constexpr std::string_view kOtlpScope = "gen_ai.clawtrace";

// One ExportTraceServiceRequest in OTLP/JSON, in one line: a trace with a span "invoke_agent" for the session
// and each sub-agent, the latter below the tool call that spawned it, "chat" for each LLM call and
// "execute_tool" for each tool. Ids of traces and spans are hashes of ours: the same session gives the same
// bytes. Not kept: local messages that no model wrote, exit codes, outcome, task, skills, compactions, and
// which branches the conversation left. Times that are not known are those of the step before.
std::string EncodeOtlp(const Session& session);

}  // namespace clawtrace

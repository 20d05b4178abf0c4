#pragma once
// Which tokens a span reports, and what they mean. Whether "input" holds cached tokens depends on who emitted
// the span, never on the model; the rules and their order are in docs/formats/otlp.md.
#include <optional>
#include <string>
#include <string_view>

#include "capture/otlp_span.h"
#include "model/usage.h"

namespace clawtrace::capture {

struct OtlpUsage {
  std::optional<Usage> usage;                     // nullopt: the span reports none
  std::optional<Usd> cost;                        // given by the emitter, > 0
  int64_t emitted_input = 0, emitted_output = 0;  // as stated, 0 when not
  bool cache_known = false;                       // the span says something about cached tokens, if only 0
  bool reasoning_missing =
      false;               // this emitter's output excludes reasoning and the span does not say how much
  bool ambiguous = false;  // no rule decides; read as including cached tokens
  std::optional<Usage> other_reading;  // ambiguous: as excluding them
  bool reclassified = false;           // the numbers contradict the emitter's rule and won
  bool implausible = false;            // counts beyond reason, refused
};

OtlpUsage ReadUsage(const OtlpScope& scope, std::string_view provider, const OtlpAttributes& attributes);

// One spelling for each provider ("mock.chat" is "mock", "vertexai" is "gcp.vertex_ai").
std::string NormalProvider(std::string_view provider);

}  // namespace clawtrace::capture

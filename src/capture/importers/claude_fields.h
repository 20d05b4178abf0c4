#pragma once
// What records of Anthropic's clients have in common: the envelope of a log line, the usage object of the
// Messages API.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/usage.h"

namespace clawtrace::capture {

// The fields around every record, read in one pass over its members.
struct ClaudeEnvelope {
  std::string_view type, subtype, uuid, parent, logical_parent, session, agent, version, cwd, request;
  Json message, tool_use_result, timestamp, attachment, error, cost, forked_from, source_tool;
  bool sidechain = false, meta = false, api_error = false, compact_summary = false;
  std::optional<int64_t> ts;
};
ClaudeEnvelope ReadClaudeEnvelope(Json record);

enum class UsageState { kAbsent, kUsable, kWrongType, kImplausible };

// *usage: the object's own counters. *tier: "fast", or the service tier when it is not the standard one.
UsageState ReadClaudeUsage(Json json, Usage* usage, std::string* tier);

// Searches that the provider ran for an answer; charged apart from tokens.
int64_t SearchesOf(Json usage);

// What the provider sampled for one request besides the answer: charged, and not in the object's own
// counters.
struct ExtraSampling {
  std::string kind;   // "compaction" or "advisor"
  std::string model;  // "": the request's
  Usage usage;
};
struct Iterations {
  std::vector<ExtraSampling> extra;
  // The answer's own tokens where the object's counters leave some of them out.
  std::optional<Usage> answer;
  bool unusable = false;  // an entry could not be read: what it cost is not known
};
Iterations ReadIterations(Json usage);

// The value of "role" in the object under the key "message" when that can be told from the line's first bytes
// without parsing it; "" otherwise.
std::string_view RoleOf(std::string_view line);

}  // namespace clawtrace::capture

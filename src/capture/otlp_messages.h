#pragma once
// What the message attributes of the several conventions say: the answer's text, the tool calls it asks for,
// the prompt, a tool's arguments and output.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "capture/otlp_span.h"
#include "model/fact.h"

namespace clawtrace::capture {

struct OtlpAnswer {
  std::string text;  // start of it, at most kMaxText bytes
  int64_t text_bytes = 0;
  int64_t thinking_bytes = 0;
  std::vector<std::string> asked;       // ids of the tool calls in it, in order
  std::vector<std::string> asked_keys;  // KeyOfCall of each, where the answer holds names and arguments
};
// What a tool call is known by where its id is not told.
std::string KeyOfCall(std::string_view name, uint64_t args_hash);
OtlpAnswer ReadAnswer(const OtlpAttributes& attributes, JsonParser* parser);

// The chunks of a Gemini response as they came.
OtlpAnswer ReadGeminiAnswer(Json chunks);
// One message of the older events: {content, tool_calls}.
OtlpAnswer ReadChoice(Json message);

struct OtlpPrompt {
  std::string text;  // start of the first user message, at most kMaxText bytes
  int64_t bytes = 0;
};
OtlpPrompt ReadPrompt(const OtlpAttributes& attributes, JsonParser* parser);

// Fills args of the use and output, status, exit code and child of the result. May correct name and call id
// from what the tool's framework wrapped around the output.
void ReadToolContent(const OtlpAttributes& attributes, JsonParser* parser, std::string* call_id, ToolUse* use,
                     ToolResult* result);

}  // namespace clawtrace::capture

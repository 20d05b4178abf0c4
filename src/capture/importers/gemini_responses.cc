#include "capture/importers/gemini_responses.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/gemini_fields.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

bool IsAnswer(std::string_view method) {
  return method == "generateContent" || method == "generateContentStream";
}

void AddPart(Json part, LlmCall* call) {
  std::string_view text = part["text"].text();
  if (part["thought"].boolean() == true) {
    call->thinking_bytes += static_cast<int64_t>(text.size());
    return;
  }
  call->text_bytes += static_cast<int64_t>(text.size());
  if (call->text.size() < kMaxText) call->text += PrefixUtf8(text, kMaxText - call->text.size());
}

// The reason why the counts are unusable, "" when they are not.
std::string_view TakeUsage(Json json, LlmCall* call) {
  if (!json) return {};
  GeminiCounts counts{json["promptTokenCount"],        json["candidatesTokenCount"],
                      json["thoughtsTokenCount"],      json["cachedContentTokenCount"],
                      json["toolUsePromptTokenCount"], json["totalTokenCount"]};
  return ReadGeminiUsage(counts, &call->usage);
}

}  // namespace

RecordedResponses::RecordedResponses(std::string_view source, std::string_view session, FactSink* sink)
    : out_(source, session, sink) {}

void RecordedResponses::Take(Json record, std::string_view raw, const SkipFn& skip) {
  // Counting tokens costs nothing; embeddings state no usage.
  if (!IsAnswer(record["method"].text())) return;
  Json response = record["response"];
  if (!response.is_array() && !response.is_object()) return skip("wrong-type:response");
  // Nothing in a record names it; one that is repeated to the byte is the same.
  uint64_t hash = Hash64(raw);
  if (!seen_.insert(hash).second) return;
  LlmCall call;
  Json usage;
  std::vector<Json> tools;
  auto take = [&](Json chunk) {
    if (!chunk.is_object()) return skip("not-an-object");
    if (chunk["usageMetadata"].is_object()) usage = chunk["usageMetadata"];
    if (call.model.empty()) call.model = Cut(chunk["modelVersion"].text(), 256);
    Json candidate = chunk["candidates"].at(0);
    if (!candidate["finishReason"].text().empty())
      call.stop_reason = Cut(candidate["finishReason"].text(), 64);
    candidate["content"]["parts"].ForEachItem([&](Json part) {
      AddPart(part, &call);
      if (part["functionCall"].is_object()) tools.push_back(part["functionCall"]);
    });
  };
  if (response.is_array())
    response.ForEachItem(take);
  else
    take(response);
  if (std::string_view why = TakeUsage(usage, &call); !why.empty()) skip(why);
  out_.Call(std::move(call), {}, {}, "answer-" + HexOf(hash));
  for (Json function : tools) {
    if (!function["name"].is_string()) {
      skip("wrong-type:functionCall");
      continue;
    }
    ToolUse tool;
    tool.name = Cut(function["name"].text(), 256);
    SetArgs(function["args"], &tool);
    out_.Tool(std::move(tool), function["id"].text());
  }
}

void RecordedResponses::Finish() {
  if (seen_.empty()) return;
  SessionInfo info;
  info.agent = "gemini-cli";
  info.notes = {"prompts_not_logged", "times_not_logged", "tool_results_not_logged"};
  out_.Session(std::move(info));
}

bool IsRecordedResponse(Json record) {
  static constexpr std::string_view kMethods[] = {"generateContent", "generateContentStream", "countTokens",
                                                  "embedContent"};
  return std::ranges::find(kMethods, record["method"].text()) != std::end(kMethods) && record["response"];
}

}  // namespace clawtrace::capture

#include "llm/providers/wire.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/secrets.h"
#include "base/text.h"

namespace clawtrace::llm {

CallError ErrorOf(CallErrorKind kind, std::string_view message) {
  constexpr size_t kMostSecret = 4096;
  // Cut before it is mended: what comes may be long. Secrets go before that: half of one is not known as one.
  std::string text = ReplaceInvalidUtf8(message.substr(0, kMostErrorText + kMostSecret));
  RedactSecrets(&text);
  std::string line(PrefixUtf8(FirstLine(text), kMostErrorText));
  return {.kind = kind, .message = std::move(line), .status = 0};
}

std::unexpected<CallError> Malformed(std::string_view what) {
  return std::unexpected(ErrorOf(CallErrorKind::kMalformed, what));
}

std::optional<CallError> ErrorOfStatus(const WireReply& reply) {
  constexpr int kTooMany = 429, kOverloaded = 529, kFirstServer = 500;
  if (reply.status >= 200 && reply.status < 300) return std::nullopt;
  JsonParser parser;
  auto json = parser.Parse(reply.body);
  std::string_view reason;
  if (json) {
    Json error = (*json)["error"];
    reason = error.is_string() ? error.text() : error["message"].text();
  }
  CallErrorKind kind = CallErrorKind::kRejected;
  if (reply.status >= kFirstServer) kind = CallErrorKind::kServer;
  if (reply.status == kTooMany || reply.status == kOverloaded) kind = CallErrorKind::kRateLimited;
  CallError out =
      ErrorOf(kind, fmt::format("status {}{}{}", reply.status, reason.empty() ? "" : ": ", reason));
  out.status = reply.status;
  return out;
}

Answer DecodeObject(const WireReply& reply, Answer (*read)(Json root)) {
  if (auto error = ErrorOfStatus(reply)) return std::unexpected(std::move(*error));
  JsonParser parser;
  auto json = parser.Parse(reply.body);
  if (!json) return Malformed("the reply is no JSON: " + json.error().message);
  if (!json->is_object()) return Malformed("the reply is no JSON object");
  return read(*json);
}

void WriteSchema(const ToolDeclaration& tool, DocWriter* out) {
  out->BeginObject();
  out->Field("type", "object");
  out->Key("properties"), out->BeginObject();
  for (const std::string& parameter : tool.parameters) {
    out->Key(parameter), out->BeginObject(), out->EndObject();
  }
  out->EndObject();
  out->Key("additionalProperties"), out->Bool(true);
  out->EndObject();
}

void WriteTemperature(const Request& request, DocWriter* out) {
  constexpr int64_t kThousand = 1000;
  if (!request.temperature_milli) return;
  int64_t milli = *request.temperature_milli;
  out->Key("temperature"), out->Number(fmt::format("{}.{:03}", milli / kThousand, milli % kThousand));
}

int64_t CountOf(Json value) {
  if (!value || value.is_null()) return 0;
  int64_t count = value.integer().value_or(-1);
  return count <= kMaxTokensPerBucket ? std::max<int64_t>(count, -1) : -1;
}

std::optional<Usage> UsageOf(const Usage& usage) {
  return IsPlausible(usage) ? std::optional(usage) : std::nullopt;
}

std::expected<ToolCall, CallError> CallOf(Json id, Json name, Json args) {
  if (name.text().empty()) return Malformed("a tool call without a name");
  ToolCall call{.id = std::string(id.text()), .name = std::string(name.text()), .args = {}};
  if (args.is_object()) {
    call.args = args.Canonical();
  } else if (args.is_string()) {
    JsonParser parser;
    auto json = parser.Parse(args.text());
    call.broken = !json || !json->is_object();
    call.args = call.broken ? std::string(args.text()) : json->Canonical();
  } else {
    call.broken = true;
    call.args = args ? args.Canonical() : "";
  }
  return call;
}

Answer Finished(Reply reply, bool may_be_silent) {
  if (reply.text.empty() && reply.calls.empty() && !may_be_silent && !reply.cut)
    return Malformed("the reply says nothing and asks for nothing");
  return reply;
}

WireReply ReplyOfError(Json event, int64_t status) {
  constexpr int64_t kFirstError = 400, kLastError = 599;
  bool is_error = status >= kFirstError && status <= kLastError;
  return {.status = is_error ? static_cast<int>(status) : kStatusServer, .body = event.Canonical()};
}

Headers Bearer(std::string_view key) { return {{"Authorization", "Bearer " + std::string(key)}}; }

}  // namespace clawtrace::llm

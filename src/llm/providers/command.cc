// Any program: one JSON request on its standard input, one JSON reply on its standard output
// (docs/replay.md).
#include "llm/providers/wire.h"

namespace clawtrace::llm {
namespace {

std::string_view RoleOf(Speaker speaker) {
  switch (speaker) {
    case Speaker::kUser:
      return "user";
    case Speaker::kAssistant:
      return "assistant";
    case Speaker::kTools:
      return "tools";
  }
  return "user";
}

void WriteMessage(const Turn& turn, DocWriter* out) {
  out->BeginObject();
  out->Field("role", RoleOf(turn.speaker));
  if (turn.speaker != Speaker::kTools) out->Field("text", turn.text);
  if (!turn.calls.empty()) {
    out->Key("calls"), out->BeginArray();
    for (const ToolCall& call : turn.calls) {
      out->BeginObject(), out->Field("id", call.id), out->Field("name", call.name);
      out->Key("arguments"), out->Number(call.args), out->EndObject();
    }
    out->EndArray();
  }
  if (!turn.outputs.empty()) {
    out->Key("results"), out->BeginArray();
    for (const ToolOutput& output : turn.outputs) {
      out->BeginObject(), out->Field("id", output.id), out->Field("text", output.text);
      out->Key("failed"), out->Bool(output.failed), out->EndObject();
    }
    out->EndArray();
  }
  out->EndObject();
}

WireRequest Encode(const Request& request) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("model", request.model), out.Field("max_tokens", request.max_tokens);
  WriteTemperature(request, &out);
  if (!request.system.empty()) out.Field("system", request.system);
  out.Key("tools"), out.BeginArray();
  for (const ToolDeclaration& tool : request.tools) {
    out.BeginObject(), out.Field("name", tool.name), out.Key("parameters"), WriteSchema(tool, &out);
    out.EndObject();
  }
  out.EndArray();
  out.Key("messages"), out.BeginArray();
  for (const Turn& turn : request.turns) WriteMessage(turn, &out);
  out.EndArray(), out.EndObject();
  return {.path = "", .headers = {}, .body = out.Take()};
}

std::optional<Usage> ReadUsage(Json json) {
  if (!json.is_object()) return std::nullopt;
  Usage usage;
  usage.uncached_input = CountOf(json["uncached_input"]);
  usage.cache_read = CountOf(json["cache_read"]);
  usage.cache_write_unknown = CountOf(json["cache_write"]);
  usage.output = CountOf(json["output"]);
  usage.reasoning = CountOf(json["reasoning"]);
  return UsageOf(usage);
}

Answer Read(Json root) {
  if (root["error"].is_string()) return Malformed(root["error"].text());
  Json text = root["text"], calls = root["calls"];
  if (text && !text.is_string() && !text.is_null()) return Malformed("text is no text");
  if (calls && !calls.is_array() && !calls.is_null()) return Malformed("calls are no list");
  Reply reply;
  reply.text = text.text();
  std::optional<CallError> error;
  calls.ForEachItem([&](Json item) {
    auto call = CallOf(item["id"], item["name"], item["arguments"]);
    if (call)
      reply.calls.push_back(std::move(*call));
    else
      error = call.error();
  });
  if (error) return std::unexpected(std::move(*error));
  reply.usage = ReadUsage(root["usage"]);
  reply.stop_reason = root["stop_reason"].text(), reply.model = root["model"].text();
  reply.cut = reply.stop_reason == "max_tokens";
  return Finished(std::move(reply), false);
}

Answer Decode(const WireReply& reply) { return DecodeObject(reply, &Read); }

Headers Authorize(std::string_view) { return {}; }

}  // namespace

extern const Provider kCommand;
const Provider kCommand = {
    .name = "command",
    .summary = "a program of your own",
    .address = "",
    .key_variable = "",
    .price_provider = "",
    .encode = &Encode,
    .decode = &Decode,
    .authorize = &Authorize,
    .stream = nullptr,
};

}  // namespace clawtrace::llm

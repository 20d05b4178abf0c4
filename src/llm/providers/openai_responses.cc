// Responses: https://platform.openai.com/docs/api-reference/responses
#include "llm/providers/wire.h"

namespace clawtrace::llm {
namespace {

void WriteItems(const Turn& turn, DocWriter* out) {
  if (turn.speaker != Speaker::kTools && !turn.text.empty()) {
    out->BeginObject();
    out->Field("type", "message");
    out->Field("role", turn.speaker == Speaker::kAssistant ? "assistant" : "user");
    out->Field("content", turn.text);
    out->EndObject();
  }
  for (const ToolCall& call : turn.calls) {
    out->BeginObject();
    out->Field("type", "function_call"), out->Field("call_id", call.id);
    out->Field("name", call.name), out->Field("arguments", call.args);
    out->EndObject();
  }
  for (const ToolOutput& output : turn.outputs) {
    out->BeginObject();
    out->Field("type", "function_call_output"), out->Field("call_id", output.id);
    out->Field("output", output.text);
    out->EndObject();
  }
}

WireRequest Encode(const Request& request) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("model", request.model), out.Field("max_output_tokens", request.max_tokens);
  WriteTemperature(request, &out);
  out.Key("store"), out.Bool(false);
  if (request.stream) out.Key("stream"), out.Bool(true);
  if (!request.system.empty()) out.Field("instructions", request.system);
  out.Key("input"), out.BeginArray();
  for (const Turn& turn : request.turns) WriteItems(turn, &out);
  out.EndArray();
  if (!request.tools.empty()) {
    out.Key("tools"), out.BeginArray();
    for (const ToolDeclaration& tool : request.tools) {
      out.BeginObject(), out.Field("type", "function"), out.Field("name", tool.name);
      out.Key("parameters"), WriteSchema(tool, &out);
      out.Key("strict"), out.Bool(false);
      out.EndObject();
    }
    out.EndArray();
  }
  out.EndObject();
  return {.path = "/v1/responses", .headers = {{"Content-Type", "application/json"}}, .body = out.Take()};
}

std::optional<Usage> ReadUsage(Json json) {
  if (!json.is_object()) return std::nullopt;
  Usage usage;
  usage.cache_read = CountOf(json["input_tokens_details"]["cached_tokens"]);
  usage.uncached_input = CountOf(json["input_tokens"]) - usage.cache_read;
  usage.output = CountOf(json["output_tokens"]);
  usage.reasoning = CountOf(json["output_tokens_details"]["reasoning_tokens"]);
  return UsageOf(usage);
}

// What it says, of an item "message".
std::optional<CallError> AddText(Json item, Reply* reply) {
  Json content = item["content"];
  if (!content.is_array()) return ErrorOf(CallErrorKind::kMalformed, "a message without a list of content");
  content.ForEachItem([&](Json part) {
    reply->text += part["type"].text() == "refusal" ? part["refusal"].text() : part["text"].text();
  });
  return std::nullopt;
}

std::optional<CallError> AddItem(Json item, Reply* reply) {
  std::string_view type = item["type"].text();
  if (type.empty()) return ErrorOf(CallErrorKind::kMalformed, "an item without a type");
  if (type == "message") return AddText(item, reply);
  if (type != "function_call") return std::nullopt;
  auto call = CallOf(item["call_id"], item["name"], item["arguments"]);
  if (!call) return std::move(call.error());
  reply->calls.push_back(std::move(*call));
  return std::nullopt;
}

Answer Read(Json root) {
  if (root["error"].is_object()) return Malformed(root["error"]["message"].string_or("an error"));
  if (root["status"].text() == "failed") return Malformed("the response failed");
  Json output = root["output"];
  if (!output.is_array()) return Malformed("the reply has no list of output");
  Reply reply;
  std::optional<CallError> error;
  output.ForEachItem([&](Json item) {
    if (auto wrong = AddItem(item, &reply)) error = std::move(wrong);
  });
  if (error) return std::unexpected(std::move(*error));
  reply.usage = ReadUsage(root["usage"]);
  reply.stop_reason = root["incomplete_details"]["reason"].string_or(root["status"].text());
  reply.model = root["model"].text();
  reply.cut = reply.stop_reason == "max_output_tokens";
  return Finished(std::move(reply), root["status"].text() == "completed");
}

Answer Decode(const WireReply& reply) { return DecodeObject(reply, &Read); }

int64_t StatusOf(std::string_view code) {
  constexpr int64_t kTooMany = 429, kInvalid = 400;
  if (code == "rate_limit_exceeded" || code == "429") return kTooMany;
  return code.starts_with("invalid") ? kInvalid : kStatusServer;
}

// The last event holds the whole response.
class Reader final : public StreamReader {
 public:
  void Add(std::string_view, std::string_view data) override {
    auto root = parser_.Parse(data);
    if (!root || !root->is_object()) return;
    std::string_view type = (*root)["type"].text();
    Json response = (*root)["response"];
    if (type == "response.completed" || type == "response.incomplete")
      whole_ = WireReply{.status = kStatusOk, .body = response.Canonical()};
    else if (type == "response.failed")
      whole_ = ReplyOfError(response, StatusOf(response["error"]["code"].text()));
    else if (type == "error")
      whole_ = ReplyOfError(*root, StatusOf((*root)["code"].text()));
  }
  std::optional<WireReply> Whole() override { return whole_; }

 private:
  JsonParser parser_;
  std::optional<WireReply> whole_;
};

std::unique_ptr<StreamReader> Stream() { return std::make_unique<Reader>(); }

}  // namespace

extern const Provider kOpenaiResponses;
const Provider kOpenaiResponses = {
    .name = "openai-responses",
    .summary = "OpenAI Responses",
    .address = "https://api.openai.com",
    .key_variable = "OPENAI_API_KEY",
    .price_provider = "openai",
    .encode = &Encode,
    .decode = &Decode,
    .authorize = &Bearer,
    .stream = &Stream,
};

}  // namespace clawtrace::llm

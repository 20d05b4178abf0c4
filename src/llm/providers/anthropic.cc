// Messages: https://docs.anthropic.com/en/api/messages
#include <fmt/core.h>

#include <map>

#include "llm/providers/wire.h"

namespace clawtrace::llm {
namespace {

void WriteAssistant(const Turn& turn, DocWriter* out) {
  out->BeginArray();
  // Empty blocks of text are refused.
  if (!turn.text.empty()) {
    out->BeginObject(), out->Field("type", "text"), out->Field("text", turn.text), out->EndObject();
  }
  for (const ToolCall& call : turn.calls) {
    out->BeginObject();
    out->Field("type", "tool_use"), out->Field("id", call.id), out->Field("name", call.name);
    out->Key("input"), out->Number(call.args);
    out->EndObject();
  }
  out->EndArray();
}

void WriteOutputs(const Turn& turn, DocWriter* out) {
  out->BeginArray();
  for (const ToolOutput& output : turn.outputs) {
    out->BeginObject();
    out->Field("type", "tool_result"), out->Field("tool_use_id", output.id);
    out->Field("content", output.text);
    if (output.failed) out->Key("is_error"), out->Bool(true);
    out->EndObject();
  }
  out->EndArray();
}

void WriteMessage(const Turn& turn, DocWriter* out) {
  out->BeginObject();
  out->Field("role", turn.speaker == Speaker::kAssistant ? "assistant" : "user");
  out->Key("content");
  switch (turn.speaker) {
    case Speaker::kUser:
      out->String(turn.text);
      break;
    case Speaker::kAssistant:
      WriteAssistant(turn, out);
      break;
    case Speaker::kTools:
      WriteOutputs(turn, out);
      break;
  }
  out->EndObject();
}

WireRequest Encode(const Request& request) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("model", request.model), out.Field("max_tokens", request.max_tokens);
  WriteTemperature(request, &out);
  if (request.stream) out.Key("stream"), out.Bool(true);
  if (!request.system.empty()) out.Field("system", request.system);
  if (!request.tools.empty()) {
    out.Key("tools"), out.BeginArray();
    for (const ToolDeclaration& tool : request.tools) {
      out.BeginObject(), out.Field("name", tool.name), out.Key("input_schema"), WriteSchema(tool, &out);
      out.EndObject();
    }
    out.EndArray();
  }
  out.Key("messages"), out.BeginArray();
  for (const Turn& turn : request.turns) WriteMessage(turn, &out);
  out.EndArray(), out.EndObject();
  return {.path = "/v1/messages",
          .headers = {{"Content-Type", "application/json"}, {"anthropic-version", "2023-06-01"}},
          .body = out.Take()};
}

std::optional<Usage> ReadUsage(Json json) {
  if (!json.is_object()) return std::nullopt;
  Usage usage;
  usage.uncached_input = CountOf(json["input_tokens"]);
  usage.cache_read = CountOf(json["cache_read_input_tokens"]);
  usage.output = CountOf(json["output_tokens"]);
  int64_t written = CountOf(json["cache_creation_input_tokens"]);
  Json by_life = json["cache_creation"];
  usage.cache_write_5m = CountOf(by_life["ephemeral_5m_input_tokens"]);
  usage.cache_write_1h = CountOf(by_life["ephemeral_1h_input_tokens"]);
  if (usage.cache_write_5m + usage.cache_write_1h != written)
    usage.cache_write_5m = usage.cache_write_1h = 0, usage.cache_write_unknown = written;
  return UsageOf(usage);
}

Answer Read(Json root) {
  if (root["type"].text() == "error") return Malformed(root["error"]["message"].string_or("an error"));
  Json content = root["content"];
  if (!content.is_array()) return Malformed("the reply has no list of content");
  Reply reply;
  std::optional<CallError> error;
  content.ForEachItem([&](Json block) {
    std::string_view type = block["type"].text();
    if (type == "text") {
      if (!block["text"].is_string()) error = ErrorOf(CallErrorKind::kMalformed, "a text block without text");
      reply.text += block["text"].text();
    } else if (type == "tool_use") {
      auto call = CallOf(block["id"], block["name"], block["input"]);
      if (call)
        reply.calls.push_back(std::move(*call));
      else
        error = call.error();
    } else if (type.empty()) {
      error = ErrorOf(CallErrorKind::kMalformed, "a block of content without a type");
    }
  });
  if (error) return std::unexpected(std::move(*error));
  reply.usage = ReadUsage(root["usage"]);
  reply.stop_reason = root["stop_reason"].text(), reply.model = root["model"].text();
  reply.cut = reply.stop_reason == "max_tokens";
  return Finished(std::move(reply), !root["stop_reason"].text().empty());
}

Answer Decode(const WireReply& reply) { return DecodeObject(reply, &Read); }

Headers Authorize(std::string_view key) { return {{"x-api-key", std::string(key)}}; }

int64_t StatusOf(std::string_view error) {
  constexpr int64_t kTooMany = 429, kOverloaded = 529, kInvalid = 400;
  if (error == "rate_limit_error") return kTooMany;
  if (error == "overloaded_error") return kOverloaded;
  return error == "invalid_request_error" ? kInvalid : kStatusServer;
}

// Blocks grow by deltas; the final figures of usage come with the reason why it stopped.
class Reader final : public StreamReader {
 public:
  void Add(std::string_view, std::string_view data) override {
    auto root = parser_.Parse(data);
    if (!root || !root->is_object()) return;
    std::string_view type = (*root)["type"].text();
    if (type == "message_start") {
      Json message = (*root)["message"];
      model_ = TextOf(message["model"]);
      TakeUsage(message["usage"]);
    } else if (type == "content_block_start") {
      Begin((*root)["index"].integer().value_or(-1), (*root)["content_block"]);
    } else if (type == "content_block_delta") {
      Grow((*root)["index"].integer().value_or(-1), (*root)["delta"]);
    } else if (type == "message_delta") {
      if (Json reason = (*root)["delta"]["stop_reason"]) reason_ = TextOf(reason);
      TakeUsage((*root)["usage"]);
    } else if (type == "message_stop") {
      ended_ = true;
    } else if (type == "error") {
      error_ = ReplyOfError(*root, StatusOf((*root)["error"]["type"].text()));
    }
  }

  std::optional<WireReply> Whole() override {
    if (error_) return error_;
    if (!ended_) return std::nullopt;
    std::string content, usage;
    for (const auto& [index, block] : blocks_) content += (content.empty() ? "" : ",") + Spelled(block);
    for (const auto& [key, value] : usage_) {
      usage += usage.empty() ? "" : ",";
      AppendJsonString(key, &usage);
      usage += ":" + value;
    }
    return WireReply{
        .status = kStatusOk,
        .body = fmt::format(R"({{"type":"message","model":{},"content":[{}],"stop_reason":{},"usage":{}}})",
                            model_, content, reason_, usage.empty() ? "null" : "{" + usage + "}")};
  }

 private:
  struct Block {
    std::string type, id, name, text, input;
  };

  static std::string TextOf(Json value) { return value ? value.Canonical() : "null"; }

  void TakeUsage(Json usage) {
    usage.ForEachField([&](std::string_view key, Json value) {
      if (!value.is_null()) usage_[std::string(key)] = value.Canonical();
    });
  }
  void Begin(int64_t index, Json block) {
    std::string input = block["input"].size() > 0 ? block["input"].Canonical() : "";
    blocks_[index] = {.type = std::string(block["type"].text()),
                      .id = TextOf(block["id"]),
                      .name = TextOf(block["name"]),
                      .text = std::string(block["text"].text()),
                      .input = std::move(input)};
  }
  void Grow(int64_t index, Json delta) {
    auto block = blocks_.find(index);
    if (block == blocks_.end()) return;
    std::string_view type = delta["type"].text();
    if (type == "text_delta") block->second.text += delta["text"].text();
    if (type == "input_json_delta") block->second.input += delta["partial_json"].text();
  }
  static std::string Spelled(const Block& block) {
    std::string out = "{\"type\":";
    AppendJsonString(block.type, &out);
    if (block.type == "text") out += ",\"text\":", AppendJsonString(block.text, &out);
    if (block.type == "tool_use") {
      out += ",\"id\":" + block.id + ",\"name\":" + block.name + ",\"input\":";
      JsonParser parser;
      std::string_view input = block.input.empty() ? std::string_view("{}") : std::string_view(block.input);
      // Arguments that are no JSON are the model's fault, and go on as their text.
      if (auto json = parser.Parse(input))
        json->AppendCanonical(&out);
      else
        AppendJsonString(input, &out);
    }
    return out + "}";
  }

  JsonParser parser_;
  std::string model_ = "null", reason_ = "null";
  std::map<int64_t, Block> blocks_;
  std::map<std::string, std::string> usage_;  // spelled as JSON
  bool ended_ = false;
  std::optional<WireReply> error_;
};

std::unique_ptr<StreamReader> Stream() { return std::make_unique<Reader>(); }

}  // namespace

extern const Provider kAnthropic;
const Provider kAnthropic = {
    .name = "anthropic",
    .summary = "Anthropic Messages",
    .address = "https://api.anthropic.com",
    .key_variable = "ANTHROPIC_API_KEY",
    .price_provider = "anthropic",
    .encode = &Encode,
    .decode = &Decode,
    .authorize = &Authorize,
    .stream = &Stream,
};

}  // namespace clawtrace::llm

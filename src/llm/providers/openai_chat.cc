// Chat Completions, the protocol that most compatible servers speak:
// https://platform.openai.com/docs/api-reference/chat
#include <fmt/core.h>

#include <map>

#include "llm/providers/wire.h"

namespace clawtrace::llm {
namespace {

void WriteCalls(const Turn& turn, DocWriter* out) {
  out->Key("tool_calls"), out->BeginArray();
  for (const ToolCall& call : turn.calls) {
    out->BeginObject();
    out->Field("id", call.id), out->Field("type", "function");
    out->Key("function"), out->BeginObject();
    out->Field("name", call.name), out->Field("arguments", call.args);
    out->EndObject(), out->EndObject();
  }
  out->EndArray();
}

// A failed tool is no different from one that worked: its output says so.
void WriteMessages(const Turn& turn, DocWriter* out) {
  for (const ToolOutput& output : turn.outputs) {
    out->BeginObject();
    out->Field("role", "tool"), out->Field("tool_call_id", output.id), out->Field("content", output.text);
    out->EndObject();
  }
  if (turn.speaker == Speaker::kTools) return;
  out->BeginObject();
  out->Field("role", turn.speaker == Speaker::kAssistant ? "assistant" : "user");
  out->Key("content");
  if (turn.text.empty() && !turn.calls.empty())
    out->Null();
  else
    out->String(turn.text);
  if (!turn.calls.empty()) WriteCalls(turn, out);
  out->EndObject();
}

WireRequest Encode(const Request& request) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("model", request.model);
  // OpenAI's reasoning models refuse the older name, compatible servers may not know the newer one.
  out.Field(request.compatible ? "max_tokens" : "max_completion_tokens", request.max_tokens);
  WriteTemperature(request, &out);
  if (request.stream) {
    out.Key("stream"), out.Bool(true);
    out.Key("stream_options"), out.BeginObject(), out.Key("include_usage"), out.Bool(true), out.EndObject();
  }
  out.Key("messages"), out.BeginArray();
  if (!request.system.empty()) {
    out.BeginObject(), out.Field("role", "system"), out.Field("content", request.system), out.EndObject();
  }
  for (const Turn& turn : request.turns) WriteMessages(turn, &out);
  out.EndArray();
  if (!request.tools.empty()) {
    out.Key("tools"), out.BeginArray();
    for (const ToolDeclaration& tool : request.tools) {
      out.BeginObject(), out.Field("type", "function"), out.Key("function"), out.BeginObject();
      out.Field("name", tool.name), out.Key("parameters"), WriteSchema(tool, &out);
      out.EndObject(), out.EndObject();
    }
    out.EndArray();
  }
  out.EndObject();
  return {
      .path = "/v1/chat/completions", .headers = {{"Content-Type", "application/json"}}, .body = out.Take()};
}

// Cached tokens are part of the prompt's, reasoning is part of the completion's.
std::optional<Usage> ReadUsage(Json json) {
  if (!json.is_object()) return std::nullopt;
  Usage usage;
  usage.cache_read = CountOf(json["prompt_tokens_details"]["cached_tokens"]);
  usage.uncached_input = CountOf(json["prompt_tokens"]) - usage.cache_read;
  usage.output = CountOf(json["completion_tokens"]);
  usage.reasoning = CountOf(json["completion_tokens_details"]["reasoning_tokens"]);
  return UsageOf(usage);
}

Answer Read(Json root) {
  if (root["error"].is_object()) return Malformed(root["error"]["message"].string_or("an error"));
  Json choice = root["choices"].at(0);
  Json message = choice["message"];
  if (!message.is_object()) return Malformed("the reply has no choice with a message");
  Json content = message["content"], refusal = message["refusal"], calls = message["tool_calls"];
  bool textual = !content || content.is_null() || content.is_string();
  if (!textual) return Malformed("the content of the message is no text");
  if (calls && !calls.is_null() && !calls.is_array()) return Malformed("the tool calls are no list");
  Reply reply;
  reply.text = content.is_string() ? content.text() : refusal.text();
  std::optional<CallError> error;
  calls.ForEachItem([&](Json item) {
    Json function = item["function"];
    auto call = CallOf(item["id"], function["name"], function["arguments"]);
    if (call)
      reply.calls.push_back(std::move(*call));
    else
      error = call.error();
  });
  if (error) return std::unexpected(std::move(*error));
  reply.usage = ReadUsage(root["usage"]);
  reply.stop_reason = choice["finish_reason"].text(), reply.model = root["model"].text();
  reply.cut = reply.stop_reason == "length";
  bool may_be_silent = !reply.stop_reason.empty();
  return Finished(std::move(reply), may_be_silent);
}

Answer Decode(const WireReply& reply) { return DecodeObject(reply, &Read); }

// Deltas of one message; the usage has a chunk of its own, and the end is said in so many words.
class Reader final : public StreamReader {
 public:
  void Add(std::string_view, std::string_view data) override {
    if (data == "[DONE]") {
      ended_ = true;
      return;
    }
    auto root = parser_.Parse(data);
    if (!root || !root->is_object()) return;
    if ((*root)["error"].is_object()) {
      error_ = ReplyOfError(*root, (*root)["error"]["code"].integer().value_or(0));
      return;
    }
    if (Json model = (*root)["model"]) model_ = model.Canonical();
    if (Json usage = (*root)["usage"]; usage.is_object()) usage_ = usage.Canonical();
    Json choice = (*root)["choices"].at(0), delta = choice["delta"];
    if (Json reason = choice["finish_reason"]; reason.is_string()) reason_ = reason.Canonical();
    text_ += delta["content"].text(), refusal_ += delta["refusal"].text();
    delta["tool_calls"].ForEachItem([&](Json call) { Grow(call); });
  }

  std::optional<WireReply> Whole() override {
    if (error_) return error_;
    if (!ended_) return std::nullopt;
    std::string message = "{\"content\":";
    AppendJsonString(text_.empty() ? refusal_ : text_, &message);
    std::string calls;
    for (const auto& [index, call] : calls_) {
      calls += calls.empty() ? "" : ",";
      calls += "{\"id\":" + (call.id.empty() ? "null" : call.id) + ",\"function\":{\"name\":";
      AppendJsonString(call.name, &calls);
      calls += ",\"arguments\":";
      AppendJsonString(call.arguments.empty() ? "{}" : call.arguments, &calls);
      calls += "}}";
    }
    if (!calls.empty()) message += ",\"tool_calls\":[" + calls + "]";
    return WireReply{
        .status = kStatusOk,
        .body = fmt::format(R"({{"model":{},"choices":[{{"message":{}}},"finish_reason":{}}}],"usage":{}}})",
                            model_, message, reason_, usage_)};
  }

 private:
  struct Call {
    std::string id, name, arguments;
  };

  void Grow(Json part) {
    Call& call = calls_[part["index"].integer().value_or(0)];
    if (Json id = part["id"]; id.is_string()) call.id = id.Canonical();
    call.name += part["function"]["name"].text();
    call.arguments += part["function"]["arguments"].text();
  }

  JsonParser parser_;
  std::string text_, refusal_, model_ = "null", reason_ = "null", usage_ = "null";
  std::map<int64_t, Call> calls_;
  bool ended_ = false;
  std::optional<WireReply> error_;
};

std::unique_ptr<StreamReader> Stream() { return std::make_unique<Reader>(); }

}  // namespace

extern const Provider kOpenaiChat;
const Provider kOpenaiChat = {
    .name = "openai-chat",
    .summary = "OpenAI Chat Completions, and all that speak it",
    .address = "https://api.openai.com",
    .key_variable = "OPENAI_API_KEY",
    .price_provider = "openai",
    .encode = &Encode,
    .decode = &Decode,
    .authorize = &Bearer,
    .stream = &Stream,
};

}  // namespace clawtrace::llm

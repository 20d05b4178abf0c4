// generateContent and streamGenerateContent: https://ai.google.dev/api/generate-content
#include <fmt/core.h>

#include "llm/providers/wire.h"

namespace clawtrace::llm {
namespace {

// What Google names for calls that no model of theirs made; without a signature newer models refuse them.
constexpr std::string_view kForeignCall = "skip_thought_signature_validator";

// Of letters, digits, '.', '_' and '-'; a name with "models/" before it is the same.
std::string PathOf(const Request& request) {
  constexpr std::string_view kKind = "models/";
  std::string_view model = request.model;
  if (model.starts_with(kKind)) model.remove_prefix(kKind.size());
  std::string path = "/v1beta/models/";
  for (char c : model) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                 c == '_' || c == '-';
    path += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return path + (request.stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
}

void WriteText(std::string_view text, DocWriter* out) {
  out->BeginObject(), out->Field("text", text), out->EndObject();
}

void WriteCalls(const Turn& turn, DocWriter* out) {
  bool first = true;
  for (const ToolCall& call : turn.calls) {
    out->BeginObject(), out->Key("functionCall"), out->BeginObject();
    if (!call.id.empty()) out->Field("id", call.id);
    out->Field("name", call.name), out->Key("args"), out->Number(call.args), out->EndObject();
    // Of calls that were made together only the first has one.
    if (!call.mark.empty())
      out->Field("thoughtSignature", call.mark);
    else if (first)
      out->Field("thoughtSignature", kForeignCall);
    out->EndObject();
    first = false;
  }
}

// An output is found by its call's name; the calls stand in the turn before.
void WriteOutputs(const Turn& turn, const Turn* calling, DocWriter* out) {
  for (const ToolOutput& output : turn.outputs) {
    std::string_view name = "tool";
    for (size_t i = 0; calling && i < calling->calls.size(); ++i) {
      if (calling->calls[i].id == output.id) name = calling->calls[i].name;
    }
    out->BeginObject(), out->Key("functionResponse"), out->BeginObject();
    if (!output.id.empty()) out->Field("id", output.id);
    out->Field("name", name), out->Key("response"), out->BeginObject();
    out->Field(output.failed ? "error" : "output", output.text);
    out->EndObject(), out->EndObject(), out->EndObject();
  }
}

void WriteContents(const Request& request, DocWriter* out) {
  out->Key("contents"), out->BeginArray();
  const Turn* before = nullptr;
  for (const Turn& turn : request.turns) {
    out->BeginObject();
    out->Field("role", turn.speaker == Speaker::kAssistant ? "model" : "user");
    out->Key("parts"), out->BeginArray();
    bool silent = turn.calls.empty() && turn.outputs.empty();
    if (!turn.text.empty() || silent) WriteText(turn.text, out);
    WriteCalls(turn, out);
    WriteOutputs(turn, before, out);
    out->EndArray(), out->EndObject();
    before = &turn;
  }
  out->EndArray();
}

WireRequest Encode(const Request& request) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  if (!request.system.empty()) {
    out.Key("systemInstruction"), out.BeginObject(), out.Key("parts"), out.BeginArray();
    WriteText(request.system, &out);
    out.EndArray(), out.EndObject();
  }
  WriteContents(request, &out);
  if (!request.tools.empty()) {
    out.Key("tools"), out.BeginArray(), out.BeginObject(), out.Key("functionDeclarations"), out.BeginArray();
    for (const ToolDeclaration& tool : request.tools) {
      out.BeginObject(), out.Field("name", tool.name);
      out.Key("parametersJsonSchema"), WriteSchema(tool, &out);
      out.EndObject();
    }
    out.EndArray(), out.EndObject(), out.EndArray();
  }
  out.Key("generationConfig"), out.BeginObject();
  out.Field("maxOutputTokens", request.max_tokens);
  WriteTemperature(request, &out);
  out.EndObject(), out.EndObject();
  return {.path = PathOf(request), .headers = {{"Content-Type", "application/json"}}, .body = out.Take()};
}

// Cached tokens are part of the prompt's, thoughts stand beside the candidates'.
std::optional<Usage> ReadUsage(Json json) {
  if (!json.is_object()) return std::nullopt;
  int64_t prompt = CountOf(json["promptTokenCount"]), tools = CountOf(json["toolUsePromptTokenCount"]);
  int64_t said = CountOf(json["candidatesTokenCount"]), thought = CountOf(json["thoughtsTokenCount"]);
  if (prompt < 0 || tools < 0 || said < 0 || thought < 0) return std::nullopt;
  Usage usage;
  usage.cache_read = CountOf(json["cachedContentTokenCount"]);
  usage.uncached_input = prompt + tools - usage.cache_read;
  usage.output = said + thought, usage.reasoning = thought;
  return UsageOf(usage);
}

std::optional<CallError> AddPart(Json part, Reply* reply) {
  if (!part.is_object()) return ErrorOf(CallErrorKind::kMalformed, "a part that is no object");
  if (Json call = part["functionCall"]) {
    // A tool without parameters may come without arguments.
    JsonParser none;
    auto empty = none.Parse("{}");
    auto made = CallOf(call["id"], call["name"], call["args"] ? call["args"] : *empty);
    if (!made) return std::move(made.error());
    made->mark = part["thoughtSignature"].text();
    reply->calls.push_back(std::move(*made));
    return std::nullopt;
  }
  if (part["text"] && !part["text"].is_string())
    return ErrorOf(CallErrorKind::kMalformed, "a text that is none");
  if (part["thought"].boolean() != true) reply->text += part["text"].text();
  return std::nullopt;
}

Answer Read(Json root) {
  if (root["error"].is_object()) return Malformed(root["error"]["message"].string_or("an error"));
  if (std::string_view why = root["promptFeedback"]["blockReason"].text(); !why.empty())
    return Malformed(fmt::format("the prompt was refused: {}", why));
  Json candidate = root["candidates"].at(0);
  if (!candidate.is_object()) return Malformed("the reply has no candidate");
  Json content = candidate["content"], parts = content["parts"];
  if (content && !content.is_object()) return Malformed("the content is no object");
  if (parts && !parts.is_array()) return Malformed("the parts are no list");
  Reply reply;
  std::optional<CallError> error;
  parts.ForEachItem([&](Json part) {
    if (auto wrong = AddPart(part, &reply)) error = std::move(wrong);
  });
  if (error) return std::unexpected(std::move(*error));
  reply.usage = ReadUsage(root["usageMetadata"]);
  reply.stop_reason = candidate["finishReason"].text(), reply.model = root["modelVersion"].text();
  reply.cut = reply.stop_reason == "MAX_TOKENS";
  bool may_be_silent = !reply.stop_reason.empty();
  return Finished(std::move(reply), may_be_silent);
}

Answer Decode(const WireReply& reply) { return DecodeObject(reply, &Read); }

Headers Authorize(std::string_view key) { return {{"x-goog-api-key", std::string(key)}}; }

// Each event is a reply of its own: parts are to be strung together, the rest is as the last one says.
class Reader final : public StreamReader {
 public:
  void Add(std::string_view, std::string_view data) override {
    auto root = parser_.Parse(data);
    if (!root || !root->is_object()) return;
    if ((*root)["error"].is_object()) {
      error_ = ReplyOfError(*root, (*root)["error"]["code"].integer().value_or(0));
      return;
    }
    Json candidate = (*root)["candidates"].at(0);
    candidate["content"]["parts"].ForEachItem(
        [&](Json part) { parts_ += (parts_.empty() ? "" : ",") + part.Canonical(); });
    if (Json reason = candidate["finishReason"]) reason_ = reason.Canonical();
    if (Json usage = (*root)["usageMetadata"]) usage_ = usage.Canonical();
    if (Json model = (*root)["modelVersion"]) model_ = model.Canonical();
    if ((*root)["promptFeedback"]["blockReason"]) refused_ = root->Canonical();
  }
  std::optional<WireReply> Whole() override {
    if (error_) return error_;
    if (!refused_.empty()) return WireReply{.status = kStatusOk, .body = refused_};
    if (reason_.empty()) return std::nullopt;
    return WireReply{
        .status = kStatusOk,
        .body = fmt::format(
            R"({{"candidates":[{{"content":{{"parts":[{}]}},"finishReason":{}}}],"modelVersion":{},"usageMetadata":{}}})",
            parts_, reason_, model_, usage_)};
  }

 private:
  JsonParser parser_;
  std::string parts_, reason_, refused_, usage_ = "null", model_ = "null";
  std::optional<WireReply> error_;
};

std::unique_ptr<StreamReader> Stream() { return std::make_unique<Reader>(); }

}  // namespace

extern const Provider kGemini;
const Provider kGemini = {
    .name = "gemini",
    .summary = "Google Gemini generateContent",
    .address = "https://generativelanguage.googleapis.com",
    .key_variable = "GEMINI_API_KEY",
    .price_provider = "google",
    .encode = &Encode,
    .decode = &Decode,
    .authorize = &Authorize,
    .stream = &Stream,
};

}  // namespace clawtrace::llm

#include "capture/otlp_messages.h"

#include <fmt/format.h>

#include <charconv>
#include <map>

#include "base/hash.h"
#include "base/text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr size_t kMaxAsked = 256;  // tool calls remembered of one answer
constexpr size_t kMaxFlat = 4096;  // highest index followed in flattened messages

// The attribute's JSON: emitters write messages as a text or as a structured value.
Json JsonOf(const OtlpAttributes& attributes, std::string_view key, JsonParser* parser) {
  const OtlpValue* value = FindAttribute(attributes, key);
  if (!value) return {};
  if (value->kind == OtlpValue::Kind::kText) {
    std::string_view text = Trim(value->text);
    if (text.empty() || (text.front() != '[' && text.front() != '{' && text.front() != '"')) return {};
    return parser->Parse(text).value_or(Json());
  }
  std::string text;
  AppendJson(*value, &text);
  return parser->Parse(text).value_or(Json());
}

void AddText(std::string_view text, OtlpAnswer* answer) {
  answer->text_bytes += static_cast<int64_t>(text.size());
  if (answer->text.size() < kMaxText) answer->text += PrefixUtf8(text, kMaxText - answer->text.size());
}

void AddAsked(std::string_view id, OtlpAnswer* answer) {
  if (!id.empty() && answer->asked.size() < kMaxAsked) answer->asked.emplace_back(id);
}

// A part of a message: OTel GenAI, Gemini's own, AI SDK.
void AddPart(Json part, OtlpAnswer* answer) {
  if (part.is_string()) return AddText(part.text(), answer);
  std::string_view type = part["type"].text();
  std::string_view text = part["content"].is_string() ? part["content"].text() : part["text"].text();
  if (type == "reasoning" || type == "thinking" || part["thought"].boolean().value_or(false)) {
    answer->thinking_bytes += static_cast<int64_t>(text.size());
  } else if (Json call = part["functionCall"]) {
    AddAsked(call["id"].text(), answer);
    ToolUse use;
    SetArgs(call["args"], &use);
    if (answer->asked_keys.size() + 1 == answer->asked.size())
      answer->asked_keys.push_back(KeyOfCall(call["name"].text(), use.args_hash));
  } else if (type == "tool_call" || type == "tool-call" || type == "tool_use") {
    AddAsked(part["id"].is_string() ? part["id"].text() : part["toolCallId"].text(), answer);
  } else {
    AddText(text, answer);
  }
}

void AddMessages(Json messages, OtlpAnswer* answer) {
  messages.ForEachItem([&](Json message) {
    std::string_view role = message["role"].text();
    if (role == "user" || role == "system" || role == "tool") return;
    if (message["content"].is_string()) AddText(message["content"].text(), answer);
    Json parts = message["parts"];
    (parts ? parts : message["content"]).ForEachItem([&](Json part) { AddPart(part, answer); });
    message["tool_calls"].ForEachItem([&](Json call) { AddAsked(call["id"].text(), answer); });
  });
}

// OpenInference and old Traceloop spread messages over attributes: PREFIX.0.message.content and so on.
// Collected by index, because indices may have gaps and attributes any order.
using Flat = std::map<size_t, std::vector<std::pair<std::string_view, std::string_view>>>;

Flat Flattened(const OtlpAttributes& attributes, std::string_view prefix) {
  Flat flat;
  for (const OtlpAttribute& attribute : attributes) {
    if (!attribute.key.starts_with(prefix) || attribute.value.kind != OtlpValue::Kind::kText) continue;
    std::string_view rest = attribute.key.substr(prefix.size());
    size_t index = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    if (error != std::errc() || index > kMaxFlat || end == rest.data() + rest.size() || *end != '.') continue;
    std::string_view name = rest.substr(static_cast<size_t>(end - rest.data()) + 1);
    if (name.starts_with("message.")) name.remove_prefix(8);
    flat[index].emplace_back(name, attribute.value.text);
  }
  return flat;
}

void AddFlat(const Flat& flat, OtlpAnswer* answer) {
  for (const auto& [index, fields] : flat) {
    for (const auto& [name, text] : fields) {
      if (name == "content" || name.ends_with(".message_content.text"))
        AddText(text, answer);
      else if (name.starts_with("tool_calls.") && name.ends_with(".id"))
        AddAsked(text, answer);
    }
  }
}

// LangChain's own serialisation, which OpenInference carries in output.value.
void AddLangChain(Json output, OtlpAnswer* answer) {
  output["generations"].ForEachItem([&](Json list) {
    list.ForEachItem([&](Json generation) {
      generation["message"]["kwargs"]["tool_calls"].ForEachItem(
          [&](Json call) { AddAsked(call["id"].text(), answer); });
    });
  });
}

std::string_view LastText(Json parts) {
  std::string_view text;
  parts.ForEachItem([&](Json part) {
    std::string_view here = part.is_string()           ? part.text()
                            : part["text"].is_string() ? part["text"].text()
                                                       : part["content"].text();
    if (!Trim(here).empty()) text = here;
  });
  return text;
}

// Clients put context of their own before what the person wrote, so the last part counts.
std::string_view FirstUserText(Json messages) {
  std::string_view found;
  messages.ForEachItem([&](Json message) {
    if (!found.empty() || message["role"].text() != "user") return;
    Json content = message["parts"] ? message["parts"] : message["content"];
    found = content.is_string() ? content.text() : LastText(content);
  });
  return found;
}

void SetJsonText(std::string_view text, JsonParser* parser, ToolUse* use) {
  if (Trim(text).empty()) return;
  auto json = parser->Parse(text);
  if (json) return SetArgs(*json, use);
  // A bare text is the tool's only argument.
  std::string quoted;
  AppendJsonString(text, &quoted);
  if (auto wrapped = parser->Parse(quoted)) SetArgs(*wrapped, use);
}

void SetOneField(std::string_view name, std::string_view value, JsonParser* parser, ToolUse* use) {
  std::string text = "{";
  AppendJsonString(name, &text);
  text += ':';
  AppendJsonString(value, &text);
  text += '}';
  if (auto json = parser->Parse(text)) SetArgs(*json, use);
}

// Claude Code shows single arguments as attributes. Only for these tools do they make up the whole call.
void ReadClaudeCodeArgs(const OtlpAttributes& attributes, JsonParser* parser, ToolUse* use) {
  if (use->name == "Bash") SetOneField("command", TextOf(attributes, "full_command"), parser, use);
  if (use->name == "Read") SetOneField("file_path", TextOf(attributes, "file_path"), parser, use);
  if (use->name == "Skill") SetOneField("skill", TextOf(attributes, "skill_name"), parser, use);
}

void ReadArgs(const OtlpAttributes& attributes, JsonParser* parser, ToolUse* use) {
  for (std::string_view key :
       {"gen_ai.tool.call.arguments", "ai.toolCall.args", "tool.parameters", "input.value"}) {
    const OtlpValue* value = FindAttribute(attributes, key);
    if (!value) continue;
    if (value->kind == OtlpValue::Kind::kText) return SetJsonText(value->text, parser, use);
    if (Json json = JsonOf(attributes, key, parser)) return SetArgs(json, use);
  }
  if (Json input = JsonOf(attributes, "traceloop.entity.input", parser)) {
    std::string first(input["args"].at(0).text());
    if (!first.empty()) return SetJsonText(first, parser, use);
    return SetArgs(input["args"] ? input["args"] : input, use);
  }
  // Gemini CLI: the whole request as one message.
  if (Json request = JsonOf(attributes, "gen_ai.input.messages", parser); request["callId"])
    return SetArgs(request["args"], use);
  for (std::string_view key : {"full_command", "file_path", "skill_name"}) {
    if (!TextOf(attributes, key).empty()) return ReadClaudeCodeArgs(attributes, parser, use);
  }
}

// "Exit Code: 2" as Gemini CLI writes it into the output text.
std::optional<int64_t> ExitCodeIn(std::string_view output) {
  size_t at = output.find("Exit Code: ");
  if (at == std::string_view::npos || (at > 0 && output[at - 1] != '\n')) return std::nullopt;
  std::string_view digits = output.substr(at + 11);
  return ParseInt(Trim(digits.substr(0, digits.find('\n'))));
}

void ReadGeminiResult(Json response, ToolResult* result) {
  if (response["status"].text() == "error") result->status = ToolStatus::kError;
  if (response["status"].text() == "cancelled") result->status = ToolStatus::kAborted;
  Json content = response["response"]["responseParts"].at(0)["functionResponse"]["response"];
  std::string_view error = content["error"].text();
  std::string_view output = error.empty() ? content["output"].text() : error;
  SetOutput(output, result);
  if (!error.empty()) result->error = Cut(FirstLine(error), kMaxError);
  result->exit_code = ExitCodeIn(output);
}

void ReadWrapped(Json output, std::string* call_id, ToolUse* use, ToolResult* result) {
  // LangChain's ToolMessage knows more than the span around it.
  Json message = output["kwargs"] ? output["kwargs"] : output["output"]["kwargs"];
  if (message["tool_call_id"]) {
    if (call_id->empty()) *call_id = message["tool_call_id"].text();
    if (use->name.empty()) use->name = message["name"].text();
    if (message["status"].text() == "error") result->status = ToolStatus::kError;
    return SetOutput(message["content"].text(), result);
  }
  // opencode's result object.
  if (output["output"].is_string()) {
    SetOutput(output["output"].text(), result);
    result->exit_code = output["metadata"]["exit"].integer();
    result->child_session = output["metadata"]["sessionId"].text();
    return;
  }
  if (output.is_string()) return SetOutput(output.text(), result);
  SetOutput(output.Canonical(), result);
}

}  // namespace

std::string KeyOfCall(std::string_view name, uint64_t args_hash) {
  return std::string(name) + '/' + HexOf(args_hash);
}

OtlpAnswer ReadAnswer(const OtlpAttributes& attributes, JsonParser* parser) {
  OtlpAnswer answer;
  if (Json messages = JsonOf(attributes, "gen_ai.output.messages", parser)) {
    AddMessages(messages, &answer);
    return answer;
  }
  std::string_view text = TextOf(attributes, "ai.response.text");
  AddText(text.empty() ? TextOf(attributes, "ai.result.text") : text, &answer);
  answer.thinking_bytes += static_cast<int64_t>(TextOf(attributes, "ai.response.reasoning").size());
  for (std::string_view key : {"ai.response.toolCalls", "ai.result.toolCalls"}) {
    JsonOf(attributes, key, parser).ForEachItem([&](Json call) {
      AddAsked(call["toolCallId"].text(), &answer);
    });
  }
  AddFlat(Flattened(attributes, "llm.output_messages."), &answer);
  AddFlat(Flattened(attributes, "gen_ai.completion."), &answer);
  if (answer.asked.empty()) AddLangChain(JsonOf(attributes, "output.value", parser), &answer);
  return answer;
}

OtlpAnswer ReadGeminiAnswer(Json chunks) {
  OtlpAnswer answer;
  chunks.ForEachItem([&](Json chunk) {
    chunk["candidates"].ForEachItem([&](Json candidate) {
      candidate["content"]["parts"].ForEachItem([&](Json part) { AddPart(part, &answer); });
    });
  });
  return answer;
}

OtlpAnswer ReadChoice(Json message) {
  OtlpAnswer answer;
  AddText(message["content"].text(), &answer);
  message["tool_calls"].ForEachItem([&](Json call) { AddAsked(call["id"].text(), &answer); });
  return answer;
}

OtlpPrompt ReadPrompt(const OtlpAttributes& attributes, JsonParser* parser) {
  std::string_view text = TextOf(attributes, "user_prompt");
  for (std::string_view key : {"gen_ai.input.messages", "ai.prompt.messages"}) {
    if (text.empty()) text = FirstUserText(JsonOf(attributes, key, parser));
  }
  if (text.empty()) {
    Json prompt = JsonOf(attributes, "ai.prompt", parser);
    text = prompt["prompt"].is_string() ? prompt["prompt"].text() : FirstUserText(prompt["messages"]);
  }
  for (std::string_view prefix : {"llm.input_messages.", "gen_ai.prompt."}) {
    if (!text.empty()) break;
    for (const auto& [index, fields] : Flattened(attributes, prefix)) {
      bool user = false;
      std::string_view content;
      for (const auto& [name, value] : fields) {
        if (name == "role") user = value == "user";
        if (name == "content" || name.ends_with(".message_content.text")) content = value;
      }
      if (user && text.empty()) text = content;
    }
  }
  return {Cut(text, kMaxText), static_cast<int64_t>(text.size())};
}

void ReadToolContent(const OtlpAttributes& attributes, JsonParser* parser, std::string* call_id, ToolUse* use,
                     ToolResult* result) {
  ReadArgs(attributes, parser, use);
  if (Json message = JsonOf(attributes, "gen_ai.output.messages", parser); message["status"]) {
    ReadGeminiResult(message, result);
  } else {
    for (std::string_view key :
         {"gen_ai.tool.call.result", "ai.toolCall.result", "traceloop.entity.output", "output.value"}) {
      const OtlpValue* value = FindAttribute(attributes, key);
      if (!value) continue;
      if (Json json = JsonOf(attributes, key, parser))
        ReadWrapped(json, call_id, use, result);
      else if (value->kind == OtlpValue::Kind::kText)
        SetOutput(value->text, result);
      break;
    }
  }
  // The exit code is the tool's own word on failing, whatever status its span has.
  if (result->exit_code.value_or(0) != 0 && result->status == ToolStatus::kUnknown) {
    result->status = ToolStatus::kError;
    result->error = Cut(FirstLine(result->output), kMaxError);
  }
}

}  // namespace clawtrace::capture

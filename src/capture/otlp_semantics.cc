// What a span means, by the convention of whoever emitted it. Order of the rules: the convention that names a
// kind outright, then the operation, then which attributes are there.
#include <algorithm>
#include <initializer_list>

#include "base/hash.h"
#include "base/text.h"
#include "capture/line_reader.h"
#include "capture/otlp_messages.h"
#include "capture/otlp_record.h"
#include "capture/otlp_usage.h"

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;
using Keys = std::initializer_list<std::string_view>;

constexpr size_t kMaxName = kMaxOtlpName;

std::string First(const OtlpAttributes& attributes, Keys keys) { return FirstText(attributes, keys); }

bool IsAny(std::string_view value, Keys values) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// A rule's answer; auxiliary: billed, but no step of the conversation (embeddings).
struct Meaning {
  Kind kind = Kind::kOther;
  bool auxiliary = false;
};

std::optional<Meaning> ByConvention(const OtlpSpan& span) {
  const OtlpAttributes& a = span.attributes;
  if (std::string_view type = TextOf(a, "langfuse.observation.type"); !type.empty()) {
    if (type == "generation") return Meaning{Kind::kLlm};
    if (type == "embedding") return Meaning{Kind::kLlm, true};
    if (type == "tool") return Meaning{Kind::kTool};
    if (type == "agent") return Meaning{Kind::kAgent};
    return Meaning{};
  }
  if (std::string_view kind = TextOf(a, "openinference.span.kind"); !kind.empty()) {
    if (kind == "LLM") return Meaning{Kind::kLlm};
    if (kind == "EMBEDDING" || kind == "RERANKER") return Meaning{Kind::kLlm, true};
    if (kind == "TOOL") return Meaning{Kind::kTool};
    if (kind == "AGENT") return Meaning{Kind::kAgent};
    return Meaning{};
  }
  return std::nullopt;
}

std::optional<Meaning> ByOperation(std::string_view operation) {
  if (operation.empty()) return std::nullopt;
  if (IsAny(operation, {"chat", "generate_content", "text_completion", "completion", "generate", "llm_call",
                        "llm_request", "fetch_response"})) {
    return Meaning{Kind::kLlm};
  }
  if (IsAny(operation, {"embeddings", "rerank"})) return Meaning{Kind::kLlm, true};
  if (IsAny(operation, {"execute_tool", "tool_call"})) return Meaning{Kind::kTool};
  if (IsAny(operation, {"invoke_agent", "agent_call"})) return Meaning{Kind::kAgent};
  return Meaning{};
}

std::optional<Meaning> ByAiSdk(std::string_view operation) {
  if (!operation.starts_with("ai.")) return std::nullopt;
  if (operation.ends_with(".doGenerate") || operation.ends_with(".doStream")) return Meaning{Kind::kLlm};
  if (operation.ends_with(".doEmbed") || operation == "ai.rerank") return Meaning{Kind::kLlm, true};
  if (operation == "ai.toolCall") return Meaning{Kind::kTool};
  if (IsAny(operation, {"ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject"}))
    return Meaning{Kind::kAgent};
  return Meaning{};
}

bool IsCodex(const OtlpSpan& span) { return TextOf(span.attributes, "target").starts_with("codex"); }

// Codex exports its internal Rust tracing; four span names of some hundred carry what counts.
Meaning ByCodex(const OtlpSpan& span) {
  const OtlpAttributes& a = span.attributes;
  if (span.name == "handle_responses" && IntOf(a, "gen_ai.usage.input_tokens")) return {Kind::kLlm};
  if (!TextOf(a, "tool_name").empty() && !TextOf(a, "call_id").empty()) return {Kind::kTool};
  for (const OtlpEvent& event : span.events) {
    if (TextOf(event.attributes, "event.name") == "codex.tool_result") return {Kind::kPart};
  }
  return {};
}

Meaning MeaningOf(const OtlpScope& scope, const OtlpSpan& span) {
  const OtlpAttributes& a = span.attributes;
  if (auto meaning = ByConvention(span)) return *meaning;
  if (span.name.ends_with(".tool.execution") || span.name.ends_with(".tool.blocked_on_user"))
    return {Kind::kPart};
  if (scope.name.starts_with("com.anthropic.claude_code")) {
    std::string_view type = TextOf(a, "span.type");
    if (type == "llm_request") return {Kind::kLlm};
    if (type == "tool") return {Kind::kTool};
    return {type == "interaction" ? Kind::kAgent : Kind::kOther};
  }
  if (IsCodex(span)) return ByCodex(span);
  if (auto meaning = ByAiSdk(TextOf(a, "ai.operationId"))) return *meaning;
  if (auto meaning = ByOperation(TextOf(a, "gen_ai.operation.name"))) return *meaning;
  std::string_view traceloop = TextOf(a, "traceloop.span.kind");
  if (traceloop == "tool") return {Kind::kTool};
  if (traceloop == "agent") return {Kind::kAgent};
  std::string_view request = TextOf(a, "llm.request.type");
  if (request == "chat" || request == "completion") return {Kind::kLlm};
  if (request == "embedding" || request == "rerank") return {Kind::kLlm, true};
  if (FindAttribute(a, "gen_ai.tool.name") || FindAttribute(a, "gen_ai.tool.call.id")) return {Kind::kTool};
  for (std::string_view key :
       {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"}) {
    if (IntOf(a, key)) return {Kind::kLlm};
  }
  return {};
}

// The error's own words, from the most to the least specific place.
std::string ErrorOf(const OtlpSpan& span) {
  std::string_view text = TextOf(span.attributes, "error");
  if (!span.status_message.empty()) text = span.status_message;
  for (const OtlpEvent& event : span.events) {
    if (text.empty() && event.name == "exception") text = TextOf(event.attributes, "exception.message");
  }
  if (text.empty()) text = TextOf(span.attributes, "error.type");
  text = FirstLine(text);
  return text.empty() ? "error" : Cut(text, kMaxError);
}

bool Failed(const OtlpSpan& span) {
  return span.status == 2 || !BoolOf(span.attributes, "success").value_or(true);
}

std::string StopReason(const OtlpAttributes& a) {
  const OtlpValue* reasons = FindAttribute(a, "gen_ai.response.finish_reasons");
  if (reasons && !reasons->items.empty() && reasons->items[0].kind == OtlpValue::Kind::kText)
    return Cut(reasons->items[0].text, kMaxName);
  return First(a, {"stop_reason", "gen_ai.response.finish_reason", "gen_ai.response.stop_reason",
                   "llm.finish_reason", "ai.response.finishReason", "llm.response.finish_reason",
                   "finish_reason", "gen_ai.completion.0.finish_reason"});
}

void ReadLlm(const OtlpScope& scope, const OtlpSpan& span, JsonParser* parser, SpanRecord* record) {
  const OtlpAttributes& a = span.attributes;
  LlmCall call = ReadCall(scope, a, record);
  if (record->kind == Kind::kLlm) {
    call.stop_reason = StopReason(a);
    if (Failed(span)) call.error = ErrorOf(span);
    call.auxiliary = record->auxiliary;
    call.attempts = std::clamp<int64_t>(
        IntOf(a, "attempt").value_or(IntOf(a, "gen_ai.request.attempt").value_or(0)), 0, 1000);
    OtlpAnswer answer = ReadAnswer(a, parser);
    call.text = std::move(answer.text);
    call.text_bytes = answer.text_bytes;
    call.thinking_bytes = answer.thinking_bytes;
    record->asked = std::move(answer.asked);
  } else if (!call.usage) {
    return;  // an agent span carries a call only for the tokens that it sums up
  }
  record->llm = std::move(call);
}

void ReadTool(const OtlpSpan& span, JsonParser* parser, SpanRecord* record) {
  const OtlpAttributes& a = span.attributes;
  ToolUse use;
  ToolResult result;
  use.name = First(a, {"gen_ai.tool.name", "tool.name", "ai.toolCall.name", "tool_name", "function_name"});
  // Codex puts the namespace before the name; its event has them apart.
  for (const OtlpEvent& event : span.events) {
    std::string_view space = TextOf(event.attributes, "tool_namespace"),
                     name = TextOf(event.attributes, "tool_name");
    if (!name.empty() && use.name.size() == space.size() + name.size() && use.name.starts_with(space) &&
        use.name.ends_with(name))
      use.name = Cut(name, kMaxName);
  }
  if (use.name.starts_with("multi_agent_v1")) use.name.erase(0, 14);
  record->agent_name = First(a, {"subagent_type"});
  ReadToolContent(a, parser, &record->call_id, &use, &result);
  if (use.name.empty() && TextOf(a, "traceloop.span.kind") == "tool")
    use.name = First(a, {"traceloop.entity.name"});
  // Some name the tool only in the span's name, and some there only the class that all tools share.
  constexpr std::string_view kNamed = "execute_tool ";
  if (use.name.empty() && span.name.starts_with(kNamed) && !span.name.ends_with("StructuredTool"))
    use.name = Cut(span.name.substr(kNamed.size()), kMaxName);
  if (Failed(span)) {
    result.status = ToolStatus::kError;
    result.error = ErrorOf(span);
  } else if (BoolOf(a, "aborted").value_or(false)) {
    result.status = ToolStatus::kAborted;
  } else if (result.status == ToolStatus::kUnknown && span.end_ns) {
    result.status = ToolStatus::kOk;
  }
  record->call_id = OtlpName(record->call_id);
  record->tool = std::move(use);
  record->result = std::move(result);
}

void ReadPart(const OtlpSpan& span, SpanRecord* record) {
  ToolResult result;
  if (Failed(span)) {
    result.status = ToolStatus::kError;
    result.error = ErrorOf(span);
  }
  for (const OtlpEvent& event : span.events) {
    if (TextOf(event.attributes, "event.name") != "codex.tool_result") continue;
    if (record->call_id.empty()) record->call_id = First(event.attributes, {"call_id"});
    if (!BoolOf(event.attributes, "success").value_or(true)) {
      result.status = ToolStatus::kError;
      result.error = "tool call failed";
    }
  }
  record->result = std::move(result);
}

void ReadAgent(const OtlpSpan& span, JsonParser* parser, SpanRecord* record) {
  const OtlpAttributes& a = span.attributes;
  record->agent_name = First(a, {"qwen-code.subagent.name", "gen_ai.agent.name", "agent.name",
                                 "ai.telemetry.functionId", "traceloop.entity.name"});
  // Gemini CLI gives its own name to every agent; the call's input names the one that runs.
  if (TextOf(a, "gen_ai.operation.name") == "agent_call") {
    if (auto input = parser->Parse(TextOf(a, "gen_ai.input.messages")); input && (*input)["agent_name"]) {
      record->agent_name = Cut((*input)["agent_name"].text(), kMaxName);
    }
  }
  record->agent_id = First(a, {"qwen-code.subagent.id"});
  record->spawned_by = First(a, {"qwen-code.subagent.invoking_request_id"});
}

int64_t SizeOf(const OtlpValue& value) {
  int64_t size = 8 + static_cast<int64_t>(value.text.size());
  for (const OtlpValue& item : value.items) size += SizeOf(item);
  for (const OtlpAttribute& field : value.fields)
    size += static_cast<int64_t>(field.key.size()) + SizeOf(field.value);
  return size;
}

int64_t SizeOf(const OtlpAttributes& attributes) {
  int64_t size = 0;
  for (const OtlpAttribute& attribute : attributes)
    size += static_cast<int64_t>(attribute.key.size()) + SizeOf(attribute.value);
  return size;
}

// Requests that went out: HTTP client spans below a call, or Codex's own events about them.
int64_t RequestsSeen(const OtlpSpan& span) {
  int64_t count = 0;
  if (span.kind == 3 && TextOf(span.attributes, "http.request.method") == "POST") ++count;
  for (const OtlpEvent& event : span.events) {
    if (TextOf(event.attributes, "event.name") == "codex.api_request") ++count;
  }
  return count;
}

bool IsAuxiliarySpan(const OtlpSpan& span) {
  return span.name == "SessionPrompt.ensureTitle" || IsAuxiliary(span.attributes);
}

}  // namespace

std::string FirstText(const OtlpAttributes& attributes, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) {
    std::string_view text = TextOf(attributes, key);
    if (!text.empty()) return OtlpName(text);
  }
  return {};
}

bool IsAuxiliary(const OtlpAttributes& attributes) {
  std::string_view source = TextOf(attributes, "query_source");
  return source == "auxiliary" || ContainsIgnoreCase(source, "title") ||
         ContainsIgnoreCase(TextOf(attributes, "ai.telemetry.functionId"), "title");
}

std::string OtlpName(std::string_view text) {
  constexpr size_t kHash = 17;
  if (text.size() <= kMaxOtlpName && text.find('\0') == std::string_view::npos) return std::string(text);
  std::string name = text.size() <= kMaxOtlpName
                         ? std::string(text)
                         : Cut(text, kMaxOtlpName - kHash) + "-" + HexOf(Hash64(text));
  for (size_t at = name.find('\0'); at != std::string::npos; at = name.find('\0', at))
    name.replace(at, 1, "\xEF\xBF\xBD");
  return name;
}

std::string ConversationOf(const OtlpAttributes& resource, const OtlpAttributes& attributes) {
  for (std::string_view key :
       {"gen_ai.conversation.id", "conversation.id", "session.id", "langfuse.session.id",
        "traceloop.association.properties.session_id", "ai.telemetry.metadata.sessionId",
        "lmnr.association.properties.session_id", "workflow.session_id"}) {
    std::string_view id = TextOf(attributes, key);
    if (!id.empty()) return OtlpName(id);
  }
  return OtlpName(TextOf(resource, "session.id"));
}

std::string UserOf(const OtlpAttributes& resource, const OtlpAttributes& attributes) {
  for (std::string_view key :
       {"user.id", "enduser.id", "langfuse.user.id", "traceloop.association.properties.user_id",
        "gen_ai.user", "llm.user", "ai.telemetry.metadata.userId"}) {
    for (const OtlpAttributes* from : {&attributes, &resource}) {
      std::string_view id = TextOf(*from, key);
      if (!id.empty()) return Cut(id, kMaxName);
    }
  }
  return {};
}

LlmCall ReadCall(const OtlpScope& scope, const OtlpAttributes& a, SpanRecord* record) {
  LlmCall call;
  SetModels(First(a, {"gen_ai.request.model", "llm.request.model_name", "llm.model_name",
                      "embedding.model_name", "reranker.model_name", "llm.request.model",
                      "langfuse.observation.model.name", "ai.model.id"}),
            First(a, {"gen_ai.response.model", "llm.response.model_name", "ai.response.model",
                      "llm.response.model"}),
            &call);
  if (call.model.empty() && (record->event || scope.name.starts_with("com.anthropic.claude_code") ||
                             scope.name.starts_with("gemini")))
    call.model = First(a, {"model"});
  call.provider = NormalProvider(
      First(a, {"gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider"}));
  if (call.provider.empty() && scope.name == "gemini-cli") call.provider = "gcp.gemini";
  if (call.provider.empty() && scope.name.starts_with("com.anthropic.claude_code"))
    call.provider = "anthropic";
  OtlpUsage usage = ReadUsage(scope, call.provider, a);
  call.usage = usage.usage;
  call.other_reading = usage.other_reading;
  call.reported_cost = usage.cost;
  record->cache_known = usage.cache_known;
  record->reasoning_missing = usage.reasoning_missing;
  record->ambiguous = usage.ambiguous;
  record->reclassified = usage.reclassified;
  record->implausible = usage.implausible;
  record->emitted_input = usage.emitted_input, record->emitted_output = usage.emitted_output;
  call.service_tier = First(a, {"openai.response.service_tier", "gen_ai.openai.response.service_tier",
                                "anthropic.response.service_tier"});
  if (call.service_tier == "default" || call.service_tier == "standard") call.service_tier.clear();
  if (TextOf(a, "speed") == "fast") call.service_tier = "fast";
  for (std::string_view key :
       {"gen_ai.response.id", "ai.response.id", "response_id", "request_id", "client_request_id"}) {
    std::string id = First(a, {key});
    if (id.empty() || id == record->response_id) continue;
    if (record->response_id.empty())
      record->response_id = std::move(id);
    else
      record->aliases.push_back(std::move(id));
  }
  return call;
}

SpanRecord ReadSpan(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpSpan& span,
                    JsonParser* parser) {
  const OtlpAttributes& a = span.attributes;
  SpanRecord record;
  record.trace_id = span.trace_id, record.span_id = span.span_id, record.parent_id = span.parent_id;
  record.start_ns = span.start_ns, record.end_ns = span.end_ns;
  // A clock set back during the span.
  if (record.start_ns && record.end_ns && *record.end_ns < *record.start_ns) record.end_ns = record.start_ns;
  record.name = Cut(span.name, kMaxName);
  record.scope = Cut(scope.name, kMaxName);
  record.service = First(resource, {"service.name"});
  record.service_version = First(resource, {"service.version"});
  record.instance = First(resource, {"service.instance.id"});
  record.conversation = ConversationOf(resource, a);
  record.user = UserOf(resource, a);
  record.agent_id = First(a, {"agent_id"});
  record.call_id = First(a, {"gen_ai.tool.call.id", "gen_ai.tool.call_id", "ai.toolCall.id", "tool_use_id",
                             "tool.id", "tool_call.id", "call_id", "tool.call_id"});
  record.size = SizeOf(a) + static_cast<int64_t>(span.events.size());
  for (const OtlpEvent& event : span.events) record.size += SizeOf(event.attributes);
  record.requests = RequestsSeen(span);
  if (IsCodex(span) && (span.name.starts_with("model_client.") || span.name == "session_task.turn"))
    record.model_hint = First(a, {"model"});
  Meaning meaning = MeaningOf(scope, span);
  record.kind = meaning.kind;
  record.auxiliary = meaning.auxiliary || IsAuxiliarySpan(span);
  if (record.kind == Kind::kLlm || record.kind == Kind::kAgent) {
    OtlpPrompt prompt = ReadPrompt(a, parser);
    record.prompt = std::move(prompt.text);
    record.prompt_bytes = prompt.bytes;
    if (record.kind == Kind::kAgent) ReadAgent(span, parser, &record);
    ReadLlm(scope, span, parser, &record);
  }
  if (record.kind == Kind::kTool) ReadTool(span, parser, &record);
  if (record.kind == Kind::kPart) ReadPart(span, &record);
  return record;
}

}  // namespace clawtrace::capture

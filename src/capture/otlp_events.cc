// What log events and metric points mean. Clients tell in events what their spans leave out (Claude Code:
// cost; Gemini CLI: cached tokens; Codex: exit codes), and many users export logs only. A call's event is
// written at its end and states how long it took.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/codex_events.h"
#include "capture/importers/log_text.h"
#include "capture/line_reader.h"
#include "capture/otlp_messages.h"
#include "capture/otlp_record.h"

namespace clawtrace::capture {
namespace {

using Kind = SpanRecord::Kind;

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kMaxDurationMs = int64_t{1} << 40;

// "claude_code.api_request" and "api_request" are one name; so are the names that Gemini CLI and its
// descendant give.
std::string_view EventName(const OtlpLog& log) {
  std::string_view name = TextOf(log.attributes, "event.name");
  if (name.empty()) name = log.event_name;
  if (name.empty() && log.body.kind == OtlpValue::Kind::kText) name = log.body.text;
  return name;
}

struct Event {
  const OtlpLog& log;
  const OtlpScope& scope;
  const OtlpAttributes& a;
  std::string_view name;  // without the client's prefix
  JsonParser* parser;
  SpanRecord* record;
};

void SetPrompt(std::string_view text, int64_t bytes, SpanRecord* record) {
  record->kind = Kind::kPrompt;
  record->prompt = Cut(text, kMaxText);
  record->prompt_bytes = std::max<int64_t>(bytes, static_cast<int64_t>(text.size()));
}

// Clients that do not tell the prompt's text still say that there was one; nothing follows from that.
bool ReadPromptEvent(const Event& e) {
  std::string_view text = TextOf(e.a, "prompt");
  if (text.empty() || text == "<REDACTED>" || text == "[REDACTED]") return false;
  SetPrompt(text, 0, e.record);
  return true;
}

void ReadCallEvent(const Event& e) {
  e.record->kind = Kind::kLlm;
  LlmCall call = ReadCall(e.scope, e.a, e.record);
  call.auxiliary = e.record->auxiliary;
  e.record->llm = std::move(call);
}

void SetError(const Event& e) {
  std::string_view error;
  for (std::string_view key : {"error", "error.message", "error_message"}) {
    if (error.empty()) error = Trim(FirstLine(TextOf(e.a, key)));
  }
  e.record->llm->error = error.empty() ? "error" : Cut(error, kMaxError);
  e.record->llm->usage = std::nullopt;
}

// Chunks of a Gemini response as it came, or the answer's plain text.
void ReadResponseText(const Event& e) {
  std::string_view text = TextOf(e.a, "response_text");
  LlmCall& call = *e.record->llm;
  OtlpAnswer answer;
  auto json = text.starts_with('[') ? e.parser->Parse(text) : Result<Json>(Json());
  if (json && json->is_array()) {
    answer = ReadGeminiAnswer(*json);
    std::string_view id = json->at(0)["responseId"].text();
    if (e.record->response_id.empty()) e.record->response_id = OtlpName(id);
  } else {
    answer.text = Cut(text, kMaxText);
    answer.text_bytes = static_cast<int64_t>(text.size());
  }
  call.text = std::move(answer.text), call.text_bytes = answer.text_bytes;
  call.thinking_bytes = answer.thinking_bytes;
  e.record->asked = std::move(answer.asked);
  e.record->asked_keys = std::move(answer.asked_keys);
}

void ReadToolEvent(const Event& e) {
  SpanRecord& record = *e.record;
  record.kind = Kind::kTool;
  record.call_id = FirstText(e.a, {"tool_use_id", "call_id", "gen_ai.tool.call.id"});
  ToolUse use;
  use.name = FirstText(e.a, {"tool_name", "function_name", "gen_ai.tool.name"});
  for (std::string_view key : {"tool_input", "function_args", "arguments"}) {
    std::string_view args = TextOf(e.a, key);
    if (args.empty()) continue;
    SetArgsText(args, e.parser, &use);
    break;
  }
  ToolResult result;
  bool ok = BoolOf(e.a, "success").value_or(TextOf(e.a, "status") != "error");
  std::string_view decision = TextOf(e.a, "decision");
  bool refused = decision == "reject" || decision == "cancel" || TextOf(e.a, "status") == "cancelled";
  result.status = ok ? ToolStatus::kOk : refused ? ToolStatus::kAborted : ToolStatus::kError;
  if (!ok) {
    std::string_view error = TextOf(e.a, "error");
    if (error.empty()) error = TextOf(e.a, "error_message");
    result.error = ErrorLine(error);
    if (result.error.empty() && result.status == ToolStatus::kError) result.error = "tool call failed";
  }
  for (std::string_view key : {"tool_result_size_bytes", "content_length"}) {
    auto size = IntOf(e.a, key);
    if (size && *size > 0 && result.output_bytes == 0) result.output_bytes = *size;
  }
  record.tool = std::move(use);
  record.result = std::move(result);
}

bool ReadClaudeCode(const Event& e) {
  if (e.name == "user_prompt") return ReadPromptEvent(e);
  if (e.name == "api_request" || e.name == "api_error") {
    ReadCallEvent(e);
    if (e.name == "api_error") SetError(e);
  } else if (e.name == "assistant_response") {
    // Adds the text to the request that it answers.
    e.record->kind = Kind::kPart;
    LlmCall call = ReadCall(e.scope, e.a, e.record);
    call.text = Cut(TextOf(e.a, "response"), kMaxText);
    call.text_bytes = IntOf(e.a, "response_length").value_or(static_cast<int64_t>(call.text.size()));
    e.record->llm = std::move(call);
  } else if (e.name == "tool_result") {
    ReadToolEvent(e);
  } else if (e.name == "skill_activated") {
    e.record->kind = Kind::kSkill;
    e.record->call_id = FirstText(e.a, {"skill.name", "skill_name"});
    return !e.record->call_id.empty();
  } else {
    return false;
  }
  e.record->of_agent = TextOf(e.a, "query_source").starts_with("agent:");
  return true;
}

// A freeform tool takes text; as a member it is JSON like every other tool's arguments, and as in Codex's
// logs.
void SetCodexArgs(const Event& e) {
  std::string_view text = TextOf(e.a, "arguments");
  ToolUse& use = *e.record->tool;
  if (use.args_broken) {
    std::string object = "{\"input\":";
    AppendJsonString(text, &object);
    object += '}';
    use.args_broken = false;
    SetArgsText(object, e.parser, &use);
  } else if (auto json = e.parser->Parse(text)) {
    use.cwd = (*json)["workdir"].text();
  }
}

bool ReadCodex(const Event& e) {
  if (e.name == "user_prompt") return ReadPromptEvent(e);
  if (TextOf(e.a, "event.kind") == "response.completed") {
    // Each completion is told twice, once without tokens.
    if (!IntOf(e.a, "input_token_count")) return false;
    ReadCallEvent(e);
    return true;
  }
  if (e.name == "api_request" && TextOf(e.a, "endpoint") == "/responses") {
    e.record->kind = Kind::kRequest;
    return true;
  }
  if (e.name == "skill_invocation") {
    e.record->kind = Kind::kSkill;
    e.record->call_id = FirstText(e.a, {"skill.name"});
    return !e.record->call_id.empty();
  }
  if (e.name != "tool_result") return false;
  ReadToolEvent(e);
  SetCodexArgs(e);
  ToolResult& result = *e.record->result;
  std::string_view output = TextOf(e.a, "output");
  // The child's id stands in the parent's result.
  if (e.record->tool->name == "spawn_agent") {
    if (auto json = e.parser->Parse(output)) result.child_session = OtlpName((*json)["agent_id"].text());
  }
  output = StripCodexWrapper(output, &result.exit_code);
  SetOutput(output, &result);
  if (BoolOf(e.a, "output_truncated").value_or(false)) result.output_hash = 0;
  if (result.exit_code.value_or(0) != 0) result.status = ToolStatus::kError;
  if (result.status == ToolStatus::kError) {
    std::string error = ErrorLine(output);
    if (!error.empty()) result.error = std::move(error);
    if (result.error.empty()) result.error = "Process exited with code " + std::to_string(*result.exit_code);
  }
  return true;
}

// "SESSION#AGENT#N" (Qwen Code), "AGENT#N" (Gemini CLI); the main agent has the session's id there, Qwen
// Code's with a row of hashes behind.
void SetAgentByPrompt(const Event& e) {
  std::string_view id = TextOf(e.a, "prompt_id");
  size_t hash = id.find('#');
  if (hash == std::string_view::npos) return;
  std::string_view agent = id.substr(0, hash), rest = id.substr(hash + 1);
  if (agent == e.record->conversation) {
    agent = rest.substr(0, rest.find('#'));
    std::string_view name = TextOf(e.a, "subagent_name");
    if (agent.empty() || rest.starts_with('#')) return;
    if (!name.empty() && agent.size() > name.size() + 1 && agent.starts_with(name) &&
        agent[name.size()] == '-')
      e.record->spawned_by = OtlpName(agent.substr(name.size() + 1));
  }
  e.record->agent_id = OtlpName(agent);
}

bool ReadGemini(const Event& e) {
  SetAgentByPrompt(e);
  if (std::string name = FirstText(e.a, {"subagent_name"}); !name.empty()) e.record->agent_name = name;
  if (e.name == "user_prompt") return ReadPromptEvent(e);
  if (e.name == "api_response" || e.name == "api_error") {
    e.record->auxiliary = TextOf(e.a, "role").starts_with("utility");
    ReadCallEvent(e);
    if (e.name == "api_error")
      SetError(e);
    else
      ReadResponseText(e);
    return true;
  }
  if (e.name == "tool_call") {
    ReadToolEvent(e);
    std::string asked_by = FirstText(e.a, {"response_id"});
    if (!asked_by.empty()) e.record->tool->llm_call = std::move(asked_by);
    return true;
  }
  if (e.name == "agent.start" || e.name == "agent.finish") {
    e.record->agent_id = FirstText(e.a, {"agent_id"});
    e.record->agent_name = FirstText(e.a, {"agent_name"});
    e.record->kind = Kind::kOther;
    return !e.record->agent_id.empty();
  }
  if (e.name == "skill_launch") {
    e.record->kind = Kind::kSkill;
    e.record->call_id = FirstText(e.a, {"skill_name"});
    return !e.record->call_id.empty();
  }
  return false;
}

// OpenTelemetry's own: details of one inference, or one event a message.
bool ReadGenAi(const Event& e) {
  if (e.name == "gen_ai.client.inference.operation.details") {
    // Gemini CLI writes one more at the request, which tells nothing yet.
    bool answered = IntOf(e.a, "gen_ai.usage.input_tokens") || !TextOf(e.a, "gen_ai.response.id").empty() ||
                    FindAttribute(e.a, "gen_ai.output.messages");
    if (!answered) return false;
    ReadCallEvent(e);
    LlmCall& call = *e.record->llm;
    OtlpAnswer answer = ReadAnswer(e.a, e.parser);
    call.text = std::move(answer.text), call.text_bytes = answer.text_bytes;
    call.thinking_bytes = answer.thinking_bytes;
    e.record->asked = std::move(answer.asked);
    OtlpPrompt prompt = ReadPrompt(e.a, e.parser);
    e.record->prompt = std::move(prompt.text), e.record->prompt_bytes = prompt.bytes;
    return true;
  }
  std::string text;
  if (e.log.body.kind == OtlpValue::Kind::kMap) AppendJson(e.log.body, &text);
  auto body = e.parser->Parse(text);
  if (!body) return false;
  if (e.name == "gen_ai.choice") {
    ReadCallEvent(e);
    OtlpAnswer answer = ReadChoice((*body)["message"]);
    e.record->llm->text = std::move(answer.text), e.record->llm->text_bytes = answer.text_bytes;
    e.record->llm->stop_reason = Cut((*body)["finish_reason"].text(), kMaxOtlpName);
    e.record->asked = std::move(answer.asked);
    return true;
  }
  if (e.name != "gen_ai.user.message" || !(*body)["content"].is_string()) return false;
  SetPrompt((*body)["content"].text(), 0, e.record);
  e.record->kind = Kind::kPart;
  return true;
}

bool ReadByClient(const Event& event, std::string_view full_name) {
  struct Client {
    std::string_view scope, prefix;
    bool (*read)(const Event&);
  };
  static constexpr std::array<Client, 4> kClients = {
      {{"com.anthropic.claude_code", "claude_code.", ReadClaudeCode},
       {"codex", "codex.", ReadCodex},
       {"gemini-cli", "gemini_cli.", ReadGemini},
       {"qwen-code", "qwen-code.", ReadGemini}}};
  if (full_name.starts_with("gen_ai.")) {
    Event gen_ai = event;
    gen_ai.name = full_name;
    SetAgentByPrompt(gen_ai);
    return ReadGenAi(gen_ai);
  }
  for (const Client& client : kClients) {
    bool prefixed = full_name.starts_with(client.prefix);
    if (!prefixed && !event.scope.name.starts_with(client.scope)) continue;
    Event named = event;
    named.name = prefixed ? full_name.substr(client.prefix.size()) : full_name;
    return client.read(named);
  }
  return false;
}

// Claude Code and Codex write some counts, sizes and durations as texts.
void ReadNumbers(OtlpAttributes* attributes) {
  for (OtlpAttribute& attribute : *attributes) {
    if (attribute.value.kind != OtlpValue::Kind::kText) continue;
    bool number = false;
    for (std::string_view end : {"_token_count", "_tokens", "_ms", "_bytes", "_length"})
      number = number || attribute.key.ends_with(end);
    auto value = number ? ParseInt(attribute.value.text) : std::nullopt;
    if (value) attribute.value.kind = OtlpValue::Kind::kInt, attribute.value.integer = *value;
  }
}

std::string ContentId(std::string_view name, const OtlpLog& log) {
  std::string content(name);
  for (const OtlpAttribute& attribute : log.attributes) {
    content += '\x1f';
    content += attribute.key;
    AppendJson(attribute.value, &content);
  }
  AppendJson(log.body, &content);
  content += std::to_string(log.time_ns.value_or(0)) + log.span_id;
  return HexOf(Hash64(content));
}

void SetTimes(const OtlpLog& log, SpanRecord* record) {
  record->start_ns = record->end_ns = log.time_ns;
  auto duration = IntOf(log.attributes, "duration_ms");
  // Codex counts a completion's wait only; its requests tell when the call began.
  bool whole = !log.attributes.empty() && TextOf(log.attributes, "event.kind") != "response.completed";
  if (log.time_ns && duration && whole && *duration > 0 && *duration < kMaxDurationMs &&
      *duration * kNsPerMs < *log.time_ns)
    record->start_ns = *log.time_ns - *duration * kNsPerMs;
}

}  // namespace

std::optional<SpanRecord> ReadEvent(const OtlpAttributes& resource, const OtlpScope& scope,
                                    const OtlpLog& as_read, JsonParser* parser) {
  std::string_view name = EventName(as_read);
  if (name.empty()) return std::nullopt;
  OtlpLog log = as_read;
  ReadNumbers(&log.attributes);
  SpanRecord record;
  record.event = true;
  record.scope = Cut(scope.name, kMaxOtlpName);
  record.service = FirstText(resource, {"service.name"});
  record.service_version = FirstText(resource, {"service.version"});
  record.instance = FirstText(resource, {"service.instance.id"});
  record.conversation = ConversationOf(resource, log.attributes);
  record.user = UserOf(resource, log.attributes);
  record.agent_id = FirstText(log.attributes, {"agent_id"});
  record.agent_name = FirstText(log.attributes, {"agent.name", "gen_ai.agent.name"});
  record.auxiliary = IsAuxiliary(log.attributes);
  record.name = Cut(name, kMaxOtlpName);
  if (!ReadByClient({log, scope, log.attributes, {}, parser, &record}, name)) return std::nullopt;
  record.trace_id = log.trace_id.empty() || log.span_id.empty() ? "log" + record.conversation : log.trace_id;
  record.parent_id = log.trace_id.empty() ? "" : log.span_id;
  record.span_id = "log-" + ContentId(name, log);
  SetTimes(log, &record);
  return record;
}

namespace {

struct Bucket {
  std::string_view type, name;
};
// What the clients' token counters call their parts; "" is no part of the sum (totals, reasoning in output).
constexpr std::array<Bucket, 14> kBuckets = {{{"input", "input"},
                                              {"output", "output"},
                                              {"cacheRead", "cache_read"},
                                              {"cacheCreation", "cache_write"},
                                              {"cache", "cache_read"},
                                              {"cached_input", "cache_read"},
                                              {"cache_write_input", "cache_write"},
                                              {"thought", "thought"},
                                              {"tool", "tool"},
                                              {"reasoning_output", ""},
                                              {"total", ""},
                                              {"prompt", "input"},
                                              {"completion", "output"},
                                              {"", ""}}};

std::string_view BucketOf(const OtlpPoint& point) {
  static constexpr std::string_view kUsage = "gen_ai.client.inference.usage.";
  if (point.metric == "claude_code.cost.usage") return "cost";
  if (point.metric.starts_with(kUsage)) {
    std::string_view part = point.metric.substr(kUsage.size());
    if (part == "input_tokens") return "input";
    if (part == "output_tokens") return "output";
    if (part == "cache_read.input_tokens") return "cache_read";
    return part == "cache_write.input_tokens" ? "cache_write" : "";
  }
  bool tokens = point.metric == "gen_ai.client.token.usage" || point.metric == "codex.turn.token_usage" ||
                point.metric == "claude_code.token.usage" || point.metric == "gemini_cli.token.usage" ||
                point.metric == "qwen-code.token.usage";
  if (!tokens) return "";
  for (std::string_view key : {"type", "token_type", "gen_ai.token.type"}) {
    std::string_view type = TextOf(point.attributes, key);
    if (type.empty()) continue;
    for (const Bucket& bucket : kBuckets) {
      if (bucket.type == type) return bucket.name;
    }
  }
  return "";
}

}  // namespace

std::optional<SpanRecord> ReadPoint(const OtlpAttributes& resource, const OtlpScope& scope,
                                    const OtlpPoint& point) {
  std::string_view bucket = BucketOf(point);
  if (bucket.empty()) return std::nullopt;
  double amount = point.value * (bucket == "cost" ? 1e9 : 1);
  if (!std::isfinite(amount) || amount < 0 || amount > 1e15) return std::nullopt;
  SpanRecord record;
  record.kind = Kind::kPoint;
  record.scope = Cut(scope.name, kMaxOtlpName);
  record.service = FirstText(resource, {"service.name"});
  record.service_version = FirstText(resource, {"service.version"});
  record.conversation = ConversationOf(resource, point.attributes);
  record.name = Cut(point.metric, kMaxOtlpName);
  record.call_id = bucket;
  record.amount = static_cast<int64_t>(std::llround(amount));
  record.cumulative = point.cumulative;
  record.start_ns = point.start_ns, record.end_ns = point.time_ns;
  std::string series;
  std::vector<std::string> parts;
  for (const OtlpAttributes* attributes : {&resource, &point.attributes}) {
    for (const OtlpAttribute& attribute : *attributes) {
      std::string& part = parts.emplace_back(attribute.key);
      AppendJson(attribute.value, &part);
    }
  }
  std::ranges::sort(parts);
  for (const std::string& part : parts) series += part + '\x1f';
  record.spawned_by = HexOf(Hash64(series + record.name));
  record.trace_id = "metric" + record.conversation;
  record.span_id = "point-" + HexOf(Hash64(record.spawned_by + std::to_string(point.start_ns.value_or(0)) +
                                           ":" + std::to_string(point.time_ns.value_or(0)) + ":" +
                                           std::to_string(record.amount)));
  return record;
}

}  // namespace clawtrace::capture

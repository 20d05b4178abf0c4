#include "capture/otlp_usage.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/json.h"
#include "base/text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

using Keys = std::initializer_list<std::string_view>;

// Counts as emitted, before any meaning. Synonyms on one span are alternatives: the first one present counts.
struct Emitted {
  std::optional<int64_t> input, output, total, read, write, write_5m, write_1h, reasoning;
  bool disjoint = false;          // Langfuse usage details
  bool underscore_cache = false;  // cache attributes in the old spelling only
  bool ai_details = false;        // AI SDK >= 6
  bool ai_legacy = false;         // AI SDK, any version, ai.* attributes
  bool openinference = false;     // counts in OpenInference's attributes
};

std::optional<int64_t> First(const OtlpAttributes& attributes, Keys keys) {
  for (std::string_view key : keys) {
    if (auto count = IntOf(attributes, key)) return count;
  }
  return std::nullopt;
}

std::optional<int64_t> FirstCount(Json object, Keys keys) {
  for (std::string_view key : keys) {
    if (auto count = object[key].integer()) return count;
  }
  return std::nullopt;
}

bool IsClaudeCode(std::string_view scope) { return scope.starts_with("com.anthropic.claude_code"); }

bool ReadLangfuse(const OtlpAttributes& attributes, Emitted* out) {
  std::string text(TextOf(attributes, "langfuse.observation.usage_details"));
  if (text.empty()) {
    const OtlpValue* value = FindAttribute(attributes, "langfuse.observation.usage_details");
    if (!value || value->kind != OtlpValue::Kind::kMap) return false;
    AppendJson(*value, &text);
  }
  JsonParser parser;
  auto details = parser.Parse(text);
  if (!details || !details->is_object()) return false;
  out->disjoint = true;
  out->input = FirstCount(*details, {"input"});
  out->output = FirstCount(*details, {"output"});
  out->read = FirstCount(*details, {"input_cached_tokens", "input_cache_read", "cache_read_input_tokens"});
  out->write =
      FirstCount(*details, {"input_cache_creation", "input_cache_write", "cache_creation_input_tokens"});
  out->write_5m = FirstCount(*details, {"input_cache_creation_5m"});
  out->write_1h = FirstCount(*details, {"input_cache_creation_1h"});
  out->reasoning = FirstCount(*details, {"output_reasoning_tokens", "output_reasoning"});
  return out->input || out->output;
}

void ReadClaudeCode(const OtlpAttributes& attributes, Emitted* out) {
  out->input = First(attributes, {"input_tokens"});
  out->output = First(attributes, {"output_tokens"});
  out->read = First(attributes, {"cache_read_tokens"});
  out->write = First(attributes, {"cache_creation_tokens"});
  out->write_5m = First(attributes, {"cache_creation_5m_tokens"});
  out->write_1h = First(attributes, {"cache_creation_1h_tokens"});
}

// The AI SDK before 6 tells cache writes only in the provider's own metadata.
void ReadProviderMetadata(const OtlpAttributes& attributes, Emitted* out) {
  std::string_view text = TextOf(attributes, "ai.response.providerMetadata");
  if (text.empty()) return;
  JsonParser parser;
  auto metadata = parser.Parse(text);
  if (!metadata) return;
  Json anthropic = (*metadata)["anthropic"];
  if (!anthropic) anthropic = (*metadata)["bedrock"];
  Json usage = anthropic["usage"];
  if (!out->write) out->write = FirstCount(anthropic, {"cacheCreationInputTokens"});
  if (!out->write) out->write = FirstCount(usage, {"cache_creation_input_tokens", "cacheWriteInputTokens"});
  Json split = usage["cache_creation"];
  if (!out->write_5m) out->write_5m = FirstCount(split, {"ephemeral_5m_input_tokens"});
  if (!out->write_1h) out->write_1h = FirstCount(split, {"ephemeral_1h_input_tokens"});
}

void ReadGeneric(const OtlpAttributes& attributes, Emitted* out) {
  out->input = First(attributes, {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens",
                                  "llm.token_count.prompt", "llm.usage.prompt_tokens", "ai.usage.inputTokens",
                                  "ai.usage.promptTokens", "ai.usage.tokens", "input_token_count"});
  out->output =
      First(attributes, {"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
                         "llm.token_count.completion", "llm.usage.completion_tokens", "ai.usage.outputTokens",
                         "ai.usage.completionTokens", "output_token_count"});
  out->total =
      First(attributes, {"gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens",
                         "ai.usage.totalTokens", "codex.usage.total_tokens", "total_token_count"});
  out->read = First(
      attributes, {"gen_ai.usage.cache_read.input_tokens", "llm.token_count.prompt_details.cache_read",
                   "llm.token_count.prompt_details.cache_input", "ai.usage.inputTokenDetails.cacheReadTokens",
                   "ai.usage.cachedInputTokens", "cached_token_count"});
  out->write =
      First(attributes, {"gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
                         "llm.token_count.prompt_details.cache_write",
                         "ai.usage.inputTokenDetails.cacheWriteTokens", "cache_write_token_count"});
  out->underscore_cache = !out->read && !out->write;
  if (!out->read) {
    out->read =
        First(attributes, {"gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.details.cache_read_tokens",
                           "gen_ai.usage.details.cache_read_input_tokens", "gen_ai.usage.cache_read_tokens",
                           "cached_content_token_count"});
  }
  if (!out->write) {
    out->write = First(
        attributes, {"gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.details.cache_write_tokens",
                     "gen_ai.usage.details.cache_creation_input_tokens", "gen_ai.usage.cache_write_tokens"});
  }
  out->underscore_cache = out->underscore_cache && (out->read || out->write);
  out->write_5m = First(attributes, {"gen_ai.usage.cache_creation.input_tokens.ephemeral_5m"});
  out->write_1h = First(attributes, {"gen_ai.usage.cache_creation.input_tokens.ephemeral_1h"});
  out->reasoning = First(
      attributes, {"gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning",
                   "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens", "ai.usage.reasoningTokens",
                   "ai.usage.outputTokenDetails.reasoningTokens", "codex.usage.reasoning_output_tokens",
                   "thoughts_token_count", "reasoning_token_count"});
  out->openinference = !First(attributes, {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"}) &&
                       First(attributes, {"llm.token_count.prompt"});
  for (const OtlpAttribute& attribute : attributes) {
    if (attribute.key.starts_with("ai.usage.inputTokenDetails.")) out->ai_details = true;
    if (attribute.key.starts_with("ai.usage.")) out->ai_legacy = true;
  }
  if (out->ai_legacy) ReadProviderMetadata(attributes, out);
}

enum class Input { kInclusive, kExclusive, kDisjoint, kByKey, kUnknown };

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool IsAnthropicLike(std::string_view provider) {
  return Contains(provider, "anthropic") || Contains(provider, "bedrock");
}

bool IsInclusiveProvider(std::string_view provider) {
  for (std::string_view prefix :
       {"openai", "azure", "gcp.", "google", "gemini", "vertex", "deepseek", "x_ai", "groq", "moonshot"}) {
    if (provider.starts_with(prefix)) return true;
  }
  return false;
}

// Whether input includes cached tokens, by who emitted the span.
Input RuleOf(std::string_view scope, std::string_view provider, const Emitted& emitted) {
  if (emitted.disjoint) return Input::kDisjoint;
  if (IsClaudeCode(scope)) return Input::kExclusive;
  bool openinference = Contains(scope, "openinference");
  if (openinference) {
    if (Contains(scope, "claude-agent-sdk") || Contains(scope, "claude_agent_sdk") ||
        Contains(scope, "bedrock"))
      return Input::kExclusive;
    if (scope == "@arizeai/openinference-instrumentation-anthropic") return Input::kExclusive;
    return Input::kInclusive;
  }
  if (scope.starts_with("opentelemetry.instrumentation.bedrock")) return Input::kExclusive;
  // Strands excludes; the processor that makes OpenInference's attributes of its spans adds up.
  if (scope.starts_with("strands")) return emitted.openinference ? Input::kInclusive : Input::kExclusive;
  if (scope.starts_with("@traceloop/") || scope.starts_with("opentelemetry.instrumentation."))
    return Input::kInclusive;
  if (emitted.ai_details) return Input::kInclusive;
  if (emitted.ai_legacy) return IsAnthropicLike(provider) ? Input::kExclusive : Input::kInclusive;
  for (std::string_view known :
       {"gen_ai", "gemini-cli", "qwen-code", "codex", "lmnr", "opencode", "litellm", "openrouter"}) {
    if (scope.starts_with(known)) return Input::kInclusive;
  }
  if (IsInclusiveProvider(provider)) return Input::kInclusive;
  return emitted.underscore_cache        ? Input::kByKey
         : emitted.read || emitted.write ? Input::kInclusive
                                         : Input::kUnknown;
}

// Emitters whose output leaves out reasoning tokens that are billed as output.
bool OutputExcludesReasoning(std::string_view scope, std::string_view provider, const Emitted& emitted) {
  if (scope == "gemini-cli") return true;
  if (Contains(scope, "openinference") && Contains(scope, "vertex")) return true;
  if (scope.starts_with("opentelemetry.instrumentation.") &&
      (Contains(scope, "google") || Contains(scope, "vertex")))
    return true;
  return emitted.ai_legacy && !emitted.ai_details &&
         (Contains(provider, "google") || Contains(provider, "vertex") || provider.starts_with("gcp."));
}

// The output side; gives reasoning as part of output.
void SettleOutput(std::string_view scope, std::string_view provider, const Emitted& emitted, Usage* usage,
                  OtlpUsage* out) {
  int64_t output = emitted.output.value_or(0), reasoning = emitted.reasoning.value_or(0);
  bool beside = emitted.disjoint || OutputExcludesReasoning(scope, provider, emitted);
  if (beside && !emitted.disjoint && emitted.total && emitted.input) {
    int64_t rest = *emitted.total - *emitted.input - output;
    // The total tells: nothing beyond input and output means that output is whole.
    if (rest == 0) beside = false;
    if (rest > 0 && !emitted.reasoning) reasoning = rest;
  } else if (beside && !emitted.disjoint && !emitted.reasoning) {
    out->reasoning_missing = true;
  }
  // More reasoning than output can only stand beside it, unless the total says that output is whole.
  bool whole = emitted.total && emitted.input && *emitted.total == *emitted.input + output;
  if (!beside && reasoning > output && !whole) beside = out->reclassified = true;
  usage->output = beside ? output + reasoning : output;
  usage->reasoning = std::min(reasoning, usage->output);
}

void SettleInput(std::string_view scope, std::string_view provider, const Emitted& emitted, Usage* usage,
                 OtlpUsage* out) {
  int64_t input = emitted.input.value_or(0), read = emitted.read.value_or(0);
  int64_t split = emitted.write_5m.value_or(0) + emitted.write_1h.value_or(0);
  int64_t write = std::max(emitted.write.value_or(0), split);
  Input rule = RuleOf(scope, provider, emitted);
  bool exclusive = rule == Input::kExclusive || rule == Input::kDisjoint;
  int64_t plain = input + emitted.output.value_or(0), cached = read + write;
  bool adds_cache = emitted.total && cached > 0 && *emitted.total == plain + cached;
  if (!exclusive && (cached > input || (adds_cache && !IsInclusiveProvider(provider)))) {
    // No reading of "including" allows the former, whoever says so; a total that adds cached tokens to input
    // is nearly as strong.
    exclusive = true;
    out->reclassified = rule == Input::kInclusive;
  } else if (rule == Input::kByKey && cached > 0) {
    out->ambiguous = !emitted.total || *emitted.total != plain;
  }
  usage->uncached_input = exclusive ? input : input - read - write;
  usage->cache_read = read;
  usage->cache_write_5m = emitted.write_5m.value_or(0);
  usage->cache_write_1h = emitted.write_1h.value_or(0);
  usage->cache_write_unknown = write - split;
  if (!out->ambiguous) return;
  out->other_reading = *usage;
  out->other_reading->uncached_input = input;
}

std::optional<Usd> CostOf(const OtlpAttributes& attributes) {
  for (std::string_view key :
       {"cost_usd", "llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.total_cost"}) {
    const OtlpValue* value = FindAttribute(attributes, key);
    if (!value) continue;
    if (value->kind != OtlpValue::Kind::kDouble && value->kind != OtlpValue::Kind::kInt) continue;
    auto cost = Usd::FromDouble(value->kind == OtlpValue::Kind::kInt ? static_cast<double>(value->integer)
                                                                     : value->real);
    if (cost && *cost > Usd()) return cost;
  }
  std::string_view details = TextOf(attributes, "langfuse.observation.cost_details");
  if (details.empty()) return std::nullopt;
  JsonParser parser;
  auto json = parser.Parse(details);
  if (!json) return std::nullopt;
  auto total = (*json)["total"].number();
  auto cost = total ? Usd::FromDouble(*total) : std::nullopt;
  return cost && *cost > Usd() ? cost : std::nullopt;
}

bool InRange(const Emitted& emitted) {
  for (auto field : {&Emitted::input, &Emitted::output, &Emitted::total, &Emitted::read, &Emitted::write,
                     &Emitted::write_5m, &Emitted::write_1h, &Emitted::reasoning}) {
    if ((emitted.*field).value_or(0) < 0 || (emitted.*field).value_or(0) > kMaxTokensPerBucket) return false;
  }
  return true;
}

}  // namespace

OtlpUsage ReadUsage(const OtlpScope& scope, std::string_view provider, const OtlpAttributes& attributes) {
  OtlpUsage out;
  out.cost = CostOf(attributes);
  Emitted emitted;
  if (!ReadLangfuse(attributes, &emitted)) {
    emitted = Emitted();
    if (IsClaudeCode(scope.name))
      ReadClaudeCode(attributes, &emitted);
    else
      ReadGeneric(attributes, &emitted);
  }
  // Codex calls its total so; beside the prompt for Gemini CLI (tool use prompts), which bills it as input.
  if (auto tool = IntOf(attributes, "tool_token_count")) {
    if (scope.name.starts_with("codex") && !emitted.total) emitted.total = tool;
    if (scope.name == "gemini-cli" && emitted.input && InRange(emitted) && *tool > 0 &&
        *tool <= kMaxTokensPerBucket)
      *emitted.input += *tool;
  }
  if (!emitted.input && !emitted.output) return out;
  if (!InRange(emitted)) {
    out.implausible = true;
    return out;
  }
  out.emitted_input = emitted.input.value_or(0), out.emitted_output = emitted.output.value_or(0);
  std::string lower = ToLower(provider);
  Usage usage;
  SettleInput(scope.name, lower, emitted, &usage, &out);
  SettleOutput(scope.name, lower, emitted, &usage, &out);
  if (out.other_reading)
    out.other_reading->output = usage.output, out.other_reading->reasoning = usage.reasoning;
  out.cache_known = emitted.read || emitted.write;
  if (IsPlausible(usage))
    out.usage = usage;
  else
    out.implausible = true;
  return out;
}

std::string NormalProvider(std::string_view provider) {
  std::string name = ToLower(provider);
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kAliases = {
      {{"vertex_ai", "gcp.vertex_ai"},
       {"vertexai", "gcp.vertex_ai"},
       {"google.vertex", "gcp.vertex_ai"},
       {"gemini", "gcp.gemini"},
       {"google", "gcp.gemini"},
       {"google.generative-ai", "gcp.gemini"},
       {"az.ai.openai", "azure.ai.openai"},
       {"azure", "azure.ai.openai"},
       {"az.ai.inference", "azure.ai.inference"},
       {"aws", "aws.bedrock"},
       {"amazon-bedrock", "aws.bedrock"},
       {"xai", "x_ai"},
       {"mistralai", "mistral_ai"},
       {"moonshot", "moonshot_ai"}}};
  for (const auto& [alias, normal] : kAliases) {
    if (name == alias) return std::string(normal);
  }
  // The AI SDK names the API after the provider.
  for (std::string_view api :
       {".chat", ".responses", ".messages", ".completion", ".completions", ".embedding"}) {
    if (name.size() > api.size() && name.ends_with(api)) name.resize(name.size() - api.size());
  }
  return name;
}

}  // namespace clawtrace::capture

#include "capture/otlp_usage.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <variant>

#include "capture/otlp_span.h"

namespace clawtrace::capture {
namespace {

using Entry = std::pair<std::string_view, std::variant<int64_t, double, std::string_view>>;

OtlpAttributes Attributes(std::initializer_list<Entry> entries) {
  OtlpAttributes out;
  for (const auto& [key, value] : entries) {
    OtlpAttribute& attribute = out.emplace_back();
    attribute.key = key;
    if (auto* integer = std::get_if<int64_t>(&value)) {
      attribute.value.kind = OtlpValue::Kind::kInt, attribute.value.integer = *integer;
    } else if (auto* real = std::get_if<double>(&value)) {
      attribute.value.kind = OtlpValue::Kind::kDouble, attribute.value.real = *real;
    } else {
      attribute.value.kind = OtlpValue::Kind::kText, attribute.value.text = std::get<std::string_view>(value);
    }
  }
  return out;
}

OtlpUsage Read(std::string_view scope, std::string_view provider, std::initializer_list<Entry> entries) {
  return ReadUsage({scope, "1"}, provider, Attributes(entries));
}

// The call that every emitter below reports: 100 uncached, 10,000 read, 2,000 written, 500 out.
void ExpectCallA(const OtlpUsage& got, bool five_minutes = false) {
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->uncached_input, 100);
  EXPECT_EQ(got.usage->cache_read, 10000);
  EXPECT_EQ(got.usage->cache_write_5m, five_minutes ? 2000 : 0);
  EXPECT_EQ(got.usage->cache_write_1h, 0);
  EXPECT_EQ(got.usage->cache_write_unknown, five_minutes ? 0 : 2000);
  EXPECT_EQ(got.usage->output, 500);
  EXPECT_TRUE(got.cache_known);
  EXPECT_FALSE(got.ambiguous);
}

TEST(OtlpUsage, SemconvInputIncludesCache) {
  for (std::string_view write :
       {"gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"}) {
    for (std::string_view scope : {"some.emitter", "gen_ai", "opentelemetry.instrumentation.anthropic"}) {
      ExpectCallA(Read(scope, "anthropic",
                       {{"gen_ai.usage.input_tokens", 12100},
                        {"gen_ai.usage.cache_read.input_tokens", 10000},
                        {write, 2000},
                        {"gen_ai.usage.output_tokens", 500}}));
    }
  }
}

TEST(OtlpUsage, OpenInferencePythonAnthropic) {
  ExpectCallA(Read("openinference.instrumentation.anthropic", "anthropic",
                   {{"llm.token_count.prompt", 12100},
                    {"llm.token_count.total", 12600},
                    {"llm.token_count.completion", 500},
                    {"llm.token_count.prompt_details.cache_read", 10000},
                    {"llm.token_count.prompt_details.cache_write", 2000}}));
}

TEST(OtlpUsage, OpenInferenceAgentSdkAndBedrockExclude) {
  for (std::string_view scope :
       {"openinference.instrumentation.claude_agent_sdk", "openinference.instrumentation.bedrock"}) {
    for (int64_t total : {600, 12600}) {
      ExpectCallA(Read(scope, "",
                       {{"llm.token_count.prompt", 100},
                        {"llm.token_count.total", total},
                        {"llm.token_count.completion", 500},
                        {"llm.token_count.prompt_details.cache_read", 10000},
                        {"llm.token_count.prompt_details.cache_write", 2000}}));
    }
  }
}

TEST(OtlpUsage, TraceloopBedrockExcludesWithDottedKeys) {
  ExpectCallA(Read("opentelemetry.instrumentation.bedrock", "aws.bedrock",
                   {{"gen_ai.usage.input_tokens", 100},
                    {"gen_ai.usage.cache_read.input_tokens", 10000},
                    {"gen_ai.usage.cache_creation.input_tokens", 2000},
                    {"gen_ai.usage.output_tokens", 500}}));
}

TEST(OtlpUsage, AiSdk5AnthropicExcludesAndSplitsWritesInMetadata) {
  ExpectCallA(
      Read(
          "ai", "anthropic",
          {{"ai.usage.inputTokens", 100},
           {"ai.usage.cachedInputTokens", 10000},
           {"ai.usage.outputTokens", 500},
           {"ai.response.providerMetadata",
            R"({"anthropic":{"cacheCreationInputTokens":2000,"usage":{"cache_creation":{"ephemeral_5m_input_tokens":2000}}}})"}}),
      true);
}

TEST(OtlpUsage, AiSdk6Includes) {
  ExpectCallA(Read("ai", "anthropic",
                   {{"ai.usage.inputTokens", 12100},
                    {"ai.usage.inputTokenDetails.noCacheTokens", 100},
                    {"ai.usage.inputTokenDetails.cacheReadTokens", 10000},
                    {"ai.usage.inputTokenDetails.cacheWriteTokens", 2000},
                    {"ai.usage.outputTokens", 500}}));
}

TEST(OtlpUsage, ClaudeCodeExcludesAndMaySplitWrites) {
  std::string_view scope = "com.anthropic.claude_code.tracing";
  ExpectCallA(Read(scope, "anthropic",
                   {{"input_tokens", 100},
                    {"cache_read_tokens", 10000},
                    {"cache_creation_tokens", 2000},
                    {"output_tokens", 500}}));
  ExpectCallA(Read(scope, "anthropic",
                   {{"input_tokens", 100},
                    {"cache_read_tokens", 10000},
                    {"cache_creation_tokens", 2000},
                    {"cache_creation_5m_tokens", 2000},
                    {"output_tokens", 500}}),
              true);
}

TEST(OtlpUsage, LangfuseBucketsAreDisjoint) {
  ExpectCallA(
      Read("langfuse-sdk", "",
           {{"langfuse.observation.usage_details",
             R"({"input":100,"input_cached_tokens":10000,"input_cache_creation":2000,"output":500})"}}));
}

TEST(OtlpUsage, OpenInferenceJsAnthropicCannotShowCache) {
  auto got = Read(
      "@arizeai/openinference-instrumentation-anthropic", "anthropic",
      {{"llm.token_count.prompt", 100}, {"llm.token_count.total", 600}, {"llm.token_count.completion", 500}});
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->uncached_input, 100);
  EXPECT_EQ(got.usage->prompt(), 100);
  EXPECT_EQ(got.usage->output, 500);
  EXPECT_FALSE(got.cache_known);
}

// Call B: 5,000 uncached beside 10,000 read. Subtracting and clamping at 0 would lose the 5,000.
TEST(OtlpUsage, CacheAboveInputProvesExclusive) {
  auto got = Read("opentelemetry.instrumentation.anthropic", "anthropic",
                  {{"gen_ai.usage.input_tokens", 5000},
                   {"gen_ai.usage.cache_read.input_tokens", 10000},
                   {"gen_ai.usage.output_tokens", 500}});
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->uncached_input, 5000);
  EXPECT_EQ(got.usage->cache_read, 10000);
  EXPECT_TRUE(got.reclassified);
}

// Few cached tokens fit into the input in either reading: only the emitter tells.
TEST(OtlpUsage, TheEmitterDecidesWhereNumbersDoNot) {
  std::initializer_list<Entry> openinference = {{"llm.token_count.prompt", 5000},
                                                {"llm.token_count.prompt_details.cache_read", 100},
                                                {"llm.token_count.completion", 5}};
  std::initializer_list<Entry> ai = {
      {"ai.usage.inputTokens", 5000}, {"ai.usage.cachedInputTokens", 100}, {"ai.usage.outputTokens", 5}};
  auto uncached = [](const OtlpUsage& got) { return got.usage ? got.usage->uncached_input : -1; };
  EXPECT_EQ(uncached(Read("com.anthropic.claude_code.tracing", "anthropic",
                          {{"input_tokens", 5000}, {"cache_read_tokens", 100}, {"output_tokens", 5}})),
            5000);
  EXPECT_EQ(uncached(Read("openinference.instrumentation.claude_agent_sdk", "", openinference)), 5000);
  EXPECT_EQ(uncached(Read("openinference.instrumentation.bedrock", "", openinference)), 5000);
  EXPECT_EQ(uncached(Read("openinference.instrumentation.openai", "", openinference)), 4900);
  EXPECT_EQ(uncached(Read("ai", "anthropic", ai)), 5000);
  EXPECT_EQ(uncached(Read("ai", "openai", ai)), 4900);
  EXPECT_EQ(uncached(Read("langfuse-sdk", "",
                          {{"langfuse.observation.usage_details",
                            R"({"input":5000,"input_cached_tokens":100,"output":5})"}})),
            5000);
  std::initializer_list<Entry> dotted = {{"gen_ai.usage.input_tokens", 5000},
                                         {"gen_ai.usage.cache_read.input_tokens", 100},
                                         {"gen_ai.usage.output_tokens", 5}};
  EXPECT_EQ(uncached(Read("opentelemetry.instrumentation.bedrock", "", dotted)), 5000);
  EXPECT_EQ(uncached(Read("strands.telemetry.tracer", "", dotted)), 5000);
  EXPECT_EQ(uncached(Read("gen_ai", "anthropic", dotted)), 4900);
}

// Call C: writes for an hour.
TEST(OtlpUsage, HourWrites) {
  auto got = Read("com.anthropic.claude_code", "anthropic",
                  {{"input_tokens", 100},
                   {"cache_read_tokens", 10000},
                   {"cache_creation_tokens", 2000},
                   {"cache_creation_1h_tokens", 2000},
                   {"output_tokens", 500}});
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->cache_write_1h, 2000);
  EXPECT_EQ(got.usage->cache_write_unknown, 0);
}

// Call D: Gemini's thoughts are billed beside the candidates.
TEST(OtlpUsage, GeminiOutputGainsThoughts) {
  auto got = Read("gemini-cli", "",
                  {{"gen_ai.usage.input_tokens", 1000},
                   {"gen_ai.usage.output_tokens", 300},
                   {"thoughts_token_count", 200}});
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->output, 500);
  EXPECT_EQ(got.usage->reasoning, 200);
  EXPECT_FALSE(got.reasoning_missing);
  // Traceloop's Google instrumentation tells only by the total.
  got = Read("opentelemetry.instrumentation.google_generativeai", "",
             {{"gen_ai.usage.input_tokens", 1000},
              {"gen_ai.usage.output_tokens", 300},
              {"gen_ai.usage.total_tokens", 1500}});
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->output, 500);
  EXPECT_TRUE(
      Read("gemini-cli", "", {{"gen_ai.usage.input_tokens", 1000}, {"gen_ai.usage.output_tokens", 300}})
          .reasoning_missing);
}

TEST(OtlpUsage, ReasoningInsideOutputElsewhere) {
  auto got = Read("codex_exec", "openai",
                  {{"gen_ai.usage.input_tokens", 1000},
                   {"gen_ai.usage.output_tokens", 300},
                   {"codex.usage.reasoning_output_tokens", 200},
                   {"codex.usage.total_tokens", 1300}});
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->output, 300);
  EXPECT_EQ(got.usage->reasoning, 200);
}

TEST(OtlpUsage, OldCacheKeysOfUnknownEmitters) {
  std::initializer_list<Entry> plain = {{"gen_ai.usage.input_tokens", 12100},
                                        {"gen_ai.usage.cache_read_input_tokens", 10000},
                                        {"gen_ai.usage.output_tokens", 500}};
  auto got = Read("unheard-of", "", plain);
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->uncached_input, 2100);
  EXPECT_TRUE(got.ambiguous);
  ASSERT_TRUE(got.other_reading);
  EXPECT_EQ(got.other_reading->uncached_input, 12100);
  EXPECT_EQ(got.other_reading->cache_read, 10000);
  EXPECT_EQ(got.other_reading->output, 500);
  // The total decides.
  got = Read("unheard-of", "",
             {{"gen_ai.usage.input_tokens", 12100},
              {"gen_ai.usage.cache_read_input_tokens", 10000},
              {"gen_ai.usage.output_tokens", 500},
              {"gen_ai.usage.total_tokens", 22600}});
  EXPECT_EQ(got.usage->uncached_input, 12100);
  EXPECT_FALSE(got.ambiguous);
  got = Read("unheard-of", "",
             {{"gen_ai.usage.input_tokens", 12100},
              {"gen_ai.usage.cache_read_input_tokens", 10000},
              {"gen_ai.usage.output_tokens", 500},
              {"gen_ai.usage.total_tokens", 12600}});
  EXPECT_EQ(got.usage->uncached_input, 2100);
  EXPECT_FALSE(got.ambiguous);
  EXPECT_FALSE(Read("unheard-of", "openai", plain).ambiguous);
}

// A total that adds cached tokens to input speaks against an emitter that should include them, but not where
// the provider itself includes them.
TEST(OtlpUsage, ATotalBesideInputProvesExclusive) {
  std::initializer_list<Entry> entries = {{"llm.token_count.prompt", 5000},
                                          {"llm.token_count.prompt_details.cache_read", 100},
                                          {"llm.token_count.completion", 5},
                                          {"llm.token_count.total", 5105}};
  auto got = Read("openinference.instrumentation.anthropic", "anthropic", entries);
  EXPECT_EQ(got.usage->uncached_input, 5000);
  EXPECT_TRUE(got.reclassified);
  EXPECT_EQ(Read("openinference.instrumentation.openai", "openai", entries).usage->uncached_input, 4900);
}

TEST(OtlpUsage, StrandsThroughOpenInferenceIncludes) {
  EXPECT_EQ(Read("strands.telemetry.tracer", "",
                 {{"llm.token_count.prompt", 5000},
                  {"llm.token_count.prompt_details.cache_read", 100},
                  {"llm.token_count.completion", 5}})
                .usage->uncached_input,
            4900);
}

TEST(OtlpUsage, SynonymsAreAlternatives) {
  auto got = Read("opencode", "mock",
                  {{"gen_ai.usage.input_tokens", 1900},
                   {"ai.usage.inputTokens", 1900},
                   {"ai.usage.promptTokens", 1900},
                   {"gen_ai.usage.output_tokens", 85},
                   {"ai.usage.outputTokens", 85}});
  ASSERT_TRUE(got.usage);
  EXPECT_EQ(got.usage->prompt(), 1900);
  EXPECT_EQ(got.usage->output, 85);
}

TEST(OtlpUsage, UnreasonableCountsAreRefused) {
  for (int64_t bad : {int64_t{-1}, int64_t{2'000'000'000'000}, INT64_MAX, INT64_MIN}) {
    auto got = Read("x", "", {{"gen_ai.usage.input_tokens", bad}, {"gen_ai.usage.output_tokens", 5}});
    EXPECT_FALSE(got.usage);
    EXPECT_TRUE(got.implausible);
  }
  EXPECT_FALSE(Read("x", "", {{"gen_ai.usage.input_tokens", 1.5}}).usage);
  EXPECT_FALSE(Read("x", "", {{"gen_ai.usage.input_tokens", "12"}}).usage);
  EXPECT_TRUE(Read("x", "", {{"gen_ai.usage.input_tokens", 12.0}}).usage);
}

TEST(OtlpUsage, GivenCost) {
  EXPECT_EQ(Read("x", "", {{"gen_ai.usage.cost", 0.25}}).cost, Usd::FromDouble(0.25));
  EXPECT_EQ(Read("x", "", {{"langfuse.observation.cost_details", R"({"total":0.5})"}}).cost,
            Usd::FromDouble(0.5));
  EXPECT_FALSE(Read("x", "", {{"gen_ai.usage.cost", 0.0}}).cost);
  EXPECT_FALSE(Read("x", "", {{"gen_ai.usage.cost", -1.0}}).cost);
}

TEST(OtlpUsage, ProviderSpelling) {
  EXPECT_EQ(NormalProvider("mock.chat"), "mock");
  EXPECT_EQ(NormalProvider("openai.responses"), "openai");
  EXPECT_EQ(NormalProvider("VertexAI"), "gcp.vertex_ai");
  EXPECT_EQ(NormalProvider("anthropic"), "anthropic");
}

}  // namespace
}  // namespace clawtrace::capture

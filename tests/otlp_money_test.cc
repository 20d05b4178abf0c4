// The same call as each emitter puts it on the wire, from OTLP to the card: what it cost, never what a reader
// who takes one convention for another would make of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "capture/importer.h"
#include "compile/compile.h"

namespace clawtrace {
namespace {

Usd Dollars(std::string_view text) { return *Usd::Parse(text); }

// USD per million: input 3, output 15, read 0.30, writes 3.75 and 6.
const PriceBook& Book() {
  static const PriceBook book = *PriceBook::FromTsv(
      "model\tprovider\tinput\toutput\tcache_read\tcache_write_5m\tcache_write_1h\tsource\n"
      "golden\tanthropic\t3\t15\t0.3\t3.75\t6\tlist@2026-01-01\n",
      "golden");
  return book;
}

struct Attributes {
  std::string json;
  Attributes& Int(std::string_view key, int64_t value) {
    return Add(key, fmt::format(R"("intValue":"{}")", value));
  }
  Attributes& Real(std::string_view key, double value) {
    return Add(key, fmt::format(R"("doubleValue":{})", value));
  }
  Attributes& Text(std::string_view key, std::string_view value) {
    std::string quoted;
    for (char c : value) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);
    return Add(key, fmt::format(R"("stringValue":"{}")", quoted));
  }

 private:
  Attributes& Add(std::string_view key, const std::string& value) {
    if (!json.empty()) json += ',';
    json += fmt::format(R"({{"key":"{}","value":{{{}}}}})", key, value);
    return *this;
  }
};

struct Span {
  std::string scope, version, name;
  Attributes attributes;
  int parent = 0;  // number of another span, from 1
};

TraceCard CardOf(const std::vector<Span>& spans) {
  std::string groups;
  for (size_t i = 0; i < spans.size(); ++i) {
    const Span& span = spans[i];
    std::string parent = span.parent == 0 ? "" : fmt::format(R"("parentSpanId":"{:016x}",)", span.parent);
    groups += fmt::format(
        R"({}{{"scope":{{"name":"{}","version":"{}"}},"spans":[{{"traceId":"{:032x}","spanId":"{:016x}",{}"name":"{}",)"
        R"("startTimeUnixNano":"{}","endTimeUnixNano":"1790000009000000000","attributes":[{}]}}]}})",
        i == 0 ? "" : ",", span.scope, span.version, 7, i + 1, parent, span.name, 1790000000000000000 + i,
        span.attributes.json);
  }
  struct Sink : capture::FactSink {
    std::vector<Fact> facts;
    void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
    void Skip(int64_t, int64_t, std::string_view reason) override { ADD_FAILURE() << "skipped: " << reason; }
  } sink;
  const capture::Importer* otlp = capture::FindImporter("otlp");
  auto reader = otlp->open({"dump.json", ""}, &sink);
  reader->Feed(R"({"resourceSpans":[{"resource":{"attributes":[]},"scopeSpans":[)" + groups + "]}]}\n");
  reader->Finish();
  otlp->resolve(&sink.facts);
  std::vector<Session> sessions = AssembleSessions(std::move(sink.facts));
  EXPECT_EQ(sessions.size(), 1U);
  if (sessions.empty()) return {};
  return compile::CompileCard(PriceSession(sessions[0], Book()), Book());
}

// What readers that take one convention for another make of call A, and of two calls or of other lives.
constexpr std::string_view kWrong[] = {"0.0543", "0.0438", "0.1983", "0.0366"};

void ExpectCost(const TraceCard& card, std::string_view dollars, std::string_view shape) {
  ASSERT_TRUE(card.total_cost_usd) << shape;
  EXPECT_EQ(card.total_cost_usd->ToDecimal(), Dollars(dollars).ToDecimal()) << shape;
  EXPECT_EQ(card.cost_status, CostStatus::kPriced) << shape;
  EXPECT_EQ(card.llm_call_count, 1) << shape;
  EXPECT_FALSE(card.cost_low_usd) << shape;
  for (std::string_view wrong : kWrong) EXPECT_NE(card.total_cost_usd, Dollars(wrong)) << shape;
}

bool Noted(const TraceCard& card, std::string_view note) {
  return std::ranges::find(card.coverage->notes, note) != card.coverage->notes.end();
}

Attributes Semconv(int64_t input, int64_t read, int64_t write, int64_t output, std::string_view provider,
                   std::string_view write_key = "gen_ai.usage.cache_creation.input_tokens") {
  Attributes a;
  a.Text("gen_ai.operation.name", "chat").Text("gen_ai.request.model", "golden");
  a.Text("gen_ai.provider.name", provider).Int("gen_ai.usage.input_tokens", input);
  a.Int("gen_ai.usage.output_tokens", output);
  if (read) a.Int("gen_ai.usage.cache_read.input_tokens", read);
  if (write) a.Int(write_key, write);
  return a;
}

Attributes OpenInference(int64_t prompt, int64_t read, int64_t write, int64_t output, int64_t total) {
  Attributes a;
  a.Text("openinference.span.kind", "LLM").Text("llm.model_name", "golden");
  a.Int("llm.token_count.prompt", prompt).Int("llm.token_count.completion", output);
  if (total) a.Int("llm.token_count.total", total);
  if (read) a.Int("llm.token_count.prompt_details.cache_read", read);
  if (write) a.Int("llm.token_count.prompt_details.cache_write", write);
  return a;
}

TEST(OtlpMoneyTest, CallAFromEmittersThatIncludeCache) {
  for (std::string_view key :
       {"gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens"}) {
    for (std::string_view scope : {"my.emitter", "gen_ai", "opentelemetry.instrumentation.anthropic",
                                   "@traceloop/instrumentation-anthropic", "lmnr"}) {
      Span span{std::string(scope), "1.40", "chat golden",
                Semconv(12'100, 10'000, 2'000, 500, "anthropic", key)};
      ExpectCost(CardOf({span}), "0.0183", scope);
    }
  }
  Span openinference{"openinference.instrumentation.anthropic", "1", "Messages",
                     OpenInference(12'100, 10'000, 2'000, 500, 12'600)};
  ExpectCost(CardOf({openinference}), "0.0183", "OpenInference Python anthropic");
  Attributes six;
  six.Text("ai.operationId", "ai.generateText.doGenerate").Text("ai.model.id", "golden");
  six.Text("ai.model.provider", "anthropic.messages").Int("ai.usage.inputTokens", 12'100);
  six.Int("ai.usage.outputTokens", 500).Int("ai.usage.inputTokenDetails.noCacheTokens", 100);
  six.Int("ai.usage.inputTokenDetails.cacheReadTokens", 10'000);
  six.Int("ai.usage.inputTokenDetails.cacheWriteTokens", 2'000);
  ExpectCost(CardOf({{"ai", "6.0.1", "ai.generateText.doGenerate", six}}), "0.0183", "AI SDK 6");
}

TEST(OtlpMoneyTest, CallAFromEmittersThatExcludeCache) {
  for (std::string_view scope :
       {"openinference.instrumentation.claude_agent_sdk", "openinference.instrumentation.bedrock"}) {
    for (int64_t total : {600, 12'600}) {
      Span span{std::string(scope), "1", "call", OpenInference(100, 10'000, 2'000, 500, total)};
      ExpectCost(CardOf({span}), "0.0183", scope);
    }
  }
  for (std::string_view scope : {"opentelemetry.instrumentation.bedrock", "strands.telemetry.tracer"}) {
    Span span{std::string(scope), "1", "chat golden", Semconv(100, 10'000, 2'000, 500, "aws.bedrock")};
    ExpectCost(CardOf({span}), "0.0183", scope);
  }
  Attributes five;
  five.Text("ai.operationId", "ai.generateText.doGenerate").Text("ai.model.id", "golden");
  five.Text("ai.model.provider", "anthropic.messages").Int("ai.usage.inputTokens", 100);
  five.Int("ai.usage.cachedInputTokens", 10'000).Int("ai.usage.outputTokens", 500);
  five.Text(
      "ai.response.providerMetadata",
      R"({"anthropic":{"cacheCreationInputTokens":2000,"usage":{"cache_creation":{"ephemeral_5m_input_tokens":2000}}}})");
  ExpectCost(CardOf({{"ai", "5.0.1", "ai.generateText.doGenerate", five}}), "0.0183", "AI SDK 5");
  Attributes langfuse;
  langfuse.Text("langfuse.observation.type", "generation").Text("gen_ai.operation.name", "chat");
  langfuse.Text("langfuse.observation.model.name", "golden");
  langfuse.Text("langfuse.observation.usage_details",
                R"({"input":100,"input_cached_tokens":10000,"input_cache_creation":2000,"output":500})");
  ExpectCost(CardOf({{"langfuse-sdk", "3", "generation", langfuse}}), "0.0183", "Langfuse");
}

Attributes ClaudeCode(int64_t life_5m, int64_t life_1h) {
  Attributes a;
  a.Text("span.type", "llm_request").Text("model", "golden").Text("gen_ai.provider.name", "anthropic");
  a.Int("input_tokens", 100).Int("output_tokens", 500).Int("cache_read_tokens", 10'000);
  a.Int("cache_creation_tokens", 2'000);
  if (life_5m) a.Int("cache_creation_5m_tokens", life_5m);
  if (life_1h) a.Int("cache_creation_1h_tokens", life_1h);
  return a;
}

TEST(OtlpMoneyTest, ClaudeCodeAndTheLifeOfItsWrites) {
  std::string scope = "com.anthropic.claude_code.tracing", name = "claude_code.llm_request";
  ExpectCost(CardOf({{scope, "1.0.0", name, ClaudeCode(2'000, 0)}}), "0.0183", "call A");
  ExpectCost(CardOf({{scope, "1.0.0", name, ClaudeCode(0, 2'000)}}), "0.0228", "call C");
  TraceCard unknown = CardOf({{scope, "1.0.0", name, ClaudeCode(0, 0)}});
  ExpectCost(unknown, "0.0228", "life not told");
  EXPECT_EQ(unknown.steps[0].cost_reason, "assumed:cache_write_unknown=1h");
  // The client's own figure settles it.
  Attributes given = ClaudeCode(0, 0);
  given.Real("cost_usd", 0.0183);
  TraceCard settled = CardOf({{scope, "1.0.0", name, given}});
  ExpectCost(settled, "0.0183", "life told by the cost");
  EXPECT_EQ(settled.steps[0].cost_reason, "assumed:cache_write_unknown=5m");
  EXPECT_EQ(settled.steps[0].reported_cost_usd, Dollars("0.0183"));
  EXPECT_FALSE(settled.steps[0].cost_delta_percent);
}

TEST(OtlpMoneyTest, CacheThatTheEmitterDoesNotReportIsSaidSo) {
  for (std::string_view scope : {"@arizeai/openinference-instrumentation-anthropic",
                                 "@arizeai/openinference-instrumentation-claude-agent-sdk"}) {
    TraceCard card = CardOf({{std::string(scope), "1", "call", OpenInference(100, 0, 0, 500, 600)}});
    ExpectCost(card, "0.0078", scope);
    EXPECT_TRUE(Noted(card, "cache_not_reported")) << scope;
  }
}

// Call B: subtracting and cutting off at 0 would give 0.0105.
TEST(OtlpMoneyTest, CallBIsNeverCutOff) {
  for (std::string_view scope :
       {"opentelemetry.instrumentation.bedrock", "my.emitter", "opentelemetry.instrumentation.anthropic"}) {
    Span span{std::string(scope), "1", "chat golden", Semconv(5'000, 10'000, 0, 500, "aws.bedrock")};
    ExpectCost(CardOf({span}), "0.0255", scope);
  }
}

// Call D: without the thoughts it would be 0.0075.
TEST(OtlpMoneyTest, CallDBillsThoughts) {
  Attributes gemini = Semconv(1'000, 0, 0, 300, "gcp.gemini");
  gemini.Int("thoughts_token_count", 200);
  ExpectCost(CardOf({{"gemini-cli", "v1", "llm_call", gemini}}), "0.0105", "Gemini CLI");
  Attributes traceloop = Semconv(1'000, 0, 0, 300, "gcp.gemini");
  traceloop.Int("gen_ai.usage.total_tokens", 1'500);
  ExpectCost(CardOf({{"opentelemetry.instrumentation.google_generativeai", "1", "chat", traceloop}}),
             "0.0105", "Traceloop Google");
  Attributes vertex = OpenInference(1'000, 0, 0, 300, 1'500);
  ExpectCost(CardOf({{"openinference.instrumentation.vertexai", "1", "call", vertex}}), "0.0105",
             "OpenInference Vertex");
}

// Parent and child are not two calls.
TEST(OtlpMoneyTest, AggregatesAreNotBilled) {
  Attributes agent = Semconv(12'100, 10'000, 2'000, 500, "anthropic");
  agent.json.replace(agent.json.find("\"chat\""), 6, "\"invoke_agent\"");
  Span child{"gen_ai", "1", "chat golden", Semconv(12'100, 10'000, 2'000, 500, "anthropic"), 1};
  ExpectCost(CardOf({{"gen_ai", "1", "invoke_agent", agent}, child}), "0.0183", "agent above its call");
  // A sum with more than its parts keeps the rest, and says that a part is missing.
  Attributes more = Semconv(24'200, 20'000, 4'000, 1'000, "anthropic");
  more.json.replace(more.json.find("\"chat\""), 6, "\"invoke_agent\"");
  TraceCard missing = CardOf({{"gen_ai", "1", "invoke_agent", more}, child});
  EXPECT_EQ(missing.total_cost_usd, Dollars("0.0366"));
  EXPECT_EQ(missing.llm_call_count, 2);
  EXPECT_TRUE(Noted(missing, "missing_leaf:1"));
  // One with less than its parts is flagged and bills nothing.
  Attributes less = Semconv(6'000, 1'000, 0, 100, "anthropic");
  less.json.replace(less.json.find("\"chat\""), 6, "\"invoke_agent\"");
  TraceCard mismatch = CardOf({{"gen_ai", "1", "invoke_agent", less}, child});
  ExpectCost(mismatch, "0.0183", "less than its parts");
  EXPECT_TRUE(Noted(mismatch, "aggregate_mismatch:1"));
}

// Nothing tells whether the input includes the cache: both bounds are shown.
TEST(OtlpMoneyTest, AmbiguousInputHasBounds) {
  Attributes old;
  old.Text("gen_ai.operation.name", "chat").Text("gen_ai.request.model", "golden");
  old.Int("gen_ai.usage.input_tokens", 12'100).Int("gen_ai.usage.cache_read_input_tokens", 10'000);
  old.Int("gen_ai.usage.cache_creation_input_tokens", 2'000).Int("gen_ai.usage.output_tokens", 500);
  TraceCard card = CardOf({{"unheard-of", "1", "chat golden", old}});
  EXPECT_EQ(card.total_cost_usd, Dollars("0.0183"));
  EXPECT_EQ(card.cost_low_usd, Dollars("0.0183"));
  EXPECT_EQ(card.cost_high_usd, Dollars("0.0543"));
  EXPECT_EQ(card.steps[0].cost_low_usd, Dollars("0.0183"));
  EXPECT_EQ(card.steps[0].cost_high_usd, Dollars("0.0543"));
  EXPECT_TRUE(Noted(card, "ambiguous_input:1"));
}

TEST(OtlpMoneyTest, AClientsOtherFigureStandsBesideOurs) {
  Attributes near = Semconv(12'100, 10'000, 2'000, 500, "anthropic");
  near.Real("gen_ai.usage.cost", 0.0180);  // 1.7 %
  TraceCard card = CardOf({{"gen_ai", "1", "chat golden", near}});
  ExpectCost(card, "0.0183", "near");
  EXPECT_FALSE(card.steps[0].cost_delta_percent);
  Attributes far = Semconv(12'100, 10'000, 2'000, 500, "anthropic");
  far.Real("gen_ai.usage.cost", 0.0122);
  card = CardOf({{"gen_ai", "1", "chat golden", far}});
  ExpectCost(card, "0.0183", "far");
  EXPECT_EQ(card.steps[0].cost_delta_percent, 50);
  EXPECT_EQ(card.reported_cost_usd, Dollars("0.0122"));
  EXPECT_TRUE(Noted(card, "cost_delta:1"));
}

}  // namespace
}  // namespace clawtrace

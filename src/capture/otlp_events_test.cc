// Log events and metrics: what they mean, and that a call told twice counts once.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "capture/otlp_test_util.h"

namespace clawtrace::capture {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kClaude = "com.anthropic.claude_code.events";
constexpr int64_t kStart = 1'795'000'000'000'000'000, kMs = 1'000'000;

// {"a":1,"b":"x"} as OTLP attributes.
std::string Attributes(std::string_view json) {
  JsonParser parser;
  std::string out;
  parser.Parse(json)->ForEachField([&](std::string_view key, Json value) {
    if (!out.empty()) out += ',';
    std::string kind = value.is_string()                     ? "stringValue"
                       : value.kind() == Json::Kind::kDouble ? "doubleValue"
                       : value.boolean()                     ? "boolValue"
                                                             : "intValue";
    out += fmt::format(R"({{"key":"{}","value":{{"{}":{}}}}})", key, kind, value.Canonical());
  });
  return out;
}

// at: milliseconds after a fixed start. ids: R"("traceId":..,"spanId":..,)" or "".
std::string Log(int64_t at, std::string_view attributes, std::string_view ids = "",
                std::string_view body = R"({"stringValue":""})") {
  return fmt::format(R"({{"timeUnixNano":"{}",{}"body":{},"attributes":[{}]}})", kStart + at * kMs, ids, body,
                     Attributes(attributes));
}

std::string Logs(std::string_view scope, const std::vector<std::string>& records) {
  std::string list;
  for (const std::string& record : records) list += (list.empty() ? "" : ",") + record;
  return fmt::format(R"({{"resourceLogs":[{{"resource":{{"attributes":[{}]}},"scopeLogs":[{{"scope":)"
                     R"({{"name":"{}"}},"logRecords":[{}]}}]}}]}})",
                     Attributes(R"({"service.name":"codex_exec"})"), scope, list);
}

std::string Spans(std::string_view scope, std::string_view span_id, int64_t at, int64_t end,
                  std::string_view attributes) {
  return fmt::format(
      R"({{"resourceSpans":[{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"scope":{{"name":"{}"}},"spans":[{{"traceId":)"
      R"("30313233343536373839616263646566","spanId":"{}","name":"x","startTimeUnixNano":"{}",)"
      R"("endTimeUnixNano":"{}","attributes":[{}]}}]}}]}}]}})",
      Attributes(R"({"service.name":"codex_exec"})"), scope, span_id, kStart + at * kMs, kStart + end * kMs,
      Attributes(attributes));
}

std::string Metric(std::string_view name, int temporality, std::string_view attributes, int64_t from,
                   int64_t to, std::string_view value) {
  return fmt::format(R"({{"resourceMetrics":[{{"resource":{{"attributes":[{}]}},"scopeMetrics":[{{"scope":)"
                     R"({{"name":"com.anthropic.claude_code"}},"metrics":[{{"name":"{}","sum":)"
                     R"({{"aggregationTemporality":{},"dataPoints":[{{"startTimeUnixNano":"{}",)"
                     R"("timeUnixNano":"{}","asDouble":{},"attributes":[{}]}}]}}}}]}}]}}]}})",
                     Attributes(R"({"service.name":"codex_exec"})"), name, temporality, kStart + from * kMs,
                     kStart + to * kMs, value, Attributes(attributes));
}

test::OtlpLog Resolve(const std::vector<std::string>& requests) {
  test::OtlpLog log;
  for (const std::string& request : requests) test::FeedText(request, &log);
  EXPECT_THAT(log.skips, IsEmpty());
  test::Otlp().resolve(&log.facts);
  return log;
}
test::SessionView Only(const std::vector<std::string>& requests) {
  auto sessions = test::Sessions(Resolve(requests));
  EXPECT_EQ(sessions.size(), 1u);
  return sessions.empty() ? test::SessionView() : sessions.begin()->second;
}

constexpr std::string_view kRequest =
    R"({"session.id":"s","event.name":"api_request","model":"m","input_tokens":100,"output_tokens":500,)"
    R"("cache_read_tokens":10000,"cache_creation_tokens":2000,"cache_creation_5m_tokens":500,)"
    R"("cache_creation_1h_tokens":1500,"cost_usd":0.25,"duration_ms":"40","request_id":"r1",)"
    R"("client_request_id":"c1","query_source":"sdk"})";

TEST(OtlpEvents, ClaudeCodeRequestIsTheBestCostRecord) {
  auto session = Only({Logs(kClaude, {Log(100, kRequest)})});
  EXPECT_EQ(session.info.agent, "claude-code");
  ASSERT_TRUE(session.calls.contains("r1"));
  const LlmCall& call = session.calls.at("r1");
  EXPECT_EQ(call.usage, (Usage{100, 10000, 500, 1500, 0, 500, 0}));
  EXPECT_EQ(call.reported_cost, Usd::Parse("0.25"));
  EXPECT_EQ(call.provider, "anthropic");
  EXPECT_THAT(call.aliases, ElementsAre("c1", "r1"));
}

TEST(OtlpEvents, SpanAndEventsOfOneCallAreOneCall) {
  std::string span = Spans("com.anthropic.claude_code.tracing", "4142434445464748", 60, 99,
                           R"({"session.id":"s","span.type":"llm_request","model":"m","input_tokens":100,)"
                           R"("output_tokens":500,"cache_read_tokens":10000,"cache_creation_tokens":2000,)"
                           R"("request_id":"r1","attempt":2,"stop_reason":"tool_use","success":true})");
  std::string text = Log(101, R"({"session.id":"s","event.name":"assistant_response","response":"hello",)"
                              R"("response_length":5,"request_id":"r1"})");
  std::vector<std::string> requests = {span, Logs(kClaude, {Log(100, kRequest), text})};
  auto session = Only(requests);
  ASSERT_EQ(session.calls.size(), 1u);
  const LlmCall& call = session.calls.at("r1");
  EXPECT_EQ(call.usage->cache_write_1h, 1500) << "of the event";
  EXPECT_EQ(call.attempts, 2) << "of the span";
  EXPECT_EQ(call.stop_reason, "tool_use");
  EXPECT_EQ(call.text, "hello");
  EXPECT_EQ(call.reported_cost, Usd::Parse("0.25"));
  std::ranges::reverse(requests);
  EXPECT_EQ(test::Encoded(Resolve(requests).facts), test::Encoded(Resolve({requests[1], requests[0]}).facts));
}

TEST(OtlpEvents, WithoutIdsTokensAndTimeJoinOnce) {
  auto completed = [](int64_t at, int64_t input) {
    return Log(at, fmt::format(R"({{"conversation.id":"s","event.name":"codex.sse_event","event.kind":)"
                               R"("response.completed","model":"m","input_token_count":"{}",)"
                               R"("output_token_count":"5","cached_token_count":1}})",
                               input));
  };
  auto span = [](std::string_view id, int64_t end, int64_t input) {
    return Spans(
        "codex_otel", id, end - 5, end,
        fmt::format(R"({{"target":"codex_core","conversation.id":"s","gen_ai.operation.name":"chat",)"
                    R"("gen_ai.usage.input_tokens":{},"gen_ai.usage.output_tokens":5}})",
                    input));
  };
  // handle_responses is what Codex calls the span; any span of a call will do here.
  auto named = [&](std::string text) {
    text.replace(text.find(R"("name":"x")"), 10, R"("name":"handle_responses")");
    return text;
  };
  std::vector<std::string> requests = {
      named(span("4142434445464701", 100, 10)), named(span("4142434445464702", 200, 10)),
      Logs("codex_otel.log_only",
           {completed(101, 10), completed(201, 10), completed(300, 10), completed(400, 11)})};
  auto session = Only(requests);
  EXPECT_EQ(session.totals.calls, 4) << "two told twice, two by an event only";
  EXPECT_EQ(session.totals.input, 41);
  EXPECT_EQ(session.totals.read, 4) << "cached tokens of the events";
}

TEST(OtlpEvents, FailedRequestsAndTools) {
  auto session = Only({Logs(
      kClaude,
      {Log(100, kRequest),
       Log(150, R"({"session.id":"s","event.name":"api_error","model":"m","error":"overloaded"})"),
       Log(200,
           R"({"session.id":"s","event.name":"tool_result","tool_name":"Bash","tool_use_id":"t1",)"
           R"("success":"false","error":"exit 2","duration_ms":"5","tool_input":"{\"command\":\"x\"}"})"),
       Log(210, R"({"session.id":"s","event.name":"tool_result","tool_name":"Read","tool_use_id":"t2",)"
                R"("success":"true","tool_result_size_bytes":"31"})"),
       Log(220, R"({"session.id":"s","event.name":"user_prompt","prompt":"do it"})"),
       Log(230, R"({"session.id":"s","event.name":"hook_execution_start"})")})});
  EXPECT_EQ(session.failed_calls.size(), 1u);
  EXPECT_THAT(session.failing, ElementsAre("t1"));
  EXPECT_EQ(session.uses.at("t1").args, R"({"command":"x"})");
  EXPECT_EQ(session.uses.at("t1").llm_call, "r1");
  EXPECT_EQ(session.results.at("t2").output_bytes, 31);
  EXPECT_EQ(session.results.at("t2").output_hash, 0u) << "the output itself is not told";
  EXPECT_THAT(session.prompts, ElementsAre("do it"));
}

TEST(OtlpEvents, GenAiMessageEventsOfOneSpanAreOneCall) {
  std::string ids = R"("traceId":"30313233343536373839616263646566","spanId":"4142434445464748",)";
  auto event = [&](int64_t at, std::string_view name, std::string_view body) {
    return Log(at, fmt::format(R"({{"event.name":"{}","gen_ai.system":"openai"}})", name), ids,
               fmt::format(R"({{"kvlistValue":{{"values":[{}]}}}})", body));
  };
  std::string message = R"({"key":"content","value":{"stringValue":"hello"}})";
  std::string choice =
      fmt::format(R"({{"key":"finish_reason","value":{{"stringValue":"stop"}}}},{{"key":"message","value":)"
                  R"({{"kvlistValue":{{"values":[{}]}}}}}})",
                  message);
  std::string logs = Logs("x", {event(1, "gen_ai.user.message", message), event(9, "gen_ai.choice", choice)});
  auto session = Only({logs});
  ASSERT_EQ(session.calls.size(), 1u);
  EXPECT_FALSE(session.calls.begin()->second.usage) << "unknown, not zero";
  EXPECT_EQ(session.calls.begin()->second.text, "hello");
  EXPECT_THAT(session.prompts, ElementsAre("hello"));
  // With the span there, its tokens and the events' texts are one call.
  session = Only({logs, Spans("x", "4142434445464748", 0, 10,
                              R"({"gen_ai.operation.name":"chat","gen_ai.usage.input_tokens":7,)"
                              R"("gen_ai.usage.output_tokens":3})")});
  ASSERT_EQ(session.calls.size(), 1u);
  EXPECT_EQ(session.totals.input, 7);
  EXPECT_EQ(session.calls.begin()->second.text, "hello");
}

std::string Tokens(std::string_view type, int temporality, int64_t from, int64_t to, std::string_view value) {
  return Metric("claude_code.token.usage", temporality,
                fmt::format(R"({{"session.id":"s","type":"{}"}})", type), from, to, value);
}

TEST(OtlpMetrics, AreNeverBilledAndAgreeOrSaySo) {
  std::string call = Logs(kClaude, {Log(100, kRequest)});
  // Delta: windows add up; the same window again does not. Cumulative: the last value of each start counts.
  std::vector<std::string> delta = {
      call,
      Tokens("input", 1, 0, 50, "60"),
      Tokens("input", 1, 50, 100, "40"),
      Tokens("input", 1, 50, 100, "40"),
      Tokens("cacheRead", 2, 0, 50, "4000"),
      Tokens("cacheRead", 2, 0, 100, "10000"),
      Tokens("cacheCreation", 1, 0, 100, "2000"),
      Tokens("output", 1, 0, 100, "500"),
      Metric("claude_code.cost.usage", 1, R"({"session.id":"s"})", 0, 100, "0.25")};
  auto session = Only(delta);
  EXPECT_EQ(session.totals.calls, 1);
  EXPECT_EQ(session.totals.input, 12100);
  EXPECT_THAT(session.info.notes, IsEmpty());
  std::ranges::reverse(delta);
  EXPECT_THAT(Only(delta).info.notes, IsEmpty());
  // A call that came in no log.
  delta.push_back(Tokens("output", 1, 100, 150, "6"));
  EXPECT_THAT(Only(delta).info.notes, ElementsAre("metrics_disagree:output"));
}

TEST(OtlpMetrics, AloneGiveASessionWithWhatTheySay) {
  auto session = Only({Tokens("input", 1, 0, 50, "60"), Tokens("output", 1, 0, 50, "5"),
                       Metric("claude_code.cost.usage", 1, R"({"session.id":"s"})", 0, 50, "0.5"),
                       Metric("other.metric", 1, R"({"session.id":"s"})", 0, 50, "7")});
  EXPECT_EQ(session.totals.calls, 0);
  EXPECT_THAT(session.info.notes, ElementsAre("only_metrics"));
  EXPECT_EQ(session.info.reported_usage, (Usage{60, 0, 0, 0, 0, 5, 0}));
  EXPECT_EQ(session.info.reported_cost, Usd::Parse("0.5"));
}

TEST(OtlpEvents, CommittedLogs) {
  for (const char* signal : {"logs", ""}) {
    auto claude = test::Sessions(test::ReadDump(test::Golden("claude-code-pb"), signal));
    ASSERT_EQ(claude.size(), 1u);
    EXPECT_EQ(claude.begin()->second.totals.input, 78075);
    EXPECT_EQ(claude.begin()->second.totals.calls, 5);
  }
  auto codex = test::Sessions(test::ReadDump(test::Golden("codex-logs"), "logs"));
  ASSERT_EQ(codex.size(), 1u);
  EXPECT_EQ(codex.begin()->second.info.agent, "codex");
  for (auto& [id, call] : codex.begin()->second.calls) EXPECT_EQ(call.attempts, 1) << id;
  for (auto& [id, use] : codex.begin()->second.uses) EXPECT_NE(use.args, "") << id;
}

// Records over files and requests in any order, repeated: the same facts.
TEST(OtlpEvents, OrderAndSplittingChangeNothing) {
  for (const char* name : {"claude-code-pb", "codex-logs"}) {
    test::OtlpLog log;
    for (auto& file : test::SignalFiles(test::Golden(name), "")) test::FeedText(test::Body(file), &log);
    std::vector<Fact> raw = log.facts;
    test::Otlp().resolve(&log.facts);
    auto truth = test::Encoded(log.facts);
    EXPECT_FALSE(truth.empty());
    std::mt19937 random(7);
    for (int round = 0; round < 10; ++round) {
      std::vector<Fact> facts = raw;
      for (int i = 0; i < 20; ++i) facts.push_back(raw[random() % raw.size()]);
      std::ranges::shuffle(facts, random);
      test::Otlp().resolve(&facts);
      EXPECT_EQ(test::Encoded(facts), truth) << name;
    }
  }
}

}  // namespace
}  // namespace clawtrace::capture

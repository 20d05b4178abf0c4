// The rules of OTLP/HTTP, one test a line of the table in docs/collector.md.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "capture/otlp_protobuf.h"
#include "serve/gzip.h"
#include "serve/live_server.h"
#include "support/split_request.h"

namespace clawtrace {
namespace {

using test::Field;
using test::HttpResponse;
using test::LiveServer;
using test::SpanJson;
using testing::HasSubstr;

constexpr std::string_view kJson = "application/json", kProtobuf = "application/x-protobuf";
constexpr std::string_view kTrace = "5b8efff798038103d269b633813fc60c";

std::string Fixed64(uint32_t field, uint64_t value) {
  std::string out;
  test::AppendVarint(field << 3 | 1, &out);
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string SpanProtobuf(std::string_view trace_id = std::string_view(
                             "\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c", 16),
                         std::string_view span_id = std::string_view("\1\2\3\4\5\6\7\x08", 8)) {
  std::string span = Field(1, trace_id) + Field(2, span_id) + Field(5, "chat") +
                     Fixed64(7, 1795229485719000000) + Fixed64(8, 1795229486719000000);
  return Field(1, Field(2, Field(2, span)));
}

// A google.rpc.Status in either encoding: its code and message, -1 when it is none.
int64_t CodeOf(const HttpResponse& response, std::string* message = nullptr) {
  if (response.Header("content-type") == kJson) {
    JsonParser parser;
    auto json = parser.Parse(response.body);
    if (!json) return -1;
    if (message) *message = (*json)["message"].text();
    return (*json)["code"].integer().value_or(-1);
  }
  int64_t code = -1;
  for (capture::WireReader reader(response.body); reader.Next();) {
    if (reader.field() == 1) code = static_cast<int64_t>(reader.number());
    if (reader.field() == 2 && message) *message = reader.bytes();
  }
  return code;
}

// An error: its status, and a Status of that code in the encoding of the request.
void ExpectProblem(const HttpResponse& response, int status, int code, std::string_view type) {
  std::string message;
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.Header("content-type"), type);
  EXPECT_EQ(CodeOf(response, &message), code) << response.body;
  EXPECT_FALSE(message.empty());
}

TEST(OtlpHttp, EndpointsOfTheThreeSignals) {
  LiveServer live;
  for (const char* path : {"/v1/traces", "/v1/logs", "/v1/metrics"}) {
    EXPECT_EQ(live.Post(path, kJson, "{}").status, 200) << path;
    EXPECT_EQ(live.Post(path, kProtobuf, "").status, 200) << path;
  }
}

TEST(OtlpHttp, WrongPathIs404) {
  LiveServer live;
  for (const char* path :
       {"/", "/v1", "/v1/trace", "/v1/traces/", "/v2/traces", "/v1/traces/x", "//v1/traces"}) {
    ExpectProblem(live.Post(path, kJson, "{}"), 404, 12, kJson);
    ExpectProblem(live.Post(path, kProtobuf, ""), 404, 12, kProtobuf);
  }
}

TEST(OtlpHttp, WrongMethodIs405WithAllow) {
  LiveServer live;
  for (const char* method : {"GET", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    auto response = test::Call(live.port(), method, "/v1/traces", {{"Content-Type", std::string(kProtobuf)}});
    ExpectProblem(response, 405, 12, kProtobuf);
    EXPECT_EQ(response.Header("allow"), "POST");
  }
}

TEST(OtlpHttp, WrongContentTypeIs415) {
  LiveServer live;
  for (const char* type : {"text/plain", "application/xml", "application/protobuf", "application/jsonx", "x"})
    ExpectProblem(live.Post("/v1/traces", type, "{}"), 415, 3, kJson);
  auto none = test::Call(live.port(), "POST", "/v1/traces", {}, "{}");
  ExpectProblem(none, 415, 3, kJson);
}

TEST(OtlpHttp, ProtobufAndJsonShareOnePath) {
  LiveServer live;
  EXPECT_EQ(live.Post("/v1/traces", kProtobuf, SpanProtobuf()).status, 200);
  EXPECT_EQ(live.Post("/v1/traces", kJson, SpanJson("eee19b7ec3c1b174")).status, 200);
  EXPECT_EQ(live.Facts(kTrace).size(), 2u);
}

TEST(OtlpHttp, CharsetParameterIsAccepted) {
  LiveServer live;
  for (const char* type :
       {"application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/json ;x=y"}) {
    auto response = live.Post("/v1/traces", type, SpanJson("eee19b7ec3c1b174"));
    EXPECT_EQ(response.status, 200) << type;
    EXPECT_EQ(response.Header("content-type"), kJson);
  }
}

TEST(OtlpHttp, GzipIsRead) {
  LiveServer live;
  std::string packed = serve::Gzip(SpanProtobuf());
  EXPECT_EQ(live.Post("/v1/traces", kProtobuf, packed, {{"Content-Encoding", "gzip"}}).status, 200);
  EXPECT_EQ(live.Post("/v1/traces", kJson, serve::Gzip(SpanJson("eee19b7ec3c1b174")),
                      {{"Content-Encoding", "GZIP"}})
                .status,
            200);
  EXPECT_EQ(live.Facts(kTrace).size(), 2u);
  EXPECT_EQ(live.Post("/v1/traces", kProtobuf, SpanProtobuf(), {{"Content-Encoding", "identity"}}).status,
            200);
}

TEST(OtlpHttp, GzipOfSeveralMembersIsRead) {
  LiveServer live;
  std::string body = SpanProtobuf();
  std::string packed = serve::Gzip(body.substr(0, 20)) + serve::Gzip("") + serve::Gzip(body.substr(20));
  EXPECT_EQ(live.Post("/v1/traces", kProtobuf, packed, {{"Content-Encoding", "gzip"}}).status, 200);
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

TEST(OtlpHttp, TruncatedGzipIs400) {
  LiveServer live;
  std::string packed = serve::Gzip(SpanProtobuf());
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{10}, packed.size() / 2, packed.size() - 8, packed.size() - 1})
    ExpectProblem(live.Post("/v1/traces", kProtobuf, packed.substr(0, size), {{"Content-Encoding", "gzip"}}),
                  400, 3, kProtobuf);
  ExpectProblem(live.Post("/v1/traces", kProtobuf, packed + "x", {{"Content-Encoding", "gzip"}}), 400, 3,
                kProtobuf);
  EXPECT_TRUE(live.Facts(kTrace).empty());
}

TEST(OtlpHttp, GzipBombIs413) {
  LiveServer live({.max_body = size_t{1} << 20});
  std::string bomb = serve::Gzip(std::string(size_t{32} << 20, '\0'));
  ASSERT_LT(bomb.size(), size_t{1} << 18);
  ExpectProblem(live.Post("/v1/traces", kProtobuf, bomb, {{"Content-Encoding", "gzip"}}), 413, 8, kProtobuf);
  std::string members;
  for (int i = 0; i < 40; ++i) members += serve::Gzip(std::string(size_t{1} << 18, ' '));
  ExpectProblem(live.Post("/v1/traces", kJson, members, {{"Content-Encoding", "gzip"}}), 413, 8, kJson);
  EXPECT_TRUE(test::Eventually([&] { return live.budget().used() == 0; }));
}

TEST(OtlpHttp, OtherEncodingsAre415) {
  LiveServer live;
  for (const char* coding : {"deflate", "br", "zstd", "gzip, gzip", "x"})
    ExpectProblem(live.Post("/v1/traces", kProtobuf, SpanProtobuf(), {{"Content-Encoding", coding}}), 415, 3,
                  kProtobuf);
  ExpectProblem(live.Post("/v1/traces", kProtobuf, serve::Gzip(SpanProtobuf()),
                          {{"Content-Encoding", "gzip"}, {"Content-Encoding", "deflate"}}),
                415, 3, kProtobuf);
  EXPECT_EQ(live.Post("/api/v1/outcomes", kJson, "[]", {{"Content-Encoding", "br"}}).status, 415);
  EXPECT_EQ(live.Post("/api/v1/outcomes", kJson, serve::Gzip("[]"), {{"Content-Encoding", "gzip"}}).status,
            200);
}

// The limit holds for what was sent and for what it grows to, to the byte.
TEST(OtlpHttp, SizeLimitIs413) {
  constexpr size_t kLimit = size_t{64} << 20;
  LiveServer live;
  std::string padding = SpanJson("eee19b7ec3c1b174");
  padding.resize(kLimit, ' ');
  EXPECT_EQ(live.Post("/v1/traces", kJson, padding).status, 200);
  EXPECT_EQ(live.Post("/v1/traces", kJson, serve::Gzip(padding), {{"Content-Encoding", "gzip"}}).status, 200);
  padding += ' ';
  auto refused = live.Post("/v1/traces", kJson, padding);
  ExpectProblem(refused, 413, 8, kJson);
  EXPECT_EQ(refused.Header("retry-after"), "");
  ExpectProblem(live.Post("/v1/traces", kJson, serve::Gzip(padding), {{"Content-Encoding", "gzip"}}), 413, 8,
                kJson);
}

TEST(OtlpHttp, NestingAndCountsHaveLimits) {
  LiveServer live;
  std::string deep = "{\"resourceSpans\":" + std::string(5000, '[') + std::string(5000, ']') + "}";
  ExpectProblem(live.Post("/v1/traces", kJson, deep), 400, 3, kJson);
  std::string spans;
  for (int i = 0; i < 100'001; ++i) spans += Field(2, "");
  ExpectProblem(live.Post("/v1/traces", kProtobuf, Field(1, Field(2, spans))), 413, 8, kProtobuf);
}

TEST(OtlpHttp, EmptyRequestIsASuccess) {
  LiveServer live;
  for (const char* path : {"/v1/traces", "/v1/logs", "/v1/metrics"}) {
    EXPECT_EQ(live.Post(path, kJson, "{}").body, "{}");
    EXPECT_EQ(live.Post(path, kJson, "").status, 200);
    auto response = live.Post(path, kProtobuf, "");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "");
  }
}

TEST(OtlpHttp, FullSuccessLeavesPartialSuccessUnset) {
  LiveServer live;
  auto protobuf = live.Post("/v1/traces", kProtobuf, SpanProtobuf());
  EXPECT_EQ(protobuf.status, 200);
  EXPECT_EQ(protobuf.body, "");
  EXPECT_EQ(protobuf.Header("content-type"), kProtobuf);
  EXPECT_EQ(protobuf.Header("content-length"), "0");
  auto json = live.Post("/v1/traces", kJson, SpanJson("eee19b7ec3c1b174"));
  EXPECT_EQ(json.status, 200);
  EXPECT_EQ(json.body, "{}");
  EXPECT_EQ(json.Header("content-type"), kJson);
}

TEST(OtlpHttp, PartialSuccessCountsWhatWasRejected) {
  LiveServer live;
  std::string request = SpanProtobuf() +
                        SpanProtobuf(std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16)) +
                        SpanProtobuf("short");
  auto protobuf = live.Post("/v1/traces", kProtobuf, request);
  EXPECT_EQ(protobuf.status, 200);
  EXPECT_EQ(protobuf.body, Field(1, "\x08\x02" + Field(2, "2 spans rejected: bad-span-id (2)")));
  auto json = live.Post("/v1/traces", kJson, SpanJson("0000000000000000"));
  EXPECT_EQ(json.status, 200);
  EXPECT_EQ(
      json.body,
      R"~({"partialSuccess":{"rejectedSpans":"1","errorMessage":"1 spans rejected: bad-span-id (1)"}})~");
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

TEST(OtlpHttp, AWarningRejectsNothing) {
  LiveServer live;
  std::string span = SpanJson("eee19b7ec3c1b174");
  span.replace(span.find("chat m"), 6, "chat\xff");
  auto json = live.Post("/v1/traces", kJson, span);
  EXPECT_EQ(json.status, 200);
  EXPECT_EQ(json.body,
            R"~({"partialSuccess":{"errorMessage":"used with changes: invalid-utf8-repaired (1)"}})~");
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

TEST(OtlpHttp, AnotherSignalsRequestIsToldFrom) {
  LiveServer live;
  auto reply = live.Post("/v1/metrics", kJson, R"({"resourceSpans":[]})");
  EXPECT_EQ(reply.status, 200) << "unknown fields are to be ignored";
  EXPECT_EQ(reply.body,
            R"~({"partialSuccess":{"errorMessage":"used with changes: nothing-of-this-signal (1)"}})~");
  EXPECT_EQ(live.Post("/v1/metrics", kJson, R"({"resourceMetrics":[]})").body, "{}");
  EXPECT_THAT(live.Post("/v1/metrics", kProtobuf, SpanProtobuf()).body, HasSubstr("nothing-of-this-signal"));
  EXPECT_EQ(live.Post("/v1/metrics", kProtobuf, Field(1, "")).body, "");
  // Gauges are of the signal, though none is read.
  EXPECT_EQ(live.Post("/v1/metrics", kJson,
                      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{}}]}]}]})")
                .body,
            "{}");
}

TEST(OtlpHttp, UndecodableIs400InTheEncodingOfTheRequest) {
  LiveServer live;
  std::string body = SpanProtobuf();
  for (std::string bad : {body.substr(0, body.size() - 1), std::string("\x0a"),
                          std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
                          std::string("\x08\x01"), std::string("{}")})
    ExpectProblem(live.Post("/v1/traces", kProtobuf, bad), 400, 3, kProtobuf);
  for (const char* bad : {"{", "[]", "null", "7", "{\"resourceSpans\":{}}"})
    ExpectProblem(live.Post("/v1/traces", kJson, bad), 400, 3, kJson);
  EXPECT_TRUE(live.Facts(kTrace).empty());
}

TEST(OtlpHttp, OddNamesHarmNobodyAndStayApart) {
  LiveServer live;
  auto span = [](int n, const std::string& conversation) {
    return fmt::format(
        R"({{"traceId":"{:032x}","spanId":"{:016x}","name":"chat","attributes":[{{"key":"gen_ai.operation.name",)"
        R"("value":{{"stringValue":"chat"}}}},{{"key":"gen_ai.conversation.id","value":{{"stringValue":"{}"}}}}]}})",
        n, n, conversation);
  };
  std::string body = R"({"resourceSpans":[{"scopeSpans":[{"spans":[)" + span(1, "a\\u0000b") + "," +
                     span(2, "good") + "," + span(3, std::string(300, 'L')) + "," +
                     span(4, std::string(250, 'L')) + "]}]}]}";
  EXPECT_EQ(live.Post("/v1/traces", kJson, body).body, "{}");
  auto list = test::Call(live.port(), "GET", "/api/v1/sessions/good", {});
  EXPECT_EQ(list.status, 200) << list.body;
  std::set<std::string> conversations;
  for (const char* trace : {"1", "2", "3", "4"}) {
    for (const Fact& fact : live.Facts(std::string(31, '0') + trace)) conversations.insert(fact.user->text);
  }
  EXPECT_EQ(conversations.size(), 4u);
}

TEST(OtlpHttp, BackPressureOfTheStoreIs503WithRetryAfter) {
  LiveServer live;
  live.store().Refuse(Error{ErrorCode::kUnavailable, "the disk is full", ""});
  for (std::string_view type : {kJson, kProtobuf}) {
    auto response =
        live.Post("/v1/traces", type, type == kJson ? SpanJson("eee19b7ec3c1b174") : SpanProtobuf());
    ExpectProblem(response, 503, 14, type);
    EXPECT_EQ(response.Header("retry-after"), "1");
    EXPECT_THAT(response.body, HasSubstr("google.rpc.RetryInfo"));
  }
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 503);
  EXPECT_EQ(live.Post("/v1/traces", kJson, "{}").status, 200);
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 503) << "the store was not asked";
  live.store().Refuse(std::nullopt);
  EXPECT_EQ(live.Post("/v1/traces", kProtobuf, SpanProtobuf()).status, 200);
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 200);
}

TEST(OtlpHttp, TooMuchInFlightIs429WithRetryAfter) {
  LiveServer live({.budget = size_t{1} << 20});
  live.store().Hold();
  std::string large = SpanJson("eee19b7ec3c1b174");
  large.resize(size_t{900} << 10, ' ');
  test::HttpClient first(live.port());
  ASSERT_TRUE(first.Send(test::HttpHead("POST", "/v1/traces",
                                        {{"Content-Type", std::string(kJson)},
                                         {"Content-Length", std::to_string(large.size())}}) +
                         large));
  ASSERT_TRUE(test::Eventually([&] { return live.store().held() == 1; }));
  auto refused = live.Post("/v1/traces", kJson, large);
  ExpectProblem(refused, 429, 8, kJson);
  EXPECT_EQ(refused.Header("retry-after"), "1");
  // What it grows to counts, not what was sent.
  ExpectProblem(live.Post("/v1/traces", kJson, serve::Gzip(large), {{"Content-Encoding", "gzip"}}), 429, 8,
                kJson);
  live.store().Release();
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_TRUE(test::Eventually([&] { return live.budget().used() == 0; }));
  EXPECT_EQ(live.Post("/v1/traces", kJson, large).status, 200);
}

// 200 only after the store's word.
TEST(OtlpHttp, NothingIsAcknowledgedBeforeItIsStored) {
  LiveServer live;
  live.store().Hold();
  test::HttpClient client(live.port());
  std::string body = SpanProtobuf();
  ASSERT_TRUE(client.Send(test::HttpHead("POST", "/v1/traces",
                                         {{"Content-Type", std::string(kProtobuf)},
                                          {"Content-Length", std::to_string(body.size())}}) +
                          body));
  ASSERT_TRUE(test::Eventually([&] { return live.store().held() == 1; }));
  EXPECT_EQ(client.Read(200).status, 0);
  live.store().Release();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

TEST(OtlpHttp, IdsInJsonAreHexOfEitherCase) {
  LiveServer live;
  EXPECT_EQ(live.Post("/v1/traces", kJson, SpanJson("EEE19B7EC3C1B174")).body, "{}");
  EXPECT_EQ(
      live.Post("/v1/traces", kJson, SpanJson("eee19b7ec3c1b174", "5b8efff798038103d269b633813fc60c")).body,
      "{}");
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
  EXPECT_THAT(live.Post("/v1/traces", kJson, SpanJson("7uGbfsPBsXQ=")).body,
              HasSubstr("\"rejectedSpans\":\"1\""));
}

TEST(OtlpHttp, JsonNumbersMayBeTextsAndUnknownFieldsAreIgnored) {
  LiveServer live;
  std::string as_text = SpanJson("eee19b7ec3c1b174"), as_number = as_text;
  as_number.replace(as_number.find("\"12\""), 4, "12");
  as_number.replace(as_number.find("\"1795229485719000000\""), 21, "1795229485719000000");
  std::string unknown = as_text;
  unknown.insert(1, "\"future\":{\"a\":[1]},");
  unknown.insert(unknown.find("\"name\":\"chat"), "\"flags\":257,\"new_field\":null,");
  for (const std::string& body : {as_text, as_number, unknown})
    EXPECT_EQ(live.Post("/v1/traces", kJson, body).body, "{}");
  auto facts = live.Facts(kTrace);
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_EQ(facts[0].llm->usage->uncached_input, 12);
  EXPECT_EQ(facts[0].start_ns, 1795229485719000000);
  // Snake case is another field.
  std::string snake = SpanJson("eee19b7ec3c1b175");
  snake.replace(snake.find("resourceSpans"), 13, "resource_spans");
  EXPECT_THAT(live.Post("/v1/traces", kJson, snake).body, HasSubstr("nothing-of-this-signal"));
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

TEST(OtlpHttp, RepeatedBatchesAreOneCopy) {
  LiveServer live;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(live.Post("/v1/traces", kProtobuf, SpanProtobuf()).status, 200);
    EXPECT_EQ(live.Post("/v1/traces", kJson, SpanJson("eee19b7ec3c1b174")).status, 200);
  }
  EXPECT_EQ(live.Facts(kTrace).size(), 2u);
}

TEST(OtlpHttp, AttributesOfEveryTypeAreKept) {
  LiveServer live;
  std::string span = SpanJson("eee19b7ec3c1b174");
  std::string extra =
      R"({"key":"a.bool","value":{"boolValue":true}},{"key":"a.double","value":{"doubleValue":1.5}},)"
      R"({"key":"a.list","value":{"arrayValue":{"values":[{"intValue":"7"},{"stringValue":"x"}]}}},)"
      R"({"key":"a.map","value":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}},)";
  span.insert(span.find(R"({"key":"gen_ai.operation)"), extra);
  EXPECT_EQ(live.Post("/v1/traces", kJson, span).body, "{}");
  auto payloads = live.store().ReadPayloads(serve::kLocalTenant, kTrace, "eee19b7ec3c1b174");
  ASSERT_TRUE(payloads);
  std::map<std::string, std::string> parts;
  for (const auto& payload : *payloads) parts[payload.part] = payload.bytes;
  EXPECT_EQ(parts["a.list"], R"([7,"x"])");
  EXPECT_EQ(parts["a.map"], R"({"k":"v"})");
  EXPECT_THAT(parts["attributes"], HasSubstr(R"("a.bool":true,"a.double":1.5)"));
}

TEST(OtlpHttp, ChunkedBodiesAndPipelines) {
  LiveServer live;
  test::HttpClient client(live.port());
  std::string body = SpanProtobuf();
  std::string head = test::HttpHead(
      "POST", "/v1/traces", {{"Content-Type", std::string(kProtobuf)}, {"Transfer-Encoding", "chunked"}});
  std::string chunked;
  for (size_t at = 0; at < body.size(); at += 7) {
    std::string piece = body.substr(at, 7);
    chunked += "7;x=y\r\n";
    chunked.replace(chunked.size() - 7, 1, std::to_string(piece.size()));
    chunked += piece + "\r\n";
  }
  chunked += "0\r\nTrailer: x\r\n\r\n";
  std::string plain = test::HttpHead("POST", "/v1/traces",
                                     {{"Content-Type", std::string(kProtobuf)}, {"Content-Length", "0"}});
  ASSERT_TRUE(client.Send(head + chunked + plain + head + chunked));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Read().status, 200) << i;
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

TEST(OtlpHttp, SecretsDoNotReachTheStore) {
  LiveServer live;
  std::string secret = "sk-" + std::string(30, 'q'), span = SpanJson("eee19b7ec3c1b174");
  span.insert(
      span.find(R"({"key":"gen_ai.operation)"),
      R"({"key":"gen_ai.input.messages","value":{"stringValue":"[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"use )" +
          secret + std::string(600, 'x') + R"(\"}]}]"}},)");
  EXPECT_EQ(live.Post("/v1/traces", kJson, span).body, "{}");
  auto facts = live.Facts(kTrace);
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_THAT(EncodeFact(facts[0]),
              testing::AllOf(HasSubstr("[redacted:sk-key:"), testing::Not(HasSubstr(secret))));
  auto payloads = live.store().ReadPayloads(serve::kLocalTenant, kTrace, "eee19b7ec3c1b174");
  ASSERT_TRUE(payloads);
  EXPECT_EQ(payloads->size(), 2u);
  for (const auto& payload : *payloads) EXPECT_THAT(payload.bytes, testing::Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace clawtrace

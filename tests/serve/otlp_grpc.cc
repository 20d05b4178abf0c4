// The rules of OTLP/gRPC and of the HTTP/2 below it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/gzip.h"
#include "serve/live_server.h"
#include "serve/otlp_reply.h"
#include "support/grpc_client.h"
#include "support/split_request.h"

namespace clawtrace {
namespace {

using test::Field;
using test::GrpcAnswer;
using test::GrpcClient;
using test::LiveServer;

constexpr std::string_view kTraces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr std::string_view kLogs = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
constexpr std::string_view kMetrics = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
constexpr std::string_view kTrace = "01010101010101010101010101010101";

std::string Spans(int count,
                  std::string_view trace = std::string_view("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 16)) {
  std::string spans;
  for (int i = 0; i < count; ++i) {
    std::string id = "\1\1\1\1\1\1\1\1";
    id[0] = static_cast<char>(1 + i % 250), id[1] = static_cast<char>(1 + i / 250);
    spans += Field(2, Field(1, trace) + Field(2, id) + Field(5, "chat"));
  }
  return Field(1, Field(2, spans));
}

std::string FromBase64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8));
  }
  return out;
}

// A status that says to try again after a second.
void ExpectRetryInfo(const GrpcAnswer& answer) {
  auto found = answer.headers.find("grpc-status-details-bin");
  ASSERT_NE(found, answer.headers.end());
  std::string retry = Field(1, "type.googleapis.com/google.rpc.RetryInfo") + Field(2, Field(1, "\x08\x01"));
  EXPECT_THAT(FromBase64(found->second), testing::EndsWith(Field(3, retry)));
}

TEST(OtlpGrpc, TheThreeServices) {
  LiveServer live;
  GrpcClient client(live.grpc_port());
  for (std::string_view path : {kTraces, kLogs, kMetrics}) {
    GrpcAnswer answer = client.Call(path, GrpcClient::Frame(""));
    EXPECT_EQ(answer.status(), "0");
    EXPECT_EQ(answer.headers[":status"], "200");
    EXPECT_EQ(answer.headers["content-type"], "application/grpc");
    EXPECT_EQ(answer.body, std::string(5, '\0'));
  }
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame(Spans(3))).status(), "0");
  EXPECT_EQ(live.Facts(kTrace).size(), 3u);
}

TEST(OtlpGrpc, SharesThePortOfHttp) {
  LiveServer live;
  GrpcClient client(live.port());
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame(Spans(1))).status(), "0");
  EXPECT_EQ(test::Call(live.grpc_port(), "GET", "/healthz", {}).status, 200);
}

TEST(OtlpGrpc, UnknownMethodsAreUnimplemented) {
  LiveServer live;
  GrpcClient client(live.grpc_port());
  EXPECT_EQ(client.Call("/x.Y/Export", GrpcClient::Frame("")).status(), "12");
  EXPECT_EQ(client.Call("/opentelemetry.proto.collector.trace.v1.TraceService/Other", GrpcClient::Frame(""))
                .status(),
            "12");
}

TEST(OtlpGrpc, GzipIsRead) {
  LiveServer live;
  GrpcClient client(live.grpc_port());
  GrpcAnswer answer =
      client.Call(kTraces, GrpcClient::Frame(serve::Gzip(Spans(2)), true), {{"grpc-encoding", "gzip"}});
  EXPECT_EQ(answer.status(), "0");
  // The header alone packs nothing.
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame(Spans(3)), {{"grpc-encoding", "gzip"}}).status(), "0");
  EXPECT_EQ(live.Facts(kTrace).size(), 3u);
  EXPECT_EQ(client
                .Call(kTraces, GrpcClient::Frame(serve::Gzip(Spans(2)).substr(0, 20), true),
                      {{"grpc-encoding", "gzip"}})
                .status(),
            "3");
  answer = client.Call(kTraces, GrpcClient::Frame("x", true), {{"grpc-encoding", "deflate"}});
  EXPECT_EQ(answer.status(), "12");
  EXPECT_EQ(answer.headers.count("grpc-status"), 1u);
}

TEST(OtlpGrpc, FramesMustFit) {
  LiveServer live;
  GrpcClient client(live.grpc_port());
  std::string frame = GrpcClient::Frame(Spans(1));
  for (const std::string& bad :
       {std::string(), frame.substr(0, 4), frame.substr(0, frame.size() - 1), frame + "x", frame + frame,
        "\2" + frame.substr(1), std::string("\0\xff\xff\xff\xff", 5)})
    EXPECT_EQ(client.Call(kTraces, bad).status(), "3") << bad.size();
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame("\x0a")).status(), "3");
  EXPECT_TRUE(live.Facts(kTrace).empty());
}

TEST(OtlpGrpc, PartialSuccess) {
  LiveServer live;
  GrpcClient client(live.grpc_port());
  GrpcAnswer answer = client.Call(kTraces, GrpcClient::Frame(Spans(1) + Spans(2, "short")));
  EXPECT_EQ(answer.status(), "0");
  EXPECT_EQ(answer.message(), Field(1, "\x08\x02" + Field(2, "2 spans rejected: bad-span-id (2)")));
}

// Too large never helps to try again: no RetryInfo.
TEST(OtlpGrpc, TooLargeIsResourceExhaustedWithoutRetryInfo) {
  LiveServer live({.max_body = size_t{1} << 20});
  GrpcClient client(live.grpc_port());
  std::string exact = Spans(1);
  exact += Field(9, std::string((size_t{1} << 20) - exact.size() - 4, 'x'));
  ASSERT_EQ(exact.size(), size_t{1} << 20);
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame(exact)).status(), "0");
  for (auto& answer :
       {client.Call(kTraces, GrpcClient::Frame(exact + "x")),
        client.Call(kTraces, GrpcClient::Frame(std::string(size_t{3} << 20, 'x'))),
        client.Call(kTraces, GrpcClient::Frame(serve::Gzip(std::string(size_t{8} << 20, 'x')), true),
                    {{"grpc-encoding", "gzip"}})}) {
    EXPECT_EQ(answer.status(), "8");
    EXPECT_FALSE(answer.headers.contains("grpc-status-details-bin"));
  }
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame(Spans(1))).status(), "0")
      << "the connection is still of use";
}

TEST(OtlpGrpc, BackPressureIsUnavailableWithRetryInfo) {
  LiveServer live;
  live.store().Refuse(Error{ErrorCode::kUnavailable, "the disk is full", ""});
  GrpcClient client(live.grpc_port());
  GrpcAnswer answer = client.Call(kTraces, GrpcClient::Frame(Spans(1)));
  EXPECT_EQ(answer.status(), "14");
  EXPECT_EQ(answer.headers["grpc-message"], "the disk is full");
  ExpectRetryInfo(answer);
}

TEST(OtlpGrpc, OverloadIsResourceExhaustedWithRetryInfo) {
  LiveServer live({.budget = size_t{1} << 20});
  live.store().Hold();
  GrpcClient client(live.grpc_port());
  std::string large = Spans(1) + Field(9, std::string(size_t{900} << 10, 'x'));
  GrpcClient::Headers headers = {{"content-type", "application/grpc"}};
  int32_t first = client.Begin(kTraces, headers, GrpcClient::Frame(large));
  ASSERT_TRUE(client.Run([&] { return live.store().held() == 1; }));
  GrpcAnswer refused = client.Call(kTraces, GrpcClient::Frame(large));
  EXPECT_EQ(refused.status(), "8");
  ExpectRetryInfo(refused);
  live.store().Release();
  EXPECT_EQ(client.Wait(first).status(), "0");
}

TEST(OtlpGrpc, TheClientsDeadlineHolds) {
  LiveServer live;
  live.store().Hold();
  GrpcClient client(live.grpc_port());
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame(Spans(1)), {{"grpc-timeout", "50m"}}).status(), "4");
  live.store().Release();
  // What was accepted after all is kept: a retry finds it known.
  EXPECT_TRUE(test::Eventually([&] { return live.Facts(kTrace).size() == 1; }));
  EXPECT_EQ(client.Call(kTraces, GrpcClient::Frame(Spans(1)), {{"grpc-timeout", "99999999H"}}).status(), "0");
}

TEST(OtlpGrpc, ManyCallsAtOnceAndPings) {
  LiveServer live;
  GrpcClient client(live.grpc_port());
  ASSERT_TRUE(client.Ping());
  std::vector<int32_t> calls;
  for (int i = 0; i < 250; ++i)
    calls.push_back(
        client.Begin(kTraces, {{"content-type", "application/grpc"}}, GrpcClient::Frame(Spans(i + 1))));
  for (int32_t call : calls) EXPECT_EQ(client.Wait(call).status(), "0");
  EXPECT_EQ(live.Facts(kTrace).size(), 250u);
  EXPECT_TRUE(client.Ping());
}

TEST(OtlpGrpc, SlowCallsAreDropped) {
  LiveServer live({.head_ms = 200, .body_ms = 200});
  GrpcClient client(live.grpc_port());
  int32_t call = client.Begin(kTraces, {{"content-type", "application/grpc"}}, "\0\0", false);
  GrpcAnswer answer = client.Wait(call, 5'000);
  EXPECT_TRUE(answer.done);
  EXPECT_EQ(answer.status(), "4");
}

TEST(OtlpGrpc, StoppingSaysGoawayAndFinishesWhatIsThere) {
  LiveServer live;
  live.store().Hold();
  GrpcClient client(live.grpc_port());
  int32_t call = client.Begin(kTraces, {{"content-type", "application/grpc"}}, GrpcClient::Frame(Spans(1)));
  ASSERT_TRUE(client.Run([&] { return live.store().held() == 1; }));
  std::thread stopping([&] { live.server().Stop(); });
  EXPECT_TRUE(client.Run([&] { return client.goaway(); }));
  live.store().Release();
  EXPECT_EQ(client.Wait(call).status(), "0");
  client.Run([&] { return client.closed(); }, 5'000);
  EXPECT_TRUE(client.closed());
  stopping.join();
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

TEST(OtlpGrpc, HttpRoutesOverHttp2) {
  LiveServer live;
  GrpcClient client(live.port());
  int32_t call = client.Begin("/v1/traces", {{"content-type", "application/x-protobuf"}}, Spans(1));
  GrpcAnswer answer = client.Wait(call);
  EXPECT_EQ(answer.headers[":status"], "200");
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
}

}  // namespace
}  // namespace clawtrace

// HTTP/1.1 and HTTP/2 below the protocols: what two readers could understand differently is refused, and who
// is refused can read why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/gzip.h"
#include "serve/http_head.h"
#include "serve/live_server.h"
#include "support/grpc_client.h"

namespace clawtrace {
namespace {

using test::HttpClient;
using test::LiveServer;

// The status of the answer to these bytes.
int StatusOf(const LiveServer& live, std::string_view bytes) {
  HttpClient client(live.port());
  EXPECT_TRUE(client.Send(bytes));
  return client.Read(5'000).status;
}

TEST(Http, AHostIsNamedOnce) {
  LiveServer live;
  EXPECT_EQ(StatusOf(live, "GET /healthz HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(live, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(live, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), 200);
  EXPECT_EQ(StatusOf(live, "GET /healthz HTTP/1.0\r\n\r\n"), 200);
  EXPECT_EQ(StatusOf(live, "GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

TEST(Http, UnknownExpectationsAre417) {
  LiveServer live;
  EXPECT_EQ(StatusOf(live, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: foo\r\n\r\n"), 417);
  EXPECT_EQ(StatusOf(live, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: 100-Continue\r\n\r\n"), 100);
}

TEST(Http, FoldedHeadersAre400) {
  LiveServer live;
  for (const char* fold :
       {"A: b\r\n c\r\n", "A: b\r\n\tc\r\n", "Transfer-Encoding:\r\n chunked\r\n", "A:\r\n \r\n"})
    EXPECT_EQ(StatusOf(live, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n" + std::string(fold) + "\r\n"),
              400)
        << fold;
}

TEST(Http, OddTransferEncodingsAre400) {
  LiveServer live;
  std::string head = "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  for (const char* odd : {"identity", "xchunked", "chunked, identity", "chunked, gzip", "gzip", "", ",",
                          "chunked;q=1", "\"chunked\"", "chunked\x0b"})
    EXPECT_EQ(StatusOf(live, head + "Transfer-Encoding: " + odd + "\r\n\r\n0\r\n\r\n"), 400) << odd;
  EXPECT_EQ(StatusOf(live, head + "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n"), 200);
  EXPECT_EQ(StatusOf(live, head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501);
  EXPECT_EQ(StatusOf(live, "POST /v1/traces HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
}

// By its size alone: nothing of it has to come.
TEST(Http, AHugeChunkIsRefusedAtOnce) {
  LiveServer live({.max_body = 100'000});
  std::string head =
      "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n";
  EXPECT_EQ(StatusOf(live, head + "ffffffff\r\n"), 413);
  EXPECT_EQ(StatusOf(live, head + "186a1\r\n"), 413);
  EXPECT_EQ(StatusOf(live, head + "2\r\n{}\r\n1869f\r\n"), 413);
  EXPECT_EQ(StatusOf(live, head + "186a0\r\n{}" + std::string(99'998, ' ') + "\r\n0\r\n\r\n"), 200);
  EXPECT_EQ(live.budget().used(), 0u);
}

TEST(Http, HeadersAreCounted) {
  LiveServer live;
  test::GrpcClient http2(live.port());
  for (size_t count : {serve::kMaxHeaders, serve::kMaxHeaders + 1}) {
    bool fits = count == serve::kMaxHeaders;
    std::string head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
    for (size_t i = 1; i < count; ++i) head += "a: b\r\n";
    EXPECT_EQ(StatusOf(live, head + "\r\n"), fits ? 200 : 431);
    test::GrpcClient::Headers headers(count, {"a", "b"});
    auto answer = http2.Wait(http2.Begin("/healthz", headers, ""));
    EXPECT_EQ(answer.headers[":status"], fits ? "405" : "431") << "the client only posts";
  }
}

// Its upload goes on for a while: to close at once would take the answer from it.
TEST(Http, WhoIsRefusedWhileSendingCanReadWhy) {
  LiveServer live({.max_body = 1'000'000});
  HttpClient client(live.port());
  ASSERT_TRUE(
      client.Send("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  "Content-Length: 400000000\r\n\r\n"));
  std::string piece(100'000, ' ');
  EXPECT_FALSE(test::Eventually([&] { return !client.Send(piece); }, 1'500)) << "the connection was reset";
  EXPECT_EQ(client.Read().status, 413);
  EXPECT_TRUE(client.Closed(5'000));
}

// What a refused request took is free before its answer is read.
TEST(Http, ARefusalLeavesRoomForTheNext) {
  constexpr size_t kBudget = size_t{4} << 20;
  LiveServer live({.max_body = kBudget - 200'000, .budget = kBudget});
  std::string bomb = serve::Gzip(std::string(kBudget * 2, ' '));
  std::string large = "{}" + std::string(kBudget - 300'000, ' ');
  HttpClient client(live.port());
  auto post = [&](const std::string& body, const char* coding) {
    EXPECT_TRUE(client.Send(
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
        std::string(coding) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body));
    return client.Read().status;
  };
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(post(bomb, "Content-Encoding: gzip\r\n"), 413);
    EXPECT_EQ(live.budget().used(), 0u);
    EXPECT_EQ(post(large, ""), 200);
    EXPECT_EQ(live.budget().used(), 0u);
  }
}

TEST(Http, TimeoutsOfGrpcThatAreNoneAreIgnored) {
  LiveServer live;
  test::GrpcClient client(live.grpc_port());
  for (const char* timeout :
       {"-5S", "S", "5", "1.5S", "123456789S", "5x", "5SS", "", "99999999999999999999H"}) {
    auto answer = client.Call("/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                              test::GrpcClient::Frame(""), {{"grpc-timeout", timeout}});
    EXPECT_EQ(answer.status(), "0") << timeout;
  }
}

}  // namespace
}  // namespace clawtrace

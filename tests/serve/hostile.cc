// Clients that are slow, broken or malicious; and what the server says of itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "serve/http_head.h"
#include "serve/live_server.h"

namespace clawtrace {
namespace {

using test::HttpClient;
using test::LiveServer;
using testing::HasSubstr;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// Memory of this process.
int64_t ResidentMb() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE) >> 20;
}

std::string Post(std::string_view body, const test::HttpHeaders& more = {}) {
  test::HttpHeaders headers = {{"Content-Type", "application/json"},
                               {"Content-Length", std::to_string(body.size())}};
  headers.insert(headers.end(), more.begin(), more.end());
  return test::HttpHead("POST", "/v1/traces", headers) + std::string(body);
}

// The deadline is absolute: a byte now and then does not move it.
TEST(Hostile, AHeadThatTricklesInIsCutOff) {
  LiveServer live({.head_ms = 2000});
  std::vector<std::unique_ptr<HttpClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<HttpClient>(live.port()));
    ASSERT_TRUE(slow.back()->Send("POST /v1/traces HTTP/1.1\r\nX: "));
  }
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 200);
  // The last of them, so that none of its time went into making the others.
  int bytes = 0;
  EXPECT_TRUE(test::Eventually([&] {
    (void)slow.back()->Send("x");
    ++bytes;
    return slow.back()->Closed(20);
  }));
  EXPECT_GT(bytes, 2);
  EXPECT_TRUE(test::Eventually([&] { return live.server().counts().timeouts >= 200; }));
}

TEST(Hostile, ABodyThatTricklesInIsCutOff) {
  LiveServer live({.body_ms = 300});
  for (bool chunked : {false, true}) {
    HttpClient client(live.port());
    std::string how = chunked ? "Transfer-Encoding: chunked\r\n\r\n5\r\n" : "Content-Length: 100\r\n\r\n";
    ASSERT_TRUE(client.Send(
        "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + how + "{"));
    auto response = client.Read(8'000);
    EXPECT_EQ(response.status, 408);
    EXPECT_EQ(response.Header("content-type"), "application/json");
  }
  EXPECT_TRUE(test::Eventually([&] { return live.budget().used() == 0; }));
}

TEST(Hostile, HeadsHaveALimit) {
  LiveServer live;
  HttpClient client(live.port());
  ASSERT_TRUE(client.Send("GET /healthz HTTP/1.1\r\n"));
  for (int i = 0; i < 300; ++i)
    (void)client.Send("Header-" + std::to_string(i) + ": " + std::string(40, 'x') + "\r\n");
  EXPECT_EQ(client.Read().status, 431);
}

TEST(Hostile, WhatIsNoHttpIs400) {
  LiveServer live;
  for (std::string bad :
       {std::string("\0\1\2\3\r\n\r\n", 8), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
        std::string("GET http://x/ HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        std::string("GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        std::string("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n\r\n"),
        std::string("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nA b: c\r\n\r\n")}) {
    HttpClient client(live.port());
    ASSERT_TRUE(client.Send(bad));
    EXPECT_EQ(client.Read().status, 400) << bad;
    EXPECT_TRUE(client.Closed(6'000));
  }
}

// Who stands between may believe the other length.
TEST(Hostile, TwoLengthsAreRefused) {
  LiveServer live;
  for (const char* lengths : {"Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2, 2\r\n",
                              "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
    HttpClient client(live.port());
    ASSERT_TRUE(client.Send(
        std::string("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n") +
        lengths + "\r\n{}"));
    EXPECT_EQ(client.Read().status, 400) << lengths;
  }
  HttpClient client(live.port());
  ASSERT_TRUE(
      client.Send("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 501);
}

TEST(Hostile, BrokenChunksAre400) {
  LiveServer live;
  for (const char* chunks : {"x\r\n", "\r\n", "5\n{}", "ffffffffff\r\n", "2\r\n{}x\r\n0\r\n\r\n",
                             "2;a\nb\r\n", "2\r\n{}\n0\r\n\r\n", "2\r\n{}\r\r\n0\r\n\r\n",
                             "2\r\n{}\r\n0\r\n\n", "2\r\n{}\r\n0\r\nA: b\n\r\n", "2\r\n{}\r\n0\r\n\r\r\n"}) {
    HttpClient client(live.port());
    ASSERT_TRUE(client.Send(std::string("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                                        "application/json\r\nTransfer-Encoding: chunked\r\n\r\n") +
                            chunks));
    EXPECT_EQ(client.Read().status, 400) << chunks;
  }
}

TEST(Hostile, ChunksBeyondTheLimitAre413) {
  LiveServer live({.max_body = 100'000});
  HttpClient client(live.port());
  ASSERT_TRUE(
      client.Send("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                  "application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
  for (int i = 0; i < 20; ++i) (void)client.Send("2710\r\n" + std::string(10'000, ' ') + "\r\n");
  EXPECT_EQ(client.Read().status, 413);
}

TEST(Hostile, ALengthThatNeverComesCostsNothingForLong) {
  LiveServer live({.budget = size_t{1} << 20, .body_ms = 200});
  std::vector<std::unique_ptr<HttpClient>> liars;
  for (int i = 0; i < 10; ++i) {
    liars.push_back(std::make_unique<HttpClient>(live.port()));
    ASSERT_TRUE(
        liars.back()->Send("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                           "application/json\r\nContent-Length: 900000\r\n\r\n"));
  }
  EXPECT_TRUE(test::Eventually([&] {
    return live.Post("/v1/traces", "application/json", "{}").status == 200 && live.budget().used() < 900'000;
  }));
}

// A read into the body is under way when the time is over: the body goes when it is back, not before.
TEST(Hostile, BytesBehindATimeoutHarmNothing) {
  LiveServer live({.body_ms = 200});
  HttpClient client(live.port());
  ASSERT_TRUE(
      client.Send("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                  "application/json\r\nContent-Length: 60000\r\n\r\n{"));
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_EQ(live.budget().used(), 60'000u);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(client.Send(std::string(1500, 'A')));
    EXPECT_TRUE(test::Eventually([&] { return live.budget().used() == 0; }));
  }
  EXPECT_TRUE(client.Closed(6'000));
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 200);
}

// The connections of refused requests stay for a while, what they sent does not.
TEST(Hostile, RefusedBodiesLeaveNoMemoryBehind) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  LiveServer live;
  const std::string chunk = "100000\r\n" + std::string(size_t{1} << 20, 'a') + "\r\n";
  std::vector<std::unique_ptr<HttpClient>> refused;
  int64_t before = ResidentMb();
  for (int i = 0; i < 12; ++i) {
    refused.push_back(std::make_unique<HttpClient>(live.port()));
    ASSERT_TRUE(
        refused.back()->Send("POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                             "application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int j = 0; j < 20; ++j) ASSERT_TRUE(refused.back()->Send(chunk));
    ASSERT_TRUE(refused.back()->Send("zz\r\n"));
    EXPECT_EQ(refused.back()->Read().status, 400);
    EXPECT_EQ(live.budget().used(), 0u);
  }
  EXPECT_LT(ResidentMb() - before, 100);
}

TEST(Hostile, ConnectionsHaveALimit) {
  LiveServer live({.max_connections = 20});
  std::vector<std::unique_ptr<HttpClient>> many;
  for (int i = 0; i < 40; ++i) many.push_back(std::make_unique<HttpClient>(live.port()));
  EXPECT_TRUE(test::Eventually([&] { return live.server().counts().connections_refused >= 20; }));
  many.clear();
  EXPECT_TRUE(test::Eventually([&] { return test::Call(live.port(), "GET", "/healthz", {}).status == 200; }));
}

TEST(Hostile, PagesOfOtherOriginsAreRefused) {
  LiveServer live;
  std::string host = "127.0.0.1:" + std::to_string(live.port());
  for (const char* origin : {"https://evil.example", "null", "http://127.0.0.1.evil.example"}) {
    HttpClient client(live.port());
    ASSERT_TRUE(client.Send(Post("{}", {{"Host", host}, {"Origin", origin}})));
    EXPECT_EQ(client.Read().status, 403) << origin;
  }
  HttpClient own(live.port());
  ASSERT_TRUE(own.Send(Post("{}", {{"Host", host}, {"Origin", "http://" + host}})));
  EXPECT_EQ(own.Read().status, 200);
  // A name that an attacker points at this machine.
  HttpClient rebound(live.port());
  ASSERT_TRUE(
      rebound.Send(Post("{}", {{"Host", "evil.example:4318"}, {"Origin", "http://evil.example:4318"}})));
  EXPECT_EQ(rebound.Read().status, 403);
  for (const char* name : {"", "localhost:x@evil.example", "localhost:4318@evil.example", "localhost:43x",
                           "[::1", "[::1]evil.example", "[::1]:x", "127.0.0.1.evil.example"}) {
    HttpClient odd(live.port());
    ASSERT_TRUE(odd.Send(Post("{}", {{"Host", name}})));
    EXPECT_EQ(odd.Read().status, 403) << name;
  }
  for (const char* name : {"localhost", "localhost:4318", "127.0.0.1:1", "[::1]", "[::1]:4318"}) {
    HttpClient good(live.port());
    ASSERT_TRUE(good.Send(Post("{}", {{"Host", name}})));
    EXPECT_EQ(good.Read().status, 200) << name;
  }
}

TEST(Hostile, PathsNameRoutesAndNothingElse) {
  LiveServer live;
  for (const char* path :
       {"/../etc/passwd", "/v1/../v1/traces", "/%2e%2e/%2e%2e/etc/passwd", "/v1/traces%00", "/v1%2ftraces"})
    EXPECT_EQ(test::Call(live.port(), "GET", path, {}).status, 404) << path;
}

TEST(Server, HealthMetricsAndHead) {
  LiveServer live;
  auto health = test::Call(live.port(), "GET", "/healthz", {});
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, "{\"status\":\"ok\"}");
  EXPECT_EQ(live.Post("/v1/traces", "application/json", test::SpanJson("eee19b7ec3c1b174")).status, 200);
  EXPECT_EQ(live.Post("/v1/traces", "application/json", test::SpanJson("00")).status, 200);
  auto metrics = test::Call(live.port(), "GET", "/metrics", {});
  EXPECT_THAT(metrics.body, HasSubstr("clawtrace_items_accepted_total{receiver=\"otlp-traces\"} 1\n"));
  EXPECT_THAT(
      metrics.body,
      HasSubstr("clawtrace_items_rejected_total{receiver=\"otlp-traces\",reason=\"bad-span-id\"} 1\n"));
  EXPECT_THAT(metrics.body, HasSubstr("clawtrace_requests_total{route=\"/v1/traces\",status=\"200\"} 2\n"));
  EXPECT_THAT(metrics.body, HasSubstr("clawtrace_store_changed_families 1\n"));
  HttpClient client(live.port());
  ASSERT_TRUE(client.Send(test::HttpHead("HEAD", "/healthz", {})));
  ASSERT_TRUE(client.Send(test::HttpHead("GET", "/healthz", {})));
  auto head = client.Read(5'000, true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-length"), "15");
  EXPECT_EQ(client.Read().body, "{\"status\":\"ok\"}");
}

TEST(Server, ExpectContinue) {
  LiveServer live;
  HttpClient client(live.port());
  ASSERT_TRUE(client.Send(test::HttpHead(
      "POST", "/v1/traces",
      {{"Content-Type", "application/json"}, {"Content-Length", "2"}, {"Expect", "100-continue"}})));
  EXPECT_EQ(client.Read().status, 100);
  ASSERT_TRUE(client.Send("{}"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST(Server, StoppingFinishesWhatIsThereAndTakesNothingMore) {
  LiveServer live;
  uint16_t port = live.port();
  live.store().Hold();
  HttpClient busy(port), idle(port);
  ASSERT_TRUE(busy.Send(Post(test::SpanJson("eee19b7ec3c1b174"))));
  ASSERT_TRUE(test::Eventually([&] { return live.store().held() == 1; }));
  std::thread stopping([&] { live.server().Stop(); });
  EXPECT_TRUE(idle.Closed(5'000));
  EXPECT_TRUE(test::Eventually([&] { return !HttpClient(port).connected(); }));
  live.store().Release();
  auto response = busy.Read();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("connection"), "close");
  stopping.join();
}

TEST(Chunks, AnyPiecesGiveTheSame) {
  const std::string coded = "5\r\nhello\r\n1;x=\"y\"\r\n \r\n0A\r\n0123456789\r\n0\r\nA: b\r\n\r\nrest";
  for (size_t piece = 1; piece < coded.size(); ++piece) {
    serve::ChunkDecoder decoder;
    std::string body, rest;
    bool done = false;
    for (size_t at = 0; at < coded.size(); at += piece) {
      std::string_view input = std::string_view(coded).substr(at, piece);
      if (!done) done = decoder.Feed(&input, &body) == serve::ChunkDecoder::State::kDone;
      rest += input;
    }
    EXPECT_TRUE(done);
    EXPECT_EQ(body, "hello 0123456789");
    EXPECT_EQ(rest, "rest");
  }
}

}  // namespace
}  // namespace clawtrace

#include "llm/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "llm/scripted_server_test_util.h"

namespace clawtrace::llm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const WireRequest kRequest = {.path = "/v1/messages", .headers = {{"X-Other", "y"}}, .body = R"({"a":1})"};
constexpr std::string_view kKey = "sk-very-secret";

std::unique_ptr<Transport> To(const ScriptedServer& server, int64_t timeout_ms = 10'000,
                              std::string_view key = kKey) {
  auto made =
      OverHttp(*FindProvider("anthropic"),
               {.address = server.address() + "/", .key = std::string(key), .timeout_ms = timeout_ms});
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

TEST(HttpTransport, SendsTheKeyAndTakesItOutOfReplies) {
  Sent sent;
  std::vector<std::string> asked;
  {
    ScriptedServer server(
        {ScriptedServer::Reply(401, "", R"({"error":{"message":"bad key sk-very-secret"}})")});
    sent = To(server)->Send(kRequest);
    asked = server.asked();
  }
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->status, 401);
  EXPECT_EQ(sent->body, R"({"error":{"message":"bad key [key]"}})");
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_THAT(asked[0], HasSubstr("POST /v1/messages HTTP/1.1"));
  EXPECT_THAT(asked[0], HasSubstr("x-api-key: sk-very-secret"));
  EXPECT_THAT(asked[0], HasSubstr("X-Other: y"));
  EXPECT_THAT(asked[0], HasSubstr(R"({"a":1})"));
}

TEST(HttpTransport, AWordInPlaceOfAKeyLeavesRepliesAsTheyAre) {
  constexpr std::string_view kReply = R"({"error":{"message":"the key of the keyboard"}})";
  for (std::string_view key : {"key", "k", "none"}) {
    ScriptedServer server({ScriptedServer::Reply(401, "", std::string(kReply))});
    Sent sent = To(server, 10'000, key)->Send(kRequest);
    ASSERT_TRUE(sent.has_value()) << key;
    EXPECT_EQ(sent->body, kReply) << key;
  }
}

TEST(HttpTransport, AKeyThatIsInItsOwnPlaceholderIsTakenOutOnce) {
  constexpr std::string_view kLongest = "[key][key]";
  ScriptedServer server({ScriptedServer::Reply(200, "", "[key][key][key][key]!")});
  Sent sent = To(server, 10'000, kLongest)->Send(kRequest);
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->body, "[key][key]!");
}

TEST(HttpTransport, FollowsNoRedirectWithAKey) {
  ScriptedServer other({ScriptedServer::Reply(200, "", "{}")});
  ScriptedServer server({ScriptedServer::Reply(307, "Location: " + other.address() + "/x\r\n", "")});
  Sent sent = To(server)->Send(kRequest);
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->status, 307);
}

TEST(HttpTransport, ASilentServerIsATimeout) {
  ScriptedServer server({""});
  auto begin = std::chrono::steady_clock::now();
  Sent sent = To(server, 200)->Send(kRequest);
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().kind, CallErrorKind::kTransport);
  EXPECT_THAT(sent.error().message, HasSubstr("imeout"));
  EXPECT_THAT(sent.error().message, Not(HasSubstr(std::string(kKey))));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
}

TEST(HttpTransport, ABodyThatBreaksOffIsAnError) {
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":"});
  Sent sent = To(server)->Send(kRequest);
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().kind, CallErrorKind::kTransport);
}

TEST(HttpTransport, RefusesAddressesThatGiveKeysAway) {
  const Provider& provider = *FindProvider("openai-chat");
  for (const char* address :
       {"http://example.com", "http://127.0.0.1.example.com", "https://me:pw@example.com", "ftp://x",
        "example.com", "https://", "https://x/?key=1", "http://localhostile:80"}) {
    EXPECT_FALSE(OverHttp(provider, {.address = address, .key = "k"}).has_value()) << address;
  }
  for (const char* address :
       {"https://example.com/v1", "http://127.0.0.1:80", "http://localhost/", "http://[::1]:9"})
    EXPECT_TRUE(OverHttp(provider, {.address = address, .key = "k"}).has_value()) << address;
  EXPECT_TRUE(OverHttp(provider, {.address = "http://example.com", .key = ""}).has_value());
  EXPECT_FALSE(OverHttp(provider, {.address = "https://example.com", .key = "a\nb"}).has_value());
}

std::string StreamReply(std::string_view body) {
  return ScriptedServer::Reply(200, "Content-Type: text/event-stream\r\n", body);
}

TEST(HttpTransport, ReadsStreams) {
  std::string stream =
      "event: message_start\ndata: "
      "{\"type\":\"message_start\",\"message\":{\"model\":\"sk-very-secret\"}}\n\n"
      "data: {\"type\":\"message_stop\"}\n\n";
  ScriptedServer server({StreamReply(stream)});
  Sent sent = To(server)->Send(kRequest);
  ASSERT_TRUE(sent.has_value()) << sent.error().message;
  EXPECT_EQ(sent->status, 200);
  EXPECT_EQ(sent->body, R"({"type":"message","model":"[key]","content":[],"stop_reason":null,"usage":null})");
}

TEST(HttpTransport, AStreamThatBreaksOffIsNoReply) {
  ScriptedServer server(
      {StreamReply("data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\","
                   "\"text\":\"half\"}}\n\ndata: {\"type\":\"message_stop\"}\n")});
  Sent sent = To(server)->Send(kRequest);
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().kind, CallErrorKind::kTransport);
  EXPECT_THAT(sent.error().message, HasSubstr("broke off"));
}

TEST(HttpTransport, AnIdleServerIsATimeout) {
  ScriptedServer server({""});
  auto made =
      OverHttp(*FindProvider("anthropic"),
               {.address = server.address(), .key = "", .timeout_ms = 60'000, .idle_timeout_ms = 300});
  ASSERT_TRUE(made.has_value());
  auto begin = std::chrono::steady_clock::now();
  Sent sent = (*made)->Send(kRequest);
  ASSERT_FALSE(sent.has_value());
  EXPECT_THAT(sent.error().message, HasSubstr("nothing came for 300 ms"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(HttpTransport, ReadsRetryAfterAsSecondsAndAsDate) {
  ScriptedServer server({ScriptedServer::Reply(429, "Retry-After: 7\r\n", ""),
                         ScriptedServer::Reply(529, "Retry-After: Fri, 31 Dec 2099 23:59:59 GMT\r\n", "")});
  EXPECT_EQ(To(server)->Send(kRequest)->retry_after_s, 7);
  EXPECT_GT(To(server)->Send(kRequest)->retry_after_s, 365 * 86400);
}

TEST(CommandTransport, AsksAProgram) {
  Sent sent = OverCommand("cat; printf '!'", 20'000)->Send(kRequest);
  ASSERT_TRUE(sent.has_value()) << sent.error().message;
  EXPECT_EQ(sent->body, R"({"a":1}!)");
  // More than pipes hold, both ways.
  WireRequest large = kRequest;
  large.body.assign(300'000, 'x');
  sent = OverCommand("cat", 20'000)->Send(large);
  ASSERT_TRUE(sent.has_value()) << sent.error().message;
  EXPECT_EQ(sent->body, large.body);
  // One that does not listen.
  sent = OverCommand("exec <&-; echo '{}'", 20'000)->Send(large);
  ASSERT_TRUE(sent.has_value()) << sent.error().message;
  EXPECT_EQ(sent->body, "{}\n");
}

TEST(CommandTransport, FailuresAreTold) {
  EXPECT_EQ(OverCommand("exit 3", 20'000)->Send(kRequest).error().message, "the command: it ended with 3");
  EXPECT_EQ(OverCommand("kill -9 $$", 20'000)->Send(kRequest).error().kind, CallErrorKind::kTransport);
  EXPECT_EQ(OverCommand("sleep 600", 100)->Send(kRequest).error().message,
            "the command: it did not answer in time");
  // What it leaves running goes with it, and does not hold the pipe open.
  EXPECT_FALSE(OverCommand("sleep 600 & exit 0", 300)->Send(kRequest).has_value());
}

}  // namespace
}  // namespace clawtrace::llm

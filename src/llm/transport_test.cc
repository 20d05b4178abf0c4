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

std::unique_ptr<Transport> To(const ScriptedServer& server, int64_t timeout_ms = 10'000) {
  auto made =
      OverHttp(*FindProvider("anthropic"),
               {.address = server.address() + "/", .key = std::string(kKey), .timeout_ms = timeout_ms});
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

TEST(Retries, WaitAsLongAsAsked) {
  std::vector<int64_t> waits;
  ScriptedServer server({ScriptedServer::Reply(429, "Retry-After: 7\r\n", ""),
                         ScriptedServer::Reply(529, "", ""), ScriptedServer::Reply(503, "", ""),
                         ScriptedServer::Reply(200, "", "{}")});
  auto patient = WithRetries(To(server), {.pause = [&](int64_t ms) { waits.push_back(ms); }});
  Sent sent = patient->Send(kRequest);
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(sent->status, 200);
  EXPECT_THAT(waits, ElementsAre(7000, 2000, 4000));
}

class Counting final : public Transport {
 public:
  Counting(WireReply reply, int* sent) : reply_(std::move(reply)), sent_(*sent) {}
  Sent Send(const WireRequest&) override {
    ++sent_;
    return reply_;
  }

 private:
  WireReply reply_;
  int& sent_;
};

int AttemptsOf(WireReply reply, std::vector<int64_t>* waits) {
  int sent = 0;
  auto patient = WithRetries(
      std::make_unique<Counting>(std::move(reply), &sent),
      {.attempts = 4, .longest_wait_ms = 3000, .pause = [&](int64_t ms) { waits->push_back(ms); }});
  (void)patient->Send(kRequest);
  return sent;
}

TEST(Retries, AreBounded) {
  std::vector<int64_t> waits;
  EXPECT_EQ(AttemptsOf({.status = 500}, &waits), 4);
  EXPECT_THAT(waits, ElementsAre(1000, 2000, 3000));
  waits.clear();
  EXPECT_EQ(AttemptsOf({.status = 429, .body = "", .retry_after_s = 4}, &waits), 1);  // longer than we wait
  for (int status : {200, 400, 401, 302}) EXPECT_EQ(AttemptsOf({.status = status}, &waits), 1) << status;
  EXPECT_TRUE(waits.empty());
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

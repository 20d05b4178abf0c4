// /api/v1 against a live server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/live_server.h"

namespace clawtrace {
namespace {

using test::LiveServer;
using testing::HasSubstr;

constexpr std::string_view kJson = "application/json";

// A span that names its conversation, without its service when it is to have none.
std::string InConversation(std::string_view conversation, std::string_view span_id, std::string_view trace_id,
                           bool service) {
  std::string span = test::SpanJson(span_id, trace_id);
  span.insert(
      span.find(R"({"key":"gen_ai.operation)"),
      R"({"key":"gen_ai.conversation.id","value":{"stringValue":")" + std::string(conversation) + R"("}},)");
  std::string named = R"({"key":"service.name","value":{"stringValue":"shop"}})";
  if (!service) span.erase(span.find(named), named.size());
  return span;
}

test::HttpResponse Ask(LiveServer& live, std::string_view method, std::string_view path) {
  return test::Call(live.port(), method, path, {});
}

TEST(Rest, AConversationWithNamelessSpansIsOneSession) {
  constexpr std::string_view kA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", kB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
  for (bool nameless_first : {true, false}) {
    LiveServer live;
    for (bool named : {!nameless_first, nameless_first}) {
      std::string span = InConversation("conv-one-0001", named ? "a1a1a1a1a1a1a1a1" : "b1b1b1b1b1b1b1b1",
                                        named ? kA : kB, named);
      ASSERT_EQ(live.Post("/v1/traces", kJson, span).body, "{}");
    }
    auto session = Ask(live, "GET", "/api/v1/sessions/conv-one-0001");
    EXPECT_EQ(session.status, 200) << session.body;
    EXPECT_THAT(session.body, HasSubstr(R"("agent":"shop")"));
    EXPECT_THAT(session.body, HasSubstr(R"("llm_call_count":2)"));
    EXPECT_THAT(Ask(live, "DELETE", "/api/v1/sessions/conv-one-0001").body, HasSubstr(R"("facts":2)"));
    EXPECT_EQ(Ask(live, "GET", "/api/v1/sessions/conv-one-0001").status, 404);
  }
}

// What was compiled before is better than nothing; that it is old is told.
TEST(Rest, SessionsCanBeReadWhileTheDiskIsFull) {
  constexpr std::string_view kA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", kB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
  const std::string stale = "x-clawtrace-stale";
  LiveServer live;
  ASSERT_EQ(live.Post("/v1/traces", kJson, test::SpanJson("a1a1a1a1a1a1a1a1", kA)).status, 200);
  std::string path = "/api/v1/sessions/" + std::string(kA);
  auto session = Ask(live, "GET", path);
  EXPECT_EQ(session.status, 200);
  EXPECT_FALSE(session.headers.contains(stale));
  ASSERT_EQ(live.Post("/v1/traces", kJson, test::SpanJson("a2a2a2a2a2a2a2a2", kA)).status, 200);
  ASSERT_EQ(live.Post("/v1/traces", kJson, test::SpanJson("b1b1b1b1b1b1b1b1", kB)).status, 200);
  live.store().Refuse(Error{ErrorCode::kUnavailable, "the disk is full", ""});
  for (const std::string& asked : {path, path.substr(0, path.size() - 4), path + "/card", path + "/steps",
                                   path + "/card?format=yaml&form=full"}) {
    auto old = Ask(live, "GET", asked);
    EXPECT_EQ(old.status, 200) << asked << " " << old.body;
    EXPECT_EQ(old.Header(stale), "true") << asked;
    EXPECT_THAT(old.body, testing::Not(HasSubstr("a2a2a2a2a2a2a2a2"))) << asked;
  }
  EXPECT_THAT(Ask(live, "GET", path).body, HasSubstr(R"("llm_call_count":1)"));
  auto never = Ask(live, "GET", "/api/v1/sessions/" + std::string(kB));
  EXPECT_EQ(never.status, 503) << "it was never compiled";
  EXPECT_FALSE(never.Header("retry-after").empty());
  EXPECT_EQ(Ask(live, "GET", "/api/v1/sessions").status, 200);
  EXPECT_EQ(Ask(live, "GET", "/api/v1/report").status, 200);
  live.store().Refuse(std::nullopt);
  session = Ask(live, "GET", path);
  EXPECT_THAT(session.body, HasSubstr(R"("llm_call_count":2)"));
  EXPECT_FALSE(session.headers.contains(stale));
}

TEST(Rest, ErrorsOfOutcomesAreOurOwnWords) {
  LiveServer live;
  for (const char* body : {"{", "", "nul", "[1,", "\x01"}) {
    auto answer = live.Post("/api/v1/outcomes", kJson, body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(answer.body, HasSubstr(R"("detail":"the body is no JSON")")) << body;
  }
}

}  // namespace
}  // namespace clawtrace

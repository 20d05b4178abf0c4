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

}  // namespace
}  // namespace clawtrace

// The protocol of the OpenClaw plugin: POST /v1/traces/events.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "serve/gzip.h"
#include "serve/live_server.h"

namespace clawtrace {
namespace {

using test::LiveServer;
using testing::HasSubstr;

constexpr std::string_view kJson = "application/json";

std::string Event(std::string_view id, std::string_view kind, std::string_view payload = "null") {
  return fmt::format(
      R"({{"schemaVersion":1,"agentId":"22222222-2222-4222-8222-222222222222","event":{{"eventId":"{}","eventType":"{}",)"
      R"("traceId":"t-1","spanId":"s-{}","parentSpanId":null,"tsMs":1795229485719,"payload":{}}}}})",
      id, kind, id, payload);
}

TEST(PluginEvents, AllElevenKindsAndTheirRetries) {
  LiveServer live;
  int number = 0;
  for (const char* kind :
       {"session_start", "session_end", "span_start", "span_end", "llm_before_call", "llm_after_call",
        "tool_before_call", "tool_after_call", "subagent_spawn", "subagent_join", "error"}) {
    std::string body =
        Event(fmt::format("e{}", ++number), kind, R"({"runId":"r-1","sessionKey":"agent:main:x"})");
    for (bool again : {false, true, true}) {
      auto response = live.Post("/v1/traces/events", kJson, body);
      EXPECT_EQ(response.status, 200) << kind << response.body;
      JsonParser parser;
      auto json = parser.Parse(response.body);
      ASSERT_TRUE(json) << response.body;
      EXPECT_EQ((*json)["status"].text(), "accepted");
      EXPECT_EQ((*json)["duplicate"].boolean(), again) << kind;
      EXPECT_EQ((*json)["eventType"].text(), kind);
      EXPECT_EQ((*json)["eventId"].text(), fmt::format("e{}", number));
      EXPECT_EQ((*json)["traceId"].text(), "t-1");
      EXPECT_EQ((*json)["schemaVersion"].integer(), 1);
      EXPECT_EQ((*json)["agentId"].text(), "22222222-2222-4222-8222-222222222222");
      EXPECT_TRUE((*json)["receivedAt"].is_string());
    }
  }
}

TEST(PluginEvents, ListsAndLines) {
  LiveServer live;
  std::string one = Event("e1", "span_start"), two = Event("e2", "span_end");
  auto list = live.Post("/v1/traces/events", kJson, "[" + one + "," + two + "," + one + ",{}]");
  EXPECT_EQ(list.status, 200);
  EXPECT_THAT(list.body, HasSubstr(R"("accepted":3,"duplicates":1,"rejected":1)"));
  EXPECT_THAT(list.body, HasSubstr(R"("error":"missing:event")"));
  auto lines = live.Post("/v1/traces/events", "application/x-ndjson", one + "\n" + two + "\n");
  EXPECT_THAT(lines.body, HasSubstr(R"("accepted":2,"duplicates":2,"rejected":0)"));
  EXPECT_EQ(live.Post("/v1/traces/events", kJson, "[]").status, 200);
  auto packed = live.Post("/v1/traces/events", kJson, serve::Gzip(Event("e3", "span_start")),
                          {{"Content-Encoding", "gzip"}});
  EXPECT_EQ(packed.status, 200);
}

TEST(PluginEvents, WhatIsNoEventIsRefused) {
  LiveServer live;
  for (const char* body : {"", "{", "7", "\"x\"", "null", "{}{"})
    EXPECT_EQ(live.Post("/v1/traces/events", kJson, body).status, 400) << body;
  EXPECT_EQ(live.Post("/v1/traces/events", kJson, "{}").status, 422);
  EXPECT_EQ(live.Post("/v1/traces/events", kJson, Event("e1", "party")).status, 422);
  EXPECT_EQ(live.Post("/v1/traces/events", kJson, Event("", "span_start")).status, 422);
  EXPECT_EQ(live.Post("/v1/traces/events", kJson, Event("e1", "span_start", "7")).status, 422);
  EXPECT_EQ(live.Post("/v1/traces/events", "application/x-protobuf", Event("e1", "span_start")).status, 415);
  EXPECT_EQ(live.Post("/v1/traces/events", kJson, Event("e1", "span_start", R"("{\"runId\":\"r\"}")")).status,
            200)
      << "a payload may be a text that holds JSON";
}

TEST(PluginEvents, AStoreThatRefusesMakesTheClientTryAgain) {
  LiveServer live;
  live.store().Refuse(Error{ErrorCode::kUnavailable, "the disk is full", ""});
  auto response = live.Post("/v1/traces/events", kJson,
                            "[" + Event("e1", "span_start") + "," + Event("e2", "span_end") + "]");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.Header("retry-after"), "1");
}

TEST(PluginEvents, OneThatCannotBeStoredHarmsNoOther) {
  LiveServer live;
  std::string odd = Event("e2", "span_end");
  odd.replace(odd.find("t-1"), 3, "t\\u0000");
  auto response =
      live.Post("/v1/traces/events", kJson,
                "[" + Event("e1", "span_start") + "," + odd + "," + Event("e3", "span_end") + "]");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_THAT(response.body, HasSubstr(R"("accepted":2,"duplicates":0,"rejected":1)"));
  auto alone = live.Post("/v1/traces/events", kJson, odd);
  EXPECT_EQ(alone.status, 422);
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 200) << "the store is well";
  EXPECT_THAT(test::Call(live.port(), "GET", "/metrics", {}).body,
              HasSubstr("clawtrace_items_accepted_total{receiver=\"openclaw-events\"} 2\n"));
}

TEST(PluginEvents, WhatIsNotDurableIsNotCountedAsAccepted) {
  LiveServer live;
  live.store().Refuse(Error{ErrorCode::kUnavailable, "the disk is full", ""});
  EXPECT_EQ(live.Post("/v1/traces/events", kJson, Event("e1", "span_start")).status, 503);
  EXPECT_THAT(test::Call(live.port(), "GET", "/metrics", {}).body,
              testing::Not(HasSubstr("clawtrace_items_accepted_total{receiver=\"openclaw-events\"}")));
}

}  // namespace
}  // namespace clawtrace

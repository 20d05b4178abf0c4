// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importers/recording_test_util.h"

namespace clawtrace::capture {

extern const Importer kQwenPaw;

namespace {

using test::Collected;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(QwenPawTest, MessagesAreCallsWithoutUsage) {
  Collected log;
  test::ReadLog(kQwenPaw, test::Golden("qwenpaw/main/work/sessions/main_main.json"), &log);
  EXPECT_THAT(log.skips, IsEmpty());
  ASSERT_EQ(log.Count(FactKind::kLlmCall), 3u);
  const Fact* call = log.Find(FactKind::kLlmCall, "a1", "work:main_main");
  ASSERT_TRUE(call);
  EXPECT_FALSE(call->llm->usage);
  EXPECT_EQ(call->llm->model, "");
  EXPECT_EQ(call->llm->text, "Reading it.");
  EXPECT_EQ(call->llm->thinking_bytes, 16);
  EXPECT_EQ(call->start_ns, ParseIsoTime("2026-03-02T09:00:02.5Z"));
  const Fact* shell = log.Find(FactKind::kToolUse, "call_2");
  ASSERT_TRUE(shell);
  EXPECT_EQ(shell->tool->llm_call, "a2");
  EXPECT_EQ(shell->tool->args, R"({"command":"wc -l missing.csv"})");
  EXPECT_EQ(log.Find(FactKind::kToolResult, "call_1")->result->status, ToolStatus::kOk);
  EXPECT_EQ(log.Find(FactKind::kToolResult, "call_2")->result->status, ToolStatus::kError);
  EXPECT_THAT(log.Find(FactKind::kSession, "work:main_main")->session->notes,
              ElementsAre("model_not_logged", "usage_not_logged"));
}

TEST(QwenPawTest, SessionsOfDifferentWorkspacesAndChannelsAreDifferent) {
  for (auto [path, id] : {std::pair("/h/.qwenpaw/workspaces/a/sessions/main_main.json", "a:main_main"),
                          std::pair("b/sessions/console/main_main.json", "b:console:main_main"),
                          std::pair("main_main.json", "main_main"), std::pair("-", "qwenpaw-stdin")}) {
    Collected log;
    test::ReadText(kQwenPaw, R"({"agent":{"memory":{"content":[]},"toolkit":{}}})", &log, path);
    ASSERT_EQ(log.facts.size(), 1u);
    EXPECT_EQ(log.facts[0].session_id, id);
  }
}

TEST(QwenPawTest, WhatIsNoMessageIsCounted) {
  Collected log;
  test::ReadText(kQwenPaw, R"({"agent":{"memory":{"content":[[],7,[{"role":"robot"}],[{"content":[]}],
      [{"role":"assistant","timestamp":"soon","content":3}]]},"toolkit":{}}})",
                 &log, "a.json");
  EXPECT_THAT(log.skips, ElementsAre("not-an-object", "not-an-object", "unknown-role", "missing:role",
                                     "wrong-type:timestamp", "wrong-type:content"));
  EXPECT_EQ(log.Count(FactKind::kLlmCall), 1u);
}

}  // namespace
}  // namespace clawtrace::capture

#include "model/join_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace clawtrace {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000, kStart = 1'795'000'000 * kSecond;

Step Call(const std::string& id, int64_t at, int64_t input, int64_t output,
          std::vector<std::string> aliases = {}) {
  Step step;
  step.call_id = id;
  step.start_ns = step.end_ns = kStart + at * kSecond;
  step.llm.model = "m";
  step.llm.usage = Usage{input, 0, 0, 0, 0, output, 0};
  step.llm.aliases = std::move(aliases);
  return step;
}

Step Tool(const std::string& id, const std::string& asker, int64_t at) {
  Step step;
  step.kind = StepKind::kToolUse;
  step.call_id = id;
  step.start_ns = step.end_ns = kStart + at * kSecond;
  step.tool.name = "Read";
  step.tool.llm_call = asker;
  step.result.status = ToolStatus::kOk;
  return step;
}

Session Of(const std::string& source, std::vector<Step> steps, const std::string& id = "s") {
  Session session;
  session.id = id;
  session.source = source;
  session.info.agent = "agent";
  session.steps = std::move(steps);
  session.source_hash = source == "otlp" ? 1 : 2;
  return session;
}

std::vector<std::string> Ids(const Session& session) {
  std::vector<std::string> ids;
  for (const Step& step : session.steps) ids.push_back(step.call_id + "@" + std::to_string(step.turn));
  return ids;
}

Session Joined(Session a, Session b) {
  auto one = JoinSources({a, b}), other = JoinSources({b, a});
  EXPECT_EQ(one.size(), 1u);
  if (one.size() != 1 || other.size() != 1) return {};
  EXPECT_EQ(EncodeSession(one[0], true), EncodeSession(other[0], true)) << "order must not matter";
  return one[0];
}

TEST(JoinSourcesTest, CallsByAliasCountOnceWithTheBestOfEach) {
  Session log = Of("log", {Call("msg1", 10, 100, 5, {"req1"}), Tool("t1", "msg1", 11)});
  log.steps[0].llm.usage = Usage{10, 80, 0, 0, 10, 5, 0};
  log.steps[0].llm.text = "hello", log.steps[0].llm.text_bytes = 5;
  Session spans = Of("otlp", {Call("req1", 8, 10, 5), Tool("t1", "req1", 12)});
  spans.steps[0].llm.usage = Usage{10, 80, 4, 6, 0, 5, 0};
  spans.steps[0].llm.reported_cost = Usd::Pico(7);
  spans.steps[0].llm.attempts = 2;
  spans.steps[1].result.status = ToolStatus::kError;
  spans.steps[1].result.error = "no";
  Session joined = Joined(log, spans);
  EXPECT_EQ(joined.source, "log");
  EXPECT_THAT(Ids(joined), ElementsAre("msg1@1", "t1@1"));
  const LlmCall& call = joined.steps[0].llm;
  EXPECT_EQ(call.usage, (Usage{10, 80, 4, 6, 0, 5, 0})) << "times to live";
  EXPECT_EQ(call.reported_cost, Usd::Pico(7));
  EXPECT_EQ(call.attempts, 2);
  EXPECT_EQ(call.text, "hello");
  EXPECT_THAT(call.aliases, ElementsAre("req1"));
  EXPECT_EQ(joined.steps[0].start_ns, kStart + 8 * kSecond) << "a span knows when the request began";
  EXPECT_EQ(joined.steps[1].result.error, "no");
  EXPECT_THAT(joined.notes, ElementsAre("joined_with:otlp"));
  EXPECT_EQ(joined.source_hash, 3u);
}

TEST(JoinSourcesTest, WithoutCommonIdsTokensAndTimeJoin) {
  // Equal tokens twice: each to the nearest. One beyond the window and one of another model stay apart.
  Session log = Of("log", {Call("a", 10, 7, 3), Call("b", 20, 7, 3)});
  Session spans = Of("otlp", {Call("x", 11, 7, 3), Call("y", 19, 7, 3), Call("z", 90, 7, 3)});
  Step other = Call("w", 20, 7, 3);
  other.llm.model = "another";
  spans.steps.push_back(other);
  Session joined = Joined(log, spans);
  EXPECT_THAT(Ids(joined), ElementsAre("a@1", "b@2", "w@3", "z@4"));
  EXPECT_THAT(joined.steps[0].llm.aliases, ElementsAre("x"));
  EXPECT_THAT(joined.notes, ElementsAre("calls_only_in:otlp:2", "joined_with:otlp"));
}

TEST(JoinSourcesTest, OutputWithAndWithoutReasoningIsTheSameCall) {
  Session log = Of("log", {Call("a", 10, 7, 30)});
  log.steps[0].llm.usage->reasoning = 20;
  EXPECT_THAT(Ids(Joined(log, Of("otlp", {Call("x", 11, 7, 10)}))), ElementsAre("a@1"));
}

TEST(JoinSourcesTest, WhatOneSourceHasIsKeptInItsPlace) {
  Session log = Of("log", {Call("a", 10, 1, 1), Tool("t1", "a", 11), Call("c", 30, 3, 3)});
  log.notes = {"cache_not_reported", "missing_result:1"};
  Session spans = Of("otlp", {Call("x", 10, 1, 1), Tool("t1", "x", 11), Tool("t2", "x", 12),
                              Call("b", 20, 2, 2), Tool("t3", "b", 21)});
  spans.notes = {"tool_args_missing:3"};
  Session joined = Joined(log, spans);
  EXPECT_THAT(Ids(joined), ElementsAre("a@1", "t1@1", "t2@1", "b@2", "t3@2", "c@3"));
  EXPECT_EQ(joined.steps[2].tool.llm_call, "a") << "the base's name of the call";
  EXPECT_THAT(joined.notes, ElementsAre("cache_not_reported", "calls_only_in:log:1", "calls_only_in:otlp:1",
                                        "joined_with:otlp"));
}

TEST(JoinSourcesTest, SubAgentsJoinByTheirCallOrTheirName) {
  auto spawn = [](const std::string& id, std::vector<Session> children) {
    Step step = Tool(id, "", 40);
    step.kind = StepKind::kSubagentSpawn;
    step.children = std::move(children);
    return step;
  };
  Session log = Of("log", {spawn("t1", {Of("log", {Call("a", 41, 1, 1)}, "agent-child1")}),
                           spawn("t2", {Of("log", {Call("b", 51, 2, 2)}, "agent-child2")})});
  Step unlinked = spawn("child2", {Of("otlp", {Call("y", 51, 2, 2), Call("z", 52, 9, 9)}, "child2")});
  unlinked.tool.name = "unlinked_subagent";
  Session spans = Of("otlp", {spawn("t1", {Of("otlp", {Call("x", 41, 1, 1)}, "s/4711")}), unlinked});
  Session joined = Joined(log, spans);
  ASSERT_EQ(joined.steps.size(), 2u);
  ASSERT_EQ(joined.steps[0].children.size(), 1u);
  EXPECT_THAT(Ids(joined.steps[0].children[0]), ElementsAre("a@1"));
  ASSERT_EQ(joined.steps[1].children.size(), 1u);
  EXPECT_THAT(Ids(joined.steps[1].children[0]), ElementsAre("b@1", "z@2"));
}

// Sums over the requests of an attempt, as OpenClaw's plugin tells them.
TEST(JoinSourcesTest, AnAttemptIsNotChargedBesideItsRequests) {
  Session log =
      Of("log", {Call("m1", 10, 100, 5), Tool("t1", "m1", 11), Call("m2", 12, 200, 6), Call("m3", 40, 7, 7)});
  auto attempt = [](const std::string& id, int64_t from, int64_t to, int64_t input, int64_t output) {
    Step step = Call(id, to, input, output);
    step.start_ns = kStart + from * kSecond;
    return step;
  };
  Session plugin = Of("openclaw-plugin", {attempt("a", 9, 13, 300, 11), Tool("t1", "a", 11),
                                          Tool("t2", "a", 12), attempt("lost", 60, 70, 50, 5)});
  Session joined = Joined(log, plugin);
  EXPECT_THAT(Ids(joined), ElementsAre("m1@1", "t1@1", "m2@2", "t2@0", "m3@3", "lost@4"));
  EXPECT_THAT(joined.notes, ElementsAre("calls_only_in:log:1", "calls_only_in:openclaw-plugin:1",
                                        "joined_with:openclaw-plugin"));
  // By the tools alone, where the clocks differ; and more than the log has is said.
  plugin.steps = {attempt("a", 900, 913, 301, 11), Tool("t1", "a", 911)};
  joined = Joined(log, plugin);
  EXPECT_THAT(Ids(joined), ElementsAre("m1@1", "t1@1", "m2@2", "m3@3"));
  EXPECT_THAT(joined.notes, testing::Contains("attempts_sum_to_more"));
  // Telemetry of single requests is the base as well.
  log.source = "otlp", log.source_hash = 9;
  EXPECT_THAT(Ids(Joined(log, plugin)), ElementsAre("m1@1", "t1@1", "m2@2", "m3@3"));
}

TEST(JoinSourcesTest, OtherSessionsStayAsTheyAre) {
  Session agent = Of("otlp", {Call("x", 10, 1, 1)});
  agent.info.agent = "another";
  std::vector<Session> apart = {Of("log", {Call("a", 10, 1, 1)}), agent, Of("otlp", {}, "other id"),
                                Of("log", {Call("a", 10, 1, 1)})};
  auto out = JoinSources(apart);
  ASSERT_EQ(out.size(), 4u);
  for (const Session& session : out) EXPECT_THAT(session.notes, IsEmpty());
}

// Joining must stay near-linear on hostile input: many equal calls, many sub-agents.
TEST(JoinSourcesTest, ManyEqualCalls) {
  constexpr int64_t kCalls = 20'000;
  std::vector<Step> steps, others;
  for (int64_t i = 0; i < kCalls; ++i) {
    steps.push_back(Call("a" + std::to_string(i), i % 7, 1, 1));
    others.push_back(Call("b" + std::to_string(i), i % 7, 1, 1));
  }
  auto out = JoinSources({Of("log", std::move(steps)), Of("otlp", std::move(others))});
  ASSERT_EQ(out.size(), 1u);
  EXPECT_GE(out[0].steps.size(), static_cast<size_t>(kCalls));
}

}  // namespace
}  // namespace clawtrace

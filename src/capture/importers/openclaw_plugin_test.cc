// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>

#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kOpenClawPlugin;

namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

struct Event {
  std::string type, span, parent;
  int64_t second = 0;
  std::string payload;  // members
};

std::string Body(const Event& event) {
  return R"({"schemaVersion":1,"agentId":"a","event":{"eventId":"e-)" + event.type + event.span +
         R"(","eventType":")" + event.type + R"(","traceId":"trace","spanId":")" + event.span +
         R"(","parentSpanId":)" + (event.parent.empty() ? "null" : "\"" + event.parent + "\"") +
         R"(,"tsMs":)" + std::to_string(1'795'000'000'000 + event.second * 1000) + R"(,"payload":{)" +
         event.payload + "}}}";
}

std::vector<Session> Assemble(const std::vector<std::string>& files,
                              std::vector<std::string>* skips = nullptr) {
  test::Collected log;
  for (const std::string& file : files) test::ReadText(kOpenClawPlugin, file, &log);
  if (skips)
    *skips = log.skips;
  else
    EXPECT_THAT(log.skips, IsEmpty());
  kOpenClawPlugin.resolve(&log.facts);
  return AssembleSessions(log.facts);
}

std::vector<std::string> StepIds(const Session& session) {
  std::vector<std::string> ids;
  for (const Step& step : session.steps) ids.push_back(step.call_id);
  return ids;
}

const char* const kRun = R"("runId":"r","sessionKey":"agent:main:main","sessionId":"s")";
const char* const kTool = R"("runId":"r","sessionKey":"agent:main:main","toolCallId":"t","toolName":"exec")";

std::string Usage2(const std::string& more = {}) {
  return std::string(kRun) +
         R"(,"model":"m","provider":"p","usage":{"input":100,"output":20,"cacheRead":50,"cacheWrite":5,"cost":{"total":0.5}})" +
         more;
}

TEST(OpenClawPluginTest, AttemptsToolsAndSubAgents) {
  auto sessions = Assemble({test::MustRead(test::Golden("openclaw-plugin/main/bodies.jsonl"))});
  ASSERT_EQ(sessions.size(), 1u);
  const Session& run = sessions[0];
  EXPECT_EQ(run.id, "demo-session");
  EXPECT_EQ(run.info.agent, "openclaw");
  EXPECT_THAT(run.notes, ElementsAre("calls_summed_per_attempt"));
  std::vector<const Step*> calls, spawns;
  for (const Step& step : run.steps) {
    if (step.kind == StepKind::kLlmCall) calls.push_back(&step);
    if (step.kind == StepKind::kSubagentSpawn) spawns.push_back(&step);
  }
  ASSERT_EQ(calls.size(), 4u);
  EXPECT_EQ(calls[0]->llm.usage, (Usage{.uncached_input = 19320, .cache_read = 102900, .output = 695}));
  EXPECT_EQ(calls[0]->llm.error, "") << "its requests before the refused one were answered";
  EXPECT_EQ(calls[1]->llm.error, "500 scripted failure; Retry-After: 1 seconds");
  EXPECT_EQ(calls[1]->llm.usage, Usage{});
  EXPECT_EQ(calls[3]->llm.text, "The check agrees: 548.00 overall.");
  ASSERT_EQ(spawns.size(), 1u);
  ASSERT_EQ(spawns[0]->children.size(), 1u);
  const Session& child = spawns[0]->children[0];
  EXPECT_EQ(child.id, "ef9cb45d-8b24-41c0-85b6-22163f790a72");
  EXPECT_EQ(child.info.parent_session, "demo-session");
  EXPECT_EQ(StepIds(child).size(), 4u);
  ASSERT_EQ(run.skills.size(), 1u);
  EXPECT_EQ(run.skills[0].stage, SkillStage::kLoaded);
}

TEST(OpenClawPluginTest, FilesRepeatsAndOrderMakeNoDifference) {
  std::vector<std::string> lines;
  std::string text = test::MustRead(test::Golden("openclaw-plugin/main/bodies.jsonl"));
  for (std::string_view line : Split(text, '\n')) {
    if (!line.empty()) lines.emplace_back(line);
  }
  std::string once = EncodeSession(Assemble({text}).at(0), true);
  EXPECT_EQ(EncodeSession(Assemble(lines).at(0), true), once);
  std::vector<std::string> twice(lines.rbegin(), lines.rend());
  twice.insert(twice.end(), lines.begin(), lines.end());
  auto again = Assemble(twice);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(EncodeSession(again[0], true), once);
  std::string batch = "[";
  for (const std::string& line : lines) batch += (batch.size() > 1 ? ",\n" : "\n") + line;
  EXPECT_EQ(EncodeSession(Assemble({batch + "\n]"}).at(0), true), once);
}

TEST(OpenClawPluginTest, ACallWithoutItsEndHasNoUsage) {
  auto sessions =
      Assemble({Body({"llm_before_call", "l", "", 1, std::string(kRun) + R"(,"model":"m","prompt":"hi")"})});
  ASSERT_EQ(sessions.at(0).steps.size(), 1u);
  EXPECT_FALSE(sessions[0].steps[0].llm.usage);
  EXPECT_EQ(sessions[0].prompt, "hi");
  EXPECT_THAT(sessions[0].notes, IsEmpty()) << "nothing was summed";
}

TEST(OpenClawPluginTest, AToolsRunNamesItsSession) {
  auto sessions = Assemble({Body({"tool_before_call", "x", "l", 2, kTool}) + "\n" +
                            Body({"llm_after_call", "l", "", 3, Usage2()}) + "\n" +
                            Body({"llm_before_call", "l", "", 1, kRun})});
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].id, "s");
  EXPECT_THAT(StepIds(sessions[0]), ElementsAre("l", "t"));
  EXPECT_EQ(sessions[0].steps[1].turn, 1);
  EXPECT_EQ(sessions[0].steps[0].llm.reported_cost, Usd::Parse("0.5"));
  EXPECT_EQ(sessions[0].steps[0].llm.usage->cache_write_unknown, 5);
  EXPECT_EQ(*sessions[0].steps[0].end_ns - *sessions[0].steps[0].start_ns, 2'000'000'000);
  EXPECT_THAT(sessions[0].notes, Contains("missing_result:1"));
}

TEST(OpenClawPluginTest, AKeyStandsForTheSessionThatHadBegun) {
  auto start = [](const std::string& run, const std::string& session, int64_t second) {
    return Body({"session_start", "root-" + run, "", second,
                 R"("runId":")" + run + R"(","sessionKey":"k","sessionId":")" + session + "\""});
  };
  auto tool = [](const std::string& id, int64_t second) {
    return Body(
        {"tool_before_call", id, "", second,
         R"("runId":"late-)" + id + R"(","sessionKey":"k","toolName":"x","toolCallId":")" + id + "\""});
  };
  auto sessions = Assemble({start("r1", "first", 1), start("r2", "second", 10), tool("a", 5), tool("b", 15)});
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_THAT(StepIds(sessions[0]), ElementsAre("a"));
  EXPECT_THAT(StepIds(sessions[1]), ElementsAre("b"));
}

TEST(OpenClawPluginTest, AnErrorEventStandsInForALostReport) {
  std::string error =
      Body({"error", "e", "x", 3, R"("source":"tool_after_call","toolCallId":"t","message":"no such file")"});
  std::string use = Body({"tool_before_call", "x", "", 2, kTool});
  auto sessions = Assemble({use, error});
  ASSERT_EQ(sessions.size(), 1u);
  ASSERT_EQ(sessions[0].steps.size(), 1u);
  EXPECT_EQ(sessions[0].steps[0].result.error, "no such file");
  std::string done =
      Body({"tool_after_call", "x", "", 3,
            std::string(kTool) + R"(,"result":{"content":"long output","details":{"exitCode":2}})"});
  sessions = Assemble({use, error, done});
  EXPECT_EQ(sessions.at(0).steps.at(0).result.exit_code, 2);
  EXPECT_EQ(sessions[0].steps[0].result.output, "long output");
}

TEST(OpenClawPluginTest, AShadowOfAReportIsNoCall) {
  auto sessions =
      Assemble({Body({"tool_after_call", "x", "", 2, kTool}),
                Body({"tool_after_call", "shadow", "", 2, R"("sessionKey":"unknown","toolName":"exec")"})});
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_THAT(StepIds(sessions[0]), ElementsAre("t"));
}

TEST(OpenClawPluginTest, WhatCannotBeUsedIsCounted) {
  std::vector<std::string> skips;
  Assemble(
      {Body({"new_thing", "x", "", 1, kRun}), R"({"schemaVersion":1})", R"({"event":{"eventType":"error"}})",
       Body({"llm_after_call", "l", "", 1, std::string(kRun) + R"(,"usage":{"input":"many","output":1})"})},
      &skips);
  EXPECT_THAT(skips,
              ElementsAre("unknown-kind", "missing:event", "missing:traceId", "wrong-type:usage.input"));
}

}  // namespace
}  // namespace clawtrace::capture

// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>

#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kTauBench;

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Session> SessionsOf(const std::string& name) {
  test::Collected log;
  test::ReadLog(kTauBench, test::Golden("tau-bench/runs") / name, &log);
  EXPECT_THAT(log.skips, IsEmpty());
  return AssembleSessions(log.facts);
}

std::vector<std::string> StepIds(const Session& session) {
  std::vector<std::string> ids;
  for (const Step& step : session.steps) ids.push_back(step.call_id);
  return ids;
}

TEST(TauBenchTest, OneRun) {
  auto sessions = SessionsOf("task03_trial0.json");
  ASSERT_EQ(sessions.size(), 1u);
  const Session& run = sessions[0];
  EXPECT_TRUE(run.id.starts_with("task-3-trial-0-")) << run.id;
  EXPECT_TRUE(run.task_id.starts_with("tau-bench-3-")) << run.task_id;
  EXPECT_EQ(run.prompt, "Please move my booking to row C.");
  EXPECT_EQ(run.outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(run.outcome.source, OutcomeSource::kVerifier);
  EXPECT_THAT(run.notes, ElementsAre("model_not_logged", "usage_not_logged"));
  // Two calls share an id; each keeps its own result.
  EXPECT_THAT(StepIds(run), ElementsAre("call-2", "call-4", "call_1", "call-7", "call_2", "call-10",
                                        "call_2#2", "call-13"));
  EXPECT_EQ(run.steps[4].result.status, ToolStatus::kError);
  EXPECT_EQ(run.steps[4].result.error, "Error: booking not found");
  EXPECT_EQ(run.steps[6].result.status, ToolStatus::kOk);
  for (const Step& step : run.steps) {
    if (step.kind != StepKind::kLlmCall) continue;
    EXPECT_FALSE(step.llm.usage) << "unknown is not 0";
    EXPECT_FALSE(step.llm.reported_cost);
  }
}

TEST(TauBenchTest, TrialsOfATaskAreOneTask) {
  auto sessions = SessionsOf("results.json");
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_EQ(sessions[0].task_id, sessions[1].task_id);
  EXPECT_EQ(sessions[0].outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(sessions[1].outcome.verdict, Verdict::kFailure);
  EXPECT_TRUE(sessions[1].steps.back().tool.args_broken);
  EXPECT_EQ(sessions[0].id, SessionsOf("task03_trial0.json")[0].id);
}

TEST(TauBenchTest, OtherTaskOfTheSameNumber) {
  test::Collected log;
  test::ReadText(kTauBench,
                 R"([{"task_id":3,"reward":0.5,"info":{"task":{"instruction":"a"}},"traj":[],"trial":0},)"
                 R"({"task_id":3,"reward":null,"info":{"task":{"instruction":"b"}},"traj":[],"trial":0},)"
                 R"({"task_id":{},"reward":1,"traj":[]}, 7, {"task_id":4}])",
                 &log);
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_NE(sessions[0].task_id, sessions[1].task_id);
  EXPECT_THAT((std::vector{sessions[0].outcome.verdict, sessions[1].outcome.verdict}),
              testing::UnorderedElementsAre(Verdict::kPartial, Verdict::kUnknown));
  EXPECT_THAT(log.skips, ElementsAre("wrong-type:task_id", "not-an-object", "missing:traj"));
}

}  // namespace
}  // namespace clawtrace::capture

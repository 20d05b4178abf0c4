// What only this format has; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>

#include "capture/gather.h"
#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kOpenHands;

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Session> SessionsBelow(const std::string& name) {
  Plan plan = PlanInputs({test::Golden("openhands/" + name).string()});
  EXPECT_EQ(plan.units.size(), 1u);
  EXPECT_EQ(plan.unrecognised_files, 0);
  std::vector<Session> sessions;
  for (const Unit& unit : plan.units) {
    for (Session& session : ReadUnit(unit, plan, {}).sessions) {
      EXPECT_THAT(session.skipped, IsEmpty());
      sessions.push_back(std::move(session));
    }
  }
  return sessions;
}

std::vector<std::string> StepIds(const Session& session) {
  std::vector<std::string> ids;
  for (const Step& step : session.steps) ids.push_back(step.call_id);
  return ids;
}

TEST(OpenHandsTest, EvaluationRecord) {
  auto sessions = SessionsBelow("eval");
  ASSERT_EQ(sessions.size(), 2u);
  const Session& run = sessions[1].task_id == "demo__a-1" ? sessions[1] : sessions[0];
  EXPECT_EQ(run.task_id, "demo__a-1");
  EXPECT_EQ(run.info.agent_version, "0.35.0");
  EXPECT_EQ(run.prompt, "Fix a.py.");
  EXPECT_EQ(run.outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(run.compactions, 1);
  EXPECT_THAT(StepIds(run),
              ElementsAre("gen-1", "t1", "t2", "gen-2", "t3", "gen-3", "t4", "gen-5", "t6", "gen-x"));
  const auto& steps = run.steps;
  // Two events share one answer.
  EXPECT_EQ(steps[0].llm.usage, (Usage{.uncached_input = 900, .cache_write_unknown = 100, .output = 50}));
  EXPECT_EQ(steps[0].llm.reported_cost, Usd::Parse("0.01"));
  EXPECT_EQ(steps[0].llm.text, "Look.");
  EXPECT_EQ(steps[3].llm.usage, (Usage{.uncached_input = 400, .cache_read = 900, .output = 40}));
  EXPECT_EQ(steps[3].llm.reported_cost, Usd::Parse("0.015")) << "0.025 less what was before";
  EXPECT_THAT(steps[3].llm.aliases, IsEmpty());
  EXPECT_EQ(steps[4].result.exit_code, 1);
  EXPECT_EQ(steps[4].result.status, ToolStatus::kError);
  EXPECT_EQ(steps[1].tool.args, R"({"command":"ls /w"})");
  EXPECT_FALSE(steps[9].llm.usage) << "a request without an answer that could be used";
}

TEST(OpenHandsTest, EventsOfADelegateAreItsOwn) {
  auto sessions = SessionsBelow("eval");
  const Session& run = sessions[1].task_id == "demo__a-1" ? sessions[1] : sessions[0];
  const Step& spawn = run.steps.at(6);
  EXPECT_EQ(spawn.kind, StepKind::kSubagentSpawn);
  ASSERT_EQ(spawn.children.size(), 1u);
  EXPECT_THAT(StepIds(spawn.children[0]), ElementsAre("gen-4", "t5"));
  EXPECT_EQ(spawn.children[0].steps[0].llm.reported_cost, Usd::Parse("0.005"));
}

TEST(OpenHandsTest, PairsAndAListOfCosts) {
  auto sessions = SessionsBelow("eval");
  const Session& run = sessions[1].task_id == "demo__b-2" ? sessions[1] : sessions[0];
  EXPECT_EQ(run.outcome.verdict, Verdict::kError);
  EXPECT_THAT(StepIds(run), ElementsAre("event-2", "event-2"));
  EXPECT_EQ(run.steps[0].llm.model, "gpt-4o");
  EXPECT_EQ(run.steps[0].llm.reported_cost, Usd::Parse("0.002"));
  EXPECT_FALSE(run.steps[0].llm.usage);
  EXPECT_EQ(run.steps[1].tool.name, "execute_bash");
  EXPECT_EQ(run.steps[1].result.exit_code, 0);
}

TEST(OpenHandsTest, ConversationOfManyFiles) {
  auto sessions = SessionsBelow("conversation");
  ASSERT_EQ(sessions.size(), 1u);
  const Session& run = sessions[0];
  EXPECT_EQ(run.id, "conversation");
  EXPECT_EQ(run.info.cwd, "/w");
  EXPECT_EQ(run.prompt, "Count lines.");
  EXPECT_THAT(StepIds(run), testing::UnorderedElementsAre("r-9", "r-1", "k1", "r-2"));
  for (const Step& step : run.steps) {
    if (step.call_id == "r-1") {
      EXPECT_EQ(step.llm.usage->prompt(), 800);
      EXPECT_EQ(step.llm.reported_cost, Usd::Parse("0.012"));
      EXPECT_EQ(step.llm.text, "Count.");
    }
    if (step.call_id == "r-9") EXPECT_TRUE(step.llm.auxiliary);
    if (step.call_id == "k1") EXPECT_EQ(step.result.exit_code, 1);
    EXPECT_THAT(step.llm.aliases, IsEmpty());
  }
}

TEST(OpenHandsTest, SavedTrajectory) {
  auto sessions = SessionsBelow("saved");
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_THAT(StepIds(sessions[0]), ElementsAre("event-2", "gen-5", "t6"));
  EXPECT_EQ(sessions[0].steps[0].llm.text, "1 + 1 equals 2.");
}

}  // namespace
}  // namespace clawtrace::capture

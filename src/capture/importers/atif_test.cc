// What only this format has; what every importer must do is in tests/conformance/importer_test.cc. The way
// out and back is in tests/atif_test.cc.
#include <gmock/gmock.h>

#include "capture/gather.h"
#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kAtif;

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Session> SessionsBelow(const std::string& name) {
  Plan plan = PlanInputs({test::Golden("atif/" + name).string()});
  EXPECT_EQ(plan.units.size(), 1u);
  EXPECT_EQ(plan.unrecognised_files, 0) << "the trial's result describes its trajectories";
  std::vector<Session> sessions;
  for (const Unit& unit : plan.units) {
    for (Session& session : ReadUnit(unit, plan, {}).sessions) sessions.push_back(std::move(session));
  }
  return sessions;
}

std::vector<std::string> StepIds(const Session& session) {
  std::vector<std::string> ids;
  for (const Step& step : session.steps) ids.push_back(step.call_id);
  return ids;
}

std::vector<Session> Read(std::string_view text, std::vector<std::string> skips = {},
                          std::string sidecar = {}) {
  test::Collected log;
  test::ReadText(kAtif, text, &log, "/trial/agent/trajectory.json", std::move(sidecar));
  EXPECT_EQ(log.skips, skips);
  return AssembleSessions(log.facts);
}

std::string Document(const std::string& steps, const std::string& more = "") {
  return R"({"schema_version":"ATIF-v1.6","session_id":"s","agent":{"name":"a","version":"1"},"steps":[)" +
         steps + "]" + more + "}";
}

TEST(AtifImporterTest, TrialOfThreeDocuments) {
  auto sessions = SessionsBelow("trial");
  ASSERT_EQ(sessions.size(), 1u);
  const Session& trial = sessions[0];
  EXPECT_EQ(trial.id, "trial-7");
  EXPECT_EQ(trial.task_id, "count-words");
  EXPECT_EQ(trial.outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(trial.outcome.source, OutcomeSource::kVerifier);
  EXPECT_EQ(trial.prompt, "Count the words of poem.txt and write the number to count.txt.");
  EXPECT_THAT(StepIds(trial), ElementsAre("step-2", "call_0_1", "call_0_2", "step-3", "call_1_1",
                                          "spawn-trial-7-summarization-1-summary", "cont-1/step-3",
                                          "cont-1/call_1_1", "cont-1/step-4"));
  // What two commands printed together is the last one's.
  EXPECT_EQ(trial.steps[1].result.status, ToolStatus::kUnknown);
  EXPECT_EQ(trial.steps[2].result.output, "roses are red\n3 poem.txt\n");
  EXPECT_EQ(trial.steps[4].result.status, ToolStatus::kError);
  EXPECT_EQ(trial.steps[7].result.exit_code, 0);
  EXPECT_EQ(trial.steps[3].llm.usage, (Usage{.uncached_input = 260, .cache_read = 640, .output = 40}));
  EXPECT_EQ(trial.steps[3].llm.reported_cost, Usd::Parse("0.00185"));
  EXPECT_EQ(trial.steps[8].llm.stop_reason, "stop");
  const Step& spawn = trial.steps[5];
  ASSERT_EQ(spawn.children.size(), 1u);
  EXPECT_EQ(spawn.children[0].info.agent_name, "demo-agent-summary");
  // Copied steps were paid for where they were made.
  EXPECT_THAT(StepIds(spawn.children[0]), ElementsAre("step-4"));
  // All three add up to what the trial says it used.
  Usage sum;
  for (const Session* session : {&trial, &spawn.children[0]}) {
    for (const Step& step : session->steps) {
      if (step.llm.usage) sum += *step.llm.usage;
    }
  }
  EXPECT_EQ(sum.prompt(), 4000);
  EXPECT_EQ(sum.output, 330);
}

TEST(AtifImporterTest, EmbeddedSubAgent) {
  auto sessions = SessionsBelow("embedded");
  ASSERT_EQ(sessions.size(), 1u);
  const Session& run = sessions[0];
  EXPECT_EQ(run.id, "run-4/lead");
  EXPECT_EQ(run.compactions, 1);
  EXPECT_THAT(StepIds(run), ElementsAre("d1", "step-4", "step-5"));
  EXPECT_EQ(run.steps[0].turn, 0) << "no model asked for it";
  ASSERT_EQ(run.steps[0].children.size(), 1u);
  EXPECT_EQ(
      run.steps[1].llm.usage,
      (Usage{
          .uncached_input = 5, .cache_read = 100, .cache_write_unknown = 15, .output = 12, .reasoning = 5}));
  EXPECT_EQ(run.steps[1].llm.attempts, 2);
  EXPECT_FALSE(run.steps[2].llm.usage) << "unknown is not 0";
  const Session& child = run.steps[0].children[0];
  EXPECT_EQ(child.id, "run-4/lead/helper");
  EXPECT_EQ(child.steps[0].llm.model, "gpt-4.1-mini");
  EXPECT_EQ(child.steps[1].result.exit_code, 2);
  EXPECT_EQ(child.steps[1].result.status, ToolStatus::kError);
  EXPECT_THAT(child.notes, ElementsAre("calls_not_listed"));
}

TEST(AtifImporterTest, TotalsWhereNoStepCounts) {
  auto sessions = Read(Document(R"({"source":"agent","message":"x"})",
                                R"(,"final_metrics":{"total_prompt_tokens":90,"total_completion_tokens":9,)"
                                R"("total_cached_tokens":40,"total_cost_usd":0.5})"));
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].info.reported_usage, (Usage{.uncached_input = 50, .cache_read = 40, .output = 9}));
  EXPECT_EQ(sessions[0].info.reported_cost, Usd::Parse("0.5"));
}

TEST(AtifImporterTest, OutcomeOfTheTrial) {
  auto verdict = [](std::string sidecar) {
    return Read(Document(R"({"source":"agent","message":"x"})"), {}, std::move(sidecar)).at(0).outcome;
  };
  EXPECT_EQ(verdict(R"({"trial_name":"t","verifier_result":{"rewards":{"reward":0}}})").verdict,
            Verdict::kFailure);
  EXPECT_EQ(verdict(R"({"trial_name":"t","verifier_result":{"rewards":{"pass":0.25}}})").score_ppm, 250'000);
  EXPECT_EQ(
      verdict(R"({"trial_name":"t","verifier_result":null,"exception_info":{"exception_type":"X"}})").verdict,
      Verdict::kError);
  EXPECT_EQ(verdict(R"({"trial_name":"t","verifier_result":null})").verdict, Verdict::kUnknown);
  EXPECT_EQ(verdict(R"({"some":"other result.json"})").verdict, Verdict::kUnknown);
  EXPECT_EQ(verdict("not json").verdict, Verdict::kUnknown);
}

TEST(AtifImporterTest, UnusableCountsAreUnknown) {
  for (const char* metrics : {R"({"prompt_tokens":5,"completion_tokens":1,"cached_tokens":6})",
                              R"({"prompt_tokens":-5,"completion_tokens":1})",
                              R"({"prompt_tokens":"5","completion_tokens":1})", R"(7)"}) {
    auto sessions =
        Read(Document(R"({"source":"agent","message":"x","metrics":)" + std::string(metrics) + "}"),
             {"wrong-type:metrics"});
    EXPECT_FALSE(sessions.at(0).steps.at(0).llm.usage) << metrics;
  }
  EXPECT_FALSE(Read(Document(R"({"source":"agent","message":"x","metrics":{"cost_usd":0}})"))
                   .at(0)
                   .steps.at(0)
                   .llm.reported_cost);
}

TEST(AtifImporterTest, HugeIdsDoNotMultiply) {
  std::string huge(100'000, 'a');
  auto sessions = Read(R"({"schema_version":"ATIF-v1.6","session_id":")" + huge +
                       R"(","agent":{"name":"a","version":"1"},"steps":[{"source":"agent","message":"x"}]})");
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_LT(sessions[0].id.size(), 500u);
  EXPECT_NE(sessions[0].id, Read(R"({"schema_version":"ATIF-v1.6","session_id":")" + huge +
                                 R"(b","agent":{"name":"a","version":"1"},"steps":[]})")
                                .at(0)
                                .id);
}

TEST(AtifImporterTest, OtherTrajectoriesAreNotTaken) {
  EXPECT_FALSE(kAtif.sniff(R"([{"episode":0,"prompt":"ATIF-v1.6","response":"x"}])"));
  EXPECT_FALSE(kAtif.sniff(R"({"schema_version":"ATIF-v2.0","steps":[]})"));
  EXPECT_TRUE(kAtif.sniff(R"({"schema_version":"ATIF-v1.0","steps":[{"step_id":1,"sou)"));
}

}  // namespace
}  // namespace clawtrace::capture

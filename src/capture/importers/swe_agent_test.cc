// What only SWE-agent's and mini-swe-agent's formats have; what every importer must do is in
// tests/conformance/importer_test.cc.
#include <gmock/gmock.h>

#include "capture/gather.h"
#include "capture/importers/recording_test_util.h"
#include "capture/importers/swe_report.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kSweAgent;
extern const Importer kMiniSweAgent;

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Session Only(const std::string& path) {
  Plan plan = PlanInputs({test::Golden(path).string()});
  EXPECT_EQ(plan.units.size(), 1u) << path;
  std::vector<Session> sessions;
  for (const Unit& unit : plan.units) {
    for (Session& session : ReadUnit(unit, plan, {}).sessions) sessions.push_back(std::move(session));
  }
  EXPECT_EQ(sessions.size(), 1u) << path;
  if (sessions.empty()) return {};
  EXPECT_THAT(sessions[0].skipped, IsEmpty()) << path;
  return std::move(sessions[0]);
}

std::vector<std::string> Tools(const Session& session) {
  std::vector<std::string> out;
  for (const Step& step : session.steps) {
    if (step.kind == StepKind::kToolUse)
      out.push_back(step.tool.name + " " +
                    std::string(step.result.status == ToolStatus::kError ? "failed" : "ok"));
  }
  return out;
}

TEST(SweAgentTest, TotalsBelongToTheSession) {
  Session run = Only("swe-agent/old/demo__sum-1.traj");
  EXPECT_TRUE(run.id.starts_with("demo__sum-1-")) << run.id;
  EXPECT_EQ(run.task_id, "demo__sum-1");
  EXPECT_EQ(run.prompt, "Repair sum.py.");
  EXPECT_EQ(run.info.reported_cost, Usd::Parse("0.41"));
  EXPECT_EQ(run.info.reported_usage, (Usage{.uncached_input = 40100, .output = 310}));
  EXPECT_THAT(run.notes, ElementsAre("calls_not_listed", "usage_not_logged"));
  for (const Step& step : run.steps) {
    EXPECT_FALSE(step.llm.usage) << "a share would be invented";
    EXPECT_FALSE(step.llm.reported_cost);
  }
  EXPECT_THAT(Tools(run), ElementsAre("bash ok", "bash failed", "bash failed", "bash ok"));
  EXPECT_EQ(run.steps[1].tool.args, R"({"command":"ls"})");
  EXPECT_EQ(run.steps[3].tool.cwd, "/repo");
  EXPECT_EQ(run.steps[6].llm.stop_reason, "submitted");
  EXPECT_EQ(run.outcome.verdict, Verdict::kSuccess) << "results.json beside it";
}

TEST(SweAgentTest, FailuresAreToldByTheirText) {
  for (const char* failed :
       {"ninja\r\nTraceback (most recent call last):\r\n  File \"x.py\", line 6\r\nexc.NoSuchModuleError: no "
        "plugin",
        "strings: 'flash.img': No such file", "[Your proposed edit has introduced new syntax error(s).]\n"})
    EXPECT_TRUE(SaysFailed(failed)) << failed;
  for (const char* fine :
       {"see\nTraceback (most recent call last):\n  File \"x.py\"\nKeyError: 1\nrecovered, 3 rows",
        "[File: a.py]\n1:"})
    EXPECT_FALSE(SaysFailed(fine)) << fine;
}

TEST(SweAgentTest, ReplaysAskedNoModel) {
  Session run = Only("swe-agent/old/replayed.traj");
  EXPECT_THAT(run.notes, ElementsAre("no_model_asked"));
  for (const Step& step : run.steps) {
    if (step.kind != StepKind::kLlmCall) continue;
    EXPECT_FALSE(step.llm.billed);
  }
  EXPECT_EQ(run.outcome.verdict, Verdict::kUnknown);
}

TEST(SweAgentTest, FunctionCallsOfTheHistory) {
  Session run = Only("swe-agent/new");
  EXPECT_EQ(run.task_id, "demo__x.1234.pr_2");
  EXPECT_EQ(run.info.agent_version, "1.0.1");
  EXPECT_THAT(Tools(run), ElementsAre("str_replace_editor ok", "bash failed"));
  EXPECT_EQ(run.steps[1].call_id, "toolu_1");
  EXPECT_EQ(run.steps[3].result.error, "bash: cd: /nowhere: No such file or directory");
  EXPECT_EQ(run.steps[4].llm.stop_reason, "submitted (exit_cost)");
  EXPECT_EQ(run.steps[4].llm.model, "claude-3-5-sonnet-20241022");
  EXPECT_EQ(run.outcome.verdict, Verdict::kFailure);
}

TEST(MiniSweAgentTest, CallsWithTheirUsageAndCost) {
  Session run = Only("mini-swe-agent/current");
  EXPECT_EQ(run.task_id, "demo__y-9");
  EXPECT_EQ(run.info.cwd, "/testbed");
  EXPECT_EQ(run.outcome.verdict, Verdict::kSuccess);
  EXPECT_THAT(Tools(run), ElementsAre("bash ok", "bash failed", "bash failed"));
  ASSERT_EQ(run.steps.size(), 7u);
  EXPECT_EQ(run.steps[2].llm.usage, (Usage{.uncached_input = 276, .cache_read = 1024, .output = 20}));
  EXPECT_EQ(run.steps[2].llm.reported_cost, Usd::Parse("0.0008"));
  EXPECT_EQ(run.steps[0].llm.model, "gpt-4.1-mini-2025-04-14");
  EXPECT_THAT(run.steps[0].llm.aliases, ElementsAre("chatcmpl-1"));
  EXPECT_EQ(*run.steps[0].end_ns - *run.steps[0].start_ns, 2'500'000'000);
  EXPECT_EQ(run.steps[4].result.exit_code, 1);
  EXPECT_EQ(run.steps[4].result.error, "ZeroDivisionError: division by zero");
  EXPECT_EQ(run.steps[6].result.error, "Command timed out after 30 s");
  EXPECT_EQ(run.steps[5].llm.stop_reason, "Submitted");
  EXPECT_EQ(run.prompt, "Find the bug in y.py.");
}

TEST(MiniSweAgentTest, BareList) {
  Session run = Only("mini-swe-agent/bare");
  EXPECT_THAT(Tools(run), ElementsAre("bash ok", "bash failed"));
  EXPECT_THAT(run.notes, ElementsAre("usage_not_logged"));
  EXPECT_EQ(run.steps[1].tool.args, R"({"command":"echo hello"})");
  EXPECT_EQ(run.steps[3].result.exit_code, 1);
  EXPECT_FALSE(run.steps[0].llm.usage);
}

TEST(SweReportTest, FormsOfReports) {
  auto verdict = [](std::string_view report) {
    auto outcome = OutcomeInReport(report, "a__b-1");
    return outcome ? outcome->verdict : Verdict::kUnknown;
  };
  EXPECT_EQ(verdict(R"({"a__b-1":{"resolved":true}})"), Verdict::kSuccess);
  EXPECT_EQ(verdict(R"({"a__b-1":{"resolved":false}})"), Verdict::kFailure);
  EXPECT_EQ(verdict(R"({"instance_id":"a__b-1","resolved":true})"), Verdict::kSuccess);
  EXPECT_EQ(verdict(R"({"instance_id":"a__b-2","resolved":true})"), Verdict::kUnknown);
  EXPECT_EQ(verdict(R"({"resolved_ids":["a__b-2"],"unresolved_ids":["a__b-1"]})"), Verdict::kFailure);
  EXPECT_EQ(verdict(R"({"resolved":["a__b-1"],"applied":["a__b-1"]})"), Verdict::kSuccess);
  EXPECT_EQ(verdict(R"({"resolved_ids":["a__b-2"]})"), Verdict::kUnknown);
  EXPECT_EQ(verdict(R"({"submitted_ids":["a__b-1"],"error_ids":["a__b-1"]})"), Verdict::kError);
  EXPECT_EQ(verdict("[1"), Verdict::kUnknown);
  EXPECT_EQ(ReportPaths("runs/x/x.traj"),
            "runs/x/report.json\nruns/x/results.json\nruns/report.json\nruns/results.json");
  EXPECT_EQ(ReportPaths("x.traj"), "report.json\nresults.json");
}

}  // namespace
}  // namespace clawtrace::capture

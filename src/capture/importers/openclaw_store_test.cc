// OpenClaw's database. Fixtures: tests/support/make_openclaw_database.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/gather.h"
#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kOpenClaw;

namespace {

using test::Collected;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Collected ReadDatabase(const test::fs::path& path) {
  Collected out;
  EXPECT_TRUE(kOpenClaw.read_database({path.string(), ""}, &out));
  return out;
}

const test::fs::path kShapes = "openclaw/database-shapes/agents/main/agent/openclaw-agent.sqlite";

TEST(OpenClawStoreTest, RecordingGivesItsTruth) {
  Collected read = ReadDatabase(test::Golden("openclaw/database/openclaw-agent.sqlite"));
  EXPECT_THAT(read.skips, IsEmpty());
  auto sessions = AssembleSessions(read.facts);
  ASSERT_EQ(sessions.size(), 1u);
  const Session& main = sessions[0];
  EXPECT_EQ(main.id, "demo-session");
  EXPECT_EQ(main.info.agent, "openclaw");
  EXPECT_EQ(main.info.agent_version, "2026.9.6");
  Usage sum;
  int calls = 0, tools = 0;
  const Session* child = nullptr;
  for (const Step& step : main.steps) {
    if (step.kind == StepKind::kLlmCall) ++calls, sum += *step.llm.usage;
    if (step.kind != StepKind::kLlmCall) ++tools;
    for (const Session& kid : step.children) child = &kid;
    if (!step.children.empty()) EXPECT_EQ(step.call_id, "call_mock_main09a");
  }
  EXPECT_EQ(calls, 13);
  EXPECT_EQ(tools, 13);
  EXPECT_EQ(sum.uncached_input, 182 + 22858);
  EXPECT_EQ(sum.cache_read, 228120);
  EXPECT_EQ(sum.output, 1339);
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->info.agent_name, "Check the totals");
}

// A trajectory export holds the main agent's entries; the child has an export of its own.
TEST(OpenClawStoreTest, TrajectoryExportGivesItsTruth) {
  Plan plan = PlanInputs({test::Golden("openclaw/trajectory-export").string()});
  ASSERT_EQ(plan.units.size(), 1u);
  auto sessions = ReadUnit(plan.units[0], plan, {}).sessions;
  ASSERT_EQ(sessions.size(), 1u);
  const Session& main = sessions[0];
  EXPECT_THAT(main.skipped, IsEmpty());
  EXPECT_EQ(main.id, "demo-session");
  EXPECT_EQ(main.info.agent_version, "2026.9.6");
  Usage sum;
  int calls = 0, tools = 0;
  for (const Step& step : main.steps) {
    if (step.kind == StepKind::kLlmCall) ++calls, sum += *step.llm.usage;
    if (step.kind != StepKind::kLlmCall) ++tools;
  }
  EXPECT_EQ(calls, 13);
  EXPECT_EQ(tools, 13);
  EXPECT_EQ(sum.uncached_input, 182 + 22858);
  EXPECT_EQ(sum.output, 1339);
  ASSERT_EQ(main.skills.size(), 1u);
  EXPECT_EQ(main.skills[0].stage, SkillStage::kLoaded);
}

TEST(OpenClawStoreTest, SkillsOfferedAndRead) {
  Collected read = ReadDatabase(test::Golden("openclaw/database/openclaw-agent.sqlite"));
  const Session main = AssembleSessions(read.facts).at(0);
  EXPECT_EQ(main.skills.size(), 21u);
  for (const SkillUse& skill : main.skills) {
    bool used = skill.name == "orders-summary";
    EXPECT_EQ(skill.stage, used ? SkillStage::kLoaded : SkillStage::kListed) << skill.name;
    if (!used) continue;
    EXPECT_EQ(skill.path, ".agents/skills/orders-summary/SKILL.md");
    EXPECT_EQ(skill.call, "call_mock_main00a");
  }
}

struct Tool {
  std::string id, name, answer;
  ToolStatus status;
  bool operator==(const Tool&) const = default;
};

TEST(OpenClawStoreTest, CallsInsideCallsCountOnce) {
  Collected read = ReadDatabase(test::Golden(kShapes.string()));
  std::vector<Tool> tools;
  for (const Fact& fact : read.facts) {
    if (fact.kind != FactKind::kToolUse) continue;
    const Fact* result = read.Find(FactKind::kToolResult, fact.id);
    ASSERT_NE(result, nullptr) << fact.id;
    tools.push_back({fact.id, fact.tool->name, fact.tool->llm_call, result->result->status});
  }
  EXPECT_THAT(tools, UnorderedElementsAre(Tool{"c3", "web_search", "e2", ToolStatus::kOk},
                                          Tool{"n1", "exec", "e2", ToolStatus::kError},
                                          Tool{"n2", "sessions_spawn", "e2", ToolStatus::kOk}));
  EXPECT_EQ(read.Find(FactKind::kToolUse, "c3")->tool->args, R"({"query":"q"})");
}

TEST(OpenClawStoreTest, EverySessionOnceWhereverItLies) {
  Collected read = ReadDatabase(test::Golden(kShapes.string()));
  EXPECT_THAT(read.skips, IsEmpty());
  std::map<std::string, int64_t> inputs;
  for (const Session& session : AssembleSessions(read.facts)) {
    for (const Step& step : session.steps) {
      if (step.kind == StepKind::kLlmCall) inputs[session.id] += step.llm.usage->uncached_input;
    }
  }
  // The fork's copy of its origin's first answer (200) is the origin's; one answer in two rows is one.
  std::map<std::string, int64_t> truth = {{"main-1", 410}, {"main-2", 300},  {"fork-1", 400},
                                          {"cold-1", 800}, {"cold-2", 1300}, {"gone-1", 900}};
  EXPECT_EQ(inputs, truth);
  EXPECT_EQ(read.Find(FactKind::kSession, "fork-1")->session->forked_from, "main-1");
  // The key was reset after the child began: the parent is the session of then.
  EXPECT_EQ(read.Find(FactKind::kSession, "child-1")->session->parent_session, "main-1");
}

TEST(OpenClawStoreTest, ArchiveThatIsNotThereIsCounted) {
  test::fs::path copy = test::fs::path(testing::TempDir()) / "ct_openclaw_alone.sqlite";
  test::fs::copy_file(test::Golden(kShapes.string()), copy, test::fs::copy_options::overwrite_existing);
  Collected read = ReadDatabase(copy);
  test::fs::remove(copy);
  EXPECT_THAT(read.skips, ElementsAre("missing-archive"));
  EXPECT_EQ(read.Find(FactKind::kSession, "cold-1"), nullptr);
  EXPECT_NE(read.Find(FactKind::kSession, "cold-2"), nullptr);
}

TEST(OpenClawStoreTest, FolderOfAnAgentIsOneUnit) {
  Plan plan = PlanInputs({test::Golden("openclaw/database-shapes").string()});
  ASSERT_EQ(plan.units.size(), 1u);
  EXPECT_EQ(plan.units[0].files.size(), 2u);
  EXPECT_EQ(ReadUnit(plan.units[0], plan, {}).sessions.size(), 6u) << "cold-1 lies in both files";
}

}  // namespace
}  // namespace clawtrace::capture

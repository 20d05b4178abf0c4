// OpenClaw's database. Fixtures: tests/support/make_openclaw_database.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/temp_folder_test_util.h"
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
  clawtrace::test::TempFolder folder;
  test::fs::path copy = folder / "openclaw-agent.sqlite";
  test::fs::copy_file(test::Golden(kShapes.string()), copy);
  Collected read = ReadDatabase(copy);
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

// Databases of several agents in one folder, written for one test.
class OpenClawAgentsTest : public testing::Test {
 protected:
  void Run(const std::string& path, const std::string& sql) {
    test::fs::create_directories((root_ / path).parent_path());
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((root_ / path).c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(db);
  }
  static std::string StoreOf(const std::string& agent) {
    return "agents/" + agent + "/agent/openclaw-agent.sqlite";
  }
  void NewAgent(const std::string& agent) {
    Run(StoreOf(agent), R"(
      CREATE TABLE session_nodes (session_key TEXT, current_session_id TEXT, entry_json TEXT, label TEXT);
      CREATE TABLE session_windows (session_id TEXT, session_key TEXT, created_at INTEGER, spawned_by TEXT);
      CREATE TABLE transcript_events (session_id TEXT, seq INTEGER, event_json TEXT, event_zstd BLOB);
      CREATE TABLE trajectory_runtime_events (session_id TEXT, seq INTEGER, event_json TEXT);)");
  }
  void Window(const std::string& agent, const std::string& id, const std::string& key, int64_t created,
              const std::string& spawned_by = "") {
    Run(StoreOf(agent), "INSERT INTO session_windows VALUES ('" + id + "','" + key + "'," +
                            std::to_string(created) + "," +
                            (spawned_by.empty() ? "NULL" : "'" + spawned_by + "'") + ")");
  }
  void Event(const std::string& agent, const std::string& session, const std::string& json,
             const std::string& table = "transcript_events") {
    Run(StoreOf(agent), "INSERT INTO " + table + " (session_id, seq, event_json) VALUES ('" + session +
                            "', (SELECT count(*) FROM " + table + "), '" + json + "')");
  }
  static std::string Answer(const std::string& id, const std::string& second, const std::string& more) {
    return R"({"type":"message","id":")" + id + R"(","parentId":null,"timestamp":"2026-10-01T10:00:)" +
           second + R"(.000Z","message":{"role":"assistant","model":"m1","provider":"p",)" + more + "}}";
  }
  static std::string Usage() { return R"("usage":{"input":100,"output":10,"cacheRead":0,"cacheWrite":0})"; }
  static std::string Fallback(const std::string& second, const std::string& model,
                              const std::string& outcome) {
    return R"({"traceSchema":"openclaw-trajectory","schemaVersion":1,"source":"runtime","type":"model.fallback_step",)"
           R"("ts":"2026-10-01T10:00:)" +
           second +
           R"(.000Z","sessionId":"s","data":{"fallbackStepType":"fallback_step",)"
           R"("fallbackStepFromModel":")" +
           model +
           R"(","fallbackStepFromFailureReason":"overloaded",)"
           R"("fallbackStepFinalOutcome":")" +
           outcome + "\"}}";
  }
  std::vector<Session> ReadAll() {
    Plan plan = PlanInputs({(root_ / "agents").string()});
    EXPECT_THAT(plan.unusable, IsEmpty());
    std::vector<const Unit*> units;
    for (const Unit& unit : plan.units) units.push_back(&unit);
    return ReadUnits(units, plan, {}).sessions;
  }

  clawtrace::test::TempFolder root_;
};

TEST_F(OpenClawAgentsTest, ASubAgentInAnotherAgentsStoreIsFound) {
  NewAgent("a"), NewAgent("b");
  Window("a", "parent-1", "agent:a:main", 100);
  Event("a", "parent-1",
        Answer("e1", "00",
               R"("stopReason":"toolUse",)" + Usage() +
                   R"(,"content":[{"type":"toolCall","id":"c1","name":"sessions_spawn","arguments":{}}])"));
  Event("a", "parent-1",
        R"({"type":"message","id":"e2","parentId":"e1","timestamp":"2026-10-01T10:00:01.000Z","message":)"
        R"({"role":"toolResult","toolCallId":"c1","toolName":"sessions_spawn","content":[],)"
        R"("details":{"childSessionKey":"agent:b:subagent:k"}}})");
  Window("b", "child-1", "agent:b:subagent:k", 150, "agent:a:main");
  Event("b", "child-1", Answer("e9", "02", R"("stopReason":"stop","content":[],)" + Usage()));
  auto sessions = ReadAll();
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].id, "parent-1");
  auto spawn = std::ranges::find(sessions[0].steps, "c1", &Step::call_id);
  ASSERT_NE(spawn, sessions[0].steps.end());
  ASSERT_EQ(spawn->children.size(), 1u);
  EXPECT_EQ(spawn->children[0].id, "child-1");
}

TEST_F(OpenClawAgentsTest, TheGatewaysRunsSayWhoAsked) {
  NewAgent("a");
  Window("a", "parent-1", "agent:a:main", 100);
  Window("a", "child-1", "agent:a:subagent:k", 150);
  Event("a", "parent-1", Answer("e1", "00", R"("stopReason":"stop","content":[],)" + Usage()));
  Event("a", "child-1", Answer("e9", "02", R"("stopReason":"stop","content":[],)" + Usage()));
  EXPECT_EQ(ReadAll().size(), 2u);
  Run("state/openclaw.sqlite", R"(
    CREATE TABLE subagent_runs (run_id TEXT, child_session_key TEXT, requester_session_key TEXT, created_at INTEGER);
    INSERT INTO subagent_runs VALUES ('r', 'agent:a:subagent:k', 'agent:a:main', 149);)");
  auto sessions = ReadAll();
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].id, "parent-1");
}

// The step that succeeds repeats the failure before it; the last of a chain may be an entry, too.
TEST_F(OpenClawAgentsTest, ModelsThatFailedAreAttempts) {
  NewAgent("a");
  Window("a", "s", "agent:a:main", 100);
  Event("a", "s", Answer("e1", "09", R"("stopReason":"stop","content":[],)" + Usage()));
  Event("a", "s", Answer("e2", "20", R"("stopReason":"error","errorMessage":"down","content":[])"));
  for (auto& [second, model, outcome] :
       {std::tuple("01", "p/m0", "next_fallback"), std::tuple("10", "p/m0", "succeeded"),
        std::tuple("15", "p/m0", "next_fallback"), std::tuple("21", "p/m1", "chain_exhausted")})
    Event("a", "s", Fallback(second, model, outcome), "trajectory_runtime_events");
  auto sessions = ReadAll();
  ASSERT_EQ(sessions.size(), 1u);
  std::vector<std::string> calls;
  for (const Step& step : sessions[0].steps) calls.push_back(step.llm.model + ":" + step.llm.error);
  EXPECT_THAT(calls, ElementsAre("m0:overloaded", "m1:", "m0:overloaded", "m1:down"));
}

}  // namespace
}  // namespace clawtrace::capture

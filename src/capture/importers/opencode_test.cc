// OpenCode's three stores. Fixtures: tests/support/make_opencode_fixtures.py, and two exports of the
// recording.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/temp_folder_test_util.h"
#include "capture/gather.h"
#include "capture/importers/recording_test_util.h"
#include "model/inherit.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kOpencode;

namespace {

using test::Collected;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Session> SessionsOf(const test::fs::path& path) {
  Plan plan = PlanInputs({path.string()});
  EXPECT_THAT(plan.unusable, IsEmpty());
  EXPECT_EQ(plan.units.size(), 1u) << path;
  if (plan.units.empty()) return {};
  return ReadUnit(plan.units[0], plan, {}).sessions;
}

struct Sum {
  Usage usage;
  int calls = 0;
  std::vector<std::string> tools;
};

Sum SumOf(const Session& session) {
  Sum sum;
  for (const Step& step : session.steps) {
    if (step.kind != StepKind::kLlmCall) {
      sum.tools.push_back(step.tool.name);
      continue;
    }
    ++sum.calls;
    if (step.llm.usage) sum.usage += *step.llm.usage;
  }
  return sum;
}

// What OpenCode's fork does: the messages up to a point, under new ids, in a session of its own.
void Fork(const std::string& path, const std::string& from, const std::string& to, int64_t created) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  std::string sql = "INSERT INTO session SELECT '" + to +
                    "', project_id, NULL, directory, title, version, agent, " + std::to_string(created) +
                    ", time_updated FROM session WHERE id = '" + from + "';" +
                    "INSERT INTO message SELECT id || '" + to + "', '" + to +
                    "', time_created, time_updated, data FROM message WHERE session_id = '" + from + "';" +
                    "INSERT INTO part SELECT id || '" + to + "', message_id || '" + to + "', '" + to +
                    "', time_created, time_updated, data FROM part WHERE session_id = '" + from + "';";
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_close(db);
}

TEST(OpencodeTest, ForksCountOnce) {
  clawtrace::test::TempFolder folder;
  test::fs::path path = folder / "opencode.db";
  test::fs::copy_file(test::Golden("opencode/database/opencode.db"), path);
  test::fs::permissions(path, test::fs::perms::owner_all);
  constexpr int64_t kLater = 1'900'000'000'000;
  std::string original = SessionsOf(path).at(0).id;
  Fork(path, original, "ses_fork1", kLater);
  Fork(path, "ses_fork1", "ses_fork2", kLater + 1);
  auto sessions = SessionsOf(path);
  ASSERT_EQ(sessions.size(), 3u);
  std::vector<SessionCalls> calls;
  for (const Session& session : sessions) calls.push_back(CallsOf(session));
  auto inherited = FindInherited(calls);
  for (size_t i = 0; i < sessions.size(); ++i) {
    bool origin = sessions[i].id == original;
    EXPECT_EQ(inherited[i].size(), origin ? 0u : 12u) << sessions[i].id;
    EXPECT_EQ(sessions[i].info.forked_from, origin ? "" : original);
    bool has_child =
        std::ranges::any_of(sessions[i].steps, [](const Step& s) { return !s.children.empty(); });
    EXPECT_EQ(has_child, origin) << "what a copied call spawned is the origin's";
  }
}

TEST(OpencodeTest, DatabaseAndExportsGiveTheTruth) {
  for (const char* store : {"opencode/database/opencode.db", "opencode/export"}) {
    auto sessions = SessionsOf(test::Golden(store));
    ASSERT_EQ(sessions.size(), 1u) << store;
    const Session& main = sessions[0];
    EXPECT_THAT(main.skipped, IsEmpty());
    Sum sum = SumOf(main);
    EXPECT_EQ(sum.calls, 12) << store;
    EXPECT_EQ(sum.usage.uncached_input, 168 + 15792);
    EXPECT_EQ(sum.usage.cache_read, 138600);
    EXPECT_EQ(sum.usage.output, 1255);
    EXPECT_THAT(sum.tools, ElementsAre("skill", "read", "read", "read", "bash", "read", "edit", "edit",
                                       "bash", "read", "read", "task", "write"));
    const Session* child = nullptr;
    for (const Step& step : main.steps) {
      for (const Session& kid : step.children) child = &kid;
      if (!step.children.empty()) EXPECT_EQ(step.call_id, "call_mock_main09a");
    }
    ASSERT_NE(child, nullptr) << store;
    EXPECT_EQ(child->info.agent_name, "general");
    EXPECT_EQ(SumOf(*child).usage.output, 264);
    EXPECT_THAT(main.skills, IsEmpty()) << "the one call of the skill tool failed";
  }
}

// The same session in the database, an export and the older tree is one session.
TEST(OpencodeTest, StoresOfOneSessionAreOne) {
  clawtrace::test::TempFolder folder;
  test::fs::copy(test::Golden("opencode/older"), folder.path(), test::fs::copy_options::recursive);
  test::fs::copy_file(test::Golden("opencode/database/opencode.db"), folder / "opencode.db");
  for (auto& file : test::FilesBelow(test::Golden("opencode/export")))
    test::fs::copy_file(file, folder / file.filename());
  auto sessions = SessionsOf(folder.path());
  ASSERT_EQ(sessions.size(), 1u);
  Sum sum = SumOf(sessions[0]);
  EXPECT_EQ(sum.calls, 12);
  EXPECT_EQ(sum.usage.output, 1255);
  EXPECT_EQ(sum.tools.size(), 13u);
}

TEST(OpencodeTest, SessionsAreOrderedApart) {
  test::Collected read;
  ASSERT_TRUE(kOpencode.read_database({test::Golden("opencode/database/opencode.db").string(), ""}, &read));
  kOpencode.resolve(&read.facts);
  std::map<std::string, int64_t> least, facts, most;
  for (const Fact& fact : read.facts) {
    if (fact.ordinal < 0) continue;
    ++facts[fact.session_id];
    most[fact.session_id] = std::max(most[fact.session_id], fact.ordinal);
    least.try_emplace(fact.session_id, fact.ordinal);
    least[fact.session_id] = std::min(least[fact.session_id], fact.ordinal);
  }
  EXPECT_EQ(facts.size(), 2u);
  for (auto& [session, count] : facts) {
    EXPECT_EQ(least[session], 0) << session;
    EXPECT_EQ(most[session], count - 1) << session;
  }
}

TEST(OpencodeTest, TreeOfFilesIsOneSession) {
  auto sessions = SessionsOf(test::Golden("opencode/older"));
  ASSERT_EQ(sessions.size(), 1u);
  Sum sum = SumOf(sessions[0]);
  EXPECT_EQ(sum.calls, 3);
  EXPECT_EQ(sum.usage.uncached_input, 9800 + 560 + 560);
  EXPECT_THAT(sum.tools, ElementsAre("skill", "read", "read", "read"));
  EXPECT_EQ(sessions[0].steps[0].llm.model, "demo-coder");
  EXPECT_EQ(sessions[0].steps[0].llm.text, "There is a skill for this.");
}

const Step* StepOf(const Session& session, std::string_view call) {
  for (const Step& step : session.steps) {
    if (step.call_id == call) return &step;
  }
  return nullptr;
}

TEST(OpencodeTest, EveryStepOfAMessageIsACall) {
  const Session session = SessionsOf(test::Golden("opencode/shapes")).at(0);
  const Step *first = StepOf(session, "msg_02"), *second = StepOf(session, "prt_0012");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(
      first->llm.usage,
      (Usage{.uncached_input = 100, .cache_read = 5, .cache_write_unknown = 3, .output = 27, .reasoning = 7}))
      << "reasoning is beside the output there, inside it here";
  EXPECT_EQ(first->llm.attempts, 2);
  EXPECT_EQ(first->llm.thinking_bytes, 8);
  EXPECT_EQ(first->llm.reported_cost, Usd::FromDouble(0.25));
  EXPECT_EQ(second->llm.usage->uncached_input, 200);
  EXPECT_EQ(second->llm.text, "now");
  std::vector<std::string> order;
  for (const Step& step : session.steps) order.push_back(step.call_id);
  EXPECT_THAT(order, ElementsAre("msg_02", "call_0@prt_0006", "prt_0012", "call_1", "call_2", "msg_03",
                                 "call_0@prt_0014", "msg_04", "msg_05", "call_9", "msg_06"));
}

TEST(OpencodeTest, FailuresAndUnknowns) {
  const Session session = SessionsOf(test::Golden("opencode/shapes")).at(0);
  EXPECT_EQ(StepOf(session, "call_1")->result.exit_code, 1);
  EXPECT_EQ(StepOf(session, "call_1")->result.status, ToolStatus::kError);
  EXPECT_EQ(StepOf(session, "call_0@prt_0014")->result.status, ToolStatus::kError)
      << "the tool called invalid";
  EXPECT_EQ(StepOf(session, "call_9")->result.status, ToolStatus::kAborted);
  EXPECT_EQ(StepOf(session, "msg_04")->llm.error, "overloaded");
  EXPECT_EQ(StepOf(session, "msg_04")->llm.usage, Usage{}) << "refused: nothing was used";
  EXPECT_EQ(StepOf(session, "msg_05")->llm.usage, std::nullopt) << "aborted: nobody knows";
  EXPECT_TRUE(StepOf(session, "msg_06")->llm.auxiliary);
  ASSERT_EQ(session.skipped.size(), 1u);
  EXPECT_EQ(session.skipped[0].reason, "unknown-type");
}

TEST(OpencodeTest, SkillsLoadedAndOpened) {
  const Session session = SessionsOf(test::Golden("opencode/shapes")).at(0);
  ASSERT_EQ(session.skills.size(), 1u);
  EXPECT_EQ(session.skills[0].name, "orders");
  EXPECT_EQ(session.skills[0].stage, SkillStage::kOpened);
  EXPECT_EQ(session.skills[0].path, ".agents/skills/orders/notes.md");
}

}  // namespace
}  // namespace clawtrace::capture

#include "replay/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/temp_folder_test_util.h"
#include "replay/oracle_verdict.h"
#include "replay/plain_workplace.h"
#include "replay/sandbox.h"
#include "replay/scratch_folder.h"
#include "replay/workplace_test_util.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

enum class Walls { kNone, kSandbox };

class OracleTest : public ::testing::TestWithParam<Walls> {
 protected:
  bool walls() const { return GetParam() == Walls::kSandbox; }
  void SetUp() override {
    if (walls()) CT_NEEDS_SANDBOX();
    fs::create_directory(Path("work"));
    fs::create_directory(Path("scratch"));
  }
  std::string Path(std::string_view name) const { return folder_ / name; }
  void Write(std::string_view name, std::string_view text) const {
    ASSERT_TRUE(WriteFileAtomically(Path(name), text));
  }
  OracleSite Site() const {
    OracleSite site;
    site.workspace = Path("work"), site.scratch = Path("scratch"), site.walls = walls();
    site.at = walls() ? "/tmp/demo" : Path("scratch") + "/work";
    // Each asking knows its number: so tests make a flaky oracle.
    site.open = [this, asking = 0](WorkplaceOptions options) mutable {
      options.environment.emplace_back("ASKING", std::to_string(++asking));
      SandboxHost host = TestHost();
      host.scratch = Path("scratch");
      return walls() ? OpenSandbox(options, host) : OpenPlainWorkplace(options, host);
    };
    return site;
  }
  OracleResult Ask(OracleSpec spec) const {
    spec.name = "test";
    auto result = RunOracle(spec, Site());
    EXPECT_TRUE(result) << result.error().message;
    EXPECT_TRUE(fs::is_empty(Path("scratch"))) << "something was left behind";
    return result ? std::move(*result) : OracleResult();
  }
  OracleResult AskShell(std::string command) const { return Ask({.command = std::move(command)}); }

 private:
  test::TempFolder folder_;
};

INSTANTIATE_TEST_SUITE_P(Walls, OracleTest, ::testing::Values(Walls::kNone, Walls::kSandbox),
                         [](const auto& param) { return param.param == Walls::kNone ? "Plain" : "Sandbox"; });

TEST_P(OracleTest, ExitCodes) {
  auto status = [&](std::string command) { return AskShell(std::move(command)).judgement.status; };
  EXPECT_EQ(status("true"), OracleStatus::kPass);
  EXPECT_EQ(status("exit 1"), OracleStatus::kFail);
  EXPECT_EQ(status("exit 2"), OracleStatus::kFail);
  EXPECT_EQ(status("no-such-program"), OracleStatus::kError);
  EXPECT_EQ(status("/etc/passwd"), OracleStatus::kError);  // 126
  EXPECT_EQ(status("bash -c 'kill -9 $$'"), OracleStatus::kError);
  EXPECT_EQ(AskShell("exit 3").runs.front().format, "exit-code");
  EXPECT_EQ(AskShell("exit 3").runs.front().exit_code, 3);
}

TEST_P(OracleTest, TimeoutIsAStateOfItsOwn) {
  OracleResult result = Ask(
      {.command = "mkdir -p $LOGS/verifier; echo 1 > $LOGS/verifier/reward.txt; sleep 20", .wall_ms = 200});
  EXPECT_EQ(result.judgement.status, OracleStatus::kTimeout);
  EXPECT_EQ(OutcomeOf(result.judgement, "x").verdict, Verdict::kError);
}

TEST_P(OracleTest, FirstVerdictThatExistsCounts) {
  OracleResult result = AskShell(R"(
    echo '{"score": 0.25, "checks": [{"name": "a", "passed": true}, {"name": "b", "passed": false}]}' > $CLAWTRACE_ORACLE_OUT/result.json
    echo 1 > $LOGS/verifier/reward.txt; exit 0)");
  EXPECT_EQ(result.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(result.judgement.score_ppm, 250'000);
  EXPECT_EQ(result.judgement.checks.size(), 2u);
  EXPECT_EQ(result.runs.front().format, "clawtrace");
  EXPECT_EQ(AskShell("echo 1 > $LOGS/verifier/reward.txt; exit 1").judgement.status, OracleStatus::kPass);
}

TEST_P(OracleTest, TestsBesideARewardAreItsChecks) {
  OracleResult result = AskShell(R"(
    echo 0 > $LOGS/verifier/reward.txt
    echo '{"results":{"tests":[{"name":"t1","status":"passed"},{"name":"t2","status":"failed","message":"No module named x"}]}}' > $LOGS/verifier/ctrf.json
    echo "ModuleNotFoundError: No module named 'x'")");
  EXPECT_EQ(result.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(result.judgement.tests_run, 2);
  ASSERT_EQ(result.judgement.checks.size(), 2u);
  EXPECT_EQ(result.judgement.checks[1].name, "t2");
}

TEST_P(OracleTest, NothingExecutedIsAnErrorAtWhateverReward) {
  auto status = [&](std::string output, std::string more = "") {
    return AskShell("echo 0 > $LOGS/verifier/reward.txt; " + more + " echo \"" + output + "\"; exit 0")
        .judgement.status;
  };
  EXPECT_EQ(status("/usr/bin/python3: No module named pytest"), OracleStatus::kError);
  EXPECT_EQ(status("test.sh: line 3: uv: command not found"), OracleStatus::kError);
  EXPECT_EQ(status("curl: (6) Could not resolve host: astral.sh"), OracleStatus::kError);
  EXPECT_EQ(status("", R"(echo '{"results":{"tests":[]}}' > $LOGS/verifier/ctrf.json;)"),
            OracleStatus::kError);
  EXPECT_EQ(status("==== no tests ran in 0.01s ===="), OracleStatus::kError);
  EXPECT_EQ(status("No module named 'shop'\n==== 2 failed, 1 passed in 0.1s ===="), OracleStatus::kFail);
  EXPECT_EQ(status("all is well, but wrong"), OracleStatus::kFail);
  EXPECT_EQ(AskShell("python3 -m no_such_module_at_all").judgement.status, OracleStatus::kError);
}

TEST_P(OracleTest, DisagreementIsFlakyNeverTheMajority) {
  OracleResult result = Ask({.command = "test $ASKING -ne 2", .repeat = 4});
  EXPECT_EQ(result.judgement.status, OracleStatus::kFlaky);
  EXPECT_EQ(result.judgement.message, "3 pass, 1 fail");
  EXPECT_EQ(result.judgement.score_ppm, 750'000);
  EXPECT_EQ(result.entropy_ppm, 811'278);
  EXPECT_EQ(result.runs.size(), 4u);
  Outcome outcome = OutcomeOf(result.judgement, "x");
  EXPECT_EQ(outcome.verdict, Verdict::kPartial);
  EXPECT_EQ(outcome.score_ppm, 750'000);
}

TEST_P(OracleTest, AgreementOfSeveral) {
  OracleResult result = Ask({.command = "exit 1", .repeat = 3});
  EXPECT_EQ(result.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(result.entropy_ppm, 0);
}

TEST_P(OracleTest, EveryAskingStartsFromTheSameState) {
  OracleResult result = Ask({.command = "test ! -e mark && touch mark", .repeat = 3});
  EXPECT_EQ(result.judgement.status, OracleStatus::kPass);
  EXPECT_FALSE(fs::exists(Path("work/mark")));
}

TEST_P(OracleTest, HostileOutputs) {
  auto judged = [&](const std::string& command) { return AskShell(command).judgement; };
  Judgement link = judged("ln -s /etc/passwd $LOGS/result.json");
  EXPECT_EQ(link.status, OracleStatus::kError);
  EXPECT_THAT(link.message, HasSubstr("result.json"));
  EXPECT_EQ(judged("mkfifo $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("mkdir $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("rmdir $LOGS/verifier; ln -s /etc $LOGS/verifier").status, OracleStatus::kError);
  EXPECT_EQ(judged("truncate -s 20M $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("head -c 100000 /dev/urandom > $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("printf '[%.0s' $(seq 5000) > $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("echo '{\"score\": \"1\"}' > $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("echo '{\"score\": 1e400}' > $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("echo '{\"score\": 2}' > $LOGS/result.json").status, OracleStatus::kError);
  EXPECT_EQ(judged("echo nan > $LOGS/verifier/reward.txt").status, OracleStatus::kError);
  EXPECT_EQ(judged(": > $LOGS/verifier/reward.txt").status, OracleStatus::kError);
  OracleResult bytes = AskShell("head -c 100000 /dev/urandom; exit 1");
  EXPECT_LE(bytes.runs.front().output_tail.size(), kMostTail);
}

TEST_P(OracleTest, ManyAndLongChecksAreBounded) {
  Write("work/many.py",
        "import json,os\n"
        "json.dump({'checks':[{'name':'n'*300,'passed':i!=4000,'message':'\\u00e4'*9000} for i in "
        "range(5000)]},"
        "open(os.environ['LOGS']+'/result.json','w'))\n");
  // 5,000 messages of 18 kB are too much for a verdict; 50 bytes are not.
  EXPECT_EQ(AskShell("python3 many.py").judgement.status, OracleStatus::kError);
  OracleResult result = AskShell("sed -i 's/9000/90/g' many.py; python3 many.py");
  EXPECT_EQ(result.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(result.judgement.checks.size(), kMostChecks);
  EXPECT_EQ(result.judgement.checks_left_out, 4000);
  EXPECT_LE(result.judgement.checks.front().name.size(), kMostName);
}

TEST_P(OracleTest, WhatItSees) {
  Write("work/a", "state"), Write("hidden/secret", "answer");
  OracleSpec spec{.command = R"SH(
    test "$(cat a)" = state && test "$(cat "$WORKSPACE/a")" = state && test "$PWD" = "$WORKSPACE" || exit 1
    test "$(cat "$TESTS/secret")" = answer && test -d "$LOGS/verifier" && test -z "$(ls "$LOGS/verifier")" || exit 2
    test "$LOGS" = "$CLAWTRACE_ORACLE_OUT" || exit 3
    echo changed > a && echo 1 > "$LOGS/verifier/reward.txt" || exit 4)SH",
                  .tests = Path("hidden"),
                  .repeat = 2};
  OracleResult result = Ask(spec);
  EXPECT_EQ(result.judgement.status, OracleStatus::kPass) << result.runs.front().output_tail;
  EXPECT_EQ(*ReadFile(Path("work/a")), "state");
}

TEST_P(OracleTest, PlacesOfHarbor) {
  if (!walls()) GTEST_SKIP() << "plain workplaces have no places of their own";
  Write("work/a", "state"), Write("hidden/secret", "answer");
  OracleSpec spec{.command = R"SH(
    test "$WORKSPACE" = /tmp/demo && test "$(cat /app/a)" = state || exit 1
    echo new > /app/a && test "$(cat a)" = new || exit 2
    test "$(cat /tests/secret)" = answer || exit 3
    if echo x > /tests/secret || touch /tests/new; then exit 4; fi
    echo 1 > /logs/verifier/reward.txt || exit 5)SH",
                  .tests = Path("hidden")};
  OracleResult result = Ask(spec);
  EXPECT_EQ(result.judgement.status, OracleStatus::kPass) << result.runs.front().output_tail;
  EXPECT_EQ(*ReadFile(Path("hidden/secret")), "answer");
}

TEST_P(OracleTest, BrokenPlaces) {
  OracleSite site = Site();
  site.workspace = Path("none");
  auto result = RunOracle({.command = "true"}, site);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(fs::is_empty(Path("scratch")));
}

TEST_P(OracleTest, NamesOfOracles) {
  Write("task/tests/test.sh", "echo 1 > $LOGS/verifier/reward.txt\n");
  Write("task/task.toml",
        "version = \"1.0\"\n[agent]\ntimeout_sec = 300.0\n[verifier] # limits\ntimeout_sec = 45.5\n");
  auto harbor = OracleNamed(Path("task"), "");
  ASSERT_TRUE(harbor);
  EXPECT_EQ(harbor->name, "task");
  EXPECT_EQ(harbor->tests, Path("task/tests"));
  EXPECT_EQ(harbor->wall_ms, 45'000);
  EXPECT_TRUE(harbor->must_report);
  auto folder = OracleNamed(Path("task/tests"), "");
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->name, "task");
  EXPECT_EQ(OracleNamed(Path("work"), "").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(OracleNamed("", "").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(OracleNamed("true", Path("none")).error().code, ErrorCode::kNotFound);
  auto command = OracleNamed("python3 $TESTS/check.py", Path("task/tests"));
  ASSERT_TRUE(command);
  EXPECT_EQ(command->tests, Path("task/tests"));
  EXPECT_FALSE(command->must_report);
  EXPECT_EQ(Ask(*harbor).judgement.status, OracleStatus::kPass);
  Write("task/tests/test.sh", "exit 1\n");
  EXPECT_EQ(Ask(*harbor).judgement.status, OracleStatus::kError) << "a task in Harbor's layout must report";
}

TEST_P(OracleTest, HashCoversCommandAndTests) {
  Write("t/a", "1"), Write("t/sub/b", "2");
  OracleSpec spec{.command = "true", .tests = Path("t")};
  std::string before = *HashOfOracle(spec);
  EXPECT_EQ(*HashOfOracle(spec), before);
  Write("t/sub/b", "3");
  EXPECT_NE(*HashOfOracle(spec), before);
  Write("t/sub/b", "2");
  EXPECT_EQ(*HashOfOracle(spec), before);
  fs::rename(Path("t/sub/b"), Path("t/sub/c"));
  EXPECT_NE(*HashOfOracle(spec), before);
  fs::rename(Path("t/sub/c"), Path("t/sub/b"));
  spec.command = "false";
  EXPECT_NE(*HashOfOracle(spec), before);
}

TEST(TestsToldTest, SummariesOfRunners) {
  EXPECT_EQ(TestsTold("Ran 4 tests in 0.1s\nOK\n"), 4);
  EXPECT_EQ(TestsTold("Ran 0 tests in 0.1s\n"), 0);
  EXPECT_EQ(TestsTold("===== 2 failed, 3 passed in 0.1s ====="), 5);
  EXPECT_EQ(TestsTold("===== 1 error in 0.1s ====="), 0);
  EXPECT_EQ(TestsTold("Tests:       1 failed, 2 passed, 3 total"), 3);
  EXPECT_EQ(TestsTold("test result: FAILED. 2 passed; 1 failed; 0 ignored"), 3);
  EXPECT_EQ(TestsTold("--- FAIL: TestX (0.00s)\nFAIL\n"), 1);
  EXPECT_EQ(TestsTold("nothing to see, it failed\n"), std::nullopt);
  EXPECT_EQ(TestsTold("99999999999999999999 passed"), std::nullopt);
}

}  // namespace
}  // namespace clawtrace::replay

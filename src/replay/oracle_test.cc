#include "replay/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "replay/oracle_verdict.h"
#include "replay/scratch_folder.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A copy of the workspace and the shell, without any isolation and without mounts.
class CopiedFolder final : public Workplace {
 public:
  CopiedFolder(const WorkplaceOptions& options, ScratchFolder copy)
      : options_(options), copy_(std::move(copy)) {
    fs::copy(options.workspace, copy_.path(), fs::copy_options::recursive);
  }
  Result<CommandResult> Run(const Command& command) override {
    std::string line = "cd " + copy_.path() + " && env -i PATH=/usr/bin:/bin ";
    for (const auto& [name, value] : options_.environment)
      line += name + "='" + (name == "WORKSPACE" ? copy_.path() : value) + "' ";
    fs::path script = fs::path(copy_.path()).parent_path().parent_path() / "script.sh";
    std::ofstream(script) << command.shell;
    line += "timeout -k 1 " + std::to_string(static_cast<double>(command.wall_ms) / 1000) + " bash " +
            script.string();
    CommandResult result;
    FILE* pipe = ::popen(("{ " + line + "; } 2>&1").c_str(), "r");
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;) result.output.push_back(static_cast<char>(c));
    int status = ::pclose(pipe);
    result.exit_code = WEXITSTATUS(status);
    constexpr int kTimedOut = 124;
    result.how = result.exit_code == kTimedOut ? Ended::kTimedOut : Ended::kExited;
    return result;
  }
  Result<std::string> ReadFile(std::string_view) override { return Fail(ErrorCode::kUnsupported, ""); }
  Status WriteFile(std::string_view, std::string_view) override { return Fail(ErrorCode::kUnsupported, ""); }
  Status RemoveFile(std::string_view) override { return Fail(ErrorCode::kUnsupported, ""); }
  Result<Tree> ReadTree() override { return Fail(ErrorCode::kUnsupported, ""); }

 private:
  WorkplaceOptions options_;
  ScratchFolder copy_;
};

class OracleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch_ = std::move(*ScratchFolder::Make(::testing::TempDir(), "oracle-test"));
    fs::create_directory(Path("work"));
    fs::create_directory(Path("scratch"));
  }
  std::string Path(std::string_view name) const { return scratch_.path() + "/" + std::string(name); }
  void Write(std::string_view name, std::string_view text) const {
    ASSERT_TRUE(WriteFileAtomically(Path(name), text));
  }
  OracleSite Site() const {
    return {.workspace = Path("work"),
            .at = "/tmp/demo",
            .scratch = Path("scratch"),
            .walls = false,
            .open = [this](const WorkplaceOptions& options) -> Result<std::unique_ptr<Workplace>> {
              auto copy = ScratchFolder::Make(Path("scratch"), "copy");
              return std::make_unique<CopiedFolder>(options, std::move(*copy));
            }};
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
  ScratchFolder scratch_;
};

TEST_F(OracleTest, ExitCodes) {
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

TEST_F(OracleTest, TimeoutIsAStateOfItsOwn) {
  OracleResult result = Ask(
      {.command = "mkdir -p $LOGS/verifier; echo 1 > $LOGS/verifier/reward.txt; sleep 20", .wall_ms = 200});
  EXPECT_EQ(result.judgement.status, OracleStatus::kTimeout);
  EXPECT_EQ(OutcomeOf(result.judgement, "x").verdict, Verdict::kError);
}

TEST_F(OracleTest, FirstVerdictThatExistsCounts) {
  OracleResult result = AskShell(R"(
    echo '{"score": 0.25, "checks": [{"name": "a", "passed": true}, {"name": "b", "passed": false}]}' > $CLAWTRACE_ORACLE_OUT/result.json
    echo 1 > $LOGS/verifier/reward.txt; exit 0)");
  EXPECT_EQ(result.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(result.judgement.score_ppm, 250'000);
  EXPECT_EQ(result.judgement.checks.size(), 2u);
  EXPECT_EQ(result.runs.front().format, "clawtrace");
  EXPECT_EQ(AskShell("echo 1 > $LOGS/verifier/reward.txt; exit 1").judgement.status, OracleStatus::kPass);
}

TEST_F(OracleTest, TestsBesideARewardAreItsChecks) {
  OracleResult result = AskShell(R"(
    echo 0 > $LOGS/verifier/reward.txt
    echo '{"results":{"tests":[{"name":"t1","status":"passed"},{"name":"t2","status":"failed","message":"No module named x"}]}}' > $LOGS/verifier/ctrf.json
    echo "ModuleNotFoundError: No module named 'x'")");
  EXPECT_EQ(result.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(result.judgement.tests_run, 2);
  ASSERT_EQ(result.judgement.checks.size(), 2u);
  EXPECT_EQ(result.judgement.checks[1].name, "t2");
}

TEST_F(OracleTest, NothingExecutedIsAnErrorAtWhateverReward) {
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

TEST_F(OracleTest, DisagreementIsFlakyNeverTheMajority) {
  Write("count", "");
  std::string counter = Path("count");
  OracleSpec spec{.command = "echo >> " + counter + "; test $(wc -l < " + counter + ") -ne 2", .repeat = 4};
  OracleResult result = Ask(spec);
  EXPECT_EQ(result.judgement.status, OracleStatus::kFlaky);
  EXPECT_EQ(result.judgement.message, "3 pass, 1 fail");
  EXPECT_EQ(result.judgement.score_ppm, 750'000);
  EXPECT_EQ(result.entropy_ppm, 811'278);
  EXPECT_EQ(result.runs.size(), 4u);
  Outcome outcome = OutcomeOf(result.judgement, "x");
  EXPECT_EQ(outcome.verdict, Verdict::kPartial);
  EXPECT_EQ(outcome.score_ppm, 750'000);
}

TEST_F(OracleTest, AgreementOfSeveral) {
  OracleResult result = Ask({.command = "exit 1", .repeat = 3});
  EXPECT_EQ(result.judgement.status, OracleStatus::kFail);
  EXPECT_EQ(result.entropy_ppm, 0);
}

TEST_F(OracleTest, EveryAskingStartsFromTheSameState) {
  OracleResult result = Ask({.command = "test ! -e mark && touch mark", .repeat = 3});
  EXPECT_EQ(result.judgement.status, OracleStatus::kPass);
  EXPECT_FALSE(fs::exists(Path("work/mark")));
}

TEST_F(OracleTest, HostileOutputs) {
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

TEST_F(OracleTest, ManyAndLongChecksAreBounded) {
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

TEST_F(OracleTest, NamesOfOracles) {
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

TEST_F(OracleTest, HashCoversCommandAndTests) {
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

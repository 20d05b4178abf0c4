// Oracles of real tasks in the sandbox: the solution passes, the untouched workspace fails, whatever was
// recorded comes out as it was recorded.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/temp_folder_test_util.h"
#include "replay/oracle.h"
#include "replay/sandbox.h"
#include "replay/scratch_folder.h"
#include "replay/workspace.h"
#include "support/data.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

SandboxHost Host() { return {.program = CLAWTRACE_BINARY, .scratch = "/tmp"}; }

class OracleSuiteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    CT_NEEDS_SHARED_DATA();
    suite_ = test::SharedData() / "suite";
    if (!fs::is_directory(suite_ / "tasks")) GTEST_SKIP() << "needs the task suite: suite/tasks is not there";
    if (auto there = SandboxAvailable(Host()); !there)
      GTEST_SKIP() << "this machine allows no sandbox: " << there.error().message;
  }

  OracleResult Judge(const fs::path& task, const std::string& workspace, const std::string& at) const {
    auto spec = OracleNamed(task.string(), "");
    EXPECT_TRUE(spec) << spec.error().message;
    OracleSite site;
    site.workspace = workspace, site.at = at, site.scratch = scratch_.path();
    site.open = [](const WorkplaceOptions& options) { return OpenSandbox(options, Host()); };
    auto result = RunOracle(*spec, site);
    EXPECT_TRUE(result) << result.error().message;
    return result ? std::move(*result) : OracleResult();
  }

  // The collection may be read-only, and a workspace that is copied from it as well.
  ScratchFolder Writable(const fs::path& folder) const {
    ScratchFolder copy = std::move(*ScratchFolder::Make(scratch_.path(), "start"));
    fs::copy(folder, copy.path(), fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(copy.path()))
      fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
    fs::permissions(copy.path(), fs::perms::owner_all);
    return copy;
  }

  std::vector<fs::path> Tasks() const {
    std::vector<fs::path> tasks;
    for (const auto& entry : fs::directory_iterator(suite_ / "tasks"))
      if (entry.is_directory()) tasks.push_back(entry.path());
    return tasks;
  }

  fs::path suite_;
  test::TempFolder scratch_;
};

TEST_F(OracleSuiteTest, SolutionsPassAndUntouchedWorkspacesFail) {
  auto tasks = Tasks();
  EXPECT_GE(tasks.size(), 5u);
  for (const fs::path& task : tasks) {
    ScratchFolder start = Writable(task / "environment/workspace");
    OracleResult untouched = Judge(task, start.path(), "/tmp/demo");
    EXPECT_EQ(untouched.judgement.status, OracleStatus::kFail) << task << untouched.judgement.message;
    EXPECT_EQ(untouched.runs.front().format, "harbor");

    WorkplaceOptions options{.workspace = start.path(), .at = "/app"};
    options.mounts = {{.from = (task / "solution").string(), .at = "/solution"}};
    auto place = OpenSandbox(options, Host());
    ASSERT_TRUE(place) << place.error().message;
    auto solved = (*place)->Run({.shell = "sh /solution/solve.sh"});
    ASSERT_TRUE(solved);
    EXPECT_EQ(solved->exit_code, 0) << solved->output;
    auto state = ScratchFolder::Make(scratch_.path(), "state");
    ASSERT_TRUE(state);
    Status exported = (*place)->Export(state->path());
    ASSERT_TRUE(exported) << exported.error().message;
    for (const char* at : {"/app", "/tmp/demo"}) {
      OracleResult after = Judge(task, state->path(), at);
      EXPECT_EQ(after.judgement.status, OracleStatus::kPass)
          << task << " at " << at << ": " << after.judgement.message << after.runs.front().output_tail;
    }
  }
}

TEST_F(OracleSuiteTest, RecordedStatesAreJudgedAsTheyWere) {
  int64_t judged = 0;
  for (const auto& entry : fs::recursive_directory_iterator(suite_ / "recordings")) {
    if (entry.path().filename() != "reward.txt") continue;
    fs::path run = entry.path().parent_path(),
             task = suite_ / "tasks" / run.parent_path().parent_path().filename();
    auto workspace = OpenWorkspace((run / "workspace-end.tar.gz").string(), scratch_.path());
    ASSERT_TRUE(workspace) << workspace.error().message;
    EXPECT_EQ(workspace->unpacked.left_out_count, 0) << run;
    auto recorded = ReadFile(entry.path());
    ASSERT_TRUE(recorded);
    OracleStatus expected = recorded->starts_with("1") ? OracleStatus::kPass : OracleStatus::kFail;
    OracleResult result = Judge(task, workspace->folder, "/tmp/demo");
    EXPECT_EQ(result.judgement.status, expected) << run << result.runs.front().output_tail;
    ++judged;
  }
  EXPECT_GE(judged, 60);
}

}  // namespace
}  // namespace clawtrace::replay

// What every workplace does, the sandbox and the plain one alike.
#include "replay/workplace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "base/hash.h"
#include "replay/plain_workplace.h"
#include "replay/sandbox.h"
#include "replay/workplace_test_util.h"

namespace clawtrace::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class EveryWorkplace : public ::testing::TestWithParam<bool> {
 protected:
  bool isolated() const { return GetParam(); }

  void SetUp() override {
    if (isolated()) CT_NEEDS_SANDBOX();
    workspace_.Write("a.txt", "alpha\n");
    workspace_.Write("sub/b.txt", "beta\n");
    std::filesystem::create_symlink("a.txt", workspace_ / "link");
    options_.workspace = workspace_.path();
    options_.at = Place("demo");
  }

  // A place that is free both inside and outside.
  std::string Place(const std::string& name) const { return places_ / name; }

  Result<std::unique_ptr<Workplace>> TryOpen(const WorkplaceOptions& options) const {
    return isolated() ? OpenSandbox(options, TestHost()) : OpenPlainWorkplace(options, TestHost());
  }
  Workplace& Open() {
    auto opened = TryOpen(options_);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    workplace_ = std::move(*opened);
    return *workplace_;
  }
  CommandResult Run(const Command& command) {
    auto result = (workplace_ ? *workplace_ : Open()).Run(command);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : CommandResult();
  }

  test::TempFolder workspace_, places_;
  WorkplaceOptions options_;
  std::unique_ptr<Workplace> workplace_;
};

INSTANTIATE_TEST_SUITE_P(, EveryWorkplace, ::testing::Values(true, false),
                         [](const auto& kind) { return kind.param ? "Sandbox" : "Plain"; });

TEST_P(EveryWorkplace, RunsAShellAndTellsWhatItDid) {
  CommandResult result = Run(Shell("echo out; echo err >&2; cat a.txt; cd sub; exit 3"));
  EXPECT_EQ(result.how, Ended::kExited);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\nerr\nalpha\n");
  EXPECT_EQ(result.output_bytes, 14);
  EXPECT_EQ(result.final_cwd, options_.at + "/sub");
  EXPECT_EQ(result.left_running, 0);
  EXPECT_EQ(result.limit, "");
  EXPECT_GT(result.wall_ns, 0);
}

TEST_P(EveryWorkplace, RunsAProgramWithoutAShell) {
  CommandResult result =
      Run({.shell = {}, .argv = {"printf", "%s|", "a b", "$HOME"}, .cwd = {}, .input = {}});
  EXPECT_EQ(result.output, "a b|$HOME|");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.final_cwd, "");
}

TEST_P(EveryWorkplace, KeepsWhatCommandsDidForTheNext) {
  Run(Shell("echo new >> a.txt; mkdir -p deep/er; mv sub/b.txt deep/er/c.txt; rm -r sub; mkdir sub"));
  EXPECT_EQ(Run(Shell("cat a.txt deep/er/c.txt; ls sub")).output, "alpha\nnew\nbeta\n");
}

TEST_P(EveryWorkplace, NeverChangesTheWorkspaceItself) {
  Run(Shell("echo new > a.txt; rm -r sub; touch c; chmod 700 ."));
  EXPECT_TRUE(workplace_->WriteFile("d", "d"));
  EXPECT_TRUE(workplace_->RemoveFile("link"));
  workplace_.reset();
  EXPECT_EQ(workspace_.Read("a.txt"), "alpha\n");
  EXPECT_EQ(workspace_.Read("sub/b.txt"), "beta\n");
  EXPECT_EQ(workspace_.Read("link"), "alpha\n");
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "c"));
  EXPECT_FALSE(std::filesystem::exists(workspace_ / "d"));
  struct stat state{};
  ASSERT_EQ(::stat(workspace_.path().c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07777, 0755u);
}

TEST_P(EveryWorkplace, LeavesNothingWhereItStood) {
  Run(Shell("mkdir -m 500 locked; touch x"));
  workplace_.reset();
  EXPECT_FALSE(std::filesystem::exists(options_.at));
}

TEST_P(EveryWorkplace, StartsWhereItIsTold) {
  Command command = Shell("pwd");
  command.cwd = options_.at + "/sub";
  EXPECT_EQ(Run(command).output, options_.at + "/sub\n");
  command.cwd = options_.at + "/nowhere";
  CommandResult result = Run(command);
  EXPECT_EQ(result.how, Ended::kNotStarted);
  EXPECT_THAT(result.error, HasSubstr("nowhere: No such file or directory"));
}

TEST_P(EveryWorkplace, SaysWhyAProgramCannotBeStarted) {
  CommandResult result = Run({.shell = {}, .argv = {"no-such-program"}, .cwd = {}, .input = {}});
  EXPECT_EQ(result.how, Ended::kNotStarted);
  EXPECT_EQ(result.error, "cannot start no-such-program: No such file or directory");
  EXPECT_EQ(Run(Shell("no-such-program")).exit_code, 127);
}

TEST_P(EveryWorkplace, TellsASignalFromAnExit) {
  CommandResult result = Run(Shell("kill -TERM $$"));
  EXPECT_EQ(result.how, Ended::kSignalled);
  EXPECT_EQ(result.exit_code, 128 + 15);
  EXPECT_EQ(Run(Shell("exit 143")).how, Ended::kExited);
}

TEST_P(EveryWorkplace, EndsWhatTakesTooLong) {
  for (const char* text :
       {"echo so; sleep 1000", "trap '' TERM HUP INT; echo so; while :; do sleep 1000; done",
        "echo so; kill -STOP $$", "echo so; setsid sleep 1000 & wait"}) {
    CommandResult result = Run(Shell(text, 300));
    EXPECT_EQ(result.how, Ended::kTimedOut) << text;
    EXPECT_EQ(result.limit, "wall") << text;
    EXPECT_EQ(result.output, "so\n") << text;
    EXPECT_EQ(result.left_running, 0) << text;
    EXPECT_LT(result.wall_ns, 20'000'000'000) << text << ": not the time of the sleep";
  }
  EXPECT_EQ(Run(Shell("echo on")).output, "on\n");
}

TEST_P(EveryWorkplace, DoesNotWaitForWhatIsLeftRunning) {
  // A time that nobody else's sleep has: without walls all processes of the machine are seen.
  const std::string nap = "sleep 1000.0" + std::to_string(::getpid());
  CommandResult result = Run(Shell(nap + " & echo started"));
  EXPECT_EQ(result.how, Ended::kExited);
  EXPECT_EQ(result.output, "started\n");
  EXPECT_EQ(result.left_running, 1);
  EXPECT_LT(result.wall_ns, 20'000'000'000);
  // It lives on, through the end of another command too, and is counted once.
  EXPECT_EQ(Run(Shell("sleep 1000", 200)).how, Ended::kTimedOut);
  CommandResult next = Run(Shell("ps -e -o args= | grep -c '^" + nap + "$'"));
  EXPECT_EQ(next.output, "1\n");
  EXPECT_EQ(next.left_running, 0);
}

TEST_P(EveryWorkplace, GivesInput) {
  Command command = Shell("wc -c; cat");
  command.input = std::string(300'000, 'x');
  EXPECT_EQ(Run(command).output, "300000\n");
  EXPECT_EQ(Run(Shell("cat; echo end")).output, "end\n");
  command = Shell("exec true");  // takes nothing of it
  command.input = std::string(300'000, 'x');
  EXPECT_EQ(Run(command).exit_code, 0);
}

TEST_P(EveryWorkplace, CutsLongOutputAndReadsTheRest) {
  options_.limits.output_bytes = 1000;
  CommandResult result = Run(Shell("yes | head -c 5000000; echo done > mark"));
  EXPECT_EQ(result.output.size(), 1000u);
  EXPECT_EQ(result.output_bytes, 5'000'000);
  EXPECT_EQ(*workplace_->ReadFile("mark"), "done\n");
}

TEST_P(EveryWorkplace, GivesNothingOfTheCallersEnvironment) {
  ::setenv("CLAWTRACE_TEST_SECRET", "hidden", 1);
  options_.environment = {{"SHOWN", "yes"}, {"LANG", "C"}};
  std::string output = Run(Shell("env")).output;
  EXPECT_THAT(output, HasSubstr("SHOWN=yes\n"));
  EXPECT_THAT(output, HasSubstr("LANG=C\n"));
  EXPECT_THAT(output, HasSubstr("PYTHONDONTWRITEBYTECODE=1\n"));
  EXPECT_THAT(output, ::testing::Not(HasSubstr("CLAWTRACE_TEST_SECRET")));
  EXPECT_THAT(output, ::testing::Not(HasSubstr("BASH_ENV")));
  EXPECT_EQ(Run(Shell("cd; touch here && pwd > $TMPDIR/home && test -s $TMPDIR/home")).exit_code, 0);
}

TEST_P(EveryWorkplace, ChangesNothingThatAShellCommandCouldNotice) {
  EXPECT_EQ(Run(Shell("set -x\nfalse")).output, "+ false\n");
  EXPECT_EQ(Run(Shell("set -euo pipefail; false | cat; echo no")).exit_code, 1);
  EXPECT_EQ(Run(Shell("trap 'echo bye' EXIT; exit 4")).output, "bye\n");
  EXPECT_THAT(Run(Shell("if")).output, HasSubstr("bash: -c: line 2: syntax error: unexpected end of file"));
  EXPECT_EQ(Run(Shell("cd sub; echo /etc >&97; exit 2")).exit_code, 2);
}

TEST_P(EveryWorkplace, ReadsWritesAndRemovesFiles) {
  Workplace& workplace = Open();
  EXPECT_EQ(*workplace.ReadFile("a.txt"), "alpha\n");
  EXPECT_EQ(*workplace.ReadFile(options_.at + "/sub/b.txt"), "beta\n");
  EXPECT_TRUE(workplace.WriteFile("new/er/x", std::string("\0\n\xff", 3)));
  EXPECT_EQ(*workplace.ReadFile("new/er/x"), std::string("\0\n\xff", 3));
  EXPECT_TRUE(workplace.WriteFile("link", "via"));
  EXPECT_EQ(*workplace.ReadFile("a.txt"), "via");
  EXPECT_TRUE(workplace.RemoveFile("a.txt"));
  EXPECT_EQ(workplace.ReadFile("a.txt").error().code, ErrorCode::kNotFound);
}

TEST_P(EveryWorkplace, RefusesWhatIsNoFile) {
  Workplace& workplace = Open();
  Run(Shell("mkfifo pipe; ln -s loop loop"));
  EXPECT_EQ(workplace.ReadFile("sub").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.ReadFile("pipe").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.ReadFile("a.txt/x").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.ReadFile("/proc/version").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.ReadFile("loop").error().code, ErrorCode::kIo);
  EXPECT_EQ(workplace.ReadFile(std::string_view("a\0b", 3)).error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.WriteFile("sub", "x").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.WriteFile("a.txt/x", "x").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.RemoveFile("sub").error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(workplace.RemoveFile("nothing").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*workplace.ReadFile("a.txt"), "alpha\n");
}

TEST_P(EveryWorkplace, LimitsTheSizeOfFiles) {
  options_.limits.file_bytes = 10'000;
  Workplace& workplace = Open();
  EXPECT_EQ(workplace.WriteFile("big", std::string(10'001, 'x')).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(workplace.WriteFile("big", std::string(10'000, 'x')));
  CommandResult result = Run(Shell("exec head -c 20000 /dev/zero > big"));
  EXPECT_EQ(result.limit, "disk");
  EXPECT_EQ(result.exit_code, 128 + 25);
  EXPECT_EQ(workplace.ReadFile("big")->size(), 10'000u);
}

TEST_P(EveryWorkplace, LimitsTheTimeOfTheProcessor) {
  options_.limits.cpu_s = 1;
  CommandResult result = Run(Shell("while :; do :; done", 20'000));
  EXPECT_EQ(result.how, Ended::kSignalled);
  EXPECT_EQ(result.limit, "cpu");
}

TEST_P(EveryWorkplace, ListsTheWorkspace) {
  Open();
  Run(Shell(
      "chmod 640 a.txt; mkdir -p .git __pycache__ sub/.git; touch .git/x __pycache__/y sub/z.pyc; mkfifo p"));
  auto tree = workplace_->ReadTree();
  ASSERT_TRUE(tree) << tree.error().message;
  uint32_t pipe = tree->contains("p") ? tree->find("p")->second.mode : 0;
  EXPECT_THAT(*tree,
              ElementsAre(Pair("a.txt", FileState{'f', 0640, Hash64("alpha\n"), 6}),
                          Pair("link", FileState{'l', 0777, Hash64("a.txt"), 5}),
                          Pair("p", FileState{'o', pipe, 0, 0}), Pair("sub", FileState{'d', 0755, 0, 0}),
                          Pair("sub/b.txt", FileState{'f', 0644, Hash64("beta\n"), 5})));
}

TEST_P(EveryWorkplace, TreesThatCannotBeReadAreErrors) {
  Open();
  Run(Shell("for i in $(seq 250); do mkdir d && cd d; done"));
  EXPECT_EQ(workplace_->ReadTree().error().code, ErrorCode::kLimit);
  EXPECT_EQ(Run(Shell("echo on")).output, "on\n");
}

TEST_P(EveryWorkplace, ShowsMounts) {
  test::TempFolder tests, said;
  tests.Write("check.sh", "cat a.txt > $1/verdict");
  options_.mounts = {{.from = tests / "check.sh", .at = Place("check.sh")},
                     {.from = said.path(), .at = Place("said"), .writable = true}};
  EXPECT_EQ(Run(Shell("sh " + Place("check.sh") + " " + Place("said"))).output, "");
  workplace_.reset();
  EXPECT_EQ(said.Read("verdict"), "alpha\n");
  struct stat state{};
  ASSERT_EQ(::stat((said / "verdict").c_str(), &state), 0);
  EXPECT_EQ(state.st_uid, ::geteuid());
  EXPECT_FALSE(std::filesystem::exists(Place("said")));
}

TEST_P(EveryWorkplace, ShowsTheWorkspaceAtFurtherPlaces) {
  options_.also_at = {Place("again")};
  Run(Shell("echo one > " + Place("again") + "/new; echo two >> new"));
  EXPECT_EQ(Run(Shell("cat " + Place("again") + "/new")).output, "one\ntwo\n");
  workplace_.reset();
  EXPECT_FALSE(std::filesystem::exists(Place("again")));
}

TEST_P(EveryWorkplace, ExportsAllThatItHolds) {
  Run(
      Shell("mkdir -p .git/deep pkg/__pycache__ '# odd\tname'; echo x > .git/deep/HEAD; echo c > "
            "pkg/__pycache__/m.pyc\n"
            "rm sub/b.txt; chmod 6711 a.txt; touch -d 2001-02-03 a.txt; ln -s /etc/passwd out; mkfifo pipe\n"
            "truncate -s 50M holes; echo end >> holes; (sleep 5; echo late > late) & echo $! > pid"));
  test::TempFolder to;
  Status exported = workplace_->Export(to.path());
  ASSERT_TRUE(exported) << exported.error().message;
  EXPECT_EQ(to.Read("a.txt"), "alpha\n");
  EXPECT_EQ(to.Read(".git/deep/HEAD"), "x\n");
  EXPECT_EQ(to.Read("pkg/__pycache__/m.pyc"), "c\n");
  EXPECT_FALSE(std::filesystem::exists(to / "sub/b.txt"));
  EXPECT_TRUE(std::filesystem::is_directory(to / "sub"));
  EXPECT_EQ(std::filesystem::read_symlink(to / "link"), "a.txt");
  EXPECT_EQ(std::filesystem::read_symlink(to / "out"), "/etc/passwd");
  EXPECT_FALSE(std::filesystem::exists(to / "pipe"));
  struct stat state{};
  ASSERT_EQ(::stat((to / "a.txt").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07777, 0711u) << "set-user bits have no business outside";
  EXPECT_EQ(state.st_mtime / 86'400, 11'356);
  ASSERT_EQ(::stat((to / "holes").c_str(), &state), 0);
  EXPECT_EQ(state.st_size, (50 << 20) + 4);
  EXPECT_LT(state.st_blocks * 512, 1 << 20) << "holes take no room";
  // It goes on, without what was left running.
  EXPECT_EQ(Run(Shell("cat a.txt; kill -0 $(cat pid) 2>/dev/null && echo alive")).output, "alpha\n");
  EXPECT_FALSE(workplace_->Export(to / "none"));
}

TEST_P(EveryWorkplace, TwoAtOnceDoNotSeeOneAnother) {
  Open();
  options_.at = Place("other");
  auto other = TryOpen(options_);
  ASSERT_TRUE(other) << other.error().message;
  Run(Shell("echo one > a.txt"));
  EXPECT_EQ((*other)->Run(Shell("cat a.txt"))->output, "alpha\n");
  EXPECT_EQ(*workplace_->ReadFile("a.txt"), "one\n");
}

TEST_P(EveryWorkplace, OpensWithoutAWorkspaceAndRefusesAMissingOne) {
  options_.workspace = workspace_ / "nowhere";
  EXPECT_EQ(TryOpen(options_).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(options_.at));
  options_.workspace = "";
  EXPECT_TRUE(Open().ReadTree()->empty());
}

TEST(PlainWorkplace, TakesNoPlaceThatIsTaken) {
  test::TempFolder taken;
  WorkplaceOptions options{
      .workspace = {}, .at = taken.path(), .mounts = {}, .environment = {}, .limits = {}};
  EXPECT_EQ(OpenPlainWorkplace(options, TestHost()).error().code, ErrorCode::kAlreadyExists);
  EXPECT_TRUE(std::filesystem::exists(taken.path()));
}

}  // namespace
}  // namespace clawtrace::replay

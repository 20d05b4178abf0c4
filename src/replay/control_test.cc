#include "replay/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "replay/session_test_util.h"

namespace clawtrace::replay {
namespace {

struct Checked {
  explicit Checked(Session of) : session(std::move(of)), timeline(TimelineOf(session)) {
    for (const Moment& moment : timeline) {
      bool tool = moment.step->kind != StepKind::kLlmCall;
      meanings.push_back(tool ? tools::MeaningOf(moment.step->tool, session.info.cwd) : tools::ToolMeaning());
    }
    writes = NamedWrites(timeline, meanings);
    controls = ControlsOf(timeline, meanings, writes);
  }
  Session session;
  std::vector<Moment> timeline;
  std::vector<tools::ToolMeaning> meanings;
  std::vector<Writes> writes;
  std::vector<Control> controls;
};

TEST(Control, TestsBuildsAndReviewsAreChecks) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Bash("python3 -m unittest discover -s tests", "OK")
                .Say("")
                .Bash("git status", "clean")
                .Say("")
                .Bash("sh -n run.sh", "")
                .Say("")
                .Tool("Task", R"({"prompt":"review"})", "fine")
                .Take());
  for (size_t i : {1u, 3u, 5u, 7u}) EXPECT_TRUE(c.controls[i].is_check()) << i;
}

TEST(Control, ReadingBackOwnWritesIsACheckAndOtherReadsAreNot) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Read("a", "one")
                .Say("")
                .Write("out/b", "two")
                .Say("")
                .Read("out/b", "two")
                .Say("")
                .Bash("ls -l out", "b")
                .Say("")
                .Read("a", "one")
                .Take());
  EXPECT_FALSE(c.controls[1].is_check());
  EXPECT_THAT(c.controls[5].what, testing::HasSubstr("out/b"));
  EXPECT_TRUE(c.controls[7].is_check());
  EXPECT_FALSE(c.controls[9].is_check());
}

TEST(Control, MeasuringIsNoCheck) {
  Checked c(SessionMaker("Go.").Say("").Write("a", "x").Say("").Bash("wc -l a", "1 a").Take());
  EXPECT_FALSE(c.controls[3].is_check());
}

TEST(Control, ASilentCommandTellsWhetherItWentWell) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Bash("test -f flag", "")
                .Say("")
                .Bash("mkdir -p out", "")
                .Say("")
                .Bash("./check-all", "")
                .Take());
  EXPECT_TRUE(c.controls[1].is_check());
  EXPECT_FALSE(c.controls[3].is_check()) << "it was to write";
  EXPECT_TRUE(c.controls[5].is_check());
}

TEST(Control, ASilentCommandIsKnownByWhatItsToolSaid) {
  Checked c(SessionMaker("Go.", "claude-code")
                .Say("")
                .Tool("Bash", R"({"command":"sh app.sh"})", "(Bash completed with no output)")
                .Say("")
                .Tool("Bash", R"({"command":"sh app.sh"})", "no")
                .Take());
  EXPECT_EQ(c.controls[1].what, "exit status");
  EXPECT_FALSE(c.controls[3].is_check());
  // Of a command that is known to have written, its end is not all that it gave.
  c.writes[1] = {.may = true, .unnamed = false, .paths = {"b"}};
  EXPECT_FALSE(ControlsOf(c.timeline, c.meanings, c.writes)[1].is_check());
}

TEST(Control, ScriptsThatAreCalledTestsAreTests) {
  SessionMaker maker("Go.");
  for (const char* command :
       {"sh tools/test-all.sh", "bash check.sh", "./verify", "python3 -B lint.py a", "sh -e spec/run_tests",
        "sh tools/latest.sh", "python3 main.py check", "test -f a && echo yes"})
    maker.Say("").Bash(command, "3 of them");
  Checked c(maker.Take());
  for (size_t i : {1u, 3u, 5u, 7u, 9u}) EXPECT_TRUE(c.controls[i].is_check()) << i;
  for (size_t i : {11u, 13u, 15u}) EXPECT_NE(c.controls[i].what, "test by its name") << i;
}

TEST(Control, ARunThatWroteNothingAfterAWriteLooksAtIt) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Bash("sh app.sh", "hello")
                .Say("")
                .Write("app.sh", "echo hi")
                .Say("")
                .Bash("sh app.sh", "hi")
                .Say("")
                .Bash("rm -rf .cache", "")
                .Take());
  c.writes[1] = c.writes[5] = c.writes[7] = {};
  c.controls = ControlsOf(c.timeline, c.meanings, c.writes);
  EXPECT_FALSE(c.controls[1].is_check());
  EXPECT_EQ(c.controls[5].what, "read-back of app.sh");
  EXPECT_FALSE(c.controls[7].is_check()) << "it was to write";
  c.writes[5] = {.may = true, .unnamed = false, .paths = {"b"}};
  EXPECT_FALSE(ControlsOf(c.timeline, c.meanings, c.writes)[5].is_check()) << "it was run for b";
}

TEST(Control, TheStateOfAnotherFolderIsAReviewToo) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Bash("git -C sub --no-pager status --short", "x")
                .Say("")
                .Bash("git -C status add a", "x")
                .Take());
  EXPECT_EQ(c.controls[1].what, "status or diff");
  EXPECT_FALSE(c.controls[3].is_check());
}

TEST(Control, WhatIsLookedForIsNoPath) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Write("out/b", "two")
                .Say("")
                .Bash("grep -n . a.md", "1:one")
                .Say("")
                .Bash("grep -n a.md out", "out/b:two")
                .Take());
  EXPECT_THAT(c.controls[3].what, testing::Not(testing::HasSubstr("read-back")));
  EXPECT_TRUE(c.controls[5].is_check());
}

TEST(Control, FindingNothingIsAnAnswer) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Bash("grep -rn old src", "(no output)\n\nCommand exited with code 1", ToolStatus::kError)
                .Say("")
                .Bash("grep -rn old src",
                      "grep: src: No such file or directory\n\nCommand exited with code 2",
                      ToolStatus::kError)
                .Say("")
                .Bash("sh run.sh", "(no output)\n\nCommand exited with code 1", ToolStatus::kError)
                .Say("")
                .Bash("diff a b", "1c1\n< a\n---\n> b\n\n\nCommand exited with code 1", ToolStatus::kError)
                .Take());
  EXPECT_TRUE(FoundNothing(c.timeline[1], c.meanings[1]));
  EXPECT_EQ(c.controls[1].what, "a search that found nothing");
  EXPECT_FALSE(FoundNothing(c.timeline[3], c.meanings[3]));
  EXPECT_FALSE(FoundNothing(c.timeline[5], c.meanings[5]));
  EXPECT_TRUE(FoundNothing(c.timeline[7], c.meanings[7]));
}

TEST(Control, ThatThereIsNothingIsAnAnswer) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Tool("Glob", R"({"pattern":"**/*.lint"})", "No files found")
                .Say("")
                .Bash("which python", "(no output)\n\nCommand exited with code 1", ToolStatus::kError)
                .Say("")
                .Bash("grep -c x a", "grep: a: No such file or directory", ToolStatus::kError)
                .Say("")
                .Tool("Glob", R"({"pattern":".gitignore"})", "/tmp/demo/.gitignore")
                .Say("")
                .Tool("Glob", R"({"pattern":"**/*"})", "a\nb\nc\nd")
                .Say("")
                .Tool("Glob", R"({"pattern":"**/*.lint"})", "No files found")
                .Take());
  EXPECT_TRUE(c.controls[1].is_check());
  EXPECT_TRUE(c.controls[3].is_check());
  EXPECT_TRUE(c.controls[7].is_check()) << "that it is there";
  EXPECT_FALSE(c.controls[9].is_check());
  EXPECT_EQ(c.controls[11].repeats, 1u);
}

TEST(Control, ToolsOfItsOwnTheEnvironmentAndLeaveAreAsked) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Tool("get_reservation", R"({"id":"A"})", R"({"id":"A","to":"SEA"})")
                .Say("")
                .Bash("echo $PROFILE", "base")
                .Say("")
                .Tool("ExitPlanMode", R"({"plan":"write it"})", "User has approved your plan.")
                .Say("")
                .Bash("echo hello", "hello")
                .Say("")
                .Bash("sleep 2", "")
                .Take());
  for (size_t i : {1u, 3u, 5u, 9u}) EXPECT_TRUE(c.controls[i].is_check()) << i;
  EXPECT_FALSE(c.controls[7].is_check());
}

TEST(Control, AnEqualCheckBeforeItWithNothingWrittenBetweenSaysAll) {
  Checked c(SessionMaker("Go.")
                .Say("")
                .Bash("python3 -m json.tool a.json", "{}")
                .Say("")
                .Write("b", "x")
                .Say("")
                .Bash("python3 -m json.tool a.json", "{}")
                .Say("")
                .Write("a.json", "{}")
                .Say("")
                .Bash("python3 -m json.tool a.json", "{}")
                .Take());
  EXPECT_EQ(c.controls[5].repeats, 1u) << "b is not what it checks";
  EXPECT_EQ(c.controls[9].repeats, std::nullopt) << "a.json was written";
}

TEST(Control, AWholeTreeCheckIsRepeatedOnlyWhenNothingWasWritten) {
  const std::string kTests = "python3 -m unittest discover -s tests";
  Checked c(SessionMaker("Go.")
                .Say("")
                .Bash(kTests, "Ran 4 tests in 0.001s\n\nOK")
                .Say("")
                .Bash(kTests, "Ran 4 tests in 0.003s\n\nOK")
                .Say("")
                .Write("b", "x")
                .Say("")
                .Bash(kTests, "Ran 4 tests in 0.001s\n\nOK")
                .Take());
  // Test runs may write themselves, as far as their text tells; what they really wrote is known later.
  c.writes = std::vector<Writes>(c.timeline.size());
  c.writes[5] = {.may = true, .unnamed = false, .paths = {"b"}};
  c.controls = ControlsOf(c.timeline, c.meanings, c.writes);
  EXPECT_EQ(c.controls[3].repeats, 1u) << "durations do not count";
  EXPECT_EQ(c.controls[7].repeats, std::nullopt);
}

TEST(Control, AnotherResultIsNoRepeat) {
  Checked c(
      SessionMaker("Go.").Say("").Bash("git status", "clean").Say("").Bash("git status", "dirty").Take());
  EXPECT_EQ(c.controls[3].repeats, std::nullopt);
}

TEST(Demands, ClaudeEditsOnlyWhatItRead) {
  Session session =
      SessionMaker("Go.", "claude-code")
          .Say("")
          .Tool("Read", R"({"file_path":"/tmp/demo/a"})", "x")
          .Say("")
          .Tool("Edit", R"({"file_path":"/tmp/demo/a","old_string":"x","new_string":"y"})", "ok")
          .Take();
  Checked c(std::move(session));
  auto demands = DemandsOf(c.timeline, c.meanings);
  EXPECT_THAT(demands[3], testing::ElementsAre(1u));
  Checked made(
      SessionMaker("Go.", "claude-code")
          .Say("")
          .Tool("Write", R"({"file_path":"/tmp/demo/a","content":"x"})", "File created successfully at: a")
          .Say("")
          .Tool("Write", R"({"file_path":"/tmp/demo/a","content":"y"})", "The file a has been updated")
          .Take());
  EXPECT_TRUE(DemandsOf(made.timeline, made.meanings)[3].empty()) << "without the first there is no file";
  Checked pi(SessionMaker("Go.").Say("").Read("a", "x").Say("").Tool("edit", R"({"path":"a"})", "ok").Take());
  EXPECT_TRUE(DemandsOf(pi.timeline, pi.meanings)[3].empty());
}

}  // namespace
}  // namespace clawtrace::replay

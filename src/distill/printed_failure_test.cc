#include "distill/printed_failure.h"

#include <gtest/gtest.h>

namespace clawtrace::distill {
namespace {

std::string Kind(const std::string& command, std::string_view output,
                 const std::set<std::string, std::less<>>& read_before = {}) {
  ToolUse tool;
  tool.name = "bash", tool.args = "{\"command\":\"" + command + "\"}";
  return PrintedFailure(tools::MeaningOf(tool, ""), output, read_before);
}

std::string Kind(std::string_view output) { return Kind("sh run.sh", output); }

TEST(PrintedFailureTest, KnowsHowProgramsSayThatTheyGaveUp) {
  EXPECT_EQ(Kind("one\ncp: cannot stat 'a b': No such file or directory\n"), "missing_file");
  EXPECT_EQ(Kind("bin/run.sh: line 3: /etc/x: Permission denied"), "permission_denied");
  EXPECT_EQ(Kind("bash: line 1: pyton: command not found"), "missing_command:pyton");
  EXPECT_EQ(Kind("..F\nFAILED (failures=1)"), "test_failure");
  EXPECT_EQ(Kind("Traceback (most recent call last):\n  File"), "traceback");
  EXPECT_EQ(Kind("ok\n2026-01-05T10:00 ERROR db: no such file or directory, retried\n"), "");
  EXPECT_EQ(Kind("There is no such file or directory"), "");
  EXPECT_EQ(Kind(""), "");
}

TEST(PrintedFailureTest, WhoSpeaksAndWhy) {
  EXPECT_EQ(
      Kind("sh tools/split.sh", "tools/split.sh: 2: cannot create letters/a.txt: Directory nonexistent"),
      "missing_directory");
  EXPECT_EQ(Kind("cat a.csv | awk x - b.csv", "awk: cannot open b.csv (No such file or directory)"),
            "missing_file");
  EXPECT_EQ(Kind("sed -i s/a/b/c/ f; echo ok", "sed: -e expression #1, char 7: unknown option to `s'\nok"),
            "error");
  EXPECT_EQ(Kind("base64 -d a > b; ls", "base64: invalid input\na\nb"), "error");
  EXPECT_EQ(
      Kind("cp a b; ls", "cp: der Aufruf von stat ist nicht möglich: Datei oder Verzeichnis nicht gefunden"),
      "error");
  EXPECT_EQ(Kind("./deploy prod; true", "deploy: unable to lock the target"), "error");
  EXPECT_EQ(Kind("zsh run", "zsh:1: command not found: pyton"), "missing_command:pyton");
  EXPECT_EQ(Kind("go run . ; true", "open x.toml: no such file or directory"), "") << "nobody speaks";
  EXPECT_EQ(Kind("./serve; true", "2026/01/05 10:00:00 open x.toml: no such file or directory"), "")
      << "a log";
}

TEST(PrintedFailureTest, ReportsOfRuntimesAndTools) {
  for (const char* line :
       {"Error: Cannot find module './config'", "Parse error near line 1: no such table: items",
        "ERROR: row rejected: invalid literal", "ERROR 1146 (42S02) at line 1: Table 'x.y' doesn't exist",
        "TypeError: x is not a function", "psql:load.sql:1: ERROR:  relation \"x\" does not exist",
        "main.c:3:5: error: use of undeclared identifier 'x'", "error[E0425]: cannot find value `x`",
        "src/a.ts(1,2): error TS2304: Cannot find name 'x'.", "error: patch failed: a.txt:1",
        "panic: runtime error: index out of range", "Hunk #1 FAILED at 1.", "npm ERR! code ELIFECYCLE",
        "make[1]: *** [Makefile:2: all] Error 2", "fatal: not a git repository",
        "[ERROR] Failed to execute goal", "\x1b[31mError:\x1b[0m it broke",
        "java.io.IOException: Stream closed", "PHP Fatal error:  Uncaught Exception in a.php"})
    EXPECT_NE(Kind(line), "") << line;
  for (const char* line :
       {"Errors: 0", "error: none", "ERROR: 12", "Mean squared error: low", "Error rate: low",
        "warning: unused variable", "a.c:3:5: warning: no such file or directory", "  fatal: quoted",
        "No errors found", "make: Nothing to be done for 'all'.",
        "tar: Removing leading `/' from member names", "mkdir: created directory 'x'",
        "Checked 3 files: not found 2", "grep: a.bin: binary file matches", "Exit code: 0", "[ERROR] 0",
        "The error: it was mine"})
    EXPECT_EQ(Kind(line), "") << line;
}

TEST(PrintedFailureTest, TestProtocols) {
  for (const char* line :
       {"not ok 1 - got -1", "Bail out!",
        "==== 1 failed, 2 passed in 0.1s ====", "FAILED tests/t.py::a - assert", "--- FAIL: TestX (0.00s)",
        "test result: FAILED. 1 passed", "[  FAILED  ] A.B", "Tests:       1 failed, 2 passed, 3 total",
        "3 examples, 1 failure", "50% tests passed, 1 tests failed out of 2",
        "Tests run: 3, Failures: 1, Errors: 0", "  2 failing", "# fail 1"})
    EXPECT_EQ(Kind(line), "test_failure") << line;
  for (const char* line :
       {"ok 1", "not ok 2 # TODO later", "==== 3 passed in 0.1s ====", "Tests: 0 failed, 2 passed",
        "10 examples, 0 failures", "Tests run: 3, Failures: 0, Errors: 0", "# fail 0",
        "100% tests passed, 0 tests failed out of 2", "Tests run: 3"})
    EXPECT_EQ(Kind(line), "") << line;
}

TEST(PrintedFailureTest, AReportOfACheckIsAFailedTest) {
  const char* report = "E\n====\nERROR: test_a (t.T)\n----\nTraceback (most recent call last):\n";
  EXPECT_EQ(Kind("python3 -m unittest | head", report), "test_failure")
      << "as of a check that ends with an error";
  EXPECT_EQ(Kind("make | tail -2", "make: *** No rule to make target 'two.md'.  Stop."), "test_failure");
  EXPECT_EQ(Kind("pytest | tail", "bash: pytest: command not found"), "missing_command:pytest");
}

TEST(PrintedFailureTest, TextOfFilesIsNoFailureOfWhoShowsIt) {
  const char* log =
      "ERROR: disk full\nTraceback (most recent call last):\nrm: x: No such file or directory\n";
  for (const char* command : {"python3 count.py; cat app.log", "touch done; grep ERROR app.log",
                              "mkdir -p out && head -5 logs/* && ls", "make x; git show HEAD",
                              "touch x; for f in *.log; do cat $f; done"})
    EXPECT_EQ(Kind(command, "ERROR: disk full\nError: it broke\nnot found"), "") << command;
  EXPECT_EQ(Kind("touch x; cat app.log", log), "");
  EXPECT_EQ(Kind("python3 x.py; cat out.csv", "Traceback (most recent call last):\n"), "traceback");
  EXPECT_EQ(Kind("wc x; cat app.log", "wc: x: No such file or directory\n"), "missing_file");
  EXPECT_EQ(Kind("python3 count.py", "ERROR: disk full", {"ERROR: disk full"}), "")
      << "read of a file before";
  EXPECT_EQ(Kind("python3 count.py", "ERROR: disk full"), "error");
}

TEST(PrintedFailureTest, AToolThatWritesQuotesWhatItWrote) {
  ToolUse tool;
  tool.name = "Edit", tool.args = R"({"file_path":"a.log"})";
  tools::ToolMeaning meaning = tools::MeaningOf(tool, "");
  EXPECT_EQ(PrintedFailure(meaning, "The file was changed:\nError: it broke\n"), "");
  EXPECT_NE(PrintedFailure(meaning, "Error: it broke\n"), "");
}

}  // namespace
}  // namespace clawtrace::distill

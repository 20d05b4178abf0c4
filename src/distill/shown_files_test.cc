#include "distill/shown_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distill/distill.h"

namespace clawtrace::distill {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

EvidenceStep Call(const std::string& tool, const std::string& args, const std::string& output = "x") {
  EvidenceStep step;
  step.id = "2", step.call_id = "call_2", step.kind = StepKind::kToolUse, step.status = ToolStatus::kOk;
  step.tool = tool, step.args = args, step.output = output;
  return step;
}

EvidenceStep Ran(const std::string& command, const std::string& output = "x") {
  std::string quoted;
  for (char c : command) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return Call("bash", "{\"command\":\"" + quoted + "\"}", output);
}

TEST(ShownFilesTest, CommandsThatPrintFilesShowThem) {
  for (const char* command :
       {"cat LAW.md", "awk '{print}' LAW.md", "awk -F, -v x=1 '{print $1}' LAW.md", "sed -n '1,40p' LAW.md",
        "sed -ne 1p LAW.md", "grep -n . LAW.md", "grep -A 2 -e x LAW.md", "tail -n 20 ./LAW.md",
        "ls; head -5 LAW.md | sort", "tr a-z A-Z < LAW.md", "while read l; do echo \"$l\"; done < LAW.md"})
    EXPECT_THAT(ShownFiles(Ran(command)), ElementsAre("LAW.md")) << command;
  for (const char* command :
       {"wc -l LAW.md", "ls -l LAW.md", "stat LAW.md", "cat LAW.md > copy", "sed -i s/a/b/ LAW.md",
        "grep LAW.md", "test -f LAW.md", "echo LAW.md", "cp LAW.md b", "cat *.md", "wc -l < LAW.md"})
    EXPECT_THAT(ShownFiles(Ran(command)), IsEmpty()) << command;
}

TEST(ShownFilesTest, AFailingSessionLookedByPatternAndFolderToo) {
  for (const char* command :
       {"cat logs/*", "cat logs/{app,job}.log", "cat /tmp/demo/logs/*.log", "cd logs && cat *",
        "cat **/*.log", "grep -r x logs", "grep -rn x /tmp/demo/logs/", "rg x logs",
        "for f in logs/*; do cat \"$f\"; done", "find logs -type f -exec cat {} +",
        "find . -name '*.log' | xargs head", "python3 sum.py logs/app.log",
        "python3 - <<'EOF'\nprint(open('logs/app.log').read())\nEOF", "echo \"$(cat logs/app.log)\""})
    EXPECT_TRUE(MayShow(Ran(command), "logs/app.log")) << command;
  for (const char* command :
       {"wc -l logs/app.log", "ls -l logs/app.log", "ls logs/*", "cat *.log", "cat other/*",
        "find logs -name '*.log'", "find . -name '*.md' | xargs cat", "git add logs/app.log",
        "cat > note <<'EOF'\nsee logs/app.log\nEOF", "grep -r x docs", "grep -rn x ."})
    EXPECT_FALSE(MayShow(Ran(command), "logs/app.log")) << command;
  EXPECT_TRUE(MayShow(Ran("grep -rn x .", "./logs/app.log:1:x"), "logs/app.log"));
  EXPECT_FALSE(Shows(Ran("grep -r x logs"), "logs/app.log")) << "nobody saw it";
  EXPECT_TRUE(Shows(Ran("grep -r x logs", "logs/app.log:x"), "logs/app.log"));
  EXPECT_TRUE(Shows(Ran("cat logs/*"), "logs/app.log"));
}

TEST(ShownFilesTest, ToolsOfClients) {
  EXPECT_TRUE(MayShow(Call("Read", R"({"file_path":"/w/docs/RULES"})"), "docs/RULES"));
  EXPECT_TRUE(MayShow(Call("read_many_files", R"({"paths":["docs/*"]})"), "docs/RULES"));
  EXPECT_TRUE(MayShow(Call("Grep", R"({"pattern":"x","path":"docs"})"), "docs/RULES"));
  EXPECT_TRUE(MayShow(Call("Task", R"({"prompt":"Tell me what docs/RULES demands."})"), "docs/RULES"));
  EXPECT_FALSE(MayShow(Call("Glob", R"({"pattern":"docs/*"})", "docs/RULES"), "docs/RULES"));
  EXPECT_FALSE(MayShow(Call("LS", R"({"path":"docs"})", "RULES"), "docs/RULES"));
  EXPECT_FALSE(MayShow(Call("Write", R"({"file_path":"a.txt","content":"see RULES"})"), "docs/RULES"));
}

TEST(ShownFilesTest, HostilePatternsAreQuick) {
  std::string path(2000, 'a'), pattern;
  for (int i = 0; i < 2000; ++i) pattern += "*a{b,c}";
  MayShow(Ran("cat " + pattern), path);
}

EvidenceSession Of(const std::string& task, Verdict outcome, const std::string& prompt,
                   std::vector<EvidenceStep> steps) {
  EvidenceSession session;
  session.task = task, session.task_stated = true, session.outcome = outcome, session.prompt = prompt;
  session.card.schema = "tracecard/1", session.card.task_id = task;
  session.card.session_id = task + (outcome == Verdict::kSuccess ? "-good" : "-bad");
  session.card.source_hash = "hash-" + session.card.session_id;
  session.steps = std::move(steps);
  return session;
}

int64_t Skipped(const std::string& prompt, const std::string& look, const std::string& instead) {
  std::vector<EvidenceSession> sessions;
  for (const char* task : {"a", "b"}) {
    sessions.push_back(Of(task, Verdict::kSuccess, prompt, {Ran(look), Ran("sh make.sh > out")}));
    sessions.push_back(Of(task, Verdict::kFailure, prompt, {Ran(instead), Ran("sh make.sh > out")}));
  }
  for (const Patch& patch : ProposePatches(Gather(std::move(sessions)))) {
    if (patch.signature == "failure:skipped_named_file") return patch.support.value_or(0);
  }
  return 0;
}

TEST(SkippedNamedFileTest, NamesWithoutAPoint) {
  EXPECT_EQ(Skipped("Write it as HACKING says.", "cat HACKING", "cat in.csv"), 2);
  EXPECT_EQ(Skipped("Obey docs/rules.", "cat docs/rules", "cat in.csv"), 2);
  EXPECT_EQ(Skipped("Obey the `rules`.", "cat docs/rules", "cat in.csv"), 2);
  EXPECT_EQ(Skipped("Obey LAW.md.", "awk '{print}' LAW.md", "ls -l LAW.md"), 2);
  EXPECT_EQ(Skipped("The rules are plain.", "cat docs/rules", "cat in.csv"), 0)
      << "a word of everyday speech";
  EXPECT_EQ(Skipped("We are hacking.", "cat HACKING", "cat in.csv"), 0);
  EXPECT_EQ(Skipped("See RULES.md.", "cat RULES", "cat in.csv"), 0) << "another file";
  EXPECT_EQ(Skipped("Count logs/app.log.", "cat logs/app.log", "cat logs/*"), 0) << "it looked";
  EXPECT_EQ(Skipped("Obey LAW.md.", "wc -l LAW.md", "cat in.csv"), 0) << "nobody read it";
}

}  // namespace
}  // namespace clawtrace::distill

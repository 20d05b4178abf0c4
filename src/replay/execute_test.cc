#include "replay/execute.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "replay/memory_workplace.h"

namespace clawtrace::replay {
namespace {

using test::MemoryWorkplace;

// A session, step by step.
class Recording {
 public:
  explicit Recording(std::string agent = "pi") {
    session_.id = "s", session_.source = "test", session_.info.agent = std::move(agent),
    session_.info.cwd = "/w";
  }

  Recording& Call(std::string name, std::string args, std::string output = "",
                  ToolStatus status = ToolStatus::kOk) {
    Step step;
    step.kind = StepKind::kToolUse, step.call_id = "t" + std::to_string(session_.steps.size());
    step.tool.name = std::move(name), step.tool.args = std::move(args);
    step.tool.args_bytes = static_cast<int64_t>(step.tool.args.size());
    step.result.status = status, step.result.output_bytes = static_cast<int64_t>(output.size());
    step.result.output = std::move(output);
    session_.steps.push_back(std::move(step));
    return *this;
  }
  Step& last() { return session_.steps.back(); }
  Session& session() { return session_; }

  Execution Run(Workplace& place, const ExecuteOptions& options = {.at = "/w"},
                const std::vector<size_t>& dropped = {}) {
    std::vector<Moment> line = TimelineOf(session_);
    std::vector<bool> keep(line.size(), true);
    for (size_t step : dropped) keep[step] = false;
    auto all = Execute(line, keep, place, options);
    EXPECT_TRUE(all) << all.error().message;
    return all ? *std::move(all) : Execution{};
  }

 private:
  Session session_;
};

// "matched", "differs: ...", "not comparable: ..."
std::string Came(const StepRun& run) {
  switch (run.match) {
    case Match::kMatched:
      return run.partial ? "matched in part" : run.exact ? "matched exactly" : "matched";
    case Match::kDiffers:
      return "differs: " + run.difference;
    case Match::kNotComparable:
      return "not comparable: " + run.why;
  }
  return "";
}

TEST(ExecuteTest, ResultsAreComparedAndFilesChange) {
  MemoryWorkplace place("/w", {{"a", "one\ntwo\n"}});
  place.Says("sh build.sh", "built in 0.20s\n");
  place.Says("false", "", 1);
  place.Says("wc", "3\n");
  Recording recording;
  recording.Call("read", R"({"path":"a"})", "one\ntwo\n")
      .Call("edit", R"({"path":"a","edits":[{"oldText":"two","newText":"2"}]})",
            "Successfully replaced 1 block(s) in a.")
      .Call("read", R"({"path":"/w/a","offset":2,"limit":1})",
            "2\n\n[1 more lines in file. Use offset=3 to continue.]")
      .Call("bash", R"({"command":"sh build.sh"})", "built in 0.18s\n")
      .Call("bash", R"({"command":"false"})", "(no output)\n\nCommand exited with code 1", ToolStatus::kError)
      .Call("bash", R"({"command":"wc"})", "4\n")
      .Call("write", R"({"path":"sub/b","content":"x"})", "Successfully wrote 1 bytes to sub/b")
      .Call("edit", R"({"path":"a","edits":[{"oldText":"two","newText":"2"}]})", "Could not find",
            ToolStatus::kError)
      .Call("read", R"({"path":"none"})", "ENOENT: no such file", ToolStatus::kError);
  Execution all = recording.Run(place, {.at = "/w", .effects = true});
  ASSERT_EQ(all.runs.size(), 9u);
  EXPECT_EQ(Came(all.runs[0]), "matched exactly");
  EXPECT_EQ(Came(all.runs[1]), "matched exactly");
  EXPECT_EQ(all.runs[1].changed, std::vector<std::string>{"a"});
  EXPECT_EQ(Came(all.runs[2]), "matched exactly");
  EXPECT_EQ(all.runs[2].output, "2\n");
  EXPECT_EQ(Came(all.runs[3]), "matched");
  EXPECT_TRUE(all.runs[3].changed.empty());
  EXPECT_EQ(Came(all.runs[4]), "matched exactly");
  EXPECT_FALSE(all.runs[4].ok);
  EXPECT_EQ(all.runs[4].exit_code, 1);
  EXPECT_EQ(Came(all.runs[5]), "differs: line 1: \"4\" recorded, \"3\" executed");
  EXPECT_EQ(all.runs[6].changed, std::vector<std::string>{"sub/b"});
  EXPECT_EQ(Came(all.runs[7]), "matched exactly");
  EXPECT_FALSE(all.runs[7].ok);
  EXPECT_EQ(Came(all.runs[8]), "matched exactly");
  EXPECT_EQ(all.comparable, 9);
  EXPECT_EQ(all.matched, 8);
  EXPECT_DOUBLE_EQ(all.fidelity(), 8.0 / 9);
  EXPECT_EQ(place.files()["a"], "one\n2\n");
  EXPECT_EQ(all.final_tree.size(), 2u);
}

TEST(ExecuteTest, AStepThatIsDroppedDoesNotHappen) {
  Recording recording;
  recording.Call("write", R"({"path":"a","content":"1"})", "Successfully wrote 1 bytes to a")
      .Call("read", R"({"path":"a"})", "1");
  MemoryWorkplace place("/w");
  Execution all = recording.Run(place, {.at = "/w"}, {0});
  EXPECT_FALSE(all.runs[0].ran);
  EXPECT_EQ(Came(all.runs[0]), "not comparable: ");
  EXPECT_FALSE(all.runs[1].ok);
  EXPECT_TRUE(all.runs[1].difference.starts_with("read as recorded, failed when executed"));
  EXPECT_TRUE(all.final_tree.empty());
}

TEST(ExecuteTest, ASpawnTakesItsSubAgentWithIt) {
  Recording recording("claude-code");
  recording.Call("Task", R"({"prompt":"x"})", "done");
  recording.last().kind = StepKind::kSubagentSpawn;
  Recording child("claude-code");
  child.Call("Write", R"({"file_path":"/w/a","content":"1"})", "File created successfully at: /w/a");
  recording.last().children.push_back(child.session());
  recording.Call("Task", R"({"prompt":"y"})", "done");
  recording.last().kind = StepKind::kSubagentSpawn;

  MemoryWorkplace place("/w"), without("/w");
  Execution all = recording.Run(place);
  EXPECT_EQ(Came(all.runs[0]), "not comparable: sub-agent: its own steps follow");
  EXPECT_FALSE(all.runs[0].unsupported);
  EXPECT_EQ(Came(all.runs[1]), "matched exactly");
  EXPECT_TRUE(all.runs[2].unsupported) << "a sub-agent whose log is not there";
  EXPECT_EQ(all.final_tree.count("a"), 1u);
  EXPECT_TRUE(recording.Run(without, {.at = "/w"}, {0}).final_tree.empty());
}

TEST(ExecuteTest, WhatCannotBeRunSaysWhy) {
  struct Case {
    std::string want;
    bool unsupported;
    std::function<void(Step&)> change;
  };
  const Case kCases[] = {
      {"the call was not recorded", true, [](Step& s) { s.result_only = true; }},
      {"copied from an earlier session, whose effects are in the workspace", false,
       [](Step& s) { s.inherited = true; }},
      {"aborted: how far it came is not known", true,
       [](Step& s) { s.result.status = ToolStatus::kAborted; }},
      {"the client refused it", false,
       [](Step& s) {
         s.result.status = ToolStatus::kError;
         s.result.output = "<tool_use_error>File has not been read yet. Read it first</tool_use_error>";
       }},
      {"unknown tool: mcp__x__do", true, [](Step& s) { s.tool.name = "mcp__x__do"; }},
      {"network", false, [](Step& s) { s.tool.name = "WebFetch"; }},
      {"touches the conversation only", false, [](Step& s) { s.tool.name = "TodoWrite"; }},
      {"reads only, in the client's own way", false, [](Step& s) { s.tool.name = "Grep"; }},
      {"arguments not kept whole", true, [](Step& s) { ++s.tool.args_bytes; }},
      {"argument missing: path", false,
       [](Step& s) {
         s.tool.args = R"({"content":"1"})", s.tool.args_bytes = 15, s.result.status = ToolStatus::kError;
       }},
      {"argument missing: path", true,
       [](Step& s) { s.tool.args = R"({"content":"1"})", s.tool.args_bytes = 15; }},
      {"NUL byte in an argument", false,
       [](Step& s) { s.tool.args = R"({"file_path":"a\u0000b","content":"1"})", s.tool.args_bytes = 37; }},
  };
  for (const Case& c : kCases) {
    Recording recording("claude-code");
    recording.Call("Write", R"({"file_path":"/w/a","content":"1"})", "File created successfully at: /w/a");
    c.change(recording.last());
    MemoryWorkplace place("/w");
    Execution all = recording.Run(place);
    EXPECT_EQ(Came(all.runs[0]), "not comparable: " + c.want);
    EXPECT_EQ(all.runs[0].unsupported, c.unsupported) << c.want;
    EXPECT_FALSE(all.runs[0].ran) << c.want;
    EXPECT_TRUE(all.final_tree.empty()) << c.want;
  }
}

TEST(ExecuteTest, WhatCannotBeComparedSaysWhy) {
  MemoryWorkplace place("/w", {{"a", "1\n"}, {"image", std::string("\x89PNG\0", 5)}});
  place.Says("{\nserve\n} >/dev/null 2>&1 </dev/null &", "");
  Recording recording("claude-code");
  recording.Call("Read", R"({"file_path":"/w/a"})", "unchanged since last read");
  recording.last().result.unchanged = true;
  recording.Call("Read", R"({"file_path":"/w/a"})");
  recording.last().result.status = ToolStatus::kUnknown;
  recording.Call("Read", R"({"file_path":"/w/image"})")
      .Call("Read", R"({"file_path":"/home/me/.skill/SKILL.md"})", "1\tx")
      .Call("Bash", R"({"command":"serve","run_in_background":true})",
            "Command running in background with ID: 1")
      .Call("Read", R"({"file_path":"/w/a"})", "1\t");
  recording.last().result.output_bytes = 2000;
  place.Says("ls", "a\n");
  recording.Call("Bash", R"({"command":"ls"})");
  Execution all = recording.Run(place);
  EXPECT_EQ(Came(all.runs[6]), "not comparable: the text of the result was not recorded");
  EXPECT_EQ(Came(all.runs[0]), "not comparable: the client marked it as unchanged");
  EXPECT_EQ(Came(all.runs[1]), "not comparable: no result was recorded");
  EXPECT_EQ(Came(all.runs[2]), "not comparable: not text");
  EXPECT_EQ(Came(all.runs[3]), "not comparable: outside the workspace");
  EXPECT_EQ(Came(all.runs[4]), "not comparable: runs in the background");
  EXPECT_TRUE(all.runs[4].ran && all.runs[4].ok);
  EXPECT_EQ(Came(all.runs[5]), "not comparable: nothing of the result was kept");
  EXPECT_EQ(all.comparable, 0);
  EXPECT_DOUBLE_EQ(all.fidelity(), 1);
}

TEST(ExecuteTest, ShellsStandWhereTheirClientsLeaveThem) {
  auto stands = [](const std::string& agent, const std::string& tool, std::string first, std::string second) {
    MemoryWorkplace place("/x");
    auto end_in = [](std::string folder) {
      return [folder](const Command&, MemoryWorkplace::Files&) {
        return CommandResult{.how = Ended::kExited, .exit_code = 0, .final_cwd = folder};
      };
    };
    place.Does("cd sub", end_in("/x/sub")), place.Does("cd /", end_in("/"));
    Recording recording(agent);
    recording.Call(tool, R"({"command":"cd sub"})")
        .Call(tool, R"({"command":"cd /"})")
        .Call(tool, R"({"command":"pwd"})");
    Execution all = recording.Run(place, {.at = "/x"});
    EXPECT_EQ(place.ran()[0].cwd, "") << agent;
    EXPECT_EQ(place.ran()[1].cwd, first) << agent;
    EXPECT_EQ(place.ran()[2].cwd, second) << agent;
  };
  stands("claude-code", "Bash", "/x/sub", "");
  stands("openhands", "execute_bash", "/x/sub", "/");
  stands("pi", "bash", "", "");

  MemoryWorkplace place("/x");
  Recording recording("codex");
  recording.Call("exec_command", R"({"cmd":"ls","workdir":"/w/sub"})")
      .Call("exec_command", R"({"cmd":"ls","workdir":"sub"})")
      .Call("exec_command", R"({"cmd":"ls"})");
  Execution all = recording.Run(place, {.at = "/x"});
  EXPECT_EQ(place.ran()[0].cwd, "/x/sub");
  EXPECT_EQ(place.ran()[1].cwd, "/x/sub");
  EXPECT_EQ(place.ran()[2].cwd, "");
}

TEST(ExecuteTest, RecordedPathsAreTakenInTheWorkplace) {
  MemoryWorkplace place("/x", {{"a", "1\n"}});
  place.Says("cat /x/a /w2/a /x", "in /x/a: 1\n");
  Recording recording("claude-code");
  recording.Call("Bash", R"({"command":"cat /w/a /w2/a /w"})", "in /w/a: 1")
      .Call("Read", R"({"file_path":"/w/a"})", "1\t1\n2\t")
      .Call("Write", R"({"file_path":"/w/sub/../b","content":"2"})", "File created successfully at: /w/b")
      .Call("Read", R"({"file_path":"/w/../w/a"})", "1\t1\n2\t");
  Execution all = recording.Run(place, {.at = "/x"});
  for (const StepRun& run : all.runs) EXPECT_EQ(Came(run), "matched exactly");
  EXPECT_EQ(all.runs[0].output, "in /w/a: 1\n");
  EXPECT_EQ(place.files()["b"], "2");
}

// Claude Code changes no file that it has not read: without the reading, the change fails.
TEST(ExecuteTest, AClientThatReadsFirstWantsItsReading) {
  Recording recording("claude-code");
  recording.Call("Read", R"({"file_path":"/w/a"})", "1\tone\n2\t")
      .Call("Read", R"({"file_path":"/w/a"})", "1\tone\n2\t")
      .Call("Edit", R"({"file_path":"/w/a","old_string":"one","new_string":"two"})",
            "The file /w/a has been updated successfully.");
  auto edited = [&](const std::vector<size_t>& dropped) {
    MemoryWorkplace place("/w", {{"a", "one\n"}});
    Execution all = recording.Run(place, {.at = "/w"}, dropped);
    return all.runs[2].ok;
  };
  EXPECT_TRUE(edited({}));
  EXPECT_TRUE(edited({0}));
  EXPECT_TRUE(edited({1}));
  EXPECT_FALSE(edited({0, 1}));
  recording.session().info.agent = "pi", recording.session().steps[2].tool.name = "edit";
  recording.session().steps[2].tool.args = R"({"path":"a","oldText":"one","newText":"two"})";
  recording.session().steps[2].tool.args_bytes = 47;
  EXPECT_TRUE(edited({0, 1}));
}

TEST(ExecuteTest, APatchIsAppliedWholeOrNotAtAll) {
  MemoryWorkplace place("/w", {{"a", "one\n"}, {"b", "two\n"}, {"c", "three\n"}});
  Recording recording("codex");
  recording
      .Call(
          "apply_patch",
          R"({"input":"*** Begin Patch\n*** Update File: a\n@@\n-one\n+1\n*** Delete File: none\n*** End Patch"})",
          "failed", ToolStatus::kError)
      .Call(
          "apply_patch",
          R"({"input":"*** Begin Patch\n*** Update File: a\n*** Move to: sub/a\n@@\n-one\n+1\n*** Delete File: b\n*** Add File: /w/d\n+4\n*** Update File: c\n@@\n three\n+more\n*** End Patch"})",
          "Success.");
  Execution all = recording.Run(place, {.at = "/w", .effects = true});
  EXPECT_FALSE(all.runs[0].ok);
  EXPECT_TRUE(all.runs[0].changed.empty());
  EXPECT_EQ(Came(all.runs[1]), "matched exactly");
  EXPECT_EQ(all.runs[1].changed, (std::vector<std::string>{"a", "b", "c", "d", "sub/a"}));
  MemoryWorkplace::Files want = {{"c", "three\nmore\n"}, {"d", "4\n"}, {"sub/a", "1\n"}};
  EXPECT_EQ(place.files(), want);
}

TEST(ExecuteTest, AnEditMustShowWhatTheClientShowed) {
  Recording recording("gemini-cli");
  recording.Call("replace", R"({"file_path":"/w/a","old_string":"b","new_string":"c"})",
                 "Successfully modified file: /w/a (1 replacements). Here is the updated code:\na\nc\n");
  MemoryWorkplace same("/w", {{"a", "x\na\nb\n"}}), other("/w", {{"a", "b\n"}});
  EXPECT_EQ(Came(recording.Run(same).runs[0]), "matched exactly");
  EXPECT_EQ(Came(recording.Run(other).runs[0]), "differs: the file is not what the client showed of it");
}

TEST(ExecuteTest, LimitsAndBudgetsAreKept) {
  auto lasts = [](int64_t ms, Ended how) {
    return [=](const Command& command, MemoryWorkplace::Files&) {
      bool over = ms > command.wall_ms;
      return CommandResult{.how = over ? Ended::kTimedOut : how,
                           .exit_code = 0,
                           .limit = over ? "wall" : "",
                           .wall_ns = std::min(ms, command.wall_ms) * 1'000'000};
    };
  };
  MemoryWorkplace place("/w");
  place.Does("make", lasts(300, Ended::kExited));
  Recording recording;
  for (int i = 0; i < 4; ++i) recording.Call("bash", R"({"command":"make","timeout":5})", "(no output)");
  EXPECT_EQ(recording.Run(place).matched, 4);
  EXPECT_EQ(place.ran()[0].wall_ms, 5000);

  Execution all = recording.Run(place, {.at = "/w", .command_ms = 100});
  EXPECT_EQ(Came(all.runs[0]), "not comparable: ended by the limit on wall");
  EXPECT_TRUE(all.runs[0].unsupported) << "what it would have written is missing";
  EXPECT_FALSE(all.out_of_budget);

  all = recording.Run(place, {.at = "/w", .budget_ms = 700});
  EXPECT_TRUE(all.out_of_budget);
  EXPECT_EQ(all.matched, 2);
  EXPECT_EQ(all.wall_ns, 700'000'000);
  EXPECT_FALSE(all.runs[3].ran);
}

TEST(ExecuteTest, OutcomesAreComparedAsStrictlyAsTheBaselineAllows) {
  StepRun a{.ran = true, .ok = true, .exit_code = 0, .output = "on 2026-11-21"}, b = a;
  EXPECT_TRUE(SameOutcome(a, b));
  b.output = "on 2026-11-22";
  EXPECT_TRUE(SameOutcome(a, b)) << "the baseline's own date was another than the recorded one";
  a.exact = true;
  EXPECT_FALSE(SameOutcome(a, b)) << "the date is content";
  b = a, b.exit_code = 1;
  EXPECT_FALSE(SameOutcome(a, b));
  b = a, b.ran = false;
  EXPECT_FALSE(SameOutcome(a, b));
}

// Whatever a log holds, running it twice gives the same files and the same findings.
TEST(ExecuteTest, ItIsTotalAndRepeatable) {
  EXPECT_TRUE(rc::check([](const std::vector<uint8_t>& bytes) {
    static constexpr std::pair<std::string_view, std::string_view> kCalls[] = {
        {"write", R"({"path":"a","content":"1\n2\n"})"},
        {"write", R"({"path":"../../etc/x","content":"y"})"},
        {"edit", R"({"path":"a","oldText":"1","newText":"3"})"},
        {"edit", R"({"path":"a","edits":[{"oldText":"2","newText":""}]})"},
        {"read", R"({"path":"a","offset":2})"},
        {"read", R"({"path":"~/x"})"},
        {"bash", R"({"command":"touch b"})"},
        {"apply_patch", R"({"input":"*** Begin Patch\n*** Delete File: a\n*** End Patch"})"},
        {"NotebookEdit", R"({"notebook_path":"n"})"},
        {"mystery", "not json"},
        {"ls", "{}"},
        {"Task", "{}"}};
    static constexpr std::string_view kAgents[] = {"pi",         "claude-code", "codex",
                                                   "gemini-cli", "openhands",   "nobody"};
    size_t at = 0;
    auto next = [&](size_t below) { return at < bytes.size() ? bytes[at++] % below : 0; };
    Recording recording{std::string(kAgents[next(6)])};
    while (at < bytes.size()) {
      const auto& [name, args] = kCalls[next(std::size(kCalls))];
      recording.Call(std::string(name), std::string(args), std::string(next(3), 'x'),
                     static_cast<ToolStatus>(next(4)));
      Step& step = recording.last();
      step.inherited = next(8) == 1, step.result_only = next(8) == 1,
      step.result.output_bytes += static_cast<int64_t>(next(2));
      step.tool.args_broken = name == "mystery";
    }
    auto run = [&] {
      MemoryWorkplace place("/w", {{"a", "1\n"}});
      place.Does("touch b", [](const Command&, MemoryWorkplace::Files& files) {
        files["b"];
        return CommandResult{.how = Ended::kExited, .exit_code = 0};
      });
      return recording.Run(place, {.at = "/w", .effects = true, .inherited = next(2) == 1});
    };
    Execution one = run(), two = run();
    RC_ASSERT(one.final_tree == two.final_tree);
    RC_ASSERT(one.matched == two.matched && one.comparable == two.comparable);
    for (size_t i = 0; i < one.runs.size(); ++i) {
      RC_ASSERT(SameOutcome(one.runs[i], two.runs[i]));
      RC_ASSERT(one.runs[i].difference.size() <= 200u);
    }
  }));
}

}  // namespace
}  // namespace clawtrace::replay

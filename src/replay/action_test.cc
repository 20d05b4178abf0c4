// The battery: what every agent of agents.def must do with arguments of its own tools and with damaged ones.
#include "replay/action.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

namespace clawtrace::replay {
namespace {

ToolUse Use(std::string name, std::string args) {
  ToolUse tool;
  tool.name = std::move(name), tool.args = std::move(args);
  tool.args_bytes = static_cast<int64_t>(tool.args.size());
  return tool;
}

std::string_view NameOf(ActionKind kind) {
  static constexpr std::string_view kNames[] = {"nothing", "read", "list",  "search",   "command",
                                                "write",   "edit", "patch", "notebook", "unsupported"};
  return kNames[static_cast<size_t>(kind)];
}

// One line of what matters in an action.
std::string Said(const Action& a) {
  std::string out(NameOf(a.kind));
  auto add = [&](std::string_view what, std::string_view value) {
    if (!value.empty()) out.append(" ").append(what).append("=").append(value);
  };
  add("why", a.reason), add("path", a.path), add("command", a.command), add("cwd", a.cwd),
      add("text", a.text);
  if (a.first_line != 1) add("from", std::to_string(a.first_line));
  if (a.lines) add("lines", std::to_string(*a.lines));
  if (a.timeout_ms) add("ms", std::to_string(a.timeout_ms));
  if (a.background) add("background", "yes");
  for (const Replacement& edit : a.edits) {
    std::string how = edit.all ? "*" : edit.first ? "^" : edit.expected ? std::to_string(*edit.expected) : "";
    add("edit" + how, edit.old_text + "/" + edit.new_text);
  }
  if (a.insert_after) add("after", std::to_string(*a.insert_after));
  add("cell", a.cell_id);
  return out;
}

struct Sample {
  std::string_view tool, args, want;
};

const std::map<std::string_view, std::vector<Sample>>& Samples() {
  static const std::map<std::string_view, std::vector<Sample>> samples = {
      {"claude-code",
       {{"Bash", R"({"command":"ls","timeout":5000})", "command command=ls ms=5000"},
        {"Bash", R"({"command":"serve","run_in_background":true})", "command command=serve background=yes"},
        {"Read", R"({"file_path":"/w/a","offset":5,"limit":3})", "read path=/w/a from=5 lines=3"},
        {"Read", R"({"file_path":"/w/a.ipynb"})", "search"},
        {"Write", R"({"file_path":"/w/a","content":"x"})", "write path=/w/a text=x"},
        {"Edit", R"({"file_path":"/w/a","old_string":"x","new_string":"y","replace_all":true})",
         "edit path=/w/a edit*=x/y"},
        {"MultiEdit",
         R"({"file_path":"a","edits":[{"old_string":"x","new_string":"y"},{"old_string":"y","new_string":"z"}]})",
         "edit path=a edit=x/y edit=y/z"},
        {"NotebookEdit", R"({"notebook_path":"n.ipynb","cell_id":"c1","new_source":"1"})",
         "notebook path=n.ipynb text=1 cell=c1"},
        {"Grep", R"({"pattern":"x"})", "search"},
        {"WebFetch", R"({"url":"https://x"})", "nothing why=network"},
        {"Task", R"({"prompt":"x"})", "unsupported why=sub-agent"},
        {"TodoWrite", R"({"todos":[]})", "nothing"},
        {"mcp__tracker__close_issue", R"({"id":1})",
         "unsupported why=unknown tool: mcp__tracker__close_issue"},
        {"mcp__tracker__get_issue", R"({"id":1})", "nothing why=another program's tool"}}},
      {"codex",
       {{"exec_command", R"({"cmd":"ls","workdir":"/w/sub"})", "command command=ls cwd=/w/sub"},
        {"shell", R"({"command":["bash","-lc","ls | wc"],"timeout_ms":9})", "command command=ls | wc ms=9"},
        {"shell", R"({"command":["grep","it's","a b"]})", "command command='grep' 'it'\\''s' 'a b'"},
        {"apply_patch", R"({"input":"*** Begin Patch\n*** End Patch"})",
         "patch text=*** Begin Patch\n*** End Patch"},
        {"exec_command",
         R"({"cmd":"cd sub && apply_patch <<'EOF'\n*** Begin Patch\n*** Delete File: x\n*** End Patch\nEOF"})",
         "patch cwd=sub text=*** Begin Patch\n*** Delete File: x\n*** End Patch"},
        {"shell", R"({"command":["apply_patch","*** Begin Patch\n*** Delete File: x\n*** End Patch"]})",
         "patch text=*** Begin Patch\n*** Delete File: x\n*** End Patch"},
        {"exec_command", R"({"cmd":"echo apply_patch"})", "command command=echo apply_patch"},
        {"write_stdin", R"({"session_id":"1","chars":"y"})", "unsupported why=typed into a running program"},
        {"update_plan", R"({"plan":[]})", "nothing"},
        {"spawn_agent", R"({"message":"x"})", "unsupported why=sub-agent"}}},
      {"pi",
       {{"read", R"({"path":"@a","offset":3})", "read path=a from=3"},
        {"bash", R"({"command":"ls","timeout":2})", "command command=ls ms=2000"},
        {"edit", R"({"path":"a","edits":[{"oldText":"x","newText":"y"}]})", "edit path=a edit=x/y"},
        {"edit", R"({"path":"a","oldText":"x","newText":"y"})", "edit path=a edit=x/y"},
        {"write", R"({"path":"a","content":""})", "write path=a"},
        {"ls", R"({})", "list path=."}}},
      {"openclaw",
       {{"exec", R"({"command":"ls","workdir":"sub","timeout":3,"title":"t"})",
         "command command=ls cwd=sub ms=3000"},
        {"exec", R"({"command":"serve","background":true})", "command command=serve background=yes"},
        {"edit", R"({"path":"a","edits":[{"oldText":"x","newText":"y"}]})", "edit path=a edit=x/y"},
        {"process", R"({"action":"poll"})", "nothing why=background process"},
        {"sessions_spawn", R"({"task":"x"})", "unsupported why=sub-agent"}}},
      {"gemini-cli",
       {{"run_shell_command", R"({"command":"ls","dir_path":"sub","is_background":false})",
         "command command=ls cwd=sub"},
        {"read_file", R"({"file_path":"/w/a","offset":0,"limit":2})", "read path=/w/a lines=2"},
        {"read_file", R"({"file_path":"/w/a","start_line":4,"end_line":6})", "read path=/w/a from=4 lines=3"},
        {"replace", R"({"file_path":"/w/a","old_string":"x","new_string":"y","expected_replacements":2})",
         "edit path=/w/a edit2=x/y"},
        {"write_file", R"({"file_path":"/w/a","content":"x"})", "write path=/w/a text=x"},
        {"google_web_search", R"({"query":"x"})", "nothing why=network"}}},
      {"qwen-code",
       {{"run_shell_command", R"({"command":"ls","is_background":true})",
         "command command=ls background=yes"},
        {"edit", R"({"file_path":"/w/a","old_string":"x","new_string":"y"})", "edit path=/w/a edit=x/y"},
        {"agent", R"({"prompt":"x"})", "unsupported why=sub-agent"}}},
      {"opencode",
       {{"bash", R"({"command":"ls","workdir":"/w/sub","timeout":70})",
         "command command=ls cwd=/w/sub ms=70"},
        {"edit", R"({"filePath":"/w/a","oldString":"x","newString":"y","replaceAll":true})",
         "edit path=/w/a edit*=x/y"},
        {"read", R"({"filePath":"/w/a"})", "read path=/w/a"},
        {"batch", R"({"tool_calls":[]})", "unsupported why=several tools in one call"}}},
      {"cline",
       {{"execute_command", R"({"command":"ls"})", "command command=ls"},
        {"run_commands", R"({"commands":["cd a","ls"]})", "command command=cd a\nls"},
        {"read_files", R"({"files":[{"path":"a","start_line":2,"end_line":3}]})",
         "read path=a from=2 lines=2"},
        {"replace_in_file", R"({"path":"a","diff":"------- SEARCH\nx\n=======\ny\n+++++++ REPLACE"})",
         "edit path=a edit^=x\n/y\n"},
        {"editor", R"({"path":"a","old_text":"x","new_text":"y"})", "edit path=a edit=x/y"},
        {"editor", R"({"path":"a","new_text":"y"})", "write path=a text=y"}}},
      {"openhands",
       {{"execute_bash", R"({"command":"ls","timeout":1.5})", "command command=ls ms=1500"},
        {"execute_bash", R"({"command":"C-c","is_input":"true"})",
         "unsupported why=typed into a running program"},
        {"str_replace_editor", R"({"command":"view","path":"/w/a","view_range":[3,5]})",
         "read path=/w/a from=3 lines=3"},
        {"str_replace_editor", R"({"command":"create","path":"/w/a","file_text":"x"})",
         "write path=/w/a text=x"},
        {"str_replace_editor", R"({"command":"str_replace","path":"/w/a","old_str":"x"})",
         "edit path=/w/a edit=x/"},
        {"str_replace_editor", R"({"command":"insert","path":"/w/a","insert_line":2,"new_str":"x"})",
         "edit path=/w/a text=x after=2"},
        {"str_replace_editor", R"({"command":"undo_edit","path":"/w/a"})",
         "unsupported why=editor command: undo_edit"},
        {"run_ipython", R"({"code":"1"})", "unsupported why=IPython"}}},
      {"swe-agent",
       {{"bash", R"({"command":"python x.py"})", "command command=python x.py"},
        {"bash", R"({"command":"open a.py 3"})", "search"},
        {"bash", R"({"command":"edit 3:4\nx\nend_of_edit"})",
         "unsupported why=SWE-agent's own command: edit"},
        {"bash", R"({"command":"submit"})", "nothing"}}},
      {"mini-swe-agent", {{"bash", R"({"command":"ls"})", "command command=ls"}}},
      {"generic",
       {{"exec", R"({"command":"ls","cwd":"/w/sub"})", "command command=ls cwd=/w/sub"},
        {"write_file", R"({"path":"a","content":"x"})", "write path=a text=x"},
        {"edit", R"({"path":"a","oldText":"x","newText":"y"})", "edit path=a edit=x/y"},
        {"apply_patch", R"({"patch":"*** Begin Patch"})", "patch text=*** Begin Patch"},
        {"edit", R"({"path":"a","changes":1})", "unsupported why=arguments of edit"},
        {"get_weather", R"({"city":"x"})", "nothing why=another program's tool"},
        {"book_flight", R"({"city":"x"})", "unsupported why=unknown tool: book_flight"}}},
  };
  return samples;
}

TEST(ActionTest, EveryAgentMapsItsTools) {
  for (const RecordedAgent* agent : RecordedAgents()) {
    SCOPED_TRACE(agent->name);
    auto samples = Samples().find(agent->name);
    ASSERT_NE(samples, Samples().end()) << "an agent without samples";
    for (const Sample& sample : samples->second)
      EXPECT_EQ(Said(ActionOf(*agent, Use(std::string(sample.tool), std::string(sample.args)))), sample.want)
          << sample.tool << sample.args;
  }
  EXPECT_EQ(Samples().size(), RecordedAgents().size());
}

TEST(ActionTest, ArgumentsThatAreNotThereAreNeverGuessed) {
  for (const RecordedAgent* agent : RecordedAgents()) {
    SCOPED_TRACE(agent->name);
    for (const Sample& sample : Samples().at(agent->name)) {
      ToolUse cut = Use(std::string(sample.tool), std::string(sample.args));
      cut.args_bytes += 1;
      EXPECT_EQ(Said(ActionOf(*agent, cut)), "unsupported why=arguments not kept whole");
      // Without arguments nothing is run and nothing is written.
      Action none = ActionOf(*agent, Use(std::string(sample.tool), "{}"));
      bool acts = none.kind == ActionKind::kCommand || none.kind == ActionKind::kWrite ||
                  none.kind == ActionKind::kEdit || none.kind == ActionKind::kPatch ||
                  none.kind == ActionKind::kNotebook;
      EXPECT_FALSE(acts) << sample.tool;
    }
  }
}

TEST(ActionTest, NoByteOfAnArgumentIsTrusted) {
  static constexpr std::string_view kValues[] = {"null",
                                                 "1",
                                                 "-1",
                                                 "1e300",
                                                 "true",
                                                 "\"\"",
                                                 "\"x\"",
                                                 "\"../../etc/passwd\"",
                                                 R"("a\u0000b")",
                                                 "[]",
                                                 "[null]",
                                                 "{}",
                                                 "[[[]]]",
                                                 R"({"a":1})",
                                                 "9223372036854775807",
                                                 R"(["bash","-lc"])",
                                                 R"("\ud800")"};
  EXPECT_TRUE(rc::check([](const std::vector<uint8_t>& bytes) {
    size_t at = 0;
    auto next = [&](size_t below) { return at < bytes.size() ? bytes[at++] % below : 0; };
    for (const RecordedAgent* agent : RecordedAgents()) {
      const std::vector<Sample>& samples = Samples().at(agent->name);
      const Sample& sample = samples[next(samples.size())];
      // One of its arguments' values becomes another.
      std::string args(sample.args);
      size_t colon = args.find(':', next(args.size()));
      if (colon != std::string::npos) {
        size_t end = args.find_first_of(",}", colon);
        args = args.substr(0, colon + 1) + std::string(kValues[next(std::size(kValues))]) + args.substr(end);
      }
      Action action = ActionOf(*agent, Use(std::string(sample.tool), args));
      RC_ASSERT(!action.path.contains('\0') && !action.command.contains('\0'));
      RC_ASSERT(action.first_line >= 1 && action.timeout_ms >= 0);
      (void)agent->tool_said(action, args);
      (void)ActionOf(*agent,
                     Use(std::string(bytes.begin(), bytes.end()), std::string(bytes.begin(), bytes.end())));
    }
  }));
  for (const RecordedAgent* agent : RecordedAgents()) {
    ToolUse deep = Use("Bash", std::string(5000, '[') + std::string(5000, ']'));
    (void)ActionOf(*agent, deep);
    ToolUse large = Use("bash", R"({"command":")" + std::string(1 << 20, 'x') + "\"}");
    (void)ActionOf(*agent, large);
  }
}

TEST(ActionTest, AgentsAreFoundByTheSession) {
  Session session;
  EXPECT_EQ(AgentOf(session).name, "generic");
  session.source = "codex";
  EXPECT_EQ(AgentOf(session).name, "codex");
  session.source = "otlp", session.info.agent = "claude-code";
  EXPECT_EQ(AgentOf(session).name, "claude-code");
  std::set<std::string_view> names;
  for (const RecordedAgent* agent : RecordedAgents()) {
    for (std::string_view name : agent->answers_to) EXPECT_TRUE(names.insert(name).second) << name;
  }
}

TEST(ActionTest, OnlyReadersCannotWrite) {
  EXPECT_FALSE(MayWrite({.kind = ActionKind::kRead}));
  EXPECT_FALSE(MayWrite({.kind = ActionKind::kCommand, .command = "ls -la | head"}));
  EXPECT_TRUE(MayWrite({.kind = ActionKind::kCommand, .command = "ls > x"}));
  EXPECT_TRUE(MayWrite({.kind = ActionKind::kWrite}));
  EXPECT_TRUE(MayWrite({.kind = ActionKind::kUnsupported}));
}

struct Wording {
  std::string_view agent;
  ActionKind kind;
  std::string_view output, said;
};

TEST(ActionTest, WhatTheToolSaidIsToldFromTheClientsRemarks) {
  const Wording kCases[] = {
      {"claude-code", ActionKind::kRead,
       "     1\xE2\x86\x92"
       "a\n     2\xE2\x86\x92"
       "b\n\n<system-reminder>\nbe good\n</system-reminder>",
       "a\nb"},
      {"claude-code", ActionKind::kRead, "9\ta\n10\tb\n11\t", "a\nb\n"},
      {"claude-code", ActionKind::kRead, "<system-reminder>Warning: empty.</system-reminder>", ""},
      {"claude-code", ActionKind::kCommand, "Exit code 2\nno such file", "no such file"},
      {"claude-code", ActionKind::kCommand, "(Bash completed with no output)", ""},
      {"claude-code", ActionKind::kCommand, "x\nShell cwd was reset to /w", "x"},
      {"claude-code", ActionKind::kCommand,
       "<persisted-output>\nOutput too large (45KB). Saved.\n\nPreview (first "
       "2KB):\na\nb\n...\n</persisted-output>",
       "a\nb\n...\n[... left out ...]"},
      {"claude-code", ActionKind::kEdit,
       "The file a has been updated. Here's the result of running `cat -n` on a snippet of the edited "
       "file:\n    21\tx\n    22\ty",
       "x\ny"},
      {"codex", ActionKind::kCommand,
       "Chunk ID: 0deba4\nWall time: 0.0 seconds\nProcess exited with code 0\nOriginal token count: "
       "1\nOutput:\nWall time: mine\n",
       "Wall time: mine\n"},
      {"codex", ActionKind::kCommand,
       "Exit code: 1\nWall time: 0 seconds\nTotal output lines: 900\nOutput:\nx", "x"},
      {"codex", ActionKind::kRead, "L7: a\nL8: b", "a\nb"},
      {"pi", ActionKind::kCommand, "x\n\n\nCommand exited with code 1", "x"},
      {"pi", ActionKind::kCommand, "(no output)", ""},
      {"pi", ActionKind::kCommand, "y\nz\n\n[Showing lines 99-100 of 100. Full output: /tmp/pi-bash-1.log]",
       "[... left out ...]\ny\nz"},
      {"pi", ActionKind::kRead, "a\nb\n\n[12 more lines in file. Use offset=3 to continue.]", "a\nb"},
      {"pi", ActionKind::kRead, "a\n\n[Showing lines 1-1 of 99. Use offset=2 to continue.]",
       "a\n[... left out ...]"},
      {"pi", ActionKind::kList, "a\nb/\n\n[500 entries limit reached]", "a\nb/"},
      {"openclaw", ActionKind::kCommand, "x\n\n(Command exited with code 2)", "x"},
      {"gemini-cli", ActionKind::kCommand,
       "<untrusted_context>\nOutput: a\nb\nExit Code: 2\nProcess Group PGID: 78\n</untrusted_context>",
       "a\nb"},
      {"gemini-cli", ActionKind::kCommand,
       "Command: ls\nDirectory: (root)\nStdout: a\nStderr: (empty)\nError: (none)\nExit Code: 0\nSignal: "
       "(none)\nProcess Group PGID: 9",
       "a\n"},
      {"gemini-cli", ActionKind::kList, "Directory listing for /w:\n[DIR] b\na", "b/\na\n"},
      {"gemini-cli", ActionKind::kEdit,
       "Successfully modified file: /w/a (1 replacements). Here is the updated code:\nx\ny\n", "x\ny"},
      {"qwen-code", ActionKind::kCommand,
       "Command: ls\nDirectory: (root)\nOutput: (empty)\nError: (none)\nExit Code: 0", ""},
      {"qwen-code", ActionKind::kEdit,
       "The file: /w/a has been updated. Showing lines 1-2 of 2 from the edited file:\n\n---\n\nx\ny\n",
       "x\ny"},
      {"opencode", ActionKind::kRead,
       "<path>/w/a</path>\n<type>file</type>\n<content>\n1: a\n2: b\n\n(End of file - total 2 "
       "lines)\n</content>",
       "a\nb"},
      {"opencode", ActionKind::kRead,
       "<file>\n00001| a\n00002| \n\n(File has more lines. Use 'offset' to read beyond line 2)\n</file>",
       "a\n\n[... left out ...]"},
      {"cline", ActionKind::kCommand, R"([{"query":"ls","result":"a\nb"},{"query":"pwd","result":"/w"}])",
       "a\nb\n/w"},
      {"cline", ActionKind::kRead, R"([{"query":"a:1-2","result":" 1 | x\n 2 | y"}])", "x\ny"},
      {"openhands", ActionKind::kCommand,
       "x\n[Current working directory: /w]\n[Python interpreter: /p]\n[Command finished with exit code 0]",
       "x"},
      {"openhands", ActionKind::kRead,
       "Here's the result of running `cat -n` on /w/a:\n     7\tx\n     8\ty\n", "x\ny"},
      {"swe-agent", ActionKind::kCommand, "Your command ran successfully and did not produce any output.",
       ""},
      {"mini-swe-agent", ActionKind::kCommand, "<returncode>0</returncode>\n<output>\nx\n</output>", "x"},
      {"generic", ActionKind::kRead, "1|a\n2|b", "a\nb"},
      {"generic", ActionKind::kRead, "1|a\n3|b", "1|a\n3|b"},  // numbers of its own
  };
  for (const Wording& c : kCases) {
    auto agent =
        std::ranges::find(RecordedAgents(), c.agent, [](const RecordedAgent* one) { return one->name; });
    ASSERT_NE(agent, RecordedAgents().end());
    EXPECT_EQ((*agent)->tool_said({.kind = c.kind}, c.output), c.said) << c.agent << ": " << c.output;
  }
}

}  // namespace
}  // namespace clawtrace::replay

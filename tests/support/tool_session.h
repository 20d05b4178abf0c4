#pragma once
// Sessions made of bytes, for detectors: few files, few commands and few texts, so that calls repeat,
// overlap, fail, write and are tried again. The same bytes give the same session.
#include <array>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "model/session.h"

namespace clawtrace::test {

class ToolSessionMaker {
 public:
  explicit ToolSessionMaker(std::string_view bytes) : bytes_(bytes) {}

  Session Make(size_t most_steps = 400) { return Make(most_steps, 0); }

 private:
  size_t Below(size_t n) {
    uint8_t byte = at_ < bytes_.size() ? static_cast<uint8_t>(bytes_[at_++]) : 0;
    return byte % n;
  }
  template <size_t N>
  std::string_view OneOf(const std::array<std::string_view, N>& texts) {
    return texts[Below(N)];
  }
  // Bytes as they are: not UTF-8, not JSON, not a path.
  std::string Raw() {
    std::string_view raw = bytes_.substr(std::min(at_, bytes_.size()), Below(24));
    at_ += raw.size();
    return std::string(raw);
  }

  std::string Path() {
    static constexpr auto kPaths =
        std::to_array<std::string_view>({"a", "./a", "/w/a", "b/c.txt", "b", "b/../a", ".", "/", "..",
                                         "out/x.csv", "logs/app.log", "", "a/b/c/d/e/f"});
    return Below(16) == 0 ? Raw() : std::string(OneOf(kPaths));
  }
  std::string Text() {
    static constexpr auto kTexts = std::to_array<std::string_view>(
        {"", "ok", "alpha\nbeta gamma 42\n", "beta gamma 42\n",
         "src/main.c\nsrc/util.c\nbuild9.log\nv1.2.3\n", "error: no such file or directory",
         "bash: line 1: python: command not found", "Could not find the exact text", "漢字かな交じり文\n",
         "rate limit exceeded"});
    std::string text(Below(12) == 0 ? Raw() : std::string(OneOf(kTexts)));
    if (Below(24) == 0) text.append(kMaxText, 'x');
    return text;
  }
  std::string Command() {
    static constexpr auto kWords = std::to_array<std::string_view>(
        {"cat ", "ls ", "head -n 5 ", "grep -n x ", "echo 1 > ", "echo 2 >> ", "rm ", "sed -i s/a/b/ ",
         "python3 ", "python ", "pytest ", "date ", "find ", "mkdir -p ", "cd ", "git status ", "make "});
    static constexpr auto kBetween = std::to_array<std::string_view>({" && ", " | ", "; ", " "});
    std::string line;
    for (size_t n = 1 + Below(3); n > 0; --n)
      line += std::string(OneOf(kWords)) + Path() + (n > 1 ? std::string(OneOf(kBetween)) : "");
    return line;
  }

  void Fill(Step* step) {
    static constexpr auto kTools =
        std::to_array<std::string_view>({"read", "write", "edit", "bash", "exec", "grep", "ls", "Task",
                                         "TodoWrite", "web_search", "mystery", "mcp__x__read"});
    step->tool.name = OneOf(kTools);
    bool shell = step->tool.name == "bash" || step->tool.name == "exec";
    std::string args = "{";
    auto add = [&](std::string_view key, std::string_view value) {
      if (args.size() > 1) args += ",";
      AppendJsonString(key, &args), args += ":", AppendJsonString(value, &args);
    };
    add(shell ? "command" : "path", shell ? Command() : Path());
    if (Below(3) == 0) add("content", Text());
    if (Below(4) == 0)
      args += ",\"limit\":" + std::to_string(Below(9)) + ",\"offset\":" + std::to_string(Below(9));
    args += "}";
    if (Below(20) == 0) args = Raw(), step->tool.args_broken = true;
    if (auto parsed = parser_.Parse(args)) args = parsed->Canonical();
    step->tool.args = args, step->tool.args_hash = Hash64(args);
    step->tool.args_bytes = static_cast<int64_t>(args.size());
    std::string output = Text();
    step->result.status = static_cast<ToolStatus>(Below(8) < 5 ? 1 : Below(4));
    step->result.output_hash = Below(16) == 0 ? 0 : Hash64(output);
    step->result.output_bytes = static_cast<int64_t>(output.size());
    step->result.output = output.substr(0, kMaxText);
    step->result.error = step->result.status == ToolStatus::kError ? output.substr(0, kMaxError) : "";
    step->result.unchanged = Below(24) == 0;
    if (Below(6) == 0) step->result.exit_code = static_cast<int64_t>(Below(3));
  }

  Session Make(size_t most_steps, int depth) {
    Session session;
    session.id = "s", session.info.cwd = Below(4) == 0 ? "" : "/w";
    session.info.parent_session = depth > 0 ? "s" : "";
    session.prompt = Text();
    session.compactions = static_cast<int64_t>(Below(3));
    int64_t prompt = 3000;
    for (int64_t turn = 1; session.steps.size() < most_steps && at_ < bytes_.size(); ++turn) {
      Step call;
      call.turn = turn, call.call_id = "c" + std::to_string(turn), call.abandoned = Below(16) == 0;
      call.llm.model = "gpt-5.4", call.llm.text = Text(),
      call.llm.text_bytes = static_cast<int64_t>(call.llm.text.size());
      call.llm.thinking_bytes = static_cast<int64_t>(Below(3)),
      call.llm.error = Below(20) == 0 ? "429 rate limit" : "";
      prompt = Below(12) == 0 ? prompt / 3 + 1 : prompt + 500;
      if (Below(10) != 0) call.llm.usage = Usage{.uncached_input = prompt, .output = 10};
      session.steps.push_back(call);
      for (size_t tools = Below(4); tools > 0; --tools) {
        Step step;
        step.kind = StepKind::kToolUse, step.turn = turn, step.abandoned = call.abandoned;
        step.call_id = "t" + std::to_string(session.steps.size()), step.result_only = Below(32) == 0;
        // Much is done again as it was done before.
        if (!done_.empty() && Below(3) == 0)
          std::tie(step.tool, step.result) = done_[Below(done_.size())];
        else
          Fill(&step);
        if (done_.size() < kRemembered) done_.emplace_back(step.tool, step.result);
        if (step.tool.name == "Task") step.kind = StepKind::kSubagentSpawn;
        if (step.kind == StepKind::kSubagentSpawn && depth < 2 && Below(2) == 0)
          step.children.push_back(Make(12, depth + 1));
        session.steps.push_back(std::move(step));
      }
    }
    return session;
  }

  std::string_view bytes_;
  static constexpr size_t kRemembered = 12;
  size_t at_ = 0;
  std::vector<std::pair<ToolUse, ToolResult>> done_;
  JsonParser parser_;
};

}  // namespace clawtrace::test

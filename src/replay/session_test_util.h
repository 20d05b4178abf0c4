#pragma once
// Sessions for tests of replay, said in few words.
#include <string>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "model/session.h"

namespace clawtrace::replay {

class SessionMaker {
 public:
  explicit SessionMaker(std::string prompt, std::string agent = "pi") {
    session_.id = "made", session_.info.agent = std::move(agent), session_.info.cwd = "/tmp/demo";
    session_.prompt = std::move(prompt);
    session_.task_id = "task-made";
  }

  // A turn: what the agent says; its tools follow.
  SessionMaker& Say(const std::string& text) {
    Step step;
    step.kind = StepKind::kLlmCall, step.turn = ++turn_;
    step.call_id = "m" + std::to_string(turn_);
    step.llm.model = "demo-coder";
    step.llm.text = text, step.llm.text_bytes = std::ssize(text);
    step.llm.usage = Usage{.uncached_input = 1000, .output = 50};
    session_.steps.push_back(std::move(step));
    return *this;
  }
  SessionMaker& Tool(const std::string& name, const std::string& args, const std::string& output,
                     ToolStatus status = ToolStatus::kOk) {
    Step step;
    step.kind = IsSpawnTool(name) ? StepKind::kSubagentSpawn : StepKind::kToolUse;
    step.turn = turn_, step.call_id = "c" + std::to_string(session_.steps.size() + 1);
    JsonParser parser;
    auto json = parser.Parse(args);
    step.tool.name = name, step.tool.args = json ? json->Canonical() : args;
    step.tool.args_bytes = std::ssize(step.tool.args), step.tool.args_hash = Hash64(step.tool.args);
    step.result.status = status;
    step.result.output = output, step.result.output_bytes = std::ssize(output);
    step.result.output_hash = Hash64(output);
    session_.steps.push_back(std::move(step));
    return *this;
  }
  SessionMaker& Bash(const std::string& command, const std::string& output,
                     ToolStatus status = ToolStatus::kOk) {
    std::string args = R"({"command":)";
    AppendJsonString(command, &args);
    return Tool("bash", args + "}", output, status);
  }
  SessionMaker& Read(const std::string& path, const std::string& output) {
    return Tool("read", R"({"path":")" + path + "\"}", output);
  }
  SessionMaker& Write(const std::string& path, const std::string& content) {
    std::string args = R"({"path":")" + path + R"(","content":)";
    AppendJsonString(content, &args);
    return Tool("write", args + "}", "Successfully wrote to " + path);
  }
  Step& last() { return session_.steps.back(); }
  Session Take() { return std::move(session_); }

 private:
  Session session_;
  int64_t turn_ = 0;
};

}  // namespace clawtrace::replay

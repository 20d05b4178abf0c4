#pragma once
// Sessions written by hand for the tests of detectors.
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "compile/detector.h"

namespace clawtrace::compile {

// A session of one tool a turn, written as (tool, arguments, output, ok).
struct Line {
  std::string tool, args, output;
  ToolStatus status = ToolStatus::kOk;
  int64_t exit_code = 0;
  bool unchanged = false;
};

inline Session Make(const std::vector<Line>& lines) {
  Session session;
  session.id = "s", session.info.cwd = "/w";
  int64_t turn = 0;
  for (const Line& line : lines) {
    Step call;
    call.call_id = "call" + std::to_string(++turn), call.turn = turn;
    call.llm.model = "gpt-5.4", call.llm.usage = Usage{.uncached_input = 1000};
    session.steps.push_back(call);
    Step tool;
    tool.kind = StepKind::kToolUse, tool.turn = turn, tool.call_id = "t" + std::to_string(turn);
    tool.tool.name = line.tool;
    tool.tool.args = JsonParser().Parse(line.args)->Canonical();
    tool.tool.args_hash = Hash64(tool.tool.args),
    tool.tool.args_bytes = static_cast<int64_t>(tool.tool.args.size());
    tool.result.status = line.status, tool.result.output = line.output,
    tool.result.output_hash = Hash64(line.output);
    tool.result.output_bytes = static_cast<int64_t>(line.output.size()),
    tool.result.unchanged = line.unchanged;
    if (line.exit_code) tool.result.exit_code = line.exit_code;
    if (line.status == ToolStatus::kError) tool.result.error = line.output;
    session.steps.push_back(tool);
  }
  return session;
}

// Turns whose tool a detector flags, as "detector:turn".
inline std::vector<std::string> Flags(const Session& session) {
  auto meanings = MeaningsOf(session);
  Scene scene{session, meanings};
  std::vector<std::string> flags;
  for (const Detector* detector : Detectors()) {
    for (const Finding& finding : detector->find(scene)) {
      for (size_t i : finding.steps)
        flags.push_back(std::string(detector->name) + ":" + std::to_string(session.steps[i].turn));
    }
  }
  return flags;
}

}  // namespace clawtrace::compile

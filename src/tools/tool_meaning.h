#pragma once
// What a tool use touches: the knowledge of the known clients' tools that detectors and repairs share.
// Unknown tools may do anything.
#include <string>
#include <string_view>
#include <vector>

#include "model/session.h"
#include "tools/shell.h"

namespace clawtrace::tools {

enum class ToolClass { kRead, kList, kSearch, kFetch, kWrite, kEdit, kExec, kPlan, kSpawn, kOther };

struct ToolMeaning {
  ToolClass tool_class = ToolClass::kOther;
  std::string path;     // file tools: normalised path; "" when there is none
  ShellCommand shell;   // kExec
  std::string command;  // kExec: the command line
  bool read_only = false;
  bool volatile_result = false;
  std::vector<std::string> reads, writes;  // normalised paths
  bool writes_unknown = false;             // may write anything below the working directory
  std::string target;  // for people: "read docs/MIGRATION.md", "exec python3 -m unittest"; one line
};

// cwd: of the session, for relative paths. Total: broken arguments give kOther or an unnamed target.
ToolMeaning MeaningOf(const ToolUse& tool, std::string_view cwd);

// Lexical only: "./a//b/../c" -> "a/c"; absolute paths below cwd become relative to it.
std::string NormalisePath(std::string_view path, std::string_view cwd);

std::string_view WordOf(ToolClass tool_class);  // "read", "list", "search", "fetch", "write", "edit", "exec",
                                                // "plan", "spawn", "other"

// One meaning a step, computed once; LLM steps hold a default.
std::vector<ToolMeaning> MeaningsOf(const Session& session);

}  // namespace clawtrace::tools

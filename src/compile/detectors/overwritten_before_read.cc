// Overwritten before read (DESIGN 6.1): a file was written and then written anew as a whole while nothing in
// between can have read it. Speaks only of steps that do nothing but write that file, and stays silent as
// soon as anything in between ran a program, searched, listed or started an agent: all of these may look at
// the file. Commands that only show files which they name, and those whose program was not found, do not.
#include <algorithm>
#include <array>
#include <map>

#include "compile/detector.h"
#include "compile/failures.h"

namespace clawtrace::compile {
namespace {

bool OnlyPrints(const SimpleCommand& part) {
  return part.program == "echo" || part.program == "printf" || part.program == "cat" || part.program.empty();
}

// The one file that a step replaces as a whole and touches alone; "" when it is not such a step.
std::string Replaces(const Step& step, const ToolMeaning& meaning) {
  bool counts = step.kind == StepKind::kToolUse && !step.result_only && !step.abandoned &&
                step.result.status == ToolStatus::kOk && !meaning.writes_unknown &&
                meaning.writes.size() == 1;
  if (!counts) return {};
  if (meaning.tool_class == ToolClass::kWrite) return meaning.writes[0];
  bool prints = meaning.tool_class == ToolClass::kExec && meaning.shell.parts.size() == 1 &&
                meaning.shell.parts[0].writes.size() == 1 && OnlyPrints(meaning.shell.parts[0]) &&
                !meaning.shell.substitution && meaning.reads.empty() &&
                meaning.command.find(">>") == std::string::npos &&
                meaning.command.find('$') == std::string::npos;
  return prints ? meaning.writes[0] : std::string();
}

// "cat a b": only shows files that it names one by one.
bool OnlyShowsNamed(const ToolMeaning& meaning) {
  constexpr auto kShows =
      std::to_array<std::string_view>({"cat", "head", "tail", "wc", "nl", "stat", "file", "echo", "printf",
                                       "pwd", "true", "md5sum", "sha256sum"});
  return meaning.read_only && !meaning.shell.parts.empty() &&
         std::ranges::all_of(meaning.shell.parts,
                             [&](const SimpleCommand& part) {
                               return std::ranges::find(kShows, part.program) != kShows.end();
                             }) &&
         std::ranges::all_of(meaning.reads, [](const std::string& path) {
           return path.find_first_of("*?[{$~") == std::string::npos;
         });
}

bool SameFile(const std::string& a, const std::string& b) {
  return a == b || a.ends_with("/" + b) || b.ends_with("/" + a);
}

bool ExecMayRead(const Step& step, const ToolMeaning& meaning, const std::string& path) {
  if (!Replaces(step, meaning).empty()) return false;
  bool not_found = step.result.status == ToolStatus::kError && meaning.shell.parts.size() == 1 &&
                   !meaning.shell.substitution &&
                   ErrorClassOf(step, meaning) == "missing_command:" + meaning.shell.program();
  if (not_found) return false;
  if (!OnlyShowsNamed(meaning)) return true;
  return std::ranges::any_of(meaning.reads, [&](const std::string& read) { return SameFile(read, path); });
}

// Can this step have looked at any file that it does not name, or at the one in question?
bool MayRead(const Step& step, const ToolMeaning& meaning, const std::string& path) {
  if (step.kind == StepKind::kLlmCall) return false;
  switch (meaning.tool_class) {
    case ToolClass::kRead:
      return meaning.path.empty() || SameFile(meaning.path, path);
    case ToolClass::kPlan:
      return false;
    case ToolClass::kWrite:
      return false;
    case ToolClass::kEdit:  // needs what is there
      return meaning.writes_unknown || std::ranges::find(meaning.writes, path) != meaning.writes.end();
    case ToolClass::kExec:
      return ExecMayRead(step, meaning, path);
    case ToolClass::kList:
    case ToolClass::kSearch:
    case ToolClass::kFetch:
    case ToolClass::kSpawn:
    case ToolClass::kOther:
      return true;
  }
  return true;
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  std::map<std::string, size_t>
      written;  // files that nothing can have read since, by the step that wrote them
  const auto& steps = scene.session.steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const ToolMeaning& meaning = scene.meanings[i];
    if (step.abandoned) continue;
    std::string path = Replaces(step, meaning);
    // Steps of one turn were asked for together, before any of their results was seen.
    if (auto before = written.find(path); !path.empty() && before != written.end()) {
      findings.push_back({.first = i, .steps = {before->second}, .target = meaning.target});
    }
    std::erase_if(written, [&](const auto& entry) { return MayRead(step, meaning, entry.first); });
    if (!path.empty()) written[path] = i;
  }
  return findings;
}

}  // namespace

extern const Detector kOverwrittenBeforeRead;
const Detector kOverwrittenBeforeRead = {
    .name = "overwritten_before_read",
    .summary = "a file written, then written anew as a whole with nothing in between that can have read it",
    .find = Find,
};

}  // namespace clawtrace::compile

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

bool OnlyPrints(const tools::SimpleCommand& part) {
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
  bool plain = meaning.read_only && !meaning.shell.parts.empty() && !meaning.command.contains('<');
  return plain &&
         std::ranges::all_of(meaning.shell.parts,
                             [&](const tools::SimpleCommand& part) {
                               return std::ranges::find(kShows, part.program) != kShows.end();
                             }) &&
         std::ranges::all_of(meaning.reads, [](const std::string& path) {
           return path.find_first_of("*?[{$~") == std::string::npos;
         });
}

bool SameFile(const std::string& a, const std::string& b) {
  return a == b || a.ends_with("/" + b) || b.ends_with("/" + a);
}

// What a step can have looked at: any file, or those that it names.
struct Reach {
  bool anything = false;
  std::vector<std::string> named;
};

Reach ReachOfExec(const Step& step, const ToolMeaning& meaning) {
  if (!Replaces(step, meaning).empty()) return {};
  bool not_found = step.result.status == ToolStatus::kError && meaning.shell.parts.size() == 1 &&
                   !meaning.shell.substitution &&
                   ErrorClassOf(step, meaning) == "missing_command:" + meaning.shell.program();
  if (not_found) return {};
  if (!OnlyShowsNamed(meaning)) return {.anything = true, .named = {}};
  return {.anything = false, .named = meaning.reads};
}

Reach ReachOf(const Step& step, const ToolMeaning& meaning) {
  if (step.kind == StepKind::kLlmCall) return {};
  switch (meaning.tool_class) {
    case ToolClass::kRead:
      return {.anything = meaning.path.empty(), .named = {meaning.path}};
    case ToolClass::kPlan:
    case ToolClass::kWrite:
      return {};
    case ToolClass::kEdit:  // needs what is there
      return {.anything = meaning.writes_unknown, .named = meaning.writes};
    case ToolClass::kExec:
      return ReachOfExec(step, meaning);
    case ToolClass::kList:
    case ToolClass::kSearch:
    case ToolClass::kFetch:
    case ToolClass::kSpawn:
    case ToolClass::kOther:
      return {.anything = true, .named = {}};
  }
  return {.anything = true, .named = {}};
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  // Files that nothing can have read since, by the step that wrote them. So many at once are no agent's work.
  constexpr size_t kMostWritten = 256;
  std::map<std::string, size_t> written;
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
    Reach reach = ReachOf(step, meaning);
    if (reach.anything || written.size() > kMostWritten) written.clear();
    for (const std::string& read : reach.named)
      std::erase_if(written, [&](const auto& entry) { return SameFile(read, entry.first); });
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

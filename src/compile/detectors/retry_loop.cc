// Retry loop: the same thing tried three times and more, slightly changed each time, and it failed in the
// same way each time, with nothing in between that went well but looks. The first two tries are anybody's;
// the later ones show that the cause was not found. Unchanged retries are retry_unchanged's.
#include <algorithm>
#include <map>
#include <unordered_set>

#include "compile/detector.h"
#include "compile/failures.h"

namespace clawtrace::compile {
namespace {

// What is tried: a program, a tool on a file, or a tool of somebody's own. "" = cannot be told.
std::string AimOf(const Step& step, const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kExec) return meaning.shell.program();
  return meaning.tool_class == ToolClass::kOther ? step.tool.name : meaning.path;
}

// How it failed, "" when that cannot be compared. Another error is progress, and what the network does is
// nobody's loop. A failing test is how work goes on.
std::string WayOf(const Step& step, const ToolMeaning& meaning) {
  std::string error_class = ErrorClassOf(step, meaning);
  if (IsEnvironment(error_class) || error_class == "test_failure") return {};
  if (error_class != "error" && error_class != "nonzero_exit") return error_class;
  // Without a name for the error, its words: of a tool, not of a program, whose output may be anything.
  if (meaning.tool_class == ToolClass::kExec || step.result.error.empty()) return {};
  return step.result.error;
}

std::vector<Finding> Find(const Scene& scene) {
  struct Loop {
    std::vector<size_t> tries;
    std::unordered_set<uint64_t> tried;  // hashes of arguments
    std::string way;
  };
  std::vector<Finding> findings;
  // Looking at a file is how a better try at it begins; what a tool of somebody's own refuses has no such
  // place to look: its loops outlast looks.
  using Loops = std::map<std::pair<std::string_view, std::string>, Loop>;
  Loops open, outlasting;
  const auto& steps = scene.session.steps;
  constexpr size_t kFewest = 3;
  auto close = [&](Loop* loop) {
    if (loop->tries.size() >= kFewest) {
      findings.push_back({.first = loop->tries.front(),
                          .steps = {loop->tries.begin() + 2, loop->tries.end()},
                          .target = scene.meanings[loop->tries.front()].target});
    }
    *loop = {};
  };
  auto close_all = [&](Loops* loops) {
    for (auto& [aim, loop] : *loops) close(&loop);
    loops->clear();
  };
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (step.kind != StepKind::kToolUse || step.result_only || step.abandoned ||
        !ArgumentsKnown(step, scene.meanings[i]))
      continue;
    if (step.result.status != ToolStatus::kError) {
      close_all(&open);
      if (!scene.meanings[i].read_only) close_all(&outlasting);
      continue;
    }
    std::string aim = AimOf(step, scene.meanings[i]);
    if (aim.empty()) continue;
    Loops& loops = scene.meanings[i].tool_class == ToolClass::kOther ? outlasting : open;
    Loop& loop = loops[{step.tool.name, std::move(aim)}];
    std::string way = WayOf(step, scene.meanings[i]);
    if (way.empty() || way != loop.way) close(&loop);
    loop.way = std::move(way);
    if (!loop.way.empty() && loop.tried.insert(step.tool.args_hash).second) loop.tries.push_back(i);
  }
  close_all(&open), close_all(&outlasting);
  std::sort(findings.begin(), findings.end(),
            [](const Finding& a, const Finding& b) { return *a.first < *b.first; });
  return findings;
}

}  // namespace

extern const Detector kRetryLoop;
const Detector kRetryLoop = {
    .name = "retry_loop",
    .summary = "the third and later try of the same thing that failed in the same way each time",
    .find = Find,
};

}  // namespace clawtrace::compile

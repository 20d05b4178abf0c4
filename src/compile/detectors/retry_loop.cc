// Retry loop: the same thing tried three times and more in a row, slightly changed each time, and it failed
// each time. The first two tries are anybody's; the later ones show that the cause was not looked for.
// Unchanged retries are retry_unchanged's.
#include <algorithm>
#include <map>

#include "compile/detector.h"
#include "compile/failures.h"

namespace clawtrace::compile {
namespace {

// What is tried: a program, or a tool on a file. "" = cannot be told.
std::string AimOf(const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kExec) return meaning.shell.program();
  return meaning.path;
}

std::vector<Finding> Find(const Scene& scene) {
  struct Loop {
    std::vector<size_t> tries;
    std::string error_class;
  };
  std::vector<Finding> findings;
  std::map<std::pair<std::string_view, std::string>, Loop> open;
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
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    if (step.kind != StepKind::kToolUse || step.result_only || step.abandoned ||
        !ArgumentsKnown(step, scene.meanings[i]))
      continue;
    if (step.result.status != ToolStatus::kError) {
      for (auto& [aim, loop] : open) close(&loop);
      open.clear();
      continue;
    }
    std::string aim = AimOf(scene.meanings[i]);
    if (aim.empty()) continue;
    Loop& loop = open[{step.tool.name, std::move(aim)}];
    std::string error_class = ErrorClassOf(step, scene.meanings[i]);
    // Another error is progress, and what the network does is nobody's loop. A failing test is how work goes
    // on.
    if (IsEnvironment(error_class) || error_class == "test_failure" || error_class == "error" ||
        error_class == "nonzero_exit") {
      close(&loop);
      continue;
    }
    bool repeated = !loop.tries.empty() && steps[loop.tries.back()].tool.args_hash == step.tool.args_hash;
    if (error_class != loop.error_class) close(&loop);
    loop.error_class = error_class;
    if (!repeated) loop.tries.push_back(i);
  }
  for (auto& [aim, loop] : open) close(&loop);
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

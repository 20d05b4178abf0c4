// Sub-agent result unused (DESIGN 6.1): a sub-agent that changed nothing came back with an answer of which
// nothing was taken up. Unknown, hence silent, without the sub-agent's own log: it may have done something.
#include <algorithm>

#include "compile/detector.h"
#include "compile/text_uses.h"

namespace clawtrace::compile {
namespace {

constexpr int kMaxDepth = 8;

bool OnlyLooked(const Session& session, int depth) {
  if (depth > kMaxDepth) return false;
  std::vector<ToolMeaning> meanings = MeaningsOf(session);
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    if (step.kind == StepKind::kToolUse && !meanings[i].read_only) return false;
    if (step.kind != StepKind::kSubagentSpawn) continue;
    bool known = !step.children.empty() && std::ranges::all_of(step.children, [&](const Session& child) {
      return OnlyLooked(child, depth + 1);
    });
    if (!known) return false;
  }
  return !session.steps.empty();
}

// A sub-agent in the background comes back with "launched"; what it found arrives later, elsewhere.
bool IsItsAnswer(const Session& child, const std::string& output) {
  constexpr size_t kStart = 40;
  for (size_t i = child.steps.size(); i-- > 0;) {
    const Step& step = child.steps[i];
    if (step.kind != StepKind::kLlmCall || step.llm.text.empty()) continue;
    return output.find(step.llm.text.substr(0, kStart)) != std::string::npos;
  }
  return false;
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<size_t> candidates;
  for (size_t i = 0; i < scene.session.steps.size(); ++i) {
    const Step& step = scene.session.steps[i];
    bool answered = step.kind == StepKind::kSubagentSpawn && !step.abandoned && !step.result_only &&
                    step.result.status == ToolStatus::kOk && step.children.size() == 1;
    if (answered && OnlyLooked(step.children.front(), 0) &&
        IsItsAnswer(step.children.front(), step.result.output))
      candidates.push_back(i);
  }
  if (candidates.empty() || scene.session.steps.back().kind != StepKind::kLlmCall) return {};
  return UnusedAmong(scene, candidates);
}

}  // namespace

extern const Detector kUnusedSubagentResult;
const Detector kUnusedSubagentResult = {
    .name = "unused_subagent_result",
    .summary = "a sub-agent that changed nothing gave an answer of which nothing was taken up",
    .find = Find,
};

}  // namespace clawtrace::compile

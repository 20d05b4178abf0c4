// Thinking-only turn (DESIGN 6.1): an LLM call that was paid for and gave neither text nor a tool use,
// followed by another call of the same conversation with nothing in between that it could have waited for.
#include "compile/detector.h"

namespace clawtrace::compile {
namespace {

bool IsPlainCall(const Step& step) {
  return step.kind == StepKind::kLlmCall && step.llm.billed && !step.llm.auxiliary && !step.abandoned &&
         step.llm.error.empty();
}

bool OnlyThinks(const Step& step) {
  return IsPlainCall(step) && step.llm.usage && step.llm.text_bytes == 0 && step.llm.thinking_bytes > 0;
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  const auto& steps = scene.session.steps;
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    // The next step is a call: this one asked for no tool.
    if (!OnlyThinks(steps[i]) || !IsPlainCall(steps[i + 1]) || steps[i + 1].turn == steps[i].turn) continue;
    findings.push_back({.first = std::nullopt, .steps = {i}, .target = "thinking only"});
  }
  return findings;
}

}  // namespace

extern const Detector kThinkingOnlyTurn;
const Detector kThinkingOnlyTurn = {
    .name = "thinking_only_turn",
    .summary = "an LLM call that gave neither text nor a tool use",
    .find = Find,
};

}  // namespace clawtrace::compile

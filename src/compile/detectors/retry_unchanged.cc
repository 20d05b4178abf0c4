// Retry without change: a failed call made again with the same arguments while nothing was written in
// between, and it failed again. A retry that succeeds is a flaky failure, not waste.
#include <map>
#include <tuple>

#include "compile/detector.h"
#include "compile/failures.h"

namespace clawtrace::compile {
namespace {

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  struct Seen {
    size_t step;
    std::optional<size_t> finding;
  };
  std::map<std::tuple<std::string_view, uint64_t, int64_t, std::string_view>, Seen> failed;
  const auto& steps = scene.session.steps;
  // Number of steps before each that did something. A failed call that names no write left nothing behind
  // that it said.
  std::vector<size_t> acted(steps.size() + 1);
  for (size_t i = 0; i < steps.size(); ++i) {
    bool acts = steps[i].kind != StepKind::kLlmCall && !steps[i].abandoned && !scene.meanings[i].read_only &&
                steps[i].result.status != ToolStatus::kError;
    acted[i + 1] = acted[i] + (acts ? 1 : 0);
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    bool is_failure = step.kind == StepKind::kToolUse && !step.result_only && !step.abandoned &&
                      step.result.status == ToolStatus::kError;
    if (!is_failure || scene.meanings[i].volatile_result || !ArgumentsKnown(step, scene.meanings[i]))
      continue;
    // Trying again is what a network or a quota asks for.
    if (IsEnvironment(ErrorClassOf(step, scene.meanings[i]))) continue;
    auto key = std::tuple(std::string_view(step.tool.name), step.tool.args_hash, step.tool.args_bytes,
                          std::string_view(step.tool.cwd));
    auto [it, first_time] = failed.emplace(key, Seen{i, std::nullopt});
    if (first_time) continue;
    Seen& before = it->second;
    bool unchanged = acted[i] == acted[before.step + 1];
    if (unchanged && !before.finding) {
      before.finding = findings.size();
      findings.push_back({.first = before.step, .steps = {}, .target = scene.meanings[i].target});
    }
    if (unchanged)
      findings[*before.finding].steps.push_back(i);
    else
      before.finding.reset();
    before.step = i;
  }
  return findings;
}

}  // namespace

extern const Detector kRetryUnchanged;
const Detector kRetryUnchanged = {
    .name = "retry_unchanged",
    .summary = "a failed call made again unchanged, with nothing written in between, that failed again",
    .find = Find,
};

}  // namespace clawtrace::compile

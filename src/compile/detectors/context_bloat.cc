// Context bloat: one tool's result that the session paid for again and again, far beyond what results cost it
// on the whole. An observation about where the money for prompts goes, not waste: the content may be needed,
// all of it. What a result cost in later prompts is its context cost (attribution.h).
#include <algorithm>

#include "compile/detector.h"

namespace clawtrace::compile {
namespace {

// About 2,000 tokens: what costs more by its size than by its age.
constexpr int64_t kSmallest = 8'000;
// A result that few prompts carry had no time to cost much.
constexpr size_t kFewestCarriers = 5;
// At least this share of all that the session cost, and so many times the share of an average result.
constexpr int64_t kLeastPercent = 5, kTimesAverage = 3;

bool IsConversation(const Step& step) {
  return step.kind == StepKind::kLlmCall && step.llm.billed && !step.llm.auxiliary && !step.abandoned;
}

Usd TotalOf(const Attribution& attribution) {
  Usd total;
  for (const StepCost& step : attribution.steps) total += step.total();
  for (const ReservedCost& row : attribution.reserved) total += row.cost;
  return total;
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  if (!scene.money || !scene.money->attribution.known) return findings;
  const auto& steps = scene.session.steps;
  const Attribution& attribution = scene.money->attribution;
  const double total = static_cast<double>(TotalOf(attribution).pico());
  double of_results = 0;
  int64_t results = 0;
  std::vector<size_t> calls_from(steps.size() + 1);  // calls at or after each step, up to a compaction
  for (size_t i = steps.size(); i-- > 0;) {
    bool compacted = std::ranges::binary_search(scene.compactions, i + 1);
    calls_from[i] = (compacted ? 0 : calls_from[i + 1]) + (IsConversation(steps[i]) ? 1 : 0);
    if (steps[i].kind == StepKind::kLlmCall || attribution.steps[i].context.is_zero()) continue;
    of_results += static_cast<double>(attribution.steps[i].context.pico());
    ++results;
  }
  if (results == 0 || total <= 0) return findings;
  const double average = of_results / static_cast<double>(results);
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind == StepKind::kLlmCall || steps[i].abandoned) continue;
    if (steps[i].result.output_bytes < kSmallest || calls_from[i] < kFewestCarriers) continue;
    const Usd cost = attribution.steps[i].context;
    const double share = static_cast<double>(cost.pico()) / total;
    if (share * 100 < kLeastPercent || static_cast<double>(cost.pico()) < kTimesAverage * average) continue;
    Finding& finding = findings.emplace_back();
    finding.steps = {i}, finding.target = scene.meanings[i].target, finding.cost = cost;
    finding.share_percent = static_cast<int64_t>(share * 100);
  }
  return findings;
}

}  // namespace

extern const Detector kContextBloat;
const Detector kContextBloat = {
    .name = "context_bloat",
    .summary = "a large result whose stay in later prompts cost a large share of the session",
    .find = Find,
    .observes = true,
};

}  // namespace clawtrace::compile

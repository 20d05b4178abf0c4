#include <algorithm>

#include "compile/detector.h"

namespace clawtrace::compile {

#define CT_DETECTOR(constant) extern const Detector constant;
#include "compile/detectors.def"
#undef CT_DETECTOR

const std::vector<const Detector*>& Detectors() {
  static const std::vector<const Detector*> all = {
#define CT_DETECTOR(constant) &constant,
#include "compile/detectors.def"
#undef CT_DETECTOR
  };
  return all;
}

namespace {

int64_t PromptOf(const Step& step) {
  const Usage& usage = *step.llm.usage;
  return usage.uncached_input + usage.cache_read + usage.cache_write();
}

// The session says how often it was compacted, not where: that is where the prompt shrank most.
std::vector<size_t> CompactionsOf(const Session& session) {
  constexpr int64_t kSmallest = 2000;  // tokens; smaller prompts are those of side calls
  std::vector<std::pair<int64_t, size_t>> drops;
  int64_t before = 0;
  for (size_t i = 0; i < session.steps.size() && session.compactions > 0; ++i) {
    const Step& step = session.steps[i];
    if (step.kind != StepKind::kLlmCall || !step.llm.billed || step.llm.auxiliary || !step.llm.usage)
      continue;
    int64_t prompt = PromptOf(step);
    if (prompt < kSmallest) continue;
    if (prompt < before - before / 4) drops.emplace_back(prompt - before, i);
    before = prompt;
  }
  std::sort(drops.begin(), drops.end());
  if (drops.size() > static_cast<size_t>(session.compactions))
    drops.resize(static_cast<size_t>(session.compactions));
  std::vector<size_t> places;
  for (const auto& [drop, place] : drops) places.push_back(place);
  std::sort(places.begin(), places.end());
  return places;
}

}  // namespace

Scene::Scene(const Session& of, std::span<const ToolMeaning> its_meanings, const SceneMoney* its_money)
    : session(of),
      meanings(its_meanings),
      writes(of, its_meanings),
      compactions(CompactionsOf(of)),
      money(its_money) {}

bool Scene::CompactedBetween(size_t from, size_t to) const {
  auto next = std::upper_bound(compactions.begin(), compactions.end(), from);
  return next != compactions.end() && *next <= to;
}

std::optional<size_t> MayHaveChanged(const Scene& scene, size_t from, size_t to) {
  const ToolMeaning& reader = scene.meanings[to];
  return reader.reads.empty() ? scene.writes.Any(from, to) : scene.writes.Named(reader.reads, from, to);
}

bool MayRepeat(const Step& step, const ToolMeaning& meaning) {
  if (step.kind != StepKind::kToolUse || step.result_only || step.abandoned || step.tool.args_broken)
    return false;
  if (!ArgumentsKnown(step, meaning)) return false;
  if (meaning.volatile_result || step.result.status != ToolStatus::kOk) return false;
  if (meaning.read_only) return meaning.tool_class != ToolClass::kPlan;
  if (meaning.tool_class != ToolClass::kExec || meaning.shell.mutates) return false;
  // Not on the read-only list: only a run that printed the same thing again looks like the same observation.
  return meaning.shell.check || step.result.output_bytes > 0;
}

bool ArgumentsKnown(const Step& step, const ToolMeaning& meaning) {
  bool needs_some = meaning.tool_class == ToolClass::kEdit || meaning.tool_class == ToolClass::kWrite ||
                    meaning.tool_class == ToolClass::kExec || meaning.tool_class == ToolClass::kRead;
  return step.tool.args_bytes > 0 && !(needs_some && step.tool.args == "{}");
}

bool SameResult(const ToolResult& earlier, const ToolResult& later) {
  // A hash of 0 is a result that the source did not show.
  return later.unchanged || (later.output_hash != 0 && later.output_hash == earlier.output_hash &&
                             later.output_bytes == earlier.output_bytes);
}

}  // namespace clawtrace::compile

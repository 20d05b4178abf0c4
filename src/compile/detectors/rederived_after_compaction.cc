// Re-derivation after compaction (DESIGN 6.1): the same look with the same result as before, made again
// because a compaction had removed it from the prompt. Waste of the compaction rather than of the agent.
#include <map>
#include <tuple>

#include "compile/detector.h"

namespace clawtrace::compile {
namespace {

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  if (scene.compactions.empty()) return findings;
  std::map<std::tuple<std::string_view, uint64_t, int64_t, std::string_view>, size_t> latest;
  const auto& steps = scene.session.steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!MayRepeat(steps[i], scene.meanings[i]) || !scene.meanings[i].read_only) continue;
    const ToolUse& tool = steps[i].tool;
    auto key =
        std::tuple(std::string_view(tool.name), tool.args_hash, tool.args_bytes, std::string_view(tool.cwd));
    auto [it, first_time] = latest.emplace(key, i);
    if (first_time) continue;
    size_t before = std::exchange(it->second, i);
    if (scene.CompactedBetween(before, i) && SameResult(steps[before].result, steps[i].result) &&
        !MayHaveChanged(scene, before, i))
      findings.push_back({.first = before, .steps = {i}, .target = scene.meanings[i].target});
  }
  return findings;
}

}  // namespace

extern const Detector kRederivedAfterCompaction;
const Detector kRederivedAfterCompaction = {
    .name = "rederived_after_compaction",
    .summary =
        "the same look with the same result again, because a compaction had removed it from the prompt",
    .find = Find,
};

}  // namespace clawtrace::compile

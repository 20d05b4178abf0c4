// Exact repeat (DESIGN 6.1): same tool, same canonical arguments, equal result or the agent's own "unchanged"
// mark, and no write to the touched resource in between. Equal results of a named file show that it did not
// change, so only a write that names it speaks against the repeat. Commands on clock, network or processes
// are never repeats, nor are commands that name a write: doing them twice may be meant.
#include <map>
#include <tuple>

#include "compile/detector.h"

namespace clawtrace::compile {
namespace {

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  // Latest same call, and the finding that it opened, by (tool, arguments).
  struct Seen {
    size_t step;
    std::optional<size_t> finding;
  };
  std::map<std::tuple<std::string_view, uint64_t, int64_t, std::string_view>, Seen> seen;
  const auto& steps = scene.session.steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!MayRepeat(steps[i], scene.meanings[i])) continue;
    auto key = std::tuple(std::string_view(steps[i].tool.name), steps[i].tool.args_hash,
                          steps[i].tool.args_bytes, std::string_view(steps[i].tool.cwd));
    auto [it, first_time] = seen.emplace(key, Seen{i, std::nullopt});
    if (first_time) continue;
    Seen& before = it->second;
    const ToolResult& result = steps[i].result;
    // What a compaction removed had to be found again: rederived_after_compaction.
    if (!SameResult(steps[before.step].result, result) || MayHaveChanged(scene, before.step, i) ||
        scene.CompactedBetween(before.step, i)) {
      before = {i, std::nullopt};
      continue;
    }
    if (!before.finding) {
      before.finding = findings.size();
      findings.push_back({.first = before.step, .steps = {}, .target = scene.meanings[i].target});
    }
    findings[*before.finding].steps.push_back(i);
    // A mark carries no content: the next comparison is with the last full result.
    if (!result.unchanged) before.step = i;
  }
  return findings;
}

}  // namespace

extern const Detector kExactRepeat;
const Detector kExactRepeat = {
    .name = "exact_repeat",
    .summary = "the same call again, with the same result and no write to what it reads in between",
    .find = Find,
};

}  // namespace clawtrace::compile

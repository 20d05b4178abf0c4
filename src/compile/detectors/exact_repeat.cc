// Exact repeat (DESIGN 6.1): same tool, same canonical arguments, equal result or the agent's own "unchanged"
// mark, and no write to the touched resource in between. Equal results of a named file show that it did not
// change, so only a write that names it speaks against the repeat. Commands on clock, network or processes
// are never repeats, nor are commands that name a write: doing them twice may be meant.
#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "compile/detector.h"

namespace clawtrace::compile {
namespace {

// Something goes on running that may write whatever is read from then on.
bool LeavesRunning(const Step& step, const ToolMeaning& meaning) {
  if (step.kind == StepKind::kLlmCall) return false;
  std::string_view command = Trim(meaning.command);
  return (command.ends_with('&') && !command.ends_with("&&")) ||
         step.tool.args.find("\"run_in_background\":true") != std::string::npos;
}

// After a wait, looking again is no repeat.
bool LetsTimePass(const Step& step, const ToolMeaning& meaning) {
  return step.kind != StepKind::kLlmCall && meaning.command.find("sleep ") != std::string::npos;
}

// Files whose content the kernel makes anew for every reader.
bool ReadsLiveFiles(const ToolMeaning& meaning) {
  return std::ranges::any_of(meaning.reads, [](const std::string& path) {
    return path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/dev/");
  });
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  // Latest same call, and the finding that it opened, by (tool, arguments).
  struct Seen {
    size_t step;
    std::optional<size_t> finding;
  };
  std::map<std::tuple<std::string_view, uint64_t, int64_t, std::string_view>, Seen> seen;
  const auto& steps = scene.session.steps;
  std::vector<size_t> waits(steps.size() + 1);  // before each step
  for (size_t i = 0; i < steps.size(); ++i)
    waits[i + 1] = waits[i] + (LetsTimePass(steps[i], scene.meanings[i]) ? 1 : 0);
  bool running = false;
  for (size_t i = 0; i < steps.size(); ++i) {
    running = running || LeavesRunning(steps[i], scene.meanings[i]);
    if (!MayRepeat(steps[i], scene.meanings[i]) || ReadsLiveFiles(scene.meanings[i])) continue;
    auto key = std::tuple(std::string_view(steps[i].tool.name), steps[i].tool.args_hash,
                          steps[i].tool.args_bytes, std::string_view(steps[i].tool.cwd));
    auto [it, first_time] = seen.emplace(key, Seen{i, std::nullopt});
    if (first_time) continue;
    Seen& before = it->second;
    const ToolResult& result = steps[i].result;
    // What a compaction removed had to be found again: rederived_after_compaction.
    if (!SameResult(steps[before.step].result, result) || MayHaveChanged(scene, before.step, i) ||
        scene.CompactedBetween(before.step, i) || running || waits[i] != waits[before.step]) {
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

// Near repeat (DESIGN 6.1, 12): calls of one tool on the same resource whose arguments are nearly the same
// (near_groups.h) and that gave the same result, with no write to the resource in between. The resource is
// what a command reads and with which programs, or folder and pattern of a search. Readings of one file are
// superset_read's.
#include <algorithm>
#include <map>
#include <tuple>

#include "base/json.h"
#include "compile/detector.h"
#include "compile/near_groups.h"
#include "tools/read_range.h"

namespace clawtrace::compile {
namespace {

// "ok", "0", "done": equal by chance.
constexpr int64_t kShortest = 16;
// More calls on one resource with one result are compared in blocks of so many, in their order.
constexpr size_t kBlock = 2048;

std::string ResourceOfCommand(const ToolMeaning& meaning) {
  if (meaning.reads.empty()) return {};
  std::string key;
  for (const tools::SimpleCommand& part : meaning.shell.parts) key += part.program + "|";
  for (const std::string& path : meaning.reads) key += path + "|";
  return key;
}

std::string ResourceOfSearch(const Step& step, const ToolMeaning& meaning) {
  thread_local JsonParser parser;
  auto args = parser.Parse(step.tool.args);
  if (!args) return {};
  std::string key = meaning.path;
  for (std::string_view name : {"pattern", "query", "regex", "path", "glob", "include"})
    key += "|" + (*args)[name].Canonical();
  return key;
}

// "" = not known well enough to say that two calls look at the same thing.
std::string ResourceOf(const Step& step, const ToolMeaning& meaning) {
  if (!meaning.read_only || step.tool.args_bytes > static_cast<int64_t>(step.tool.args.size())) return {};
  switch (meaning.tool_class) {
    case ToolClass::kExec:
      return tools::RangeOf(step, meaning) ? std::string() : ResourceOfCommand(meaning);
    case ToolClass::kSearch:
      return ResourceOfSearch(step, meaning);
    case ToolClass::kList:
      return meaning.path;
    case ToolClass::kRead:
    case ToolClass::kFetch:
    case ToolClass::kWrite:
    case ToolClass::kEdit:
    case ToolClass::kPlan:
    case ToolClass::kSpawn:
    case ToolClass::kOther:
      return {};
  }
  return {};
}

// Of one group in order: each call that is not an exact repeat and came to what the one before it had shown.
void AddGroup(const Scene& scene, const std::vector<size_t>& group, std::vector<Finding>* findings) {
  std::optional<size_t> finding;
  for (size_t k = 1; k < group.size(); ++k) {
    size_t before = group[k - 1], i = group[k];
    const ToolUse &a = scene.session.steps[before].tool, &b = scene.session.steps[i].tool;
    if (MayHaveChanged(scene, before, i) || scene.CompactedBetween(before, i)) {
      finding.reset();
      continue;
    }
    if (a.args_hash == b.args_hash && a.args_bytes == b.args_bytes) continue;
    if (!finding) {
      finding = findings->size();
      findings->push_back({.first = before, .steps = {}, .target = scene.meanings[i].target});
    }
    (*findings)[*finding].steps.push_back(i);
  }
}

std::vector<Finding> Find(const Scene& scene) {
  using Key = std::tuple<std::string_view, std::string_view, std::string, uint64_t, int64_t>;
  std::map<Key, std::vector<size_t>> same;  // tool, folder, resource, result -> steps
  for (size_t i = 0; i < scene.session.steps.size(); ++i) {
    const Step& step = scene.session.steps[i];
    if (!MayRepeat(step, scene.meanings[i]) || step.result.output_hash == 0) continue;
    if (step.result.output_bytes < kShortest) continue;
    std::string resource = ResourceOf(step, scene.meanings[i]);
    if (resource.empty()) continue;
    same[{step.tool.name, step.tool.cwd, std::move(resource), step.result.output_hash,
          step.result.output_bytes}]
        .push_back(i);
  }
  std::vector<Finding> findings;
  for (const auto& [key, steps] : same) {
    for (size_t from = 0; steps.size() > 1 && from < steps.size(); from += kBlock) {
      std::vector<std::string_view> texts;
      for (size_t k = from; k < std::min(steps.size(), from + kBlock); ++k)
        texts.push_back(scene.session.steps[steps[k]].tool.args);
      for (std::vector<size_t>& group : NearGroups(texts)) {
        for (size_t& member : group) member = steps[from + member];
        AddGroup(scene, group, &findings);
      }
    }
  }
  std::sort(findings.begin(), findings.end(),
            [](const Finding& a, const Finding& b) { return a.steps.front() < b.steps.front(); });
  return findings;
}

}  // namespace

extern const Detector kNearRepeat;
const Detector kNearRepeat = {
    .name = "near_repeat",
    .summary = "nearly the same call on the same resource, with the same result and no write in between",
    .find = Find,
};

}  // namespace clawtrace::compile

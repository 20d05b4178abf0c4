// Superset read (DESIGN 6.1): a file's lines are read that an earlier step showed already, in one call or
// another. Shown means: the text is contained in the earlier output, or the lines asked for are within those
// asked for before, nothing may have been written in between and the earlier output was not so long that it
// may have been cut. An equal call is exact_repeat's.
#include <algorithm>
#include <map>

#include "compile/detector.h"
#include "tools/read_range.h"

namespace clawtrace::compile {
namespace {

// Shorter texts are contained in others by chance.
constexpr int64_t kShortest = 16;
// Clients cut longer outputs (pi at 50 KB, Claude Code at about 25,000 tokens).
constexpr int64_t kLongestUncut = 40'000;
// The editor of OpenHands and SWE-agent cuts at 16,000 characters, or leaves out the bodies of functions.
constexpr int64_t kLongestOfEditor = 15'000;

int64_t LongestUncut(const Step& step) {
  return step.tool.name == "str_replace_editor" ? kLongestOfEditor : kLongestUncut;
}

bool IsKept(const ToolResult& result) {
  return result.output_hash != 0 && result.output_bytes == static_cast<int64_t>(result.output.size());
}

bool Contains(const ToolResult& earlier, const ToolResult& later) {
  return IsKept(earlier) && IsKept(later) && earlier.output.find(later.output) != std::string::npos;
}

// A head of what was shown: from the same line on, as long as it was kept, and shorter. What a client cuts it
// cuts at the end.
bool IsHead(const ToolResult& earlier, const tools::ReadRange& had, const ToolResult& later,
            const tools::ReadRange& wants) {
  constexpr size_t kEnough = 512;
  if (had.first != wants.first || later.output_bytes > earlier.output_bytes) return false;
  size_t kept = std::min(earlier.output.size(), later.output.size());
  // The end of a cut text may be half a character or a client's remark.
  kept -= std::min<size_t>(kept, 4);
  return kept >= kEnough && earlier.output.compare(0, kept, later.output, 0, kept) == 0;
}

bool Shows(const Scene& scene, size_t earlier, const tools::ReadRange& had, size_t later,
           const tools::ReadRange& wants) {
  const Step &old = scene.session.steps[earlier], &step = scene.session.steps[later];
  if (old.tool.name == step.tool.name && old.tool.args_hash == step.tool.args_hash) return false;
  if (SameResult(old.result, step.result) || Contains(old.result, step.result)) return true;
  bool quiet = !scene.writes.Unnamed(earlier, later);  // named writes to the file were asked about before
  if (!quiet || !had.Covers(wants) || step.result.output_bytes > old.result.output_bytes) return false;
  return old.result.output_bytes < LongestUncut(old) || IsHead(old.result, had, step.result, wants);
}

std::vector<Finding> Find(const Scene& scene) {
  struct Shown {
    size_t step;
    tools::ReadRange range;
  };
  constexpr size_t kLookBack = 8;                   // readings of one file
  std::map<std::string, std::vector<Shown>> shown;  // by path
  std::map<size_t, Finding> findings;               // by the step that showed
  for (size_t i = 0; i < scene.session.steps.size(); ++i) {
    const Step& step = scene.session.steps[i];
    if (!MayRepeat(step, scene.meanings[i]) || step.result.output_bytes < kShortest) continue;
    auto range = tools::RangeOf(step, scene.meanings[i]);
    if (!range) continue;
    std::vector<Shown>& before = shown[range->path];
    std::optional<size_t> superset;
    size_t oldest = before.size() - std::min(before.size(), kLookBack);
    for (size_t k = before.size(); k > oldest && !superset; --k) {
      const Shown& shown_before = before[k - 1];
      if (MayHaveChanged(scene, shown_before.step, i) || scene.CompactedBetween(shown_before.step, i)) break;
      if (Shows(scene, shown_before.step, shown_before.range, i, *range)) superset = shown_before.step;
    }
    if (!superset) {
      before.push_back({i, *range});
      continue;
    }
    Finding& finding = findings[*superset];
    finding.first = superset, finding.target = scene.meanings[i].target;
    finding.steps.push_back(i);
  }
  std::vector<Finding> all;
  for (auto& [step, finding] : findings) all.push_back(std::move(finding));
  return all;
}

}  // namespace

extern const Detector kSupersetRead;
const Detector kSupersetRead = {
    .name = "superset_read",
    .summary = "lines of a file that an earlier step had shown, with no write to it in between",
    .find = Find,
};

}  // namespace clawtrace::compile

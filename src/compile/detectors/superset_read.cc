// Superset read (DESIGN 6.1): a file's lines are read that an earlier step showed already, in one call or
// another. Shown means: the text is contained in the earlier one, without what the client's tools put around
// it, or the lines asked for are within those asked for before, nothing may have been written in between and
// the earlier output was not so long that it may have been cut. An equal call is exact_repeat's.
#include <algorithm>
#include <map>

#include "compile/detector.h"
#include "replay/action.h"
#include "replay/agents/wording.h"
#include "tools/read_range.h"

namespace clawtrace::compile {
namespace {

// Shorter texts are contained in others by chance.
constexpr int64_t kShortest = 16;
// Clients cut longer outputs (pi at 50 KB, Claude Code at about 25,000 tokens).
constexpr int64_t kLongestUncut = 40'000;
// The editor of OpenHands and SWE-agent cuts at 16,000 characters, or leaves out the bodies of functions.
constexpr int64_t kLongestOfEditor = 15'000;
// Of commands clients cut the middle out, and then an agent asks for just that: mini-swe-agent and Codex have
// the lowest limits, of about 10,000 characters.
constexpr int64_t kLongestOfCommand = 8'000;

struct Reading {
  size_t step = 0;
  tools::ReadRange range;
  bool elsewhere = false;  // a command whose folder another command may have changed
  std::string text;        // the lines themselves; "" when they were not kept whole
  bool numbers = false;    // it showed line numbers with them
  bool cut = false;        // the client says that it left out some
};

bool IsKept(const ToolResult& result) {
  return result.output_hash != 0 && result.output_bytes == static_cast<int64_t>(result.output.size());
}

int64_t LinesIn(std::string_view text) { return std::ranges::count(text, '\n') + 1; }

// The lines that the step showed, without the client's remarks and numbers, which differ from tool to tool.
void TakeText(const Step& step, const replay::RecordedAgent& agent, Reading* reading) {
  std::string_view shown = step.result.output;
  const bool kept = IsKept(step.result);
  if (!kept) shown = shown.substr(0, std::min(shown.rfind('\n'), shown.size()));
  std::string text = agent.tool_said(replay::ActionOf(agent, step.tool), shown);
  if (text.empty()) text = shown;
  if (reading->range.numbered) text = replay::WithoutLineNumbers(text);
  reading->cut = text.contains(replay::kLeftOut);
  if (text.ends_with(replay::kLeftOut)) text.resize(text.size() - replay::kLeftOut.size());
  while (text.ends_with('\n')) text.pop_back();
  // A number and the sign behind it, on every line.
  reading->numbers = reading->range.numbered || std::ssize(shown) >= std::ssize(text) + 2 * LinesIn(text);
  if (kept) reading->text = std::move(text);
}

// So many lines can take no fewer bytes.
int64_t LeastBytes(int64_t lines, bool numbered) {
  int64_t bytes = lines;
  for (int64_t first = 1; numbered && first <= lines && first <= INT64_MAX / 10; first *= 10)
    bytes += lines - first + 1 + (first == 1 ? lines : 0);
  return bytes;
}

// Those lines of the file that are known from it: to the last one, where there were fewer than asked for.
tools::ReadRange KnownFrom(const Reading& reading, int64_t output_bytes) {
  constexpr int64_t kMost = 1'000'000;
  tools::ReadRange range = reading.range;
  if (reading.cut) return range;
  auto fewer_than = [&](int64_t asked) {
    if (!reading.text.empty()) return LinesIn(reading.text) < asked;
    return output_bytes < LeastBytes(asked, reading.numbers);
  };
  if (range.from_end > 0) {
    if (range.from_end <= kMost && fewer_than(range.from_end)) range.from_end = 0;
  } else if (range.last >= range.first && range.last - range.first < kMost &&
             fewer_than(range.last - range.first + 1)) {
    range.last = INT64_MAX;
  }
  return range;
}

int64_t LongestUncut(const Step& step, const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kExec)
    return step.tool.args.contains("max_output") ? 0 : kLongestOfCommand;
  return step.tool.name == "str_replace_editor" ? kLongestOfEditor : kLongestUncut;
}

// A head of what was shown: from the same line on, as long as it was kept, and shorter. What a client cuts it
// cuts at the end.
bool IsHead(const ToolResult& earlier, const tools::ReadRange& had, const ToolResult& later,
            const tools::ReadRange& wants) {
  constexpr size_t kEnough = 512;
  if (had.first != wants.first || had.from_end != wants.from_end) return false;
  size_t kept = std::min(earlier.output.size(), later.output.size());
  // The end of a cut text may be half a character or a client's remark.
  kept -= std::min<size_t>(kept, 4);
  return kept >= kEnough && earlier.output.compare(0, kept, later.output, 0, kept) == 0;
}

// Where not all of both was kept, what was asked for has to tell.
bool ShowsByLines(const Scene& scene, const Reading& earlier, const Reading& later) {
  const Step &old = scene.session.steps[earlier.step], &step = scene.session.steps[later.step];
  bool quiet = !scene.writes.Unnamed(earlier.step, later.step);  // named writes were asked about before
  if (!quiet || earlier.elsewhere || later.elsewhere) return false;
  if (!KnownFrom(earlier, old.result.output_bytes).Covers(later.range)) return false;
  if (step.result.output_bytes > old.result.output_bytes) return false;
  if (later.range.numbered && !earlier.range.numbered) return false;
  return old.result.output_bytes < LongestUncut(old, scene.meanings[earlier.step]) ||
         (scene.meanings[earlier.step].tool_class != ToolClass::kExec &&
          IsHead(old.result, earlier.range, step.result, later.range));
}

bool Shows(const Scene& scene, const Reading& earlier, const Reading& later) {
  const Step &old = scene.session.steps[earlier.step], &step = scene.session.steps[later.step];
  if (old.tool.name == step.tool.name && old.tool.args_hash == step.tool.args_hash) return false;
  // The same words on other lines are something new.
  if (!earlier.range.Overlaps(later.range)) return false;
  if (SameResult(old.result, step.result)) return true;
  if (earlier.text.empty() || later.text.empty()) return ShowsByLines(scene, earlier, later);
  // Who asks a command for line numbers wants them.
  if (later.range.numbered && !earlier.numbers) return false;
  bool known = KnownFrom(earlier, old.result.output_bytes).Covers(later.range);
  return known && std::ssize(later.text) >= kShortest && earlier.text.contains(later.text);
}

// Some clients refuse to change a file that their own tool has not shown, whatever commands have.
bool IsAskedForByClient(const Scene& scene, const replay::RecordedAgent& agent, size_t earlier,
                        size_t later) {
  auto by_tool = [&](size_t step) { return scene.meanings[step].tool_class == ToolClass::kRead; };
  return agent.reads_first && by_tool(later) && !by_tool(earlier) &&
         scene.writes.Named(scene.meanings[later].reads, later, scene.session.steps.size());
}

bool ChangesFolder(const ToolMeaning& meaning) {
  return std::ranges::any_of(meaning.shell.parts, [](const tools::SimpleCommand& part) {
    return part.program == "cd" || part.program == "pushd" || part.program == "popd";
  });
}

std::vector<Finding> Find(const Scene& scene) {
  constexpr size_t kLookBack = 8;                     // readings of one file
  std::map<std::string, std::vector<Reading>> shown;  // by path
  std::map<size_t, Finding> findings;                 // by the step that showed
  const replay::RecordedAgent& agent = replay::AgentOf(scene.session);
  bool moved = false;
  for (size_t i = 0; i < scene.session.steps.size(); ++i) {
    const Step& step = scene.session.steps[i];
    const ToolMeaning& meaning = scene.meanings[i];
    moved = moved || ChangesFolder(meaning);
    if (!MayRepeat(step, meaning) || step.result.output_bytes < kShortest) continue;
    auto range = tools::RangeOf(step, meaning);
    if (!range) continue;
    Reading reading{.step = i, .range = *std::move(range)};
    reading.elsewhere = moved && !meaning.shell.reads.empty() && !meaning.shell.reads[0].starts_with('/');
    TakeText(step, agent, &reading);
    std::vector<Reading>& before = shown[reading.range.path];
    std::optional<size_t> superset;
    size_t oldest = before.size() - std::min(before.size(), kLookBack);
    for (size_t k = before.size(); k > oldest && !superset; --k) {
      size_t earlier = before[k - 1].step;
      if (MayHaveChanged(scene, earlier, i) || scene.CompactedBetween(earlier, i)) break;
      if (Shows(scene, before[k - 1], reading) && !IsAskedForByClient(scene, agent, earlier, i))
        superset = earlier;
    }
    if (!superset) {
      before.push_back(std::move(reading));
      continue;
    }
    Finding& finding = findings[*superset];
    finding.first = superset, finding.target = meaning.target;
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

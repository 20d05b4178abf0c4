#include "replay/failure.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

namespace clawtrace::replay {
namespace {

constexpr size_t kMostFiles = 8;

// Last step that changed each path, other than folders: those are made on the way to something.
std::map<std::string, size_t> LastWriters(const Execution& execution, const Tree& start) {
  std::map<std::string, size_t> last;
  for (size_t i = 0; i < execution.runs.size(); ++i) {
    for (const std::string& path : execution.runs[i].changed) {
      auto end = execution.final_tree.find(path);
      auto was = start.find(path);
      bool folder = end != execution.final_tree.end() && end->second.kind == 'd';
      bool same = end != execution.final_tree.end() && was != start.end() && end->second == was->second;
      if (!folder && !same) last[path] = i;
    }
  }
  return last;
}

// Of a file that is there at the end: the last step that changed its content, not only its rights.
void KeepContentWriters(std::span<const Moment> timeline, const Channels& channels,
                        std::map<std::string, size_t>* last, const Execution& execution) {
  for (auto& [path, writer] : *last) {
    while (channels.meanings()[writer].shell.program() == "chmod") {
      size_t before = writer;
      for (size_t i = writer; i-- > 0;) {
        const auto& changed = execution.runs[i].changed;
        if (std::ranges::find(changed, path) == changed.end()) continue;
        before = i;
        break;
      }
      if (before == writer) break;
      writer = before;
    }
  }
  (void)timeline;
}

}  // namespace

FailureExplanation ExplainFailedSession(std::span<const Moment> timeline, const Channels& channels,
                                        Candidates* candidates) {
  FailureExplanation why;
  const Execution& execution = candidates->baseline().execution;
  std::set<std::string> made_good;
  for (size_t i = 0; i < timeline.size(); ++i) {
    if (timeline[i].step->kind == StepKind::kLlmCall || !channels.IsCandidate(i)) continue;
    bool wrote = !execution.runs[i].changed.empty();
    if (wrote && candidates->VerdictWithout({i}) == OracleStatus::kPass)
      why.passes_without.push_back(timeline[i].id);
    if (!channels.Failed(i)) continue;
    bool repaired = false;
    for (size_t later = i + 1; later < timeline.size() && !repaired; ++later)
      repaired = timeline[later].step->tool.name == timeline[i].step->tool.name &&
                 channels.meanings()[later].tool_class == channels.meanings()[i].tool_class &&
                 !channels.Failed(later) &&
                 channels.meanings()[later].target == channels.meanings()[i].target;
    if (!repaired) why.ignored.push_back(timeline[i].id);
  }
  std::map<std::string, size_t> last = LastWriters(execution, candidates->start_tree());
  KeepContentWriters(timeline, channels, &last, execution);
  std::optional<size_t> first;
  for (const auto& [path, writer] : last) first = std::min(first.value_or(writer), writer);
  if (!why.passes_without.empty()) {
    for (size_t i = 0; i < timeline.size(); ++i) {
      if (timeline[i].id == why.passes_without.front()) first = i;
    }
    why.reason = fmt::format("without step {} the oracle passes", why.passes_without.front());
  } else if (first) {
    why.reason =
        "no set of the recorded steps that was tried passes; this is the earliest step whose writing "
        "still stands at the end";
  } else {
    why.reason = "nothing in the workspace was changed";
  }
  if (!first) return why;
  why.step = timeline[*first].id, why.call_id = timeline[*first].step->call_id;
  for (const auto& [path, writer] : last) {
    if (writer == *first && why.files.size() < kMostFiles) why.files.push_back(path);
  }
  return why;
}

}  // namespace clawtrace::replay

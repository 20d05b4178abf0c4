#include "replay/failure.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>

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
void KeepContentWriters(const Channels& channels, const Execution& execution,
                        std::map<std::string, size_t>* last) {
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
}

// Did a later use of the same tool on the same thing go well?
bool IsRepaired(std::span<const Moment> timeline, const Channels& channels, size_t step) {
  const tools::ToolMeaning& meaning = channels.meanings()[step];
  for (size_t later = step + 1; later < timeline.size(); ++later) {
    const tools::ToolMeaning& other = channels.meanings()[later];
    bool same = timeline[later].step->tool.name == timeline[step].step->tool.name &&
                other.tool_class == meaning.tool_class && other.target == meaning.target;
    if (same && !channels.Failed(later)) return true;
  }
  return false;
}

// The first step that did harm; nullopt: none alone. Fills the lists of steps.
std::optional<size_t> LookForHarm(std::span<const Moment> timeline, const Channels& channels,
                                  Candidates* candidates, FailureExplanation* why) {
  std::optional<size_t> first;
  const Execution& execution = candidates->baseline().execution;
  for (size_t i = 0; i < timeline.size(); ++i) {
    if (timeline[i].step->kind == StepKind::kLlmCall || !channels.IsCandidate(i)) continue;
    bool wrote = !execution.runs[i].changed.empty();
    if (wrote && candidates->VerdictWithout({i}) == OracleStatus::kPass) {
      why->passes_without.push_back(timeline[i].id);
      first = first.value_or(i);
    }
    if (channels.Failed(i) && !IsRepaired(timeline, channels, i)) why->ignored.push_back(timeline[i].id);
  }
  return first;
}

}  // namespace

FailureExplanation ExplainFailedSession(std::span<const Moment> timeline, const Channels& channels,
                                        Candidates* candidates) {
  FailureExplanation why;
  const Execution& execution = candidates->baseline().execution;
  std::optional<size_t> first = LookForHarm(timeline, channels, candidates, &why);
  std::map<std::string, size_t> last = LastWriters(execution, candidates->start_tree());
  KeepContentWriters(channels, execution, &last);
  if (first) {
    why.reason = fmt::format("without step {} the oracle passes", timeline[*first].id);
  } else {
    for (const auto& [path, writer] : last) first = std::min(first.value_or(writer), writer);
    why.reason = first
                     ? "no set of the recorded steps that was tried passes; this is the earliest step whose "
                       "writing still stands at the end"
                     : "nothing in the workspace was changed";
  }
  if (!first) return why;
  why.step = timeline[*first].id, why.call_id = timeline[*first].step->call_id;
  for (const auto& [path, writer] : last) {
    if (writer == *first && why.files.size() < kMostFiles) why.files.push_back(path);
  }
  return why;
}

}  // namespace clawtrace::replay

#include "replay/turns.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pricing/recost.h"

namespace clawtrace::replay {

Turns::Turns(std::span<const Moment> timeline)
    : timeline_(timeline), call_of_(timeline.size(), SIZE_MAX), tools_of_(timeline.size()) {
  std::map<std::pair<const Session*, int64_t>, size_t> calls;
  for (size_t i = 0; i < timeline.size(); ++i) {
    const Step& step = *timeline[i].step;
    std::pair key(timeline[i].session, step.turn);
    if (step.kind == StepKind::kLlmCall) {
      calls[key] = i;
    } else if (auto call = calls.find(key); step.turn != 0 && call != calls.end()) {
      call_of_[i] = call->second;
      tools_of_[call->second].push_back(i);
    }
  }
}

std::vector<bool> Turns::KeptWithout(const std::vector<bool>& dropped) const {
  std::vector<bool> kept(timeline_.size());
  for (size_t i = 0; i < timeline_.size(); ++i) {
    size_t spawn = timeline_[i].spawn;
    kept[i] = !dropped[i] && (spawn == SIZE_MAX || kept[spawn]);
  }
  for (size_t i = 0; i < timeline_.size(); ++i) {
    if (timeline_[i].step->kind == StepKind::kLlmCall) kept[i] = kept[i] && StaysWithout(i, kept);
  }
  return kept;
}

bool Turns::StaysWithout(size_t call, const std::vector<bool>& kept) const {
  bool speaks = tools_of_[call].empty() || timeline_[call].step->llm.text_bytes > kAnnouncementBytes;
  return speaks || std::ranges::any_of(tools_of_[call], [&](size_t tool) { return kept[tool]; });
}

int64_t Turns::CallsIn(const std::vector<bool>& kept) const {
  int64_t calls = 0;
  for (size_t i = 0; i < timeline_.size(); ++i)
    calls += kept[i] && timeline_[i].step->kind == StepKind::kLlmCall;
  return calls;
}

int64_t FewestCalls(std::span<const Moment> timeline, const PackedTurns& with,
                    const std::vector<bool>& kept) {
  int64_t calls = 0;
  std::set<size_t> turn;  // the root's tool uses that share the current call
  bool closed = true;     // nothing more may join it
  for (size_t i = 0; i < timeline.size(); ++i) {
    if (!kept[i]) continue;
    const Step& step = *timeline[i].step;
    if (step.kind == StepKind::kLlmCall) {
      // A call that asks for nothing stands for itself; so do all calls of sub-agents.
      bool asks = false;
      for (size_t t = i + 1; t < timeline.size() && !asks; ++t) asks = with.turns.CallOf(t) == i && kept[t];
      if (!asks || timeline[i].depth > 0) ++calls, closed = closed || timeline[i].depth == 0;
      continue;
    }
    if (timeline[i].depth > 0) continue;
    bool joins = !closed && !turn.empty();
    for (const Flow& flow : with.information.SourcesOf(i, kept)) joins = joins && !turn.contains(flow.from);
    for (size_t before : with.demands[i]) joins = joins && !turn.contains(before);
    if (!joins) ++calls, turn.clear();
    turn.insert(i);
    bool turns_on = with.controls[i].is_check() && !with.controls[i].repeats;
    closed = turns_on || step.result.status == ToolStatus::kError || step.kind == StepKind::kSubagentSpawn;
  }
  return calls;
}

}  // namespace clawtrace::replay

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
  return speaks || AsksFor(call, kept);
}

bool Turns::AsksFor(size_t call, const std::vector<bool>& kept) const {
  return std::ranges::any_of(tools_of_[call], [&](size_t tool) { return kept[tool]; });
}

int64_t Turns::CallsIn(const std::vector<bool>& kept) const {
  int64_t calls = 0;
  for (size_t i = 0; i < timeline_.size(); ++i)
    calls += kept[i] && timeline_[i].step->kind == StepKind::kLlmCall;
  return calls;
}

namespace {

// May the tool use be asked for together with these?
bool Joins(const PackedTurns& with, size_t step, const std::set<size_t>& turn,
           const std::vector<bool>& kept) {
  if (turn.empty()) return false;
  auto takes = [&](const Flow& flow) { return turn.contains(flow.from); };
  if (std::ranges::any_of(with.information.SourcesOf(step, kept), takes)) return false;
  return std::ranges::none_of(with.demands[step], [&](size_t before) { return turn.contains(before); });
}

}  // namespace

int64_t FewestCalls(std::span<const Moment> timeline, const PackedTurns& with,
                    const std::vector<bool>& kept) {
  int64_t calls = 0;
  std::set<size_t> turn;  // the root's tool uses that share the current call; empty: nothing may join it
  for (size_t i = 0; i < timeline.size(); ++i) {
    const Step& step = *timeline[i].step;
    bool root = timeline[i].depth == 0;
    if (!kept[i] || (step.kind != StepKind::kLlmCall && !root)) continue;
    if (step.kind == StepKind::kLlmCall) {
      // A call that asks for nothing stands for itself; so do all calls of sub-agents.
      if (root && with.turns.AsksFor(i, kept)) continue;
      ++calls;
      if (root) turn.clear();
      continue;
    }
    if (!Joins(with, i, turn, kept)) ++calls, turn.clear();
    turn.insert(i);
    bool turns_on = with.controls[i].is_check() && !with.controls[i].repeats;
    bool ends = turns_on || step.result.status == ToolStatus::kError || step.kind == StepKind::kSubagentSpawn;
    if (ends) turn.clear();
  }
  return calls;
}

}  // namespace clawtrace::replay

#include "replay/channels.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace clawtrace::replay {
namespace {

std::vector<tools::ToolMeaning> MeaningsOf(std::span<const Moment> timeline) {
  std::vector<tools::ToolMeaning> meanings(timeline.size());
  for (size_t i = 0; i < timeline.size(); ++i) {
    if (timeline[i].step->kind != StepKind::kLlmCall)
      meanings[i] = tools::MeaningOf(timeline[i].step->tool, timeline[i].session->info.cwd);
  }
  return meanings;
}

// A later equal output says nothing new; the nearest few are enough to look at.
constexpr size_t kMostEquals = 8;

std::vector<std::vector<size_t>> EqualsOf(std::span<const Moment> timeline) {
  std::vector<std::vector<size_t>> equals(timeline.size());
  std::map<std::tuple<const Session*, uint64_t, int64_t>, std::vector<size_t>> seen;
  for (size_t i = 0; i < timeline.size(); ++i) {
    const Step& step = *timeline[i].step;
    if (step.kind == StepKind::kLlmCall || step.result.output_hash == 0) continue;
    auto& before = seen[{timeline[i].session, step.result.output_hash, step.result.output_bytes}];
    equals[i] = before;
    if (before.size() < kMostEquals) before.push_back(i);
  }
  return equals;
}

}  // namespace

Channels::Channels(std::span<const Moment> timeline)
    : timeline_(timeline),
      meanings_(MeaningsOf(timeline)),
      information_(timeline, meanings_),
      demands_(DemandsOf(timeline, meanings_)),
      demanded_by_(timeline.size()),
      equals_(EqualsOf(timeline)),
      turns_(timeline),
      task_(timeline.empty() ? TaskWords() : TaskWords(*timeline.front().session)) {
  SetWrites(NamedWrites(timeline_, meanings_));
  for (size_t i = 0; i < timeline_.size(); ++i) {
    for (size_t before : demands_[i]) demanded_by_[before].push_back(i);
  }
}

void Channels::SetWrites(std::vector<Writes> writes) { controls_ = ControlsOf(timeline_, meanings_, writes); }

bool Channels::IsCandidate(size_t step) const {
  const Step& s = *timeline_[step].step;
  return s.kind != StepKind::kLlmCall && !s.inherited && !s.result_only;
}

bool Channels::OnlyLooks(size_t step) const { return meanings_[step].read_only; }

bool Channels::Failed(size_t step) const {
  return timeline_[step].step->result.status == ToolStatus::kError &&
         !FoundNothing(timeline_[step], meanings_[step]);
}

std::optional<Objection> Channels::FromClient(size_t step, const std::vector<bool>& kept) const {
  for (size_t later : demanded_by_[step]) {
    if (!kept[later]) continue;
    bool other = std::ranges::any_of(demands_[later], [&](size_t b) { return b != step && kept[b]; });
    if (other) continue;
    return Objection{.verdict = Contribution::kNeeded,
                     .channel = "client",
                     .reason = fmt::format("{} edits only files that it has read, and step {} edits this one",
                                           timeline_[step].session->info.agent, timeline_[later].id),
                     .content = {},
                     .evidence = {later}};
  }
  return std::nullopt;
}

std::optional<Objection> Channels::FromControl(size_t step, const std::vector<bool>& kept) const {
  const Control& control = controls_[step];
  if (!control.is_check() || (control.repeats && kept[*control.repeats])) return std::nullopt;
  return Objection{.verdict = Contribution::kUnknown,
                   .channel = "control",
                   .reason = fmt::format("a check ({}): what it told need not be said again to have mattered",
                                         control.what),
                   .content = {},
                   .evidence = {}};
}

// What the task names is read to be understood, which nobody need quote.
std::optional<Objection> Channels::FromTask(size_t step, const std::vector<bool>& kept) const {
  const tools::ToolMeaning& meaning = meanings_[step];
  if (!meaning.read_only || !ShowsFiles(meaning)) return std::nullopt;
  for (const std::string& path : meaning.reads) {
    if (!task_.NameFile(path)) continue;
    bool before = false;
    for (size_t i = 0; i < step && !before; ++i) {
      const auto& reads = meanings_[i].reads;
      before = kept[i] && timeline_[i].session == timeline_[step].session && !Failed(i) &&
               ShowsFiles(meanings_[i]) && std::ranges::find(reads, path) != reads.end();
    }
    if (before) continue;
    return Objection{.verdict = Contribution::kUnknown,
                     .channel = "control",
                     .reason = fmt::format("the task names {}, and this is its first reading", path),
                     .content = {},
                     .evidence = {}};
  }
  return std::nullopt;
}

bool Channels::SaidBefore(size_t step, const std::vector<bool>& kept) const {
  return std::ranges::any_of(equals_[step], [&](size_t before) { return kept[before]; });
}

std::optional<Objection> Channels::Against(size_t step, const std::vector<bool>& kept) const {
  const Step& s = *timeline_[step].step;
  Need need = information_.NeedOf(step, kept);
  if (need.use == Use::kStrong) {
    return Objection{.verdict = Contribution::kNeeded,
                     .channel = "information",
                     .reason = fmt::format("step {} says \"{}\", which it told first",
                                           timeline_[need.used_by].id, need.content),
                     .content = need.content,
                     .evidence = {need.used_by}};
  }
  if (auto objection = FromClient(step, kept)) return objection;
  if (auto objection = FromControl(step, kept)) return objection;
  // That a file is not where the task says is an answer too.
  if (auto objection = FromTask(step, kept)) return objection;
  bool no_result = s.result.status == ToolStatus::kUnknown && s.result.output_bytes == 0;
  if (no_result || s.result.status == ToolStatus::kAborted) {
    return Objection{.verdict = Contribution::kUnknown,
                     .channel = "information",
                     .reason = no_result ? "no result was recorded" : "it was interrupted",
                     .content = {},
                     .evidence = {}};
  }
  if (need.use == Use::kWeak) {
    return Objection{.verdict = Contribution::kUnknown,
                     .channel = "information",
                     .reason = fmt::format("step {} says \"{}\", too little to tell whether it is from here",
                                           timeline_[need.used_by].id, need.content),
                     .content = need.content,
                     .evidence = {need.used_by}};
  }
  std::string why;
  if (s.result.output_bytes > 0 && !SaidBefore(step, kept) && !information_.Known(step, &why)) {
    return Objection{.verdict = Contribution::kUnknown,
                     .channel = "information",
                     .reason = why,
                     .content = {},
                     .evidence = {}};
  }
  return std::nullopt;
}

std::string Channels::WhyNot(size_t step, const std::vector<bool>& kept,
                             std::vector<size_t>* evidence) const {
  const Step& s = *timeline_[step].step;
  auto equal = std::ranges::find_if(equals_[step], [&](size_t before) { return kept[before]; });
  if (equal != equals_[step].end() && s.result.output_bytes > 0) {
    evidence->push_back(*equal);
    return fmt::format("step {} had said the same", timeline_[*equal].id);
  }
  if (s.result.unchanged) return "the client itself says that nothing had changed";
  if (s.result.output_bytes == 0) return "it said nothing";
  Need need = information_.NeedOf(step, kept);
  if (need.instead) {
    evidence->push_back(*need.instead);
    return fmt::format("what is taken up of it, step {} tells too", timeline_[*need.instead].id);
  }
  return "nothing that it told first is said again";
}

}  // namespace clawtrace::replay

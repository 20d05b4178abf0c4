#include "replay/candidates.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace clawtrace::replay {
namespace {

std::string Joined(const std::vector<std::string>& words, size_t most) {
  std::string out;
  for (size_t i = 0; i < words.size() && i < most; ++i) out += (i ? ", " : "") + words[i];
  if (words.size() > most) out += fmt::format(" and {} more", words.size() - most);
  return out;
}

}  // namespace

std::vector<std::string> FailedChecks(const Judgement& judgement) {
  std::vector<std::string> failed;
  for (const Check& check : judgement.checks) {
    if (!check.passed) failed.push_back(check.name);
  }
  return failed;
}

Candidates::Candidates(std::span<const Moment> timeline, const Channels& channels, Trials& trials,
                       const ReplayOptions& options)
    : timeline_(timeline), channels_(channels), trials_(trials), options_(options) {}

Status Candidates::Open() {
  std::vector<bool> all(timeline_.size(), true);
  auto trial = trials_.Run(all, true);
  if (!trial) return std::unexpected(std::move(trial.error()));
  baseline_ = std::move(*trial);
  ++tried_;
  auto start = trials_.JudgeStart();
  if (!start) return std::unexpected(std::move(start.error()));
  start_ = std::move(*start);
  auto tree = trials_.StartTree();
  if (!tree) return std::unexpected(std::move(tree.error()));
  start_tree_ = std::move(*tree);
  return {};
}

Result<Trial> Candidates::Run(const std::set<size_t>& dropped) {
  std::vector<bool> gone(timeline_.size());
  for (size_t step : dropped) gone[step] = true;
  return trials_.Run(channels_.turns().KeptWithout(gone), false);
}

std::vector<std::string> Candidates::FilesThatDiffer(const Tree& tree) const {
  std::vector<std::string> paths;
  const Tree& base = baseline_.execution.final_tree;
  for (const auto& [path, state] : base) {
    auto now = tree.find(path);
    // A folder's own size and hash say nothing.
    bool folder = state.kind == 'd' && now != tree.end() && now->second.kind == 'd';
    if (now == tree.end() || (folder ? now->second.mode != state.mode : now->second != state))
      paths.push_back(path);
  }
  for (const auto& [path, state] : tree) {
    if (!base.contains(path)) paths.push_back(path);
  }
  std::ranges::sort(paths);
  return paths;
}

// A step that was not executed as it was recorded hides what depends on it.
std::optional<Effect> Candidates::Unseen(const std::set<size_t>& dropped) const {
  const auto& runs = baseline_.execution.runs;
  for (size_t i = *dropped.begin(); i < timeline_.size(); ++i) {
    if (timeline_[i].step->kind == StepKind::kLlmCall) continue;
    bool out = dropped.contains(i);
    bool looks = channels_.OnlyLooks(i);
    bool differs = runs[i].match == Match::kDiffers && (out || !looks);
    // What fetches from elsewhere or asks an agent does not read this workspace.
    bool elsewhere = channels_.meanings()[i].tool_class == tools::ToolClass::kFetch ||
                     timeline_[i].step->kind == StepKind::kSubagentSpawn;
    bool missing = runs[i].unsupported && !looks && !elsewhere;
    if (!differs && !missing) continue;
    return Effect{.verdict = Contribution::kUnknown,
                  .channel = "state",
                  .reason = fmt::format("step {} {}", timeline_[i].id,
                                        missing ? "cannot be executed: " + runs[i].why
                                                : "came out otherwise than recorded: " + runs[i].difference),
                  .evidence = {i}};
  }
  return std::nullopt;
}

// Steps that stay, but went wrong or no longer tell what is taken from them.
std::optional<Effect> Candidates::Broken(const Trial& trial, const std::vector<bool>& kept) const {
  const auto& was = baseline_.execution.runs;
  const auto& is = trial.execution.runs;
  for (size_t i = 0; i < timeline_.size(); ++i) {
    if (!kept[i] || !was[i].ran || !is[i].ran || SameOutcome(was[i], is[i])) continue;
    if (was[i].ok && !is[i].ok) {
      return Effect{.verdict = Contribution::kNeeded,
                    .channel = "state",
                    .reason = fmt::format("without it step {} fails", timeline_[i].id),
                    .evidence = {i}};
    }
    std::string missing = channels_.information().MissingFrom(i, kept, is[i].output);
    if (missing.empty() || channels_.Failed(i)) continue;
    return Effect{.verdict = Contribution::kNeeded,
                  .channel = "state",
                  .reason = fmt::format("without it step {} does not tell \"{}\", which is said later",
                                        timeline_[i].id, missing),
                  .evidence = {i}};
  }
  return std::nullopt;
}

// Whatever differs at the end is not their doing.
bool Candidates::OnlyLookedAt(const std::set<size_t>& dropped) const {
  const auto& runs = baseline_.execution.runs;
  return std::ranges::all_of(dropped,
                             [&](size_t i) { return channels_.OnlyLooks(i) && runs[i].changed.empty(); });
}

// Dates, random names and archives are other each time: that such a file differs says nothing about a step.
const std::set<std::string>& Candidates::Restless() {
  std::call_once(executed_again_, [&] {
    auto again = trials_.Run(std::vector<bool>(timeline_.size(), true), false);
    if (!again || again->execution.out_of_budget) return;
    const Tree& base = baseline_.execution.final_tree;
    for (std::string& path : FilesThatDiffer(again->execution.final_tree)) {
      if (base.contains(path) && again->execution.final_tree.contains(path))
        restless_.insert(std::move(path));
    }
  });
  return restless_;
}

void Candidates::CompareFiles(const Trial& trial, Effect* effect) {
  const Tree& end = trial.execution.final_tree;
  effect->same = true;
  for (const std::string& path : FilesThatDiffer(end)) {
    bool counts = !trial.judgement || channels_.task().Name(path);
    if (counts && trial.judgement && end.contains(path)) counts = !Restless().contains(path);
    if (counts) {
      effect->same = false, effect->channel = "state";
      effect->reason = fmt::format("without it {} is other at the end{}", path,
                                   trial.judgement ? ", which the task names" : "");
      effect->files_differ = {path};
      return;
    }
    effect->files_differ.push_back(path);
  }
}

Effect Candidates::Compare(const Trial& trial, const std::vector<bool>& kept,
                           const std::set<size_t>& dropped) {
  if (trial.execution.out_of_budget)
    return {.tried = false, .channel = "state", .reason = "the time allowed was over"};
  if (auto broken = Broken(trial, kept)) return *broken;
  Effect effect;
  if (trial.judgement) {
    const Judgement &was = *baseline_.judgement, &is = *trial.judgement;
    bool decided = is.status == OracleStatus::kPass || is.status == OracleStatus::kFail;
    if (!decided) {
      effect.channel = "oracle";
      effect.reason = is.status == OracleStatus::kFlaky
                          ? "without it the oracle says now this, now that"
                          : fmt::format("without it the oracle could not judge: {}", is.message);
      return effect;
    }
    if (is.status != was.status || is.score_ppm < was.score_ppm) {
      std::vector<std::string> failed = FailedChecks(is);
      effect.verdict = Contribution::kNeeded, effect.channel = "oracle";
      effect.reason = failed.empty() ? "without it the oracle fails"
                                     : "without it the oracle fails: " + Joined(failed, 3);
      return effect;
    }
  }
  if (!OnlyLookedAt(dropped)) {
    CompareFiles(trial, &effect);
    if (!effect.same) return effect;
  }
  if (auto unseen = Unseen(dropped)) return *unseen;
  effect.same = true;
  return effect;
}

Effect Candidates::Without(const std::set<size_t>& dropped) {
  if (dropped.empty()) return {.same = true};
  if (options_.out_of_budget && options_.out_of_budget())
    return {.tried = false, .channel = "state", .reason = "the time allowed was over"};
  std::vector<bool> gone(timeline_.size());
  for (size_t step : dropped) gone[step] = true;
  std::vector<bool> kept = channels_.turns().KeptWithout(gone);
  auto trial = trials_.Run(kept, false);
  if (!trial) return {.tried = false, .channel = "state", .reason = trial.error().message};
  return Compare(*trial, kept, dropped);
}

std::vector<Effect> Candidates::EachWithout(const std::vector<std::set<size_t>>& sets) {
  std::vector<Effect> effects(sets.size());
  std::atomic<size_t> next = 0, done = 0;
  auto work = [&] {
    for (size_t i = next++; i < sets.size(); i = next++) {
      effects[i] = Without(sets[i]);
      ++done;
    }
  };
  std::vector<std::thread> helpers;
  for (unsigned t = 1; t < std::min<size_t>(std::max(options_.threads, 1U), sets.size()); ++t)
    helpers.emplace_back(work);
  for (size_t i = next++; i < sets.size(); i = next++) {
    effects[i] = Without(sets[i]);
    ++done;
    if (options_.progress) options_.progress(done, sets.size());
  }
  for (std::thread& helper : helpers) helper.join();
  tried_ += std::ssize(sets);
  return effects;
}

void Candidates::Try(const std::set<size_t>& chunk, Split* split) {
  std::set<size_t> together = split->dropped;
  together.insert(chunk.begin(), chunk.end());
  ++tried_;
  Effect effect = Without(together);
  if (effect.same) {
    split->dropped = std::move(together);
    return;
  }
  if (chunk.size() == 1) {
    split->stays.emplace(*chunk.begin(), std::move(effect));
    return;
  }
  // Later steps first: of two equal sources the earlier stays.
  auto middle = std::next(chunk.begin(), static_cast<ptrdiff_t>(chunk.size() / 2));
  std::set<size_t> early(chunk.begin(), middle), late(middle, chunk.end());
  Try(late, split);
  Try(early, split);
}

Candidates::Split Candidates::MostWithout(const std::set<size_t>& all) {
  Split split;
  if (!all.empty()) Try(all, &split);
  return split;
}

std::optional<OracleStatus> Candidates::VerdictWithout(const std::set<size_t>& dropped) {
  ++tried_;
  auto trial = Run(dropped);
  if (!trial || !trial->judgement || trial->execution.out_of_budget) return std::nullopt;
  return trial->judgement->status;
}

}  // namespace clawtrace::replay

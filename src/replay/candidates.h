#pragma once
// Executes a session without sets of its steps and says what came of each: the state channel (DESIGN 6.2).
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "replay/channels.h"
#include "replay/replayer.h"
#include "replay/trial.h"

namespace clawtrace::replay {

// What leaving out a set of steps did to the rest.
struct Effect {
  bool same = false;  // steps that stay told what is taken from them, and the oracle said as before
  bool tried = true;  // false: the budget was spent
  Contribution verdict = Contribution::kUnknown;  // when not the same: kNeeded or kUnknown
  std::string channel, reason;
  std::vector<size_t> evidence;           // steps that broke
  std::vector<std::string> files_differ;  // at the end, none of which the task names
};

std::vector<std::string> FailedChecks(const Judgement& judgement);

class Candidates {
 public:
  // All must outlive it.
  Candidates(std::span<const Moment> timeline, const Channels& channels, Trials& trials,
             const ReplayOptions& options);

  // Executes the recording as it is, and judges its start and its end. Errors: nothing can be executed.
  Status Open();
  const Trial& baseline() const { return baseline_; }
  const std::optional<Judgement>& start() const { return start_; }
  const Tree& start_tree() const { return start_tree_; }
  int64_t tried() const { return tried_; }

  // Without these tool uses. Errors of the workplace are an unknown effect.
  Effect Without(const std::set<size_t>& dropped);
  // Each alone, options.threads at a time; in the order given, as far as the budget goes.
  std::vector<Effect> EachWithout(const std::vector<std::set<size_t>>& sets);
  // Of sets that may go one by one, the steps of `all` that can go together, and those that then cannot.
  struct Split {
    std::set<size_t> dropped;
    std::map<size_t, Effect> stays;  // what came of leaving it out with what is dropped
  };
  Split MostWithout(const std::set<size_t>& all);

  // The oracle's word without a step, whatever else became of it; nullopt: not executed or no oracle.
  std::optional<OracleStatus> VerdictWithout(const std::set<size_t>& dropped);

 private:
  Result<Trial> Run(const std::set<size_t>& dropped);
  Effect Compare(const Trial& trial, const std::vector<bool>& kept, const std::set<size_t>& dropped);
  void CompareFiles(const Trial& trial, Effect* effect);
  std::optional<Effect> Broken(const Trial& trial, const std::vector<bool>& kept) const;
  std::optional<Effect> Unseen(const std::set<size_t>& dropped) const;
  std::vector<std::string> FilesThatDiffer(const Tree& tree) const;
  bool OnlyLookedAt(const std::set<size_t>& dropped) const;
  const std::set<std::string>& Restless();
  void Try(const std::set<size_t>& chunk, Split* split);

  std::span<const Moment> timeline_;
  const Channels& channels_;
  Trials& trials_;
  const ReplayOptions& options_;
  Trial baseline_;
  std::optional<Judgement> start_;
  Tree start_tree_;
  int64_t tried_ = 0;
  std::once_flag executed_again_;
  std::set<std::string> restless_;  // files that two equal executions leave with other content
};

}  // namespace clawtrace::replay

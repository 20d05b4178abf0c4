#pragma once
// Would the outcome have been the same without this step? Joins the two channels, the oracle and the rules of
// control information to a verdict for every tool use (DESIGN 6), and finds the smallest trace that still
// does the task. All steps that come out not needed can go together.
//
// Order of work: the information channel proposes a set of steps, latest first (of two equal sources the
// earlier stays); each step of it that may have written something is executed away alone, then all together;
// where that fails, bisection finds the most that can go (delta debugging: Zeller, Hildebrandt, TSE 2002).
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/replay_report.h"
#include "pricing/pricing.h"
#include "replay/trial.h"

namespace clawtrace::replay {

struct ReplayOptions {
  int64_t least_fidelity_ppm = 950'000;  // below it every verdict is unknown
  unsigned threads = 1;                  // executions at a time
  // true: no more executions are to be started; steps that were not decided by then are unknown.
  std::function<bool()> out_of_budget;
  std::function<void(size_t done, size_t planned)> progress;  // called on the caller's thread; may be empty
};

// priced: of the root session, with whole texts (capture/whole_texts.h), else much is unknown. trials:
// nullptr without a workspace; then steps that may write stay undecided. Fails only when nothing can be
// executed.
Result<ReplayReport> Replay(const PricedSession& priced, Trials* trials, const ReplayOptions& options);

}  // namespace clawtrace::replay

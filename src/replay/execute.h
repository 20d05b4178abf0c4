#pragma once
// The recorded tools of a session, or some of them, executed again in a workplace; what came of each, and
// whether that is what the recording says.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "replay/timeline.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

enum class Match { kMatched, kDiffers, kNotComparable };

struct StepRun {
  bool ran = false;    // something was done for it; false: LLM steps, dropped, skipped, unsupported ones
  bool ok = false;     // it succeeded (kNothing steps: as recorded)
  int exit_code = -1;  // commands; -1 for others
  std::string output;  // what it said, as executed: commands; the lines that a reading tool shows
  Match match = Match::kNotComparable;
  bool exact = false;      // kMatched by every byte but white space at line ends: nothing was normalised
  bool partial = false;    // kMatched or kDiffers by the part of the result that was kept
  std::string difference;  // kDiffers: the first difference, one line of at most 200 bytes
  std::vector<std::string> changed;  // ExecuteOptions::effects: paths below the workspace that are other now
  bool unsupported = false;  // cannot be executed: what it did to the workspace is missing from here on
  std::string why;           // not ran, unsupported or not comparable: the reason
  int64_t wall_ns = 0;       // of its command; 0 for file tools
};

struct Execution {
  std::vector<StepRun> runs;  // one per Moment; LLM and dropped steps hold a default
  Tree final_tree;
  int64_t comparable = 0, matched = 0;
  bool out_of_budget = false;  // stopped: the remaining steps did not run
  int64_t wall_ns = 0;         // sum over runs
  // 1 when nothing is comparable: then nothing differs.
  double fidelity() const;
};

struct ExecuteOptions {
  // Where the workspace stood when it was recorded; "" = the root session's folder. And where the workplace
  // shows it (WorkplaceOptions::at); "" = at the same place. Recorded paths below the one are taken below the
  // other, in file tools, in working directories and in the text of commands.
  std::string recorded_at, at;
  bool effects = false;    // fill StepRun::changed: reads the tree after every step that may write
  bool compare = true;     // with the recorded results
  bool inherited = false;  // also run steps that were copied from an earlier session. By default they are
                           // skipped: the workspace is the one this session began with
  int64_t command_ms = 60'000;  // longest that one command may take, whatever the recording allowed it
  int64_t budget_ms = 0;        // longest that all commands together may take; 0 = any
};

// keep: one per Moment; false drops that step, and with a spawn all that its sub-agent did. An error means
// that the workplace is broken; a step that cannot run is a StepRun. Deterministic as far as the commands
// are.
Result<Execution> Execute(std::span<const Moment> timeline, const std::vector<bool>& keep, Workplace& place,
                          const ExecuteOptions& options);

// Two executions of one step came out alike: both ran or neither did, both succeeded or failed, with the same
// exit code and the same output. Outputs are normalised (normalise.h) only where the baseline's own did not
// match the recording exactly: what was repeated to the letter once must be so again.
bool SameOutcome(const StepRun& baseline, const StepRun& other);

}  // namespace clawtrace::replay

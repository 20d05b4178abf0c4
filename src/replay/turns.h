#pragma once
// Which LLM calls are left when tool uses go, and how few turns the rest needs.
#include <span>
#include <vector>

#include "replay/control.h"
#include "replay/information.h"
#include "replay/timeline.h"

namespace clawtrace::replay {

class Turns {
 public:
  // timeline must outlive it.
  explicit Turns(std::span<const Moment> timeline);

  // Does a tool use that stays hang on this LLM call?
  bool AsksFor(size_t call, const std::vector<bool>& kept) const;
  // What stays when these tool uses go: with a spawn all that its sub-agent did; an LLM call when all that it
  // asked for goes and its text is no longer than an announcement (pricing/recost.h).
  std::vector<bool> KeptWithout(const std::vector<bool>& dropped) const;
  // The LLM call that asked for this tool use; SIZE_MAX when none is known.
  size_t CallOf(size_t step) const { return call_of_[step]; }

  // Does the LLM call stay among these steps?
  bool StaysWithout(size_t call, const std::vector<bool>& kept) const;
  // LLM calls of the root session that are kept, sub-agents' too.
  int64_t CallsIn(const std::vector<bool>& kept) const;

 private:
  std::span<const Moment> timeline_;
  std::vector<size_t> call_of_;
  std::vector<std::vector<size_t>> tools_of_;
};

// LLM calls that the kept tool uses need at least, in their order: one turn may ask for several as long as
// none takes up what another of the turn said, and nothing follows a check or a failure in its own turn.
// Calls without tools, and those of sub-agents, stay as they are.
struct PackedTurns {
  const Turns& turns;
  const Information& information;
  std::span<const Control> controls;
  std::span<const std::vector<size_t>> demands;
};
int64_t FewestCalls(std::span<const Moment> timeline, const PackedTurns& with, const std::vector<bool>& kept);

}  // namespace clawtrace::replay

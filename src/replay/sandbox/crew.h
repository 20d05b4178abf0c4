#pragma once
// All processes that were started in a workplace and have not ended, and the limits that they keep together.
#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "replay/sandbox/processes.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

class Crew {
 public:
  // isolated: this is the first process of a sandbox, and all others are its crew.
  Crew(bool isolated, const Limits& limits) : isolated_(isolated), limits_(limits) {}

  std::vector<Process> Running() const;
  // "processes" or "memory" when they are over what Limits allows them together, else "".
  std::string OverLimit() const;

  // SIGKILL. EndNew spares those that were there at the last Remember.
  void EndAll();
  void EndNew();

  // How many were not there at the last Remember.
  int64_t NewOnes() const;
  // NewOnes; from now on they are old ones.
  int64_t Remember();
  bool any() const { return !known_.empty(); }

 private:
  std::vector<Process> Known() const;
  void End(bool spare_known);

  bool isolated_;
  Limits limits_;
  std::set<pid_t> known_;
};

}  // namespace clawtrace::replay

#pragma once
// Which processes there are below this one, and what they take.
#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace clawtrace::replay {

struct Process {
  pid_t pid = 0, parent = 0;
  int64_t threads = 0;
  int64_t resident_bytes = 0;  // what it shares is counted in full
  bool ended = false;          // waits for its parent to ask how
};

// All of /proc but the asking process: in a sandbox, where that has a /proc of its own.
std::vector<Process> EveryOther();
// The asking process's children, their children, and so on.
std::vector<Process> Descendants();

// What they take together, shared memory divided among those that share it; a process that does not say is
// counted in full.
int64_t SharedOutBytes(const std::vector<Process>& processes);

}  // namespace clawtrace::replay

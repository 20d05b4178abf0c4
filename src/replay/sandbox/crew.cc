#include "replay/sandbox/crew.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

namespace clawtrace::replay {

std::vector<Process> Crew::Known() const { return isolated_ ? EveryOther() : Descendants(); }

std::vector<Process> Crew::Running() const {
  std::vector<Process> all = Known();
  std::erase_if(all, [](const Process& process) { return process.ended; });
  return all;
}

std::string Crew::OverLimit() const {
  std::vector<Process> running = Known();  // those that ended count until they are asked for
  int64_t threads = 0;
  int64_t bytes = 0;
  for (const Process& process : running) {
    threads += process.threads;
    bytes += process.resident_bytes;
  }
  // The kernel allows no more than the limit, so some try again just now: who is that close has reached it.
  if (threads >= limits_.processes - limits_.processes / 16) return "processes";
  // Sharing out takes long, so only where it can change the answer.
  if (bytes > limits_.memory_bytes && SharedOutBytes(running) > limits_.memory_bytes) return "memory";
  return "";
}

void Crew::EndAll() { End(false); }
void Crew::EndNew() { End(true); }

// Of a sandbox all are reached at once. Elsewhere, and when some are spared, they are stopped first, so that
// none starts another one while it is looked for.
void Crew::End(bool spare_known) {
  if (isolated_ && (!spare_known || known_.empty())) {
    ::kill(-1, SIGKILL);
    return;
  }
  constexpr int kStops = 3, kRounds = 100;
  for (int round = 0; round < kRounds; ++round) {
    bool found = false;
    for (const Process& process : Running()) {
      if (spare_known && known_.contains(process.pid)) continue;
      found = true;
      ::kill(process.pid, round < kStops ? SIGSTOP : SIGKILL);
    }
    if (!found) return;
  }
}

int64_t Crew::NewOnes() const {
  return std::ranges::count_if(Running(),
                               [&](const Process& process) { return !known_.contains(process.pid); });
}

int64_t Crew::Remember() {
  std::set<pid_t> now;
  int64_t added = 0;
  for (const Process& process : Running()) {
    now.insert(process.pid);
    added += known_.contains(process.pid) ? 0 : 1;
  }
  known_ = std::move(now);
  return added;
}

}  // namespace clawtrace::replay

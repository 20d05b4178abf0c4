#include "replay/sandbox/processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace clawtrace::replay {
namespace {

// The start of a file below /proc; "" when the process has gone or does not say.
std::string ReadProc(pid_t pid, const char* name) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/%s", static_cast<int>(pid), name);
  int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  char bytes[4096];
  ssize_t got = ::read(file, bytes, sizeof(bytes));
  ::close(file);
  return got > 0 ? std::string(bytes, static_cast<size_t>(got)) : std::string();
}

// Numbers behind the name, which may hold anything: state, parent, ... The fields are those of proc(5).
bool Parse(const std::string& stat, Process* process) {
  size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return false;
  char state = 0;
  int parent = 0;
  long threads = 0;
  long pages = 0;
  int read =
      std::sscanf(stat.c_str() + name_end + 1,
                  " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %*u %*u %ld",
                  &state, &parent, &threads, &pages);
  if (read != 4) return false;
  process->parent = parent;
  process->threads = threads;
  process->resident_bytes = int64_t{pages} * ::sysconf(_SC_PAGESIZE);
  process->ended = state == 'Z' || state == 'X';
  return true;
}

}  // namespace

std::vector<Process> EveryOther() {
  std::vector<Process> processes;
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), ::closedir);
  if (!folder) return processes;
  while (const dirent* entry = ::readdir(folder.get())) {
    Process process;
    process.pid = std::atoi(entry->d_name);
    if (process.pid > 0 && process.pid != ::getpid() && Parse(ReadProc(process.pid, "stat"), &process))
      processes.push_back(process);
  }
  return processes;
}

std::vector<Process> Descendants() {
  std::vector<Process> all = EveryOther(), ours;
  std::set<pid_t> known{::getpid()};
  // A parent may stand behind its child once numbers have wrapped around: until nothing is new.
  for (bool found = true; found;) {
    found = false;
    for (Process& process : all)
      if (process.pid != 0 && known.contains(process.parent)) {
        known.insert(process.pid);
        ours.push_back(process);
        process.pid = 0;
        found = true;
      }
  }
  return ours;
}

int64_t SharedOutBytes(const std::vector<Process>& processes) {
  int64_t sum = 0;
  for (const Process& process : processes) {
    std::string rollup = ReadProc(process.pid, "smaps_rollup");
    size_t at = rollup.find("\nPss:");
    Process now;
    if (at != std::string::npos)
      sum += std::strtoll(rollup.c_str() + at + 5, nullptr, 10) * 1024;
    else if (Parse(ReadProc(process.pid, "stat"), &now))  // one that is just ending has nothing any more
      sum += now.resident_bytes;
  }
  return sum;
}

}  // namespace clawtrace::replay

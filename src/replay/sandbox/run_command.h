#pragma once
// One command, from fork to what became of it.
#include <string>
#include <vector>

#include "replay/sandbox/crew.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

// File descriptor that a shell command has besides 0, 1 and 2: there it says where it stood at its end.
inline constexpr int kWhereFile = 97;
// What every shell command sources first (BASH_ENV). It changes nothing that a command could notice: not its
// text, its exit code or its trace.
inline constexpr char kShellStart[] =
    "unset BASH_ENV\ntrap '{ set +x; builtin pwd >&97; } 2>/dev/null || :' EXIT\n";

// What commands find themselves in.
struct Surroundings {
  std::string at;           // where they start when they do not say
  std::string shell_start;  // file that holds kShellStart
  std::string disk;         // a folder on the file system whose size is limited; "" = none is
  std::vector<std::pair<std::string, std::string>> environment;
  Limits limits;
  int control = -1;      // when its other side goes, the command is ended
  int child_ended = -1;  // signalfd of SIGCHLD, which is blocked
};

// Waits for the command's end, and for its output to end a little longer; what runs on then was left behind.
CommandResult RunCommand(const Command& command, const Surroundings& surroundings, Crew* crew);

}  // namespace clawtrace::replay

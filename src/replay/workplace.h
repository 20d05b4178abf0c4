#pragma once
// Where recorded tools are executed again: a copy of a workspace that is thrown away afterwards. Two
// implementations: the sandbox (sandbox.h), and a plain copy without isolation for users who ask for it
// (plain_workplace.h). Not thread-safe; several may be open at once.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace clawtrace::replay {

// Of all that is run in one workplace, unless said otherwise.
struct Limits {
  int64_t wall_ms = 60'000;                 // of one command
  int64_t cpu_s = 60;                       // of one process
  int64_t memory_bytes = int64_t{2} << 30;  // of all processes together; looked at every 20 ms
  int64_t processes = 256;                  // at once
  int64_t file_bytes = int64_t{256} << 20;  // of one file
  int64_t disk_bytes = int64_t{1} << 30;    // of all that is written
  int64_t output_bytes = int64_t{1} << 20;  // kept of one command; what comes after is read and dropped
  bool operator==(const Limits&) const = default;
};

struct Mount {
  std::string from, at;  // a folder or file outside, and where it stands inside
  bool writable = false;
};

struct WorkplaceOptions {
  std::string workspace;             // folder; shown at `at`, itself never changed
  std::string at;                    // absolute: "/tmp/demo"
  std::vector<std::string> also_at;  // further places where the same is shown
  std::vector<Mount> mounts;         // e.g. the tests of an oracle, and the folder for what it says
  // The whole environment; HOME, PATH, TMPDIR, LANG get sane values when absent.
  std::vector<std::pair<std::string, std::string>> environment;
  Limits limits;
};

struct Command {
  std::string shell;              // for bash -c; else
  std::vector<std::string> argv;  // looked up on PATH
  std::string cwd;                // absolute, as inside; "" = WorkplaceOptions::at
  std::string input;              // standard input; "" = /dev/null
  int64_t wall_ms = 0;            // 0: Limits::wall_ms
};

enum class Ended { kExited, kSignalled, kTimedOut, kNotStarted };

struct CommandResult {
  Ended how = Ended::kNotStarted;
  int exit_code = -1;        // kExited: its status; kSignalled: 128 + signal
  std::string output;        // standard output and standard error as they were written, one stream
  int64_t output_bytes = 0;  // of the whole; more than output.size() when it was cut
  std::string final_cwd;     // shell commands: where the shell stood at its end; "" when not known
  int64_t left_running = 0;  // processes that it left behind (they live until the workplace is closed)
  std::string limit;  // that ended it or that it ran into: "wall", "cpu", "memory", "processes", "disk"
  std::string error;  // kNotStarted: why
  int64_t wall_ns = 0;
};

struct FileState {
  char kind = 'f';    // 'f' file, 'd' folder, 'l' link, 'o' anything else
  uint32_t mode = 0;  // permission bits
  uint64_t hash = 0;  // Hash64 of a file's content or a link's target
  int64_t size = 0;
  bool operator==(const FileState&) const = default;
};
// By path relative to the workspace, the workspace itself left out.
using Tree = std::map<std::string, FileState, std::less<>>;

class Workplace {
 public:
  virtual ~Workplace() = default;  // ends every process, removes every file

  // An error means that the workplace itself is broken; a command that fails is a result.
  virtual Result<CommandResult> Run(const Command& command) = 0;

  // File tools. Paths are absolute or relative to WorkplaceOptions::at and are resolved as inside: a link
  // that leads out of the workspace leads to the sandbox's own files. Errors: kNotFound, kInvalidInput (a
  // folder where a file is meant, or the reverse), kLimit, kIo.
  virtual Result<std::string> ReadFile(std::string_view path) = 0;
  virtual Status WriteFile(std::string_view path, std::string_view bytes) = 0;  // makes the folders above
  virtual Status RemoveFile(std::string_view path) = 0;

  // Writes what the workspace holds now, all of it, into an existing empty folder outside: files, folders and
  // links with their modes (without set-user and set-group bits) and times. Ends every process that was left
  // running first. Errors: kIo, kLimit.
  virtual Status Export(const std::string& folder) = 0;

  // What the workspace holds now. "__pycache__" folders, "*.pyc" and ".git" are left out.
  virtual Result<Tree> ReadTree() = 0;
};

}  // namespace clawtrace::replay

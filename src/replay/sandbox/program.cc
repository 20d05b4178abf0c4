#include "replay/sandbox/program.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "replay/sandbox/executor.h"
#include "replay/sandbox/file_tools.h"
#include "replay/sandbox/isolate.h"

namespace clawtrace::replay {
namespace {

constexpr uint64_t kMaxSetup = 64 << 20;

int Say(const Status& status) {
  Result<Reply> reply;
  if (!status) reply = std::unexpected(status.error());
  return SendFrame(kControlFile, Encode(reply)) && status ? 0 : 1;
}

Surroundings SurroundingsOf(const Setup& setup) {
  return {.at = setup.options.at,
          .environment = setup.options.environment,
          .limits = setup.options.limits,
          .control = kControlFile};
}

// The first process of the sandbox: when it ends, all end.
int BeFirst(const Setup& setup, const Owner& owner, Shown shown) {
  ::setsid();
  auto ready = PlainMachine();
  if (ready) ready = EnterNewRoot(setup.options, owner, std::move(shown));
  // When memory is short, this is what can be done without.
  if (OpenFile score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); ready && score)
      [[maybe_unused]]
    ssize_t put = ::write(score.get(), "1000", 4);
  if (ready) ready = DropRights(owner);
  if (int code = Say(ready); code != 0) return code;
  Surroundings surroundings = SurroundingsOf(setup);
  surroundings.shell_start = kShellStartPath;
  surroundings.disk = "/tmp";
  Serve(true, std::move(surroundings));
  return 0;
}

int KeepSandbox(const Setup& setup) {
  Owner owner = WhoRuns();
  // Root maps users by means of a process, which must not become the first one of the sandbox; others may not
  // even take hold before they have a namespace where they may.
  Result<Shown> shown;
  if (owner.privileged) shown = TakeHold(setup.options, owner);
  Status ready = shown ? Separate(owner) : std::unexpected(shown.error());
  if (ready && !owner.privileged) {
    shown = TakeHold(setup.options, owner);
    if (!shown) ready = std::unexpected(shown.error());
  }
  if (!ready) return Say(ready);
  pid_t first = ::fork();
  if (first < 0)
    return Say(Fail(ErrorCode::kUnavailable, fmt::format("no process: {}", std::strerror(errno))));
  if (first == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(BeFirst(setup, owner, std::move(*shown)));
  }
  // Its socket is the first process's alone: when that ends, the other side learns it.
  ::close(kControlFile);
  int status = 0;
  // Others may have ended before it: those that namespaces were taken of.
  for (pid_t ended = 0; ended != first;) {
    ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno != EINTR) break;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

Status CopyWorkspace(const Setup& setup) {
  OpenFile to(::open(setup.options.at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!to)
    return Fail(ErrorCode::kIo, fmt::format("cannot open {}: {}", setup.options.at, std::strerror(errno)));
  if (setup.options.workspace.empty()) return {};
  OpenFile from(::open(setup.options.workspace.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!from)
    return Fail(ErrorCode::kNotFound,
                fmt::format("cannot open {}: {}", setup.options.workspace, std::strerror(errno)));
  return CopyFolder(from.get(), to.get(), static_cast<uid_t>(-1));
}

Status MakeLinks(const Setup& setup, std::vector<std::string>* made) {
  auto link = [&](const std::string& to, const std::string& at) -> Status {
    if (::symlink(to.c_str(), at.c_str()) != 0)
      return Fail(errno == EEXIST ? ErrorCode::kAlreadyExists : ErrorCode::kIo,
                  fmt::format("cannot make a link at {}: {}", at, std::strerror(errno)));
    made->push_back(at);
    return {};
  };
  for (const Mount& mount : setup.options.mounts) CT_RETURN_IF_ERROR(link(mount.from, mount.at));
  for (const std::string& at : setup.options.also_at) CT_RETURN_IF_ERROR(link(setup.options.at, at));
  return {};
}

int KeepPlain(const Setup& setup) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::string shell_start = setup.scratch + "/shell-start";
  Status ready = WriteInside(shell_start, kShellStart);
  if (ready) ready = CopyWorkspace(setup);
  std::vector<std::string> links;
  if (ready) ready = MakeLinks(setup, &links);
  if (Say(ready) == 0) {
    Surroundings surroundings = SurroundingsOf(setup);
    surroundings.shell_start = shell_start;
    Serve(false, std::move(surroundings));
  }
  for (const std::string& link : links) ::unlink(link.c_str());
  for (const std::string& folder : {setup.options.at, setup.scratch}) RemoveFolder(folder);
  return 0;
}

}  // namespace

std::optional<int> RunAsWorkplaceProcess(int argc, const char* const* argv) {
  if (argc != 2 || std::string_view(argv[1]) != kWorkplaceArgument) return std::nullopt;
  ::close_range(kControlFile + 1, ~0u, 0);
  ::umask(022);
  auto bytes = ReceiveFrame(kControlFile, kMaxSetup, -1);
  auto setup = bytes ? DecodeSetup(*bytes) : std::unexpected(bytes.error());
  // Left without destructors and whatever else runs at an exit: nothing of it is of use here.
  ::_exit(!setup ? 2 : setup->isolated ? KeepSandbox(*setup) : KeepPlain(*setup));
}

}  // namespace clawtrace::replay

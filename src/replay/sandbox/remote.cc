#include "replay/sandbox/remote.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>

#include "replay/sandbox/file_tools.h"
#include "replay/sandbox/open_file.h"
#include "replay/sandbox/program.h"

namespace clawtrace::replay {
namespace {

constexpr int64_t kPatienceMs = 30'000;     // with a process that should answer at once
constexpr int64_t kClosingMs = 10'000;      // with one that has been told to end
constexpr uint64_t kMostReply = 512 << 20;  // of a tree of a million entries with long names

// The process group that does the work, and the socket to it.
struct Remote {
  pid_t pid = -1;
  OpenFile control;
};

Result<Remote> Start(const std::string& program) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return Fail(ErrorCode::kUnavailable, fmt::format("no socket: {}", std::strerror(errno)));
  OpenFile ours(ends[0]), theirs(ends[1]);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawnattr_init(&attributes);
  // Standard files first: number 3 may be one of ours, but the last action is what stays.
  for (int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&files, file, "/dev/null", O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&files, theirs.get(), kControlFile);
  sigset_t all, none;
  ::sigfillset(&all);
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  // Not reached by what the terminal sends to the caller: it ends when the caller does.
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::string name = "clawtrace", argument = kWorkplaceArgument;
  char* argv[] = {name.data(), argument.data(), nullptr};
  char* envp[] = {nullptr};
  Remote remote;
  int error = ::posix_spawn(&remote.pid, program.c_str(), &files, &attributes, argv, envp);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return Fail(ErrorCode::kNotFound, fmt::format("cannot start {}: {}", program, std::strerror(error)),
                "install clawtrace again");
  remote.control = std::move(ours);
  return remote;
}

bool Ended(pid_t pid, int64_t wait_ms) {
  OpenFile process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd waiting{.fd = process.get(), .events = POLLIN, .revents = 0};
  return process && ::poll(&waiting, 1, static_cast<int>(wait_ms)) == 1;
}

class RemoteWorkplace final : public Workplace {
 public:
  RemoteWorkplace(Remote remote, const Limits& limits) : remote_(std::move(remote)), limits_(limits) {}

  // By closing the socket it is told to end, and with the sandbox's first process all end; the kernel sees to
  // it when it does not.
  ~RemoteWorkplace() override {
    remote_.control.Close();
    if (!Ended(remote_.pid, kClosingMs)) ::kill(remote_.pid, SIGKILL);
    while (::waitpid(remote_.pid, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  RemoteWorkplace(const RemoteWorkplace&) = delete;
  RemoteWorkplace& operator=(const RemoteWorkplace&) = delete;

  Result<CommandResult> Run(const Command& command) override {
    if (command.shell.find('\0') != std::string::npos || command.cwd.find('\0') != std::string::npos)
      return CommandResult{.error = "the command holds a zero byte"};
    Request request{.action = RequestKind::kRun, .command = command, .path = {}, .bytes = {}};
    int64_t wall = command.wall_ms > 0 ? command.wall_ms : limits_.wall_ms;
    auto reply = Ask(request, wall + kPatienceMs);
    if (!reply) return std::unexpected(std::move(reply.error()));
    CommandResult& result = reply->result;
    if (std::ssize(result.output) > limits_.output_bytes || result.output_bytes < std::ssize(result.output))
      return Break(Error{ErrorCode::kCorruptData, "the workplace says what cannot be", {}});
    return std::move(result);
  }

  Result<std::string> ReadFile(std::string_view path) override {
    auto reply = Ask({.action = RequestKind::kRead, .command = {}, .path = std::string(path), .bytes = {}},
                     kPatienceMs);
    if (!reply) return std::unexpected(std::move(reply.error()));
    return std::move(reply->bytes);
  }

  Status WriteFile(std::string_view path, std::string_view bytes) override {
    return Done({.action = RequestKind::kWrite,
                 .command = {},
                 .path = std::string(path),
                 .bytes = std::string(bytes)});
  }

  Status RemoveFile(std::string_view path) override {
    return Done({.action = RequestKind::kRemove, .command = {}, .path = std::string(path), .bytes = {}});
  }

  Result<Tree> ReadTree() override {
    auto reply = Ask({.action = RequestKind::kTree, .command = {}, .path = {}, .bytes = {}}, kPatienceMs);
    if (!reply) return std::unexpected(std::move(reply.error()));
    return std::move(reply->tree);
  }

  Status Export(const std::string& folder) override {
    CT_RETURN_IF_ERROR(Done({.action = RequestKind::kHold, .command = {}, .path = {}, .bytes = {}}));
    auto from = ReceiveFile(remote_.control.get(), kPatienceMs);
    if (!from) return Break(std::move(from.error()));
    OpenFile to(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!to) return Fail(ErrorCode::kIo, fmt::format("cannot open {}: {}", folder, std::strerror(errno)));
    return CopyFolder(from->get(), to.get(), static_cast<uid_t>(-1));
  }

  Status AwaitReady() {
    auto bytes = ReceiveFrame(remote_.control.get(), 1 << 20, kPatienceMs);
    if (!bytes)
      return Fail(ErrorCode::kUnavailable, "the workplace's process ended before it was ready",
                  "clawtrace doctor says what is missing");
    auto reply = DecodeReply(*bytes);
    return reply ? Status() : std::unexpected(std::move(reply.error()));
  }
  Status Send(const Setup& setup) { return SendFrame(remote_.control.get(), Encode(setup)); }

 private:
  Status Done(const Request& request) {
    auto reply = Ask(request, kPatienceMs);
    return reply ? Status() : std::unexpected(std::move(reply.error()));
  }

  Result<Reply> Ask(const Request& request, int64_t wait_ms) {
    if (broken_) return std::unexpected(*broken_);
    uint64_t most = kMostReply + static_cast<uint64_t>(limits_.output_bytes + limits_.file_bytes);
    auto sent = SendFrame(remote_.control.get(), Encode(request));
    auto bytes =
        sent ? ReceiveFrame(remote_.control.get(), most, wait_ms) : std::unexpected(std::move(sent.error()));
    if (!bytes) return Break(std::move(bytes.error()));
    auto reply = DecodeReply(*bytes);
    if (!reply && reply.error().code == ErrorCode::kCorruptData) return Break(std::move(reply.error()));
    return reply;
  }

  // Nothing that comes after can be relied on.
  std::unexpected<Error> Break(Error error) {
    broken_ = std::move(error);
    if (broken_->code != ErrorCode::kIo) ::kill(remote_.pid, SIGKILL);  // kIo: it is ending
    remote_.control.Close();
    return std::unexpected(*broken_);
  }

  Remote remote_;
  Limits limits_;
  std::optional<Error> broken_;
};

}  // namespace

Result<std::unique_ptr<Workplace>> OpenRemote(const Setup& setup, const SandboxHost& host) {
  auto remote = Start(host.program);
  if (!remote) return std::unexpected(std::move(remote.error()));
  auto workplace = std::make_unique<RemoteWorkplace>(std::move(*remote), setup.options.limits);
  // A process that ended early has said why, perhaps.
  [[maybe_unused]] Status sent = workplace->Send(setup);
  CT_RETURN_IF_ERROR(workplace->AwaitReady());
  return workplace;
}

std::vector<std::pair<std::string, std::string>> FullEnvironment(const WorkplaceOptions& options,
                                                                 const std::string& home,
                                                                 const std::string& temporary) {
  std::map<std::string, std::string> variables{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", home},
      {"TMPDIR", temporary},
      {"LANG", "C.UTF-8"},
      {"PYTHONDONTWRITEBYTECODE", "1"}};
  for (const auto& [name, value] : options.environment) variables[name] = value;
  return {variables.begin(), variables.end()};
}

}  // namespace clawtrace::replay

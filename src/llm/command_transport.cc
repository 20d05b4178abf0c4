#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>

#include "llm/providers/wire.h"
#include "llm/transport.h"

namespace clawtrace::llm {
namespace {

using Clock = std::chrono::steady_clock;

// An end of a pipe, closed with it.
class End {
 public:
  End() = default;
  ~End() { Close(); }
  End(const End&) = delete;
  End& operator=(const End&) = delete;
  void Close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int fd = -1;
};

struct Pipe {
  End read, write;
  bool Open() {
    std::array<int, 2> ends = {-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read.fd = ends[0], write.fd = ends[1];
    return true;
  }
};

// A program in a process group of its own, which goes with it.
class Program {
 public:
  ~Program() { Kill(); }

  bool Start(const std::string& command) {
    if (!in_.Open() || !out_.Open()) return false;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&files, in_.read.fd, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, out_.write.fd, STDOUT_FILENO);
    sigset_t none = {};
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    std::string shell = "sh", flag = "-c", line = command;
    std::array<char*, 4> arguments = {shell.data(), flag.data(), line.data(), nullptr};
    int failed = ::posix_spawn(&pid_, "/bin/sh", &files, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    in_.read.Close(), out_.write.Close();
    if (failed != 0) pid_ = -1;
    if (failed == 0) ::fcntl(in_.write.fd, F_SETFL, O_NONBLOCK);
    return failed == 0;
  }

  // Everything in, everything out; what went wrong otherwise.
  std::optional<std::string> Talk(std::string_view in, Clock::time_point end, std::string* out) {
    while (out_.read.fd >= 0) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
      if (left <= 0) return "it did not answer in time";
      if (in.empty()) in_.write.Close();
      std::array<pollfd, 2> waits = {pollfd{out_.read.fd, POLLIN, 0}, pollfd{in_.write.fd, POLLOUT, 0}};
      if (::poll(waits.data(), waits.size(), static_cast<int>(std::min<int64_t>(left, INT32_MAX))) < 0 &&
          errno != EINTR)
        return "it cannot be waited for";
      if (waits[1].revents != 0) Give(&in);
      if (waits[0].revents != 0 && !Take(out)) return "its answer is too long";
    }
    return std::nullopt;
  }

  // Its exit code, once it has ended; nullopt: it did not in time, or a signal ended it.
  std::optional<int> Wait(Clock::time_point end) {
    constexpr useconds_t kNap = 2000;
    int status = 0;
    while (pid_ > 0) {
      pid_t ended = ::waitpid(pid_, &status, WNOHANG);
      if (ended == pid_) {
        ::kill(-pid_, SIGKILL);  // what it left running
        pid_ = -1;
        return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
      }
      if (ended < 0 || Clock::now() >= end) break;
      ::usleep(kNap);
    }
    return std::nullopt;
  }

 private:
  void Give(std::string_view* in) {
    ssize_t written = ::write(in_.write.fd, in->data(), in->size());
    if (written >= 0) in->remove_prefix(static_cast<size_t>(written));
    // It need not read all of it.
    if (written < 0 && errno != EAGAIN && errno != EINTR) *in = {}, in_.write.Close();
  }
  bool Take(std::string* out) {
    std::array<char, 65536> buffer;
    ssize_t got = ::read(out_.read.fd, buffer.data(), buffer.size());
    if (got > 0) out->append(buffer.data(), static_cast<size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) out_.read.Close();
    return out->size() <= kMostReplyBytes;
  }
  void Kill() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  Pipe in_, out_;
  pid_t pid_ = -1;
};

// A write to a program that has ended is an error, not a signal. Of this thread alone: others may be writing
// to programs of their own.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    timespec at_once = {};
    while (::sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_ = {}, before_ = {};
};

class CommandTransport final : public Transport {
 public:
  CommandTransport(std::string command, int64_t timeout_ms)
      : command_(std::move(command)), timeout_ms_(timeout_ms) {}

  Sent Send(const WireRequest& request) override {
    constexpr int kOk = 200;
    NoPipeSignal quiet;
    Program program;
    auto end = Clock::now() + std::chrono::milliseconds(timeout_ms_);
    if (!program.Start(command_)) return Failed("it cannot be started");
    WireReply reply{.status = kOk, .body = {}};
    if (auto wrong = program.Talk(request.body, end, &reply.body)) return Failed(*wrong);
    auto code = program.Wait(end);
    if (!code) return Failed("it did not end in time, or a signal ended it");
    if (*code != 0) return Failed(fmt::format("it ended with {}", *code));
    return reply;
  }

 private:
  static std::unexpected<CallError> Failed(std::string_view why) {
    return std::unexpected(ErrorOf(CallErrorKind::kTransport, fmt::format("the command: {}", why)));
  }

  std::string command_;
  int64_t timeout_ms_;
};

}  // namespace

std::unique_ptr<Transport> OverCommand(std::string command, int64_t timeout_ms) {
  return std::make_unique<CommandTransport>(std::move(command), timeout_ms);
}

}  // namespace clawtrace::llm

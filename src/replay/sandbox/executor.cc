#include "replay/sandbox/executor.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <csignal>

#include "replay/sandbox/file_tools.h"

namespace clawtrace::replay {
namespace {

constexpr int64_t kTickMs = 50;  // between two looks at processes that were left running
constexpr uint64_t kMaxRequest = uint64_t{1} << 32;

class Executor {
 public:
  Executor(bool isolated, Surroundings surroundings)
      : surroundings_(std::move(surroundings)), crew_(isolated, surroundings_.limits) {}

  void Serve() {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    // The first process of a sandbox gets no signal from inside but those that it handles, as sanitizers do.
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);
    surroundings_.child_ended = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    while (AwaitRequest()) {
      auto bytes = ReceiveFrame(surroundings_.control, kMaxRequest, -1);
      if (!bytes) break;
      auto request = DecodeRequest(*bytes);
      Result<Reply> reply = request ? Answer(*request) : std::unexpected(request.error());
      if (!SendFrame(surroundings_.control, Encode(reply))) break;
      if (reply && request->action == RequestKind::kHold && !SendFile(surroundings_.control, held_.get()))
        break;
    }
    crew_.EndAll();
  }

 private:
  // Processes that were left running keep to the limits meanwhile, and are asked for when they end.
  bool AwaitRequest() {
    while (true) {
      pollfd waiting[] = {{.fd = surroundings_.control, .events = POLLIN, .revents = 0},
                          {.fd = surroundings_.child_ended, .events = POLLIN, .revents = 0}};
      int ready = ::poll(waiting, std::size(waiting), crew_.any() ? kTickMs : -1);
      if (ready < 0 && errno != EINTR) return false;
      if (waiting[0].revents != 0) return true;
      signalfd_siginfo told{};
      [[maybe_unused]] ssize_t got = ::read(surroundings_.child_ended, &told, sizeof(told));
      while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
      if (!crew_.any()) continue;
      if (!crew_.OverLimit().empty()) crew_.EndAll();
      crew_.Remember();
    }
  }

  std::string Place(const std::string& path) const {
    return path.starts_with('/') ? path : surroundings_.at + "/" + path;
  }

  Result<Reply> Answer(const Request& request) {
    if (request.path.find('\0') != std::string::npos)
      return Fail(ErrorCode::kInvalidInput, "the path holds a zero byte");
    Reply reply;
    std::string path = Place(request.path);
    int64_t most = surroundings_.limits.file_bytes;
    switch (request.action) {
      case RequestKind::kRun:
        reply.result = RunCommand(request.command, surroundings_, &crew_);
        return reply;
      case RequestKind::kRead: {
        auto bytes = ReadInside(path, most);
        if (!bytes) return std::unexpected(std::move(bytes.error()));
        reply.bytes = std::move(*bytes);
        return reply;
      }
      case RequestKind::kWrite:
        if (std::ssize(request.bytes) > most)
          return Fail(ErrorCode::kLimit, fmt::format("{} would be larger than {} bytes", path, most));
        CT_RETURN_IF_ERROR(WriteInside(path, request.bytes));
        return reply;
      case RequestKind::kRemove:
        CT_RETURN_IF_ERROR(RemoveInside(path));
        return reply;
      case RequestKind::kTree: {
        auto tree = TreeInside(surroundings_.at);
        if (!tree) return std::unexpected(std::move(tree.error()));
        reply.tree = std::move(*tree);
        return reply;
      }
      case RequestKind::kHold:
        crew_.EndAll();
        held_ = OpenFile(::open(surroundings_.at.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!held_) return Fail(ErrorCode::kIo, fmt::format("cannot open {}", surroundings_.at));
        return reply;
    }
    return Fail(ErrorCode::kInvalidInput, "no such request");
  }

  Surroundings surroundings_;
  Crew crew_;
  OpenFile held_;
};

}  // namespace

void Serve(bool isolated, Surroundings surroundings) { Executor(isolated, std::move(surroundings)).Serve(); }

}  // namespace clawtrace::replay

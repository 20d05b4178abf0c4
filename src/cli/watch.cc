#include "cli/watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEvents =
    IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF;
constexpr int kPollEveryMs = 2'000;

}  // namespace

Watch::Watch() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT), sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  events_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  polling_ = events_ < 0;
}

Watch::~Watch() {
  for (int fd : {signals_, events_}) {
    if (fd >= 0) ::close(fd);
  }
}

void Watch::AddOne(const std::string& path) {
  // Again for a folder that is watched already: it may have been replaced.
  if (events_ >= 0 && ::inotify_add_watch(events_, path.c_str(), kEvents) < 0 && errno != ENOENT)
    polling_ = true;
}

void Watch::Add(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    std::error_code error;
    AddOne(path);
    if (!fs::is_directory(path, error)) continue;
    fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
      std::error_code ignored;
      if (at->is_directory(ignored)) AddOne(at->path().string());
    }
  }
}

// True when anything was there. A folder that is new is watched by the next Add.
bool Watch::Drain() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  bool any = false;
  while (events_ >= 0 && ::read(events_, buffer.data(), buffer.size()) > 0) any = true;
  return any;
}

bool Watch::Stopped() {
  signalfd_siginfo info{};
  if (signals_ >= 0 && ::read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
    stopped_ = true;
  return stopped_;
}

Watch::Woken Watch::Wait(int timeout_ms) {
  if (Stopped()) return Woken::kStop;
  bool capped = polling_ && (timeout_ms < 0 || timeout_ms > kPollEveryMs);
  std::array<pollfd, 2> fds = {pollfd{signals_, POLLIN, 0}, pollfd{events_, POLLIN, 0}};
  int ready = ::poll(fds.data(), fds.size(), capped ? kPollEveryMs : timeout_ms);
  if (Stopped()) return Woken::kStop;
  if (Drain()) return Woken::kChange;
  return ready == 0 && capped ? Woken::kChange : Woken::kTime;
}

}  // namespace clawtrace::cli

#include "replay/sandbox/id_map.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

namespace clawtrace::replay {
namespace {

bool Write(const std::string& path, const std::string& text) {
  OpenFile file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == std::ssize(text);
}

// "inside outside count" a line: all ids, two of them exchanged.
std::string ExchangeLines(int64_t one, int64_t other) {
  constexpr int64_t kAll = 4294967295;
  if (one == other) return fmt::format("0 0 {}\n", kAll);
  auto [low, high] = std::minmax(one, other);
  std::string lines;
  auto add = [&](int64_t inside, int64_t outside, int64_t count) {
    if (count > 0) lines += fmt::format("{} {} {}\n", inside, outside, count);
  };
  add(0, 0, low);
  add(low, high, 1);
  add(low + 1, low + 1, high - low - 1);
  add(high, low, 1);
  add(high + 1, high + 1, kAll - high - 1);
  return lines;
}

}  // namespace

Status MapSelf(uid_t inside, uid_t outside, gid_t outside_group) {
  if (!Write("/proc/self/setgroups", "deny") ||
      !Write("/proc/self/gid_map", fmt::format("{} {} 1\n", inside, outside_group)) ||
      !Write("/proc/self/uid_map", fmt::format("{} {} 1\n", inside, outside)))
    return Fail(ErrorCode::kUnavailable, fmt::format("cannot map users: {}", std::strerror(errno)));
  return {};
}

Result<OpenFile> NamespaceOf(const Exchange& exchange) {
  // A namespace is there as soon as its first process, and as long as that has not been asked for.
  auto holder =
      static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (holder == 0) ::_exit(0);
  bool good = holder > 0;
  std::string folder = fmt::format("/proc/{}/", holder);
  good = good && Write(folder + "uid_map", ExchangeLines(exchange.user, exchange.with_user)) &&
         Write(folder + "gid_map", ExchangeLines(exchange.group, exchange.with_group));
  OpenFile made_namespace(good ? ::open((folder + "ns/user").c_str(), O_RDONLY | O_CLOEXEC) : -1);
  if (!made_namespace) return Fail(ErrorCode::kUnavailable, "cannot map users");
  return made_namespace;
}

}  // namespace clawtrace::replay

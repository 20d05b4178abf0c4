#include "replay/sandbox/run_command.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>

#include "replay/sandbox/open_file.h"

namespace clawtrace::replay {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kTick{20};      // between two looks at what the processes take together
constexpr milliseconds kGrace{100};    // for output of processes that outlive the command
constexpr milliseconds kDying{5'000};  // until a killed command is given up
constexpr int kFailureFile = 98;       // closed by exec; else says why there was none

struct Pipe {
  OpenFile read, write;
};

Pipe NewPipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  return {.read = OpenFile(ends[0]), .write = OpenFile(ends[1])};
}

void SetNonBlocking(const OpenFile& file) { ::fcntl(file.get(), F_SETFL, O_NONBLOCK); }

// Where starting failed, told by the child through kFailureFile.
enum class Stage : int { kFolder, kLimits, kExec };
struct Failure {
  Stage stage;
  int error;
};

[[noreturn]] void Tell(Stage stage) {
  Failure failure{.stage = stage, .error = errno};
  [[maybe_unused]] ssize_t put = ::write(kFailureFile, &failure, sizeof(failure));
  ::_exit(127);
}

void Limit(__rlimit_resource resource, int64_t soft, int64_t hard) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) Tell(Stage::kLimits);
  // What is already less stays.
  limit.rlim_max = std::min(limit.rlim_max, static_cast<rlim_t>(hard));
  limit.rlim_cur = std::min(limit.rlim_max, static_cast<rlim_t>(soft));
  if (::setrlimit(resource, &limit) != 0) Tell(Stage::kLimits);
}

void LimitAll(const Surroundings& surroundings) {
  const Limits& limits = surroundings.limits;
  Limit(RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 2);
  Limit(RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes);
  // Twice: what is reserved is more than what is used, and what is used is watched (Crew). Address space
  // alone is not limited: runtimes reserve much of it.
  Limit(RLIMIT_DATA, limits.memory_bytes * 2, limits.memory_bytes * 2);
  Limit(RLIMIT_CORE, 0, 0);
  Limit(RLIMIT_NOFILE, 1024, 4096);
  Limit(RLIMIT_STACK, int64_t{8} << 20, int64_t{64} << 20);
  Limit(RLIMIT_MEMLOCK, 1 << 16, 1 << 16);
  Limit(RLIMIT_MSGQUEUE, 1 << 19, 1 << 19);
  // Outside of a sandbox it would count what else the user runs. One more: the first process itself.
  if (!surroundings.disk.empty()) Limit(RLIMIT_NPROC, limits.processes + 1, limits.processes + 1);
}

class CommandRun {
 public:
  CommandRun(const Command& command, const Surroundings& surroundings, Crew* crew)
      : command_(command), surroundings_(surroundings), crew_(crew) {}

  CommandResult Run() {
    started_ = Clock::now();
    if (!Start()) return std::move(result_);
    Clock::time_point until =
        started_ + milliseconds(command_.wall_ms > 0 ? command_.wall_ms : surroundings_.limits.wall_ms);
    Clock::time_point look = started_ + kTick;
    while (!Done()) {
      Clock::time_point next = std::min({look, until, ended_ ? end_ + kGrace : until});
      Wait(next);
      Clock::time_point now = Clock::now();
      if (now >= look) {
        look = now + kTick;
        if (std::string limit = crew_->OverLimit(); !limit.empty()) Stop(limit);
      }
      if (now >= until && !ended_ && result_.limit.empty()) {
        result_.limit = "wall";
        stopped_ = now;
        crew_->EndNew();
      }
      if (now >= until) until = now + kDying;
    }
    Finish();
    return std::move(result_);
  }

 private:
  bool Refuse(std::string why) {
    result_.how = Ended::kNotStarted;
    result_.error = std::move(why);
    return false;
  }

  bool Start() {
    output_ = NewPipe();
    where_ = NewPipe();
    failure_ = NewPipe();
    if (!command_.input.empty()) input_ = NewPipe();
    if (!output_.write || !where_.write || !failure_.write || (!command_.input.empty() && !input_.write))
      return Refuse(fmt::format("no pipe: {}", std::strerror(errno)));
    Prepare();
    pid_ = ::fork();
    if (pid_ < 0) return Refuse(fmt::format("no process: {}", std::strerror(errno)));
    if (pid_ == 0) BeCommand();
    output_.write.Close();
    where_.write.Close();
    failure_.write.Close();
    input_.read.Close();
    for (const OpenFile* file : {&output_.read, &where_.read, &input_.write})
      if (*file) SetNonBlocking(*file);
    Failure failure{};
    if (::read(failure_.read.get(), &failure, sizeof(failure)) != sizeof(failure)) return true;
    ::waitpid(pid_, nullptr, 0);
    switch (failure.stage) {
      case Stage::kFolder:
        return Refuse(fmt::format("cannot enter {}: {}", cwd_, std::strerror(failure.error)));
      case Stage::kLimits:
        return Refuse(fmt::format("cannot be limited: {}", std::strerror(failure.error)));
      case Stage::kExec:
        return Refuse(fmt::format("cannot start {}: {}", words_.front(), std::strerror(failure.error)));
    }
    return Refuse("cannot be started");
  }

  // All that takes memory, before the fork.
  void Prepare() {
    cwd_ = command_.cwd.starts_with('/') ? command_.cwd : surroundings_.at + "/" + command_.cwd;
    words_ = command_.argv;
    if (!command_.shell.empty()) words_ = {"bash", "-c", command_.shell};
    if (words_.empty()) words_ = {"true"};
    for (const auto& [name, value] : surroundings_.environment) variables_.push_back(name + "=" + value);
    if (!command_.shell.empty()) variables_.push_back("BASH_ENV=" + surroundings_.shell_start);
    for (std::string& word : words_) argv_.push_back(word.data());
    for (std::string& variable : variables_) envp_.push_back(variable.data());
    argv_.push_back(nullptr);
    envp_.push_back(nullptr);
  }

  [[noreturn]] void BeCommand() {
    ::setsid();
    ::dup2(where_.write.get(), kWhereFile);
    ::dup3(failure_.write.get(), kFailureFile, O_CLOEXEC);
    int input = input_.read ? input_.read.get() : ::open("/dev/null", O_RDONLY);
    ::dup2(input, STDIN_FILENO);
    ::dup2(output_.write.get(), STDOUT_FILENO);
    ::dup2(output_.write.get(), STDERR_FILENO);
    ::close_range(3, command_.shell.empty() ? kFailureFile - 1 : kWhereFile - 1, 0);
    ::close_range(kFailureFile + 1, ~0u, 0);
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::chdir(cwd_.c_str()) != 0) Tell(Stage::kFolder);
    LimitAll(surroundings_);
    environ = envp_.data();
    ::execvp(argv_.front(), argv_.data());
    Tell(Stage::kExec);
  }

  bool Done() const {
    if (stopped_ && Clock::now() >= *stopped_ + kDying) return true;
    return ended_ && (!output_.read || Clock::now() >= end_ + kGrace);
  }

  void Wait(Clock::time_point next) {
    pollfd waiting[] = {{.fd = surroundings_.control, .events = POLLRDHUP, .revents = 0},
                        {.fd = surroundings_.child_ended, .events = POLLIN, .revents = 0},
                        {.fd = output_.read.get(), .events = POLLIN, .revents = 0},
                        {.fd = input_.write.get(), .events = POLLOUT, .revents = 0}};
    auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
    if (::poll(waiting, std::size(waiting), static_cast<int>(std::max<int64_t>(left, 0))) <= 0) return;
    if (waiting[0].revents != 0 && result_.limit.empty()) Stop("caller");
    if (waiting[2].revents != 0) Read();
    if (waiting[3].revents != 0) Write();
    if (waiting[1].revents != 0) Reap();
  }

  void Stop(std::string limit) {
    if (result_.limit.empty()) result_.limit = std::move(limit);
    if (!stopped_) stopped_ = Clock::now();
    crew_->EndAll();
  }

  void Read() {
    char block[65536];
    ssize_t got = ::read(output_.read.get(), block, sizeof(block));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return output_.read.Close();
    result_.output_bytes += got;
    int64_t room = surroundings_.limits.output_bytes - std::ssize(result_.output);
    result_.output.append(block, static_cast<size_t>(std::clamp<int64_t>(room, 0, got)));
  }

  void Write() {
    std::string_view rest = std::string_view(command_.input).substr(written_);
    ssize_t put = ::write(input_.write.get(), rest.data(), rest.size());
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
    written_ += static_cast<size_t>(std::max<ssize_t>(put, 0));
    if (put <= 0 || written_ == command_.input.size()) input_.write.Close();
  }

  void Reap() {
    signalfd_siginfo told{};
    [[maybe_unused]] ssize_t got = ::read(surroundings_.child_ended, &told, sizeof(told));
    int status = 0;
    rusage used{};
    for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &used)) > 0;) {
      if (pid != pid_) continue;
      ended_ = true;
      end_ = Clock::now();
      status_ = status;
      cpu_s_ = used.ru_utime.tv_sec + used.ru_stime.tv_sec +
               (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1'000'000;
    }
  }

  void Finish() {
    result_.wall_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>((ended_ ? end_ : Clock::now()) - started_)
            .count();
    if (ended_ && WIFEXITED(status_)) {
      result_.how = Ended::kExited;
      result_.exit_code = WEXITSTATUS(status_);
    } else {
      result_.how = Ended::kSignalled;
      result_.exit_code = 128 + (ended_ ? WTERMSIG(status_) : SIGKILL);
    }
    if (result_.limit == "wall") result_.how = Ended::kTimedOut;
    // Of many that start and end, never all are seen; but nothing well-behaved leaves so many.
    if (crew_->NewOnes() > surroundings_.limits.processes / 4) Stop("processes");
    if (std::string limit = crew_->OverLimit(); !limit.empty()) Stop(limit);
    if (stopped_) AwaitDeath();
    result_.left_running = crew_->Remember();
    if (result_.limit.empty()) result_.limit = LimitOfKernel();
    result_.final_cwd = WhereItStood();
  }

  // Large processes take a moment to die.
  void AwaitDeath() {
    Clock::time_point until = Clock::now() + kDying;
    while (crew_->NewOnes() > 0 && Clock::now() < until) {
      pollfd waiting{.fd = surroundings_.child_ended, .events = POLLIN, .revents = 0};
      ::poll(&waiting, 1, 5);
      Reap();
    }
  }

  // Limits that the kernel keeps show in how a command ended, and in what is left.
  std::string LimitOfKernel() const {
    int code = result_.exit_code;
    if (code == 128 + SIGXCPU || (code == 128 + SIGKILL && cpu_s_ >= surroundings_.limits.cpu_s))
      return "cpu";
    if (code == 128 + SIGXFSZ) return "disk";
    struct statvfs disk{};
    constexpr uint64_t kFull = 64 << 10;
    if (!surroundings_.disk.empty() && ::statvfs(surroundings_.disk.c_str(), &disk) == 0 &&
        (disk.f_bavail * disk.f_frsize < kFull || disk.f_favail < 4))
      return "disk";
    return "";
  }

  // One absolute path, as the shell wrote it; anything may have been written there.
  std::string WhereItStood() const {
    char bytes[8192];
    ssize_t got = ::read(where_.read.get(), bytes, sizeof(bytes));
    std::string_view text(bytes, static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (!text.starts_with('/') || text.find('\n') != text.size() - 1) return "";
    return std::string(text.substr(0, text.size() - 1));
  }

  const Command& command_;
  const Surroundings& surroundings_;
  Crew* crew_;
  CommandResult result_;
  Pipe output_, where_, failure_, input_;
  size_t written_ = 0;
  std::string cwd_;
  std::vector<std::string> words_, variables_;
  std::vector<char*> argv_, envp_;
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
  int64_t cpu_s_ = 0;
  Clock::time_point started_, end_;
  std::optional<Clock::time_point> stopped_;  // when it was killed
};

}  // namespace

CommandResult RunCommand(const Command& command, const Surroundings& surroundings, Crew* crew) {
  return CommandRun(command, surroundings, crew).Run();
}

}  // namespace clawtrace::replay

// What a sandbox costs beside the start of a process.
//   bench_sandbox WORKPLACE_PROGRAM [ROUNDS]        default 100
// In turns: posix_spawn of true; a sandbox over a workspace of 1,000 files opened, `true` and a shell run in
// it, its files listed, closed; one opened, 20 commands, closed. Exit code 1 when opening takes more than 15
// ms (median).
#include "replay/sandbox.h"

#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <vector>

#include "base/file.h"

namespace clawtrace::replay {
namespace {

class Times {
 public:
  void Measure(const std::string& what, const std::function<void()>& work) {
    auto start = std::chrono::steady_clock::now();
    work();
    ms_[what].push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  double Median(const std::string& what) { return At(what, 0.5); }
  void Print() {
    fmt::print("{:<28}{:>8}{:>8}{:>8}{:>10}\n", "ms", "min", "p50", "p90", "by spawn");
    for (const auto& [what, all] : ms_)
      fmt::print("{:<28}{:>8.2f}{:>8.2f}{:>8.2f}{:>10.1f}\n", what, At(what, 0), At(what, 0.5), At(what, 0.9),
                 At(what, 0.5) / At("posix_spawn of true", 0.5));
  }

 private:
  double At(const std::string& what, double share) {
    std::vector<double>& all = ms_[what];
    std::sort(all.begin(), all.end());
    return all[static_cast<size_t>(static_cast<double>(all.size() - 1) * share)];
  }
  std::map<std::string, std::vector<double>> ms_;
};

void Spawn() {
  std::string name = "true";
  char* argv[] = {name.data(), nullptr};
  char* envp[] = {nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, "/bin/true", nullptr, nullptr, argv, envp) == 0) ::waitpid(pid, nullptr, 0);
}

const Command kTrue{.shell = {}, .argv = {"true"}, .cwd = {}, .input = {}};
const Command kShell{.shell = "true", .argv = {}, .cwd = {}, .input = {}};

std::unique_ptr<Workplace> Open(const std::string& workspace, const SandboxHost& host) {
  auto opened = OpenSandbox(
      {.workspace = workspace, .at = "/tmp/demo", .mounts = {}, .environment = {}, .limits = {}}, host);
  if (!opened) {
    fmt::print(stderr, "no sandbox: {}\n", opened.error().message);
    std::exit(2);
  }
  return std::move(*opened);
}

int Bench(const SandboxHost& host, int rounds) {
  std::string workspace = host.scratch + "/clawtrace-bench-sandbox";
  for (int i = 0; i < 1000; ++i)
    if (!WriteFileAtomically(fmt::format("{}/{}/{}.c", workspace, i / 50, i), std::string(4000, 'x')))
      return 2;
  Times times;
  for (int round = 0; round < rounds; ++round) {
    times.Measure("posix_spawn of true", Spawn);
    std::unique_ptr<Workplace> sandbox;
    times.Measure("open", [&] { sandbox = Open(workspace, host); });
    times.Measure("run true", [&] { (void)sandbox->Run(kTrue); });
    times.Measure("run bash -c true", [&] { (void)sandbox->Run(kShell); });
    times.Measure("list 1,000 files, 4 MB", [&] { (void)sandbox->ReadTree(); });
    times.Measure("close", [&] { sandbox.reset(); });
    times.Measure("open, 20 true, close", [&] {
      sandbox = Open(workspace, host);
      for (int i = 0; i < 20; ++i) (void)sandbox->Run(kTrue);
      sandbox.reset();
    });
  }
  std::filesystem::remove_all(workspace);
  times.Print();
  constexpr double kBar = 15;
  bool good = times.Median("open") <= kBar;
  fmt::print("open={:.2f} ms, bar {} ms: {}\n", times.Median("open"), kBar, good ? "kept" : "MISSED");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace clawtrace::replay

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: bench_sandbox WORKPLACE_PROGRAM [ROUNDS]\n");
    return 2;
  }
  return clawtrace::replay::Bench({.program = arguments[1], .scratch = "/tmp"},
                                  count > 2 ? std::atoi(arguments[2]) : 100);
}

// What executing recorded sessions again costs beside what their commands take.
//   bench_replay WORKPLACE_PROGRAM RECORDINGS [ROUNDS]        default 3 rounds
// RECORDINGS holds folders with session/, workspace-start.tar.gz and truth.json. WORKPLACE_PROGRAM:
// clawtrace. Of every recording: a sandbox is opened on the unpacked workspace, everything is executed and
// compared, the sandbox is closed. The bar: recorded tool time and 20 ms a candidate.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "capture/gather.h"
#include "replay/execute.h"
#include "replay/sandbox.h"
#include "replay/workspace.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Recording {
  std::string name;
  std::vector<Session> sessions;
  replay::StartWorkspace start;
};

std::vector<Recording> Load(const fs::path& root) {
  std::vector<Recording> all;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() != "truth.json") continue;
    fs::path folder = entry.path().parent_path();
    capture::Plan plan = capture::PlanInputs({(folder / "session").string()});
    auto start = replay::OpenWorkspace((folder / "workspace-start.tar.gz").string(), "/tmp");
    if (plan.units.size() != 1 || !start) continue;
    all.push_back({fs::relative(folder, root).string(), capture::ReadUnit(plan.units[0], plan, {}).sessions,
                   *std::move(start)});
  }
  std::ranges::sort(all, {}, &Recording::name);
  return all;
}

struct Cost {
  double open_ms = 0, own_ms = 0, commands_ms = 0, recorded_ms = 0, all_ms = 0;
};

// Between the model's asking and the tool's answer, as the client recorded it.
double RecordedMs(const std::vector<replay::Moment>& line) {
  double ms = 0;
  for (const replay::Moment& moment : line) {
    const Step& step = *moment.step;
    if (step.kind == StepKind::kToolUse && step.start_ns && step.end_ns)
      ms += static_cast<double>(*step.end_ns - *step.start_ns) / 1e6;
  }
  return ms;
}

bool Run(const Recording& recording, const replay::SandboxHost& host, Cost* cost) {
  if (recording.sessions.empty()) return false;
  const Session& session = recording.sessions.front();
  std::vector<replay::Moment> line = replay::TimelineOf(session);
  Clock::time_point start = Clock::now();
  auto place = replay::OpenSandbox({.workspace = recording.start.folder, .at = session.info.cwd}, host);
  if (!place) {
    fmt::print(stderr, "{}: {}\n", recording.name, place.error().message);
    return false;
  }
  cost->open_ms = MsSince(start);
  Clock::time_point begun = Clock::now();
  auto all = replay::Execute(line, std::vector<bool>(line.size(), true), **place, {});
  if (!all) return false;
  cost->commands_ms = static_cast<double>(all->wall_ns) / 1e6;
  cost->own_ms = MsSince(begun) - cost->commands_ms;
  place->reset();
  cost->all_ms = MsSince(start);
  cost->recorded_ms = RecordedMs(line);
  return true;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

}  // namespace
}  // namespace clawtrace

int main(int argc, char** argv) {
  using namespace clawtrace;
  if (argc < 3) {
    fmt::print(stderr, "usage: bench_replay WORKPLACE_PROGRAM RECORDINGS [ROUNDS]\n");
    return 2;
  }
  replay::SandboxHost host = {.program = argv[1], .scratch = "/tmp"};
  int rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  std::vector<Recording> recordings = Load(argv[2]);
  std::vector<double> open, own, over, beside;
  double commands = 0, recorded = 0, all = 0;
  size_t within = 0;
  for (int round = 0; round < rounds; ++round) {
    for (const Recording& recording : recordings) {
      Cost cost;
      if (!Run(recording, host, &cost)) return 1;
      open.push_back(cost.open_ms), own.push_back(cost.own_ms);
      over.push_back(cost.all_ms - cost.commands_ms), beside.push_back(cost.all_ms - cost.recorded_ms);
      commands += cost.commands_ms, recorded += cost.recorded_ms, all += cost.all_ms;
      within += cost.all_ms <= cost.recorded_ms + 20;
    }
  }
  auto runs = static_cast<double>(open.size());
  if (open.empty()) return 1;
  fmt::print("recordings={} rounds={}\n", recordings.size(), rounds);
  fmt::print("a candidate: {:.1f} ms in all, its commands {:.1f} ms, recorded tool time {:.1f} ms (means)\n",
             all / runs, commands / runs, recorded / runs);
  fmt::print("open: median {:.1f} ms; beside the commands while executing: median {:.1f} ms\n", Median(open),
             Median(own));
  fmt::print("over the commands' own time: median {:.1f} ms, maximum {:.1f} ms\n", Median(over),
             *std::ranges::max_element(over));
  fmt::print("over the recorded tool time: median {:.1f} ms, maximum {:.1f} ms (bar 20)\n", Median(beside),
             *std::ranges::max_element(beside));
  fmt::print("within={:.3f}\n", static_cast<double>(within) / runs);
  return 0;
}

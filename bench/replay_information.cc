// What the verdicts of the information channel take, without a workspace.
//   bench_replay_information [ROUNDS]        default 5
// Sessions of 100, 1,250 and 5,000 steps with all texts in memory: reads, searches, commands and edits over a
// few hundred files, outputs of one to eight KB whose names and numbers later steps take up. Exit 1 beyond
// the bars.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>

#include "base/hash.h"
#include "pricing/pricing.h"
#include "replay/replayer.h"

namespace clawtrace {
namespace {

class Maker {
 public:
  explicit Maker(size_t steps) {
    session_.id = "made", session_.info.agent = "claude-code", session_.info.cwd = "/w";
    session_.prompt = "Find why totals differ in src/file7.c and mend it; report what was wrong.";
    while (session_.steps.size() < steps) Turn();
  }
  Session Take() { return std::move(session_); }

 private:
  void Turn() {
    Step call;
    call.turn = ++turn_, call.call_id = fmt::format("m{}", turn_), call.llm.model = "gpt-5.4";
    call.llm.usage = Usage{.uncached_input = 400, .cache_read = 20'000, .output = 120};
    call.llm.text = fmt::format("What {} says of {} does not fit; the next is {}.", Told(), Told(), Name());
    call.llm.text_bytes = std::ssize(call.llm.text);
    session_.steps.push_back(std::move(call));
    uint64_t file = random_() % 400, what = random_() % 10;
    if (what < 5)
      Tool("Read", fmt::format(R"({{"file_path":"/w/src/file{}.c"}})", file));
    else if (what < 7)
      Tool("Grep", fmt::format(R"({{"path":"/w/src","pattern":"{}"}})", Told()));
    else if (what < 9)
      Tool("Bash", fmt::format(R"({{"command":"python3 run.py --case {} src/file{}.c"}})", Told(), file));
    else
      Tool("Edit", fmt::format(R"({{"file_path":"/w/src/file{}.c","new_string":"{}","old_string":"{}"}})",
                               file, Name(), Told()));
  }

  void Tool(const char* name, const std::string& args) {
    Step tool;
    tool.kind = StepKind::kToolUse, tool.turn = turn_, tool.call_id = fmt::format("t{}", turn_);
    tool.tool.name = name, tool.tool.args = args;
    tool.tool.args_bytes = std::ssize(args), tool.tool.args_hash = Hash64(args);
    tool.result.status = random_() % 20 == 0 ? ToolStatus::kError : ToolStatus::kOk;
    std::string& output = tool.result.output;
    for (size_t bytes = 1'000 + random_() % 7'000; output.size() < bytes;)
      output += fmt::format("src/file{}.c:{}: int {} = {}({}, {});\n", random_() % 400, random_() % 900,
                            Name(), Name(), random_() % 100'000, random_() % 10);
    tool.result.output_bytes = std::ssize(output), tool.result.output_hash = Hash64(output);
    session_.steps.push_back(std::move(tool));
  }

  std::string Name() { return told_ = fmt::format("total_{}_of_{}", random_() % 5'000, random_() % 40); }
  std::string Told() { return told_.empty() ? "main" : told_; }

  std::mt19937_64 random_{5};
  Session session_;
  std::string told_;
  int64_t turn_ = 0;
};

double Median(size_t steps, int rounds) {
  Session session = Maker(steps).Take();
  size_t bytes = 0;
  for (const Step& step : session.steps)
    bytes += step.llm.text.size() + step.tool.args.size() + step.result.output.size();
  PriceBook book;
  PricedSession priced = PriceSession(session, book);
  std::vector<double> times;
  std::string mix;
  for (int round = 0; round < rounds; ++round) {
    auto start = std::chrono::steady_clock::now();
    auto report = replay::Replay(priced, nullptr, {});
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    if (!report) return 1e9;
    mix = fmt::format("needed={} not_needed={} unknown={}", report->needed, report->not_needed,
                      report->unknown);
  }
  std::ranges::sort(times);
  double median = times[times.size() / 2];
  fmt::print("steps={} text_mb={:.2f} {} median_ms={:.1f} max_ms={:.1f}\n", session.steps.size(),
             static_cast<double>(bytes) / 1e6, mix, median, times.back());
  return median;
}

}  // namespace
}  // namespace clawtrace

int main(int count, char** arguments) {
  int rounds = count > 1 ? std::max(1, std::atoi(arguments[1])) : 5;
  double shortest = clawtrace::Median(100, rounds);
  double quarter = clawtrace::Median(1'250, rounds);
  double longest = clawtrace::Median(5'000, rounds);
  fmt::print("growth={:.1f} (4 = linear)\n", longest / quarter);
  return shortest < 50 && longest < 2'000 ? 0 : 1;
}

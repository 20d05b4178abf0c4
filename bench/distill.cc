// How the time of distilling grows: with the calls of one session (replay and extraction), and with the tasks
// of one family that nobody named (joining). CPU time, the best of three; four times as much may take at most
// eight times as long (what is quadratic takes sixteen), else exit 1.
#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "distill/evidence_base.h"
#include "replay/replayer.h"

namespace clawtrace {
namespace {

constexpr double kMostGrowth = 8;

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

template <typename Work>
double BestOf(const Work& work) {
  constexpr int kRounds = 3;
  double best = std::numeric_limits<double>::max();
  for (int round = 0; round < kRounds; ++round) {
    double start = CpuSeconds();
    work();
    best = std::min(best, CpuSeconds() - start);
  }
  return best;
}

Step Tool(int64_t turn, const char* name, std::string args, std::string output) {
  Step step;
  step.kind = StepKind::kToolUse, step.turn = turn, step.call_id = fmt::format("call{}", turn);
  step.tool.args_bytes = static_cast<int64_t>(args.size());
  step.tool.name = name, step.tool.args = std::move(args);
  step.result.status = ToolStatus::kOk;
  step.result.output_bytes = static_cast<int64_t>(output.size()), step.result.output = std::move(output);
  return step;
}

// A third reads one file again and again, a third lists a folder, a third reads new files.
Session LongSession(int64_t calls) {
  Session session;
  session.id = "long", session.info.agent = "claude-code", session.info.cwd = "/tmp/w";
  session.prompt = "Look at everything there is.", session.task_id = "task";
  for (int64_t i = 0; i < calls; ++i) {
    Step& call = session.steps.emplace_back();
    call.turn = i + 1;
    call.llm.model = "claude-sonnet-4-5";
    call.llm.usage =
        Usage{.uncached_input = 4, .cache_read = 4000 + 300 * i, .cache_write_5m = 300, .output = 60};
    constexpr int64_t kKinds = 3;
    if (i % kKinds == 0)
      session.steps.push_back(Tool(i + 1, "Read", R"({"file_path":"/tmp/w/a.py"})", "same"));
    else if (i % kKinds == 1)
      session.steps.push_back(Tool(i + 1, "Bash", R"({"command":"ls -la"})", "out"));
    else
      session.steps.push_back(Tool(i + 1, "Read", fmt::format(R"({{"file_path":"/tmp/w/f{}.md"}})", i),
                                   fmt::format("text {}", i)));
  }
  return session;
}

double Distilled(const PriceBook& book, int64_t calls) {
  Session session = LongSession(calls);
  return BestOf([&] {
    PricedSession priced = PriceSession(session, book);
    auto report = replay::Replay(priced, nullptr, {});
    distill::Extract(priced, book, report ? &*report : nullptr);
  });
}

double Gathered(size_t tasks) {
  std::vector<distill::EvidenceSession> sessions(tasks);
  for (size_t i = 0; i < tasks; ++i) {
    sessions[i].card.session_id = sessions[i].task = fmt::format("t{:07}", i);
    sessions[i].prompt = fmt::format(
        "Please look into report {} of the weekly list {} and tell me what went wrong with it there", i,
        i % 50);
  }
  return BestOf([&] { distill::Gather(sessions); });
}

bool Tell(std::string_view what, int64_t size, double small, double large) {
  double growth = large / std::max(small, 1e-6);
  fmt::print("{}: {} in {:.3f} s, {} in {:.3f} s, growth {:.1f} (bar {})\n", what, size, small, 4 * size,
             large, growth, kMostGrowth);
  return growth <= kMostGrowth;
}

}  // namespace
}  // namespace clawtrace

int main(int argc, char** argv) {
  using namespace clawtrace;
  std::ifstream file(argc > 1 ? argv[1] : "data/prices.tsv");
  std::stringstream prices;
  prices << file.rdbuf();
  auto book = PriceBook::FromTsv(prices.str(), "prices.tsv");
  if (!book) {
    fmt::print(stderr, "usage: bench_distill [PRICES]      default data/prices.tsv\n");
    return 2;
  }
  constexpr int64_t kCalls = 2500, kTasks = 4000;
  bool calls = Tell("calls of one session", kCalls, Distilled(*book, kCalls), Distilled(*book, 4 * kCalls));
  bool tasks = Tell("tasks of one family", kTasks, Gathered(kTasks), Gathered(4 * kTasks));
  return calls && tasks ? 0 : 1;
}

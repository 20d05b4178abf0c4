// Time to compile the card of one long session, against a session of a quarter of its length.
//   bench_detectors [steps]        default 50000
// Reads, searches, commands, edits and failures over a few hundred files, many of them repeats.
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "base/hash.h"
#include "compile/compile.h"

namespace clawtrace {
namespace {

Session Make(size_t steps) {
  std::mt19937_64 random(3);
  Session session;
  session.id = "long", session.info.cwd = "/w", session.compactions = 3;
  for (int64_t turn = 1; session.steps.size() < steps; ++turn) {
    Step call;
    call.turn = turn, call.call_id = fmt::format("c{}", turn), call.llm.model = "gpt-5.4";
    call.llm.usage = Usage{.uncached_input = 100, .cache_read = 20'000 + turn % 5'000 * 10, .output = 50};
    call.llm.text = fmt::format("step {} next", turn % 97),
    call.llm.text_bytes = static_cast<int64_t>(call.llm.text.size());
    session.steps.push_back(call);
    Step tool;
    tool.kind = StepKind::kToolUse, tool.turn = turn, tool.call_id = fmt::format("t{}", turn);
    uint64_t file = random() % 400, what = random() % 10;
    bool fails = what == 9 || random() % 20 == 0;
    if (what < 5)
      tool.tool.name = "read", tool.tool.args = fmt::format(R"({{"path":"src/file{}.c"}})", file);
    else if (what < 7)
      tool.tool.name = "bash",
      tool.tool.args = fmt::format(R"({{"command":"grep -n total{} src/file{}.c"}})", random() % 50, file);
    else if (what == 7)
      tool.tool.name = "edit",
      tool.tool.args = fmt::format(R"({{"oldText":"x{}","path":"src/file{}.c"}})", turn, file);
    else
      tool.tool.name = "bash",
      tool.tool.args = fmt::format(R"({{"command":"python3 run.py --case {}"}})", random() % 3000);
    tool.tool.args_hash = Hash64(tool.tool.args),
    tool.tool.args_bytes = static_cast<int64_t>(tool.tool.args.size());
    tool.result.status = fails ? ToolStatus::kError : ToolStatus::kOk;
    tool.result.output =
        fmt::format("{} line of file {} total 4{}", fails ? "error in" : "one", file, file % 7);
    tool.result.output_hash = Hash64(tool.result.output);
    tool.result.output_bytes = static_cast<int64_t>(tool.result.output.size());
    if (fails) tool.result.error = tool.result.output, tool.result.exit_code = 2;
    session.steps.push_back(std::move(tool));
  }
  return session;
}

double Seconds(size_t steps) {
  Session session = Make(steps);
  PriceBook book;
  double best = 1e9;
  size_t groups = 0, failures = 0;
  for (int round = 0; round < 3; ++round) {
    auto start = std::chrono::steady_clock::now();
    TraceCard card = compile::CompileCard(PriceSession(session, book), book);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    groups = card.redundant_tool_calls.size(), failures = card.failed_or_repaired_steps.size();
  }
  fmt::print("steps={} groups={} failures={} seconds={:.3f}\n", steps, groups, failures, best);
  return best;
}

}  // namespace
}  // namespace clawtrace

int main(int count, char** arguments) {
  size_t steps = count > 1 ? static_cast<size_t>(std::strtoull(arguments[1], nullptr, 10)) : 50'000;
  double quarter = clawtrace::Seconds(steps / 4), whole = clawtrace::Seconds(steps);
  fmt::print("growth={:.1f} (4 = linear)\n", whole / quarter);
}

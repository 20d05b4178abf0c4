// tau-bench: runs with their rewards, one or an array of them. docs/oracles.md.
#include "model/benchmarks.h"
#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

Result<Runs> ReadRuns(Json root) {
  Runs runs;
  auto take = [&](Json run) {
    auto names = IsTauRun(run) ? NamesOfTauRun(run) : std::nullopt;
    if (!names) return;
    auto reward = run["reward"].number();
    runs.push_back({.session = std::move(names->session),
                    .task = std::move(names->task),
                    .judge = "tau-bench",
                    .judgement = reward ? JudgementOfReward(*reward) : JudgementError("it has no reward")});
  };
  if (root.is_array())
    root.ForEachItem(take);
  else
    take(root);
  return runs;
}

bool Sniff(std::string_view, std::string_view text) {
  return SniffJson(text, [](Json root) { return IsTauRun(root.is_array() ? root.at(0) : root); });
}
Result<Runs> Read(std::string_view, std::string_view text) { return ReadJson(text, ReadRuns); }

}  // namespace

extern const VerdictReader kTauBenchVerdict;
const VerdictReader kTauBenchVerdict = {
    .name = "tau-bench",
    .summary = "tau-bench runs with their rewards",
    .oracle_files = {},
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay

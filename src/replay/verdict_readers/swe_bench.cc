// SWE-bench reports: of one instance with its tests, of many, or lists of instances by outcome.
// docs/oracles.md.
#include <fmt/core.h>

#include "model/benchmarks.h"
#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kFiles[] = {"report.json", "verifier/report.json"};

void TakeTests(Json tests, bool passed, CheckList* checks) {
  tests.ForEachItem([&](Json test) { checks->Add({.name = IdOf(test), .passed = passed}); });
}

Judgement JudgementOf(const InstanceVerdict& verdict) {
  if (verdict.verdict == Verdict::kError) return JudgementError("the harness could not judge it");
  CheckList checks;
  for (std::string_view kind : {"FAIL_TO_PASS", "PASS_TO_PASS"}) {
    Json tests = verdict.report["tests_status"][kind];
    TakeTests(tests["success"], true, &checks);
    TakeTests(tests["failure"], false, &checks);
  }
  // Resolved or not is the verdict; the tests are its grounds.
  Judgement reward = JudgementOfReward(verdict.verdict == Verdict::kSuccess ? 1 : 0);
  if (checks.empty()) return reward;
  Judgement judgement = std::move(checks).Judged();
  judgement.status = reward.status, judgement.score_ppm = reward.score_ppm;
  return judgement;
}

Result<Runs> ReadReport(Json root) {
  Runs runs;
  for (const InstanceVerdict& verdict : SweVerdicts(root)) {
    JudgedRun run;
    run.session = run.task = BoundedText(verdict.instance, kMostName);
    run.judge = "swe-bench";
    run.judgement = JudgementOf(verdict);
    runs.push_back(std::move(run));
  }
  return runs;
}

bool Sniff(std::string_view, std::string_view text) {
  return SniffJson(text, [](Json root) { return !SweVerdicts(root).empty(); });
}
Result<Runs> Read(std::string_view, std::string_view text) { return ReadJson(text, ReadReport); }

}  // namespace

extern const VerdictReader kSweBenchVerdict;
const VerdictReader kSweBenchVerdict = {
    .name = "swe-bench",
    .summary = "SWE-bench reports",
    .oracle_files = kFiles,
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay

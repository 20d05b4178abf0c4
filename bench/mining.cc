// How often mining finds planted patterns and how often it is wrong: the table of docs/accuracy.md. Prints
// one line for each number of sessions and size of effect.
//   bench_mining [REPLICATIONS]
#include <fmt/core.h>

#include <chrono>

#include "base/text.h"
#include "support/planted_mining.h"

namespace clawtrace {
namespace {

constexpr double kStrong = 2.0, kMedium = 1.2;
constexpr int64_t kReplications = 100;

void Measure(size_t sessions, double log_odds, uint64_t replications) {
  test::MiningScore score;
  auto start = std::chrono::steady_clock::now();
  std::chrono::duration<double, std::milli> mining{};
  for (uint64_t seed = 1; seed <= replications; ++seed) {
    test::PlantedOptions options = {.sessions = sessions, .log_odds = log_odds, .seed = seed};
    distill::EvidenceBase base = test::PlantedSessions(options).Make();
    start = std::chrono::steady_clock::now();
    distill::MiningReport report = distill::Mine(base);
    mining += std::chrono::steady_clock::now() - start;
    score.Add(report, log_odds != 0);
  }
  fmt::print("| {} | {} | {:.2f} | {:.3f} | {:.2f} | {:.1f} | {:.2f} | {:.0f} | {:.0f} |\n", sessions,
             log_odds == kStrong   ? "strong"
             : log_odds == kMedium ? "medium"
                                   : "null",
             score.recall(), score.false_discovery(), score.any_false(), score.rules(), score.false_rules(),
             score.candidates(), mining.count() / static_cast<double>(replications));
}

}  // namespace
}  // namespace clawtrace

int main(int argc, char** argv) {
  using namespace clawtrace;
  int64_t replications = argc > 1 ? ParseInt(argv[1]).value_or(kReplications) : kReplications;
  fmt::print(
      "| sessions | effect | recall | FDR | P(any false) | rules | of them false | candidates | ms |\n");
  fmt::print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (double log_odds : {kStrong, kMedium, 0.0}) {
    for (size_t sessions : {50, 100, 200, 400})
      Measure(sessions, log_odds, static_cast<uint64_t>(std::max<int64_t>(replications, 1)));
  }
}

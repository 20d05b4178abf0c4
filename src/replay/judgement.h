#pragma once
// What a judge said of one run: the form in which the verdicts of oracles and of foreign reports are kept.
// Built of hostile files: texts are valid UTF-8 of bounded length, numbers are finite, scores lie in 0 to 1.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/fact.h"

namespace clawtrace::replay {

// kError: the judge could not judge; never a failure. kFlaky: of several runs, not all said the same.
enum class OracleStatus { kPass, kFail, kError, kTimeout, kSkipped, kFlaky };
constexpr EnumTable<OracleStatus, 6> EnumNames(OracleStatus) {
  return {{{OracleStatus::kPass, "pass"},
           {OracleStatus::kFail, "fail"},
           {OracleStatus::kError, "error"},
           {OracleStatus::kTimeout, "timeout"},
           {OracleStatus::kSkipped, "skipped"},
           {OracleStatus::kFlaky, "flaky"}}};
}

struct Check {
  std::string name;
  bool passed = false;
  std::optional<int64_t> score_ppm;  // millionths
  int64_t weight_ppm = 1'000'000;    // how much it counts beside the others
  std::string message, evidence;
  bool operator==(const Check&) const = default;
};

struct Judgement {
  OracleStatus status = OracleStatus::kSkipped;
  std::optional<int64_t> score_ppm;  // millionths; nullopt: none was given and none follows
  std::string message;               // why, where the status does not say it
  std::vector<Check> checks;         // in the judge's order, at most kMostChecks
  int64_t checks_left_out = 0;       // beyond that
  std::map<std::string, double> metrics;
  std::optional<int64_t> tests_run;  // that came to a verdict; nullopt: the judge does not tell
  bool operator==(const Judgement&) const = default;
};

inline constexpr size_t kMostChecks = 1000;
inline constexpr size_t kMostMetrics = 200;
inline constexpr size_t kMostName = 256;      // bytes of a name or an id
inline constexpr size_t kMostMessage = 2000;  // bytes of a message or of evidence

// Valid UTF-8 of at most most bytes.
std::string BoundedText(std::string_view text, size_t most);

// reward as a score: 1 passes, anything below fails, with the score that it has. Not finite: an error.
Judgement JudgementOfReward(double reward);
// Of tests that count alike: status, score, tests_run. None was run: an error.
Judgement JudgementOfCounts(int64_t passed, int64_t run);

// Checks as they come; all of them count, whether they are kept or not.
class CheckList {
 public:
  void Add(Check check);
  bool empty() const { return tests_ == 0; }
  // Checks, tests_run, and status and score by weight. No check that counts: an error, nothing was judged.
  Judgement Judged() &&;

 private:
  Judgement judgement_;
  int64_t tests_ = 0;
  double weights_ = 0, reached_ = 0;
  bool all_passed_ = true;
};

// pass: success; fail: failure, or partial when part of it was reached; flaky: partial; error and timeout:
// error; skipped: unknown. A verifier's word.
Outcome OutcomeOf(const Judgement& judgement, std::string_view judge);

}  // namespace clawtrace::replay

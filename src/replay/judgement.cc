#include "replay/judgement.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace clawtrace::replay {
namespace {

constexpr int64_t kWhole = 1'000'000;

}  // namespace

std::string BoundedText(std::string_view text, size_t most) {
  // Replacement characters are longer than what they stand for.
  std::string valid = ReplaceInvalidUtf8(text.substr(0, most));
  return std::string(PrefixUtf8(valid, most));
}

Judgement JudgementOfReward(double reward) {
  Judgement judgement;
  if (!std::isfinite(reward)) {
    judgement.status = OracleStatus::kError, judgement.message = "the reward is no finite number";
    return judgement;
  }
  // Sums of partial credits miss 1 by rounding.
  constexpr double kClose = 1e-6;
  if (reward >= 1 - kClose)
    judgement.status = OracleStatus::kPass, judgement.score_ppm = kWhole;
  else
    judgement.status = OracleStatus::kFail,
    judgement.score_ppm = std::llround(std::max(reward, 0.0) * static_cast<double>(kWhole));
  return judgement;
}

Judgement JudgementOfCounts(int64_t passed, int64_t run) {
  Judgement judgement;
  judgement.tests_run = run;
  if (run <= 0) {
    judgement.status = OracleStatus::kError, judgement.message = "no test was executed";
    return judgement;
  }
  judgement.status = passed == run ? OracleStatus::kPass : OracleStatus::kFail;
  judgement.score_ppm = passed * kWhole / run;
  return judgement;
}

void CheckList::Add(Check check) {
  ++tests_;
  auto weight = static_cast<double>(check.weight_ppm);
  weights_ += weight;
  reached_ += weight * static_cast<double>(check.score_ppm.value_or(check.passed ? kWhole : 0));
  all_passed_ = all_passed_ && check.passed;
  if (judgement_.checks.size() < kMostChecks)
    judgement_.checks.push_back(std::move(check));
  else
    ++judgement_.checks_left_out;
}

Judgement CheckList::Judged() && {
  judgement_.tests_run = tests_;
  if (weights_ <= 0) {
    judgement_.status = OracleStatus::kError, judgement_.message = "no test was executed";
    return std::move(judgement_);
  }
  judgement_.score_ppm = static_cast<int64_t>(reached_ / weights_);
  judgement_.status = all_passed_ ? OracleStatus::kPass : OracleStatus::kFail;
  return std::move(judgement_);
}

Outcome OutcomeOf(const Judgement& judgement, std::string_view judge) {
  Outcome outcome;
  outcome.source = OutcomeSource::kVerifier;
  outcome.judge = judge;
  switch (judgement.status) {
    case OracleStatus::kPass:
      outcome.verdict = Verdict::kSuccess;
      break;
    case OracleStatus::kFail: {
      int64_t score = judgement.score_ppm.value_or(0);
      bool part = score > 0 && score < kWhole;
      outcome.verdict = part ? Verdict::kPartial : Verdict::kFailure;
      break;
    }
    case OracleStatus::kFlaky:
      outcome.verdict = Verdict::kPartial;
      break;
    case OracleStatus::kError:
    case OracleStatus::kTimeout:
      outcome.verdict = Verdict::kError;
      break;
    case OracleStatus::kSkipped:
      outcome.verdict = Verdict::kUnknown;
      break;
  }
  if (outcome.verdict == Verdict::kPartial) outcome.score_ppm = judgement.score_ppm;
  return outcome;
}

}  // namespace clawtrace::replay

#pragma once
// When not to distil: what the sessions themselves say about whether a skill can pay, with the numbers that
// say it.
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"

namespace clawtrace::distill {

enum class Advice { kGoOn, kDoNot, kUnknown };
constexpr EnumTable<Advice, 3> EnumNames(Advice) {
  return {{{Advice::kGoOn, "go_on"}, {Advice::kDoNot, "do_not"}, {Advice::kUnknown, "unknown"}}};
}

struct SeedVerdict {
  std::string_view check;  // "short_sessions": stable
  Advice advice = Advice::kUnknown;
  std::string text;  // one sentence with the numbers
};

inline constexpr int64_t kShortSession = 3;  // LLM calls, median: below it there is nothing to leave out
inline constexpr int64_t kToolTimePercent =
    80;  // of the time that sessions took, from which on tools set the pace
inline constexpr int64_t kLongWaitMs = 60'000;   // and that long in the median
inline constexpr int64_t kSubagentPercent = 50;  // of the cost: what sub-agents do differs from run to run
inline constexpr int64_t kFewestTasks = 3;       // distinct ones
// Sessions whose outcome is known: with fewer than both, what the others came to is open.
inline constexpr int64_t kJudgedPercent = 10, kEnoughJudged = 20;
inline constexpr int64_t kLeastSaveablePercent = 2;  // of the cost, failures included

// Always the same six, in a fixed order: short_sessions, latency_bound, stochastic_subagents, no_oracle,
// few_tasks, nothing_saveable.
std::vector<SeedVerdict> WhenNotTo(const EvidenceBase& base);

}  // namespace clawtrace::distill

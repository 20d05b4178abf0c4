#pragma once
// What a session would have cost without some of its steps. Savings belong to a set of steps: two repeats
// that share a turn save the turn only together, and a text that two of them carry is saved once. So they are
// never added up over single steps.
//
// Without the set S:
// * A call disappears when every tool use that it asked for is in S and its text is not needed: it is in S
// itself, or
//   its text is no longer than an announcement of the tool (kAnnouncementBytes). A call without tools
//   disappears only if it is in S. With a spawn go all calls of the sub-agents below it.
// * What the removed steps had put into later prompts leaves each of them from the bucket that carried it,
// and the
//   arguments of a removed tool use leave the answer that asked for it.
// * What a removed call was the first to send, and the next kept call of the same model found in the cache,
// that one
//   sends itself: its reads become writes of the same life, or fresh tokens where nothing was written.
// * The price tier of a shorter prompt is chosen anew. A call that only its client priced keeps the rates
//   behind the stated costs (stated_rates.h); where they do not show it shrinks with its tokens.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pricing/attribution.h"
#include "pricing/stretches.h"

namespace clawtrace {

inline constexpr int64_t kAnnouncementBytes = 300;

struct Savings {
  std::optional<Usd> usd;     // billed before minus after; nullopt: no affected call has a known cost
  int64_t unknown_calls = 0;  // affected calls without a known cost, not in usd
  std::vector<size_t> calls;  // LLM calls that disappear, ascending
};

class Recoster {
 public:
  // Both must outlive it.
  Recoster(const PricedSession& priced, const PromptLayout& layout);

  // steps: indexes into the session's steps, any order. O(s (log n + log s)) for n calls and s steps where
  // most prompts carry them at their start or at their end; where none does, or where clients priced the
  // calls themselves, O((n + s) log s).
  Savings Without(std::span<const size_t> steps) const;

  size_t calls() const { return calls_.size(); }

 private:
  struct Call {
    size_t step = 0;
    std::optional<size_t> epoch;
    size_t first_bucket = 0, bucket_count = 0;  // in buckets_
  };
  struct Place {
    size_t epoch = 0, segment = 0;
  };
  class Run;

  void TakeCalls();

  const PricedSession& priced_;
  const PromptLayout& layout_;
  std::vector<Call> calls_;
  std::vector<PromptBucket> buckets_;
  std::vector<Stretch> stretches_;               // tree over calls_
  std::vector<std::vector<Place>> segments_;     // by causing step
  std::vector<std::vector<size_t>> tools_;       // by LLM step: tool uses it asked for
  std::vector<std::optional<size_t>> asked_by_;  // by tool step
  std::vector<std::vector<size_t>>
      answered_in_;  // by causing step: LLM steps whose answers hold its arguments
};

}  // namespace clawtrace

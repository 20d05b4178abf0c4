#pragma once
// Runs of neighbouring calls that lose the same tokens of their prompts in the same bucket: what leaving a
// step out saves in all of them is one multiplication. recost.h asks for the savings of each of n steps, and
// most of the n calls after a step carry it in the same place, at the start (read from the cache) or at the
// end.
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pricing/attribution.h"

namespace clawtrace {

__extension__ typedef __int128 StretchSum;

// One bucket of each call of a stretch: those at the start of their prompts, or those at the end.
struct StretchSide {
  bool even = true;                                   // what leaves it costs its rate, whatever else is there
  int64_t begin = 0;                                  // the last of their begins, in tokens of the line
  int64_t end = std::numeric_limits<int64_t>::max();  // the first of their ends
  int64_t size = std::numeric_limits<int64_t>::max();  // of the smallest
  StretchSum rate_pico = 0;                            // sum of the rates of one token
};

struct Stretch {
  bool idle = true;                  // no call of it has a prompt that is known
  bool even = true;                  // one model and one line of tokens
  size_t epoch = 0;                  // that line
  std::string_view model;            // of the session, which must outlive it
  bool reads = false;                // one of its calls read from the cache
  std::array<StretchSide, 2> sides;  // at the start, at the end
  // So many tokens can leave a prompt before another price tier holds.
  int64_t slack = std::numeric_limits<int64_t>::max();
  int64_t priced = 0, unpriced = 0;  // calls with a known cost, and without
};

// A balanced tree: [1] spans all calls, [2k] and [2k + 1] the halves of [k]; the leaves begin at size() / 2.
// Missing calls are idle. Empty when there are no calls.
std::vector<Stretch> TreeOf(std::vector<Stretch> calls);

// One call. buckets: of its prompt, as BucketsOf gives them.
Stretch StretchOf(const Step& step, const CallPrice& price, std::optional<size_t> epoch,
                  std::span<const PromptBucket> buckets);

}  // namespace clawtrace

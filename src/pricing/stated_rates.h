#pragma once
// The rates behind costs that a client stated for whole calls (pi, OpenCode, Cline and OpenClaw do). With
// them such calls are divided and re-costed bucket by bucket, like those of the book. Pure; thread-safe.
#include <optional>
#include <span>

#include "pricing/pricing.h"

namespace clawtrace {

struct StatedCost {
  Usage usage;
  Usd cost;  // without fees
};

// The one set of rates, in whole pico-dollars per token as price lists have them, at which every call costs
// what was stated (a nano-dollar of rounding is let pass): least squares by modified Gram-Schmidt (Björck
// 1967), rounded, and checked call by call. nullopt when the calls do not determine one, or follow none, as
// where long prompts cost more. Reasoning is taken as output, writes of unknown life as five minutes'; a
// bucket that no call has is given 0. O(calls).
std::optional<CallRates> RatesBehind(std::span<const StatedCost> calls);

}  // namespace clawtrace

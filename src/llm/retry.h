#pragma once
// When to ask again what failed for a while: 429, 529, other 5xx, a connection that could not be made or
// broke off, a reply that is none.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "llm/transport.h"

namespace clawtrace::llm {

struct RetryRule {
  int attempts = 5;
  int64_t first_wait_ms = 1000;           // doubled each time
  int64_t longest_wait_ms = 60'000;       // a provider that asks for more is not asked again
  uint64_t seed = 0;                      // of the jitter; the same seed gives the same waits
  std::function<void(int64_t ms)> pause;  // waits; empty = does not
};

// How long to wait before the next attempt; nullopt: there is none. attempt: how many were made; answer: what
// the last one came to, sent what it was made of. As long as Retry-After asks for, and up to a tenth more, so
// that not all come back at once; else half to all of first_wait * 2^(attempt - 1) ("equal jitter": Brooker,
// Exponential Backoff And Jitter, 2015). The jitter depends on seed, salt and attempt alone.
std::optional<int64_t> WaitBeforeRetry(const RetryRule& rule, int attempt, const Sent& sent,
                                       const Answer& answer, uint64_t salt);

}  // namespace clawtrace::llm

#include "llm/retry.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/hash.h"

namespace clawtrace::llm {
namespace {

bool MayPass(CallErrorKind kind) {
  switch (kind) {
    case CallErrorKind::kTransport:
    case CallErrorKind::kRateLimited:
    case CallErrorKind::kServer:
    case CallErrorKind::kMalformed:
      return true;
    case CallErrorKind::kRejected:
    case CallErrorKind::kCassetteMiss:
    case CallErrorKind::kBudget:
    case CallErrorKind::kUnpriced:
      return false;
  }
  return false;
}

}  // namespace

std::optional<int64_t> WaitBeforeRetry(const RetryRule& rule, int attempt, const Sent& sent,
                                       const Answer& answer, uint64_t salt) {
  constexpr int64_t kMillisPerSecond = 1000, kTenth = 10;
  constexpr int kMostDoublings = 30;
  if (answer || !MayPass(answer.error().kind) || attempt >= rule.attempts) return std::nullopt;
  int64_t asked_s = sent ? sent->retry_after_s : 0;
  if (asked_s > rule.longest_wait_ms / kMillisPerSecond) return std::nullopt;
  uint64_t drawn = Hash64(fmt::format("{} {}", salt, attempt), rule.seed);
  auto up_to = [&](int64_t most) { return static_cast<int64_t>(drawn % static_cast<uint64_t>(most + 1)); };
  if (asked_s > 0) return asked_s * kMillisPerSecond + up_to(asked_s * kMillisPerSecond / kTenth);
  int64_t wait = rule.first_wait_ms << std::min(attempt - 1, kMostDoublings);
  wait = std::min(wait, rule.longest_wait_ms);
  return wait - up_to(wait / 2);
}

}  // namespace clawtrace::llm

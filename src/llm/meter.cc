#include "llm/meter.h"

#include <fmt/core.h>

#include <algorithm>

#include "llm/providers/wire.h"

namespace clawtrace::llm {

std::expected<void, CallError> Meter::Reserve(const std::optional<Usd>& most) {
  std::unique_lock lock(mutex_);
  if (budget_.most && !most && !budget_.unpriced_ok)
    return std::unexpected(
        ErrorOf(CallErrorKind::kUnpriced, "there is a budget, and nobody knows what this model costs"));
  Usd wanted = most.value_or(Usd());
  auto left = [&] { return *budget_.most - spending_.known - spending_.held; };
  if (budget_.most && most) {
    settled_.wait(lock, [&] { return wanted <= left() - aside_ || wanted > left() || under_way_ == 0; });
    if (wanted > left() - aside_)
      return std::unexpected(
          ErrorOf(CallErrorKind::kBudget, fmt::format("the next call may cost {} USD, and {} are left",
                                                      wanted.ToDecimal(), left().ToDecimal())));
  }
  aside_ += wanted;
  ++under_way_;
  return {};
}

void Meter::Release(const std::optional<Usd>& most) {
  aside_ = aside_ - most.value_or(Usd());
  --under_way_;
  settled_.notify_all();
}

void Meter::Settle(const std::optional<Usd>& most, const std::optional<Usd>& cost) {
  std::lock_guard lock(mutex_);
  ++spending_.calls;
  if (cost) {
    spending_.known += *cost;
  } else {
    ++spending_.calls_unpriced;
    spending_.held += most.value_or(Usd());
  }
  Release(most);
}

void Meter::GiveBack(const std::optional<Usd>& most) {
  std::lock_guard lock(mutex_);
  Release(most);
}

void Meter::Add(const Spending& earlier) {
  std::lock_guard lock(mutex_);
  spending_.calls += earlier.calls, spending_.calls_unpriced += earlier.calls_unpriced;
  spending_.known += earlier.known, spending_.held += earlier.held;
}

Spending Meter::spending() const {
  std::lock_guard lock(mutex_);
  return spending_;
}

int64_t RateLimiter::Take(int64_t tokens, int64_t now_ms) {
  constexpr int64_t kMicrosPerMilli = 1000, kMicrosPerMinute = 60'000'000;
  std::lock_guard lock(mutex_);
  int64_t now = now_ms * kMicrosPerMilli;
  int64_t start = std::max({now, next_request_us_.value_or(now), next_token_us_.value_or(now)});
  auto pause = [](int64_t count, int64_t a_minute) {
    return (count * kMicrosPerMinute + a_minute - 1) / a_minute;
  };
  if (pace_.requests_per_minute > 0) next_request_us_ = start + pause(1, pace_.requests_per_minute);
  if (pace_.tokens_per_minute > 0) next_token_us_ = start + pause(tokens, pace_.tokens_per_minute);
  return (start - now + kMicrosPerMilli - 1) / kMicrosPerMilli;
}

void RateLimiter::Correct(int64_t tokens) {
  constexpr int64_t kMicrosPerMinute = 60'000'000;
  std::lock_guard lock(mutex_);
  if (next_token_us_) *next_token_us_ += tokens * kMicrosPerMinute / pace_.tokens_per_minute;
}

}  // namespace clawtrace::llm

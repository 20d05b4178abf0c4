#include "llm/meter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace clawtrace::llm {
namespace {

Usd Cents(int64_t cents) { return Usd::Pico(10'000'000'000).Times(cents); }

// Many workers, calls that cost a part of what is set aside: at no time more than the limit is promised, and
// what is left is used to the end.
TEST(Meter, IsNeverOverdrawnByWorkersAtOnce) {
  constexpr int64_t kMost = 100, kAside = 10, kCost = 3;
  Meter meter({.most = Cents(kMost)});
  std::atomic<int64_t> under_way = 0, peak = 0, made = 0;
  std::vector<std::thread> workers;
  for (int i = 0; i < 16; ++i) {
    workers.emplace_back([&] {
      while (meter.Reserve(Cents(kAside))) {
        int64_t now = ++under_way, seen = peak;
        while (now > seen && !peak.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        ++made, --under_way;
        meter.Settle(Cents(kAside), Cents(kCost));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_LE(peak, kMost / kAside);
  EXPECT_EQ(meter.spending().known, Cents(kCost).Times(made));
  EXPECT_LE(meter.spending().known, Cents(kMost));
  // As a worker alone would have: none gave up while others merely had money set aside.
  EXPECT_EQ(made, (kMost - kAside) / kCost + 1);
}

TEST(Meter, HoldsWhatMayHaveBeenSpent) {
  Meter meter({.most = Cents(10)});
  ASSERT_TRUE(meter.Reserve(Cents(6)));
  meter.Settle(Cents(6), std::nullopt);
  EXPECT_EQ(meter.spending(), (Spending{.calls = 1, .calls_unpriced = 1, .known = {}, .held = Cents(6)}));
  EXPECT_EQ(meter.Reserve(Cents(5)).error().kind, CallErrorKind::kBudget);
  ASSERT_TRUE(meter.Reserve(Cents(4)));
  meter.GiveBack(Cents(4));
  EXPECT_EQ(meter.spending().calls, 1);
  meter.Add({.calls = 2, .calls_unpriced = 0, .known = Cents(3), .held = {}});
  EXPECT_EQ(meter.Reserve(Cents(4)).error().kind, CallErrorKind::kBudget);
  EXPECT_EQ(meter.Reserve(std::nullopt).error().kind, CallErrorKind::kUnpriced);
}

TEST(RateLimiter, SpacesRequestsAndTokens) {
  RateLimiter limiter({.requests_per_minute = 600, .tokens_per_minute = 60'000});
  EXPECT_EQ(limiter.Take(10, 1000), 0);
  EXPECT_EQ(limiter.Take(500, 1000), 100);  // 10 a second
  EXPECT_EQ(limiter.Take(1, 1000), 600);    // and 1000 tokens a second
  limiter.Correct(299);
  EXPECT_EQ(limiter.Take(1, 1600), 300);
  EXPECT_EQ(limiter.Take(1, 100'000), 0);
  RateLimiter none({});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(none.Take(1'000'000, 5), 0);
}

}  // namespace
}  // namespace clawtrace::llm

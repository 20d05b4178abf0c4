#pragma once
// What asking models costs, counted for all who ask at once, and the two limits on it: money and pace.
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "llm/chat.h"

namespace clawtrace::llm {

// What a call with this usage costs; nullopt: nobody knows.
using PriceOf = std::function<std::optional<Usd>(const Usage& usage)>;

struct Budget {
  std::optional<Usd> most;   // nullopt: no limit
  bool unpriced_ok = false;  // calls whose price is not known may be made under a limit, uncounted
};

struct Spending {
  int64_t calls = 0;           // that were sent and not refused for a while (429, 5xx)
  int64_t calls_unpriced = 0;  // of them, whose cost is not known
  Usd known;
  Usd held;  // the most that those of unknown cost may have cost, as far as there are prices: the budget
             // counts it
  bool operator==(const Spending&) const = default;
};

// Money is set aside before a call is sent, so that known + held + what is set aside never exceeds the limit,
// however many ask at once. Thread-safe.
class Meter {
 public:
  explicit Meter(Budget budget) : budget_(budget) {}

  // Sets aside the most that a call may cost (nullopt: not known). Waits while there is too little only
  // because of calls that are under way: most cost less than was set aside. kBudget when it is too little
  // even so, kUnpriced when the most is not known and there is a limit. Each success is followed by Settle
  // or GiveBack with the same sum.
  std::expected<void, CallError> Reserve(const std::optional<Usd>& most);
  // The call was made. cost: nullopt: not known, what was set aside is held.
  void Settle(const std::optional<Usd>& most, const std::optional<Usd>& cost);
  // Counts what was spent earlier under the same budget.
  void Add(const Spending& earlier);
  // The call cost nothing: not sent, or refused.
  void GiveBack(const std::optional<Usd>& most);

  Spending spending() const;

 private:
  void Release(const std::optional<Usd>& most);

  const Budget budget_;
  mutable std::mutex mutex_;
  std::condition_variable settled_;
  Spending spending_;
  Usd aside_;
  int64_t under_way_ = 0;
};

struct Pace {
  int64_t requests_per_minute = 0;  // 0: no limit
  int64_t tokens_per_minute = 0;
};

// Spaces calls evenly, so that no minute sees more than its share (generic cell rate algorithm, ITU-T I.371,
// without a burst). Thread-safe.
class RateLimiter {
 public:
  explicit RateLimiter(Pace pace) : pace_(pace) {}

  // Takes the next free place for a call of so many tokens, asked for at now_ms (any steady clock). Returns
  // how many milliseconds to wait for it.
  int64_t Take(int64_t tokens, int64_t now_ms);
  // The call took so many more tokens (or fewer, below 0) than were taken for it.
  void Correct(int64_t tokens);

 private:
  const Pace pace_;
  std::mutex mutex_;
  // From when on the next is free, in microseconds; nullopt: nothing was taken yet.
  std::optional<int64_t> next_request_us_, next_token_us_;
};

}  // namespace clawtrace::llm

#pragma once
// Asks a model and counts what it costs, under a budget that is never overdrawn.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "llm/meter.h"
#include "llm/retry.h"
#include "llm/transport.h"

namespace clawtrace::llm {

// What became of one attempt, as far as money goes.
struct Charge {
  bool made = false;        // it counts; else it cost nothing
  std::optional<Usd> cost;  // nullopt: not known
};
Charge ChargeOf(const Provider& provider, const Sent& sent, const PriceOf& price);

// One thread at a time; several askers may share a meter and a limiter. Transport, provider, meter and
// limiter must outlive it.
class Asker {
 public:
  // With a budget of its own.
  Asker(const Provider& provider, Transport& transport, PriceOf price, Budget budget)
      : provider_(provider),
        transport_(transport),
        price_(std::move(price)),
        own_(std::make_unique<Meter>(budget)),
        meter_(*own_) {}
  Asker(const Provider& provider, Transport& transport, PriceOf price, Meter& meter)
      : provider_(provider), transport_(transport), price_(std::move(price)), meter_(meter) {}

  // Without it there is one attempt.
  void SetRetries(RetryRule rule) { retries_ = std::move(rule); }
  // now_ms: a steady clock. Waits by the retry rule's pause.
  void SetPace(RateLimiter& limiter, std::function<int64_t()> now_ms) {
    limiter_ = &limiter, now_ms_ = std::move(now_ms);
  }

  // kBudget when the most that it may cost is more than what is left, kUnpriced when that is not known and
  // there is a limit; neither is sent. Each attempt is reserved and counted by itself: one that broke off may
  // have been worked at.
  Answer Ask(const Request& request);

  // Of the meter: of all who share it.
  Spending spending() const { return meter_.spending(); }
  // Of this asker alone: what its calls cost, as far as it is known, and how many it is not known of.
  Usd cost() const { return cost_; }
  int64_t calls() const { return calls_; }
  int64_t calls_unpriced() const { return calls_unpriced_; }
  const Provider& provider() const { return provider_; }

 private:
  Answer Attempt(WireRequest& wire, const Request& request, const std::string& hash, Sent* sent);
  Sent SendPaid(const WireRequest& wire, int64_t tokens);
  void Count(const std::optional<Usd>& cost);

  const Provider& provider_;
  Transport& transport_;
  PriceOf price_;
  std::unique_ptr<Meter> own_;
  Meter& meter_;
  RetryRule retries_ = {.attempts = 1, .pause = {}};
  RateLimiter* limiter_ = nullptr;
  std::function<int64_t()> now_ms_;
  Usd cost_;
  int64_t calls_ = 0, calls_unpriced_ = 0;
  std::map<std::string, int64_t> prompts_;  // tokens of requests that were answered, by their hash
};

}  // namespace clawtrace::llm

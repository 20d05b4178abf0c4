#pragma once
// Asks a model and counts what it costs, under a budget that is never overdrawn.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "llm/transport.h"

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
};

// One thread at a time. The transport and the provider must outlive it.
class Asker {
 public:
  Asker(const Provider& provider, Transport& transport, PriceOf price, Budget budget)
      : provider_(provider), transport_(transport), price_(std::move(price)), budget_(budget) {}

  // kBudget when the most that it may cost is more than what is left, kUnpriced when that is not known and
  // there is a limit; neither is sent.
  Answer Ask(const Request& request);

  const Spending& spending() const { return spending_; }
  const Provider& provider() const { return provider_; }

 private:
  std::optional<CallError> Refusal(const std::optional<Usd>& most) const;
  void Count(const std::optional<Usd>& cost, const std::optional<Usd>& most);

  const Provider& provider_;
  Transport& transport_;
  PriceOf price_;
  Budget budget_;
  Spending spending_;
  std::map<std::string, int64_t> prompts_;  // tokens of requests that were answered, by their hash
};

}  // namespace clawtrace::llm

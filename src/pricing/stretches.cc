#include "pricing/stretches.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace clawtrace {
namespace {

int64_t SlackOf(const PriceRow& row, int64_t prompt) {
  int64_t slack = std::numeric_limits<int64_t>::max();
  for (const PriceTier& tier : row.tiers) {
    if (prompt > tier.above) slack = prompt - tier.above - 1;
  }
  return slack;
}

// The rate of a token that leaves the bucket; nullopt when that is not its rate times the tokens alone.
std::optional<Usd> RateIn(const CallRates& rates, const PromptBucket& bucket) {
  if (bucket.bucket == &Usage::cache_read) return rates.cache_read;
  if (bucket.bucket == &Usage::uncached_input) return rates.uncached_input;
  if (bucket.bucket == &Usage::cache_write_5m) return rates.cache_write_5m;
  if (bucket.bucket == &Usage::cache_write_1h) return rates.cache_write_1h;
  return std::nullopt;
}

// Rates by which the call's cost follows its tokens; nullopt when it follows them in another way.
std::optional<CallRates> EvenRates(const Step& step, const CallPrice& price) {
  if (price.billed && price.status == CostStatus::kReported && price.rates) return price.rates;
  bool by_book = price.status == CostStatus::kPriced && price.rates && price.row;
  if (!price.billed || (!by_book && price.billed->is_zero())) return CallRates{};
  if (!by_book || price.billed->is_saturated()) return std::nullopt;
  const Usage& usage = *UsageOf(step);
  auto rates = RatesFor(*price.row, usage, step.llm.service_tier);
  if (!rates) return std::nullopt;
  rates->fees = price.rates->fees, rates->unknown_as_hour = price.rates->unknown_as_hour;
  return CostAt(*rates, usage) == *price.billed ? rates : std::nullopt;
}

StretchSide SideOf(const PromptBucket& bucket, const std::optional<CallRates>& rates) {
  auto rate = rates ? RateIn(*rates, bucket) : std::nullopt;
  return {.even = rate.has_value(),
          .begin = bucket.begin,
          .end = bucket.end,
          .size = bucket.end - bucket.begin,
          .rate_pico = rate.value_or(Usd()).pico()};
}

Stretch Joined(const Stretch& a, const Stretch& b) {
  if (a.idle || b.idle) return a.idle ? b : a;
  Stretch both = a;
  both.even = a.even && b.even && a.epoch == b.epoch && a.model == b.model;
  if (!both.even) return both;
  for (size_t i = 0; i < both.sides.size(); ++i) {
    StretchSide& side = both.sides[i];
    const StretchSide& other = b.sides[i];
    side.even = side.even && other.even;
    side.begin = std::max(side.begin, other.begin), side.end = std::min(side.end, other.end);
    side.size = std::min(side.size, other.size), side.rate_pico += other.rate_pico;
  }
  both.slack = std::min(a.slack, b.slack);
  both.reads = a.reads || b.reads;
  both.priced += b.priced, both.unpriced += b.unpriced;
  return both;
}

}  // namespace

std::vector<Stretch> TreeOf(std::vector<Stretch> calls) {
  if (calls.empty()) return {};
  size_t leaves = std::bit_ceil(calls.size());
  std::vector<Stretch> tree(2 * leaves);
  std::ranges::move(calls, tree.begin() + static_cast<std::ptrdiff_t>(leaves));
  for (size_t i = leaves; i-- > 1;) tree[i] = Joined(tree[2 * i], tree[2 * i + 1]);
  return tree;
}

Stretch StretchOf(const Step& step, const CallPrice& price, std::optional<size_t> epoch,
                  std::span<const PromptBucket> buckets) {
  Stretch out;
  if (!UsageOf(step) || !epoch || buckets.empty()) return out;
  out.idle = false;
  out.epoch = *epoch, out.model = step.llm.model, out.reads = UsageOf(step)->cache_read > 0;
  auto rates = EvenRates(step, price);
  out.sides = {SideOf(buckets.front(), rates), SideOf(buckets.back(), rates)};
  if (price.row) out.slack = SlackOf(*price.row, UsageOf(step)->prompt());
  (price.billed ? out.priced : out.unpriced) = 1;
  return out;
}

}  // namespace clawtrace

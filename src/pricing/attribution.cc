#include "pricing/attribution.h"

#include <algorithm>
#include <numeric>

namespace clawtrace {
namespace {

__extension__ typedef __int128 Wide;

Usd ToUsd(Wide pico) {
  constexpr Wide kMax = INT64_MAX;
  return Usd::Pico(static_cast<int64_t>(std::clamp(pico, -kMax, kMax)));
}

// So many pico-dollars for each token of [begin, end) of a prompt.
struct Charge {
  int64_t begin = 0, end = 0;
  int64_t pico = 0;
};

struct CallShares {
  std::vector<Charge> charges;
  Usd own;
};

// A bill that is not what the rates give: in proportion to weights, largest remainder over the tokens, ties
// to the first. The answer is one unit of weight own, after them all.
CallShares InProportion(Usd billed, const std::vector<PromptBucket>& buckets,
                        const std::vector<Wide>& weights, Wide own) {
  CallShares shares;
  Wide sum = own;
  for (size_t i = 0; i < buckets.size(); ++i) sum += weights[i] * (buckets[i].end - buckets[i].begin);
  if (sum == 0) {
    shares.own = billed;
    return shares;
  }
  std::vector<Wide> rests(buckets.size() + 1);
  Wide left = billed.pico();
  auto split = [&](size_t unit, Wide weight, Wide count) {
    Wide share = Wide{billed.pico()} * weight;
    rests[unit] = share % sum;
    left -= share / sum * count;
    return static_cast<int64_t>(share / sum);
  };
  for (size_t i = 0; i < buckets.size(); ++i) {
    int64_t pico = split(i, weights[i], buckets[i].end - buckets[i].begin);
    shares.charges.push_back({buckets[i].begin, buckets[i].end, pico});
  }
  int64_t own_pico = split(buckets.size(), own, 1);
  std::vector<size_t> order(rests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order,
                    [&](size_t a, size_t b) { return rests[a] != rests[b] ? rests[a] > rests[b] : a < b; });
  for (size_t unit : order) {
    if (left <= 0) break;
    if (unit == buckets.size()) {
      ++own_pico, --left;
      continue;
    }
    int64_t begin = buckets[unit].begin;
    auto more = static_cast<int64_t>(std::min<Wide>(left, buckets[unit].end - begin));
    shares.charges.push_back({begin, begin + more, 1});
    left -= more;
  }
  shares.own = Usd::Pico(own_pico);
  return shares;
}

CallShares SharesOf(const Usage& usage, const CallPrice& price, Usd billed) {
  const CallRates* rates = price.rates ? &*price.rates : nullptr;
  std::vector<PromptBucket> buckets = BucketsOf(usage, rates);
  Usage answer;
  answer.output = usage.output, answer.reasoning = usage.reasoning;
  Usd own = rates ? CostAt(*rates, answer) : Usd();
  if (rates && !billed.is_saturated() && billed == CostAt(*rates, usage)) {
    CallShares shares;
    shares.own = own;
    for (const PromptBucket& bucket : buckets)
      shares.charges.push_back({bucket.begin, bucket.end, bucket.rate.pico()});
    return shares;
  }
  std::vector<Wide> weights;
  for (const PromptBucket& bucket : buckets) weights.push_back(rates ? bucket.rate.pico() : 1);
  return InProportion(billed, buckets, weights, rates ? own.pico() : usage.output);
}

// Where along an epoch's line the charge of a token changes.
struct Change {
  int64_t at = 0;
  Wide pico = 0;
};

class Attributor {
 public:
  Attributor(const PricedSession& priced, const PromptLayout& layout) : priced_(priced), layout_(layout) {
    out_.steps.resize(priced.session->steps.size());
    changes_.resize(layout.epochs.size());
  }

  Attribution Run() {
    const auto& steps = priced_.session->steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      auto billed = BilledCost(steps[i], priced_.prices[i]);
      if (!billed) continue;
      out_.known = out_.known || steps[i].llm.billed;
      ChargeCall(i, *billed);
    }
    for (size_t epoch = 0; epoch < changes_.size(); ++epoch) Sweep(epoch);
    Finish(SegmentKind::kBase, base_, {});
    Finish(SegmentKind::kUser, user_, {});
    for (const Summary& summary : summaries_)
      Finish(SegmentKind::kSummary, summary.sum, layout_.epochs[summary.epoch].replaced);
    return std::move(out_);
  }

 private:
  struct Sum {
    Wide pico = 0;
    bool estimated = false;
  };
  struct Summary {
    size_t epoch = 0;
    Sum sum;
  };

  void ChargeCall(size_t index, Usd billed) {
    const Usage* usage = UsageOf(priced_.session->steps[index]);
    auto epoch = layout_.epoch_of[index];
    if (!usage || !epoch) {
      out_.steps[index].own += billed;
      return;
    }
    CallShares shares = SharesOf(*usage, priced_.prices[index], billed);
    out_.steps[index].own += shares.own;
    for (const Charge& charge : shares.charges) Put(*epoch, charge);
  }

  void Put(size_t epoch, Charge charge) {
    while (charge.begin < charge.end && charge.pico != 0) {
      const Epoch& line = layout_.epochs[epoch];
      int64_t begin = line.parent ? std::max(charge.begin, line.fork) : charge.begin;
      if (begin < charge.end) {
        changes_[epoch].push_back({begin, charge.pico});
        changes_[epoch].push_back({charge.end, -charge.pico});
      }
      if (!line.parent) return;
      charge.end = std::min(charge.end, line.fork);
      epoch = *line.parent;
    }
  }

  // Along the line: the charges of its tokens, segment by segment.
  void Sweep(size_t epoch) {
    auto& changes = changes_[epoch];
    std::ranges::sort(changes, {}, &Change::at);
    Wide rate = 0;
    size_t next = 0;
    for (const Segment& segment : layout_.epochs[epoch].segments) {
      Wide pico = 0;
      int64_t at = segment.begin;
      while (at < segment.end) {
        for (; next < changes.size() && changes[next].at <= at; ++next) rate += changes[next].pico;
        int64_t until = next < changes.size() ? std::min(segment.end, changes[next].at) : segment.end;
        pico += rate * (until - at);
        at = until;
      }
      Credit(epoch, segment, pico);
    }
  }

  void Credit(size_t epoch, const Segment& segment, Wide pico) {
    if (segment.kind == SegmentKind::kStep) {
      StepCost& step = out_.steps[segment.step];
      step.context += ToUsd(pico);
      step.estimated = step.estimated || segment.estimated;
      return;
    }
    Sum* sum = segment.kind == SegmentKind::kBase ? &base_ : &user_;
    if (segment.kind == SegmentKind::kSummary) sum = &summaries_.emplace_back(Summary{epoch, {}}).sum;
    sum->pico += pico;
    sum->estimated = sum->estimated || segment.estimated;
  }

  void Finish(SegmentKind kind, const Sum& sum, std::optional<std::pair<size_t, size_t>> replaced) {
    if (sum.pico != 0) out_.reserved.push_back({kind, ToUsd(sum.pico), sum.estimated, replaced});
  }

  const PricedSession& priced_;
  const PromptLayout& layout_;
  Attribution out_;
  std::vector<std::vector<Change>> changes_;  // by epoch
  Sum base_, user_;
  std::vector<Summary> summaries_;
};

}  // namespace

std::optional<Usd> BilledCost(const Step& step, const CallPrice& price) {
  if (step.kind != StepKind::kLlmCall) return std::nullopt;
  bool unanswered = step.llm.billed && !step.llm.error.empty() && !step.llm.usage && !step.llm.reported_cost;
  return unanswered ? std::nullopt : price.billed;
}

std::vector<PromptBucket> BucketsOf(const Usage& usage, const CallRates* rates) {
  std::vector<PromptBucket> buckets;
  int64_t at = 0;
  auto add = [&](int64_t Usage::* bucket, int64_t tokens, Usd CallRates::* rate, bool of_unknown = false) {
    if (tokens <= 0) return;
    buckets.push_back({at, at + tokens, bucket, rates ? rates->*rate : Usd(), of_unknown});
    at += tokens;
  };
  int64_t unknown = usage.cache_write_unknown;
  int64_t hour = rates ? std::clamp<int64_t>(rates->unknown_as_hour, 0, unknown) : 0;
  add(&Usage::cache_read, usage.cache_read, &CallRates::cache_read);
  add(&Usage::cache_write_1h, usage.cache_write_1h, &CallRates::cache_write_1h);
  add(&Usage::cache_write_unknown, hour, &CallRates::cache_write_1h, true);
  add(&Usage::cache_write_unknown, unknown - hour, &CallRates::cache_write_5m);
  add(&Usage::cache_write_5m, usage.cache_write_5m, &CallRates::cache_write_5m);
  add(&Usage::uncached_input, usage.uncached_input, &CallRates::uncached_input);
  return buckets;
}

Attribution Attribute(const PricedSession& priced, const PromptLayout& layout) {
  return Attributor(priced, layout).Run();
}

}  // namespace clawtrace

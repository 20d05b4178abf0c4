#include "pricing/recost.h"

#include <algorithm>
#include <unordered_map>

namespace clawtrace {
namespace {

__extension__ typedef __int128 Wide;

std::optional<Usd> TotalBilled(const PricedSession& priced) {
  std::optional<Usd> sum;
  for (size_t i = 0; i < priced.session->steps.size(); ++i) {
    if (auto billed = BilledCost(priced.session->steps[i], priced.prices[i]))
      sum = sum.value_or(Usd()) + *billed;
    for (const PricedSession& child : priced.children[i]) {
      if (auto below = TotalBilled(child)) sum = sum.value_or(Usd()) + *below;
    }
  }
  return sum;
}

// Tokens of one line that are gone.
struct Gap {
  int64_t begin = 0, end = 0;
  int64_t before = 0;  // gone tokens before begin
};

int64_t GoneBefore(const std::vector<Gap>& gaps, int64_t at) {
  auto after = std::ranges::upper_bound(gaps, at, {}, &Gap::begin);
  if (after == gaps.begin()) return 0;
  const Gap& gap = *std::prev(after);
  return gap.before + std::min(at, gap.end) - gap.begin;
}

// A call's tokens while they change; writes of unknown life in two parts.
struct Tokens {
  Usage usage;
  int64_t unknown_as_hour = 0;

  void Move(const PromptBucket& bucket, int64_t tokens) {
    usage.*bucket.bucket += tokens;
    if (bucket.hour) unknown_as_hour += tokens;
  }
};

}  // namespace

// One answer of Without.
class Recoster::Run {
 public:
  Run(const Recoster& all, std::span<const size_t> steps) : all_(all), gone_(Steps().size()) {
    for (size_t step : steps) gone_[step] = true;
    RemoveCalls(steps);
    std::vector<size_t> touched(steps.begin(), steps.end());
    touched.insert(touched.end(), out_.calls.begin(), out_.calls.end());
    std::ranges::sort(touched);
    auto repeated = std::ranges::unique(touched);
    touched.erase(repeated.begin(), repeated.end());
    for (size_t step : touched) {
      if (!gone_[step]) continue;
      RemoveContent(step);
      if (Steps()[step].kind == StepKind::kLlmCall) apart_.push_back(CallFrom(step));
      for (size_t call : all_.answered_in_[step]) apart_.push_back(CallFrom(call));
    }
    std::ranges::sort(apart_);
    for (auto& [epoch, gaps] : gaps_) SumUp(&gaps);
  }

  Savings Take() {
    from_ = CallFrom(first_);
    if (!all_.stretches_.empty()) Visit(1, 0, all_.stretches_.size() / 2);
    return std::move(out_);
  }

 private:
  // What a removed call was the first to send.
  struct Unread {
    size_t epoch = 0;
    PromptBucket bucket;
  };

  const std::vector<Step>& Steps() const { return all_.priced_.session->steps; }
  std::span<const PromptBucket> BucketsOf(const Call& call) const {
    return std::span(all_.buckets_).subspan(call.first_bucket, call.bucket_count);
  }
  const CallPrice& Price(const Call& call) const { return all_.priced_.prices[call.step]; }
  // Index of the first call at or after a step.
  size_t CallFrom(size_t step) const {
    auto call = std::ranges::lower_bound(all_.calls_, step, {}, &Call::step);
    return static_cast<size_t>(call - all_.calls_.begin());
  }

  // Calls [begin, end) from from_ on, in their order; node spans them.
  void Visit(size_t node, size_t begin, size_t end) {
    if (end <= from_ || begin >= all_.calls_.size()) return;
    if (begin >= from_ && !HoldsApart(begin, end) && TakeWhole(all_.stretches_[node])) return;
    if (end - begin == 1) {
      const Call& call = all_.calls_[begin];
      return gone_[call.step] ? RemoveCall(call) : KeepCall(call);
    }
    size_t middle = begin + (end - begin) / 2;
    Visit(2 * node, begin, middle);
    Visit(2 * node + 1, middle, end);
  }
  bool HoldsApart(size_t begin, size_t end) const {
    auto first = std::ranges::lower_bound(apart_, begin);
    return first != apart_.end() && *first < end;
  }

  // false: its calls have to be looked at one by one.
  bool TakeWhole(const Stretch& stretch) {
    if (stretch.idle) return true;
    if (!stretch.even || (stretch.reads && unread_.contains(stretch.model))) return false;
    if (Gone(stretch.epoch, 0, INT64_MAX) == 0) return true;
    return std::ranges::any_of(stretch.sides,
                               [&](const StretchSide& side) { return TakeFrom(side, stretch); });
  }
  bool TakeFrom(const StretchSide& side, const Stretch& stretch) {
    if (!side.even || Gone(stretch.epoch, 0, side.begin) != 0) return false;
    if (Gone(stretch.epoch, side.end, INT64_MAX) != 0) return false;
    int64_t tokens = Gone(stretch.epoch, side.begin, side.end);
    if (tokens >= side.size || tokens > stretch.slack) return false;
    StretchSum saved = side.rate_pico * tokens;
    if (saved >= INT64_MAX) return false;
    if (tokens == 0) return true;
    if (stretch.priced > 0) Save(Usd::Pico(static_cast<int64_t>(saved)));
    out_.unknown_calls += stretch.unpriced;
    return true;
  }

  // A call goes with its tools; from here on gone_ holds for both.
  void RemoveCalls(std::span<const size_t> steps) {
    first_ = gone_.size();
    std::vector<size_t> candidates;
    for (size_t step : steps) {
      bool call = Steps()[step].kind == StepKind::kLlmCall;
      size_t asker = call ? step : all_.asked_by_[step].value_or(step);
      first_ = std::min({first_, step, asker});
      if (call || all_.asked_by_[step]) candidates.push_back(asker);
    }
    std::ranges::sort(candidates);
    auto repeated = std::ranges::unique(candidates);
    candidates.erase(repeated.begin(), repeated.end());
    for (size_t call : candidates) {
      const std::vector<size_t>& tools = all_.tools_[call];
      bool unneeded = gone_[call] || (!tools.empty() && Steps()[call].llm.text_bytes <= kAnnouncementBytes);
      gone_[call] = unneeded && std::ranges::all_of(tools, [&](size_t tool) { return gone_[tool]; });
      if (gone_[call]) out_.calls.push_back(call);
    }
  }

  void RemoveContent(size_t step) {
    for (const Place& place : all_.segments_[step]) {
      const Segment& segment = all_.layout_.epochs[place.epoch].segments[place.segment];
      gaps_[place.epoch].push_back({segment.begin, segment.end, 0});
    }
    for (const PricedSession& child : all_.priced_.children[step]) {
      if (auto billed = TotalBilled(child)) Save(billed);
    }
  }

  static void SumUp(std::vector<Gap>* gaps) {
    std::ranges::sort(*gaps, {}, &Gap::begin);
    int64_t sum = 0;
    for (Gap& gap : *gaps) {
      gap.before = sum;
      sum += gap.end - gap.begin;
    }
  }

  // Gone tokens among [begin, end) of a prompt in this epoch.
  int64_t Gone(size_t epoch, int64_t begin, int64_t end) const {
    const Epoch& line = all_.layout_.epochs[epoch];
    int64_t sum = 0;
    int64_t from = line.parent ? std::max(begin, line.fork) : begin;
    if (auto gaps = gaps_.find(epoch); gaps != gaps_.end() && from < end)
      sum += GoneBefore(gaps->second, end) - GoneBefore(gaps->second, from);
    if (line.parent && begin < line.fork) sum += Gone(*line.parent, begin, std::min(end, line.fork));
    return sum;
  }

  // Up to where two prompts hold the same tokens.
  int64_t SharedUntil(size_t a, size_t b) const {
    if (a == b) return INT64_MAX;
    const Epoch &left = all_.layout_.epochs[a], &right = all_.layout_.epochs[b];
    if (left.parent && right.parent && *left.parent == *right.parent) return std::min(left.fork, right.fork);
    if (left.parent && *left.parent == b) return left.fork;
    if (right.parent && *right.parent == a) return right.fork;
    return 0;
  }

  void Save(std::optional<Usd> amount) {
    if (amount)
      out_.usd = out_.usd.value_or(Usd()) + *amount;
    else
      ++out_.unknown_calls;
  }

  void RemoveCall(const Call& call) {
    Save(BilledCost(Steps()[call.step], Price(call)));
    if (!call.epoch) return;
    for (const PromptBucket& bucket : BucketsOf(call)) {
      if (bucket.bucket == &Usage::cache_read) continue;
      unread_[Steps()[call.step].llm.model].push_back({*call.epoch, bucket});
    }
  }

  void KeepCall(const Call& call) {
    const Usage* usage = UsageOf(Steps()[call.step]);
    if (!usage) return;
    Tokens now{*usage, Price(call).rates ? Price(call).rates->unknown_as_hour : 0};
    if (call.epoch) {
      Resend(call, &now);
      for (const PromptBucket& bucket : BucketsOf(call))
        now.Move(bucket, -Gone(*call.epoch, bucket.begin, bucket.end));
    }
    for (const AnswerPart& part : all_.layout_.answers[call.step]) {
      if (part.cause != call.step && gone_[part.cause]) now.usage.output -= part.tokens;
    }
    if (now.usage == *usage) return;
    auto before = BilledCost(Steps()[call.step], Price(call));
    auto after = CostOf(call, *usage, now);
    Save(before && after ? std::optional(*before - *after) : std::nullopt);
  }

  // Reads of what only removed calls had sent.
  void Resend(const Call& call, Tokens* now) {
    auto found = unread_.find(Steps()[call.step].llm.model);
    if (found == unread_.end() || now->usage.cache_read == 0) return;
    int64_t read = all_.priced_.session->steps[call.step].llm.usage->cache_read;
    bool shared = false;
    for (const Unread& unread : found->second) {
      int64_t until = std::min(SharedUntil(unread.epoch, *call.epoch), read);
      int64_t end = std::min(unread.bucket.end, until);
      shared = shared || until > 0;
      if (unread.bucket.begin >= end) continue;
      int64_t tokens = end - unread.bucket.begin - Gone(*call.epoch, unread.bucket.begin, end);
      now->usage.cache_read -= tokens;
      now->Move(unread.bucket, tokens);
    }
    if (shared) unread_.erase(found);
  }

  std::optional<Usd> CostOf(const Call& call, const Usage& usage, const Tokens& now) const {
    const CallPrice& price = Price(call);
    if (!price.billed) return std::nullopt;
    if (price.status == CostStatus::kPriced && price.rates && price.row) {
      auto rates = RatesFor(*price.row, now.usage, Steps()[call.step].llm.service_tier);
      if (!rates) return std::nullopt;
      rates->fees = price.rates->fees;
      rates->unknown_as_hour = now.unknown_as_hour;
      return CostAt(*rates, now.usage);
    }
    if (price.status == CostStatus::kReported && price.rates)
      return *price.billed - CostAt(*price.rates, usage) + CostAt(*price.rates, now.usage);
    if (usage.total() == 0) return price.billed;
    Wide part = Wide{price.billed->pico()} * now.usage.total() / usage.total();
    return Usd::Pico(static_cast<int64_t>(part));
  }

  const Recoster& all_;
  std::vector<bool> gone_;                                            // by step
  size_t first_ = 0;                                                  // no step before it changes
  size_t from_ = 0;                                                   // no call before it does
  std::vector<size_t> apart_;                                         // calls that lose more than content
  std::map<size_t, std::vector<Gap>> gaps_;                           // by epoch
  std::unordered_map<std::string_view, std::vector<Unread>> unread_;  // by model
  Savings out_;
};

Recoster::Recoster(const PricedSession& priced, const PromptLayout& layout)
    : priced_(priced), layout_(layout) {
  const std::vector<Step>& steps = priced.session->steps;
  segments_.resize(steps.size()), tools_.resize(steps.size()), asked_by_.resize(steps.size());
  answered_in_.resize(steps.size());
  TakeCalls();
  std::unordered_map<int64_t, size_t> call_of_turn;
  for (const Call& call : calls_) {
    if (steps[call.step].turn > 0) call_of_turn.emplace(steps[call.step].turn, call.step);
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind == StepKind::kLlmCall || steps[i].turn == 0) continue;
    auto call = call_of_turn.find(steps[i].turn);
    if (call == call_of_turn.end()) continue;
    asked_by_[i] = call->second;
    tools_[call->second].push_back(i);
  }
  for (size_t e = 0; e < layout.epochs.size(); ++e) {
    const std::vector<Segment>& segments = layout.epochs[e].segments;
    for (size_t s = 0; s < segments.size(); ++s) {
      if (segments[s].kind == SegmentKind::kStep) segments_[segments[s].cause].push_back({e, s});
    }
  }
}

void Recoster::TakeCalls() {
  const std::vector<Step>& steps = priced_.session->steps;
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind != StepKind::kLlmCall) continue;
    const CallPrice& price = priced_.prices[i];
    const Usage* usage = UsageOf(steps[i]);
    const CallRates* rates = price.rates ? &*price.rates : nullptr;
    std::vector<PromptBucket> buckets = usage ? BucketsOf(*usage, rates) : std::vector<PromptBucket>();
    calls_.push_back({i, layout_.epoch_of[i], buckets_.size(), buckets.size()});
    buckets_.insert(buckets_.end(), buckets.begin(), buckets.end());
    stretches.push_back(StretchOf(steps[i], price, layout_.epoch_of[i], buckets));
    for (const AnswerPart& part : layout_.answers[i]) {
      if (part.cause != i) answered_in_[part.cause].push_back(i);
    }
  }
  stretches_ = TreeOf(std::move(stretches));
}

Savings Recoster::Without(std::span<const size_t> steps) const { return Run(*this, steps).Take(); }

}  // namespace clawtrace

#pragma once
// What holds for the money of any session, whatever it is made of. Used on generated sessions, on recordings
// and by the fuzzer.
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "pricing/attribution.h"
#include "pricing/recost.h"

namespace clawtrace::test {

inline Usd BilledTotal(const PricedSession& priced) {
  Usd sum;
  for (size_t i = 0; i < priced.prices.size(); ++i) {
    sum += BilledCost(priced.session->steps[i], priced.prices[i]).value_or(Usd());
    for (const PricedSession& child : priced.children[i]) sum += BilledTotal(child);
  }
  return sum;
}

// Each epoch's line is covered once, and every prompt ends within it. "" or what is wrong.
inline std::string BrokenLayout(const Session& session, const PromptLayout& layout) {
  for (const Epoch& epoch : layout.epochs) {
    int64_t at = epoch.fork;
    if (epoch.parent && layout.epochs[*epoch.parent].end() < epoch.fork)
      return "fork beyond the parent's line";
    for (const Segment& segment : epoch.segments) {
      if (segment.begin != at || segment.end <= at) return "segments with gaps";
      at = segment.end;
    }
  }
  for (size_t i = 0; i < session.steps.size(); ++i) {
    if (layout.epoch_of[i] && UsageOf(session.steps[i])->prompt() > layout.epochs[*layout.epoch_of[i]].end())
      return "a prompt beyond its line";
  }
  return "";
}

// Both views sum to the same, no share is negative.
inline std::string BrokenAttribution(const PricedSession& priced, const PromptLayout& layout) {
  Attribution attribution = Attribute(priced, layout);
  Usd attributed, billed;
  for (size_t i = 0; i < attribution.steps.size(); ++i) {
    const StepCost& step = attribution.steps[i];
    if (step.own < Usd() || step.context < Usd()) return "a negative share";
    attributed += step.total();
    billed += BilledCost(priced.session->steps[i], priced.prices[i]).value_or(Usd());
  }
  for (const ReservedCost& row : attribution.reserved) {
    if (row.cost <= Usd()) return "a reserved row without a cost";
    attributed += row.cost;
  }
  if (attributed == billed || billed.is_saturated()) return "";
  return "attributed " + attributed.ToDecimal() + ", billed " + billed.ToDecimal();
}

// Without everything nothing is left; without some of it never less than nothing; in any order of the set.
inline std::string BrokenRecost(const PricedSession& priced, const PromptLayout& layout, uint64_t seed) {
  Recoster recoster(priced, layout);
  std::vector<size_t> all(priced.prices.size());
  std::iota(all.begin(), all.end(), size_t{0});
  Usd total = BilledTotal(priced);
  if (total.is_saturated()) return "";
  if (recoster.Without(all).usd.value_or(Usd()) != total) return "something is left without all steps";
  if (recoster.Without({}).usd) return "savings without any step";
  std::vector<size_t> some;
  for (size_t i : all) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    if ((seed >> 40) % 3 == 0) some.push_back(i);
  }
  Savings saved = recoster.Without(some);
  if (saved.usd.value_or(Usd()) > total) return "more saved than spent";
  std::vector<size_t> other_order(some.rbegin(), some.rend());
  if (recoster.Without(other_order).usd != saved.usd) return "savings depend on the order of the set";
  return "";
}

// All of them, for a session and the agents below it.
inline std::string BrokenMoney(const PricedSession& priced, uint64_t seed = 1) {
  PromptLayout layout = LayOutPrompts(*priced.session);
  std::string broken = BrokenLayout(*priced.session, layout);
  if (broken.empty()) broken = BrokenAttribution(priced, layout);
  if (broken.empty()) broken = BrokenRecost(priced, layout, seed);
  for (const auto& children : priced.children) {
    for (const PricedSession& child : children) {
      if (broken.empty()) broken = BrokenMoney(child, seed);
    }
  }
  return broken.empty() ? broken : priced.session->id + ": " + broken;
}

}  // namespace clawtrace::test

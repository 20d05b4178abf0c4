#include "replay/replay_money.h"

#include <memory>
#include <optional>

#include "pricing/attribution.h"
#include "pricing/prompt_layout.h"
#include "pricing/recost.h"

namespace clawtrace::replay {
namespace {

// The money of one agent of the session: every sub-agent pays its own calls.
struct Purse {
  explicit Purse(const PricedSession& of)
      : priced(of),
        layout(LayOutPrompts(*of.session)),
        attribution(Attribute(of, layout)),
        recoster(of, layout) {}
  const PricedSession& priced;
  PromptLayout layout;
  Attribution attribution;
  Recoster recoster;
};
using Purses = std::map<const Session*, std::unique_ptr<Purse>>;

void Open(const PricedSession& priced, Purses* purses) {
  purses->emplace(priced.session, std::make_unique<Purse>(priced));
  for (const auto& children : priced.children) {
    for (const PricedSession& child : children) Open(child, purses);
  }
}

Purses OpenAll(const PricedSession& priced) {
  Purses purses;
  Open(priced, &purses);
  return purses;
}

std::optional<Usd> BilledOf(const PricedSession& priced) {
  std::optional<Usd> total;
  for (size_t i = 0; i < priced.session->steps.size(); ++i) {
    auto billed = BilledCost(priced.session->steps[i], priced.prices[i]);
    if (billed && !priced.session->steps[i].inherited) total = total.value_or(Usd()) + *billed;
  }
  for (const auto& children : priced.children) {
    for (const PricedSession& child : children) {
      if (auto cost = BilledOf(child)) total = total.value_or(Usd()) + *cost;
    }
  }
  return total;
}

Usd SavedWithout(const Purses& purses, std::span<const Moment> timeline, const std::set<size_t>& dropped) {
  std::map<const Session*, std::vector<size_t>> by_session;
  for (size_t place : dropped) {
    // What goes with its spawn is counted there.
    if (timeline[place].spawn != SIZE_MAX && dropped.contains(timeline[place].spawn)) continue;
    by_session[timeline[place].session].push_back(timeline[place].index);
  }
  Usd saved;
  for (const auto& [session, steps] : by_session)
    saved += purses.at(session)->recoster.Without(steps).usd.value_or(Usd());
  return saved;
}

}  // namespace

std::map<size_t, Usd> SavingsOfEach(const PricedSession& priced, std::span<const Moment> timeline,
                                    std::span<const size_t> places) {
  Purses purses = OpenAll(priced);
  std::map<size_t, Usd> savings;
  for (size_t place : places) {
    const Purse& purse = *purses.at(timeline[place].session);
    size_t index = timeline[place].index;
    savings[place] = purse.recoster.Without({&index, 1}).usd.value_or(Usd());
  }
  return savings;
}

void FillCosts(const PricedSession& priced, std::span<const Moment> timeline, const LeftOut& without,
               MinimalTrace* minimal) {
  auto total = BilledOf(priced);
  if (!total) return;
  Purses purses = OpenAll(priced);
  minimal->saved_usd = SavedWithout(purses, timeline, without.dropped);
  minimal->cost_usd = *total - *minimal->saved_usd;
  minimal->cost_without_undecided_usd = *total - SavedWithout(purses, timeline, without.or_undecided);
}

void FillStepCosts(const PricedSession& priced, std::span<const Moment> timeline,
                   std::span<const size_t> places, ReplayReport* report) {
  Purses purses = OpenAll(priced);
  report->total_cost_usd = BilledOf(priced);
  auto add = [](std::optional<Usd>* sum, Usd cost) { *sum = sum->value_or(Usd()) + cost; };
  for (size_t k = 0; k < places.size(); ++k) {
    const Moment& moment = timeline[places[k]];
    const Purse& purse = *purses.at(moment.session);
    StepVerdict& step = report->steps[k];
    if (step.verdict == Contribution::kNotNeeded) {
      size_t index = moment.index;
      step.savings_usd = purse.recoster.Without({&index, 1}).usd;
    }
    if (!purse.attribution.known) continue;
    step.attributed_cost_usd = purse.attribution.steps[moment.index].total();
    add(step.verdict == Contribution::kNeeded      ? &report->needed_usd
        : step.verdict == Contribution::kNotNeeded ? &report->not_needed_usd
                                                   : &report->unknown_usd,
        *step.attributed_cost_usd);
  }
}

}  // namespace clawtrace::replay

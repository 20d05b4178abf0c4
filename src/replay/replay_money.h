#pragma once
// What verdicts are worth: attributed cost of each step, savings by re-costing, the floor of a session.
#include <map>
#include <set>
#include <span>
#include <vector>

#include "model/replay_report.h"
#include "pricing/pricing.h"
#include "replay/timeline.h"

namespace clawtrace::replay {

// Savings of leaving out each of these places alone; those that are not known count as nothing.
std::map<size_t, Usd> SavingsOfEach(const PricedSession& priced, std::span<const Moment> timeline,
                                    std::span<const size_t> places);
// Places that a smallest trace leaves out, and the same with all that replay could not decide.
struct LeftOut {
  const std::set<size_t>& dropped;
  const std::set<size_t>& or_undecided;
};
// The costs of minimal. Unknown stays unknown.
void FillCosts(const PricedSession& priced, std::span<const Moment> timeline, const LeftOut& without,
               MinimalTrace* minimal);
// attributed_cost_usd and savings_usd of report->steps (of these places, in order), and the sums by
// contribution.
void FillStepCosts(const PricedSession& priced, std::span<const Moment> timeline,
                   std::span<const size_t> places, ReplayReport* report);

}  // namespace clawtrace::replay

#include "compile/turn_cost.h"

namespace clawtrace::compile {

TurnCost::TurnCost(const PricedSession& priced) : priced_(priced) {
  const auto& steps = priced.session->steps;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind == StepKind::kLlmCall)
      turns_[steps[i].turn].calls.push_back(i);
    else if (steps[i].turn != 0)
      ++turns_[steps[i].turn].tool_uses;
  }
}

std::optional<Usd> TurnCost::Of(const std::set<size_t>& set) const {
  const auto& steps = priced_.session->steps;
  std::map<int64_t, size_t> inside;  // tool uses of the set, by turn
  std::set<size_t> calls;
  for (size_t i : set) {
    if (steps[i].kind == StepKind::kLlmCall)
      calls.insert(i);
    else if (steps[i].turn != 0)
      ++inside[steps[i].turn];
  }
  for (const auto& [number, count] : inside) {
    const Turn& turn = turns_.at(number);
    if (count == turn.tool_uses) calls.insert(turn.calls.begin(), turn.calls.end());
  }
  std::optional<Usd> sum;
  for (size_t call : calls) {
    if (auto billed = priced_.prices[call].billed) sum = sum.value_or(Usd()) + *billed;
  }
  return sum;
}

}  // namespace clawtrace::compile

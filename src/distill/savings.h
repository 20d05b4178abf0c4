#pragma once
// What leaving something out saves: mean over sessions, with an interval that respects that sessions of one
// task are alike.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/usd.h"

namespace clawtrace::distill {

struct SavingsEstimate {
  Usd mean;                      // of a session
  std::optional<Usd> low, high;  // 95 %, percentile bootstrap over tasks (Efron 1979); nullopt: one task
  bool operator==(const SavingsEstimate&) const = default;
};

// Savings of single sessions by task; nullopt when there is none. Deterministic: the resamples are drawn from
// a fixed seed, and tasks are taken in the order of their names.
std::optional<SavingsEstimate> EstimateSavings(const std::map<std::string, std::vector<Usd>>& by_task);

}  // namespace clawtrace::distill

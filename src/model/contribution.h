#pragma once
// Did a step contribute to the outcome of its session? Decided by replay (replay_report.h).
#include "model/fact.h"

namespace clawtrace {

enum class Contribution { kUnknown, kNeeded, kNotNeeded };
constexpr EnumTable<Contribution, 3> EnumNames(Contribution) {
  return {{{Contribution::kUnknown, "unknown"},
           {Contribution::kNeeded, "needed"},
           {Contribution::kNotNeeded, "not_needed"}}};
}

}  // namespace clawtrace

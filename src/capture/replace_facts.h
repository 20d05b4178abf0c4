#pragma once
// How a resolve function gives back its facts.
#include <utility>
#include <vector>

#include "model/fact.h"

namespace clawtrace::capture {

// Takes out the facts that are marked (drop: one flag a fact), keeps the order of the rest, and appends.
inline void ReplaceFacts(const std::vector<bool>& drop, std::vector<Fact> added, std::vector<Fact>* facts) {
  size_t kept = 0;
  for (size_t i = 0; i < facts->size(); ++i) {
    if (drop[i]) continue;
    if (kept != i) (*facts)[kept] = std::move((*facts)[i]);
    ++kept;
  }
  facts->resize(kept);
  for (Fact& fact : added) facts->push_back(std::move(fact));
}

}  // namespace clawtrace::capture

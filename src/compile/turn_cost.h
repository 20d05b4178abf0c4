#pragma once
// What sets of steps cost as turns: an LLM call counts when all its tool uses are in the set, since it would
// have been made anyway if it asked for something else too.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "pricing/pricing.h"

namespace clawtrace::compile {

class TurnCost {
 public:
  explicit TurnCost(const PricedSession& priced);  // must outlive this

  // Billed cost; nullopt when no call qualifies or none that does has a known cost. O(set).
  std::optional<Usd> Of(const std::set<size_t>& set) const;

 private:
  struct Turn {
    std::vector<size_t> calls;
    size_t tool_uses = 0;
  };
  const PricedSession& priced_;
  std::map<int64_t, Turn> turns_;
};

// What steps wasted: the bill of the turns that asked for nothing else, but no more than would not have been
// paid without them. What such a turn put into the cache for those after it, another would have had to.
inline std::optional<Usd> WasteOf(std::optional<Usd> bill, std::optional<Usd> saved) {
  return bill && saved ? std::min(*bill, *saved) : bill;
}

}  // namespace clawtrace::compile

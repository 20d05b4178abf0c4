#pragma once
// From cards to patches. Analysts are pure functions over cards: one file under analysts/, one line in
// analysts.def.
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"
#include "model/tracecard.h"

namespace clawtrace::distill {

struct Analyst {
  std::string_view name;  // "prune-waste"
  std::string_view summary;
  std::vector<Patch> (*propose)(const std::vector<TraceCard>& cards);  // full cards
};
const std::vector<const Analyst*>& Analysts();

// All analysts over all cards; independent of the order of cards; sorted by (kind, support desc, id).
std::vector<Patch> ProposePatches(const std::vector<TraceCard>& cards);

}  // namespace clawtrace::distill

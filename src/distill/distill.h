#pragma once
// From sessions to patches. Analysts are pure functions over the evidence: one file under analysts/, one line
// in analysts.def.
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "model/patch.h"

namespace clawtrace::distill {

struct Analyst {
  std::string_view name;  // "prune-waste"
  std::string_view summary;
  std::vector<Patch> (*propose)(const EvidenceBase& base);
};
const std::vector<const Analyst*>& Analysts();

// All analysts over the evidence; sorted by (kind, support desc, id).
std::vector<Patch> ProposePatches(const EvidenceBase& base);

}  // namespace clawtrace::distill

#pragma once
// What the patches of mining, of contrast pairs and of models have in common.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "model/patch.h"

namespace clawtrace::distill {

// A step that a patch names, by where it stands.
struct StepPlace {
  const EvidenceSession* session = nullptr;
  size_t step = 0;
};

// It carries at least a fiftieth of its session's cost, or is among its dearest tenth; nullopt when that is
// not known.
std::optional<bool> IsDear(const StepPlace& place);

// Partial is not passed; nullopt: no outcome that counts.
std::optional<bool> Passed(const EvidenceSession& session);

// kind, section, id from the key, rule, steps and whether they are dear; the rest is the caller's.
Patch PatchFor(PatchKind kind, std::string_view key, std::string rule, const std::vector<StepPlace>& places);

}  // namespace clawtrace::distill

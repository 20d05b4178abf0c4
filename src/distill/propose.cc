#include <algorithm>
#include <tuple>

#include "distill/distill.h"

namespace clawtrace::distill {

std::vector<Patch> ProposePatches(const std::vector<TraceCard>& cards) {
  std::vector<Patch> patches;
  for (const Analyst* analyst : Analysts()) {
    for (Patch& patch : analyst->propose(cards)) patches.push_back(std::move(patch));
  }
  std::sort(patches.begin(), patches.end(), [](const Patch& a, const Patch& b) {
    return std::tuple(a.patch_kind, -a.support.value_or(0), std::string_view(a.id)) < std::tuple(b.patch_kind, -b.support.value_or(0), std::string_view(b.id));
  });
  return patches;
}

}  // namespace clawtrace::distill

#include <algorithm>
#include <tuple>

#include "distill/distill.h"

namespace clawtrace::distill {

std::vector<Patch> ProposePatches(const EvidenceBase& base) {
  std::vector<Patch> patches;
  for (const Analyst* analyst : Analysts()) {
    std::vector<Patch> found = analyst->propose(base);
    patches.insert(patches.end(), std::make_move_iterator(found.begin()),
                   std::make_move_iterator(found.end()));
  }
  std::ranges::sort(patches, [](const Patch& a, const Patch& b) {
    auto key = [](const Patch& p) {
      return std::tuple(p.patch_kind, -p.support.value_or(0), std::string_view(p.id));
    };
    return key(a) < key(b);
  });
  return patches;
}

}  // namespace clawtrace::distill

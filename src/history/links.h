#pragma once
// Which sessions belong to one family where a store does not see it from a fact's parent or child.
#include <span>
#include <vector>

#include "model/fact.h"
#include "store/types.h"

namespace clawtrace::history {

// For Batch::links, of unresolved facts as importers and receivers give them: a fork and its origin, a
// spawned session under the shorter names that its own log may give it, and what each importer knows
// (Importer::links). Sorted, each once.
std::vector<store::SessionLink> LinksOf(std::span<const Fact> facts);

}  // namespace clawtrace::history

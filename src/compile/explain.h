#pragma once
// Why a step is flagged, or why not: the evidence behind a card, with numbers.
#include <string>
#include <string_view>

#include "pricing/pricing.h"

namespace clawtrace::compile {

// One document about the step with this index. prefix: id of the spawning step ("9/"), "" for the root. Names
// what the detectors compared the step with: the latest equal call, the latest nearly equal one and the
// latest on the same resource, whether results agree, and what was or may have been written in between. book:
// that the session was priced with.
std::string ExplainStep(const PricedSession& priced, const PriceBook& book, size_t index,
                        std::string_view prefix, bool json);

}  // namespace clawtrace::compile

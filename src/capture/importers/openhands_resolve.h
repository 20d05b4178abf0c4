#pragma once
// What OpenHands' events tell only together: the cost of a call, what base_state.json knows of it, and which
// events are a delegate's.
#include <string_view>
#include <vector>

#include "model/fact.h"

namespace clawtrace::capture::openhands {

// Aliases that mark a call until Resolve. Its reported_cost is what the session had cost up to there.
inline constexpr std::string_view kAccumulated = "#accumulated";
// It comes from base_state.json and is to be joined with the event of that response.
inline constexpr std::string_view kStateOnly = "#state";

// The facts of one unit, in any order, to canonical ones. O(n log n).
void Resolve(std::vector<Fact>* facts);

}  // namespace clawtrace::capture::openhands

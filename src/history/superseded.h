#pragma once
// A log that is read while it grows says things that it says otherwise later: the last answer without its
// end, a session without what came after. Facts are never taken out of a store, so what a later reading of
// the same file replaced is marked, by facts of our own, and left out when the session is compiled.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/fact.h"
#include "store/types.h"

namespace clawtrace::history {

inline constexpr std::string_view kMarkSource = "clawtrace";

// Identity and content of a fact, and of a skipped place.
uint64_t HashOfPlace(const Skipped& skipped);

// The mark that the fact (place) with this content does not hold from now_ns on, or holds again. The latest
// mark counts.
Fact MarkFact(std::string_view session_id, uint64_t content, bool holds, int64_t now_ns);
Fact MarkPlace(std::string_view session_id, uint64_t place, bool holds, int64_t now_ns);

// Takes out the marks and what they say does not hold.
void DropSuperseded(std::vector<Fact>* facts, std::vector<store::SkippedRecord>* skipped);

}  // namespace clawtrace::history

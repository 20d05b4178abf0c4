#pragma once
// A session made up for a check of a collector: everything in it follows from its seed. What a collector says
// of it must be what the programs themselves say of the same bytes.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/tracecard.h"
#include "pricing/pricing.h"

namespace clawtrace::cli {

struct VerifySession {
  std::string id;     // "clawtrace-verify-" and the seed
  std::string agent;  // the same, so that reports have a row of its own
  std::string word;   // occurs in one text of it and nowhere else
  // OTLP/HTTP JSON bodies for /v1/traces, each with some spans: out of order, one of them twice.
  std::vector<std::string> bodies;
  TraceCard card;  // full, as compiled here from the bodies
};

// A dozen turns with tools, one sub-agent, cached prompts, one failed tool; some day of early 2026.
VerifySession MakeVerifySession(uint64_t seed, const PriceBook& book);

// What differs between our card and the collector's, a line each; empty: nothing. Amounts are compared only
// when both were priced with one book.
std::vector<std::string> CompareCards(const TraceCard& ours, const TraceCard& theirs);

}  // namespace clawtrace::cli

#pragma once
// Sessions with all that their logs or the store kept of their texts: what replay reads. Cards need no more
// than the starts (cli/corpus.h).
#include <deque>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/inputs.h"
#include "pricing/pricing.h"

namespace clawtrace::cli {

struct WholeSession {
  Session session;
  PricedSession priced;  // of it
};

// What was selected, root sessions by (start, id). A deque: priced sessions point to their sessions.
// kInvalidInput when a selector is ambiguous, kNotFound when it names nothing.
Result<std::deque<WholeSession>> ReadWholeSessions(const Selection& selection, const PriceBook& book,
                                                   const World& world);

}  // namespace clawtrace::cli

#pragma once
// Sessions with all that their logs or the store kept of their texts: what replay reads. Cards need no more
// than the starts (cli/corpus.h).
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/inputs.h"
#include "model/replay_report.h"
#include "pricing/pricing.h"

namespace clawtrace::cli {

struct WholeSession {
  Session session;
  PricedSession priced;                // of it
  std::optional<ReplayReport> replay;  // kept beside it in a store, and still about its steps
};

// Each of what was selected, one at a time and in nobody's order, on up to world.threads threads at once: the
// session is gone when take returns. Errors as of ReadWholeSessions, and take's first one.
using TakeWhole = std::function<Status(const WholeSession&)>;
Status ForEachWholeSession(const Selection& selection, const PriceBook& book, const World& world,
                           const TakeWhole& take);

// What was selected, root sessions by (start, id). A deque: priced sessions point to their sessions.
// kInvalidInput when a selector is ambiguous, kNotFound when it names nothing.
Result<std::deque<WholeSession>> ReadWholeSessions(const Selection& selection, const PriceBook& book,
                                                   const World& world);

}  // namespace clawtrace::cli

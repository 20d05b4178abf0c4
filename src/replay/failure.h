#pragma once
// Where a session that failed went wrong, as far as executions of it show: evidence for a repair.
#include <span>

#include "model/replay_report.h"
#include "replay/candidates.h"
#include "replay/channels.h"

namespace clawtrace::replay {

// Looks first for steps that did harm: without them the oracle passes. Otherwise the first step that matters
// is the earliest whose writing still stands at the end: what came before it was made good or overwritten,
// and nothing after it mended what it left.
FailureExplanation ExplainFailedSession(std::span<const Moment> timeline, const Channels& channels,
                                        Candidates* candidates);

}  // namespace clawtrace::replay

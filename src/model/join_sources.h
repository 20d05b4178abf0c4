#pragma once
// One session as several sources tell it: a client's own log, its telemetry, an exported trajectory.
#include <vector>

#include "model/session.h"

namespace clawtrace {

// Joins sessions of different sources that have the same agent and id. A call is the same where an id or
// another name of it is (LlmCall::aliases), else where tokens and time are; tools by their call id;
// sub-agents by the call that spawned them. A call that several sources tell counts once, with the best of
// each: logs before telemetry, known before unknown, times to live of cache writes before a bare sum. What
// only one source tells is kept and put where its time says. Notes: "joined_with:SOURCE",
// "calls_only_in:SOURCE:N" for each side that has some. A source that tells only sums over the requests of an
// attempt gives no call where another tells any of these requests ("attempts_sum_to_more" when the sum has
// more than they have). Pure; independent of the order of sessions. Sessions
// of one source are left as they are. Cost: O(n log n).
std::vector<Session> JoinSources(std::vector<Session> sessions);

}  // namespace clawtrace

#pragma once
// The steps of a session and of its sub-agents in one line, in the order in which they happened: what a
// sub-agent did stands behind the step that spawned it.
#include <string>
#include <vector>

#include "model/session.h"

namespace clawtrace::replay {

struct Moment {
  const Session* session = nullptr;  // whose step it is
  const Step* step = nullptr;
  size_t index = 0;         // in session->steps
  std::string id;           // "12", "3/7", "3b/7": as in cards
  size_t depth = 0;         // 0: the root session's
  size_t spawn = SIZE_MAX;  // of a sub-agent's step: place in the timeline of the step that spawned it
};

// Steps on abandoned branches and inherited ones are in it too: their effects happened.
std::vector<Moment> TimelineOf(const Session& root);

}  // namespace clawtrace::replay

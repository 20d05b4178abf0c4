#pragma once
// The shipped table of waste that a rule can be written about. A lesson is known by the shape of a step,
// which the log alone tells; whether steps of that shape are needed is for replay to say, session by session.
#include <span>
#include <string_view>
#include <vector>

#include "compile/detector.h"

namespace clawtrace::distill {

struct WasteLesson {
  std::string_view key;        // "exact_repeat/read": part of patch ids, stable
  std::string_view rule;       // one sentence, ours
  std::string_view condition;  // "" = always
  // What such steps are good for need not show in any text (plans steer their author): only replays that an
  // oracle passed count as proof.
  bool needs_oracle = false;
};

std::span<const WasteLesson> WasteLessons();
const WasteLesson* FindWasteLesson(std::string_view key);  // nullptr: no such lesson

// Of each step of the session the lesson whose shape it has, nullptr for none: for LLM calls, failed steps,
// and steps on branches that were left. One shape a step: the most special. What is read steers its reader
// without being said again, so outputs that nothing takes up have a shape only where the session was
// replayed.
std::vector<const WasteLesson*> ShapesOf(const compile::Scene& scene, bool replayed);

}  // namespace clawtrace::distill

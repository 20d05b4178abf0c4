#pragma once
// A detector finds suspected waste in one session (sub-agents are compiled on their own): one file under detectors/,
// one line in detectors.def. Structural evidence only, so every finding is grade C0, "suspected".
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/session.h"

namespace clawtrace::compile {

struct Finding {
  std::string_view detector;
  size_t first = 0;             // index of the step that is repeated or retried
  std::vector<size_t> steps;    // indexes of the wasteful steps, ascending, without first
  std::string target;           // resource or command
};

struct Detector {
  std::string_view name;     // "exact_repeat": stored in cards, stable
  std::string_view summary;
  std::vector<Finding> (*find)(const Session& session);
};

const std::vector<const Detector*>& Detectors();

}  // namespace clawtrace::compile

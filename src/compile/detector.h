#pragma once
// A detector finds suspected waste in one session (sub-agents are compiled on their own): one file under
// detectors/, one line in detectors.def. Structural evidence only, so every finding is grade C0, "suspected".
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compile/tool_meaning.h"
#include "model/session.h"

namespace clawtrace::compile {

// What detectors look at: one session and, step by step, what its tools touched.
struct Scene {
  const Session& session;
  std::span<const ToolMeaning> meanings;
};

struct Finding {
  size_t first = 0;           // index of the step that is repeated or retried
  std::vector<size_t> steps;  // indexes of the wasteful steps, ascending, without first
  std::string target;         // resource or command
};

struct Detector {
  std::string_view name;  // "exact_repeat": stored in cards, stable
  std::string_view summary;
  std::vector<Finding> (*find)(const Scene& scene);
};

// May the steps strictly between two have changed what step `to` reads or checks? Named writes count against
// named reads; commands that may write anything count only against what cannot be named (a whole-tree check
// or listing).
bool MayHaveChanged(const Scene& scene, size_t from, size_t to);

const std::vector<const Detector*>& Detectors();

}  // namespace clawtrace::compile

#pragma once
// How reports and trajectories of benchmarks name their runs, shared by the importers that read the runs and
// the readers of verdicts about them. Total: any JSON may come.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/fact.h"

namespace clawtrace {

// One instance of a SWE-bench report.
struct InstanceVerdict {
  std::string_view instance;  // lives as long as the document
  Verdict verdict = Verdict::kUnknown;
  Json report;  // the instance's own, with tests_status; missing in lists of ids
};
// Reads {"<instance>": {"resolved": true}}, {"instance_id": ..., "resolved": true} and lists of instances by
// outcome ("resolved", "resolved_ids", "unresolved_ids", ...). Of several mentions the first in that order
// counts. Sorted by instance.
std::vector<InstanceVerdict> SweVerdicts(Json report);

// Whether this is one run of tau-bench, with or without its conversation.
bool IsTauRun(Json run);
// What it is known by; nullopt when its task_id is no name.
struct TauRunNames {
  std::string session;  // "task-3-trial-0-<hash of the run>"
  std::string task;     // "tau-bench-3-<hash of what is asked>": two domains number their tasks alike
};
std::optional<TauRunNames> NamesOfTauRun(Json run);

}  // namespace clawtrace

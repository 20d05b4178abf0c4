#pragma once
// What the benchmark harness wrote beside a SWE-bench trajectory: whether the instance was resolved.
#include <optional>
#include <string>
#include <string_view>

#include "model/fact.h"

namespace clawtrace::capture {

// Where reports of this trajectory may lie, nearest first, one a line: report.json and results.json in its
// folder and the one above.
std::string ReportPaths(std::string_view path);

// Reads {"<instance>": {"resolved": true}}, {"instance_id": ..., "resolved": true} and lists of instances by
// outcome ("resolved", "resolved_ids", "unresolved_ids", ...). nullopt when the report does not name it.
std::optional<Outcome> OutcomeInReport(std::string_view report, std::string_view instance);

// File name without folder and ".traj", ".traj.json" or ".json"; "" for standard input.
std::string_view InstanceOfPath(std::string_view path);

// The program that a text says failed: shells, interpreters and the tools of SWE-agent mark it at the start.
bool SaysFailed(std::string_view output);

}  // namespace clawtrace::capture

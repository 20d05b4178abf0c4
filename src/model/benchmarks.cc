#include "model/benchmarks.h"

#include <map>

#include "base/hash.h"
#include "base/text.h"

namespace clawtrace {

std::vector<InstanceVerdict> SweVerdicts(Json report) {
  std::map<std::string_view, InstanceVerdict> first;
  auto add = [&](InstanceVerdict verdict) { first.emplace(verdict.instance, verdict); };
  auto verdict_of = [](bool resolved) { return resolved ? Verdict::kSuccess : Verdict::kFailure; };
  report.ForEachField([&](std::string_view key, Json own) {
    if (auto resolved = own["resolved"].boolean()) add({key, verdict_of(*resolved), own});
  });
  if (auto resolved = report["resolved"].boolean(); resolved && !report["instance_id"].text().empty())
    add({report["instance_id"].text(), verdict_of(*resolved), report});
  auto list = [&](std::string_view key, Verdict verdict) {
    report[key].ForEachItem([&](Json item) {
      if (!item.text().empty()) add({item.text(), verdict, {}});
    });
  };
  for (std::string_view key : {"resolved", "resolved_ids", "resolved_instances"})
    list(key, Verdict::kSuccess);
  // The harness itself broke: nothing was judged.
  list("error_ids", Verdict::kError);
  for (std::string_view key : {"unresolved", "unresolved_ids", "submitted_ids", "completed_ids", "generated",
                               "no_generation", "empty_patch_ids", "applied"})
    list(key, Verdict::kFailure);
  std::vector<InstanceVerdict> all;
  for (const auto& [instance, verdict] : first) all.push_back(verdict);
  return all;
}

bool IsTauRun(Json run) {
  return run["task_id"] && run["reward"] && (run["traj"].is_array() || run["info"]["task"].is_object());
}

std::optional<TauRunNames> NamesOfTauRun(Json run) {
  auto name_of = [](Json id) {
    constexpr size_t kMostId = 64;
    if (auto number = id.integer()) return std::to_string(*number);
    return std::string(PrefixUtf8(id.text(), kMostId));
  };
  std::string task = name_of(run["task_id"]), trial = name_of(run["trial"]);
  if (task.empty()) return std::nullopt;
  auto short_hash = [](Json json) { return HexOf(Hash64(json.Canonical())).substr(0, 8); };
  TauRunNames names;
  names.session = "task-" + task + "-trial-" + (trial.empty() ? "0" : trial) + "-" + short_hash(run);
  names.task = "tau-bench-" + task + "-" + short_hash(run["info"]["task"]);
  return names;
}

}  // namespace clawtrace

#pragma once
// What analysts have in common: collecting the sessions that speak for one lesson, and making a patch of
// them.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "model/patch.h"

namespace clawtrace::distill {

// Headings of rules, as readers of skills look for them.
inline constexpr std::string_view kCostControl = "Cost control", kKnownFailures = "Known failures",
                                  kWorkflow = "Workflow";

PatchStep StepOf(const EvidenceSession& session, const EvidenceStep& step);
// nullptr when the session has no such step (sub-agents' steps are not looked at). Steps stand in the order
// of their ids.
const EvidenceStep* FindStep(const EvidenceSession& session, std::string_view id);

struct PatchWords {
  PatchKind kind = PatchKind::kRepair;
  std::string key;  // names the lesson for good: ids stay the same when the words of the rule improve
  std::string rule, condition, section, counterfactual;
  std::string producer;   // "prune-waste/2"
  std::string signature;  // step pattern, "" = none
};

// Sets and sums only, so that the order of sessions cannot show.
class Evidence {
 public:
  // A session in which the lesson could have shown.
  void Expose(const EvidenceSession& session);
  // One that shows it: the steps, and what the session would have saved when that is known.
  void Add(const EvidenceSession& session, const std::vector<PatchStep>& steps, std::optional<Usd> saved);
  void AddChecks(const std::vector<std::string>& checks) { checks_.insert(checks.begin(), checks.end()); }

  size_t tasks() const { return steps_by_task_.size(); }
  size_t sessions() const { return sessions_.size(); }
  // "in 3 sessions of 2 tasks"
  std::string Count() const;
  // " What it saves is known for 3 of 4 sessions.", "" when it is known for all.
  std::string CostNote() const;

  Patch ToPatch(const PatchWords& words) const;

 private:
  struct ByPlace {
    bool operator()(const PatchStep& a, const PatchStep& b) const;
  };
  std::map<std::string, std::set<PatchStep, ByPlace>> steps_by_task_;
  std::map<std::string, std::vector<Usd>> saved_by_task_;
  std::set<std::string> sessions_, exposed_, checks_;
  int64_t priced_ = 0;
};

}  // namespace clawtrace::distill

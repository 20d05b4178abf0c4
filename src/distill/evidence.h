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

#include "model/patch.h"
#include "model/tracecard.h"

namespace clawtrace::distill {

// Everything at this stage is a candidate: nothing was replayed or tried.
inline constexpr std::string_view kCandidates = "Candidates (unproven)";

// Sets and sums only, so that the order of cards cannot show.
class Evidence {
 public:
  // One occurrence: the steps that show it, and what it cost when that is known.
  void Add(const TraceCard& card, const std::vector<PatchStep>& steps, std::optional<Usd> cost);

  size_t tasks() const { return steps_by_task_.size(); }
  // "4 times in 3 sessions of 2 tasks"
  std::string Count() const;
  // "The cost is known for 3 of 4.", "" when it is known for all or for none.
  std::string CostNote() const;

  // key names the lesson for good: ids stay the same when the words of the rule improve.
  Patch ToPatch(PatchKind kind, std::string_view key, std::string_view rule, std::string_view counterfactual,
                std::string_view producer) const;

 private:
  struct ByPlace {
    bool operator()(const PatchStep& a, const PatchStep& b) const;
  };
  std::map<std::string, std::set<PatchStep, ByPlace>> steps_by_task_;
  std::set<std::string> sessions_;
  int64_t occurrences_ = 0, priced_ = 0;
  std::optional<Usd> cost_;
};

PatchStep StepOf(const TraceCard& card, const std::string& call_id, const std::string& step);

}  // namespace clawtrace::distill

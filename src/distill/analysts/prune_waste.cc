// Prune: repetition seen in at least two tasks. Failing steps are waste too, but they feed repair only (DESIGN 6.3).
#include "distill/lexicon.h"

namespace clawtrace::distill {
namespace {

std::vector<Patch> Propose(const std::vector<TraceCard>& cards) {
  std::map<std::string, Evidence> by_kind;
  for (const TraceCard* card : Distinct(cards)) {
    for (const RedundantGroup& group : card->redundant_tool_calls) {
      if (group.reason != "exact_repeat") continue;
      if (auto repetition = RepetitionOf(group.target)) by_kind[*repetition].Add(*card, group.steps, group.call_ids, group.wasted_usd);
    }
  }
  constexpr size_t kMinTasks = 2;
  std::vector<Patch> patches;
  for (auto& [repetition, evidence] : by_kind) {
    if (evidence.tasks.size() < kMinTasks) continue;
    patches.push_back(MakePatch(PatchKind::kPrune, "prune-waste", RepetitionLesson(repetition), evidence));
  }
  return patches;
}

}  // namespace

extern const Analyst kPruneWaste;
const Analyst kPruneWaste = {
    .name = "prune-waste",
    .summary = "repetition with an unchanged result, in at least two tasks",
    .propose = Propose,
};

}  // namespace clawtrace::distill

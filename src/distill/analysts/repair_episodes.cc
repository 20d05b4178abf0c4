// Repair: failures that the same session repaired. The only proposer that needs no outcome labels; its grade grows with
// distinct tasks, not with repetition.
#include "distill/lexicon.h"

namespace clawtrace::distill {
namespace {

// The same call went well later although nothing was written in between: the failure was a chance one.
bool IsFlaky(const FailedStep& failed) { return failed.helpers.empty() && !failed.args.empty() && failed.args == failed.repair_args; }

std::vector<Patch> Propose(const std::vector<TraceCard>& cards) {
  std::map<std::string, std::pair<Lesson, Evidence>> by_key;
  auto add = [&](const Lesson& lesson, const TraceCard& card, const FailedStep& failed) {
    auto& [kept, evidence] = by_key[lesson.key];
    kept = lesson;
    evidence.Add(card, {failed.step, failed.repaired_by}, {failed.call_id, failed.repair_call_id}, failed.wasted_usd);
  };
  for (const TraceCard* card : Distinct(cards)) {
    for (const FailedStep& failed : card->failed_or_repaired_steps) {
      if (failed.repaired_by.empty() || failed.kind == "environment" || IsFlaky(failed)) continue;
      if (auto lesson = RepairLesson(failed)) add(*lesson, *card, failed);
      if (!failed.retries.empty()) add(RetryLesson(), *card, failed);
    }
  }
  std::vector<Patch> patches;
  for (auto& [key, entry] : by_key) patches.push_back(MakePatch(PatchKind::kRepair, "repair-episodes", entry.first, entry.second));
  return patches;
}

}  // namespace

extern const Analyst kRepairEpisodes;
const Analyst kRepairEpisodes = {
    .name = "repair-episodes",
    .summary = "failures repaired in the same session, by kind of error and what repaired them",
    .propose = Propose,
};

}  // namespace clawtrace::distill

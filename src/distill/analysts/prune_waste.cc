// Waste that recurs: steps of one shape (lessons.h) that sessions did without. Replay decides whether a step
// was needed; where nothing was replayed, detectors suspect (C0), and the patch stays a candidate. Where
// steps of the same shape were needed elsewhere, the shape is no waste and the patch falls back to C0.
// Failing steps are not looked at: they feed repair.
#include <fmt/core.h>

#include <set>

#include "distill/distill.h"
#include "distill/evidence.h"
#include "distill/lessons.h"

namespace clawtrace::distill {
namespace {

// DESIGN 9: a step that is worth a rule carries a fiftieth of its session's cost, or is among the dearest
// tenth of its steps.
constexpr int64_t kHighCostPpm = 20'000;
// Tasks that needed a step of the shape, for ten that show it.
constexpr size_t kTolerated = 1, kOf = 10;

struct Found {
  Evidence proven, suspected;
  std::set<std::string> needed_tasks, shape_tasks;
  bool high_cost = false, cost_known = false, outcome_checked = true;
};

bool Speaks(const EvidenceSession& session) {
  return session.outcome == Verdict::kSuccess || session.outcome == Verdict::kUnknown;
}

void Collect(const EvidenceSession& session, const Waste& waste, Found* found) {
  found->shape_tasks.insert(session.task);
  if (!waste.needed.empty()) found->needed_tasks.insert(session.task);
  found->proven.Expose(session), found->suspected.Expose(session);
  // A session that failed did not show that it could do without.
  if (waste.steps.empty() || !Speaks(session)) return;
  std::vector<PatchStep> steps;
  for (size_t place : waste.steps) steps.push_back(StepOf(session, session.steps[place]));
  found->suspected.Add(session, steps, waste.saved_usd);
  const WasteLesson* lesson = FindWasteLesson(waste.lesson);
  if (!waste.proven || !lesson || (lesson->needs_oracle && !waste.outcome_checked)) return;
  found->proven.Add(session, steps, waste.saved_usd);
  found->outcome_checked = found->outcome_checked && waste.outcome_checked;
  found->cost_known = found->cost_known || waste.cost_ppm.has_value();
  found->high_cost = found->high_cost || waste.top_decile || waste.cost_ppm.value_or(0) >= kHighCostPpm;
}

std::string Counterfactual(const Found& found, const Evidence& evidence, bool replayed, bool contradicted) {
  std::string text = fmt::format("Seen {}. ", evidence.Count());
  if (replayed) {
    text +=
        found.outcome_checked
            ? "Replayed without these steps, the sessions end as they did and the oracle passes."
            : "Replayed without these steps, what the sessions used and did stays the same; no oracle was "
              "asked.";
  } else {
    text += "Structural evidence only; not replayed.";
  }
  if (contradicted)
    text += fmt::format(" Steps of the same kind were needed in {} of {} tasks, so it stays a candidate.",
                        found.needed_tasks.size(), found.shape_tasks.size());
  return text + evidence.CostNote();
}

std::vector<Patch> Propose(const EvidenceBase& base) {
  std::map<std::string_view, Found> all;
  for (const EvidenceSession& session : base.sessions) {
    for (const Waste& waste : session.waste) Collect(session, waste, &all[waste.lesson]);
  }
  std::vector<Patch> patches;
  for (const auto& [key, found] : all) {
    const WasteLesson* lesson = FindWasteLesson(key);
    bool replayed = found.proven.tasks() >= 2;
    const Evidence& evidence = replayed ? found.proven : found.suspected;
    if (!lesson || evidence.tasks() < 2) continue;  // once is an accident of one task
    bool contradicted = kOf * found.needed_tasks.size() > kTolerated * found.shape_tasks.size();
    Patch patch = evidence.ToPatch({.kind = PatchKind::kPrune,
                                    .key = std::string(key),
                                    .rule = std::string(lesson->rule),
                                    .condition = std::string(lesson->condition),
                                    .section = std::string(kCostControl),
                                    .counterfactual = Counterfactual(found, evidence, replayed, contradicted),
                                    .producer = "prune-waste/2",
                                    .signature = fmt::format("waste:{}", key)});
    if (replayed && !contradicted) patch.counterfactual_grade = "C1";
    if (replayed && found.cost_known) patch.high_cost = found.high_cost;
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace

extern const Analyst kPruneWaste;
const Analyst kPruneWaste = {
    .name = "prune-waste",
    .summary = "steps of one shape that sessions of at least 2 tasks did without",
    .propose = Propose,
};

}  // namespace clawtrace::distill

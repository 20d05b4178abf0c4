#include "distill/mining/patch_of.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "distill/evidence.h"
#include "distill/mining/features.h"
#include "model/archive.h"

namespace clawtrace::distill {

std::optional<bool> IsDear(const StepPlace& place) {
  constexpr int64_t kShare = 50;
  const EvidenceSession& session = *place.session;
  std::optional<Usd> cost = session.steps[place.step].attributed_cost_usd;
  if (!cost) return std::nullopt;
  if (session.card.total_cost_usd && *session.card.total_cost_usd <= cost->Times(kShare)) return true;
  std::vector<size_t> dear = DearSteps(session);
  if (dear.empty()) return std::nullopt;
  return std::find(dear.begin(), dear.end(), place.step) != dear.end();
}

std::optional<bool> Passed(const EvidenceSession& session) {
  switch (session.outcome) {
    case Verdict::kSuccess:
      return true;
    case Verdict::kFailure:
    case Verdict::kPartial:
      return false;
    case Verdict::kUnknown:
    case Verdict::kError:
      break;
  }
  return std::nullopt;
}

Patch PatchFor(PatchKind kind, std::string_view key, std::string rule, const std::vector<StepPlace>& places) {
  Patch patch;
  patch.schema = "patch/1", patch.patch_kind = kind;
  patch.id =
      fmt::format("{}-{}", NameOf(kind), Sha256Hex(fmt::format("{}\n{}", NameOf(kind), key)).substr(0, 12));
  patch.section = kind == PatchKind::kRepair ? kKnownFailures : kWorkflow, patch.rule = std::move(rule);
  patch.counterfactual_grade = "C0";
  for (const StepPlace& place : places) {
    const EvidenceStep& step = place.session->steps[place.step];
    const TraceCard& card = place.session->card;
    patch.target_steps.push_back({card.session_id, step.call_id, step.id, card.source_hash});
    if (auto dear = IsDear(place)) patch.high_cost = patch.high_cost.value_or(false) || *dear;
  }
  std::sort(patch.target_steps.begin(), patch.target_steps.end(), [](const PatchStep& a, const PatchStep& b) {
    return std::tie(a.session_id, a.call_id, a.step) < std::tie(b.session_id, b.call_id, b.step);
  });
  return patch;
}

}  // namespace clawtrace::distill

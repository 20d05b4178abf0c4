#include "distill/evidence.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "model/archive.h"

namespace clawtrace::distill {

void Evidence::Add(const TraceCard& card, const std::vector<std::string>& step_ids, const std::vector<std::string>& call_ids, const std::optional<Usd>& cost) {
  tasks.insert(TaskOf(card));
  for (size_t i = 0; i < step_ids.size(); ++i) {
    steps.push_back({card.session_id, i < call_ids.size() ? call_ids[i] : "", step_ids[i], card.source_hash});
  }
  occurrences += static_cast<int64_t>(step_ids.size());
  if (cost) saving = saving.value_or(Usd()) + *cost;
}

std::vector<const TraceCard*> Distinct(const std::vector<TraceCard>& cards) {
  std::map<std::tuple<std::string_view, std::string_view>, const TraceCard*> by_session;
  for (const TraceCard& card : cards) {
    const TraceCard*& kept = by_session[{card.agent, card.session_id}];
    if (!kept || kept->source_hash < card.source_hash) kept = &card;
  }
  std::vector<const TraceCard*> list;
  for (auto& [key, card] : by_session) list.push_back(card);
  return list;
}

std::string TaskOf(const TraceCard& card) { return card.task_id.empty() ? "session:" + card.session_id : card.task_id; }

Patch MakePatch(PatchKind kind, std::string_view analyst, const Lesson& lesson, const Evidence& evidence) {
  Patch patch;
  patch.schema = "patch/1";
  patch.patch_kind = kind;
  patch.id = fmt::format("{}-{}", NameOf(kind), Sha256Hex(lesson.key).substr(0, 12));
  patch.target_steps = evidence.steps;
  std::sort(patch.target_steps.begin(), patch.target_steps.end(), [](const PatchStep& a, const PatchStep& b) {
    return std::tie(a.session_id, a.call_id, a.step) < std::tie(b.session_id, b.call_id, b.step);
  });
  patch.counterfactual = lesson.counterfactual;
  patch.expected_savings_usd = evidence.saving;
  patch.section = "Candidates (unproven)";
  patch.rule = lesson.rule;
  patch.condition = lesson.condition;
  patch.tasks.assign(evidence.tasks.begin(), evidence.tasks.end());
  patch.support = static_cast<int64_t>(evidence.tasks.size());
  // docs/distill.md: one task E0, two E1, a repair episode in three or more E2; repetition alone never exceeds E1.
  bool recurs = kind == PatchKind::kRepair && *patch.support >= 3;
  patch.evidence_grade = recurs ? "E2" : *patch.support >= 2 ? "E1" : "E0";
  if (kind == PatchKind::kPrune) patch.counterfactual_grade = "C0";
  patch.producer = fmt::format("clawtrace/{}/1", analyst);
  return patch;
}

}  // namespace clawtrace::distill

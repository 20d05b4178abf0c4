#include "distill/model/lesson_patches.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/hash.h"
#include "distill/evidence.h"
#include "distill/mining/patch_of.h"
#include "distill/savings.h"
#include "model/archive.h"

namespace clawtrace::distill {
namespace {

PatchKind KindOf(ModelAnalyst analyst, const Lesson& lesson) {
  if (analyst == ModelAnalyst::kError) return PatchKind::kRepair;
  return lesson.polarity == Polarity::kAvoid ? PatchKind::kPrune : PatchKind::kPreserve;
}

// Of equal words and equal edits.
std::string IdOf(PatchKind kind, const Lesson& lesson) {
  std::string key =
      fmt::format("model\n{}\n{}\n{}", NameOf(kind), Folded(lesson.statement), Folded(lesson.condition));
  for (const PatchEdit& edit : lesson.edits) {
    key += fmt::format("\n{}\n{}\n{}\n{}\n{}", NameOf(edit.op), edit.file, edit.heading_path, edit.block_hash,
                       edit.new_text);
  }
  return fmt::format("{}-{}", NameOf(kind), Sha256Hex(key).substr(0, 12));
}

std::string_view SectionOf(PatchKind kind) {
  switch (kind) {
    case PatchKind::kPreserve:
      return kWorkflow;
    case PatchKind::kPrune:
      return kCostControl;
    case PatchKind::kRepair:
      return kKnownFailures;
  }
  return kWorkflow;
}

// All steps of one kind of waste are what re-costing left out together; of others nobody has asked.
std::optional<Usd> SavedBy(const EvidenceSession& session, const std::set<size_t>& places) {
  for (const Waste& waste : session.waste) {
    if (std::ranges::equal(waste.steps, places)) return waste.saved_usd;
  }
  return std::nullopt;
}

// What replay said about the cited steps, and what they cost.
void WeighPrune(const EvidenceSession& session, const std::set<size_t>& places, Patch* patch) {
  patch->counterfactual_grade = "C1";
  patch->counterfactual = "Replay: the cited steps were not needed for the outcome.";
  for (size_t place : places) {
    if (auto dear = IsDear({&session, place})) patch->high_cost = patch->high_cost.value_or(false) || *dear;
  }
  patch->expected_savings_usd = SavedBy(session, places);
}

void AddSteps(const Lesson& lesson, const EvidenceSession& session, Patch* patch) {
  std::set<std::string> signatures;
  std::set<size_t> places;
  bool all_proven = true;
  for (const std::string& id : lesson.steps) {
    const EvidenceStep* found = FindStep(session, id);
    CT_CHECK(found);  // the answer was checked
    const EvidenceStep& step = *found;
    patch->target_steps.push_back(StepOf(session, step));
    if (step.kind == StepKind::kLlmCall) continue;
    places.insert(static_cast<size_t>(found - session.steps.data()));
    signatures.insert(step.signature.medium);
    all_proven = all_proven && step.proven && step.contribution == Contribution::kNotNeeded;
  }
  if (signatures.size() == 1) patch->signature = *signatures.begin();
  if (patch->patch_kind == PatchKind::kPrune && !places.empty() && all_proven)
    WeighPrune(session, places, patch);
}

// Of one session each: what is saved by task.
using Savings = std::map<std::string, std::vector<Usd>>;
void AddSavings(const Patch& patch, Savings* savings) {
  if (patch.expected_savings_usd && patch.tasks.size() == 1)
    (*savings)[patch.tasks[0]].push_back(*patch.expected_savings_usd);
}
void SetSavings(const Savings& savings, Patch* patch) {
  auto estimate = EstimateSavings(savings);
  if (!estimate) return;
  patch->expected_savings_usd = estimate->mean;
  patch->savings_low_usd = estimate->low, patch->savings_high_usd = estimate->high;
}

}  // namespace

std::vector<Patch> PatchesOf(const ModelAnswer& answer, const LessonSource& source) {
  std::vector<Patch> out;
  const EvidenceSession& session = source.session;
  for (const Lesson& lesson : answer.lessons) {
    Patch patch;
    patch.schema = "patch/1";
    patch.patch_kind = KindOf(source.analyst, lesson);
    patch.id = IdOf(patch.patch_kind, lesson);
    patch.section = SectionOf(patch.patch_kind), patch.rule = lesson.statement,
    patch.condition = lesson.condition;
    patch.tasks = {session.task.empty() ? "unknown" : session.task};
    patch.support = 1, patch.sessions = 1;
    patch.edits = lesson.edits;
    AddSteps(lesson, session, &patch);
    patch.evidence_grade = "E0";
    if (lesson.fix) {
      patch.evidence_grade = "E3";
      patch.counterfactual =
          "With the fix in the workspace that the session left, the oracle passes; without it, it fails.";
      if (session.replay && session.replay->oracle) patch.checks = session.replay->oracle->failed_checks;
      std::ranges::sort(patch.checks);
    }
    patch.producer = fmt::format("clawtrace/{}/1", NameOf(source.analyst));
    patch.prompt_hash = source.prompt_hash, patch.base_skill_hash = source.skill_hash;
    out.push_back(std::move(patch));
  }
  if (!source.cost_usd || out.empty()) return out;
  auto count = static_cast<int64_t>(out.size());
  Usd share = Usd::Pico(source.cost_usd->pico() / count);
  for (Patch& patch : out) patch.producer_cost_usd = share;
  *out.front().producer_cost_usd += *source.cost_usd - share.Times(count);
  return out;
}

std::vector<Patch> JoinPatches(std::vector<Patch> patches) {
  auto step_key = [](const PatchStep& step) {
    return std::tie(step.session_id, step.call_id, step.step, step.card_hash);
  };
  std::ranges::sort(patches, {}, [](const Patch& patch) { return EncodePatch(patch, true); });
  std::map<std::string, Patch> by_id;
  std::map<std::string, Savings> savings;
  for (Patch& patch : patches) {
    AddSavings(patch, &savings[patch.id]);
    auto [place, is_new] = by_id.try_emplace(patch.id, patch);
    if (is_new) continue;
    Patch& joined = place->second;
    joined.tasks.insert(joined.tasks.end(), patch.tasks.begin(), patch.tasks.end());
    joined.checks.insert(joined.checks.end(), patch.checks.begin(), patch.checks.end());
    joined.target_steps.insert(joined.target_steps.end(), patch.target_steps.begin(),
                               patch.target_steps.end());
    if (joined.producer_cost_usd && patch.producer_cost_usd)
      *joined.producer_cost_usd += *patch.producer_cost_usd;
    else
      joined.producer_cost_usd = std::nullopt;
    if (patch.evidence_grade == "E3") {
      joined.evidence_grade = "E3";
      joined.counterfactual = patch.counterfactual;
    } else if (patch.counterfactual_grade != joined.counterfactual_grade) {
      joined.counterfactual_grade.clear(), joined.counterfactual.clear();
    }
    if (patch.signature != joined.signature) joined.signature.clear();
    if (patch.high_cost) joined.high_cost = joined.high_cost.value_or(false) || *patch.high_cost;
  }
  std::vector<Patch> out;
  for (auto& [id, patch] : by_id) {
    for (auto* names : {&patch.tasks, &patch.checks}) {
      std::ranges::sort(*names);
      names->erase(std::ranges::unique(*names).begin(), names->end());
    }
    std::ranges::sort(patch.target_steps, {}, step_key);
    patch.target_steps.erase(std::ranges::unique(patch.target_steps).begin(), patch.target_steps.end());
    std::set<std::string_view> sessions;
    for (const PatchStep& step : patch.target_steps) sessions.insert(step.session_id);
    patch.sessions = std::ssize(sessions);
    patch.support = std::ssize(patch.tasks);
    SetSavings(savings[id], &patch);
    if (patch.evidence_grade == "E0" && patch.tasks.size() >= 2) patch.evidence_grade = "E1";
    out.push_back(std::move(patch));
  }
  std::ranges::sort(out, {}, [](const Patch& patch) {
    return std::tuple(patch.patch_kind, -patch.support.value_or(0), std::string_view(patch.id));
  });
  return out;
}

}  // namespace clawtrace::distill

#include "distill/evidence.h"

#include <fmt/core.h>

#include <tuple>

#include "base/hash.h"
#include "model/archive.h"

namespace clawtrace::distill {

bool Evidence::ByPlace::operator()(const PatchStep& a, const PatchStep& b) const {
  return std::tie(a.session_id, a.call_id, a.step, a.card_hash) <
         std::tie(b.session_id, b.call_id, b.step, b.card_hash);
}

void Evidence::Add(const TraceCard& card, const std::vector<PatchStep>& steps, std::optional<Usd> cost) {
  // Sessions that do not say what was asked may all have been asked the same: together they are one task.
  auto& known = steps_by_task_[card.task_id.empty() ? "unknown" : card.task_id];
  known.insert(steps.begin(), steps.end());
  sessions_.insert(card.session_id);
  ++occurrences_;
  if (!cost) return;
  ++priced_;
  cost_ = cost_.value_or(Usd()) + *cost;
}

std::string Evidence::Count() const {
  auto many = [](size_t n, std::string_view word) {
    return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
  };
  return fmt::format("{} in {} of {}", many(static_cast<size_t>(occurrences_), "time"),
                     many(sessions_.size(), "session"), many(tasks(), "task"));
}

std::string Evidence::CostNote() const {
  if (priced_ == occurrences_) return "";
  if (priced_ == 0) return " What it cost is not known.";
  return fmt::format(" What it cost is known for {} of {} occurrences.", priced_, occurrences_);
}

Patch Evidence::ToPatch(PatchKind kind, std::string_view key, std::string_view rule,
                        std::string_view counterfactual, std::string_view producer) const {
  // Enough to look at, and a bound on what a skill's records can grow to.
  constexpr size_t kStepsPerTask = 16, kMaxSteps = 512;
  Patch patch;
  patch.schema = "patch/1", patch.patch_kind = kind;
  patch.id =
      fmt::format("{}-{}", NameOf(kind), Sha256Hex(fmt::format("{}\n{}", NameOf(kind), key)).substr(0, 12));
  std::set<PatchStep, ByPlace> shown;
  size_t all = 0;
  for (const auto& [task, steps] : steps_by_task_) {
    patch.tasks.push_back(task);
    size_t taken = 0;
    for (auto step = steps.begin(); step != steps.end() && taken < kStepsPerTask && shown.size() < kMaxSteps;
         ++step, ++taken)
      shown.insert(*step);
    all += steps.size();
  }
  patch.target_steps.assign(shown.begin(), shown.end());
  patch.counterfactual = counterfactual;
  if (shown.size() < all)
    patch.counterfactual += fmt::format(" {} of {} steps are listed.", shown.size(), all);
  patch.expected_savings_usd = cost_;
  patch.section = kCandidates, patch.rule = rule;
  patch.support = static_cast<int64_t>(patch.tasks.size());
  patch.counterfactual_grade = "C0";
  // Three tasks make a repair an episode that recurs (E2); a suspicion of waste does not get stronger by
  // numbers alone.
  patch.evidence_grade = tasks() < 2 ? "E0" : tasks() < 3 || kind != PatchKind::kRepair ? "E1" : "E2";
  patch.producer = fmt::format("clawtrace/{}", producer);
  return patch;
}

PatchStep StepOf(const TraceCard& card, const std::string& call_id, const std::string& step) {
  return {card.session_id, call_id, step, card.source_hash};
}

}  // namespace clawtrace::distill

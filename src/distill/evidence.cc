#include "distill/evidence.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "base/text.h"
#include "distill/savings.h"
#include "model/archive.h"

namespace clawtrace::distill {
namespace {

// Sessions that do not say what was asked may all have been asked the same: together they are one task.
std::string TaskOf(const EvidenceSession& session) { return session.task.empty() ? "unknown" : session.task; }

std::string Many(size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

}  // namespace

PatchStep StepOf(const EvidenceSession& session, const EvidenceStep& step) {
  return {session.card.session_id, step.call_id, step.id, session.card.source_hash};
}

const EvidenceStep* FindStep(const EvidenceSession& session, std::string_view id) {
  auto number = [](std::string_view text) { return ParseInt(text).value_or(0); };
  auto found = std::ranges::lower_bound(session.steps, number(id), {},
                                        [&](const EvidenceStep& step) { return number(step.id); });
  return found == session.steps.end() || found->id != id ? nullptr : &*found;
}

bool Evidence::ByPlace::operator()(const PatchStep& a, const PatchStep& b) const {
  return std::tie(a.session_id, a.call_id, a.step, a.card_hash) <
         std::tie(b.session_id, b.call_id, b.step, b.card_hash);
}

void Evidence::Expose(const EvidenceSession& session) { exposed_.insert(TaskOf(session)); }

void Evidence::Add(const EvidenceSession& session, const std::vector<PatchStep>& steps,
                   std::optional<Usd> saved) {
  std::string task = TaskOf(session);
  auto& known = steps_by_task_[task];
  known.insert(steps.begin(), steps.end());
  exposed_.insert(task);
  if (!sessions_.insert(fmt::format("{}\n{}", session.card.agent, session.card.session_id)).second) return;
  if (!saved) return;
  ++priced_;
  saved_by_task_[task].push_back(*saved);
}

std::string Evidence::Count() const {
  return fmt::format("in {} of {}", Many(sessions_.size(), "session"), Many(tasks(), "task"));
}

std::string Evidence::CostNote() const {
  if (priced_ == std::ssize(sessions_)) return "";
  if (priced_ == 0) return " What it saves is not known.";
  return fmt::format(" What it saves is known for {} of {} sessions.", priced_, sessions_.size());
}

Patch Evidence::ToPatch(const PatchWords& words) const {
  // Enough to look at, and a bound on what a skill's records can grow to.
  constexpr size_t kStepsPerTask = 16, kMaxSteps = 512;
  Patch patch;
  patch.schema = "patch/1", patch.patch_kind = words.kind;
  patch.id = fmt::format("{}-{}", NameOf(words.kind),
                         Sha256Hex(fmt::format("{}\n{}", NameOf(words.kind), words.key)).substr(0, 12));
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
  patch.counterfactual = words.counterfactual;
  if (shown.size() < all)
    patch.counterfactual += fmt::format(" {} of {} steps are listed.", shown.size(), all);
  if (auto estimate = EstimateSavings(saved_by_task_)) {
    patch.expected_savings_usd = estimate->mean;
    patch.savings_low_usd = estimate->low, patch.savings_high_usd = estimate->high;
  }
  patch.section = words.section, patch.rule = words.rule, patch.condition = words.condition;
  patch.signature = words.signature;
  patch.support = static_cast<int64_t>(patch.tasks.size());
  patch.exposed = static_cast<int64_t>(exposed_.size());
  patch.sessions = static_cast<int64_t>(sessions_.size());
  patch.checks.assign(checks_.begin(), checks_.end());
  patch.counterfactual_grade = "C0";
  // Three tasks make a repair an episode that recurs (E2); a suspicion of waste does not get stronger by
  // numbers alone.
  patch.evidence_grade = tasks() < 2 ? "E0" : tasks() < 3 || words.kind != PatchKind::kRepair ? "E1" : "E2";
  patch.producer = fmt::format("clawtrace/{}", words.producer);
  return patch;
}

}  // namespace clawtrace::distill

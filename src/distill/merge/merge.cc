#include "distill/merge/merge.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "distill/merge/conflicts.h"
#include "distill/merge/other_words.h"
#include "distill/merge/taken_back.h"
#include "distill/merge/units.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/edits.h"
#include "skill/encoding.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

// What cannot be read as it stands is not written to: a reader would take it for another text than the
// checks.
Status ExpectCleanText(const std::string& skill, const std::string& path, std::string_view bytes) {
  std::string problem = skill::EncodingProblem(bytes);
  if (problem.empty()) return {};
  return Fail(ErrorCode::kInvalidInput, fmt::format("{}/{} {}", skill, path, problem),
              "nothing is written into it: convert it to UTF-8 without NUL bytes first");
}

constexpr int kCoveredAt = 75;

// One merge: each step decides the fates of some units; what is undecided at the end is written.
class Merge {
 public:
  Merge(const SkillView& view, const Reduced& reduced, const MergeOptions& options)
      : view_(view),
        options_(options),
        entries_(EntriesOf(reduced, view, options)),
        units_(UnitsOf(entries_, view)),
        former_(FormerRules(view)) {
    weighing_.cost = !options.without.contains(Signal::kCost);
    weighing_.counterfactual = !options.without.contains(Signal::kCounterfactual);
    report_.patches = static_cast<int64_t>(reduced.patches.size());
    report_.base_skill_hash = view.hash;
  }

  Result<MergeResult> Run() {
    Admit();
    std::sort(units_.begin(), units_.end(), [&](const Unit& a, const Unit& b) {
      bool proven = a.candidate.empty(), other = b.candidate.empty();
      return proven != other ? proven : RanksBefore(a, b, weighing_);
    });
    LeaveTakenBack();
    Cover();
    Resolve();
    FillBudget();
    LeaveOut();
    Reword();
    auto applied = ApplyPlan(view_.base, PlanOf());
    if (!applied) return std::unexpected(std::move(applied.error()));
    for (const auto& [path, bytes] : applied->skill.files) {
      auto old = view_.base.files.find(path);
      bool changed = old != view_.base.files.end() && skill::IsEditable(path) && old->second != bytes;
      if (changed) CT_RETURN_IF_ERROR(ExpectCleanText(view_.base.name, path, old->second));
    }
    TakeLedger(applied->ledger);
    KeepDecisions(&applied->skill);
    Report(*applied);
    return MergeResult{std::move(applied->skill), std::move(report_), std::move(refused_)};
  }

 private:
  bool Stands(const Unit& unit) const { return unit.record != nullptr; }

  void Admit() {
    for (Unit& unit : units_) {
      unit.candidate = CandidateReason(unit, weighing_);
      if (!unit.record || unit.is_edit()) continue;
      bool unproven = unit.record->section == skill::kCandidatesSection;
      unit.promoted = unit.in_skill && unproven && unit.candidate.empty() && !unit.stays;
      // What stands in the skill stays under its heading.
      if (!unit.promoted) unit.merged.section = unit.record->section;
    }
  }

  // What people did not want stays away until much more speaks for it, or they ask.
  void LeaveTakenBack() {
    for (size_t i = 0; i < units_.size(); ++i) {
      Unit& unit = units_[i];
      const FormerRule* former = unit.in_skill ? nullptr : FormerOf(former_, unit, entries_);
      // What edits put in and is not there, though nobody took it back, reads otherwise now.
      bool changed = unit.is_edit() && !unit.in_skill && unit.record && !unit.record->blocks.empty();
      if (!former && changed) unit.Decide(MergeFate::kLeftOut, "edited_by_user");
      if (!former) continue;
      bool same_id = former->entry.id == unit.merged.id;
      if (!same_id && CoveringText(unit)) continue;
      if (!IsAskedFor(unit, *former) && !skill::IsClearlyStronger(former->entry, unit.merged)) {
        unit.Decide(MergeFate::kLeftOut, std::string(NameOf(former->entry.how)), former->entry.id,
                    "it returns with " + skill::WhatBringsItBack(former->entry));
        continue;
      }
      returning_.emplace(i, former->entry.id);
      unit.record = nullptr, unit.nothing_new = false;
      unit.detail = "it was taken back before and returns";
    }
  }

  bool IsAskedFor(const Unit& unit, const FormerRule& former) const {
    auto asked = [&](const std::string& id) { return options_.again.contains(id); };
    return asked(former.entry.id) || asked(unit.merged.id) ||
           std::any_of(unit.members.begin(), unit.members.end(),
                       [&](size_t i) { return asked(entries_[i].patch.id); });
  }

  // What the skill, or a rule of higher rank, says already. A rule of the same merge may be of another kind.
  void Cover() {
    for (size_t i = 0; i < units_.size(); ++i) {
      Unit& unit = units_[i];
      bool candidate = !unit.candidate.empty();
      if (Stands(unit) || unit.text.empty() || (candidate && !options_.candidates)) continue;
      if (const SkillText* text = candidate ? nullptr : CoveringText(unit)) {
        std::string whom = text->record ? text->record->id : "skill:" + text->text_hash.substr(0, 12);
        unit.Decide(MergeFate::kCovered, "said_by_skill", whom);
        if (text->record && text->record->id != unit.merged.id)
          AddSupport(*text->record, unit.merged);
        else
          covered_[unit.merged.id] = text->text_hash;
        continue;
      }
      for (size_t k = 0; k < i && !unit.decided; ++k) {
        Unit& other = units_[k];
        // What is not proven covers nothing that is.
        bool may = !other.decided && !other.is_edit() && (candidate || other.candidate.empty());
        bool says = may && !other.text.empty() && SaysSame(unit.meaning, other.meaning, kCoveredAt);
        if (!says) continue;
        covering_[i] = k;
        unit.Decide(MergeFate::kCovered, "said_by_rule", other.merged.id);
      }
    }
  }

  const SkillText* CoveringText(const Unit& unit) const {
    const SkillText* best = nullptr;
    for (const SkillText& text : view_.texts) {
      // A rule whose own patch is among the inputs covers as a unit.
      bool unit_of_input = text.record && IsInput(text.record->id);
      if (unit_of_input || !SaysSame(unit.meaning, text.meaning, kCoveredAt)) continue;
      if (!best || std::tie(text.text_hash, text.file) < std::tie(best->text_hash, best->file)) best = &text;
    }
    return best;
  }
  bool IsInput(const std::string& id) const {
    return std::any_of(units_.begin(), units_.end(), [&](const Unit& unit) { return unit.merged.id == id; });
  }

  // The record of a rule of ours gains the evidence; its text and the patch it came from stay.
  void AddSupport(const skill::RuleRecord& record, const Patch& more) {
    auto known = deepened_.find(record.id);
    if (known == deepened_.end()) {
      auto patch = skill::KeptPatch(view_.base, record.id);
      if (!patch) return;
      known = deepened_.emplace(record.id, std::move(*patch)).first;
      for (const std::string& task : record.tasks) known->second.tasks.push_back(task);
    }
    Patch& patch = known->second;
    patch.tasks.insert(patch.tasks.end(), more.tasks.begin(), more.tasks.end());
    std::sort(patch.tasks.begin(), patch.tasks.end());
    patch.tasks.erase(std::unique(patch.tasks.begin(), patch.tasks.end()), patch.tasks.end());
    if (!patch.tasks.empty()) patch.support = static_cast<int64_t>(patch.tasks.size());
    if (patch.exposed) patch.exposed = std::max(*patch.exposed, patch.support.value_or(0));
  }

  void Resolve() {
    std::vector<bool> contends;
    for (const Unit& unit : units_)
      contends.push_back(unit.candidate.empty() || unit.in_skill || options_.candidates);
    report_.conflicts = ResolveConflicts(view_, contends, weighing_, &units_, &removals_);
    for (const Unit& unit : units_) {
      if (unit.fate == MergeFate::kLostOut && unit.in_skill) removals_.push_back(unit.merged.id);
    }
  }

  // Rules that stand there with nothing new to say were written by this same merge before, and took their
  // room.
  void FillBudget() {
    int64_t edits = options_.max_edits, tokens = options_.max_tokens;
    for (const Unit& unit : units_) {
      if (unit.decided || !unit.in_skill || !unit.nothing_new || unit.promoted) continue;
      --edits, tokens -= unit.tokens;
    }
    for (Unit& unit : units_) {
      if (!unit.decided) Spend(&unit, &edits, &tokens);
    }
  }

  void Spend(Unit* unit, int64_t* edits, int64_t* tokens) {
    if (Stands(*unit) && !unit->promoted) return unit->Decide(MergeFate::kInSkill, "already_in_skill");
    // An edit has a place of its own, so nothing could say there that it is unproven.
    bool candidate = !unit->candidate.empty();
    if (candidate && (!options_.candidates || unit->is_edit()))
      return unit->Decide(MergeFate::kCandidate, unit->candidate);
    if (*edits <= 0 || unit->tokens > *tokens)
      return GoWithout(unit, *edits <= 0 ? "max_edits" : "max_tokens");
    *edits -= 1, *tokens -= unit->tokens;
    if (candidate) unit->merged.section = skill::kCandidatesSection;
    if (unit->promoted) removals_.push_back(unit->merged.id);
  }

  static void GoWithout(Unit* unit, const std::string& budget) {
    unit->promoted = false;
    if (!unit->in_skill) return unit->Decide(MergeFate::kOverBudget, budget);
    unit->merged.section = unit->record->section;
    unit->Decide(MergeFate::kInSkill, "already_in_skill", "", "it stays a candidate: no room for more");
  }

  // An arm of an ablation: the merge as it is, less the named thing.
  void LeaveOut() {
    for (const Unit& unit : units_) {
      if (unit.decided && unit.fate != MergeFate::kInSkill && unit.fate != MergeFate::kCovered) continue;
      std::string why = WhyLeftOut(unit);
      if (!why.empty()) left_out_.emplace(unit.merged.id, why);
    }
    for (Unit& unit : units_) {
      auto left_out = left_out_.find(unit.merged.id);
      if (left_out == left_out_.end()) continue;
      if (unit.in_skill) removals_.push_back(unit.merged.id);
      covered_.erase(unit.merged.id);
      unit.decided = false;
      unit.Decide(MergeFate::kLeftOut, left_out->second);
    }
    // What only a rule that is left out said is said by the one behind it.
    for (const auto& [covered, by] : covering_) {
      if (units_[by].fate != MergeFate::kLeftOut || units_[covered].fate != MergeFate::kCovered) continue;
      units_[covered].decided = false, units_[covered].fate = MergeFate::kWritten;
      units_[covered].reason.clear(), units_[covered].against.clear();
    }
    for (Signal signal : options_.without) report_.without.emplace_back(NameOf(signal));
    for (const std::string& id : options_.without_rules) report_.without.push_back(id);
    if (options_.transfer) report_.without.emplace_back("transfer");
  }

  std::string WhyLeftOut(const Unit& unit) const {
    PatchKind kind = unit.merged.patch_kind;
    auto without = [&](Signal signal, PatchKind of) {
      return !unit.stays && options_.without.contains(signal) && kind == of;
    };
    if (without(Signal::kPrune, PatchKind::kPrune) || without(Signal::kPreserve, PatchKind::kPreserve) ||
        without(Signal::kRepair, PatchKind::kRepair))
      return "without_kind";
    if (options_.transfer && kind == PatchKind::kPreserve && !unit.merged.pinned) return "transfer";
    bool named = options_.without_rules.contains(unit.merged.id);
    for (size_t i : unit.members) named = named || options_.without_rules.contains(entries_[i].patch.id);
    return named ? "without_rule" : "";
  }

  void Reword() {
    for (Unit& unit : units_) {
      // Words of an earlier merge stay, whether a model is asked this time or not.
      if (unit.fate == MergeFate::kInSkill && !unit.is_edit()) KeepWords(&unit);
      if (unit.is_edit() || unit.decided || !options_.reword) continue;
      if (options_.own_words.contains(unit.merged.id)) {
        unit.reworded = "refused_audit";
        continue;
      }
      std::optional<OtherWords> words = options_.reword(unit.merged);
      if (!words) continue;
      Patch changed = unit.merged;
      // A model that was shown the condition says it again.
      changed.rule = skill::WithoutCondition(words->rule, changed.condition);
      std::string text = skill::RuleText(changed);
      unit.reworded = RewordingProblem(unit, changed, text);
      if (!unit.reworded.empty()) continue;
      unit.reworded = kReworded;
      unit.merged.rule = changed.rule, unit.text = text;
      std::string& prompts = unit.merged.prompt_hash;
      prompts = prompts.empty() ? words->prompt_hash : Sha256Hex(prompts + "\n" + words->prompt_hash);
    }
  }

  static std::string RewordingProblem(const Unit& unit, const Patch& changed, const std::string& text) {
    if (!skill::RuleRefusal(changed).empty()) return "refused_not_a_rule";
    return ProblemOfOtherWords(unit.text, text);
  }

  void KeepWords(Unit* unit) const {
    auto patch = skill::KeptPatch(view_.base, unit->merged.id);
    if (!patch || patch->prompt_hash.empty()) return;
    std::string text = skill::RuleText(*patch);
    if (!RewordingProblem(*unit, *patch, text).empty()) return;
    unit->merged.rule = patch->rule, unit->merged.prompt_hash = patch->prompt_hash, unit->text = text;
  }

  SkillPlan PlanOf() {
    SkillPlan plan{.patches = {}, .covered = covered_, .removals = {}, .edit_others = options_.edit_others};
    plan.description = options_.description, plan.work = options_.work;
    for (const auto& [unit, former] : returning_) {
      if (units_[unit].fate == MergeFate::kWritten) plan.again.insert(units_[unit].merged.id);
    }
    for (const Unit& unit : units_) {
      bool covers = unit.fate == MergeFate::kCovered && covered_.contains(unit.merged.id);
      // Its record says from now on that it was deleted.
      bool marks = unit.fate == MergeFate::kLeftOut && unit.record && !unit.is_edit() && !unit.in_skill &&
                   !left_out_.contains(unit.merged.id);
      if (unit.fate == MergeFate::kWritten || unit.fate == MergeFate::kInSkill || covers || marks)
        plan.patches.push_back(WithCovered(unit));
    }
    for (const auto& [id, patch] : deepened_) plan.patches.push_back(patch);
    std::sort(removals_.begin(), removals_.end());
    removals_.erase(std::unique(removals_.begin(), removals_.end()), removals_.end());
    plan.removals = removals_;
    return plan;
  }

  // The evidence of rules that say the same and are written nowhere counts for the one that is.
  Patch WithCovered(const Unit& unit) const {
    Patch patch = unit.merged;
    auto at = static_cast<size_t>(&unit - units_.data());
    for (const auto& [covered, by] : covering_) {
      if (by != at || units_[covered].fate != MergeFate::kCovered) continue;
      const Patch& more = units_[covered].merged;
      patch.tasks.insert(patch.tasks.end(), more.tasks.begin(), more.tasks.end());
    }
    std::sort(patch.tasks.begin(), patch.tasks.end());
    patch.tasks.erase(std::unique(patch.tasks.begin(), patch.tasks.end()), patch.tasks.end());
    if (!patch.tasks.empty()) patch.support = static_cast<int64_t>(patch.tasks.size());
    if (patch.exposed && patch.support) patch.exposed = std::max(*patch.exposed, *patch.support);
    return patch;
  }

  // What applying found: edits that have no place, rules that somebody took out, references that were needed.
  void TakeLedger(const std::vector<EditEntry>& ledger) {
    for (const EditEntry& entry : ledger) {
      ledger_[{entry.patch_id, entry.edit.value_or(-1)}] = &entry;
      TellReference(entry);
    }
    for (Unit& unit : units_) {
      auto found = ledger_.find({unit.merged.id, -1});
      bool applied = unit.fate == MergeFate::kWritten || unit.fate == MergeFate::kInSkill;
      if (applied && found != ledger_.end()) TakeEntry(*found->second, &unit);
      if (applied && unit.is_edit()) TakeRefusals(&unit);
    }
  }

  // A patch of which no edit could be done is not written.
  void TakeRefusals(Unit* unit) const {
    const EditEntry* first = nullptr;
    for (size_t i = 0; i < unit->merged.edits.size(); ++i) {
      auto found = ledger_.find({unit->merged.id, static_cast<int64_t>(i)});
      if (found == ledger_.end() || found->second->fate != EditFate::kRefused) return;
      if (!first) first = found->second;
    }
    if (first) unit->fate = MergeFate::kRefused, unit->reason = first->reason, unit->detail = first->detail;
  }

  // What was found deleted is remembered with the evidence that it had; what is written is not away any more.
  void KeepDecisions(SkillDir* skill) const {
    if (!skill->files.contains(std::string(skill::kSkillFile))) return;
    skill::Decisions decisions = view_.decisions;
    decisions.taken_back.clear();
    std::set<std::string> returned;
    for (const auto& [unit, former] : returning_) {
      if (units_[unit].fate == MergeFate::kWritten) returned.insert(former);
    }
    for (const FormerRule& former : former_) {
      if (!returned.contains(former.entry.id)) decisions.taken_back.push_back(former.entry);
    }
    for (const Unit& unit : units_) {
      bool pins = unit.merged.pinned && !unit.stays && !unit.is_edit() &&
                  (unit.fate == MergeFate::kWritten || unit.fate == MergeFate::kInSkill);
      std::string block = skill::HashOfBlock(skill::BlockKind::kItem, unit.text);
      if (pins && !decisions.IsPinned(block)) decisions.pins.push_back({block, unit.merged.id, ""});
    }
    skill::KeepDecisions(std::move(decisions), skill);
  }

  void TellReference(const EditEntry& entry) {
    bool link_added = entry.reason == "created" && !entry.detail.empty();
    bool no_place =
        entry.reason == "unlinked" || entry.reason == "dangling_link" || entry.reason == "still_linked";
    bool deep =
        entry.reason == "file_not_editable" && std::count(entry.file.begin(), entry.file.end(), '/') > 1;
    if (!link_added && !no_place && !deep) return;
    report_.conflicts.push_back({.type = ConflictType::kReference,
                                 .rules = {entry.patch_id},
                                 .resolution = link_added ? Resolution::kFixed : Resolution::kDropped,
                                 .rationale = entry.detail.empty() ? entry.reason : entry.detail});
  }

  static void TakeEntry(const EditEntry& entry, Unit* unit) {
    if (unit->fate == MergeFate::kWritten || entry.fate == EditFate::kTheirs) unit->reason = entry.reason;
    if (entry.fate == EditFate::kRefused) unit->fate = MergeFate::kRefused, unit->detail = entry.detail;
    if (entry.fate == EditFate::kAlreadyThere) unit->fate = MergeFate::kInSkill;
    if (entry.fate == EditFate::kTheirs) unit->fate = MergeFate::kLeftOut;
  }

  void Report(const ApplyResult& applied) {
    report_.blocked = std::any_of(report_.conflicts.begin(), report_.conflicts.end(),
                                  [](const MergeConflict& c) { return c.resolution == Resolution::kHeld; });
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (!entries_[i].refusal.empty()) ReportEntry(i, nullptr);
    }
    for (const Unit& unit : units_) {
      ReportRule(unit);
      for (size_t i : unit.members) ReportEntry(i, &unit);
    }
    std::sort(report_.inputs.begin(), report_.inputs.end(), [](const MergeInput& a, const MergeInput& b) {
      auto key = [](const MergeInput& i) {
        return std::tie(i.patch_id, i.edit, i.patch_kind, i.fate, i.reason, i.rule, i.detail);
      };
      return key(a) < key(b);
    });
    report_.edits = static_cast<int64_t>(report_.inputs.size());
    report_.removed_rules = removals_;
    report_.removed = static_cast<int64_t>(removals_.size());
    bool exists = applied.skill.files.contains(std::string(skill::kSkillFile));
    report_.skill_hash = exists ? SkillHash(applied.skill) : "";
    if (view_.hash.empty() && exists) report_.notes.emplace_back("the skill is new");
  }

  void ReportRule(const Unit& unit) {
    MergedRule rule;
    rule.id = unit.merged.id, rule.patch_kind = unit.merged.patch_kind;
    rule.fate = unit.fate, rule.reason = unit.reason;
    rule.section = unit.merged.section, rule.counterfactual_grade = unit.merged.counterfactual_grade;
    rule.evidence_grade = unit.merged.evidence_grade, rule.support = unit.support;
    rule.exposed = unit.merged.exposed, rule.support_low_ppm = unit.low_ppm;
    rule.expected_savings_usd = unit.merged.expected_savings_usd, rule.tokens = unit.tokens;
    rule.reworded = unit.reworded;
    for (size_t i : unit.members) rule.members.push_back(entries_[i].patch.id);
    std::sort(rule.members.begin(), rule.members.end());
    rule.members.erase(std::unique(rule.members.begin(), rule.members.end()), rule.members.end());
    for (const auto& [key, entry] : ledger_) {
      if (key.first == rule.id && entry->fate != EditFate::kRefused) rule.file = entry->file;
    }
    report_.written += unit.fate == MergeFate::kWritten, report_.in_skill += unit.fate == MergeFate::kInSkill;
    report_.candidates += unit.fate == MergeFate::kCandidate, report_.held += unit.fate == MergeFate::kHeld;
    report_.rules.push_back(std::move(rule));
  }

  void ReportEntry(size_t index, const Unit* unit) {
    const Entry& entry = entries_[index];
    size_t edits = entry.patch.edits.size();
    for (size_t e = 0; e < std::max<size_t>(edits, 1); ++e) {
      MergeInput input;
      input.patch_id = entry.patch.id, input.patch_kind = entry.patch.patch_kind,
      input.rebased = entry.rebased;
      if (edits > 0) input.edit = static_cast<int64_t>(e);
      if (!unit) {
        input.reason = entry.refusal, input.detail = entry.refusal_detail;
        // An id that is none is not printed.
        if (!skill::IsFileNameSafe(input.patch_id)) input.patch_id = "patch";
      } else {
        FateOf(*unit, index, &input);
      }
      bool wanted = unit ? WouldBeWritten(*unit) : WouldBeWritten(index);
      if (input.fate == MergeFate::kRefused && wanted) refused_.insert(input.patch_id);
      report_.inputs.push_back(std::move(input));
    }
  }

  bool WouldBeWritten(const Unit& unit) const {
    return (unit.candidate.empty() || (options_.candidates && !unit.is_edit())) && WhyLeftOut(unit).empty();
  }
  // Of an entry that was refused before anything was decided: by its own evidence.
  bool WouldBeWritten(size_t index) const {
    Unit alone;
    alone.merged = entries_[index].patch, alone.members = {index};
    alone.support = alone.merged.support.value_or(std::ssize(alone.merged.tasks));
    alone.candidate = CandidateReason(alone, weighing_);
    return WouldBeWritten(alone);
  }

  void FateOf(const Unit& unit, size_t index, MergeInput* input) const {
    input->fate = unit.fate, input->reason = unit.reason, input->detail = unit.detail;
    input->rule = unit.against.empty() ? unit.merged.id : unit.against;
    bool applied = unit.fate == MergeFate::kWritten || unit.fate == MergeFate::kInSkill;
    if (index != unit.representative && applied) {
      input->fate = MergeFate::kMerged, input->reason = "same_rule";
      return;
    }
    if (entries_[index].claims_pin && input->detail.empty())
      input->detail = "it calls itself pinned, which only a person can: skill pin, or --pin of skill apply";
    if (!unit.is_edit()) return;
    auto found = ledger_.find({unit.merged.id, *input->edit});
    if (found == ledger_.end()) return;
    const EditEntry& entry = *found->second;
    bool returns = entry.fate == EditFate::kApplied && entry.detail.empty();
    input->reason = entry.reason, input->detail = returns ? unit.detail : entry.detail;
    input->fate = entry.fate == EditFate::kApplied        ? MergeFate::kWritten
                  : entry.fate == EditFate::kAlreadyThere ? MergeFate::kInSkill
                                                          : MergeFate::kRefused;
  }

  const SkillView& view_;
  const MergeOptions& options_;
  Weighing weighing_;
  std::vector<Entry> entries_;
  std::vector<Unit> units_;
  std::vector<FormerRule> former_;
  std::map<size_t, std::string> returning_;     // unit -> id of the rule that was taken back
  std::map<std::string, std::string> covered_;  // id -> hash of the text of somebody else that says it
  std::map<size_t, size_t> covering_;           // unit -> unit of higher rank that says it
  std::map<std::string, Patch> deepened_;       // rules of ours that no patch is given for, with more support
  std::vector<std::string> removals_;
  std::map<std::string, std::string> left_out_;
  std::map<std::pair<std::string, int64_t>, const EditEntry*> ledger_;
  std::set<std::string> refused_;  // as in MergeResult
  MergeReport report_;
};

}  // namespace

std::string KeyOfPatch(const Patch& patch) { return Sha256Hex(EncodePatch(patch, true)); }

Reduced Reduce(const std::vector<Patch>& patches) {
  std::map<std::string, const Patch*> distinct;
  for (const Patch& patch : patches) distinct.emplace(EncodePatch(patch, true), &patch);
  Reduced reduced;
  for (const auto& [encoded, patch] : distinct) reduced.patches.push_back(*patch);
  return reduced;
}

Reduced Reduce(const std::vector<Reduced>& parts) {
  std::vector<Patch> all;
  for (const Reduced& part : parts) all.insert(all.end(), part.patches.begin(), part.patches.end());
  return Reduce(all);
}

Result<MergeResult> MergePatches(const SkillDir& base, const std::vector<Patch>& patches,
                                 const MergeOptions& options) {
  return MergePatches(base, Reduce(patches), options);
}

Result<MergeResult> MergePatches(const SkillDir& base, const Reduced& reduced, const MergeOptions& options) {
  auto body = base.files.find(std::string(skill::kSkillFile));
  if (body != base.files.end()) CT_RETURN_IF_ERROR(ExpectCleanText(base.name, body->first, body->second));
  auto provenance = skill::RecordsOf(base);
  if (!provenance) return std::unexpected(std::move(provenance.error()));
  auto decisions = skill::DecisionsOf(base);
  if (!decisions) return std::unexpected(std::move(decisions.error()));
  SkillView view(base, *std::move(provenance), std::move(*decisions));
  return Merge(view, reduced, options).Run();
}

}  // namespace clawtrace::distill

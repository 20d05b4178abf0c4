#include "distill/merge/units.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "distill/merge/join.h"
#include "skill/editor.h"
#include "skill/edits.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

constexpr int kSameSection = 60, kAnywhere = 75;
constexpr size_t kMaxSteps = 512;

std::string_view SectionOfKind(PatchKind kind) {
  switch (kind) {
    case PatchKind::kPreserve:
      return "Workflow";
    case PatchKind::kPrune:
      return "Cost control";
    case PatchKind::kRepair:
      return "Known failures";
  }
  return "";
}

std::string SectionOf(const Patch& patch) {
  std::string section = skill::SectionName(patch.section);
  bool named = !section.empty() && section != skill::kCandidatesSection;
  return named ? section : std::string(SectionOfKind(patch.patch_kind));
}

// Made for another version of the skill, a patch takes part only when each of its places is found again.
std::string Unresolved(const Patch& patch, const SkillView& view) {
  for (const PatchEdit& edit : patch.edits) {
    auto file = view.files.find(edit.file);
    if (file == view.files.end()) continue;  // it may be created by the same merge
    skill::Place place = skill::FindPlace(file->second, edit);
    if (!place.problem.empty() && place.problem != "section_missing") return place.problem;
  }
  return "";
}

std::tuple<std::string_view, std::string_view> GradesOf(const Patch& patch) {
  return {patch.evidence_grade, patch.counterfactual_grade};
}

// Highest grade, then most like the others, then shortest.
size_t RepresentativeOf(const std::vector<Entry>& entries, const std::vector<size_t>& members) {
  auto likeness = [&](size_t i) {
    double sum = 0;
    for (size_t k : members) {
      double squares = static_cast<double>(entries[i].meaning.all.square) *
                       static_cast<double>(entries[k].meaning.all.square);
      double dot = static_cast<double>(DotOf(entries[i].meaning.all, entries[k].meaning.all));
      if (squares > 0) sum += dot / std::sqrt(squares);
    }
    constexpr double kPlaces = 1e6;  // sums of the same numbers in one order; ties are ties
    return static_cast<int64_t>(std::floor(sum * kPlaces));
  };
  auto key = [&](size_t i) {
    const Patch& patch = entries[i].patch;
    return std::tuple(!patch.pinned, PrecedenceOf(patch, {}));
  };
  size_t best = members[0];
  bool measured = false;  // likeness is dear, and asked for where grades do not tell
  int64_t best_likeness = 0;
  for (size_t i : members) {
    if (i == best || key(i) > key(best)) continue;
    auto grades = GradesOf(entries[i].patch), best_grades = GradesOf(entries[best].patch);
    bool better = key(i) < key(best) || grades > best_grades;
    if (!better && grades == best_grades) {
      if (!measured) best_likeness = likeness(best), measured = true;
      int64_t mine = likeness(i);
      bool shorter = entries[i].text.size() < entries[best].text.size();
      better = mine > best_likeness || (mine == best_likeness && shorter);
    }
    if (better) best = i, measured = false;
  }
  return best;
}

template <class T>
void Unite(std::vector<T>* into, const std::vector<T>& more) {
  into->insert(into->end(), more.begin(), more.end());
}
void SortUnique(std::vector<std::string>* list) {
  std::sort(list->begin(), list->end());
  list->erase(std::unique(list->begin(), list->end()), list->end());
}

auto StepKey(const PatchStep& s) { return std::tie(s.session_id, s.call_id, s.step, s.card_hash); }
void KeepSteps(std::vector<PatchStep>* steps) {
  std::sort(steps->begin(), steps->end(),
            [](const PatchStep& a, const PatchStep& b) { return StepKey(a) < StepKey(b); });
  steps->erase(std::unique(steps->begin(), steps->end()), steps->end());
  if (steps->size() > kMaxSteps) steps->resize(kMaxSteps);
}

// A number of each member: added up when no task is counted twice, else the largest.
std::optional<int64_t> Together(const std::vector<const Patch*>& members, bool disjoint,
                                std::optional<int64_t> Patch::* field) {
  std::optional<int64_t> out;
  for (const Patch* patch : members) {
    if (!(patch->*field)) continue;
    int64_t value = *(patch->*field);
    out = !out ? value : disjoint ? *out + value : std::max(*out, value);
  }
  return out;
}

// The mean over members whose savings are known, by how many tasks each has; the widest interval.
void MergeSavings(const std::vector<const Patch*>& members, Patch* merged) {
  int64_t weights = 0;
  double sum = 0;
  for (const Patch* patch : members) {
    if (!patch->expected_savings_usd) continue;
    int64_t weight = std::max<int64_t>(1, static_cast<int64_t>(patch->tasks.size()));
    weights += weight;
    sum += static_cast<double>(patch->expected_savings_usd->pico()) * static_cast<double>(weight);
    if (patch->savings_low_usd)
      merged->savings_low_usd =
          std::min(merged->savings_low_usd.value_or(*patch->savings_low_usd), *patch->savings_low_usd);
    if (patch->savings_high_usd)
      merged->savings_high_usd =
          std::max(merged->savings_high_usd.value_or(*patch->savings_high_usd), *patch->savings_high_usd);
  }
  if (weights > 0 && members.size() > 1)
    merged->expected_savings_usd =
        Usd::Pico(static_cast<int64_t>(std::llround(sum / static_cast<double>(weights))));
}

std::string_view GradeOfTasks(size_t tasks) { return tasks >= 3 ? "E2" : tasks == 2 ? "E1" : ""; }

// A repair that different tasks show has the grade that so many tasks give, unless only a model says so, or
// an analyst that saw as many graded it lower: it had its reason.
void LiftGrade(const std::vector<const Patch*>& members, Patch* merged) {
  if (merged->patch_kind != PatchKind::kRepair) return;
  std::set<std::string> tasks;
  for (const Patch* patch : members) {
    std::set<std::string> own(patch->tasks.begin(), patch->tasks.end());
    bool held = patch->evidence_grade < GradeOfTasks(own.size());
    if (patch->prompt_hash.empty() && !patch->target_steps.empty() && !held) tasks.merge(own);
  }
  merged->evidence_grade = std::max(merged->evidence_grade, std::string(GradeOfTasks(tasks.size())));
}

// The effect that is most certain, then the largest; which member speaks for the others does not matter.
std::optional<MinedEffect> EffectOf(const std::vector<const Patch*>& members) {
  auto key = [](const MinedEffect& effect) {
    return std::tuple(effect.q_ppm, -std::abs(effect.difference_ppm), effect.difference_ppm, effect.low_ppm,
                      effect.high_ppm, effect.with_pass, effect.with_fail, effect.without_pass,
                      effect.without_fail);
  };
  std::optional<MinedEffect> best;
  for (const Patch* patch : members) {
    if (patch->effect && (!best || key(*patch->effect) < key(*best))) best = patch->effect;
  }
  return best;
}

auto ProofOf(const Patch& patch) { return std::tie(patch.counterfactual_grade, patch.evidence_grade); }

// The member whose grades say most, and whose words say why.
const Patch& BestProven(const std::vector<const Patch*>& members, const Patch& representative) {
  const Patch* best = &representative;
  for (const Patch* patch : members) {
    if (ProofOf(*patch) > ProofOf(*best)) best = patch;
  }
  return *best;
}

// A grade that stays keeps what it rests on: the words, costs and savings of weaker evidence would deny it.
void KeepProof(const SkillView& view, const skill::RuleRecord& record, Patch* merged) {
  Patch before;
  before.counterfactual_grade = record.counterfactual_grade, before.evidence_grade = record.evidence_grade;
  before.expected_savings_usd = record.expected_savings_usd;
  if (auto last = skill::KeptPatch(view.base, record.id)) before = *std::move(last);
  if (ProofOf(before) > ProofOf(*merged)) {
    merged->counterfactual = before.counterfactual, merged->high_cost = before.high_cost;
    merged->expected_savings_usd = before.expected_savings_usd;
    merged->savings_low_usd = before.savings_low_usd, merged->savings_high_usd = before.savings_high_usd;
  }
  if (before.evidence_grade > merged->evidence_grade) {
    Unite(&merged->checks, before.checks), SortUnique(&merged->checks);
    if (before.effect) merged->effect = before.effect;
  }
}

Patch MergedOf(const std::vector<Entry>& entries, const Unit& unit) {
  std::vector<const Patch*> members;
  for (size_t i : unit.members) members.push_back(&entries[i].patch);
  Patch merged = entries[unit.representative].patch;
  merged.section = entries[unit.representative].section;
  if (members.size() == 1) {
    SortUnique(&merged.tasks);
    return merged;
  }
  size_t named = 0;
  for (const Patch* patch : members) {
    named += std::set<std::string>(patch->tasks.begin(), patch->tasks.end()).size();
    Unite(&merged.tasks, patch->tasks), Unite(&merged.target_steps, patch->target_steps);
    Unite(&merged.checks, patch->checks);
    merged.pinned = merged.pinned || patch->pinned;
    if (patch->high_cost) merged.high_cost = merged.high_cost.value_or(false) || *patch->high_cost;
    merged.counterfactual_grade = std::max(merged.counterfactual_grade, patch->counterfactual_grade);
    merged.evidence_grade = std::max(merged.evidence_grade, patch->evidence_grade);
  }
  SortUnique(&merged.tasks), SortUnique(&merged.checks), KeepSteps(&merged.target_steps);
  bool disjoint = named == merged.tasks.size() && !merged.tasks.empty();
  merged.support = Together(members, disjoint, &Patch::support);
  if (!merged.tasks.empty()) merged.support = static_cast<int64_t>(merged.tasks.size());
  merged.exposed = Together(members, disjoint, &Patch::exposed);
  merged.sessions = Together(members, disjoint, &Patch::sessions);
  if (merged.exposed && merged.support) merged.exposed = std::max(*merged.exposed, *merged.support);
  MergeSavings(members, &merged);
  LiftGrade(members, &merged);
  merged.effect = EffectOf(members);
  merged.counterfactual = BestProven(members, entries[unit.representative].patch).counterfactual;
  return merged;
}

// What an earlier merge knew stays known.
void JoinRecord(const std::vector<Entry>& entries, const SkillView& view, Unit* unit) {
  std::vector<size_t> order = unit->members;
  std::erase(order, unit->representative);
  order.insert(order.begin(), unit->representative);
  for (size_t i : order) {
    const skill::RuleRecord* record = view.Find(entries[i].patch.id);
    if (!record) continue;
    unit->record = record;
    unit->representative = i;
    break;
  }
  if (!unit->record) return;
  const skill::RuleRecord& record = *unit->record;
  unit->nothing_new = std::includes(record.tasks.begin(), record.tasks.end(), unit->merged.tasks.begin(),
                                    unit->merged.tasks.end());
  const Entry& own = entries[unit->representative];
  Patch& merged = unit->merged;
  merged.id = own.patch.id, merged.rule = own.patch.rule, merged.condition = own.patch.condition;
  merged.patch_kind = own.patch.patch_kind;
  merged.edits = own.patch.edits;
  unit->text = own.text, unit->meaning = own.meaning;
  Unite(&merged.tasks, record.tasks);
  SortUnique(&merged.tasks);
  if (!merged.tasks.empty()) merged.support = static_cast<int64_t>(merged.tasks.size());
  if (merged.exposed && merged.support) merged.exposed = std::max(*merged.exposed, *merged.support);
  for (const skill::Evidence& e : record.evidence)
    merged.target_steps.push_back({e.session_id, e.call_id, e.step, e.card_hash});
  KeepSteps(&merged.target_steps);
  KeepProof(view, record, &merged);
  merged.counterfactual_grade = std::max(merged.counterfactual_grade, record.counterfactual_grade);
  merged.evidence_grade = std::max(merged.evidence_grade, record.evidence_grade);
  bool stands = unit->is_edit() ? view.EditStands(record) : view.FindText(record.text_hash) != nullptr;
  unit->in_skill = record.status == skill::RuleStatus::kInSkill && stands;
  const SkillText* text = unit->in_skill && !unit->is_edit() ? view.FindText(record.text_hash) : nullptr;
  if (!text || !text->pinned) return;
  unit->stays = merged.pinned = true;
  unit->text = text->text, unit->meaning = text->meaning;
}

UnionFind Clusters(const std::vector<Entry>& entries) {
  UnionFind sets(entries.size());
  std::map<std::string, size_t> by_id, by_edits;
  std::vector<size_t> rules;
  std::vector<const TermVector*> vectors;
  for (size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    if (!entry.refusal.empty()) continue;
    sets.Unite(i, by_id.emplace(entry.patch.id, i).first->second);
    if (entry.patch.edits.empty()) {
      rules.push_back(i), vectors.push_back(&entry.meaning.all);
    } else {
      Patch only;
      only.edits = entry.patch.edits;
      sets.Unite(i, by_edits.emplace(EncodePatch(only, true), i).first->second);
    }
  }
  std::map<std::pair<PatchKind, std::string>, size_t> by_text;
  for (size_t i : rules) {
    std::pair key(entries[i].patch.patch_kind, ToLower(entries[i].text));
    sets.Unite(i, by_text.emplace(std::move(key), i).first->second);
  }
  ForAlikePairs(vectors, kSameSection, [&](size_t a, size_t b) {
    const Entry& x = entries[rules[a]];
    const Entry& y = entries[rules[b]];
    if (x.patch.patch_kind != y.patch.patch_kind) return;
    if (SaysSame(x.meaning, y.meaning, x.section == y.section ? kSameSection : kAnywhere))
      sets.Unite(rules[a], rules[b]);
  });
  return sets;
}

// Why no edit of the patch is done: a part of it cannot be, and half of a change is another change.
std::string EditsRefusal(const Entry& entry, const SkillView& view, const MergeOptions& options) {
  if (!skill::IsFileNameSafe(entry.patch.id)) return "not_a_rule: the patch has no usable id";
  const skill::RuleRecord* record = view.Find(entry.patch.id);
  bool returns = record && options.again.contains(entry.patch.id) && !view.EditStands(*record);
  bool known = record && !returns;
  for (size_t i = 0; i < entry.patch.edits.size(); ++i) {
    const PatchEdit& edit = entry.patch.edits[i];
    std::string problem = skill::TextProblem(edit);
    auto file = view.files.find(edit.file);
    if (problem.empty() && !known && file != view.files.end())
      problem = view.own.WhyNot(edit, file->second, options.edit_others);
    if (!problem.empty()) return problem + ": edit " + std::to_string(i) + " of the patch";
  }
  std::string unresolved = entry.rebased && !known ? Unresolved(entry.patch, view) : "";
  return unresolved.empty() ? "" : "rebase_failed: " + unresolved;
}

}  // namespace

std::string AddedSentence(const Patch& patch) {
  if (patch.edits.size() != 1) return "";
  EditOp op = patch.edits[0].op;
  bool adds = op == EditOp::kAppendToSection || op == EditOp::kInsertAfter || op == EditOp::kInsertBefore ||
              op == EditOp::kAddSection;
  std::vector<skill::Block> blocks = skill::ParseBlocks(patch.edits[0].new_text);
  if (!adds || blocks.size() != 1) return "";
  bool sentence = blocks[0].kind == skill::BlockKind::kItem || blocks[0].kind == skill::BlockKind::kParagraph;
  return sentence ? blocks[0].text : "";
}

void Unit::Decide(MergeFate what, std::string why, std::string whom, std::string how) {
  if (decided) return;
  decided = true, fate = what;
  reason = std::move(why), against = std::move(whom), detail = std::move(how);
}

SkillView::SkillView(const SkillDir& skill_base, skill::Provenance records, skill::Decisions decided)
    : base(skill_base),
      provenance(std::move(records)),
      decisions(std::move(decided)),
      own(provenance, decisions) {
  if (!base.files.contains(std::string(skill::kSkillFile))) {
    provenance.rules.clear();
    return;
  }
  hash = SkillHash(base);
  std::map<std::string_view, const skill::RuleRecord*> by_hash;
  for (const skill::RuleRecord& record : provenance.rules) {
    by_hash.emplace(record.text_hash, &record);
    for (const std::string& block : record.blocks) by_hash.emplace(block, &record);
  }
  for (const auto& [path, bytes] : base.files) {
    if (!skill::IsEditable(path)) continue;
    files.emplace(path, skill::ParseBlocks(bytes));
    for (const skill::Block& block : files.at(path)) {
      blocks.insert(block.hash);
      bool sentence = block.kind == skill::BlockKind::kItem || block.kind == skill::BlockKind::kParagraph;
      if (!sentence || block.text.starts_with("More: [references/")) continue;
      SkillText text{path,    block.text,         skill::HashOfRule(block.text), MeaningOf(block.text),
                     nullptr, own.IsPinned(block)};
      for (std::string_view key : {std::string_view(text.text_hash), std::string_view(block.hash)}) {
        if (auto record = by_hash.find(key); record != by_hash.end() && !text.record)
          text.record = record->second;
      }
      texts.push_back(std::move(text));
    }
  }
  for (size_t i = 0; i < texts.size(); ++i) by_hash_.emplace(texts[i].text_hash, i);
}

const skill::RuleRecord* SkillView::Find(std::string_view id) const {
  auto found = std::find_if(provenance.rules.begin(), provenance.rules.end(),
                            [&](const skill::RuleRecord& rule) { return rule.id == id; });
  return found == provenance.rules.end() ? nullptr : &*found;
}

const SkillText* SkillView::FindText(std::string_view text_hash) const {
  auto found = by_hash_.find(text_hash);
  return found == by_hash_.end() ? nullptr : &texts[found->second];
}

bool SkillView::EditStands(const skill::RuleRecord& record) const {
  auto there = [&](const std::string& block) { return blocks.contains(block); };
  return record.blocks.empty() || std::any_of(record.blocks.begin(), record.blocks.end(), there) ||
         IsReplacedByOurs(record);
}

bool SkillView::IsReplacedByOurs(const skill::RuleRecord& record) const {
  auto means = [&](const PatchEdit& edit) {
    if (edit.op != EditOp::kReplace && edit.op != EditOp::kRemove) return false;
    std::string words = skill::CollapseSpace(edit.old_text);
    return std::any_of(record.blocks.begin(), record.blocks.end(), [&](const std::string& block) {
      return block == edit.block_hash || block == skill::HashOfBlock(skill::BlockKind::kItem, words) ||
             block == skill::HashOfBlock(skill::BlockKind::kParagraph, words);
    });
  };
  return std::any_of(provenance.rules.begin(), provenance.rules.end(), [&](const skill::RuleRecord& other) {
    auto patch = other.id == record.id ? std::nullopt : skill::KeptPatch(base, other.id);
    return patch && std::any_of(patch->edits.begin(), patch->edits.end(), means);
  });
}

std::vector<Entry> EntriesOf(const Reduced& reduced, const SkillView& view, const MergeOptions& options) {
  std::vector<Entry> entries;
  for (const Patch& patch : reduced.patches) {
    Entry entry;
    entry.patch = skill::PlainPatch(patch);
    entry.patch.pinned = options.pins.contains(patch.id);
    entry.claims_pin = patch.pinned && !entry.patch.pinned;
    const std::string& made_for = entry.patch.base_skill_hash;
    entry.rebased = !made_for.empty() && made_for != view.hash;
    entry.section = SectionOf(entry.patch);
    bool rule = entry.patch.edits.empty();
    entry.text = rule ? skill::RuleText(entry.patch) : AddedSentence(entry.patch);
    entry.meaning = MeaningOf(entry.text);
    if (rule) {
      Patch placed = entry.patch;
      placed.section = entry.section;
      entry.refusal_detail = skill::RuleRefusal(placed);
      if (!entry.refusal_detail.empty()) entry.refusal = "not_a_rule";
    } else {
      entry.refusal = EditsRefusal(entry, view, options);
      size_t colon = entry.refusal.find(": ");
      if (colon != std::string::npos) {
        entry.refusal_detail = entry.refusal.substr(colon + 2);
        entry.refusal.resize(colon);
      }
    }
    if (auto refused = options.refused.find(KeyOfPatch(patch)); refused != options.refused.end())
      entry.refusal = kAuditRefusal, entry.refusal_detail = refused->second;
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::vector<Unit> UnitsOf(const std::vector<Entry>& entries, const SkillView& view) {
  UnionFind sets = Clusters(entries);
  std::map<size_t, std::vector<size_t>> groups;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].refusal.empty()) groups[sets.Root(i)].push_back(i);
  }
  std::vector<Unit> units;
  for (auto& [root, members] : groups) {
    Unit unit;
    unit.members = members;
    unit.representative = RepresentativeOf(entries, members);
    unit.text = entries[unit.representative].text, unit.meaning = entries[unit.representative].meaning;
    unit.merged = MergedOf(entries, unit);
    JoinRecord(entries, view, &unit);
    unit.support = unit.merged.support.value_or(static_cast<int64_t>(unit.merged.tasks.size()));
    if (unit.merged.exposed) unit.low_ppm = WilsonLowPpm(unit.support, *unit.merged.exposed);
    unit.tokens = skill::TokensOf(unit.text);
    for (const PatchEdit& edit : unit.merged.edits) unit.tokens += skill::TokensOf(edit.new_text);
    units.push_back(std::move(unit));
  }
  return units;
}

std::string CandidateReason(const Unit& unit, const Weighing& weighing) {
  const Patch& patch = unit.merged;
  constexpr int64_t kPruneTasks = 2;
  if (patch.pinned) return "";
  switch (patch.patch_kind) {
    case PatchKind::kPrune:
      if (weighing.counterfactual && patch.counterfactual_grade < "C1") return "prune_below_c1";
      if (unit.support < kPruneTasks) return "prune_below_two_tasks";
      if (!weighing.cost || patch.high_cost == true) return "";
      if (patch.high_cost == false) return "prune_not_dear";
      return patch.expected_savings_usd > Usd() ? "" : "prune_cost_unknown";
    case PatchKind::kRepair:
      return patch.evidence_grade >= "E2" ? "" : "repair_below_e2";
    case PatchKind::kPreserve:
      return patch.evidence_grade >= "E2" ? "" : "preserve_below_e2";
  }
  return "";
}

int PrecedenceOf(const Patch& patch, const Weighing& weighing) {
  enum { kPinned, kRepairE3, kPruneC2, kPreserveE2, kPruneC1, kRest };
  if (patch.pinned) return kPinned;
  bool replayed = patch.counterfactual_grade >= "C1" || !weighing.counterfactual;
  switch (patch.patch_kind) {
    case PatchKind::kRepair:
      return patch.evidence_grade >= "E3" ? kRepairE3 : kRest;
    case PatchKind::kPrune:
      if (weighing.counterfactual && patch.counterfactual_grade >= "C2") return kPruneC2;
      return replayed ? kPruneC1 : kRest;
    case PatchKind::kPreserve:
      return patch.evidence_grade >= "E2" ? kPreserveE2 : kRest;
  }
  return kRest;
}

int64_t WilsonLowPpm(int64_t hits, int64_t of) {
  if (of <= 0) return 0;
  constexpr double kZ = 1.959963984540054, kMillion = 1e6;
  double n = static_cast<double>(of), p = static_cast<double>(std::min(hits, of)) / n;
  double centre = p + kZ * kZ / (2 * n);
  double spread = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n));
  double low = (centre - spread) / (1 + kZ * kZ / n);
  return static_cast<int64_t>(std::floor(std::max(0.0, low) * kMillion));
}

bool RanksBefore(const Unit& a, const Unit& b, const Weighing& weighing) {
  auto key = [&](const Unit& unit) {
    // Savings, or for what saves nothing known the size of the mined effect; unknown comes last.
    int64_t low = unit.low_ppm.value_or(-1);
    std::optional<double> effect;
    if (weighing.cost && unit.merged.expected_savings_usd)
      effect = static_cast<double>(unit.merged.expected_savings_usd->pico());
    else if (unit.merged.patch_kind != PatchKind::kPrune && unit.merged.effect)
      effect = static_cast<double>(std::abs(unit.merged.effect->difference_ppm));
    double value = effect && low >= 0 ? std::abs(*effect) * static_cast<double>(low) : -1;
    return std::tuple(PrecedenceOf(unit.merged, weighing), unit.merged.patch_kind, -value, -low,
                      -unit.support, unit.tokens, std::string_view(unit.merged.id));
  };
  return key(a) < key(b);
}

}  // namespace clawtrace::distill

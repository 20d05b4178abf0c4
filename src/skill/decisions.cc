#include "skill/decisions.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::skill {

template <class A>
void Describe(A& a, Pin& p) {
  a.Field("block", p.block), a.Field("rule", p.rule), a.Field("by", p.by);
}

template <class A>
void Describe(A& a, TakenBack& t) {
  a.Field("id", t.id), a.Field("text_hash", t.text_hash), a.Field("patch_kind", t.patch_kind);
  a.Field("how", t.how), a.Field("version", t.version);
  a.Field("counterfactual_grade", t.counterfactual_grade), a.Field("evidence_grade", t.evidence_grade);
  a.Field("tasks", t.tasks);
}

template <class A>
void Describe(A& a, Decisions& d) {
  a.Field("schema", d.schema), a.Field("pins", d.pins), a.Field("taken_back", d.taken_back);
}

namespace {

void SortUnique(std::vector<std::string>* list) {
  std::sort(list->begin(), list->end());
  list->erase(std::unique(list->begin(), list->end()), list->end());
}

std::string_view GradeName(PatchKind kind) {
  return kind == PatchKind::kPrune ? "counterfactual" : "evidence";
}
const std::string& GradeThen(const TakenBack& then) {
  return then.patch_kind == PatchKind::kPrune ? then.counterfactual_grade : then.evidence_grade;
}

}  // namespace

const TakenBack* Decisions::Find(std::string_view id) const {
  auto found = std::find_if(taken_back.begin(), taken_back.end(),
                            [&](const TakenBack& entry) { return entry.id == id; });
  return found == taken_back.end() ? nullptr : &*found;
}

bool Decisions::IsPinned(std::string_view block_hash) const {
  return std::any_of(pins.begin(), pins.end(), [&](const Pin& pin) { return pin.block == block_hash; });
}

Result<Decisions> DecisionsOf(const SkillDir& skill) {
  auto file = skill.files.find(std::string(kDecisionsFile));
  if (file == skill.files.end()) return Decisions();
  constexpr std::string_view kHint = "move the file away to decide anew; rules and records stay";
  auto read = Decode<Decisions>(file->second, skill.name + "/" + std::string(kDecisionsFile));
  if (!read) return Fail(ErrorCode::kCorruptData, read.error().message, std::string(kHint));
  if (read->schema != "skill-decisions/1") {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("{}: schema {} is not known", kDecisionsFile, read->schema), std::string(kHint));
  }
  return read;
}

void KeepDecisions(Decisions decisions, SkillDir* skill) {
  if (decisions.pins.empty() && decisions.taken_back.empty()) {
    skill->files.erase(std::string(kDecisionsFile));
    return;
  }
  std::sort(decisions.pins.begin(), decisions.pins.end());
  decisions.pins.erase(std::unique(decisions.pins.begin(), decisions.pins.end()), decisions.pins.end());
  std::sort(decisions.taken_back.begin(), decisions.taken_back.end(),
            [](const TakenBack& a, const TakenBack& b) { return a.id < b.id; });
  skill->files[std::string(kDecisionsFile)] = Encode(decisions, DocWriter::Format::kJsonPretty);
}

TakenBack TakenBackOf(const RuleRecord& record, HowTakenBack how, std::string version) {
  TakenBack entry{.id = record.id,
                  .text_hash = record.text_hash,
                  .patch_kind = record.patch_kind,
                  .how = how,
                  .version = std::move(version),
                  .counterfactual_grade = record.counterfactual_grade,
                  .evidence_grade = record.evidence_grade,
                  .tasks = record.tasks};
  SortUnique(&entry.tasks);
  return entry;
}

void AddTakenBack(TakenBack entry, Decisions* decisions) {
  for (TakenBack& known : decisions->taken_back) {
    if (known.id != entry.id) continue;
    entry.tasks.insert(entry.tasks.end(), known.tasks.begin(), known.tasks.end());
    SortUnique(&entry.tasks);
    entry.counterfactual_grade = std::max(entry.counterfactual_grade, known.counterfactual_grade);
    entry.evidence_grade = std::max(entry.evidence_grade, known.evidence_grade);
    known = std::move(entry);
    return;
  }
  decisions->taken_back.push_back(std::move(entry));
}

bool IsClearlyStronger(const TakenBack& then, const Patch& now) {
  const std::string& grade =
      then.patch_kind == PatchKind::kPrune ? now.counterfactual_grade : now.evidence_grade;
  std::vector<std::string> tasks = now.tasks, fresh;
  SortUnique(&tasks);
  std::set_difference(tasks.begin(), tasks.end(), then.tasks.begin(), then.tasks.end(),
                      std::back_inserter(fresh));
  return grade > GradeThen(then) && fresh.size() >= kNewTasks;
}

std::string WhatBringsItBack(const TakenBack& then) {
  const std::string& grade = GradeThen(then);
  return fmt::format(
      "a higher {} grade than {} with {} tasks that were not known then, or skill apply --again",
      GradeName(then.patch_kind), grade.empty() ? "none" : grade, kNewTasks);
}

std::vector<std::string> TakenBackLines(const SkillDir& skill) {
  std::vector<std::string> lines;
  auto decisions = DecisionsOf(skill);
  auto records = RecordsOf(skill);
  if (!decisions || !records) return lines;
  for (const TakenBack& entry : decisions->taken_back) {
    auto patch = KeptPatch(skill, entry.id);
    if (!patch) continue;
    const RuleRecord* record = records->Find(entry.id);
    std::string text = CollapseSpace(WrittenText(*patch, record ? *record : RuleRecord()));
    if (!text.empty())
      lines.push_back(fmt::format("{}, {}: {}", NameOf(entry.patch_kind), NameOf(entry.how), text));
  }
  return lines;
}

std::set<std::string> PinnedBlocks(const SkillDir& skill) {
  std::set<std::string> blocks;
  if (auto decisions = DecisionsOf(skill)) {
    for (const Pin& pin : decisions->pins) blocks.insert(pin.block);
  }
  return blocks;
}

}  // namespace clawtrace::skill

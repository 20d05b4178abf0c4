#include <fmt/core.h>

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "cli/skill_actions.h"
#include "cli/table.h"
#include "distill/audit/waivers.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/decisions.h"
#include "skill/paths.h"
#include "skill/provenance.h"

namespace clawtrace::cli {
namespace {

struct ShownStep {
  std::string session_id, call_id, step, card_hash;
};
template <class A>
void Describe(A& a, ShownStep& s) {
  a.Field("session_id", s.session_id), a.Field("call_id", s.call_id), a.Field("step", s.step);
  a.Field("card_hash", s.card_hash);
}

struct ShownAway {
  skill::HowTakenBack how = skill::HowTakenBack::kRemovedByUser;
  std::string version, returns_with;
};
template <class A>
void Describe(A& a, ShownAway& t) {
  a.Field("how", t.how), a.Field("version", t.version), a.Field("returns_with", t.returns_with);
}

struct ShownRule {
  skill::RuleRecord record;
  std::string text, place;     // "" when it does not stand in the skill any more
  std::string patch;           // file in the skill
  std::string counterfactual;  // of the patch
  std::vector<ShownStep> steps;
  std::vector<distill::Waiver> waivers;
  std::optional<ShownAway> taken_back = {};
  bool pinned = false;
};
template <class A>
void Describe(A& a, ShownRule& r) {
  a.Field("id", r.record.id), a.Field("text", r.text), a.Field("place", r.place);
  a.Field("status", r.record.status), a.Field("patch_kind", r.record.patch_kind);
  a.Field("counterfactual_grade", r.record.counterfactual_grade),
      a.Field("evidence_grade", r.record.evidence_grade);
  a.Field("trial", r.record.trial), a.Field("counterfactual", r.counterfactual),
      a.Field("support", r.record.support);
  a.Field("tasks", r.record.tasks), a.Field("expected_savings_usd", r.record.expected_savings_usd);
  a.Field("producer", r.record.producer), a.Field("base_skill_hash", r.record.base_skill_hash);
  a.Field("patch", r.patch), a.Field("evidence", r.steps), a.Field("waivers", r.waivers);
  a.Field("taken_back", r.taken_back);
  if (r.pinned) a.Field("pinned", r.pinned);
}

// Text and place of the blocks that a record is about.
void Locate(const SkillDir& skill, const skill::Decisions& decisions, ShownRule* rule) {
  for (const auto& [path, text] : skill.files) {
    if (!skill::IsMarkdown(path)) continue;
    for (const skill::Block& block : skill::ParseBlocks(text)) {
      bool item = block.kind == skill::BlockKind::kItem && Sha256Hex(block.text) == rule->record.text_hash;
      const auto& blocks = rule->record.blocks;
      if (!item && std::find(blocks.begin(), blocks.end(), block.hash) == blocks.end()) continue;
      auto end = text.begin() + static_cast<std::ptrdiff_t>(block.begin);
      if (rule->place.empty())
        rule->place = fmt::format("{}:{}", path, 1 + std::count(text.begin(), end, '\n'));
      rule->pinned = rule->pinned || decisions.IsPinned(block.hash);
      rule->text += (rule->text.empty() ? "" : "\n") + block.text;
    }
  }
}

// Records of rules that went with a version are gone; what is left of them was taken along, and the patch as
// it was applied says the rest.
skill::RuleRecord RecordOf(const SkillDir& skill, const skill::TakenBack& entry) {
  skill::RuleRecord record;
  if (auto patch = skill::KeptPatch(skill, entry.id)) record = skill::RecordOf(*patch);
  record.id = entry.id, record.text_hash = entry.text_hash, record.patch_kind = entry.patch_kind;
  record.status = skill::RuleStatus::kRemovedByUser;
  record.counterfactual_grade = entry.counterfactual_grade, record.evidence_grade = entry.evidence_grade;
  record.tasks = entry.tasks;
  if (!entry.tasks.empty()) record.support = static_cast<int64_t>(entry.tasks.size());
  return record;
}

std::vector<ShownRule> RulesOf(const SkillDir& skill, skill::Provenance provenance,
                               const skill::Decisions& decisions,
                               const std::vector<distill::Waiver>& waivers) {
  for (const skill::TakenBack& entry : decisions.taken_back) {
    if (!provenance.Find(entry.id)) provenance.rules.push_back(RecordOf(skill, entry));
  }
  std::vector<ShownRule> rules;
  for (const skill::RuleRecord& record : provenance.rules) {
    ShownRule rule{record, "", "", "", "", {}, {}};
    for (const skill::Evidence& each : record.evidence)
      rule.steps.push_back({each.session_id, each.call_id, each.step, each.card_hash});
    Locate(skill, decisions, &rule);
    // One whose text somebody put back is not away.
    if (const skill::TakenBack* away = decisions.Find(record.id); away && rule.place.empty())
      rule.taken_back = {away->how, away->version, skill::WhatBringsItBack(*away)};
    std::string path = skill::KeptPatchPath(record.id);
    if (skill.files.contains(path)) rule.patch = path;
    if (auto patch = skill::KeptPatch(skill, record.id)) {
      rule.counterfactual = patch->counterfactual;
      // A rule that a person took out is known by what we wrote.
      if (rule.text.empty()) rule.text = skill::WrittenText(*patch, record);
    }
    for (const distill::Waiver& waiver : waivers) {
      if (waiver.rule == record.id) rule.waivers.push_back(waiver);
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

bool IsMeant(const ShownRule& rule, const std::vector<std::string>& words) {
  if (words.size() == 1 && rule.record.id.starts_with(words[0])) return true;
  return std::all_of(words.begin(), words.end(),
                     [&](const std::string& word) { return ContainsIgnoreCase(rule.text, word); });
}

void Print(const ShownRule& rule, std::ostream& out) {
  auto line = [&](std::string_view title, const std::string& value) {
    if (!value.empty()) out << fmt::format("{:<15} {}\n", title, Printable(value));
  };
  const skill::RuleRecord& record = rule.record;
  line("rule", record.id);
  line("text", rule.text);
  line("place", rule.place.empty() ? "not in the skill" : rule.place);
  if (!rule.taken_back) line("status", std::string(NameOf(record.status)));
  if (rule.taken_back) {
    std::string from = rule.taken_back->version.substr(0, 12);
    line("taken back", std::string(NameOf(rule.taken_back->how)) + (from.empty() ? "" : " from " + from));
    line("returns with", rule.taken_back->returns_with);
  }
  if (rule.pinned) line("pinned", "no patch changes it or takes it out");
  line("kind", std::string(NameOf(record.patch_kind)));
  line("grades", fmt::format("{} {}", record.counterfactual_grade, record.evidence_grade));
  line("trial", record.trial);
  line("without it", rule.counterfactual);
  line("support", record.support ? fmt::format("{} task{}", *record.support, *record.support == 1 ? "" : "s")
                                 : "unknown");
  line("saves",
       record.expected_savings_usd ? record.expected_savings_usd->ToDecimal() + " USD a session" : "unknown");
  line("producer", record.producer);
  line("patch", rule.patch);
  for (const std::string& task : record.tasks) line("task", task);
  for (const skill::Evidence& each : record.evidence)
    line("step", fmt::format("{} step {} ({})", each.session_id, each.step, each.call_id));
  for (const distill::Waiver& waiver : rule.waivers)
    line("waived", fmt::format("{}{}{} by {}: {}", waiver.check, waiver.id.empty() ? "" : ":", waiver.id,
                               waiver.by, waiver.why));
}

}  // namespace

int SkillWhy(const Arguments& arguments, const World& world) {
  if (arguments.positional.empty())
    return Report(world, UsageOf("why", "a folder and a rule", "DIR RULE|WORD..."));
  auto skill = LoadExistingSkill(arguments.positional[0]);
  if (!skill) return Report(world, skill.error());
  auto provenance = skill::RecordsOf(*skill);
  if (!provenance) return Report(world, provenance.error());
  auto waivers = distill::WaiversOf(*skill);
  if (!waivers) return Report(world, waivers.error());
  auto decisions = skill::DecisionsOf(*skill);
  if (!decisions) return Report(world, decisions.error());
  std::vector<std::string> words = WordsBehindFolder(arguments);
  std::vector<ShownRule> rules = RulesOf(*skill, *provenance, *decisions, *waivers);
  std::erase_if(rules, [&](const ShownRule& rule) { return !IsMeant(rule, words); });
  if (arguments.Has("--json")) {
    *world.out << Encode(rules, DocWriter::Format::kJson) << "\n";
  } else {
    for (size_t i = 0; i < rules.size(); ++i) {
      if (i > 0) *world.out << "\n";
      Print(rules[i], *world.out);
    }
  }
  if (!rules.empty()) return kDone;
  *world.err << fmt::format("{}: {} rules of ours, none of them fits\n", arguments.positional[0],
                            provenance->rules.size());
  return kNo;
}

}  // namespace clawtrace::cli

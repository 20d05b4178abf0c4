#include "distill/merge/taken_back.h"

#include <algorithm>

#include "skill/provenance.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

constexpr int kSame = 75;

// Somebody's item looks like what became of the words: they were edited, not taken back.
bool IsEdited(const SkillView& view, const std::string& words) {
  return std::any_of(view.texts.begin(), view.texts.end(), [&](const SkillText& text) {
    return !text.record && skill::AreAlike(text.text, words);
  });
}

bool IsMissing(const SkillView& view, const skill::RuleRecord& record) {
  if (record.status == skill::RuleStatus::kRemovedByUser) return !view.FindText(record.text_hash);
  if (record.status != skill::RuleStatus::kInSkill || view.FindText(record.text_hash)) return false;
  auto patch = skill::KeptPatch(view.base, record.id);
  if (!patch) return false;
  if (patch->edits.empty()) return !IsEdited(view, skill::RuleText(*patch));
  std::string words = AddedSentence(*patch);
  return !view.EditStands(record) && (words.empty() || !IsEdited(view, words));
}

// Somebody put it back by hand.
bool IsThereAgain(const SkillView& view, const skill::TakenBack& entry) {
  const skill::RuleRecord* record = view.Find(entry.id);
  bool edits = record && !record->blocks.empty();
  return edits ? view.EditStands(*record) : view.FindText(entry.text_hash) != nullptr;
}

}  // namespace

std::vector<FormerRule> FormerRules(const SkillView& view) {
  skill::Decisions all = view.decisions;
  std::erase_if(all.taken_back, [&](const skill::TakenBack& entry) { return IsThereAgain(view, entry); });
  for (const skill::RuleRecord& record : view.provenance.rules) {
    if (!all.Find(record.id) && IsMissing(view, record))
      all.taken_back.push_back(skill::TakenBackOf(record, skill::HowTakenBack::kRemovedByUser, ""));
  }
  std::sort(all.taken_back.begin(), all.taken_back.end(),
            [](const skill::TakenBack& a, const skill::TakenBack& b) { return a.id < b.id; });
  std::vector<FormerRule> former;
  for (skill::TakenBack& entry : all.taken_back) {
    auto patch = skill::KeptPatch(view.base, entry.id);
    std::string words;
    if (patch) words = patch->edits.empty() ? skill::RuleText(*patch) : AddedSentence(*patch);
    former.push_back({std::move(entry), MeaningOf(words)});
  }
  return former;
}

const FormerRule* FormerOf(const std::vector<FormerRule>& former, const Unit& unit,
                           const std::vector<Entry>& entries) {
  auto is = [&](const FormerRule& rule) {
    auto member = [&](size_t i) { return entries[i].patch.id == rule.entry.id; };
    return rule.entry.id == unit.merged.id || std::any_of(unit.members.begin(), unit.members.end(), member);
  };
  auto says = [&](const FormerRule& rule) {
    return !unit.text.empty() && !rule.meaning.text.empty() && SaysSame(unit.meaning, rule.meaning, kSame);
  };
  auto found = std::find_if(former.begin(), former.end(), is);
  if (found == former.end()) found = std::find_if(former.begin(), former.end(), says);
  return found == former.end() ? nullptr : &*found;
}

}  // namespace clawtrace::distill

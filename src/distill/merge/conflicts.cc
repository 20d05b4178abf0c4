#include "distill/merge/conflicts.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "distill/merge/join.h"
#include "model/archive.h"
#include "skill/edits.h"

namespace clawtrace::distill {
namespace {

// One who may contradict another: a unit, or a text of the skill that no unit speaks for.
struct Party {
  std::string id;
  const Meaning* meaning = nullptr;
  Unit* unit = nullptr;
  const SkillText* text = nullptr;
  bool contends = true;
  bool pinned = false;  // where it stands in the skill
  int precedence = 0;   // theirs stand above all: what somebody wrote is not ours to overrule
  int64_t low_ppm = -1, bytes = 0;
  bool alive = true, held = false;

  auto Weight() const { return std::tuple(precedence, -low_ppm); }
  auto Order() const { return std::tuple(precedence, -low_ppm, bytes, std::string_view(id)); }
};

struct Clash {
  ConflictType type;
  size_t a, b;  // parties, a before b in order
};

constexpr size_t kIdDigits = 12;
constexpr int kTheirs = -1, kPinnedHere = 0, kUnproven = 10;

std::string IdOf(const SkillText& text) {
  return text.record ? text.record->id : "skill:" + text.text_hash.substr(0, kIdDigits);
}

// What a record says about a rule of ours.
Patch PatchOf(const skill::RuleRecord& record) {
  Patch patch;
  patch.patch_kind = record.patch_kind;
  patch.counterfactual_grade = record.counterfactual_grade, patch.evidence_grade = record.evidence_grade;
  return patch;
}

std::vector<Party> PartiesOf(const SkillView& view, const std::vector<bool>& contends,
                             const Weighing& weighing, std::vector<Unit>* units) {
  std::vector<Party> parties;
  std::set<const skill::RuleRecord*> spoken_for;
  for (size_t i = 0; i < units->size(); ++i) {
    Unit& unit = (*units)[i];
    if (unit.record) spoken_for.insert(unit.record);
    if (unit.decided && unit.fate != MergeFate::kInSkill) continue;
    parties.push_back(
        {.id = unit.merged.id,
         .meaning = unit.text.empty() ? nullptr : &unit.meaning,
         .unit = &unit,
         .contends = contends[i],
         .pinned = unit.stays,
         .precedence = PrecedenceOf(unit.merged, weighing) + (unit.candidate.empty() ? 0 : kUnproven),
         .low_ppm = unit.low_ppm.value_or(-1),
         .bytes = static_cast<int64_t>(unit.text.size())});
  }
  for (const SkillText& text : view.texts) {
    if (text.record && spoken_for.contains(text.record)) continue;
    bool ours = text.record && text.record->status == skill::RuleStatus::kInSkill;
    int precedence = kTheirs;
    if (ours) precedence = text.pinned ? kPinnedHere : PrecedenceOf(PatchOf(*text.record), weighing);
    parties.push_back({.id = IdOf(text),
                       .meaning = &text.meaning,
                       .text = &text,
                       .pinned = text.pinned,
                       .precedence = precedence,
                       .bytes = static_cast<int64_t>(text.text.size())});
  }
  std::sort(parties.begin(), parties.end(),
            [](const Party& a, const Party& b) { return a.Order() < b.Order(); });
  return parties;
}

// What is said about units: with each other and with texts of the skill, never two texts of the skill.
void FindSpoken(const std::vector<Party>& parties, std::vector<Clash>* clashes) {
  constexpr int kAlike = 50;
  struct Said {
    std::vector<size_t> indexes;
    std::vector<const TermVector*> vectors;
  };
  Said units, texts;
  for (size_t i = 0; i < parties.size(); ++i) {
    if (!parties[i].meaning) continue;
    const Meaning& meaning = *parties[i].meaning;
    Said& list = parties[i].unit ? units : texts;
    list.indexes.push_back(i), list.vectors.push_back(&meaning.all);
    // A rule with a condition is alike another one in what it says, too.
    if (meaning.body.terms != meaning.all.terms)
      list.indexes.push_back(i), list.vectors.push_back(&meaning.body);
    if (meaning.choice) list.indexes.push_back(i), list.vectors.push_back(&meaning.choice->both);
  }
  std::set<std::pair<size_t, size_t>> compared;
  auto compare = [&](size_t one, size_t other) {
    size_t a = std::min(one, other), b = std::max(one, other);
    if (a == b || !compared.emplace(a, b).second) return;
    if (auto type = ContradictionOf(*parties[a].meaning, *parties[b].meaning))
      clashes->push_back({*type, a, b});
  };
  ForAlikePairs(units.vectors, kAlike,
                [&](size_t i, size_t k) { compare(units.indexes[i], units.indexes[k]); });
  ForAlikeAcross(units.vectors, texts.vectors, kAlike,
                 [&](size_t i, size_t k) { compare(units.indexes[i], texts.indexes[k]); });
}

// What a rule with this signature wants done again or not done again, in the words of waste lessons: of the
// repeat that mining found in "exec:make|ok x2" a command. Empty: it is about no repeat.
std::vector<std::string_view> RepeatsOf(std::string_view signature) {
  constexpr std::string_view kRepeats = "waste:exact_repeat/";
  constexpr auto kAlike =
      std::to_array<std::string_view>({"read", "list", "search", "check", "state", "fetch"});
  if (signature.starts_with(kRepeats)) return {signature.substr(kRepeats.size())};
  if (signature == "waste:repeated_look") return {"read", "list", "search", "check", "state"};
  size_t times = signature.rfind(" x");
  if (times == std::string_view::npos || !ParseInt(signature.substr(times + 2))) return {};
  std::string_view deed = signature.substr(0, std::min(times, signature.find('|')));
  if (deed.starts_with("tool:")) return {"tool"};
  for (std::string_view program : {"exec:git-status", "exec:git-log", "exec:git-diff"}) {
    if (deed == program) return {"state"};
  }
  std::string_view what = deed.substr(0, deed.find(':'));
  if (what == "exec") return {"command"};
  return std::ranges::find(kAlike, what) == kAlike.end() ? std::vector<std::string_view>()
                                                         : std::vector<std::string_view>{what};
}

// A prune rule and a preserve rule about one thing, each pair once.
void AddOpposed(const std::map<std::string_view, std::vector<size_t>>& by_thing,
                const std::vector<Party>& parties, std::set<std::pair<size_t, size_t>>* told,
                std::vector<Clash>* clashes) {
  for (const auto& [thing, list] : by_thing) {
    for (size_t i = 0; i < list.size(); ++i) {
      for (size_t k = 0; k < i; ++k) {
        std::set<PatchKind> kinds = {parties[list[i]].unit->merged.patch_kind,
                                     parties[list[k]].unit->merged.patch_kind};
        bool opposed = kinds == std::set<PatchKind>{PatchKind::kPrune, PatchKind::kPreserve};
        if (opposed && told->emplace(list[k], list[i]).second)
          clashes->push_back({ConflictType::kPruneVsPreserve, list[k], list[i]});
      }
    }
  }
}

// The same steps: of one signature, or repeats of one kind, which mining and replay call by other names. Such
// rules need no word in common ("run it once", "call it again"). Where words oppose them that is told alone,
// but a condition is no way out: all repeats are made while nothing has changed.
void FindSignatures(const std::vector<Party>& parties, std::vector<Clash>* clashes) {
  std::map<std::string_view, std::vector<size_t>> by_signature, by_repeat;
  for (size_t i = 0; i < parties.size(); ++i) {
    const Unit* unit = parties[i].unit;
    if (!unit || unit->merged.signature.empty()) continue;
    by_signature[unit->merged.signature].push_back(i);
    for (std::string_view what : RepeatsOf(unit->merged.signature)) by_repeat[what].push_back(i);
  }
  std::set<std::pair<size_t, size_t>> told, repeats;
  AddOpposed(by_signature, parties, &told, clashes);
  for (const Clash& clash : *clashes) {
    if (clash.type != ConflictType::kConditionOverlap) told.emplace(clash.a, clash.b);
  }
  std::vector<Clash> opposed;
  AddOpposed(by_repeat, parties, &told, &opposed);
  for (const Clash& clash : opposed) repeats.emplace(clash.a, clash.b);
  std::erase_if(*clashes, [&](const Clash& clash) { return repeats.contains({clash.a, clash.b}); });
  clashes->insert(clashes->end(), opposed.begin(), opposed.end());
}

// Blocks of one file that an edit means, and whether they go.
struct Touch {
  std::string file;
  size_t first = 0, last = 0;
  bool replaces = false, deletes = false;
  const PatchEdit* edit = nullptr;
};

std::vector<Touch> TouchesOf(const SkillView& view, const Unit& unit) {
  std::vector<Touch> touches;
  for (const PatchEdit& edit : unit.merged.edits) {
    auto file = view.files.find(edit.file);
    if (file == view.files.end() || edit.op == EditOp::kCreateFile || edit.op == EditOp::kAddSection)
      continue;
    Touch touch{.file = edit.file, .edit = &edit};
    touch.replaces = edit.op == EditOp::kReplace;
    touch.deletes =
        edit.op == EditOp::kRemove || edit.op == EditOp::kDeleteSection || edit.op == EditOp::kDeleteFile;
    if (edit.op == EditOp::kDeleteFile) {
      touch.last = file->second.size() + 1;
    } else {
      skill::Place place = skill::FindPlace(file->second, edit);
      if (!place.problem.empty()) continue;
      touch.first = place.first, touch.last = place.last;
      // An append stands behind the last block of its section.
      if (edit.op == EditOp::kAppendToSection) --touch.first;
    }
    touches.push_back(touch);
  }
  return touches;
}

std::optional<ConflictType> ClashOf(const Touch& a, const Touch& b) {
  bool meet = a.file == b.file && a.first < b.last && b.first < a.last;
  if (!meet || (a.deletes && b.deletes)) return std::nullopt;
  if (a.deletes || b.deletes) return ConflictType::kDeletedBlock;
  bool other = a.edit->new_text != b.edit->new_text;
  return a.replaces && b.replaces && other ? std::optional(ConflictType::kSameBlock) : std::nullopt;
}

std::set<ConflictType> ClashesOf(const std::vector<Touch>& one, const std::vector<Touch>& other) {
  std::set<ConflictType> types;
  for (const Touch& a : one) {
    for (const Touch& b : other) {
      if (auto type = ClashOf(a, b)) types.insert(*type);
    }
  }
  return types;
}

void FindTouches(const SkillView& view, const std::vector<Party>& parties, std::vector<Clash>* clashes) {
  std::vector<std::pair<size_t, std::vector<Touch>>> editors;
  for (size_t i = 0; i < parties.size(); ++i) {
    const Unit* unit = parties[i].unit;
    if (unit && unit->is_edit() && !unit->record) editors.emplace_back(i, TouchesOf(view, *unit));
  }
  for (size_t i = 0; i < editors.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      for (ConflictType type : ClashesOf(editors[i].second, editors[k].second))
        clashes->push_back({type, editors[k].first, editors[i].first});
    }
  }
}

using Steps = std::map<size_t, std::set<size_t>>;

bool Reaches(const Steps& next, size_t from, size_t to) {
  std::set<size_t> seen = {from};
  std::vector<size_t> open = {from};
  while (!open.empty()) {
    size_t at = open.back();
    open.pop_back();
    if (at == to) return true;
    auto steps = next.find(at);
    if (steps == next.end()) continue;
    for (size_t step : steps->second) {
      if (seen.insert(step).second) open.push_back(step);
    }
  }
  return false;
}

// What is ordered: phrases 2 e and 2 e + 1 are what edge e wants first and then.
struct Orders {
  std::vector<const TermVector*> phrases;
  std::vector<size_t> owner;  // of each edge, index of the party
  void Add(const Party& party, size_t index) {
    for (const auto& [first, then] : party.meaning->orders)
      phrases.push_back(&first), phrases.push_back(&then), owner.push_back(index);
  }
};

// Of units, and of texts of the skill that order something that a unit orders too.
Orders OrdersOf(const std::vector<Party>& parties, int alike) {
  Orders of_units, of_texts, all;
  for (size_t i = 0; i < parties.size(); ++i) {
    const Party& party = parties[i];
    if (!party.meaning || !party.contends || !party.alive || party.held) continue;
    (party.unit ? of_units : of_texts).Add(party, i);
  }
  std::set<size_t> owners(of_units.owner.begin(), of_units.owner.end());
  ForAlikeAcross(of_units.phrases, of_texts.phrases, alike,
                 [&](size_t, size_t k) { owners.insert(of_texts.owner[k / 2]); });
  for (size_t i : owners) all.Add(parties[i], i);
  return all;
}

// Rules whose orders form a ring of three and more: A before B, B before C, C before A.
std::vector<size_t> FindRing(const std::vector<Party>& parties) {
  constexpr int kAlike = 60;
  Orders orders = OrdersOf(parties, kAlike);
  const std::vector<size_t>& owner = orders.owner;
  UnionFind things(orders.phrases.size());
  ForAlikePairs(orders.phrases, kAlike, [&](size_t a, size_t b) { things.Unite(a, b); });
  Steps next;
  for (size_t e = 0; e < owner.size(); ++e) {
    size_t from = things.Root(2 * e), to = things.Root(2 * e + 1);
    if (from != to) next[from].insert(to);
  }
  std::set<size_t> ring;
  bool unit = false;
  for (size_t e = 0; e < owner.size(); ++e) {
    size_t from = things.Root(2 * e), to = things.Root(2 * e + 1);
    if (from == to || !Reaches(next, to, from)) continue;
    ring.insert(owner[e]);
    unit = unit || parties[owner[e]].unit;
  }
  // What two texts of the skill want of each other is nobody's question here.
  return ring.size() < 3 || !unit ? std::vector<size_t>() : std::vector<size_t>(ring.begin(), ring.end());
}

bool Applies(const Party& party) { return party.contends && party.alive; }

// A prune rule that replay confirms holds where a preserve rule was not found to matter.
bool IsDefaultAndException(const Clash& clash, const Party& a, const Party& b) {
  if (clash.type == ConflictType::kConditionOverlap) return true;
  if (clash.type != ConflictType::kPruneVsPreserve) return false;
  const Party& prune = a.unit->merged.patch_kind == PatchKind::kPrune ? a : b;
  const Party& preserve = &prune == &a ? b : a;
  return preserve.meaning && prune.meaning && !preserve.meaning->condition.empty() &&
         !SameCondition(*prune.meaning, *preserve.meaning) && prune.precedence > preserve.precedence;
}

bool DecidesByPrecedence(const Clash& clash, const Party& a, const Party& b) {
  if (clash.type == ConflictType::kDeletedBlock || clash.type == ConflictType::kOrder || b.pinned)
    return false;
  if (clash.type == ConflictType::kExclusiveValues || clash.type == ConflictType::kPruneVsPreserve)
    return a.precedence != kTheirs;
  return a.precedence != kTheirs && a.Weight() != b.Weight();
}

std::string RationaleOf(const Clash& clash, const Party& a, const Party& b, Resolution resolution) {
  switch (resolution) {
    case Resolution::kPrecedence:
      if (a.precedence != b.precedence) return "evidence of a higher rank";
      if (a.low_ppm != b.low_ppm) return "more of the tasks that could show it do";
      return a.bytes != b.bytes ? "the same evidence; it is shorter" : "the same evidence; the id decides";
    case Resolution::kException:
      return "the one without a condition is the default, the other its exception";
    case Resolution::kHeld:
      if (a.precedence == kTheirs) return "the skill says otherwise in words that are not ours";
      return clash.type == ConflictType::kOrder || clash.type == ConflictType::kDeletedBlock
                 ? "a person has to decide"
                 : "nothing speaks more for one than for the other";
    case Resolution::kNotAdmitted:
      return "one of them is not in the skill";
    case Resolution::kFixed:
    case Resolution::kDropped:
      return "";
  }
  return "";
}

class Resolver {
 public:
  Resolver(std::vector<Party>* parties, std::vector<std::string>* losers)
      : parties_(*parties), losers_(*losers) {}

  std::vector<MergeConflict> Run(std::vector<Clash> clashes) {
    std::sort(clashes.begin(), clashes.end(), [](const Clash& a, const Clash& b) {
      return std::tuple(a.a, a.b, a.type) < std::tuple(b.a, b.b, b.type);
    });
    // Who wins is settled from the strongest down, so that a loser takes nobody along; what is held is held
    // among those that are left.
    std::vector<const Clash*> open;
    for (const Clash& clash : clashes) {
      Party &a = parties_[clash.a], &b = parties_[clash.b];
      if (!Applies(a) || !Applies(b)) {
        Tell(clash, Resolution::kNotAdmitted);
      } else if (IsDefaultAndException(clash, a, b)) {
        Tell(clash, Resolution::kException);
      } else if (DecidesByPrecedence(clash, a, b)) {
        Lose(clash);
        Tell(clash, Resolution::kPrecedence);
      } else {
        open.push_back(&clash);
      }
    }
    for (const Clash* clash : open) {
      bool both = Applies(parties_[clash->a]) && Applies(parties_[clash->b]);
      if (both) Hold(*clash);
      Tell(*clash, both ? Resolution::kHeld : Resolution::kNotAdmitted);
    }
    if (std::vector<size_t> ring = FindRing(parties_); !ring.empty()) HoldRing(ring);
    std::sort(conflicts_.begin(), conflicts_.end(), [](const MergeConflict& a, const MergeConflict& b) {
      return std::tie(a.type, a.rules, a.resolution) < std::tie(b.type, b.rules, b.resolution);
    });
    return std::move(conflicts_);
  }

 private:
  void Tell(const Clash& clash, Resolution resolution) {
    const Party &a = parties_[clash.a], &b = parties_[clash.b];
    MergeConflict conflict{.type = clash.type, .rules = {a.id, b.id}, .resolution = resolution};
    std::sort(conflict.rules.begin(), conflict.rules.end());
    if (resolution == Resolution::kPrecedence) conflict.winner = a.id;
    conflict.rationale = RationaleOf(clash, a, b, resolution);
    conflicts_.push_back(std::move(conflict));
  }
  void Lose(const Clash& clash) {
    Party& b = parties_[clash.b];
    b.alive = false;
    if (b.unit)
      b.unit->Decide(MergeFate::kLostOut, std::string(NameOf(clash.type)), parties_[clash.a].id);
    else if (b.text)
      losers_.push_back(b.id);
  }
  // What stands in the skill stays until a person decides; what is new waits.
  void Hold(const Clash& clash) {
    for (auto [one, other] : {std::pair(clash.a, clash.b), std::pair(clash.b, clash.a)}) {
      Party& party = parties_[one];
      party.held = true;
      if (party.unit && !party.unit->in_skill)
        party.unit->Decide(MergeFate::kHeld, std::string(NameOf(clash.type)), parties_[other].id);
    }
  }
  void HoldRing(const std::vector<size_t>& ring) {
    MergeConflict conflict{.type = ConflictType::kOrder,
                           .rationale = "each is fine alone; together they go round"};
    for (size_t i : ring) {
      conflict.rules.push_back(parties_[i].id);
      Unit* unit = parties_[i].unit;
      if (unit && !unit->in_skill) unit->Decide(MergeFate::kHeld, "order", parties_[ring[0]].id);
    }
    std::sort(conflict.rules.begin(), conflict.rules.end());
    conflicts_.push_back(std::move(conflict));
  }

  std::vector<Party>& parties_;
  std::vector<std::string>& losers_;
  std::vector<MergeConflict> conflicts_;
};

}  // namespace

std::vector<MergeConflict> ResolveConflicts(const SkillView& view, const std::vector<bool>& contends,
                                            const Weighing& weighing, std::vector<Unit>* units,
                                            std::vector<std::string>* losers) {
  std::vector<Party> parties = PartiesOf(view, contends, weighing, units);
  std::vector<Clash> clashes;
  FindSpoken(parties, &clashes);
  FindSignatures(parties, &clashes);
  FindTouches(view, parties, &clashes);
  return Resolver(&parties, losers).Run(std::move(clashes));
}

}  // namespace clawtrace::distill

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/hash.h"
#include "distill/interchange/foreign.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

struct Format {
  std::string_view member;  // that tells it
  void (*read)(const Foreign& from);
};
constexpr auto kFormats = std::to_array<Format>({{"rule_text", ReadCostCraft},
                                                 {"items", ReadRecord},
                                                 {"edits", ReadEdits},
                                                 {"failure_cause", ReadPatterns},
                                                 {"failure_memory", ReadPatterns},
                                                 {"success_memory", ReadPatterns}});

bool ReadElement(const Foreign& from) {
  for (const Format& format : kFormats) {
    if (!from.element[format.member]) continue;
    format.read(from);
    return true;
  }
  return false;
}

std::string TextOf(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? std::string(value.text()) : value.Canonical();
}

// The words of two that propose one rule: the first one's stand, the other's become remarks.
void Join(Patch* into, const Patch& other) {
  std::set<std::string> tasks(into->tasks.begin(), into->tasks.end());
  tasks.insert(other.tasks.begin(), other.tasks.end());
  into->tasks.assign(tasks.begin(), tasks.end());
  if (!into->tasks.empty()) into->support = static_cast<int64_t>(into->tasks.size());
  std::set<PatchRemark> remarks(into->remarks.begin(), into->remarks.end());
  remarks.insert(other.remarks.begin(), other.remarks.end());
  const std::string task = other.tasks.size() == 1 ? other.tasks[0] : "";
  for (auto [field, name] :
       {std::pair(&Patch::counterfactual, "counterfactual"), std::pair(&Patch::section, "skill_section"),
        std::pair(&Patch::rule, "rule_text")}) {
    if ((into->*field).empty())
      into->*field = other.*field;
    else if (!(other.*field).empty() && into->*field != other.*field)
      remarks.insert({other.producer, task, name, other.*field});
  }
  into->remarks.assign(remarks.begin(), remarks.end());
}

// In one order whatever the document's, so that joining gives the same.
void JoinSame(std::vector<Patch>* patches) {
  std::vector<std::pair<std::string, Patch>> keyed;
  for (Patch& patch : *patches) {
    std::string key = fmt::format("{}\n{}", patch.id, EncodePatch(patch, true));
    keyed.emplace_back(std::move(key), std::move(patch));
  }
  std::sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  patches->clear();
  for (auto& [key, patch] : keyed) {
    if (!patches->empty() && patches->back().id == patch.id)
      Join(&patches->back(), patch);
    else
      patches->push_back(std::move(patch));
  }
}

}  // namespace

void Foreign::Refuse(std::string reason, std::string detail) const {
  out->refused.push_back({place, std::move(reason), std::move(detail), element.Canonical()});
}

void Foreign::Note(std::string reason, std::string detail) const {
  out->notes.push_back({place, std::move(reason), std::move(detail), ""});
}

void KeepRest(const Json& object, std::initializer_list<std::string_view> mapped, const PatchRemark& of,
              std::vector<PatchRemark>* remarks) {
  object.ForEachField([&](std::string_view key, const Json& value) {
    if (std::find(mapped.begin(), mapped.end(), key) != mapped.end()) return;
    std::string text = TextOf(value);
    if (!text.empty())
      remarks->push_back({of.format, of.task, fmt::format("{}{}", of.name, key), std::move(text)});
  });
}

std::string ImportedId(PatchKind kind, std::string_view content) {
  constexpr size_t kDigits = 12;
  return fmt::format("{}-{}", NameOf(kind),
                     Sha256Hex(fmt::format("{}\nimported\n{}", NameOf(kind), content)).substr(0, kDigits));
}

std::string RemarkOf(const Patch& patch, std::string_view task, std::string_view name) {
  for (const PatchRemark& remark : patch.remarks) {
    if (remark.name == name && (task.empty() || remark.task.empty() || remark.task == task))
      return remark.text;
  }
  return "";
}

void SortRemarks(Patch* patch) {
  std::sort(patch->remarks.begin(), patch->remarks.end());
  patch->remarks.erase(std::unique(patch->remarks.begin(), patch->remarks.end()), patch->remarks.end());
}

void TakeRule(Patch patch, const Foreign& from) {
  patch.schema = "patch/1";
  patch.rule = skill::CollapseSpace(patch.rule);
  patch.section = skill::CollapseSpace(patch.section);
  patch.id = ImportedId(patch.patch_kind, skill::RuleText(patch));
  SortRemarks(&patch);
  if (std::string why = skill::RuleRefusal(patch); !why.empty()) return from.Refuse("no_rule", why);
  from.out->patches.push_back(std::move(patch));
}

Result<ImportedPatches> ImportPatches(std::string_view text, std::string_view name, const SkillDir* skill) {
  JsonParser parser;
  auto document = parser.Parse(text);
  if (!document)
    return Fail(ErrorCode::kCorruptData, fmt::format("{} is no JSON document", name),
                "patch JSON of CostCraft or Trace2Skill, or an archive of a skill (ZIP, tar.gz)");
  ImportedPatches out;
  bool known = document->is_array() && document->size() == 0;
  auto read = [&](const Json& element, std::string place) {
    Foreign from{element, std::move(place), skill, &out};
    if (ReadElement(from))
      known = true;
    else
      from.Refuse("unknown_shape", "no member that tells which format this is");
  };
  if (document->is_array()) {
    size_t index = 0;
    document->ForEachItem([&](const Json& item) { read(item, fmt::format("[{}]", index++)); });
  } else {
    read(*document, "");
  }
  if (!known)
    return Fail(ErrorCode::kUnsupported, fmt::format("{}: no patches of a known format", name),
                "patch JSON of CostCraft or Trace2Skill, record or pattern lists of Trace2Skill");
  JoinSame(&out.patches);
  return out;
}

ImportedPatches JoinImports(std::vector<ImportedPatches> imports) {
  ImportedPatches all;
  for (ImportedPatches& one : imports) {
    std::move(one.patches.begin(), one.patches.end(), std::back_inserter(all.patches));
    std::move(one.refused.begin(), one.refused.end(), std::back_inserter(all.refused));
    std::move(one.notes.begin(), one.notes.end(), std::back_inserter(all.notes));
  }
  JoinSame(&all.patches);
  return all;
}

}  // namespace clawtrace::distill

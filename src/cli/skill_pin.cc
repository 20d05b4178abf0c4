#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "cli/skill_actions.h"
#include "cli/table.h"
#include "skill/decisions.h"
#include "skill/editor.h"
#include "skill/edits.h"
#include "skill/paths.h"

namespace clawtrace::cli {
namespace {

struct Found {
  skill::Pin pin;
  std::string text;
};

// Id of the rule of ours that a block is; "" = none.
std::string RuleOf(const skill::Provenance& records, const skill::Block& block) {
  std::string text_hash = skill::HashOfRule(block.text);
  for (const skill::RuleRecord& record : records.rules) {
    bool item = block.kind == skill::BlockKind::kItem && record.text_hash == text_hash;
    bool other = std::find(record.blocks.begin(), record.blocks.end(), block.hash) != record.blocks.end();
    if (item || other) return record.id;
  }
  return "";
}

// Items and paragraphs that are the rule with that id, or that hold all of the words.
std::vector<Found> Find(const SkillDir& skill, const skill::Provenance& records,
                        const std::vector<std::string>& words) {
  std::vector<Found> found;
  for (const auto& [path, text] : skill.files) {
    if (!skill::IsEditable(path)) continue;
    for (const skill::Block& block : skill::ParseBlocks(text)) {
      if (block.kind != skill::BlockKind::kItem && block.kind != skill::BlockKind::kParagraph) continue;
      std::string rule = RuleOf(records, block);
      bool by_id = words.size() == 1 && !rule.empty() && rule == words[0];
      bool by_words = std::all_of(words.begin(), words.end(), [&](const std::string& word) {
        return ContainsIgnoreCase(block.text, word);
      });
      if (by_id || by_words) found.push_back({{block.hash, rule, ""}, block.text});
    }
  }
  return found;
}

int Change(const Arguments& arguments, const World& world, bool pin) {
  std::vector<std::string> words = WordsBehindFolder(arguments);
  if (words.empty())
    return Report(world, UsageOf(pin ? "pin" : "unpin", "a folder and a rule", "DIR RULE|WORD..."));
  const std::string& path = arguments.positional[0];
  auto skill = LoadExistingSkill(path);
  if (!skill) return Report(world, skill.error());
  auto records = skill::RecordsOf(*skill);
  if (!records) return Report(world, records.error());
  auto decisions = skill::DecisionsOf(*skill);
  if (!decisions) return Report(world, decisions.error());
  std::vector<Found> found = Find(*skill, *records, words);
  if (found.size() != 1) {
    *world.err << fmt::format("{}: {} items and paragraphs fit, one has to\n", path, found.size());
    for (const Found& each : found) *world.err << Printable(each.text) << "\n";
    return kNo;
  }
  skill::Pin chosen = found[0].pin;
  std::string by = arguments.Value("--by");
  chosen.by = by.size() <= 400 ? Printable(by) : "";
  std::erase_if(decisions->pins, [&](const skill::Pin& known) { return known.block == chosen.block; });
  if (pin) decisions->pins.push_back(std::move(chosen));
  const SkillDir read = *skill;
  SaveOptions options{.gone = {}, .instead_of = &read};
  bool had = skill->files.contains(std::string(skill::kDecisionsFile));
  skill::KeepDecisions(std::move(*decisions), &*skill);
  if (had && !skill->files.contains(std::string(skill::kDecisionsFile)))
    options.gone.insert(std::string(skill::kDecisionsFile));
  if (Status saved = SaveSkill(*skill, path, options); !saved) return Report(world, saved.error());
  *world.out << fmt::format("{}: {}\n", pin ? "pinned" : "not pinned", Printable(found[0].text));
  return kDone;
}

}  // namespace

int SkillPin(const Arguments& arguments, const World& world) { return Change(arguments, world, true); }
int SkillUnpin(const Arguments& arguments, const World& world) { return Change(arguments, world, false); }

}  // namespace clawtrace::cli

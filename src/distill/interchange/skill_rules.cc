#include <algorithm>
#include <map>
#include <utility>

#include "base/hash.h"
#include "distill/interchange/interchange.h"
#include "skill/blocks.h"
#include "skill/edits.h"
#include "skill/provenance.h"

namespace clawtrace::distill {
namespace {

struct Text {
  std::string text, section;
};

// What is kept of the patch, and what the record says, which is newer.
Patch PatchOf(const skill::RuleRecord& record, const SkillDir& skill) {
  Patch patch = skill::KeptPatch(skill, record.id).value_or(Patch());
  // The text as it stands has its condition in it, and blocks are joined to one text.
  patch.condition.clear(), patch.edits.clear(), patch.target_steps.clear();
  patch.schema = "patch/1", patch.id = record.id, patch.patch_kind = record.patch_kind;
  patch.section = record.section, patch.tasks = record.tasks, patch.support = record.support;
  patch.counterfactual_grade = record.counterfactual_grade, patch.evidence_grade = record.evidence_grade;
  patch.expected_savings_usd = record.expected_savings_usd;
  patch.producer = record.producer, patch.base_skill_hash = record.base_skill_hash;
  for (const skill::Evidence& step : record.evidence)
    patch.target_steps.push_back({step.session_id, step.call_id, step.step, step.card_hash});
  return patch;
}

// Texts of a skill by the two hashes that records know them by.
struct Texts {
  std::map<std::string, Text> items, blocks;

  explicit Texts(const SkillDir& skill) {
    for (const auto& [path, bytes] : skill.files) {
      if (!skill::IsEditable(path)) continue;
      for (const skill::Block& block : skill::ParseBlocks(bytes)) Add(block);
    }
  }

  // Of several blocks one text.
  Text Of(const skill::RuleRecord& record) const {
    if (auto item = items.find(record.text_hash); item != items.end()) return item->second;
    Text all;
    for (const std::string& hash : record.blocks) {
      auto block = blocks.find(hash);
      if (block == blocks.end()) continue;
      all.text += (all.text.empty() ? "" : " ") + block->second.text;
      all.section = block->second.section;
    }
    return all;
  }

 private:
  void Add(const skill::Block& block) {
    size_t cut = block.heading_path.rfind(" > ");
    Text text{block.text, cut == std::string::npos ? block.heading_path : block.heading_path.substr(cut + 3)};
    if (block.kind == skill::BlockKind::kItem) items.emplace(Sha256Hex(block.text), text);
    blocks.emplace(block.hash, std::move(text));
  }
};

}  // namespace

Result<SkillRules> RulesOf(const SkillDir& skill) {
  SkillRules rules;
  auto provenance = skill::RecordsOf(skill);
  if (!provenance) return std::unexpected(provenance.error());
  Texts texts(skill);
  for (const skill::RuleRecord& record : provenance->rules) {
    Patch patch = PatchOf(record, skill);
    Text text = texts.Of(record);
    if (text.text.empty()) {
      rules.notes.push_back({record.id, "rule_not_in_skill", "somebody edited or removed it", ""});
      continue;
    }
    patch.rule = text.text;
    if (patch.section.empty()) patch.section = text.section;
    if (!record.blocks.empty())
      rules.notes.push_back({record.id, "edits_joined", "its blocks as one text", ""});
    rules.patches.push_back(std::move(patch));
  }
  std::sort(rules.patches.begin(), rules.patches.end(),
            [](const Patch& a, const Patch& b) { return a.id < b.id; });
  return rules;
}

std::string EvidenceLines(const SkillRules& rules) {
  std::string lines;
  for (Patch patch : rules.patches) {
    // Sentences of models and of other distillers may quote a trace.
    bool ours = patch.producer.starts_with("clawtrace/") && patch.prompt_hash.empty();
    if (!ours || !patch.remarks.empty()) patch.counterfactual.clear();
    patch.remarks.clear(), patch.checks.clear();
    lines += EncodePatch(patch, true);
    if (!lines.ends_with('\n')) lines += '\n';
  }
  return lines;
}

}  // namespace clawtrace::distill

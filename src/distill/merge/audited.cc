#include "distill/merge/audited.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "distill/merge/units.h"
#include "skill/blocks.h"
#include "skill/edits.h"
#include "skill/lint.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

// The block that a finding is about; nullopt when it is about a file or the directory.
std::optional<skill::Block> BlockOf(const SkillDir& skill, const AuditFinding& finding) {
  auto file = skill.files.find(finding.file);
  if (finding.line <= 0 || file == skill.files.end()) return std::nullopt;
  size_t begin = 0;
  for (int64_t line = 1; line < finding.line && begin != std::string::npos; ++line) {
    begin = file->second.find('\n', begin);
    if (begin != std::string::npos) ++begin;
  }
  for (skill::Block& block : skill::ParseBlocks(file->second)) {
    if (block.begin <= begin && begin < block.end) return std::move(block);
  }
  return std::nullopt;
}

// Puts the text of the block into the skill.
bool Brings(const Patch& patch, const skill::Block& block) {
  if (block.kind == skill::BlockKind::kHeading && patch.edits.empty())
    return skill::SectionName(patch.section) == block.text;
  if (patch.edits.empty())
    return block.kind == skill::BlockKind::kItem && skill::RuleText(patch) == block.text;
  return std::any_of(patch.edits.begin(), patch.edits.end(), [&](const PatchEdit& edit) {
    bool titled = edit.op == EditOp::kAddSection || edit.op == EditOp::kAppendToSection;
    if (titled && block.kind == skill::BlockKind::kHeading)
      return skill::SectionOfPath(edit.heading_path) == block.text;
    std::vector<skill::Block> fresh = skill::ParseBlocks(edit.new_text);
    return std::any_of(fresh.begin(), fresh.end(), [&](const skill::Block& each) {
      return each.hash == block.hash || each.text == block.text;
    });
  });
}

bool Creates(const Patch& patch, const std::string& file) {
  return std::any_of(patch.edits.begin(), patch.edits.end(), [&](const PatchEdit& edit) {
    return edit.op == EditOp::kCreateFile && edit.file == file;
  });
}

// Cites what the finding says that there is not.
bool Cites(const Patch& patch, const AuditFinding& finding) {
  return std::any_of(patch.target_steps.begin(), patch.target_steps.end(), [&](const PatchStep& step) {
    for (const std::string& cited : {step.session_id, step.session_id + " " + step.step}) {
      if (skill::PlainText(cited, skill::kMaxLiteral) == finding.literal) return true;
    }
    return false;
  });
}

class Attribution {
 public:
  Attribution(const MergeResult& merged, const Reduced& reduced, const MergeOptions& options)
      : merged_(merged) {
    for (const Patch& patch : reduced.patches) {
      if (!options.refused.contains(KeyOfPatch(patch)))
        patches_.push_back(skill::PlainPatch(patch)), originals_.push_back(&patch);
    }
  }

  // The patches that a finding comes from, as they were given; none: nobody's.
  std::vector<const Patch*> Of(const AuditFinding& finding) const {
    std::vector<size_t> members = MembersOf(finding.rule);
    if (finding.check == "evidence-id") {
      std::vector<size_t> citing;
      std::copy_if(members.begin(), members.end(), std::back_inserter(citing),
                   [&](size_t i) { return Cites(patches_[i], finding); });
      return Originals(citing.empty() ? members : citing);
    }
    std::vector<size_t> bringing;
    std::optional<skill::Block> block = BlockOf(merged_.skill, finding);
    for (size_t i = 0; i < patches_.size(); ++i) {
      bool brings = block ? Brings(patches_[i], *block) : Creates(patches_[i], finding.file);
      if (brings && IsWritten(i)) bringing.push_back(i);
    }
    return Originals(bringing.empty() ? members : bringing);
  }

 private:
  // Says a rule or edit that this merge wrote, or that stood there and that it speaks for.
  bool IsWritten(size_t index) const {
    return std::any_of(merged_.report.rules.begin(), merged_.report.rules.end(), [&](const MergedRule& rule) {
      bool there = rule.fate == MergeFate::kWritten || rule.fate == MergeFate::kInSkill;
      return there && std::binary_search(rule.members.begin(), rule.members.end(), patches_[index].id);
    });
  }

  std::vector<size_t> MembersOf(const std::string& rule_id) const {
    std::vector<size_t> members;
    if (rule_id.empty()) return members;
    for (const MergedRule& rule : merged_.report.rules) {
      if (rule.id != rule_id) continue;
      for (size_t i = 0; i < patches_.size(); ++i) {
        if (std::binary_search(rule.members.begin(), rule.members.end(), patches_[i].id))
          members.push_back(i);
      }
    }
    return members;
  }

  std::vector<const Patch*> Originals(const std::vector<size_t>& indexes) const {
    std::vector<const Patch*> out;
    for (size_t i : indexes) out.push_back(originals_[i]);
    return out;
  }

  const MergeResult& merged_;
  std::vector<Patch> patches_;  // with plain ids
  std::vector<const Patch*> originals_;
};

std::string ReasonOf(const AuditFinding& finding) {
  return fmt::format("{}:{} {}", finding.check, finding.id, finding.message);
}

// A model's words are nobody's evidence: the rule is tried with its own first.
bool IsReworded(const MergeReport& report, const std::string& rule_id) {
  return std::any_of(report.rules.begin(), report.rules.end(), [&](const MergedRule& rule) {
    return rule.id == rule_id && rule.reworded == kReworded;
  });
}

// Nothing admitted is an answer, and what stays as it is waits for no audit.
AuditReport Unchanged(const SkillDir& skill) {
  AuditReport report;
  if (!skill.files.empty()) report.before_hash = report.after_hash = SkillHash(skill);
  return report;
}

// What the next round leaves out because of a finding; false: nobody is to blame.
bool KeepOut(const AuditFinding& finding, const MergeResult& merged, const Attribution& attribution,
             MergeOptions* round, std::map<std::string, AuditFinding>* against) {
  if (IsReworded(merged.report, finding.rule)) {
    round->own_words.insert(finding.rule);
    return true;
  }
  std::vector<const Patch*> patches = attribution.Of(finding);
  for (const Patch* patch : patches) {
    against->emplace(finding.id, finding);
    std::string& why = round->refused[KeyOfPatch(*patch)];
    std::string reason = ReasonOf(finding);
    if (why.find(reason) == std::string::npos) why += (why.empty() ? "" : "; ") + reason;
  }
  return !patches.empty();
}

}  // namespace

Result<AuditedMerge> MergeAudited(const SkillDir& base, const Reduced& reduced, const MergeOptions& options,
                                  const AuditContext& context) {
  MergeOptions round = options;
  std::map<std::string, AuditFinding> against;  // by id
  AuditedMerge out;
  for (bool settled = false; !settled;) {
    auto merged = MergePatches(base, reduced, round);
    if (!merged) return std::unexpected(std::move(merged.error()));
    out.audit =
        merged->skill.files == base.files ? Unchanged(base) : AuditSkill(base, merged->skill, context);
    Attribution attribution(*merged, reduced, round);
    settled = true;
    for (const AuditFinding& finding : out.audit.findings) {
      if (finding.blocks() && KeepOut(finding, *merged, attribution, &round, &against)) settled = false;
    }
    out.merge = std::move(*merged);
  }
  for (const MergeInput& input : out.merge.report.inputs) {
    if (input.reason == kAuditRefusal) out.refused_patches.insert(input.patch_id);
  }
  out.refused.before_hash = out.audit.before_hash, out.refused.after_hash = out.audit.after_hash;
  for (auto& [id, finding] : against) out.refused.findings.push_back(std::move(finding));
  out.refused.blocking = static_cast<int64_t>(out.refused.findings.size());
  out.refused.blocked = out.refused.blocking > 0;
  return out;
}

}  // namespace clawtrace::distill

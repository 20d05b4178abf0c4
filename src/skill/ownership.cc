#include "skill/ownership.h"

#include <algorithm>

#include "skill/editor.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::skill {
namespace {

std::string HeadingKey(std::string_view file, std::string_view text) {
  return std::string(file).append("\n").append(text);
}

}  // namespace

Ownership::Ownership(const Provenance& records, const Decisions& decisions) {
  for (const RuleRecord& record : records.rules) {
    if (record.status != RuleStatus::kInSkill) continue;
    items_.insert(record.text_hash);
    blocks_.insert(record.blocks.begin(), record.blocks.end());
    if (!record.file.empty()) links_.insert(LinkText(record.file));
  }
  for (const OwnHeading& heading : records.headings) headings_.insert(HeadingKey(heading.file, heading.text));
  for (const Pin& pin : decisions.pins) pins_.insert(pin.block);
}

bool Ownership::IsOurs(std::string_view file, const Block& block) const {
  if (blocks_.contains(block.hash)) return true;
  if (block.kind == BlockKind::kHeading) return headings_.contains(HeadingKey(file, block.text));
  if (block.kind != BlockKind::kItem) return false;
  return items_.contains(HashOfRule(block.text)) || links_.contains(block.text);
}

std::string Ownership::WhyNot(const PatchEdit& edit, const std::vector<Block>& blocks,
                              bool edit_others) const {
  bool takes = edit.op == EditOp::kReplace || edit.op == EditOp::kRemove ||
               edit.op == EditOp::kDeleteSection || edit.op == EditOp::kDeleteFile;
  if (!takes) return "";
  Place place{0, blocks.size(), ""};
  if (edit.op != EditOp::kDeleteFile) place = FindPlace(blocks, edit);
  if (!place.problem.empty()) return "";  // what is not found is not changed
  auto first = blocks.begin() + static_cast<std::ptrdiff_t>(place.first);
  auto last = blocks.begin() + static_cast<std::ptrdiff_t>(place.last);
  if (std::any_of(first, last, [&](const Block& block) { return IsPinned(block); })) return "pinned";
  bool ours = std::all_of(first, last, [&](const Block& block) { return IsOurs(edit.file, block); });
  return ours || edit_others ? "" : "not_ours";
}

}  // namespace clawtrace::skill

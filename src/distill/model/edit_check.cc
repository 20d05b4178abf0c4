#include "distill/model/edit_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "skill/blocks.h"
#include "skill/edits.h"
#include "skill/paths.h"

namespace clawtrace::distill {
namespace {

using skill::Block;
using skill::BlockKind;
using Resolved = std::expected<PatchEdit, std::string>;

bool IsOfFile(EditOp op) { return op == EditOp::kCreateFile || op == EditOp::kDeleteFile; }
bool IsOfSection(EditOp op) {
  return op == EditOp::kAppendToSection || op == EditOp::kAddSection || op == EditOp::kDeleteSection;
}
bool HasNewText(EditOp op) {
  return op != EditOp::kRemove && op != EditOp::kDeleteSection && op != EditOp::kDeleteFile;
}

// "" when the file may be changed in this way.
std::string WrongFile(const PatchEdit& edit, const SkillDir& skill) {
  if (!skill::IsEditable(edit.file))
    return fmt::format("\"{}\" is out of bounds: only SKILL.md and references/NAME.md may change",
                       PrefixUtf8(edit.file, 80));
  bool is_there = skill.files.contains(edit.file);
  if (IsOfFile(edit.op) && edit.file == skill::kSkillFile) return "SKILL.md is neither created nor deleted";
  if (edit.op == EditOp::kCreateFile) return is_there ? edit.file + " is there already" : "";
  return is_there ? "" : edit.file + " is not there";
}

// New text is Markdown that stays within its place.
std::string WrongText(const PatchEdit& edit) {
  if (!HasNewText(edit.op)) return edit.new_text.empty() ? "" : "an edit that removes has no new_text";
  if (Trim(edit.new_text).empty()) return "new_text is empty";
  for (const Block& block : skill::ParseBlocks(edit.new_text)) {
    if (block.kind == BlockKind::kHtml) return "new_text holds HTML or a comment";
    if (block.kind == BlockKind::kFrontMatter || block.kind == BlockKind::kRule)
      return "new_text holds front matter or a rule across the page";
    if (block.kind == BlockKind::kHeading && edit.op != EditOp::kCreateFile)
      return "new_text holds a heading: add_section makes one";
    if (block.kind != BlockKind::kCode) continue;
    bool is_open = block.end == edit.new_text.size() &&
                   edit.new_text.substr(block.begin).starts_with("```") &&
                   !Trim(edit.new_text).ends_with("```");
    if (is_open) return "new_text leaves a code fence open";
  }
  return "";
}

std::vector<Block> Headings(const std::vector<Block>& blocks, std::string_view path) {
  std::vector<Block> out;
  for (const Block& block : blocks) {
    if (block.kind == BlockKind::kHeading && skill::JoinPath(block.heading_path, block.text) == path)
      out.push_back(block);
  }
  return out;
}

Resolved ResolveSection(const PatchEdit& edit, const std::vector<Block>& blocks,
                        const std::set<std::string>& pinned) {
  size_t found = Headings(blocks, edit.heading_path).size();
  if (edit.heading_path.empty()) return std::unexpected("it names no heading_path");
  if (edit.op == EditOp::kAddSection) {
    if (found > 0)
      return std::unexpected(fmt::format("there is a section \"{}\" already", edit.heading_path));
    size_t parent = edit.heading_path.rfind(" > ");
    if (parent != std::string::npos && Headings(blocks, edit.heading_path.substr(0, parent)).size() != 1)
      return std::unexpected(fmt::format("\"{}\" has no one section to stand in", edit.heading_path));
    return edit;
  }
  if (found != 1)
    return std::unexpected(fmt::format("there are {} sections \"{}\", not one", found, edit.heading_path));
  for (const Block& block : blocks) {
    bool is_below =
        block.heading_path == edit.heading_path || block.heading_path.starts_with(edit.heading_path + " > ");
    if (edit.op == EditOp::kDeleteSection && is_below && pinned.contains(block.hash))
      return std::unexpected("the section holds a pinned block");
  }
  return edit;
}

Resolved ResolveBlock(const PatchEdit& edit, const std::vector<Block>& blocks,
                      const std::set<std::string>& pinned) {
  if (edit.block_hash.empty() && edit.old_text.empty())
    return std::unexpected("it names no block: block_hash or old_text is needed");
  if (!edit.block_hash.empty() && edit.block_hash.size() < kShownHash)
    return std::unexpected(fmt::format("block_hash has at least {} digits", kShownHash));
  // As it would be read in the skill: a bullet or a fence around it does not count.
  std::string wanted = skill::CollapseSpace(edit.old_text);
  std::vector<Block> quoted = skill::ParseBlocks(edit.old_text);
  const Block* found = nullptr;
  size_t count = 0;
  for (const Block& block : blocks) {
    if (block.kind == BlockKind::kFrontMatter) continue;
    if (!edit.heading_path.empty() && block.heading_path != edit.heading_path) continue;
    if (!block.hash.starts_with(edit.block_hash)) continue;
    bool is_quoted = edit.old_text.empty() || skill::CollapseSpace(block.text) == wanted ||
                     (quoted.size() == 1 && quoted[0].text == block.text);
    if (!is_quoted) continue;
    found = &block, ++count;
  }
  if (count != 1) return std::unexpected(fmt::format("its anchor means {} blocks, not one", count));
  bool changes = edit.op == EditOp::kReplace || edit.op == EditOp::kRemove;
  if (changes && pinned.contains(found->hash)) return std::unexpected("the block is pinned");
  PatchEdit out = edit;
  out.heading_path = found->heading_path, out.block_hash = found->hash, out.old_text = found->text;
  return out;
}

}  // namespace

Resolved ResolveEdit(const PatchEdit& edit, const SkillDir& skill, const std::set<std::string>& pinned) {
  if (std::string wrong = WrongFile(edit, skill); !wrong.empty()) return std::unexpected(wrong);
  if (std::string wrong = WrongText(edit); !wrong.empty()) return std::unexpected(wrong);
  if (edit.op == EditOp::kCreateFile) return edit;
  std::vector<Block> blocks = skill::ParseBlocks(skill.files.at(edit.file));
  if (edit.op == EditOp::kDeleteFile) {
    bool has_pinned =
        std::ranges::any_of(blocks, [&](const Block& block) { return pinned.contains(block.hash); });
    if (has_pinned) return std::unexpected("the file holds a pinned block");
    return edit;
  }
  Resolved resolved =
      IsOfSection(edit.op) ? ResolveSection(edit, blocks, pinned) : ResolveBlock(edit, blocks, pinned);
  if (!resolved || edit.op == EditOp::kAddSection) return resolved;
  // As the merge will look for it.
  std::string problem = skill::FindPlace(blocks, *resolved).problem;
  if (!problem.empty()) return std::unexpected("its anchor is not found: " + problem);
  return resolved;
}

}  // namespace clawtrace::distill

#include "distill/interchange/anchors.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "skill/blocks.h"
#include "skill/edits.h"

namespace clawtrace::distill {
namespace {

using skill::Block;
using skill::BlockKind;

int LevelOf(std::string_view line) {
  line = Trim(line);
  size_t marks = std::min(line.find_first_not_of('#'), line.size());
  return static_cast<int>(std::min<size_t>(marks, 7));
}

std::string PathOf(const Block& heading) { return skill::JoinPath(heading.heading_path, heading.text); }

bool Inserts(EditOp op) { return op == EditOp::kInsertAfter || op == EditOp::kInsertBefore; }

struct Section {
  size_t heading = 0, end = 0;  // blocks [heading, end), sub-sections with it
  std::string problem;
};

// The one heading with these words, and of this level where the line has marks.
Section FindSection(const std::vector<Block>& blocks, std::string_view line) {
  std::string words = HeadingWords(line);
  std::optional<size_t> found;
  for (bool by_level : {true, false}) {
    for (size_t i = 0; i < blocks.size(); ++i) {
      const Block& block = blocks[i];
      if (block.kind != BlockKind::kHeading || block.text != words) continue;
      if (by_level && LevelOf(line) > 0 && block.level != LevelOf(line)) continue;
      if (found) return {0, 0, "section_ambiguous"};
      found = i;
    }
    if (found) break;
  }
  if (!found) return {0, 0, "section_missing"};
  size_t end = *found + 1;
  while (end < blocks.size() &&
         (blocks[end].kind != BlockKind::kHeading || blocks[end].level > blocks[*found].level))
    ++end;
  return {*found, end, ""};
}

class Resolver {
 public:
  Resolver(const std::string& file, const TextAnchors& anchors, PatchEdit* edit)
      : file_(file), blocks_(skill::ParseBlocks(file)), anchors_(anchors), edit_(*edit) {}

  Resolution Run() {
    switch (edit_.op) {
      case EditOp::kAddSection:
        return AddSection();
      case EditOp::kAppendToSection:
      case EditOp::kDeleteSection: {
        Section section = FindSection(blocks_, anchors_.section);
        if (section.problem == "section_missing" && edit_.op == EditOp::kAppendToSection)
          return {"", "section_added"};
        if (section.problem.empty()) edit_.heading_path = PathOf(blocks_[section.heading]);
        return {section.problem, ""};
      }
      case EditOp::kInsertAfter:
      case EditOp::kInsertBefore:
      case EditOp::kReplace:
      case EditOp::kRemove:
        return Anchor();
      case EditOp::kCreateFile:
      case EditOp::kDeleteFile:
        break;
    }
    return {};
  }

 private:
  // Below the heading that the section after which it shall stand is below of.
  Resolution AddSection() {
    if (anchors_.after_section.empty()) return {};
    Section after = FindSection(blocks_, anchors_.after_section);
    if (!after.problem.empty()) return {"", "placement_lost"};
    const Block& heading = blocks_[after.heading];
    int level = LevelOf(anchors_.section);
    std::string parent = heading.heading_path;
    if (level > heading.level) parent = PathOf(heading);
    if (!parent.empty()) edit_.heading_path = skill::JoinPath(parent, HeadingWords(anchors_.section));
    return {"", "placement_lost"};
  }

  void Take(const Block& block) {
    edit_.heading_path = block.kind == BlockKind::kHeading ? PathOf(block) : block.heading_path;
    edit_.block_hash = block.hash, edit_.old_text = block.text;
  }

  Resolution Anchor() {
    Section section{0, blocks_.size(), ""};
    if (!anchors_.section.empty()) section = FindSection(blocks_, anchors_.section);
    if (!section.problem.empty()) return {section.problem, ""};
    if (Trim(anchors_.text).empty()) {
      if (anchors_.section.empty() || !Inserts(edit_.op)) return {"anchor_not_named", ""};
      Take(blocks_[section.heading]);
      return {"", "anchor_is_heading"};
    }
    std::vector<size_t> whole, parts;
    for (size_t i = section.heading; i < section.end; ++i) {
      if (blocks_[i].kind == BlockKind::kFrontMatter) continue;
      if (IsWhole(blocks_[i]))
        whole.push_back(i);
      else if (Holds(blocks_[i]))
        parts.push_back(i);
    }
    if (whole.size() == 1) return TakeWhole(whole[0]);
    if (whole.size() > 1 || parts.size() > 1) return {"anchor_ambiguous", ""};
    return parts.empty() ? Run(section) : TakePart(blocks_[parts[0]]);
  }

  Resolution TakeWhole(size_t index) {
    Take(blocks_[index]);
    // Equal text at two places of a file has one hash: only a path of headings could tell them apart.
    skill::Place place = skill::FindPlace(blocks_, edit_);
    bool same = place.problem.empty() && place.first == index;
    return {same ? "" : "anchor_ambiguous", ""};
  }

  // Several whole blocks: found again by their text.
  Resolution Run(const Section& section) {
    edit_.old_text = anchors_.text;
    if (!anchors_.section.empty()) edit_.heading_path = PathOf(blocks_[section.heading]);
    skill::Place place = skill::FindPlace(blocks_, edit_);
    if (!place.problem.empty()) return {place.problem, ""};
    bool within = place.first >= section.heading && place.last <= section.end;
    return {within ? "" : "anchor_not_found", ""};
  }

  // Its block is what is meant: text is never cut in the middle of a line.
  Resolution TakePart(const Block& block) {
    Take(block);
    if (edit_.op != EditOp::kReplace && edit_.op != EditOp::kRemove) return {"", "anchor_widened"};
    std::string whole = IsProse(block) ? block.text : std::string(SourceOf(block));
    std::string part =
        IsProse(block) ? skill::CollapseSpace(anchors_.text) : std::string(Trim(anchors_.text));
    size_t at = whole.find(part);
    if (at == std::string::npos || whole.find(part, at + 1) != std::string::npos)
      return {at == std::string::npos ? "anchor_not_found" : "anchor_ambiguous", ""};
    std::string fresh =
        IsProse(block) ? skill::CollapseSpace(edit_.new_text) : std::string(Trim(edit_.new_text));
    whole.replace(at, part.size(), fresh);
    edit_.op = EditOp::kReplace;
    edit_.new_text = block.kind == BlockKind::kItem ? "- " + whole : whole;
    return {"", "anchor_widened"};
  }

  static bool IsProse(const Block& block) {
    return block.kind == BlockKind::kItem || block.kind == BlockKind::kParagraph;
  }
  std::string_view SourceOf(const Block& block) const {
    return Trim(std::string_view(file_).substr(block.begin, block.end - block.begin));
  }
  bool IsWhole(const Block& block) const {
    return block.text == skill::CollapseSpace(anchors_.text) || SourceOf(block) == Trim(anchors_.text);
  }
  bool Holds(const Block& block) const {
    return Contains(block.text, skill::CollapseSpace(anchors_.text)) ||
           Contains(SourceOf(block), Trim(anchors_.text));
  }

  const std::string& file_;
  std::vector<Block> blocks_;
  const TextAnchors& anchors_;
  PatchEdit& edit_;
};

// Whether what edit anchors in is first made by another edit of its patch.
bool MadeByOthers(const TextAnchors& anchors, const std::vector<PatchEdit>& all, size_t index) {
  std::string words = HeadingWords(anchors.section), text = skill::CollapseSpace(anchors.text);
  return std::any_of(all.begin(), all.end(), [&](const PatchEdit& other) {
    if (&other == &all[index] || other.file != all[index].file) return false;
    if (other.op == EditOp::kCreateFile) return true;
    std::string made = skill::CollapseSpace(other.heading_path + " " + other.new_text);
    bool makes = other.op != EditOp::kRemove && other.op != EditOp::kDeleteSection;
    return makes &&
           ((!text.empty() && Contains(made, text)) || (text.empty() && Contains(made, words)) ||
            (other.op == EditOp::kAddSection && !words.empty() && other.heading_path.ends_with(words)));
  });
}

}  // namespace

std::string HeadingWords(std::string_view line) {
  line = Trim(line);
  line.remove_prefix(std::min(line.find_first_not_of("# "), line.size()));
  std::vector<Block> parsed = skill::ParseBlocks("## " + std::string(line) + "\n");
  bool heading = parsed.size() == 1 && parsed[0].kind == BlockKind::kHeading;
  return heading ? parsed[0].text : skill::CollapseSpace(line);
}

void KeepAsText(const TextAnchors& anchors, PatchEdit* edit) {
  edit->heading_path = HeadingWords(anchors.section);
  edit->old_text = anchors.text;
}

Resolution ResolveEdit(const SkillDir& skill, const TextAnchors& anchors, const std::vector<PatchEdit>& all,
                       size_t index, PatchEdit* edit) {
  if (edit->op == EditOp::kCreateFile) return {};
  auto file = skill.files.find(edit->file);
  bool missing = file == skill.files.end();
  if (missing && !MadeByOthers(anchors, all, index)) return {"file_missing", ""};
  if (missing || edit->op == EditOp::kDeleteFile) return {};
  PatchEdit resolved = *edit;
  Resolution resolution = Resolver(file->second, anchors, &resolved).Run();
  bool absent = resolution.refused == "anchor_not_found" || resolution.refused == "section_missing";
  if (absent && MadeByOthers(anchors, all, index)) return {};
  if (resolution.refused.empty()) *edit = std::move(resolved);
  return resolution;
}

}  // namespace clawtrace::distill

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/doc_writer.h"
#include "base/json.h"
#include "base/text.h"
#include "distill/interchange/foreign.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/edits.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

using skill::Block;
using skill::BlockKind;

// What the other side addresses: heading lines and source text.
class Sources {
 public:
  Sources(const SkillDir* skill, const PatchEdit& edit) {
    if (!skill) return;
    auto file = skill->files.find(edit.file);
    if (file == skill->files.end()) return;
    text_ = file->second, blocks_ = skill::ParseBlocks(text_);
  }

  std::string HeadingLine(const std::string& path) const {
    size_t cut = path.rfind(" > ");
    std::string words = cut == std::string::npos ? path : path.substr(cut + 3);
    for (const Block& block : blocks_) {
      if (block.kind != BlockKind::kHeading) continue;
      if (skill::JoinPath(block.heading_path, block.text) == path ||
          (cut == std::string::npos && block.text == words))
        return std::string(static_cast<size_t>(block.level), '#') + " " + block.text;
    }
    return words.empty() ? "" : "## " + words;
  }

  // nullopt: the blocks cannot be named.
  std::optional<std::string> AnchorOf(const PatchEdit& edit) const {
    skill::Place place = skill::FindPlace(blocks_, edit);
    if (!blocks_.empty() && place.problem.empty() && place.first < place.last) {
      size_t begin = blocks_[place.first].begin, end = blocks_[place.last - 1].end;
      return std::string(Trim(std::string_view(text_).substr(begin, end - begin)));
    }
    if (edit.old_text.empty()) return std::nullopt;
    return edit.old_text;
  }

 private:
  std::string text_;
  std::vector<Block> blocks_;
};

class Writer {
 public:
  explicit Writer(const SkillDir* skill) : skill_(skill) {}

  void Put(const Patch& patch) {
    patch_ = &patch;
    out_.BeginObject();
    std::string reasoning = RemarkOf(patch, "", "reasoning");
    out_.Field("reasoning", reasoning.empty() ? patch.counterfactual : reasoning);
    out_.Key("edits"), out_.BeginArray();
    if (patch.edits.empty()) PutRule(patch);
    for (size_t i = 0; i < patch.edits.size(); ++i) PutEdit(patch.edits[i], i);
    out_.EndArray();
    out_.Key("changelog_entries"), out_.BeginArray();
    JsonParser parser;
    if (auto entries = parser.Parse(RemarkOf(patch, "", "changelog_entries")))
      entries->ForEachItem([&](const Json& entry) { out_.String(entry.text()); });
    out_.EndArray();
    out_.EndObject();
  }

  Exported Take() {
    out_.EndArray();
    exported_.text = out_.Take();
    return std::move(exported_);
  }

  void Begin() { out_.BeginArray(); }

 private:
  void PutRule(const Patch& patch) {
    PatchEdit edit{EditOp::kAppendToSection,
                   std::string(skill::kSkillFile),
                   skill::SectionName(patch.section),
                   "",
                   "",
                   "- " + skill::RuleText(patch)};
    if (edit.heading_path.empty()) edit.heading_path = skill::kCandidatesSection;
    PutEdit(edit, 0);
  }

  std::string Said(size_t index, std::string_view member) const {
    return RemarkOf(*patch_, "", fmt::format("edits[{}].{}", index, member));
  }

  void PutEdit(const PatchEdit& edit, size_t index) {
    Sources sources(skill_, edit);
    bool anchored = edit.op == EditOp::kInsertAfter || edit.op == EditOp::kInsertBefore ||
                    edit.op == EditOp::kReplace || edit.op == EditOp::kRemove;
    auto anchor = anchored ? sources.AnchorOf(edit) : std::string();
    if (!anchor) {
      exported_.notes.push_back({patch_->id, "anchor_not_named",
                                 "a block is known by its hash alone; name the skill that it is in", ""});
      return;
    }
    bool removes = edit.op == EditOp::kRemove;
    out_.BeginObject();
    out_.Field("file", edit.file);
    out_.Field("op", NameOf(removes ? EditOp::kReplace : edit.op));
    std::string section = Said(index, "target_section");
    if (section.empty()) section = sources.HeadingLine(edit.heading_path);
    if (!section.empty()) out_.Field("target_section", section);
    if (!anchor->empty())
      out_.Field(removes || edit.op == EditOp::kReplace ? "old_text" : "target_text", *anchor);
    if (std::string after = Said(index, "after_section"); !after.empty()) out_.Field("after_section", after);
    if (removes || !edit.new_text.empty()) out_.Field("content", edit.new_text);
    out_.EndObject();
  }

  const SkillDir* skill_;
  const Patch* patch_ = nullptr;
  DocWriter out_{DocWriter::Format::kJsonPretty};
  Exported exported_;
};

}  // namespace

Exported ExportTrace2Skill(const std::vector<Patch>& patches, const SkillDir* skill) {
  Writer writer(skill);
  writer.Begin();
  for (const Patch& patch : patches) writer.Put(patch);
  return writer.Take();
}

}  // namespace clawtrace::distill

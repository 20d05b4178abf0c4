// Trace2Skill's patch: {reasoning, edits: [{file, op, target_section, target_text, old_text, after_section,
// content}], changelog_entries}. Anchors are exact heading lines and exact text; its own writer takes the
// first occurrence and loses an edit whose anchor is missing.
#include "skill/edits.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "distill/interchange/anchors.h"
#include "distill/interchange/foreign.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

constexpr auto kAliases = std::to_array<std::pair<std::string_view, EditOp>>({
    {"create_file", EditOp::kCreateFile},
    {"createFile", EditOp::kCreateFile},
    {"deleteFile", EditOp::kDeleteFile},
});

std::optional<EditOp> OpOf(std::string_view word) {
  for (const auto& [alias, op] : kAliases) {
    if (alias == word) return op;
  }
  // "remove" is a word of ours.
  return word == NameOf(EditOp::kRemove) ? std::nullopt : EnumFrom<EditOp>(word);
}

struct Given {
  Foreign from;
  TextAnchors anchors;
  PatchEdit edit;
};

bool TakesText(EditOp op) { return op != EditOp::kDeleteSection && op != EditOp::kDeleteFile; }

// nullopt: refused.
std::optional<Given> Read(Foreign from) {
  const Json& json = from.element;
  auto refuse = [&](std::string reason, std::string detail = {}) {
    from.Refuse(std::move(reason), std::move(detail));
    return std::nullopt;
  };
  for (std::string_view key :
       {"file", "op", "target_section", "target_text", "old_text", "after_section", "content"}) {
    if (json[key] && !json[key].is_string() && !json[key].is_null())
      return refuse("bad_member", fmt::format("{} is no text", key));
  }
  auto op = OpOf(json["op"].text());
  if (!op) return refuse("unknown_op");
  Given given{from, {}, {}};
  given.edit.op = *op, given.edit.file = json["file"].text();
  if (!skill::IsEditable(given.edit.file))
    return refuse("file_not_editable", "edits write SKILL.md and references/NAME.md only");
  given.edit.new_text = TakesText(*op) ? json["content"].text() : "";
  given.anchors = {std::string(json["target_section"].text()), std::string(json["after_section"].text()),
                   std::string(json[*op == EditOp::kReplace ? "old_text" : "target_text"].text())};
  if (*op == EditOp::kReplace && Trim(given.edit.new_text).empty())
    given.edit.op = EditOp::kRemove, given.edit.new_text.clear();
  else if (TakesText(*op) && Trim(given.edit.new_text).empty())
    return refuse("no_text");
  bool by_section =
      *op == EditOp::kAppendToSection || *op == EditOp::kAddSection || *op == EditOp::kDeleteSection;
  if (by_section && HeadingWords(given.anchors.section).empty()) return refuse("section_not_named");
  KeepAsText(given.anchors, &given.edit);
  return given;
}

// What of an edit has no member in ours.
void KeepOfEdit(const Given& given, size_t index, std::vector<PatchRemark>* remarks) {
  std::string format(kTrace2Skill), prefix = fmt::format("edits[{}].", index);
  const std::string& section = given.anchors.section;
  if (!section.empty() && section != "## " + HeadingWords(section))
    remarks->push_back({format, "", prefix + "target_section", section});
  std::string_view unused =
      given.from.element["op"].text() == NameOf(EditOp::kReplace) ? "target_text" : "old_text";
  std::string_view used = unused == "old_text" ? "target_text" : "old_text";
  KeepRest(given.from.element, {"file", "op", "target_section", used, "content"}, {format, "", prefix, ""},
           remarks);
}

// A single list item below a section of SKILL.md is a rule: rules are clustered and counted, edits are not.
bool IsRule(const Patch& patch) {
  if (patch.edits.size() != 1) return false;
  const PatchEdit& edit = patch.edits[0];
  bool place = edit.op == EditOp::kAppendToSection || edit.op == EditOp::kAddSection;
  if (!place || edit.file != skill::kSkillFile || edit.heading_path.find(" > ") != std::string::npos)
    return false;
  std::vector<skill::Block> blocks = skill::ParseBlocks(edit.new_text);
  return blocks.size() == 1 && blocks[0].kind == skill::BlockKind::kItem &&
         skill::IsPlainItem(blocks[0].text);
}

}  // namespace

void ReadEdits(const Foreign& from) {
  constexpr size_t kMaxEdits = 1000;
  if (!from.element["edits"].is_array()) return from.Refuse("unknown_shape", "edits is no list");
  if (from.element["edits"].size() > kMaxEdits) return from.Refuse("too_many_edits");
  std::vector<Given> given;
  size_t index = 0;
  from.element["edits"].ForEachItem([&](const Json& item) {
    Foreign one = from;
    one.element = item, one.place = fmt::format("{}.edits[{}]", from.place, index++);
    if (!item.is_object()) return one.Refuse("bad_member", "an edit is an object");
    if (auto read = Read(one)) given.push_back(std::move(*read));
  });
  Patch patch;
  // The format does not say whether a failure or a success taught it; its pipeline reads failures.
  patch.schema = "patch/1", patch.patch_kind = PatchKind::kRepair, patch.producer = kTrace2Skill;
  KeepRest(from.element, {"edits"}, {std::string(kTrace2Skill), "", "", ""}, &patch.remarks);
  std::vector<PatchEdit> as_text;
  for (const Given& one : given) as_text.push_back(one.edit);
  for (size_t i = 0; i < given.size(); ++i) {
    Given& one = given[i];
    if (from.skill) {
      Resolution resolution = ResolveEdit(*from.skill, one.anchors, as_text, i, &one.edit);
      if (!resolution.refused.empty()) {
        one.from.Refuse(resolution.refused);
        continue;
      }
      if (!resolution.note.empty()) one.from.Note(resolution.note);
    }
    KeepOfEdit(one, patch.edits.size(), &patch.remarks);
    patch.edits.push_back(one.edit);
  }
  if (patch.edits.empty()) {
    if (index == 0) from.Refuse("no_edits");
    return;
  }
  if (from.skill) patch.base_skill_hash = SkillHash(*from.skill);
  if (patch.remarks.empty()) patch.remarks.push_back({std::string(kTrace2Skill), "", "op", "patch"});
  if (IsRule(patch)) {
    patch.rule = skill::ParseBlocks(patch.edits[0].new_text)[0].text;
    patch.section = patch.edits[0].heading_path;
    patch.edits.clear();
    return TakeRule(std::move(patch), from);
  }
  std::string content;
  for (const PatchEdit& edit : as_text)
    content += fmt::format("{}\n{}\n{}\n{}\n{}\n", NameOf(edit.op), edit.file, edit.heading_path,
                           edit.old_text, edit.new_text);
  patch.id = ImportedId(patch.patch_kind, content);
  SortRemarks(&patch);
  from.out->patches.push_back(std::move(patch));
}

}  // namespace clawtrace::distill

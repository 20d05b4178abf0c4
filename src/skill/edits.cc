#include "skill/edits.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "skill/ownership.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::skill {
namespace {

constexpr size_t kMaxNewText = size_t{32} << 10;
constexpr std::string_view kReferences = "references/";

EditEntry Refused(const PatchEdit& edit, std::string reason, std::string detail = {}) {
  return {.fate = EditFate::kRefused,
          .reason = std::move(reason),
          .file = edit.file,
          .detail = std::move(detail)};
}
EditEntry Done(const PatchEdit& edit, std::string reason) {
  return {.fate = EditFate::kApplied, .reason = std::move(reason), .file = edit.file};
}
EditEntry There(const PatchEdit& edit) {
  return {.fate = EditFate::kAlreadyThere, .reason = "already_in_skill", .file = edit.file};
}

bool IsHeading(const Block& block) { return block.kind == BlockKind::kHeading; }
std::string PathOf(const Block& heading) { return JoinPath(heading.heading_path, heading.text); }

// "## Section" and "Section" name the same.
std::string PlainPath(std::string_view given) {
  std::string path = CollapseSpace(given);
  path.erase(0, std::min(path.find_first_not_of("# "), path.size()));
  return path;
}

bool EndsInPath(std::string_view path, std::string_view tail) {
  return path == tail || path.ends_with(JoinPath(" ", tail).substr(1));
}

// Index of the one heading with that path, or with a path that ends in it.
Place FindHeading(const std::vector<Block>& blocks, const std::string& path) {
  for (bool whole : {true, false}) {
    std::optional<size_t> found;
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (!IsHeading(blocks[i])) continue;
      std::string own = PathOf(blocks[i]);
      if (whole ? own != path : !EndsInPath(own, path)) continue;
      if (found) return {.problem = "section_ambiguous"};
      found = i;
    }
    if (found) return {*found, *found + 1, ""};
  }
  return {.problem = "section_missing"};
}

// Behind the heading's own text: before the next heading of any level, or of its own level and above.
size_t SectionEnd(const std::vector<Block>& blocks, size_t heading, bool with_sub_sections) {
  size_t end = heading + 1;
  while (end < blocks.size() &&
         (!IsHeading(blocks[end]) || (with_sub_sections && blocks[end].level > blocks[heading].level)))
    ++end;
  return end;
}

// Starts of runs of blocks with these hashes.
std::vector<size_t> RunsOf(const std::vector<Block>& blocks, const std::vector<std::string>& hashes) {
  std::vector<size_t> starts;
  for (size_t i = 0; !hashes.empty() && i + hashes.size() <= blocks.size(); ++i) {
    bool same = true;
    for (size_t k = 0; same && k < hashes.size(); ++k) same = blocks[i + k].hash == hashes[k];
    if (same) starts.push_back(i);
  }
  return starts;
}

std::vector<std::string> HashesOf(const std::vector<Block>& blocks) {
  std::vector<std::string> hashes;
  for (const Block& block : blocks) hashes.push_back(block.hash);
  return hashes;
}

// What old_text may mean: the blocks that it is as a source, else one block of whatever kind with that text.
std::vector<std::vector<std::string>> Meanings(const PatchEdit& edit) {
  if (!edit.block_hash.empty()) return {{edit.block_hash}};
  std::vector<std::vector<std::string>> meanings;
  std::string text = CollapseSpace(edit.old_text);
  if (text.empty()) return meanings;
  meanings.push_back(HashesOf(ParseBlocks(edit.old_text)));
  for (BlockKind kind :
       {BlockKind::kItem, BlockKind::kParagraph, BlockKind::kHeading, BlockKind::kQuote, BlockKind::kTable})
    meanings.push_back({HashOfBlock(kind, text)});
  meanings.push_back({HashOfBlock(BlockKind::kCode, edit.old_text)});
  return meanings;
}

bool NamesAnchor(EditOp op) {
  return op == EditOp::kInsertAfter || op == EditOp::kInsertBefore || op == EditOp::kReplace ||
         op == EditOp::kRemove;
}

int64_t HeadingsIn(const std::vector<Block>& blocks) {
  return std::count_if(blocks.begin(), blocks.end(), IsHeading);
}

}  // namespace

std::string TextProblem(const PatchEdit& edit) {
  bool takes_out =
      edit.op == EditOp::kRemove || edit.op == EditOp::kDeleteSection || edit.op == EditOp::kDeleteFile;
  if (takes_out) return "";
  if (edit.new_text.size() > kMaxNewText) return "text_too_long";
  if (!IsVisibleText(edit.new_text, true)) return "not_plain_text";
  std::vector<Block> blocks = ParseBlocks(edit.new_text);
  if (blocks.empty()) return "no_text";
  for (const Block& block : blocks) {
    if (block.kind == BlockKind::kHtml) return "html_block";
    if (block.kind == BlockKind::kFrontMatter) return "front_matter";
    if (block.kind != BlockKind::kCode && HasMarkup(block.text)) return "html_block";
  }
  // What comes behind it must not become part of it.
  std::vector<Block> probed = ParseBlocks(edit.new_text + "\n\nx\n");
  if (probed.size() != blocks.size() + 1 || probed.back().text != "x") return "open_block";
  if (Contains(edit.new_text, "<!--")) return "html_block";
  // A section may bring its own heading along.
  bool titled = edit.op == EditOp::kAddSection && IsHeading(blocks[0]);
  bool free = edit.op == EditOp::kCreateFile || edit.op == EditOp::kReplace;
  return !free && HeadingsIn(blocks) > (titled ? 1 : 0) ? "adds_heading" : "";
}

bool IsEditable(std::string_view file) {
  if (file == kSkillFile) return true;
  if (!file.starts_with(kReferences) || !file.ends_with(".md") || !IsConfinedPath(file)) return false;
  std::string_view name = file.substr(kReferences.size());
  return IsFileNameSafe(name) && name.size() > 3;
}

std::vector<std::string> ReferencesIn(std::string_view text) {
  std::vector<std::string> found;
  for (size_t at = text.find(kReferences); at != std::string_view::npos;
       at = text.find(kReferences, at + 1)) {
    size_t end = at;
    auto part = [](char c) {
      bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      return word || std::string_view("._-/").find(c) != std::string_view::npos;
    };
    while (end < text.size() && part(text[end])) ++end;
    std::string path(text.substr(at, end - at));
    while (path.ends_with('.')) path.pop_back();
    if (path.ends_with(".md")) found.push_back(std::move(path));
  }
  return found;
}

Place FindPlace(const std::vector<Block>& blocks, const PatchEdit& edit) {
  std::string path = PlainPath(edit.heading_path);
  if (edit.op == EditOp::kAppendToSection || edit.op == EditOp::kDeleteSection) {
    if (path.empty()) return {.problem = "section_not_named"};
    Place heading = FindHeading(blocks, path);
    if (!heading.problem.empty()) return heading;
    size_t end = SectionEnd(blocks, heading.first, edit.op == EditOp::kDeleteSection);
    return {edit.op == EditOp::kDeleteSection ? heading.first : end, end, ""};
  }
  if (!NamesAnchor(edit.op)) return {};
  for (const std::vector<std::string>& meaning : Meanings(edit)) {
    std::vector<size_t> starts = RunsOf(blocks, meaning), under;
    std::copy_if(starts.begin(), starts.end(), std::back_inserter(under), [&](size_t i) {
      return !path.empty() && (EndsInPath(blocks[i].heading_path, path) ||
                               (IsHeading(blocks[i]) && EndsInPath(PathOf(blocks[i]), path)));
    });
    if (!under.empty()) starts = under;
    if (starts.empty()) continue;
    if (starts.size() > 1) return {.problem = "anchor_ambiguous"};
    Place place{starts[0], starts[0] + meaning.size(), ""};
    if (blocks[place.first].kind == BlockKind::kFrontMatter) return {.problem = "front_matter"};
    return place;
  }
  return {.problem =
              edit.block_hash.empty() && edit.old_text.empty() ? "anchor_not_named" : "anchor_not_found"};
}

std::string SectionOfPath(std::string_view heading_path) {
  std::string path = PlainPath(heading_path);
  size_t cut = path.rfind(" > ");
  return SectionName(cut == std::string::npos ? path : path.substr(cut + 3));
}

EditEntry FileEdits::Do(const PatchEdit& edit) {
  if (!IsEditable(edit.file)) {
    return Refused(edit, "file_not_editable", "edits write SKILL.md and references/NAME.md only");
  }
  if (edit.op == EditOp::kDeleteFile) return DeleteFile(edit);
  bool takes_out = edit.op == EditOp::kRemove || edit.op == EditOp::kDeleteSection;
  if (std::string problem = TextProblem(edit); !problem.empty()) return Refused(edit, problem);
  if (edit.op == EditOp::kCreateFile) return Create(edit);
  for (const std::string& path : ReferencesIn(takes_out ? "" : edit.new_text)) {
    if (!files_.contains(path)) return Refused(edit, "dangling_link", "the file it names does not exist");
  }
  auto file = files_.find(edit.file);
  if (file == files_.end()) return Refused(edit, "file_missing");
  std::string why_not = own_ ? own_->WhyNot(edit, file->second.blocks(), edit_others_) : "";
  if (!why_not.empty()) return Refused(edit, why_not);
  return edit.op == EditOp::kAddSection ? AddSection(edit, &file->second) : Change(edit, &file->second);
}

EditEntry FileEdits::Create(const PatchEdit& edit) {
  if (edit.file == kSkillFile)
    return Refused(edit, "file_not_editable", "SKILL.md is created by the first rule");
  constexpr int64_t kMaxLines = 300;
  std::string text = edit.new_text;
  if (!text.ends_with('\n')) text += '\n';
  if (LinesOf(text) >= kMaxLines) return Refused(edit, "text_too_long", "references stay below 300 lines");
  auto file = files_.find(edit.file);
  if (file != files_.end()) {
    return file->second.text() == text ? There(edit) : Refused(edit, "file_exists");
  }
  for (const std::string& path : ReferencesIn(text)) {
    if (path != edit.file && !files_.contains(path)) return Refused(edit, "dangling_link");
  }
  files_.emplace(edit.file, Editor(text));
  created_.push_back(edit.file);
  return Done(edit, "created");
}

void FileEdits::TakeBack(const std::string& file) {
  files_.erase(file);
  std::erase(created_, file);
}

// Links to the file are items; another mention is somebody's sentence, which stays and keeps the file.
EditEntry FileEdits::DeleteFile(const PatchEdit& edit) {
  if (edit.file == kSkillFile) return Refused(edit, "file_not_editable");
  if (!files_.contains(edit.file)) return Refused(edit, "file_missing");
  std::string why_not = own_ ? own_->WhyNot(edit, files_.at(edit.file).blocks(), edit_others_) : "";
  if (!why_not.empty()) return Refused(edit, why_not);
  std::map<std::string, Editor> changed = files_;
  changed.erase(edit.file);
  for (auto& [path, file] : changed) {
    for (size_t i = file.blocks().size(); i-- > 0;) {
      const Block& block = file.blocks()[i];
      bool link = block.kind == BlockKind::kItem && Contains(block.text, edit.file);
      if (link && MayTakeOut(path, block)) file.ReplaceBlocks(i, i + 1, "");
    }
    if (Contains(file.text(), edit.file))
      return Refused(edit, "still_linked", "text in " + path + " names it");
  }
  files_ = std::move(changed);
  deleted_.push_back(edit.file);
  return Done(edit, "deleted");
}

bool FileEdits::MayTakeOut(const std::string& file, const Block& block) const {
  return !own_ || (!own_->IsPinned(block) && (edit_others_ || own_->IsOurs(file, block)));
}

EditEntry FileEdits::AddSection(const PatchEdit& edit, Editor* file) {
  std::string path = PlainPath(edit.heading_path);
  size_t cut = path.rfind(" > ");
  std::string parent = cut == std::string::npos ? "" : path.substr(0, cut);
  std::string name = SectionOfPath(edit.heading_path);
  if (path.empty() || name.empty()) return Refused(edit, "section_not_named");
  PatchEdit append = edit;
  append.op = EditOp::kAppendToSection;
  // The text may bring its own heading along.
  std::vector<Block> fresh = ParseBlocks(edit.new_text);
  if (IsHeading(fresh[0]) && fresh[0].text == name) append.new_text = edit.new_text.substr(fresh[0].end);
  append.new_text.erase(0, append.new_text.find_first_not_of("\r\n"));
  Place there = FindHeading(file->blocks(), path);
  if (there.problem != "section_missing") {
    if (Trim(append.new_text).empty()) return There(edit);
    return Change(append, file);
  }
  size_t place = file->blocks().size();
  int level = 2;
  if (!parent.empty()) {
    Place above = FindHeading(file->blocks(), parent);
    if (!above.problem.empty()) return Refused(edit, above.problem, "the section above it is not there");
    place = SectionEnd(file->blocks(), above.first, true);
    level = std::min(file->blocks()[above.first].level + 1, 6);
  }
  if (Trim(append.new_text).empty()) return Refused(edit, "no_text");
  std::string text = std::string(static_cast<size_t>(level), '#') + " " + name + "\n\n" + append.new_text;
  if (!file->ReplaceBlocks(place, place, text)) return Refused(edit, "would_change_structure");
  return Done(edit, "section_added");
}

EditEntry FileEdits::Change(const PatchEdit& edit, Editor* file) {
  std::vector<std::string> fresh = HashesOf(ParseBlocks(edit.new_text));
  bool inserts = edit.op == EditOp::kAppendToSection || edit.op == EditOp::kInsertAfter ||
                 edit.op == EditOp::kInsertBefore;
  if (inserts && !RunsOf(file->blocks(), fresh).empty()) return There(edit);
  Place place = FindPlace(file->blocks(), edit);
  if (place.problem == "section_missing" && edit.op == EditOp::kAppendToSection)
    return AddSection(edit, file);
  if (!place.problem.empty()) {
    bool replaced = edit.op == EditOp::kReplace && place.problem == "anchor_not_found" &&
                    !RunsOf(file->blocks(), fresh).empty();
    return replaced ? There(edit) : Refused(edit, place.problem);
  }
  const std::vector<Block>& blocks = file->blocks();
  std::string text = edit.new_text, indent;
  bool item = place.first < place.last && blocks[place.first].kind == BlockKind::kItem;
  if (item) indent = file->IndentOf(blocks[place.first]);
  if (edit.op == EditOp::kInsertAfter) {
    int level = blocks[place.last - 1].level;
    while (item && place.last < blocks.size() && blocks[place.last].kind == BlockKind::kItem &&
           blocks[place.last].level > level)
      ++place.last;  // its sub-items stay with it
    place.first = place.last;
  }
  if (edit.op == EditOp::kInsertBefore) place.last = place.first;
  auto at = [&](size_t index) { return blocks.begin() + static_cast<std::ptrdiff_t>(index); };
  bool titles = edit.op == EditOp::kReplace &&
                HeadingsIn(ParseBlocks(text)) > std::count_if(at(place.first), at(place.last), IsHeading);
  if (titles) return Refused(edit, "adds_heading");
  if (edit.op == EditOp::kRemove || edit.op == EditOp::kDeleteSection) text.clear();
  if (edit.op == EditOp::kReplace && place.last == place.first + 1 && item &&
      IsPlainItem(CollapseSpace(text))) {
    text = "- " + CollapseSpace(text);  // words for an item are an item
  }
  if (!file->ReplaceBlocks(place.first, place.last, text, indent))
    return Refused(edit, "would_change_structure");
  return Done(edit, edit.op == EditOp::kRemove || edit.op == EditOp::kDeleteSection ? "removed" : "added");
}

}  // namespace clawtrace::skill

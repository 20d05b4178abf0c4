#pragma once
// Edits of blocks (PatchEdit) on the Markdown files of a skill. An edit is done as it says or not at all, and
// each leaves an entry that says which and why.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/patch.h"
#include "skill/editor.h"
#include "skill/skill.h"

namespace clawtrace::skill {

// Where an edit's anchor is: blocks [first, last) of its file, or why it is nowhere.
struct Place {
  size_t first = 0, last = 0;
  std::string problem;  // a reason of docs/merge.md; "" = found
};

// The blocks that op, heading_path, block_hash and old_text mean: exactly one run of blocks, never a part of
// one. A block that moved to another heading is found when it stands once. For an append: where the section's
// own text ends.
Place FindPlace(const std::vector<Block>& blocks, const PatchEdit& edit);

// Why new_text cannot be put into any file, "" when it can: "html_block", "adds_heading". Headings come by
// kAddSection and kCreateFile; in the place of headings by kReplace.
std::string TextProblem(const PatchEdit& edit);

// "SKILL.md" or "references/NAME.md": where edits may write.
bool IsEditable(std::string_view file);

// Paths of the form references/X.md that the text names.
std::vector<std::string> ReferencesIn(std::string_view text);

// The last heading of "Title > Section", as AddSection spells it.
std::string SectionOfPath(std::string_view heading_path);

class Ownership;

class FileEdits {
 public:
  // files: every Markdown file that may be edited, SKILL.md among them; outlives this, as own does. own:
  // edits change and take out what is ours alone, with edit_others all but what is pinned; nullptr: anything.
  explicit FileEdits(std::map<std::string, Editor>* files, const Ownership* own = nullptr,
                     bool edit_others = false)
      : files_(*files), own_(own), edit_others_(edit_others) {}

  // Does one edit; the entry has neither patch id nor index yet. Creations come before what links to them.
  EditEntry Do(const PatchEdit& edit);

  const std::vector<std::string>& created() const { return created_; }
  const std::vector<std::string>& deleted() const { return deleted_; }
  // A file that turned out to have no place.
  void TakeBack(const std::string& file);

 private:
  EditEntry Create(const PatchEdit& edit);
  EditEntry DeleteFile(const PatchEdit& edit);
  bool MayTakeOut(const std::string& file, const Block& block) const;
  EditEntry AddSection(const PatchEdit& edit, Editor* file);
  EditEntry Change(const PatchEdit& edit, Editor* file);

  std::map<std::string, Editor>& files_;
  const Ownership* own_;
  bool edit_others_;
  std::vector<std::string> created_, deleted_;
};

}  // namespace clawtrace::skill

#pragma once
// Changing a file's text the way clients do: replacements, insertions, apply_patch envelopes, notebook cells.
// All are total and pure; an error (kInvalidInput) is what the client would have refused, and why.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "replay/action.h"

namespace clawtrace::replay {

// The file after action.edits or the insertion; nothing is changed when one of them cannot be done.
Result<std::string> ApplyEdits(std::string_view file, const Action& action);

// Curly quotes, dashes and odd spaces to their ASCII likes.
std::string LevelTypography(std::string_view text);

struct PatchChunk {
  std::string context;  // "@@ context": a line at or behind which the old lines stand
  std::vector<std::string> old_lines, new_lines;
  bool at_end = false;  // "*** End of File"
};

struct PatchFile {
  enum class What { kAdd, kDelete, kUpdate } what = What::kAdd;
  std::string path, move_to;
  std::string text;  // kAdd
  std::vector<PatchChunk> chunks;
};

Result<std::vector<PatchFile>> ParsePatch(std::string_view envelope);
// Lines are looked for exactly, then without white space at their ends, then at both ends, then levelled.
Result<std::string> ApplyChunks(std::string_view file, std::span<const PatchChunk> chunks);

// An .ipynb file after a kNotebook action, in the layout that Claude Code writes.
Result<std::string> EditNotebook(std::string_view notebook, const Action& action);

}  // namespace clawtrace::replay

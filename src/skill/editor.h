#pragma once
// One Markdown file while it is changed. Every change is followed by a new parse, so places are never stale,
// and changes made for edits are taken back when they would touch any other block.
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "skill/blocks.h"

namespace clawtrace::skill {

// SHA-256 of an item's text: how records find rules again.
std::string HashOfRule(std::string_view item_text);

// Readers and lint take "Cost control" and "Cost  Control" for one title.
bool IsSameTitle(std::string_view one, std::string_view other);

class Editor {
 public:
  explicit Editor(std::string text);

  const std::string& text() const { return text_; }
  const std::vector<Block>& blocks() const { return blocks_; }
  const std::string& line_end() const { return eol_; }

  const Block* FindItem(std::string_view rule_hash) const;  // nullptr: no item has that text

  // The heading with that title, spelled alike if there is one; nullptr: none.
  const Block* FindHeading(std::string_view title) const;

  // Keeps the bullet and its indentation as they are.
  void ReplaceItem(const Block& item, std::string_view new_text);

  // Takes an item or a heading out, with the blank lines that were there for it.
  void Remove(const Block& block);

  // Below the last of the items with own_hashes in that section, else at the section's end; the section comes
  // last when missing.
  void AddItems(const std::string& section, const std::vector<std::string>& item_texts,
                const std::set<std::string>& own_hashes);

  // Blocks [first, last) of blocks() by new_text, a Markdown source; both may be empty. Blank lines are what
  // the place needs; its lines are indented by indent. False, with nothing changed, unless re-parsing gives
  // exactly the old blocks without those replaced and with those of new_text, all under the headings they
  // stood under.
  bool ReplaceBlocks(size_t first, size_t last, std::string_view new_text, std::string_view indent = {});

  std::string IndentOf(const Block& item) const;  // what stands before its bullet

 private:
  void Parse();
  std::string EndLine(size_t at) const { return at == 0 || text_[at - 1] == '\n' ? "" : eol_; }
  bool BlankBefore(size_t at) const;
  bool BlankAfter(size_t at) const;
  bool IsBulletItem(const Block& block) const;
  size_t PlaceIn(size_t begin, size_t limit, const std::set<std::string>& own_hashes,
                 std::string* block) const;
  std::string Fitted(size_t first, size_t last, std::string_view new_text, std::string_view indent) const;

  // Of items, by the hash of their text; made when it is first asked for, since most changes ask for none.
  mutable std::optional<std::unordered_map<std::string, size_t>> items_;
  std::string text_, eol_;
  std::vector<Block> blocks_;
  bool has_body_ = false;
};

}  // namespace clawtrace::skill

#include "skill/editor.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/text.h"

namespace clawtrace::skill {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsHeading(const Block& block) { return block.kind == BlockKind::kHeading; }

// What identifies a block in its place; without the headings above where these change by intent.
std::vector<std::string> KeysOf(const std::vector<Block>& blocks, size_t skip_from, size_t skip_to,
                                bool with_path) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (i >= skip_from && i < skip_to) continue;
    keys.push_back(blocks[i].hash + (with_path ? blocks[i].heading_path : ""));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string> HashesOf(const std::vector<std::string>& keys) {
  constexpr size_t kHashSize = 64;
  std::vector<std::string> hashes;
  for (const std::string& key : keys) hashes.push_back(key.substr(0, kHashSize));
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

// Lines without ends, without blank ones at both ends and without what all are indented by (but for code).
std::vector<std::string_view> PlainLines(std::string_view text) {
  constexpr size_t kCodeIndent = 4;
  std::vector<std::string_view> lines = Split(text, '\n');
  size_t common = std::string_view::npos;
  for (std::string_view& line : lines) {
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (!line.empty()) common = std::min(common, line.find_first_not_of(' '));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  lines.erase(lines.begin(),
              std::find_if(lines.begin(), lines.end(), [](std::string_view line) { return !line.empty(); }));
  if (common >= kCodeIndent) return lines;
  for (std::string_view& line : lines) line.remove_prefix(std::min(common, line.size()));
  return lines;
}

}  // namespace

std::string HashOfRule(std::string_view item_text) { return Sha256Hex(item_text); }

bool IsSameTitle(std::string_view one, std::string_view other) {
  return ToLower(CollapseSpace(one)) == ToLower(CollapseSpace(other));
}

Editor::Editor(std::string text) : text_(std::move(text)), eol_(LineEndOf(text_)) { Parse(); }

void Editor::Parse() {
  blocks_ = ParseBlocks(text_);
  items_.reset();
  size_t front = !blocks_.empty() && blocks_[0].kind == BlockKind::kFrontMatter ? blocks_[0].end : 0;
  if (text_.starts_with(kByteOrderMark)) front = std::max(front, kByteOrderMark.size());
  has_body_ = text_.size() > front;
}

const Block* Editor::FindItem(std::string_view rule_hash) const {
  if (!items_) {
    items_.emplace();
    for (size_t i = 0; i < blocks_.size(); ++i) {
      if (blocks_[i].kind == BlockKind::kItem) items_->emplace(HashOfRule(blocks_[i].text), i);
    }
  }
  auto found = items_->find(std::string(rule_hash));
  return found == items_->end() ? nullptr : &blocks_[found->second];
}

void Editor::ReplaceItem(const Block& item, std::string_view new_text) {
  std::string_view old = std::string_view(text_).substr(item.begin, item.end - item.begin);
  size_t bullet = old.find_first_of("-*+.)");
  size_t content = old.find_first_not_of(" \t", bullet + 1);
  size_t line_end = old.find_last_not_of("\r\n") + 1;
  std::string fresh(old.substr(0, content));
  fresh.append(new_text).append(old.substr(line_end));
  text_.replace(item.begin, item.end - item.begin, fresh);
  Parse();
}

void Editor::Remove(const Block& block) {
  size_t begin = block.begin, end = block.end;
  // The blank lines on both sides were there for it.
  if (BlankBefore(begin) && (BlankAfter(end) || end == text_.size())) {
    size_t line = text_.find_last_not_of(" \t\r\n", begin == 0 ? 0 : begin - 1);
    size_t stop = line == std::string::npos ? 0 : text_.find('\n', line) + 1;
    begin = std::max(stop, blocks_[0].kind == BlockKind::kFrontMatter ? blocks_[0].end : size_t{0});
  }
  text_.erase(begin, end - begin);
  Parse();
}

const Block* Editor::FindHeading(std::string_view title) const {
  auto headed = [&](auto same) {
    auto found = std::ranges::find_if(blocks_, [&](const Block& b) { return IsHeading(b) && same(b.text); });
    return found == blocks_.end() ? nullptr : &*found;
  };
  const Block* found = headed([&](const std::string& text) { return text == title; });
  return found ? found : headed([&](const std::string& text) { return IsSameTitle(text, title); });
}

void Editor::AddItems(const std::string& section, const std::vector<std::string>& item_texts,
                      const std::set<std::string>& own_hashes) {
  std::string block;
  for (const std::string& item : item_texts) block.append("- ").append(item).append(eol_);
  const Block* heading = FindHeading(section);
  if (!heading) {
    std::string lead = EndLine(text_.size());
    bool blank = lead.empty() && BlankBefore(text_.size());
    if (has_body_ && !blank) lead += eol_;
    text_ += lead + "## " + section + eol_ + eol_ + block;
  } else {
    // Only the text between this heading and the next one, of whatever level, is the section's own.
    auto next = std::find_if(blocks_.begin() + (heading - blocks_.data()) + 1, blocks_.end(), IsHeading);
    size_t limit = next == blocks_.end() ? text_.size() : next->begin;
    text_.insert(PlaceIn(heading->end, limit, own_hashes, &block), block);
  }
  Parse();
}

// The line that ends at `at` is blank.
bool Editor::BlankBefore(size_t at) const {
  std::string_view lines = std::string_view(text_).substr(0, at);
  if (!lines.ends_with('\n')) return false;
  lines.remove_suffix(1);
  size_t last = lines.rfind('\n');
  return last != std::string_view::npos && Trim(lines.substr(last + 1)).empty();
}

bool Editor::BlankAfter(size_t at) const {
  std::string_view rest = std::string_view(text_).substr(at);
  return !rest.empty() && Trim(rest.substr(0, rest.find('\n'))).empty();
}

bool Editor::IsBulletItem(const Block& block) const {
  size_t mark = text_.find_first_not_of(" \t", block.begin);
  return block.kind == BlockKind::kItem &&
         std::string_view("-*+").find(text_[mark]) != std::string_view::npos;
}

// Offset for block between begin and limit; block gets the blank lines that the place needs.
size_t Editor::PlaceIn(size_t begin, size_t limit, const std::set<std::string>& own_hashes,
                       std::string* block) const {
  for (auto item = blocks_.rbegin(); item != blocks_.rend(); ++item) {
    if (item->kind == BlockKind::kItem && item->begin >= begin && item->end <= limit &&
        own_hashes.contains(HashOfRule(item->text))) {
      *block = EndLine(item->end) + *block;
      return item->end;
    }
  }
  std::string_view own = std::string_view(text_).substr(begin, limit - begin);
  size_t last_text = own.find_last_not_of(" \t\r\n");
  size_t place = begin;
  if (last_text != std::string_view::npos) {
    size_t line_end = own.find('\n', last_text);
    place = line_end == std::string_view::npos ? limit : begin + line_end + 1;
  }
  bool in_list = std::any_of(blocks_.begin(), blocks_.end(),
                             [&](const Block& b) { return b.end == place && IsBulletItem(b); });
  bool text_follows = place < text_.size() && text_[place] != '\n' && text_[place] != '\r';
  *block = EndLine(place) + (in_list ? "" : eol_) + *block + (text_follows ? eol_ : "");
  return place;
}

// new_text as it has to be spelled in the place of blocks [first, last).
std::string Editor::Fitted(size_t first, size_t last, std::string_view new_text,
                           std::string_view indent) const {
  std::vector<Block> fresh = ParseBlocks(new_text);
  if (fresh.empty()) return "";
  const Block* before = first > 0 ? &blocks_[first - 1] : nullptr;
  const Block* after = last < blocks_.size() ? &blocks_[last] : nullptr;
  std::string out;
  for (std::string_view line : PlainLines(new_text)) {
    out.append(line.empty() ? "" : indent).append(line).append(eol_);
  }
  size_t begin = last > first      ? blocks_[first].begin
                 : before          ? before->end
                 : blocks_.empty() ? 0
                                   : blocks_[0].begin;
  size_t end = last > first ? blocks_[last - 1].end : begin;
  auto touches = [](const Block* a, const Block& b) {
    return a && a->kind == BlockKind::kItem && b.kind == BlockKind::kItem;
  };
  std::string lead = EndLine(begin);
  if (begin > 0 && before && !touches(before, fresh.front()) && (!lead.empty() || !BlankBefore(begin)))
    lead += eol_;
  bool gap = after && !touches(after, fresh.back()) && end < text_.size() && !BlankAfter(end);
  return lead + out + (gap ? eol_ : "");
}

std::string Editor::IndentOf(const Block& item) const {
  size_t mark = text_.find_first_not_of(" \t", item.begin);
  return text_.substr(item.begin, mark - item.begin);
}

bool Editor::ReplaceBlocks(size_t first, size_t last, std::string_view new_text, std::string_view indent) {
  std::string fresh = Fitted(first, last, new_text, indent);
  size_t begin = first < last ? blocks_[first].begin : first > 0 ? blocks_[first - 1].end : 0;
  if (first == last && first == 0 && !blocks_.empty()) begin = blocks_[0].begin;
  size_t end = first < last ? blocks_[last - 1].end : begin;
  bool renames = std::any_of(blocks_.begin() + static_cast<std::ptrdiff_t>(first),
                             blocks_.begin() + static_cast<std::ptrdiff_t>(last), IsHeading) &&
                 !fresh.empty();
  if (fresh.empty() && BlankBefore(begin)) {
    // Of the blank lines around what goes, one side goes along.
    while (end < text_.size() && BlankAfter(end)) end = std::min(text_.find('\n', end), text_.size() - 1) + 1;
  }
  Editor changed(text_.substr(0, begin) + fresh + text_.substr(end));
  std::vector<std::string> kept = KeysOf(blocks_, first, last, !renames);
  std::vector<std::string> now = KeysOf(changed.blocks_, 0, 0, !renames);
  std::vector<std::string> lost, added;
  std::set_difference(kept.begin(), kept.end(), now.begin(), now.end(), std::back_inserter(lost));
  std::set_difference(now.begin(), now.end(), kept.begin(), kept.end(), std::back_inserter(added));
  std::vector<std::string> wanted = HashesOf(KeysOf(ParseBlocks(new_text), 0, 0, false));
  if (!lost.empty() || HashesOf(added) != wanted) return false;
  changed.eol_ = eol_;
  *this = std::move(changed);
  return true;
}

}  // namespace clawtrace::skill

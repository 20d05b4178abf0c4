#pragma once
// A Markdown file of a skill as blocks: headings, list items, paragraphs, code, tables, each with its place
// in the bytes, the headings it stands under, and a hash that stays when it moves. Fenced and indented code
// and comments are blocks, never structure (CommonMark). blocks.cc is the only file that knows the CommonMark
// library.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::skill {

enum class BlockKind { kFrontMatter, kHeading, kItem, kParagraph, kCode, kTable, kQuote, kHtml, kRule };
std::string_view WordOf(BlockKind kind);  // "item"

struct Block {
  BlockKind kind = BlockKind::kParagraph;
  std::string
      heading_path;  // "Title > Section" of the headings above it, 240 bytes of each; "" before the first
  // Source without bullet and fence, white space collapsed; of code the lines as they are; of a heading its
  // words without any marks.
  std::string text;
  std::string hash;  // SHA-256 of kind and text in hex: equal text has an equal hash wherever it stands
  int level = 0;     // of a heading 1-6; of an item its depth from 1
  size_t begin = 0, end = 0;  // whole lines, the last line's end included; an item ends before its sub-items
};

// All blocks in order of place, none over another; every line that is not blank belongs to one of them, blank
// lines at the edge of a block to none. An item whose first words are another item's ("- - x") is the inner
// one. Total: any bytes give blocks.
// Lists within more than a hundred others are text of the innermost one. Time and memory grow with the text.
std::vector<Block> ParseBlocks(std::string_view text);

// A fenced or indented block of code at any depth, its fences included.
struct CodeRange {
  size_t begin = 0, end = 0;
  bool fenced = false;
  bool closed = true;  // by a fence, or the end of its item or quote; false: all that follows is code
};
// In order of place. Total.
std::vector<CodeRange> CodeRanges(std::string_view text);

// Where the text behind a byte order mark and front matter begins.
size_t BodyBegin(std::string_view text);

// The hash of a block of that kind and text.
std::string HashOfBlock(BlockKind kind, std::string_view text);

// "Title" and "Section" as "Title > Section".
std::string JoinPath(std::string_view parent, std::string_view heading);

// Whether "- LINE" is one list item that holds one paragraph and nothing else: no heading, list, code block,
// quote or comment hides in it.
bool IsPlainItem(std::string_view line);

// A tag, a comment or an automatic link of HTML outside of code spans.
bool HasMarkup(std::string_view text);

// White space collapsed to single blanks and trimmed: how two spellings of one text are compared.
std::string CollapseSpace(std::string_view text);

// "\n" or "\r\n": the first one used, "\n" when there is none.
std::string LineEndOf(std::string_view text);

}  // namespace clawtrace::skill

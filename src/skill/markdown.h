#pragma once
// Markdown as blocks with their place in the bytes. The only file that knows the CommonMark library; what is
// fenced, commented out or indented as code is told apart here and nowhere else.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace {

// [begin, end) are whole lines of the document, the last line's end included.
struct MarkdownHeading {
  int level = 0;
  std::string text;  // inline text without marks
  size_t begin = 0, end = 0;
};
struct MarkdownItem {
  std::string text;  // source after the bullet, white space collapsed: what is compared and hashed
  size_t begin = 0, end = 0;
};
struct MarkdownBlock {  // top level only
  bool is_bullet_list = false;
  size_t begin = 0, end = 0;
};

struct Markdown {
  size_t body = 0;  // where the text after byte order mark and front matter begins
  bool has_front_matter = false;
  std::vector<MarkdownHeading> headings;  // top level only, in order
  std::vector<MarkdownItem> items;        // items of top-level bullet lists, in order
  std::vector<MarkdownBlock> blocks;      // in order
  std::string line_end;                   // "\n" or "\r\n": the first one used, "\n" when there is none
};

// Total: any bytes give a document.
Markdown ParseMarkdown(std::string_view text);

// White space collapsed to single blanks and trimmed: how two spellings of one item are compared.
std::string CollapseSpace(std::string_view text);

}  // namespace clawtrace

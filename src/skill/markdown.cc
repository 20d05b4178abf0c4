#include "skill/markdown.h"

#include <cmark-gfm.h>

#include <algorithm>
#include <memory>

#include "base/text.h"

namespace clawtrace {
namespace {

struct NodeDeleter {
  void operator()(cmark_node* node) const { cmark_node_free(node); }
};

// Offsets where the lines of text begin, counted from base; CommonMark ends a line at LF, CRLF or CR. The
// last entry is the end of the text.
std::vector<size_t> LineStarts(std::string_view text, size_t base) {
  std::vector<size_t> starts = {base};
  for (size_t i = 0; i < text.size(); ++i) {
    bool ends = text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
    if (ends) starts.push_back(base + i + 1);
  }
  if (starts.back() != base + text.size()) starts.push_back(base + text.size());
  return starts;
}

bool IsBlank(std::string_view line) { return Trim(line).empty(); }

std::string_view WithoutEnd(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

// Where the body begins: behind "---", its lines and the closing "---". An opening line that is never closed
// is a thematic break, not front matter.
size_t BodyStart(std::string_view text, size_t from, bool* has_front_matter) {
  std::vector<size_t> lines = LineStarts(text.substr(from), from);
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    std::string_view line = WithoutEnd(text.substr(lines[i], lines[i + 1] - lines[i]));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    if (i == 0 && line != "---") return from;
    if (i > 0 && line == "---") {
      *has_front_matter = true;
      return lines[i + 1];
    }
  }
  return from;
}

std::string InlineText(cmark_node* block) {
  std::string text;
  std::unique_ptr<cmark_iter, void (*)(cmark_iter*)> walk(cmark_iter_new(block), cmark_iter_free);
  for (cmark_event_type event = cmark_iter_next(walk.get()); event != CMARK_EVENT_DONE;
       event = cmark_iter_next(walk.get())) {
    cmark_node* node = cmark_iter_get_node(walk.get());
    if (event != CMARK_EVENT_ENTER) continue;
    cmark_node_type type = cmark_node_get_type(node);
    if (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE) {
      if (const char* literal = cmark_node_get_literal(node)) text += literal;
    } else if (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK) {
      text += ' ';
    }
  }
  return CollapseSpace(text);
}

class Reader {
 public:
  Reader(std::string_view text, size_t body, Markdown* out)
      : text_(text), lines_(LineStarts(text.substr(body), body)), out_(*out) {}

  void Read(cmark_node* document) {
    for (cmark_node* node = cmark_node_first_child(document); node; node = cmark_node_next(node)) {
      auto [begin, end] = Range(node);
      bool bullets =
          cmark_node_get_type(node) == CMARK_NODE_LIST && cmark_node_get_list_type(node) == CMARK_BULLET_LIST;
      out_.blocks.push_back({bullets, begin, end});
      if (cmark_node_get_type(node) == CMARK_NODE_HEADING) {
        out_.headings.push_back({cmark_node_get_heading_level(node), InlineText(node), begin, end});
      }
      if (bullets) ReadItems(node, end);
    }
  }

 private:
  // A node ends where its last line with content ends: the library counts trailing blank lines in, or not,
  // depending on what follows.
  std::pair<size_t, size_t> Range(cmark_node* node) const {
    size_t first = LineIndex(cmark_node_get_start_line(node));
    int end_line = cmark_node_get_end_line(node);
    // An underlined heading claims the line below it.
    if (cmark_node* next = cmark_node_next(node))
      end_line = std::min(end_line, cmark_node_get_start_line(next) - 1);
    size_t last = std::max(first, LineIndex(end_line));
    return {lines_[first], EndOf(first, last)};
  }
  size_t LineIndex(int line) const {
    size_t count = lines_.size() - 1;
    size_t index = line > 0 ? static_cast<size_t>(line) - 1 : 0;
    return std::min(index, count == 0 ? size_t{0} : count - 1);
  }
  size_t EndOf(size_t first, size_t last) const {
    while (last > first && IsBlank(text_.substr(lines_[last], lines_[last + 1] - lines_[last]))) --last;
    return lines_[std::min(last + 1, lines_.size() - 1)];
  }

  // An item runs to the next one or to the end of its list.
  void ReadItems(cmark_node* list, size_t list_end) {
    for (cmark_node* node = cmark_node_first_child(list); node; node = cmark_node_next(node)) {
      size_t first = LineIndex(cmark_node_get_start_line(node));
      size_t last = first;
      if (cmark_node* next = cmark_node_next(node)) {
        last = LineIndex(cmark_node_get_start_line(next) - 1);
      } else {
        while (last + 1 < lines_.size() && lines_[last + 1] < list_end) ++last;
      }
      MarkdownItem item{{}, lines_[first], EndOf(first, std::max(first, last))};
      std::string_view source = Trim(text_.substr(item.begin, item.end - item.begin));
      if (!source.empty()) source.remove_prefix(1);  // the bullet
      item.text = CollapseSpace(source);
      out_.items.push_back(std::move(item));
    }
  }

  std::string_view text_;
  std::vector<size_t> lines_;
  Markdown& out_;
};

}  // namespace

std::string CollapseSpace(std::string_view text) {
  std::string out;
  bool gap = false;
  for (char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
      gap = !out.empty();
      continue;
    }
    if (gap) out.push_back(' ');
    gap = false;
    out.push_back(c);
  }
  return out;
}

Markdown ParseMarkdown(std::string_view text) {
  Markdown out;
  size_t from = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  out.body = BodyStart(text, from, &out.has_front_matter);
  size_t line_feed = text.find('\n');
  out.line_end =
      line_feed != std::string_view::npos && line_feed > 0 && text[line_feed - 1] == '\r' ? "\r\n" : "\n";
  std::string_view body = text.substr(out.body);
  std::unique_ptr<cmark_node, NodeDeleter> document(
      cmark_parse_document(body.data(), body.size(), CMARK_OPT_DEFAULT));
  if (document) Reader(text, out.body, &out).Read(document.get());
  return out;
}

}  // namespace clawtrace

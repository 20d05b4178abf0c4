#include "skill/blocks.h"

#include <cmark-gfm.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/hash.h"
#include "base/text.h"

namespace clawtrace::skill {
namespace {

constexpr size_t kKinds = 9;
constexpr std::array<std::string_view, kKinds> kKindWords = {
    "front matter", "heading", "item", "paragraph", "code", "table", "quote", "html", "rule"};

constexpr size_t kDeepest = 200;                  // columns before a marker: a hundred lists in each other
constexpr size_t kMostCopied = size_t{64} << 20;  // bytes that mentions of definitions may take
constexpr size_t kMostSpans = 500;                // beginnings of links, emphasis and tags in a paragraph
constexpr size_t kMostOfHeading = 240;            // of a heading above, in a path

struct NodeDeleter {
  void operator()(cmark_node* node) const { cmark_node_free(node); }
};
using Document = std::unique_ptr<cmark_node, NodeDeleter>;

constexpr size_t kTab = 4;

bool IsBlankByte(char c) { return c == ' ' || c == '\t'; }

// Bytes of the bullet, number or quote mark that line[at] begins; 0 when it begins none.
size_t MarkerAt(std::string_view line, size_t at) {
  if (line[at] == '>') return 1;
  size_t end = at;
  while (end < line.size() && line[end] >= '0' && line[end] <= '9') ++end;
  if (end == line.size()) return 0;
  std::string_view marks = end > at ? ".)" : "-+*";
  if (marks.find(line[end]) == std::string_view::npos) return 0;
  return end + 1 == line.size() || IsBlankByte(line[end + 1]) ? end + 1 - at : 0;
}

// Where the marks of a thematic break ("- - -") at the end of the line begin; its size when it has none.
size_t BreakStart(std::string_view line) {
  size_t start = line.find_last_not_of(" \t") + 1;
  if (start == 0 || (line[start - 1] != '-' && line[start - 1] != '*')) return line.size();
  char mark = line[start - 1];
  while (start > 0 && (line[start - 1] == mark || IsBlankByte(line[start - 1]))) --start;
  return start;
}

struct Markers {
  size_t end = 0;                        // where the text behind them begins
  size_t deep = std::string_view::npos;  // last byte of one that begins beyond column kDeepest
};

Markers MarkersOf(std::string_view line) {
  Markers found;
  size_t column = 0, at = 0;
  while (at < line.size()) {
    if (IsBlankByte(line[at])) {
      column = line[at] == '\t' ? (column / kTab + 1) * kTab : column + 1;
      ++at;
      continue;
    }
    size_t length = MarkerAt(line, at);
    if (length == 0) break;
    if (column > kDeepest) {
      if (BreakStart(line) > at) found.deep = at + length - 1;
      break;
    }
    at += length, column += length;
  }
  found.end = at;
  return found;
}

// A text of equal length that the library reads in time and memory that grow with the text alone. Left as it
// is it takes time with depth times lines and with the square of what begins a span, and copies what a
// definition ("[x]: ...") says for each mention of it: a few kilobytes could take all time and memory there
// is. Beyond column kDeepest markers are letters; beyond kMostSpans of a paragraph brackets, emphasis and
// tags are bytes that begin nothing; definitions that would be copied into more than kMostCopied bytes are
// none. Any other text is left as it is.
class TamedText {
 public:
  explicit TamedText(std::string_view body) : text_(body) {
    for (size_t begin = 0; begin < text_.size();) {
      size_t end = std::min(text_.find_first_of("\r\n", begin), text_.size());
      TameLine(begin, std::string_view(text_).substr(begin, end - begin));
      begin = end + 1;
    }
    if (mentions_ == 0 || definition_ <= kMostCopied / mentions_) return;
    for (size_t at = text_.find("]:"); at != std::string::npos; at = text_.find("]:", at + 2)) {
      text_[at + 1] = kColon;
      changed_ = true;
    }
  }

  const std::string& text() const { return text_; }

  // What the library gives back of it, as its author wrote it.
  std::string Restored(std::string given) const {
    for (char& c : given) {
      if (size_t at = kTamed.find(c); changed_ && at != std::string_view::npos) c = kSpans[at];
    }
    return given;
  }

 private:
  // The last one of each is that of kColon.
  static constexpr std::string_view kSpans = "[*_<:", kTamed = "\x01\x02\x03\x04\x05";
  static constexpr char kColon = '\x05';

  void TameLine(size_t begin, std::string_view line) {
    if (Trim(line).empty()) {
      paragraph_ = spans_ = 0;
      defines_ = false;
      return;
    }
    paragraph_ += line.size() + 1;
    defines_ = defines_ || Contains(line, "]:");
    if (defines_) definition_ = std::max(definition_, paragraph_);
    mentions_ += static_cast<size_t>(std::count(line.begin(), line.end(), ']'));
    Markers markers = MarkersOf(line);
    size_t content = markers.end;
    if (markers.deep < line.size()) text_[begin + markers.deep] = 'x';
    if (BeginsParagraph(line)) spans_ = 0;
    // The beginning of a thematic break.
    size_t run = content < line.size() ? line.find_first_not_of(line[content], content) : 0;
    bool breaks = run == std::string_view::npos || (run < line.size() && IsBlankByte(line[run]));
    for (size_t at = content; at < line.size(); ++at) {
      size_t kind = kSpans.substr(0, kSpans.size() - 1).find(line[at]);
      if (kind == std::string_view::npos || ++spans_ <= kMostSpans) continue;
      // A block of HTML begins, or one may end.
      if (line[at] == '<' && (at == content || line.substr(at).starts_with("</"))) continue;
      if (line[at] != '[' && breaks && at < run) continue;
      text_[begin + at] = kTamed[kind];
      changed_ = true;
    }
  }

  // A heading, or an item of the outermost list: no line of the paragraph above.
  static bool BeginsParagraph(std::string_view line) {
    constexpr size_t kIndent = 3;
    size_t indent = std::min(line.find_first_not_of(' '), line.size());
    if (indent > kIndent) return false;
    line.remove_prefix(indent);
    size_t marks = std::min(line.find_first_not_of('#'), line.size());
    bool heading = marks > 0 && marks <= 6 && marks < line.size() && IsBlankByte(line[marks]);
    bool item = line.size() > 2 && std::string_view("-+*").find(line[0]) != std::string_view::npos &&
                line[1] == ' ' && line[2] != ' ';
    return heading || item;
  }

  std::string text_;
  bool changed_ = false;
  size_t mentions_ = 0, definition_ = 0;  // of definitions; bytes of the longest one
  size_t paragraph_ = 0, spans_ = 0;      // of the lines since the last blank one
  bool defines_ = false;
};

Document ParseDocument(const TamedText& body) {
  return Document(cmark_parse_document(body.text().data(), body.text().size(), CMARK_OPT_DEFAULT));
}

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

// Where the body begins: behind "---", its lines and the closing "---". An opening line that is never closed
// is a thematic break, not front matter. from when there is none.
size_t BodyStart(std::string_view text, size_t from) {
  std::vector<size_t> lines = LineStarts(text.substr(from), from);
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    std::string_view line = text.substr(lines[i], lines[i + 1] - lines[i]);
    while (!line.empty() && std::string_view(" \t\r\n").find(line.back()) != std::string_view::npos)
      line.remove_suffix(1);
    if (i == 0 && line != "---") return from;
    if (i > 0 && line == "---") return lines[i + 1];
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

// "-", "*", "+", "12." or "3)" off the start.
std::string_view WithoutBullet(std::string_view source) {
  size_t digits = 0;
  while (digits < source.size() && source[digits] >= '0' && source[digits] <= '9') ++digits;
  if (!source.empty()) source.remove_prefix(std::min(digits + 1, source.size()));
  return source;
}

// The second line of a table: cells of dashes.
bool IsTable(std::string_view source) {
  size_t first_end = source.find('\n');
  if (first_end == std::string_view::npos || source.substr(0, first_end).find('|') == std::string_view::npos)
    return false;
  std::string_view second = source.substr(first_end + 1);
  second = Trim(second.substr(0, second.find('\n')));
  return second.find('|') != std::string_view::npos && second.find('-') != std::string_view::npos &&
         second.find_first_not_of("|-: \t") == std::string_view::npos;
}

// Is this line, without the marks of the quotes that it stands in, a closing fence?
bool ClosesFence(std::string_view line, char mark, size_t length) {
  line = Trim(line);
  while (line.starts_with('>')) line = Trim(line.substr(1));
  return line.size() >= length && line.find_first_not_of(mark) == std::string_view::npos;
}

class BlockReader {
 public:
  BlockReader(std::string_view text, size_t body)
      : text_(text), tamed_(text.substr(body)), lines_(LineStarts(text.substr(body), body)), at_(body) {}

  std::vector<Block> Read() {
    if (at_ > 0) AddFrontMatter(at_);
    Document owner = ParseDocument(tamed_);
    if (cmark_node* document = owner.get())
      ReadChildren(cmark_node_first_child(document), lines_.size() - 1, 0);
    Fill(lines_.back());
    return std::move(blocks_);
  }

 private:
  size_t LineIndex(int line) const {
    size_t count = lines_.size() - 1;
    size_t index = line > 0 ? static_cast<size_t>(line) - 1 : 0;
    return std::min(index, count);
  }
  std::string_view Source(size_t begin, size_t end) const { return text_.substr(begin, end - begin); }

  void AddFrontMatter(size_t end) {
    bool only_mark = Source(0, end) == "\xef\xbb\xbf";
    if (only_mark) return;
    Block block{BlockKind::kFrontMatter, "", CollapseSpace(Source(0, end)), "", 0, 0, end};
    block.hash = HashOfBlock(block.kind, block.text);
    blocks_.push_back(std::move(block));
  }

  // Nodes one behind the other; each runs to the next one, the last to the line `limit`.
  void ReadChildren(cmark_node* node, size_t limit, int depth) {
    for (; node; node = cmark_node_next(node)) {
      cmark_node* next = cmark_node_next(node);
      size_t first = LineIndex(cmark_node_get_start_line(node));
      size_t last = next ? LineIndex(cmark_node_get_start_line(next)) : limit;
      if (cmark_node_get_type(node) == CMARK_NODE_LIST) {
        ReadItems(node, last, depth + 1);
        continue;
      }
      // A leaf says where it ends; what is between it and the next one (link definitions) is found later.
      size_t own = LineIndex(cmark_node_get_end_line(node) + 1);
      bool html = cmark_node_get_type(node) == CMARK_NODE_HTML_BLOCK;  // ends a line too early
      while (html && own < last && !IsBlank(Source(lines_[own], lines_[own + 1]))) ++own;
      if (own > first) last = std::min(last, own);
      Add(node, first, last, depth);
    }
  }

  void ReadItems(cmark_node* list, size_t limit, int depth) {
    for (cmark_node* item = cmark_node_first_child(list); item; item = cmark_node_next(item)) {
      cmark_node* next = cmark_node_next(item);
      size_t first = LineIndex(cmark_node_get_start_line(item));
      size_t last = next ? LineIndex(cmark_node_get_start_line(next)) : limit;
      cmark_node* inner = cmark_node_first_child(item);
      while (inner && cmark_node_get_type(inner) != CMARK_NODE_LIST) inner = cmark_node_next(inner);
      size_t own = inner ? LineIndex(cmark_node_get_start_line(inner)) : last;
      if (own > first) Add(item, first, own, depth);
      if (inner) ReadChildren(inner, last, depth);
    }
  }

  static BlockKind KindOf(cmark_node* node, std::string_view source, int depth) {
    cmark_node_type type = cmark_node_get_type(node);
    // A heading inside an item structures nothing.
    if (type == CMARK_NODE_HEADING) return depth == 0 ? BlockKind::kHeading : BlockKind::kParagraph;
    if (type == CMARK_NODE_ITEM) return BlockKind::kItem;
    if (type == CMARK_NODE_CODE_BLOCK) return BlockKind::kCode;
    if (type == CMARK_NODE_BLOCK_QUOTE) return BlockKind::kQuote;
    if (type == CMARK_NODE_HTML_BLOCK) return BlockKind::kHtml;
    if (type == CMARK_NODE_THEMATIC_BREAK) return BlockKind::kRule;
    return IsTable(source) ? BlockKind::kTable : BlockKind::kParagraph;
  }

  std::string TextOf(cmark_node* node, BlockKind kind, std::string_view source) const {
    if (kind == BlockKind::kHeading) return tamed_.Restored(InlineText(node));
    if (kind == BlockKind::kCode) {
      const char* literal = cmark_node_get_literal(node);
      return tamed_.Restored(literal ? literal : "");
    }
    if (kind != BlockKind::kItem) return CollapseSpace(source);
    int column = cmark_node_get_start_column(node);  // of the bullet, behind those of outer items
    source.remove_prefix(std::min(source.size(), static_cast<size_t>(std::max(column, 1) - 1)));
    return CollapseSpace(WithoutBullet(Trim(source)));
  }

  // Lines [first, last) without the blank ones at the end.
  void Add(cmark_node* node, size_t first, size_t last, int depth) {
    while (last > first && IsBlank(Source(lines_[last - 1], lines_[last]))) --last;
    Fill(lines_[first]);
    size_t begin = std::max(lines_[first], at_), end = lines_[last];
    if (end <= begin) return;
    Block block{.begin = begin, .end = end};
    block.kind = KindOf(node, Source(begin, end), depth);
    block.text = TextOf(node, block.kind, Source(begin, end));
    if (block.kind == BlockKind::kItem) block.level = depth;
    if (block.kind != BlockKind::kHeading) return Push(std::move(block));
    block.level = cmark_node_get_heading_level(node);
    while (!path_.empty() && path_.back().first >= block.level) path_.pop_back();
    Push(std::move(block));
    path_.emplace_back(blocks_.back().level, PrefixUtf8(blocks_.back().text, kMostOfHeading));
  }

  void Push(Block block) {
    for (const auto& [level, heading] : path_) block.heading_path = JoinPath(block.heading_path, heading);
    block.hash = HashOfBlock(block.kind, block.text);
    at_ = block.end;
    blocks_.push_back(std::move(block));
  }

  // Lines up to `end` that no node claims: link definitions, and whatever else the library leaves out.
  void Fill(size_t end) {
    while (at_ < end) {
      auto line = std::upper_bound(lines_.begin(), lines_.end(), at_);
      size_t begin = at_;
      while (line != lines_.end() && *line <= end && !IsBlank(Source(at_, *line))) at_ = *line++;
      if (at_ > begin) {
        Block block{.text = CollapseSpace(Source(begin, at_)), .begin = begin, .end = at_};
        Push(std::move(block));
      } else {
        at_ = line == lines_.end() ? end : std::min(*line, end);
      }
    }
  }

  std::string_view text_;
  TamedText tamed_;
  std::vector<size_t> lines_;
  size_t at_;                                      // where the blocks so far end
  std::vector<std::pair<int, std::string>> path_;  // headings above, with their levels
  std::vector<Block> blocks_;
};

// Last byte of the span of code that begins with the run of backticks at `at`; of the run when nothing closes
// it, which is then text like any other.
size_t EndOfCode(std::string_view text, size_t at) {
  auto run = [&](size_t from) { return std::min(text.find_first_not_of('`', from), text.size()) - from; };
  size_t length = run(at);
  for (size_t next = text.find('`', at + length); next != std::string_view::npos;) {
    size_t other = run(next);
    if (other == length) return next + other - 1;
    next = text.find('`', next + other);
  }
  return at + length - 1;
}

}  // namespace

std::string_view WordOf(BlockKind kind) { return kKindWords[static_cast<size_t>(kind)]; }

std::string HashOfBlock(BlockKind kind, std::string_view text) {
  std::string keyed(WordOf(kind));
  return Sha256Hex(keyed.append("\n").append(text));
}

std::string JoinPath(std::string_view parent, std::string_view heading) {
  std::string path(parent);
  if (!path.empty()) path += " > ";
  return path.append(heading);
}

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

std::string LineEndOf(std::string_view text) {
  size_t line_feed = text.find('\n');
  return line_feed != std::string_view::npos && line_feed > 0 && text[line_feed - 1] == '\r' ? "\r\n" : "\n";
}

bool IsPlainItem(std::string_view line) {
  if (line.find_first_of("\r\n") != std::string_view::npos) return false;
  Document document = ParseDocument(TamedText("- " + std::string(line) + "\n"));
  cmark_node* list = document ? cmark_node_first_child(document.get()) : nullptr;
  if (!list || cmark_node_next(list) || cmark_node_get_type(list) != CMARK_NODE_LIST) return false;
  cmark_node* item = cmark_node_first_child(list);
  cmark_node* paragraph = cmark_node_next(item) ? nullptr : cmark_node_first_child(item);
  if (!paragraph || cmark_node_next(paragraph) || cmark_node_get_type(paragraph) != CMARK_NODE_PARAGRAPH)
    return false;
  return line.find("<!--") == std::string_view::npos;
}

bool HasMarkup(std::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '`') {
      i = EndOfCode(text, i);
      continue;
    }
    char next = text[i + 1];
    bool begins = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || next == '/' ||
                  next == '!' || next == '?';
    if (text[i] == '<' && begins) return true;
  }
  return false;
}

size_t BodyBegin(std::string_view text) { return BodyStart(text, text.starts_with("\xef\xbb\xbf") ? 3 : 0); }

std::vector<CodeRange> CodeRanges(std::string_view text) {
  std::vector<CodeRange> out;
  size_t body = BodyBegin(text);
  std::vector<size_t> lines = LineStarts(text.substr(body), body);
  Document document = ParseDocument(TamedText(text.substr(body)));
  if (!document || lines.size() < 2) return out;
  std::unique_ptr<cmark_iter, void (*)(cmark_iter*)> walk(cmark_iter_new(document.get()), cmark_iter_free);
  for (cmark_event_type event = cmark_iter_next(walk.get()); event != CMARK_EVENT_DONE;
       event = cmark_iter_next(walk.get())) {
    cmark_node* node = cmark_iter_get_node(walk.get());
    if (event != CMARK_EVENT_ENTER || cmark_node_get_type(node) != CMARK_NODE_CODE_BLOCK) continue;
    auto index = [&](int line) { return std::min(static_cast<size_t>(std::max(line, 1)), lines.size() - 1); };
    size_t first = index(cmark_node_get_start_line(node)), last = index(cmark_node_get_end_line(node));
    int length = 0, offset = 0;
    char mark = 0;
    CodeRange range{lines[first - 1], lines[std::max(first, last)], false, true};
    range.fenced = cmark_node_get_fenced(node, &length, &offset, &mark) != 0;
    if (range.fenced) {
      // Of a block that ended with its item or quote the library counts the line behind it in.
      const char* literal = cmark_node_get_literal(node);
      last = std::min(first + LineStarts(literal ? literal : "", 0).size() - 1, lines.size() - 1);
      range.closed = last + 1 < lines.size();
      bool fence = range.closed && ClosesFence(text.substr(lines[last], lines[last + 1] - lines[last]), mark,
                                               static_cast<size_t>(length));
      range.end = lines[fence ? last + 1 : last];
    }
    // A fence behind the item or quote closes nothing in it: it opens a block of its own.
    if (!out.empty()) out.back().end = std::min(out.back().end, range.begin);
    out.push_back(range);
  }
  return out;
}

std::vector<Block> ParseBlocks(std::string_view text) {
  size_t body = BodyBegin(text);
  return BlockReader(text, body).Read();
}

}  // namespace clawtrace::skill

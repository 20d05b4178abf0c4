// Headings, fences and sections of one Markdown file.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "skill/lint_rules.h"

namespace clawtrace::skill {
namespace {

// What editors and models put where a title belongs.
constexpr auto kPlaceholders = std::to_array<std::string_view>({"new section",
                                                                "new sub-section",
                                                                "new subsection",
                                                                "new heading",
                                                                "new title",
                                                                "section",
                                                                "subsection",
                                                                "heading",
                                                                "untitled",
                                                                "untitled section",
                                                                "section title",
                                                                "section name",
                                                                "section heading",
                                                                "heading title",
                                                                "title here",
                                                                "your title here",
                                                                "insert title",
                                                                "insert title here",
                                                                "insert heading here",
                                                                "placeholder",
                                                                "placeholder heading",
                                                                "placeholder section",
                                                                "todo",
                                                                "tbd",
                                                                "fixme",
                                                                "xxx",
                                                                "lorem ipsum",
                                                                "unnamed section",
                                                                "unnamed"});

std::string TitleKey(std::string_view title) {
  std::string key = ToLower(CollapseSpace(title));
  while (!key.empty() &&
         std::string_view("#*_:.!?()[]<>{}-0123456789 ").find(key.back()) != std::string_view::npos)
    key.pop_back();
  key.erase(0, std::min(key.find_first_not_of("#*_([<{ "), key.size()));
  return key;
}

bool IsPlaceholder(std::string_view title) {
  std::string key = TitleKey(title);
  return std::find(kPlaceholders.begin(), kPlaceholders.end(), key) != kPlaceholders.end() ||
         (key.empty() && title.find_first_of("0123456789") == std::string_view::npos);
}

// Bytes of code spans as blanks, so that nothing in them is taken for structure.
std::string WithoutCodeSpans(std::string_view line) {
  std::string out(line);
  for (size_t at = out.find('`'); at != std::string::npos; at = out.find('`', at)) {
    size_t open = at;
    while (at < out.size() && out[at] == '`') ++at;
    std::string marks = out.substr(open, at - open);
    size_t close = out.find(marks, at);
    while (close != std::string::npos && out[close + marks.size()] == '`') {
      close = out.find_first_not_of('`', close);
      close = close == std::string::npos ? close : out.find(marks, close);
    }
    if (close == std::string::npos) continue;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(open),
              out.begin() + static_cast<std::ptrdiff_t>(close + marks.size()), ' ');
    at = close + marks.size();
  }
  return out;
}

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Where list bullets, numbers, quote marks and a heading's own marks end.
size_t ContentStart(std::string_view line) {
  size_t at = 0;
  for (;;) {
    at = std::min(line.find_first_not_of(" \t>", at), line.size());
    std::string_view rest = line.substr(at);
    if (rest.starts_with("- ") || rest.starts_with("* ") || rest.starts_with("+ ")) {
      at += 2;
      continue;
    }
    size_t digits = rest.find_first_not_of("0123456789");
    if (digits == std::string_view::npos || digits == 0 || digits > 9) break;
    if (rest[digits] != '.' && rest[digits] != ')') break;
    if (digits + 1 >= rest.size() || rest[digits + 1] != ' ') break;
    at += digits + 2;
  }
  size_t marks = line.find_first_not_of('#', at);
  return marks == std::string_view::npos ? line.size() : marks;
}

// Marks of a heading inside a line: two and more directly behind a text, or set off from it and followed by
// a title; a single one only where a sentence ends without a space ("done.# Title").
bool IsGlued(std::string_view line, size_t at, size_t marks) {
  constexpr size_t kMaxLevel = 6;
  std::string_view behind = line.substr(at + marks);
  if (marks > kMaxLevel || !behind.starts_with(' ')) return false;
  size_t title = behind.find_first_not_of(" *_");
  if (title == std::string_view::npos || !IsAlnum(behind[title])) return false;
  char before = line[at - 1];
  bool sentence_end = std::string_view(".!?:;)*\"]'|").find(before) != std::string_view::npos;
  if (marks == 1) return sentence_end && before != '|' && behind[title] >= 'A' && behind[title] <= 'Z';
  if (before != ' ') return before != '\\';
  bool lower = behind[title] >= 'a' && behind[title] <= 'z';
  return !lower;
}

// The text of a file with blanks for what stands in comments: no reader takes it for structure.
class WithoutComments {
 public:
  explicit WithoutComments(const LintFile& file) : file_(file), text_(file.text()) {
    for (size_t at = text_.find("<!--"); at != std::string::npos; at = text_.find("<!--", at + 1)) {
      auto begin = text_.begin();
      std::replace_if(
          begin + static_cast<std::ptrdiff_t>(at), begin + static_cast<std::ptrdiff_t>(EndOf(at)),
          [](char c) { return c != '\n'; }, ' ');
    }
  }

  std::string_view Line(int64_t line) const {
    return std::string_view(text_).substr(file_.LineBegin(line), file_.Line(line).size());
  }

 private:
  // Of the comment that begins at an offset; the offset itself when none does.
  size_t EndOf(size_t at) {
    if (file_.InCode(at) || (at > 0 && text_[at - 1] == '\\')) return at;
    Enter(file_.LineOf(at));
    size_t column = at - file_.LineBegin(line_);
    if (spans_[column] == ' ') return at;
    // What was found for one comment holds for those before it too: no text is searched twice. The marks may
    // share their dashes: "<!-->".
    if (close_ < at + 2) close_ = file_.text().find("-->", at + 2);
    size_t end = close_ == std::string_view::npos ? close_ : close_ + 3;
    // A heading is no line of a comment: the list item or quote that held it has ended.
    auto heading = std::ranges::upper_bound(file_.headings(), at, {}, &Title::begin);
    size_t limit = heading == file_.headings().end() ? text_.size() : heading->begin;
    if (content_ == column) return std::min(end, limit);
    if (blank_ <= at) blank_ = BlankLineBehind(line_);
    return end <= std::min(limit, blank_) ? end : at;
  }

  void Enter(int64_t line) {
    if (line == line_) return;
    line_ = line, spans_ = WithoutCodeSpans(file_.Line(line));
    content_ = ContentStart(spans_);
    // A heading's own marks are no bullet.
    if (Contains(std::string_view(spans_).substr(0, content_), "#")) content_ = std::string::npos;
  }

  size_t BlankLineBehind(int64_t line) const {
    while (++line <= file_.lines()) {
      if (Trim(file_.Line(line)).empty()) return file_.LineBegin(line);
    }
    return text_.size();
  }

  const LintFile& file_;
  std::string text_;
  size_t close_ = 0, blank_ = 0;
  int64_t line_ = 0;  // of the last comment
  std::string spans_;
  size_t content_ = 0;  // where its text begins
};

void GluedHeadings(const LintFile& file, LintReport* report) {
  const WithoutComments text(file);
  for (int64_t number = 1; number <= file.lines(); ++number) {
    if (file.InCode(file.LineBegin(number))) continue;
    std::string line = WithoutCodeSpans(text.Line(number));
    size_t start = ContentStart(line);
    for (size_t at = line.find('#', std::max<size_t>(start, 1)); at != std::string::npos;
         at = line.find('#', at)) {
      size_t marks = std::min(line.find_first_not_of('#', at), line.size()) - at;
      if (IsGlued(line, at, marks)) {
        report->Error("glued-heading", file, number, "a heading stands on the line of another text",
                      file.Line(number).substr(at));
        break;
      }
      at += marks;
    }
  }
}

// Does a fence with a language open within this block? Then an earlier one was not closed, or closes what it
// should open. Longer outer fences hold shorter ones, as CommonMark has it.
int64_t NestedFence(const LintFile& file, const CodeRange& range) {
  int64_t first = file.LineOf(range.begin), last = file.LineOf(range.end - 1);
  std::string_view open = file.Line(first);
  size_t at = open.find_first_of("`~");
  if (!range.fenced || at == std::string_view::npos) return 0;
  char mark = open[at];
  size_t length = std::min(open.find_first_not_of(mark, at), open.size()) - at;
  for (int64_t line = first + 1; line <= last; ++line) {
    std::string_view text = Trim(file.Line(line));
    size_t marks = std::min(text.find_first_not_of(mark), text.size());
    if (marks >= length && marks < text.size() && IsAlnum(text[marks]) &&
        text.find_first_of(" `", marks) == std::string_view::npos)
      return line;
  }
  return 0;
}

// Headings, and what was meant to be one within code whose fences are broken; in order.
std::vector<Title> TitlesOf(const LintFile& file) {
  std::vector<Title> titles = file.headings();
  for (const CodeRange& range : file.code()) {
    if (range.closed && NestedFence(file, range) == 0) continue;
    for (int64_t line = file.LineOf(range.begin) + 1; line <= file.LineOf(range.end - 1); ++line) {
      std::string_view text = file.Line(line);
      size_t marks = std::min(text.find_first_not_of('#'), text.size());
      constexpr size_t kMaxLevel = 6;
      // A single mark begins a comment in many languages.
      if (marks < 2 || marks > kMaxLevel || !text.substr(marks).starts_with(' ')) continue;
      size_t begin = file.LineBegin(line);
      titles.push_back(
          {static_cast<int>(marks), std::string(Trim(text.substr(marks))), begin, begin + text.size()});
    }
  }
  std::sort(titles.begin(), titles.end(), [](const Title& a, const Title& b) { return a.begin < b.begin; });
  return titles;
}

// Index of the heading that each one stands below; -1 at the top.
std::vector<int64_t> Parents(const std::vector<Title>& headings) {
  std::vector<int64_t> parents, open;
  for (size_t i = 0; i < headings.size(); ++i) {
    while (!open.empty() && headings[static_cast<size_t>(open.back())].level >= headings[i].level)
      open.pop_back();
    parents.push_back(open.empty() ? -1 : open.back());
    open.push_back(static_cast<int64_t>(i));
  }
  return parents;
}

// Sections of the first two levels are siblings wherever they stand: a reader sees one list of them.
void DuplicateHeadings(const LintFile& file, const std::vector<Title>& headings, LintReport* report) {
  std::vector<int64_t> parents = Parents(headings);
  std::map<std::pair<int, std::string>, std::vector<size_t>> by_title;
  for (size_t i = 0; i < headings.size(); ++i)
    by_title[{headings[i].level, ToLower(CollapseSpace(headings[i].text))}].push_back(i);
  for (const auto& [key, places] : by_title) {
    std::map<int64_t, std::vector<size_t>> by_parent;
    for (size_t i : places) by_parent[key.first <= 2 ? -1 : parents[i]].push_back(i);
    for (const auto& [parent, siblings] : by_parent) {
      if (siblings.size() < 2) continue;
      std::string lines;
      for (size_t i : siblings)
        lines += fmt::format("{}{}", lines.empty() ? "" : ", ", file.LineOf(headings[i].begin));
      report->Error("duplicate-heading", file, file.LineOf(headings[siblings[1]].begin),
                    fmt::format("{} sections have one title (lines {})", siblings.size(), lines),
                    headings[siblings[1]].text);
    }
  }
}

void EmptySections(const LintFile& file, LintReport* report) {
  const std::vector<Title>& headings = file.headings();
  for (size_t i = 0; i < headings.size(); ++i) {
    const Title& heading = headings[i];
    bool last = i + 1 == headings.size();
    size_t end = last ? file.text().size() : headings[i + 1].begin;
    bool deeper = !last && headings[i + 1].level > heading.level;
    if (!deeper && Trim(file.text().substr(heading.end, end - heading.end)).empty())
      report->Error("empty-section", file, file.LineOf(heading.begin), "a heading with nothing below it",
                    heading.text);
  }
}

}  // namespace

void LintStructure(const LintFile& file, LintReport* report) {
  GluedHeadings(file, report);
  std::vector<Title> titles = TitlesOf(file);
  for (const Title& heading : titles) {
    if (IsPlaceholder(heading.text))
      report->Error("placeholder-heading", file, file.LineOf(heading.begin), "a title that says nothing",
                    heading.text);
  }
  DuplicateHeadings(file, titles, report);
  EmptySections(file, report);
  for (const CodeRange& range : file.code()) {
    int64_t line = file.LineOf(range.begin);
    if (range.fenced && !range.closed)
      report->Error("unclosed-fence", file, line, "a fence that is never closed: all below it is code",
                    file.Line(line));
    if (int64_t nested = NestedFence(file, range); nested > 0)
      report->Error(
          "broken-fence", file, line,
          fmt::format("another fence opens within this block (line {}): one is missing between them", nested),
          file.Line(line));
  }
}

}  // namespace clawtrace::skill

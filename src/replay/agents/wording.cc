#include "replay/agents/wording.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/text.h"

namespace clawtrace::replay {
namespace {

struct Numbered {
  int64_t number = 0;
  std::string_view text;
};

constexpr auto kAfterNumber =
    std::to_array<std::string_view>({"\xE2\x86\x92", "\t", " | ", "| ", "|", ": ", ":"});

std::optional<Numbered> NumberedLine(std::string_view line, std::string_view mark) {
  size_t at = line.find_first_not_of(' ');
  if (at == std::string_view::npos) return std::nullopt;
  size_t end = at;
  while (end < line.size() && line[end] >= '0' && line[end] <= '9') ++end;
  if (end == at || end - at > 9 || !line.substr(end).starts_with(mark)) return std::nullopt;
  auto number = ParseInt(line.substr(at, end - at));
  if (!number) return std::nullopt;
  return Numbered{*number, line.substr(end + mark.size())};
}

// nullopt: not every line has that mark behind a number that counts up.
std::optional<std::string> WithoutNumbers(const std::vector<std::string_view>& lines, std::string_view mark) {
  std::string out;
  std::optional<int64_t> before;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    auto numbered = NumberedLine(line, mark);
    // Editors trim: "12: " becomes "12:" for an empty line; the last line may be nothing.
    if (!numbered) {
      std::string_view bare = mark;
      while (bare.ends_with(' ')) bare.remove_suffix(1);
      if (!bare.empty() && line.ends_with(bare)) numbered = NumberedLine(line, bare);
      if (numbered && !numbered->text.empty()) numbered.reset();
    }
    if (!numbered) {
      if (i + 1 == lines.size() && Trim(line).empty() && before) break;
      return std::nullopt;
    }
    if (before && numbered->number != *before + 1) return std::nullopt;
    before = numbered->number;
    out.append(i ? "\n" : "").append(numbered->text);
  }
  return out;
}

}  // namespace

std::string WithoutLineNumbers(std::string_view text) {
  if (Trim(text).empty()) return std::string(text);
  std::vector<std::string_view> lines = Split(text, '\n');
  for (std::string_view mark : kAfterNumber) {
    if (auto out = WithoutNumbers(lines, mark)) return *std::move(out);
  }
  return std::string(text);
}

std::string WithoutBlocks(std::string_view text, std::string_view tag) {
  std::string open = "<" + std::string(tag) + ">", close = "</" + std::string(tag) + ">", out;
  while (true) {
    size_t start = text.find(open);
    size_t end = start == std::string_view::npos ? start : text.find(close, start);
    if (end == std::string_view::npos) break;
    out += text.substr(0, start);
    while (out.ends_with('\n')) out.pop_back();
    text.remove_prefix(end + close.size());
    if (!text.empty() && text.front() != '\n' && !out.empty()) out += '\n';
  }
  return out.append(text);
}

std::string_view InsideOf(std::string_view text, std::string_view tag) {
  std::string open = "<" + std::string(tag) + ">", close = "</" + std::string(tag) + ">";
  size_t start = text.find(open), end = text.rfind(close);
  if (start == std::string_view::npos || end == std::string_view::npos || end < start + open.size())
    return text;
  std::string_view inside = text.substr(start + open.size(), end - start - open.size());
  if (inside.starts_with('\n')) inside.remove_prefix(1);
  if (inside.ends_with('\n')) inside.remove_suffix(1);
  return inside;
}

std::string_view UnlessOneOf(std::string_view text, std::initializer_list<std::string_view> remarks) {
  std::string_view trimmed = Trim(text);
  return std::ranges::find(remarks, trimmed) != remarks.end() ? std::string_view() : text;
}

std::string_view WithoutLastLines(std::string_view text, std::initializer_list<std::string_view> starts) {
  while (true) {
    std::string_view trimmed = text;
    while (!trimmed.empty() && (trimmed.back() == '\n' || trimmed.back() == '\r' || trimmed.back() == ' '))
      trimmed.remove_suffix(1);
    size_t line = trimmed.rfind('\n');
    std::string_view last = line == std::string_view::npos ? trimmed : trimmed.substr(line + 1);
    bool remark =
        std::ranges::any_of(starts, [&](std::string_view start) { return last.starts_with(start); });
    if (last.empty() || !remark) return text;
    text = line == std::string_view::npos ? std::string_view() : trimmed.substr(0, line);
    while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  }
}

std::string_view WithoutFirstLines(std::string_view text, std::initializer_list<std::string_view> starts) {
  while (true) {
    bool remark =
        std::ranges::any_of(starts, [&](std::string_view start) { return text.starts_with(start); });
    if (text.empty() || !remark) return text;
    size_t line = text.find('\n');
    text = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
  }
}

std::string_view Behind(std::string_view text, std::string_view mark) {
  size_t at = text.find(mark);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + mark.size());
}

std::string EditorView(std::string_view text) {
  return WithoutLineNumbers(
      WithoutFirstLines(text, {"Here's the result of running `cat -n` on ", "[Note: "}));
}

std::string EditorSnippet(std::string_view text) {
  std::string_view snippet = Behind(text, "on a snippet of ");
  size_t line = snippet.find('\n');
  if (line == std::string_view::npos) return {};
  return WithoutLineNumbers(WithoutLastLines(snippet.substr(line + 1), {"Review the changes"}));
}

}  // namespace clawtrace::replay

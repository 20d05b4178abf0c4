#include "tools/read_range.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/json.h"
#include "base/text.h"

namespace clawtrace::tools {
namespace {

constexpr int64_t kDefaultLines = 2000;

std::optional<int64_t> Number(Json args, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) {
    if (auto number = args[key].integer()) return number;
  }
  return std::nullopt;
}

int64_t EndOf(int64_t first, int64_t count) {
  return count >= INT64_MAX - first ? INT64_MAX : first + count - 1;
}

std::optional<ReadRange> RangeOfTool(const Step& step, const ToolMeaning& meaning) {
  thread_local JsonParser parser;
  auto parsed = parser.Parse(step.tool.args);
  if (!parsed || meaning.path.empty()) return std::nullopt;
  // Only members that are understood: page ranges, several files and the like are not.
  static const std::set<std::string_view> kKnown = {
      "path",       "file_path",  "filePath", "absolute_path", "filename", "file",    "offset",     "limit",
      "view_range", "start_line", "end_line", "line_start",    "line_end", "command", "description"};
  bool known = true;
  parsed->ForEachField([&](std::string_view key, Json) { known = known && kKnown.contains(key); });
  if (!known) return std::nullopt;
  ReadRange range{.path = meaning.path};
  if (Json lines = (*parsed)["view_range"]; lines.is_array()) {
    range.first = std::max<int64_t>(1, lines.at(0).integer().value_or(1));
    int64_t last = lines.at(1).integer().value_or(-1);
    range.last = last < 0 ? INT64_MAX : last;
    return range;
  }
  if ((*parsed)["command"].text() == "view")
    return range;  // an editor that shows all when no lines are named
  range.first = std::max<int64_t>(1, Number(*parsed, {"offset", "start_line", "line_start"}).value_or(1));
  if (auto last = Number(*parsed, {"end_line", "line_end"}))
    range.last = *last;
  else
    range.last = EndOf(range.first, std::max<int64_t>(0, Number(*parsed, {"limit"}).value_or(kDefaultLines)));
  return range;
}

// What one command of those that show lines asks for, of as many files as it names.
struct Asked {
  ReadRange lines;
  size_t files = 0;
};
using Words = std::vector<std::string>;

// cat -n; nl, nl -ba
std::optional<Asked> AskedOfCat(const SimpleCommand& command) {
  Asked asked;
  const bool is_nl = command.program == "nl";
  asked.lines.numbered = is_nl;
  const Words& words = command.arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    if (is_nl && words[i] == "-b" && i + 1 < words.size() && words[i + 1] == "a")
      ++i;
    else if (!is_nl && (words[i] == "-n" || words[i] == "--number"))
      asked.lines.numbered = true;
    else if (!words[i].starts_with('-'))
      ++asked.files;
    else if (!is_nl || (words[i] != "-ba" && words[i] != "--body-numbering=a"))
      return std::nullopt;
  }
  return asked;
}

// "12" of "-n 12", "-n12", "-12", "--lines=12"; moves over the words that it takes.
std::optional<std::string_view> CountAt(const Words& words, size_t* at) {
  std::string_view word = words[*at];
  constexpr std::string_view kLong = "--lines=";
  if (word.starts_with(kLong)) return word.substr(kLong.size());
  if (word == "-n") {
    if (*at + 1 >= words.size()) return std::nullopt;
    return words[++*at];
  }
  if (word.starts_with("-n")) return word.substr(2);
  return word.substr(1);
}

// head and tail
std::optional<Asked> AskedOfEnd(const SimpleCommand& command) {
  Asked asked;
  std::string_view count = "10";
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    if (!command.arguments[i].starts_with('-')) {
      ++asked.files;
      continue;
    }
    auto said = CountAt(command.arguments, &i);
    if (!said) return std::nullopt;
    count = *said;
  }
  const bool from_line = command.program == "tail" && count.starts_with('+');
  if (from_line) count.remove_prefix(1);
  auto number = ParseInt(count);
  // "head -n -5" leaves out lines: which ones the file alone knows.
  if (!number || count.empty() || count[0] < '0' || count[0] > '9') return std::nullopt;
  if (command.program == "head")
    asked.lines.last = *number;
  else if (from_line)
    asked.lines.first = std::max<int64_t>(1, *number);
  else
    asked.lines.from_end = *number;
  // Nothing is asked for, which says nothing of the file.
  if (command.program == "tail" && !from_line && *number == 0) return std::nullopt;
  return asked;
}

std::optional<int64_t> TakeNumber(std::string_view* text) {
  size_t end = std::min(text->find_first_not_of("0123456789"), text->size());
  auto number = ParseInt(text->substr(0, end));
  text->remove_prefix(end);
  return end > 0 ? number : std::nullopt;
}

// A script for sed -n: "12p", "$p", "3,12p", "3,$p", "3,+9p"; "3,12p;12q" stops there.
std::optional<ReadRange> LinesOfScript(std::string_view script) {
  script = Trim(script);
  ReadRange lines;
  if (script == "$p") {
    lines.from_end = 1;
    return lines;
  }
  auto first = TakeNumber(&script);
  if (!first || *first < 1) return std::nullopt;
  lines.first = lines.last = *first;
  if (script.starts_with(",$")) {
    script.remove_prefix(2), lines.last = INT64_MAX;
  } else if (script.starts_with(',')) {
    script.remove_prefix(1);
    const bool more = script.starts_with('+');
    if (more) script.remove_prefix(1);
    auto last = TakeNumber(&script);
    if (!last) return std::nullopt;
    if (more && *last >= INT64_MAX - *first) return std::nullopt;
    // An end before the beginning shows the line where it begins.
    lines.last = std::max(*first, more ? *first + *last : *last);
  }
  if (!script.starts_with('p')) return std::nullopt;
  script.remove_prefix(1);
  if (script.starts_with(';')) {
    script = Trim(script.substr(1));
    auto stop = TakeNumber(&script);
    if (!stop || *stop < lines.last || script != "q") return std::nullopt;
    script.remove_prefix(1);
  }
  if (!script.empty()) return std::nullopt;
  return lines;
}

std::optional<Asked> AskedOfSed(const SimpleCommand& command) {
  bool quiet = false;
  Words scripts, operands;
  const Words& words = command.arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool script_next = word == "-e" || word == "-ne";
    quiet = quiet || word == "-n" || word == "-ne" || word == "--quiet" || word == "--silent";
    if (script_next && i + 1 < words.size())
      scripts.push_back(words[++i]);
    else if (!word.starts_with('-'))
      operands.push_back(word);
    else if (script_next || (word != "-n" && word != "--quiet" && word != "--silent"))
      return std::nullopt;
  }
  if (scripts.empty() && !operands.empty()) {
    scripts.push_back(operands.front());
    operands.erase(operands.begin());
  }
  if (!quiet || scripts.size() != 1) return std::nullopt;
  auto lines = LinesOfScript(scripts.front());
  if (!lines) return std::nullopt;
  return Asked{*lines, operands.size()};
}

// "12", "3:12", "3:", ":12"
std::optional<ReadRange> LinesOfBat(std::string_view range) {
  ReadRange lines;
  const bool from_start = range.starts_with(':');
  auto first = from_start ? 1 : TakeNumber(&range);
  if (!first || *first < 1) return std::nullopt;
  lines.first = lines.last = *first;
  if (range.empty()) return lines;
  if (!range.starts_with(':')) return std::nullopt;
  range.remove_prefix(1);
  lines.last = INT64_MAX;
  if (range.empty() && !from_start) return lines;
  auto last = TakeNumber(&range);
  if (!last || *last < lines.first || !range.empty()) return std::nullopt;
  lines.last = *last;
  return lines;
}

// Where nobody looks on, bat shows the lines and nothing else.
std::optional<Asked> AskedOfBat(const SimpleCommand& command) {
  constexpr std::string_view kRange = "--line-range=";
  constexpr auto kPlain = std::to_array<std::string_view>(
      {"-p", "-pp", "--plain", "-P", "--paging=never", "--color=never", "--style=plain"});
  Asked asked;
  bool limited = false;
  const Words& words = command.arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i], range;
    if (word.starts_with(kRange))
      range = word.substr(kRange.size());
    else if (word == "-r" && i + 1 < words.size())
      range = words[++i];
    else if (!word.starts_with('-'))
      ++asked.files;
    else if (std::ranges::find(kPlain, word) == kPlain.end())
      return std::nullopt;
    if (range.empty()) continue;
    auto lines = LinesOfBat(range);
    if (!lines || limited) return std::nullopt;
    asked.lines = *lines, limited = true;
  }
  return asked;
}

std::optional<Asked> AskedOf(const SimpleCommand& command) {
  if (command.program == "cat" || command.program == "nl") return AskedOfCat(command);
  if (command.program == "head" || command.program == "tail") return AskedOfEnd(command);
  if (command.program == "sed") return AskedOfSed(command);
  if (command.program == "bat" || command.program == "batcat") return AskedOfBat(command);
  return std::nullopt;
}

// "nl -ba file | sed -n '3,12p'": all of the file, and of that the lines of a second command. Its parts do
// not say what stood between them.
bool IsOnePipe(std::string_view command) {
  return std::ranges::count(command, '|') == 1 && command.find_first_of(";&\n<(") == std::string_view::npos;
}

std::optional<ReadRange> RangeOfCommand(const ToolMeaning& meaning) {
  const std::vector<SimpleCommand>& parts = meaning.shell.parts;
  const bool piped = parts.size() == 2 && IsOnePipe(meaning.command);
  if (!meaning.read_only || (parts.size() != 1 && !piped) || meaning.reads.size() != 1) return std::nullopt;
  if (meaning.reads[0].find_first_of("*?[{$~") != std::string::npos) return std::nullopt;
  auto asked = AskedOf(parts.front());
  if (!asked || asked->files != 1) return std::nullopt;
  ReadRange range = asked->lines;
  if (piped) {
    auto of_that = AskedOf(parts.back());
    if (!range.whole() || !of_that || of_that->files != 0 || of_that->lines.numbered) return std::nullopt;
    const bool numbered = range.numbered;
    range = of_that->lines, range.numbered = numbered;
  }
  range.path = meaning.reads[0];
  return range;
}

}  // namespace

std::optional<ReadRange> RangeOf(const Step& step, const ToolMeaning& meaning) {
  if (step.tool.args_broken || step.tool.args_bytes > static_cast<int64_t>(step.tool.args.size()))
    return std::nullopt;
  if (meaning.tool_class == ToolClass::kRead) return RangeOfTool(step, meaning);
  if (meaning.tool_class == ToolClass::kExec) return RangeOfCommand(meaning);
  return std::nullopt;
}

}  // namespace clawtrace::tools

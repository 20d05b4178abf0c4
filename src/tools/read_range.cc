#include "tools/read_range.h"

#include <algorithm>
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
    range.first = lines.at(0).integer().value_or(1);
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

// "12" of "12", "-n12", "-12", "-n 12".
std::optional<int64_t> CountOf(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (!word.starts_with('-')) continue;
    if (word == "-n" && i + 1 < arguments.size()) return ParseInt(arguments[i + 1]);
    word.remove_prefix(word.starts_with("-n") ? 2 : 1);
    return ParseInt(word);
  }
  return 10;
}

std::optional<ReadRange> RangeOfCommand(const ToolMeaning& meaning) {
  const ShellCommand& shell = meaning.shell;
  if (!meaning.read_only || shell.parts.size() != 1 || meaning.reads.size() != 1) return std::nullopt;
  const SimpleCommand& command = shell.parts.front();
  if (meaning.reads[0].find_first_of("*?[{$~") != std::string::npos) return std::nullopt;
  ReadRange range{.path = meaning.reads[0]};
  if (command.program == "cat" && command.arguments.size() == 1) return range;
  if (command.program == "head") {
    // The file must be the last word: "head -n 5 file" names it there, "head -n 5" reads nothing.
    auto count = CountOf(command.arguments);
    if (!count || *count < 0) return std::nullopt;
    range.last = *count;
    return range;
  }
  return std::nullopt;
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

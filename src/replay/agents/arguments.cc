#include "replay/agents/arguments.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "tools/tool_meaning.h"

namespace clawtrace::replay {
namespace {

constexpr auto kPathKeys =
    std::to_array<std::string_view>({"path", "file_path", "filePath", "absolute_path", "filename", "file",
                                     "dir_path", "directory", "dir", "notebook_path"});
constexpr auto kContentKeys =
    std::to_array<std::string_view>({"content", "contents", "file_text", "text", "file_content"});

std::optional<std::string> FirstText(Json args, std::span<const std::string_view> keys) {
  for (std::string_view key : keys) {
    if (auto text = args[key].string()) return std::string(*text);
  }
  return std::nullopt;
}

struct Names {
  std::string_view old_text, new_text;
};
constexpr auto kReplacementNames = std::to_array<Names>({{"old_string", "new_string"},
                                                         {"oldText", "newText"},
                                                         {"oldString", "newString"},
                                                         {"old_str", "new_str"},
                                                         {"old_text", "new_text"},
                                                         {"search", "replace"}});

// ["bash", "-lc", "command"] is a wrapper; other vectors are words for the shell.
std::string CommandOfWords(Json words) {
  std::vector<std::string> all;
  words.ForEachItem([&](Json word) { all.emplace_back(word.text()); });
  if (all.size() == 3 && (all[1] == "-lc" || all[1] == "-c")) return all[2];
  std::string line;
  for (const std::string& word : all) {
    line += line.empty() ? "'" : " '";
    for (char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += "'";
  }
  return line;
}

void TakeRange(Json args, Action* action) {
  if (Json range = args["view_range"]; range.is_array() && range.size() == 2) {
    action->first_line = range.at(0).integer().value_or(1);
    int64_t last = range.at(1).integer().value_or(-1);
    if (last >= action->first_line) action->lines = last - action->first_line + 1;
    return;
  }
  action->first_line = NumberOf(args, {"offset", "start_line", "line_start"}).value_or(1);
  if (auto last = NumberOf(args, {"end_line", "line_end"}); last && *last >= action->first_line)
    action->lines = *last - action->first_line + 1;
  if (auto limit = NumberOf(args, {"limit"}); limit && *limit >= 0) action->lines = limit;
}

}  // namespace

std::optional<std::string> TextOf(Json args, Keys keys) {
  return FirstText(args, {keys.begin(), keys.size()});
}

std::optional<int64_t> NumberOf(Json args, Keys keys) {
  for (std::string_view key : keys) {
    if (auto number = args[key].integer()) return number;
    if (auto text = args[key].string()) {
      if (auto number = ParseInt(*text)) return number;
    }
  }
  return std::nullopt;
}

bool TruthOf(Json args, Keys keys) {
  for (std::string_view key : keys) {
    if (auto truth = args[key].boolean()) return *truth;
    if (auto text = args[key].string()) return ToLower(*text) == "true";
  }
  return false;
}

int64_t MillisecondsOf(Json args, Keys keys, int64_t unit_ms) {
  constexpr int64_t kMost = int64_t{7} * 24 * 3600 * 1000;
  int64_t count = NumberOf(args, keys).value_or(0);
  return count <= 0 || count > kMost / unit_ms ? 0 : count * unit_ms;
}

Action Nothing(std::string reason) { return {.kind = ActionKind::kNothing, .reason = std::move(reason)}; }
Action Unsupported(std::string reason) {
  return {.kind = ActionKind::kUnsupported, .reason = std::move(reason)};
}
Action Missing(std::string_view argument) {
  return {
      .kind = ActionKind::kNothing, .reason = "argument missing: " + std::string(argument), .refused = true};
}

Action ReadOf(Json args) {
  auto path = FirstText(args, kPathKeys);
  if (!path) path = args.string();  // a tool's only argument, recorded bare
  if (!path) return Missing("path");
  Action action{.kind = ActionKind::kRead, .path = *std::move(path)};
  TakeRange(args, &action);
  if (action.first_line < 1) action.first_line = 1;
  return action;
}

Action ListOf(Json args) {
  return {.kind = ActionKind::kList, .path = FirstText(args, kPathKeys).value_or(".")};
}

Action SearchOf(Json) { return {.kind = ActionKind::kSearch}; }

Action WriteOf(Json args) {
  auto path = FirstText(args, kPathKeys);
  auto content = FirstText(args, kContentKeys);
  if (!path) return Missing("path");
  if (!content) return Missing("content");
  return {.kind = ActionKind::kWrite, .path = *std::move(path), .text = *std::move(content)};
}

Action CommandOf(Json args) {
  Action action{.kind = ActionKind::kCommand};
  std::optional<std::string> command;
  if (auto bare = args.string()) command = std::string(*bare);
  for (std::string_view key : {"command", "cmd", "script"}) {
    if (command) break;
    if (auto text = args[key].string())
      command = std::string(*text);
    else if (args[key].is_array())
      command = CommandOfWords(args[key]);
  }
  if (!command || Trim(*command).empty()) return Missing("command");
  action.command = *std::move(command);
  action.cwd = TextOf(args, {"workdir", "working_directory", "dir_path", "directory", "cwd"}).value_or("");
  return action;
}

Action SubAgent(Json) { return Unsupported("sub-agent"); }
Action Network(Json) { return Nothing("network"); }
Action OnlyTalk(Json) { return Nothing(); }

std::optional<Replacement> ReplacementOf(Json args) {
  for (const Names& names : kReplacementNames) {
    auto old_text = args[names.old_text].string(), new_text = args[names.new_text].string();
    if (!old_text || !new_text) continue;
    Replacement out{.old_text = std::string(*old_text), .new_text = std::string(*new_text)};
    out.all = TruthOf(args, {"replace_all", "replaceAll", "replace-all", "allow_multiple"});
    out.expected = NumberOf(args, {"expected_replacements"});
    return out;
  }
  return std::nullopt;
}

Action EditOf(Json args) {
  auto path = FirstText(args, kPathKeys);
  if (!path) return Missing("path");
  Action action{.kind = ActionKind::kEdit, .path = *std::move(path)};
  if (Json edits = args["edits"]; edits.is_array() && edits.size() > 0) {
    bool whole = true;
    edits.ForEachItem([&](Json edit) {
      auto replacement = ReplacementOf(edit);
      whole = whole && replacement.has_value();
      if (replacement) action.edits.push_back(*std::move(replacement));
    });
    return whole ? action : Missing("old and new text");
  }
  auto replacement = ReplacementOf(args);
  if (!replacement) return Missing("old and new text");
  action.edits.push_back(*std::move(replacement));
  return action;
}

Action EditorOf(Json args) {
  std::string_view what = args["command"].text();
  if (what == "view") return ReadOf(args);
  if (what == "create") return WriteOf(args);
  if (what == "insert") {
    auto path = FirstText(args, kPathKeys);
    auto line = NumberOf(args, {"insert_line"});
    auto text = TextOf(args, {"new_str", "insert_text"});
    if (!path || !line || !text) return Missing("path, insert_line or new_str");
    return {.kind = ActionKind::kEdit, .path = *path, .text = *text, .insert_after = line};
  }
  if (what != "str_replace") return Unsupported("editor command: " + std::string(PrefixUtf8(what, 40)));
  Action action = EditOf(args);
  if (action.kind == ActionKind::kNothing && args["old_str"].is_string() && !args["new_str"]) {
    // Without a new text the old one goes.
    action = {.kind = ActionKind::kEdit, .path = FirstText(args, kPathKeys).value_or("")};
    action.edits.push_back({.old_text = std::string(args["old_str"].text())});
  }
  return action;
}

Action ActionByTable(std::span<const ToolRow> rows, const ToolUse& tool, Json args) {
  for (const ToolRow& row : rows) {
    if (row.name == tool.name) return row.action_of(args);
  }
  return ActionByMeaning(tool, args);
}

Action ActionByMeaning(const ToolUse& tool, Json args) {
  using tools::ToolClass;
  for (std::string_view name :
       {"think", "finish", "submit", "skill", "complete_task", "mark_task_complete"}) {
    if (tool.name == name) return OnlyTalk(args);
  }
  if (tool.name == "str_replace_editor" || tool.name == "str_replace_based_edit_tool") return EditorOf(args);
  std::string name(PrefixUtf8(tool.name, 80));
  switch (tools::ToolMeaning meaning = tools::MeaningOf(tool, ""); meaning.tool_class) {
    case ToolClass::kRead: {
      // Several files, pages, images: not the reading of one text.
      Action action = ReadOf(args);
      return action.kind == ActionKind::kRead ? action : Action{.kind = ActionKind::kSearch};
    }
    case ToolClass::kList:
      return ListOf(args);
    case ToolClass::kSearch:
      return SearchOf(args);
    case ToolClass::kFetch:
      return Network(args);
    case ToolClass::kWrite: {
      Action action = WriteOf(args);
      return action.kind == ActionKind::kWrite ? action : Unsupported("arguments of " + name);
    }
    case ToolClass::kEdit: {
      if (auto patch = TextOf(args, {"input", "patch"}); patch || args.string())
        return {.kind = ActionKind::kPatch, .text = patch ? *patch : std::string(args.text())};
      Action action = EditOf(args);
      return action.kind == ActionKind::kEdit ? action : Unsupported("arguments of " + name);
    }
    case ToolClass::kExec: {
      Action action = CommandOf(args);
      return action.kind == ActionKind::kCommand ? action : Unsupported("arguments of " + name);
    }
    case ToolClass::kPlan:
      return Nothing();
    case ToolClass::kSpawn:
      return SubAgent(args);
    case ToolClass::kOther:
      return meaning.read_only ? Nothing("another program's tool") : Unsupported("unknown tool: " + name);
  }
  return Unsupported("unknown tool: " + name);
}

}  // namespace clawtrace::replay

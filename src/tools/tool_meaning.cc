#include "tools/tool_meaning.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"

namespace clawtrace::tools {
namespace {

struct KnownTool {
  std::string_view name;  // lower case
  ToolClass tool_class;
};

// Names of Claude Code, Codex, pi, OpenClaw, Gemini CLI, Qwen Code, OpenCode, Cline, and the usual MCP file
// servers.
constexpr auto kKnown = std::to_array<KnownTool>({
    {"read", ToolClass::kRead},
    {"read_file", ToolClass::kRead},
    {"readfile", ToolClass::kRead},
    {"view", ToolClass::kRead},
    {"notebookread", ToolClass::kRead},
    {"view_image", ToolClass::kRead},
    {"read_many_files", ToolClass::kRead},
    {"read_files", ToolClass::kRead},
    {"ls", ToolClass::kList},
    {"list", ToolClass::kList},
    {"list_directory", ToolClass::kList},
    {"list_dir", ToolClass::kList},
    {"list_files", ToolClass::kList},
    {"grep", ToolClass::kSearch},
    {"glob", ToolClass::kSearch},
    {"find", ToolClass::kSearch},
    {"search_file_content", ToolClass::kSearch},
    {"search_files", ToolClass::kSearch},
    {"grep_search", ToolClass::kSearch},
    {"codebase_search", ToolClass::kSearch},
    {"toolsearch", ToolClass::kSearch},
    {"webfetch", ToolClass::kFetch},
    {"web_fetch", ToolClass::kFetch},
    {"websearch", ToolClass::kFetch},
    {"web_search", ToolClass::kFetch},
    {"google_web_search", ToolClass::kFetch},
    {"browser", ToolClass::kFetch},
    {"write", ToolClass::kWrite},
    {"write_file", ToolClass::kWrite},
    {"create_file", ToolClass::kWrite},
    {"write_to_file", ToolClass::kWrite},
    {"edit", ToolClass::kEdit},
    {"multiedit", ToolClass::kEdit},
    {"replace", ToolClass::kEdit},
    {"apply_patch", ToolClass::kEdit},
    {"notebookedit", ToolClass::kEdit},
    {"str_replace_editor", ToolClass::kEdit},
    {"replace_in_file", ToolClass::kEdit},
    {"edit_file", ToolClass::kEdit},
    {"bash", ToolClass::kExec},
    {"shell", ToolClass::kExec},
    {"exec", ToolClass::kExec},
    {"exec_command", ToolClass::kExec},
    {"local_shell", ToolClass::kExec},
    {"run_shell_command", ToolClass::kExec},
    {"execute_command", ToolClass::kExec},
    {"terminal", ToolClass::kExec},
    {"execute_bash", ToolClass::kExec},
    {"process", ToolClass::kOther},
    {"todowrite", ToolClass::kPlan},
    {"todoread", ToolClass::kPlan},
    {"taskcreate", ToolClass::kPlan},
    {"taskupdate", ToolClass::kPlan},
    {"update_plan", ToolClass::kPlan},
    {"exitplanmode", ToolClass::kPlan},
    {"write_todos", ToolClass::kPlan},
});

ToolClass ClassOf(std::string_view name) {
  if (IsSpawnTool(name)) return ToolClass::kSpawn;
  std::string lower = ToLower(name);
  if (size_t mcp = lower.rfind("__"); mcp != std::string::npos) lower = lower.substr(mcp + 2);
  for (const KnownTool& known : kKnown) {
    if (known.name == lower) return known.tool_class;
  }
  return ToolClass::kOther;
}

// str_replace_editor and its successors are several tools, told apart by their command.
ToolClass ClassOfEditor(std::string_view command) {
  if (command == "view") return ToolClass::kRead;
  return command == "create" ? ToolClass::kWrite : ToolClass::kEdit;
}

// A tool of somebody's own whose name says that it only looks: "get_user_details",
// "mcp__tracker__list_issues".
bool IsNamedAsLooking(std::string_view name) {
  std::string lower = ToLower(name);
  if (size_t mcp = lower.rfind("__"); mcp != std::string::npos) lower = lower.substr(mcp + 2);
  constexpr auto kVerbs = std::to_array<std::string_view>(
      {"get_", "list_", "search_", "find_", "read_", "show_", "describe_", "lookup_", "view_", "count_"});
  // Loads the text of an agent skill.
  if (lower == "skill" || lower == "activate_skill" || lower == "use_skill" || lower == "load_skill")
    return true;
  // "get_or_create", "find_and_replace" do more than their verb.
  bool more = lower.contains("_or_") || lower.contains("_and_");
  return !more && (lower == "calculate" || std::ranges::any_of(kVerbs, [&](std::string_view verb) {
                     return lower.starts_with(verb);
                   }));
}

std::string CommandOf(Json args) {
  if (auto text = args.string()) return std::string(*text);  // a tool's only argument, recorded bare
  for (std::string_view key : {"command", "cmd", "script"}) {
    Json value = args[key];
    if (auto text = value.string()) return std::string(*text);
    if (value.is_array()) {
      // ["bash", "-lc", "real command"] is a wrapper; other vectors are joined.
      std::vector<std::string> words;
      value.ForEachItem([&](Json word) { words.emplace_back(word.text()); });
      if (words.size() == 3 && (words[1] == "-lc" || words[1] == "-c")) return words[2];
      std::string joined;
      for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
      return joined;
    }
  }
  return {};
}

// Paths an apply_patch envelope names: "*** Update File: x".
std::vector<std::string> PatchPaths(std::string_view patch) {
  std::vector<std::string> paths;
  for (std::string_view line : Split(patch, '\n')) {
    for (std::string_view marker :
         {"*** Update File: ", "*** Add File: ", "*** Delete File: ", "*** Move to: "}) {
      if (line.starts_with(marker)) paths.emplace_back(Trim(line.substr(marker.size())));
    }
  }
  return paths;
}

void FillExec(Json args, std::string_view cwd, ToolMeaning* meaning) {
  meaning->command = CommandOf(args);
  meaning->shell = ParseShell(meaning->command);
  meaning->read_only = meaning->shell.read_only;
  meaning->volatile_result = meaning->shell.volatile_result;
  for (const std::string& path : meaning->shell.reads) meaning->reads.push_back(NormalisePath(path, cwd));
  for (const std::string& path : meaning->shell.writes) meaning->writes.push_back(NormalisePath(path, cwd));
  meaning->writes_unknown =
      !meaning->read_only &&
      !(meaning->shell.mutates && !meaning->shell.substitution &&
        std::all_of(meaning->shell.parts.begin(), meaning->shell.parts.end(), [](const SimpleCommand& part) {
          return ParseShell(part.program).read_only || !part.writes.empty() || part.program == "mkdir" ||
                 part.program == "touch" || part.program == "rm" || part.program == "chmod" ||
                 part.program == "cp" || part.program == "mv" || part.program == "sed" ||
                 part.program == "tee";
        }));
  // apply_patch through a shell names its files in the text.
  if (meaning->shell.program() == "apply_patch") {
    for (const std::string& path : PatchPaths(meaning->command))
      meaning->writes.push_back(NormalisePath(path, cwd));
  }
}

void FillFile(Json args, std::string_view raw_args, std::string_view cwd, ToolMeaning* meaning) {
  // A tool's only argument, recorded bare; an edit's is the patch itself.
  if (auto bare = args.string(); bare && meaning->tool_class != ToolClass::kEdit)
    meaning->path = NormalisePath(*bare, cwd);
  for (std::string_view key : {"path", "file_path", "filePath", "absolute_path", "filename", "file",
                               "dir_path", "directory", "url", "query", "pattern"}) {
    if (auto text = args[key].string()) {
      bool is_path = key != "url" && key != "query" && key != "pattern";
      meaning->path = is_path ? NormalisePath(*text, cwd) : std::string(*text);
      break;
    }
  }
  std::vector<std::string> patched;
  if (meaning->tool_class == ToolClass::kEdit && meaning->path.empty()) {
    std::string_view text = args["input"]   ? args["input"].text()
                            : args["patch"] ? args["patch"].text()
                                            : args.text();
    patched = PatchPaths(text.empty() ? raw_args : text);
    for (std::string& path : patched) path = NormalisePath(path, cwd);
    if (!patched.empty()) meaning->path = patched.front();
  }
  bool reads = meaning->tool_class == ToolClass::kRead || meaning->tool_class == ToolClass::kList ||
               meaning->tool_class == ToolClass::kSearch;
  if (reads || meaning->tool_class == ToolClass::kPlan || meaning->tool_class == ToolClass::kFetch) {
    meaning->read_only = true;
    if (reads && meaning->tool_class == ToolClass::kRead && !meaning->path.empty())
      meaning->reads.push_back(meaning->path);
  } else if (meaning->tool_class == ToolClass::kWrite || meaning->tool_class == ToolClass::kEdit) {
    meaning->writes = patched;
    if (meaning->writes.empty() && !meaning->path.empty()) meaning->writes.push_back(meaning->path);
    meaning->writes_unknown = meaning->writes.empty();
  } else {
    meaning->writes_unknown = true;
  }
  meaning->volatile_result = meaning->tool_class == ToolClass::kFetch;
}

}  // namespace

std::string_view WordOf(ToolClass tool_class) {
  switch (tool_class) {
    case ToolClass::kRead:
      return "read";
    case ToolClass::kList:
      return "list";
    case ToolClass::kSearch:
      return "search";
    case ToolClass::kFetch:
      return "fetch";
    case ToolClass::kWrite:
      return "write";
    case ToolClass::kEdit:
      return "edit";
    case ToolClass::kExec:
      return "exec";
    case ToolClass::kPlan:
      return "plan";
    case ToolClass::kSpawn:
      return "spawn";
    case ToolClass::kOther:
      return "other";
  }
  return "other";
}

std::string NormalisePath(std::string_view path, std::string_view cwd) {
  bool absolute = path.starts_with('/');
  std::vector<std::string_view> parts;
  for (std::string_view part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..")
      parts.pop_back();
    else if (part != ".." || !absolute)
      parts.push_back(part);
  }
  std::string out = absolute ? "/" : "";
  for (size_t i = 0; i < parts.size(); ++i) out.append(i ? "/" : "").append(parts[i]);
  while (cwd.size() > 1 && cwd.back() == '/') cwd.remove_suffix(1);
  if (absolute && cwd.size() > 1 && out == cwd) return ".";
  if (absolute && cwd.size() > 1 && out.size() > cwd.size() && out.starts_with(cwd) && out[cwd.size()] == '/')
    return out.substr(cwd.size() + 1);
  return out.empty() ? "." : out;
}

ToolMeaning MeaningOf(const ToolUse& tool, std::string_view session_cwd) {
  ToolMeaning meaning;
  meaning.tool_class = ClassOf(tool.name);
  std::string_view cwd = tool.cwd.empty() ? session_cwd : std::string_view(tool.cwd);
  thread_local JsonParser parser;
  auto parsed = parser.Parse(tool.args.empty() ? "{}" : std::string_view(tool.args));
  Json args = parsed ? *parsed : Json();
  if (tool.name == "str_replace_editor" || tool.name == "str_replace_based_edit_tool")
    meaning.tool_class = ClassOfEditor(args["command"].text());
  else if (meaning.tool_class == ToolClass::kOther && args["command"] && args.size() <= 4)
    meaning.tool_class = ToolClass::kExec;
  std::string named;
  if (meaning.tool_class == ToolClass::kExec) {
    FillExec(args, cwd, &meaning);
    // Arguments too long to be kept whole cannot be understood: assume the worst.
    if (!parsed) meaning.writes_unknown = true;
    named = std::string(FirstLine(meaning.command));
  } else {
    FillFile(args, tool.args, cwd, &meaning);
    named = meaning.path;
    if (meaning.tool_class == ToolClass::kOther && IsNamedAsLooking(tool.name))
      meaning.read_only = true, meaning.writes_unknown = false;
  }
  constexpr size_t kMaxTarget = 160;
  meaning.target = std::string(WordOf(meaning.tool_class));
  if (meaning.tool_class == ToolClass::kOther && !tool.name.empty()) meaning.target += " " + tool.name;
  if (!named.empty()) meaning.target += " " + named;
  meaning.target = std::string(PrefixUtf8(meaning.target, kMaxTarget));
  return meaning;
}

std::vector<ToolMeaning> MeaningsOf(const Session& session) {
  std::vector<ToolMeaning> meanings(session.steps.size());
  for (size_t i = 0; i < session.steps.size(); ++i) {
    if (session.steps[i].kind != StepKind::kLlmCall)
      meanings[i] = MeaningOf(session.steps[i].tool, session.info.cwd);
  }
  return meanings;
}

}  // namespace clawtrace::tools

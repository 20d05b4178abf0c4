#include "distill/signature.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "distill/lexicon.h"

namespace clawtrace::distill {
namespace {

using tools::SimpleCommand;
using tools::ToolClass;
using tools::ToolMeaning;

template <size_t N>
bool Has(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string Joined(const std::set<std::string>& words, char separator, size_t most) {
  if (words.empty()) return "-";
  if (words.size() > most) return "many";
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : std::string(1, separator)).append(word);
  return out;
}

// Paths and other values.

constexpr auto kExtensions = std::to_array<std::string_view>(
    {"bash", "bat",   "c",    "cc",    "cfg", "cmake", "conf",   "cpp", "cs",    "css",  "csv",
     "db",   "diff",  "doc",  "docx",  "env", "gif",   "go",     "gz",  "h",     "hpp",  "html",
     "ini",  "ipynb", "java", "jpg",   "js",  "json",  "jsonl",  "jsx", "kt",    "lock", "log",
     "lua",  "md",    "mjs",  "patch", "pdf", "php",   "pl",     "png", "proto", "ps1",  "py",
     "rb",   "rs",    "rst",  "scss",  "sh",  "sql",   "sqlite", "svg", "swift", "tar",  "toml",
     "ts",   "tsv",   "tsx",  "txt",   "vue", "xls",   "xlsx",   "xml", "yaml",  "yml",  "zip"});

std::string ExtensionOf(std::string_view name) {
  size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return "file";
  std::string extension = ToLower(name.substr(dot + 1));
  return Has(kExtensions, extension) ? extension : "other";
}

// "py", "dir", with ":out" when it lies outside the working directory.
std::string PathClass(std::string_view path) {
  bool outside =
      path.starts_with('/') || path.starts_with("..") || path.starts_with('~') || path.contains('$');
  std::string_view name = path.substr(path.rfind('/') + 1);
  std::string kind = name.empty() || name == "." || name == ".." ? "dir" : ExtensionOf(name);
  return outside ? kind + ":out" : kind;
}

std::string PathsClass(const std::vector<std::string>& paths) {
  constexpr size_t kMost = 3;
  std::set<std::string> classes;
  for (const std::string& path : paths) classes.insert(PathClass(path));
  return Joined(classes, '+', kMost);
}

bool IsDate(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  if (text.size() < kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !IsDigit(text[i]) : text[i] != '-') return false;
  }
  return text.size() == kForm.size() || text[kForm.size()] == 'T' || text[kForm.size()] == ' ';
}

bool IsUuid(std::string_view text) {
  constexpr size_t kLength = 36;
  if (text.size() != kLength) return false;
  for (size_t i = 0; i < kLength; ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsHexDigit(text[i])) return false;
  }
  return true;
}

std::string_view NumberClass(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  bool dot = false;
  for (char c : text) {
    if (c == '.' && !dot)
      dot = true;
    else if (!IsDigit(c))
      return "";
  }
  if (text.empty() || text == ".") return "";
  return dot ? "float" : "int";
}

std::string ValueClass(std::string_view text) {
  constexpr size_t kLong = 80, kHex = 8;
  if (std::string_view number = NumberClass(text); !number.empty()) return std::string(number);
  if (text.starts_with("http://") || text.starts_with("https://")) return "url";
  if (IsDate(text)) return "date";
  if (IsUuid(text)) return "uuid";
  if (text.size() >= kHex && std::all_of(text.begin(), text.end(), IsHexDigit)) return "hex";
  if (text.size() > kLong) return "long";
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) return "quoted";
  std::string extension = ExtensionOf(text.substr(text.rfind('/') + 1));
  bool named = extension != "file" && extension != "other";
  if (named || text.contains('/')) return "path." + extension;
  return "word";
}

std::string ValueClass(Json value) {
  switch (value.kind()) {
    case Json::Kind::kMissing:
    case Json::Kind::kNull:
      return "null";
    case Json::Kind::kBool:
      return "bool";
    case Json::Kind::kInt:
    case Json::Kind::kUint:
      return "int";
    case Json::Kind::kDouble:
      return "float";
    case Json::Kind::kString:
      return ValueClass(value.text());
    case Json::Kind::kArray:
      return "list";
    case Json::Kind::kObject:
      return "map";
  }
  return "null";
}

// "date:date,origin:word": of tools that we know nothing about.
std::string ShapeOf(Json args) {
  constexpr size_t kMost = 8;
  std::set<std::string> shape;
  args.ForEachField([&](std::string_view key, Json value) {
    shape.insert((IsToolName(key) ? ToLower(key) : "key") + ":" + ValueClass(value));
  });
  return Joined(shape, ',', kMost);
}

// Shell commands.

constexpr auto kWrappers =
    std::to_array<std::string_view>({"timeout", "env", "nice", "command", "xargs", "npx", "uvx", "stdbuf"});
constexpr auto kRunWrappers = std::to_array<std::string_view>({"uv", "poetry", "pipenv"});
constexpr auto kShells = std::to_array<std::string_view>({"bash", "sh", "zsh", "dash"});
// Programs that only shape what others print, or where they run.
constexpr auto kAlwaysShape =
    std::to_array<std::string_view>({"cd", "pushd", "popd", "true", ":", "set", "export", "source", ".",
                                     "sort", "uniq", "cut", "tr", "column", "sleep", "exit", "test", "["});
constexpr auto kShapeInPipes = std::to_array<std::string_view>(
    {"head", "tail", "wc", "sed", "awk", "jq", "cat", "less", "echo", "printf"});
constexpr auto kReaders = std::to_array<std::string_view>(
    {"cat", "head", "tail", "less", "more", "nl", "bat", "od", "xxd", "strings", "wc"});
constexpr auto kListers = std::to_array<std::string_view>(
    {"ls", "find", "tree", "pwd", "du", "stat", "file", "fd", "fdfind", "which", "realpath", "readlink"});
constexpr auto kSearchers =
    std::to_array<std::string_view>({"grep", "egrep", "fgrep", "rg", "ripgrep", "ag", "ack"});
constexpr auto kWithVerbs = std::to_array<std::string_view>(
    {"git",    "npm",    "pnpm",    "yarn",    "bun",    "cargo",    "go",
     "docker", "podman", "pip",     "pip3",    "uv",     "poetry",   "pipenv",
     "brew",   "apt",    "apt-get", "gem",     "bundle", "composer", "dotnet",
     "mvn",    "deno",   "gradle",  "kubectl", "make",   "just",     "docker-compose"});
constexpr auto kVerbs = std::to_array<std::string_view>(
    {"add",       "all",       "apply",    "bench",   "bisect",  "blame",  "branch",  "build",  "check",
     "checkout",  "ci",        "clean",    "clippy",  "clone",   "commit", "compose", "config", "create",
     "delete",    "deploy",    "describe", "dev",     "diff",    "down",   "exec",    "fetch",  "fmt",
     "format",    "freeze",    "get",      "init",    "install", "lint",   "list",    "lock",   "log",
     "logs",      "merge",     "mod",      "mv",      "package", "ps",     "publish", "pull",   "push",
     "rebase",    "remove",    "reset",    "restore", "revert",  "rm",     "run",     "serve",  "show",
     "start",     "stash",     "status",   "stop",    "switch",  "sync",   "tag",     "test",   "tidy",
     "typecheck", "uninstall", "up",       "update",  "upgrade", "venv",   "verify",  "vet",    "worktree"});
constexpr auto kModules = std::to_array<std::string_view>(
    {"pip", "pytest", "unittest", "venv", "json.tool", "http.server", "py_compile", "compileall", "build",
     "mypy", "ruff", "black", "flake8", "timeit", "doctest", "coverage", "tox"});

// Of what a command line does, the last of its parts in this order counts.
enum class Deed { kShape, kSay, kList, kRead, kSearch, kFetch, kWrite, kEdit, kExec };

bool HasOption(const SimpleCommand& command, std::string_view option) {
  return std::ranges::any_of(command.arguments, [&](const std::string& argument) {
    if (option.size() > 2) return std::string_view(argument).starts_with(option);
    bool cluster = argument.size() > 1 && argument[0] == '-' && argument[1] != '-';
    return cluster && std::string_view(argument).substr(1, argument.find('=')).contains(option[1]);
  });
}

std::string_view OperandOf(const SimpleCommand& command) {
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const std::string& argument = command.arguments[i];
    if (argument == "-C") ++i;  // git -C <dir> status
    if (!argument.starts_with('-')) return argument;
  }
  return "";
}

void DropWords(size_t count, SimpleCommand* command) {
  auto& words = command->arguments;
  count = std::min(count, words.size());
  command->program = count == 0 ? "" : words[count - 1].substr(words[count - 1].rfind('/') + 1);
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(count));
}

// "timeout 60 uv run pytest" -> "pytest".
void TakeOffWrappers(SimpleCommand* command) {
  while (!command->arguments.empty()) {
    const auto& words = command->arguments;
    if (Has(kRunWrappers, command->program) && words[0] == "run") {
      DropWords(2, command);
      continue;
    }
    if (!Has(kWrappers, command->program)) return;
    size_t at = 0;
    while (at < words.size() &&
           (words[at].starts_with('-') || words[at].contains('=') || IsDigit(words[at][0])))
      ++at;
    if (at == words.size()) return;
    DropWords(at + 1, command);
  }
}

// The simple commands that really run: "bash -c '...'" is what it says.
std::vector<SimpleCommand> Flatten(const std::vector<SimpleCommand>& parts, int depth) {
  constexpr int kDeepest = 2;
  std::vector<SimpleCommand> flat;
  for (SimpleCommand part : parts) {
    TakeOffWrappers(&part);
    auto& words = part.arguments;
    bool script = Has(kShells, part.program) && words.size() > 1 && words[0].starts_with('-') &&
                  words[0].ends_with('c');
    if (!script || depth == kDeepest) {
      flat.push_back(std::move(part));
      continue;
    }
    for (SimpleCommand& inner : Flatten(tools::ParseShell(words[1]).parts, depth + 1))
      flat.push_back(std::move(inner));
  }
  return flat;
}

bool Fetches(const SimpleCommand& command) {
  if (command.program == "wget") return HasOption(command, "-qO-") || HasOption(command, "-O-");
  return command.program == "curl" && !HasOption(command, "-X") && !HasOption(command, "-d") &&
         !HasOption(command, "--data") && !HasOption(command, "--request") && !HasOption(command, "-o") &&
         !HasOption(command, "-O");
}

Deed DeedOf(const SimpleCommand& command, bool first) {
  const std::string& program = command.program;
  bool prints = program == "echo" || program == "printf" || program == "cat";
  if (!command.writes.empty() && (prints || program.empty())) return Deed::kWrite;
  if (program == "tee") return Deed::kWrite;
  if (program == "apply_patch" || (program == "sed" && HasOption(command, "-i"))) return Deed::kEdit;
  if (!command.writes.empty()) return Deed::kExec;
  if (Has(kAlwaysShape, program) || (!first && Has(kShapeInPipes, program))) return Deed::kShape;
  if (program == "echo" || program == "printf") return Deed::kSay;
  if (Has(kSearchers, program)) return Deed::kSearch;
  if (Has(kReaders, program) || program == "sed") return Deed::kRead;
  if (Has(kListers, program) && !HasOption(command, "-exec") && !HasOption(command, "-delete"))
    return Deed::kList;
  return Fetches(command) ? Deed::kFetch : Deed::kExec;
}

std::string ProgramName(const std::string& program) {
  if (!IsPlainName(program) && !IsKnownProgram(program)) {
    constexpr auto kUsual =
        std::to_array<std::string_view>({"mkdir", "rm", "cp", "mv", "touch", "chmod", "ln", "tee", "patch",
                                         "unzip", "kill", "ps", "date", "env"});
    if (Has(kUsual, program)) return program;
    return ExtensionOf(program) == "file" ? "program" : "script";
  }
  size_t dot = program.find('.');  // python3.11
  return program.substr(0, dot);
}

// "git-commit", "python3-pytest", "npm-test".
std::string VerbOf(const SimpleCommand& command) {
  std::string name = ProgramName(command.program);
  const auto& words = command.arguments;
  if (IsInterpreter(name) && words.size() > 1 && words[0] == "-m")
    return Has(kModules, words[1]) ? name + "-" + words[1] : name;
  if (!Has(kWithVerbs, name)) return name;
  std::string_view verb = OperandOf(command);
  if (verb == "run" && words.size() > 1 && Has(kVerbs, words[1])) verb = words[1];
  return Has(kVerbs, verb) ? name + "-" + std::string(verb) : name;
}

// Asked again of each part, because a wrapper hides what it runs.
bool Checks(const SimpleCommand& command) {
  std::string line = command.program;
  for (const std::string& argument : command.arguments) {
    bool plain = argument.find_first_of(" \t\r\n'\"\\`$;&|()<>#") == std::string::npos;
    line += plain ? " " + argument : " _";
  }
  return tools::ParseShell(line).check;
}

struct Action {
  std::string coarse, verb, target, shape;
};

std::string OperandShape(const SimpleCommand& command) {
  constexpr size_t kMost = 4;
  std::set<std::string> shape;
  for (const std::string& argument : command.arguments)
    shape.insert(argument.size() > 1 && argument[0] == '-' ? "opt" : ValueClass(std::string_view(argument)));
  return Joined(shape, ',', kMost);
}

// Verbs of the parts that do something beyond looking, in order, each once.
void DescribeParts(std::span<const SimpleCommand> parts, Action* action) {
  constexpr size_t kMost = 3;
  std::vector<std::string> verbs;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (DeedOf(parts[i], i == 0) != Deed::kExec) continue;
    std::string verb = VerbOf(parts[i]);
    if (std::find(verbs.begin(), verbs.end(), verb) != verbs.end()) continue;
    if (verbs.size() == kMost) break;
    if (verbs.empty()) action->shape = OperandShape(parts[i]);
    verbs.push_back(std::move(verb));
  }
  for (const std::string& verb : verbs) action->verb += (action->verb.empty() ? "" : "+") + verb;
}

Action OfShell(const ToolMeaning& meaning) {
  std::vector<SimpleCommand> parts = Flatten(meaning.shell.parts, 0);
  Deed deed = Deed::kShape;
  bool ranged = false;
  for (size_t i = 0; i < parts.size(); ++i) {
    deed = std::max(deed, DeedOf(parts[i], i == 0));
    ranged = ranged || parts[i].program == "head" || parts[i].program == "tail" || parts[i].program == "sed";
  }
  bool check = meaning.shell.check || std::ranges::any_of(parts, Checks);
  if (check && deed == Deed::kExec) {
    Action action = {"check", "", "-", "-"};
    DescribeParts(parts, &action);
    return action;
  }
  switch (deed) {
    case Deed::kSay:
      // What an agent only tells itself is a plan where a client has no tool for one.
      if (!meaning.shell.substitution && !meaning.command.contains('$')) return {"plan", "", "-", "-"};
      return {"exec", "echo", "-", "-"};
    case Deed::kList:
      return {"list", "", "dir", "-"};
    case Deed::kRead:
      return {"read", "", PathsClass(meaning.reads), ranged ? "path,range" : "path"};
    case Deed::kSearch:
      return {"search", "", meaning.reads.empty() ? "dir" : PathsClass(meaning.reads), "pattern"};
    case Deed::kFetch:
      return {"fetch", "", "url", "-"};
    case Deed::kWrite:
      return {"write", "", PathsClass(meaning.writes), "path"};
    case Deed::kEdit:
      return {"edit", "", PathsClass(meaning.writes), "path"};
    case Deed::kShape:
    case Deed::kExec:
      break;
  }
  Action action = {"exec", "", "-", "-"};
  DescribeParts(parts, &action);
  if (action.verb.empty() && !parts.empty()) action.verb = VerbOf(parts[0]);
  return action;
}

// Tools.

Action OfSearch(Json args) {
  for (std::string_view key : {"path", "file_path", "dir_path", "directory"}) {
    if (auto path = args[key].string()) return {"search", "", PathClass(*path), "pattern"};
  }
  return {"search", "", "dir", "pattern"};
}

Action OfRead(const ToolMeaning& meaning, Json args) {
  bool ranged = false;
  for (std::string_view key : {"offset", "limit", "view_range", "start_line", "end_line"})
    ranged = ranged || bool(args[key]);
  return {"read", "", meaning.path.empty() ? "-" : PathClass(meaning.path), ranged ? "path,range" : "path"};
}

// A patch that only adds files writes them.
bool OnlyAdds(const ToolMeaning& meaning, const ToolUse& tool) {
  return meaning.tool_class == ToolClass::kEdit && tool.args.contains("*** Add File: ") &&
         !tool.args.contains("*** Update File: ") && !tool.args.contains("*** Delete File: ");
}

Action OfNamed(const ToolUse& tool, Json args) {
  std::string_view name = tool.name;
  // Which server a tool belongs to is the client's spelling: "mcp__tracker__list_issues".
  if (size_t mcp = name.rfind("__"); mcp != std::string_view::npos) name.remove_prefix(mcp + 2);
  return {IsToolName(name) ? "tool:" + std::string(name) : "tool:unnamed", "", "-", ShapeOf(args)};
}

Action OfTool(const Step& step, const ToolMeaning& meaning) {
  thread_local JsonParser parser;
  auto parsed = parser.Parse(step.tool.args.empty() ? "{}" : std::string_view(step.tool.args));
  Json args = parsed ? *parsed : Json();
  switch (meaning.tool_class) {
    case ToolClass::kExec:
      return OfShell(meaning);
    case ToolClass::kRead:
      return OfRead(meaning, args);
    case ToolClass::kList:
      return {"list", "", "dir", "-"};
    case ToolClass::kSearch:
      return OfSearch(args);
    case ToolClass::kFetch:
      return {"fetch", "", args["url"] ? "url" : "query", "-"};
    case ToolClass::kWrite:
      return {"write", "", PathsClass(meaning.writes), "path"};
    case ToolClass::kEdit:
      return {OnlyAdds(meaning, step.tool) ? "write" : "edit", "", PathsClass(meaning.writes), "path"};
    case ToolClass::kPlan:
      return {"plan", "", "-", "-"};
    case ToolClass::kSpawn: {
      std::string_view role = args["subagent_type"].text();
      return {"spawn", IsToolName(role) ? ToLower(role) : "", "-", "-"};
    }
    case ToolClass::kOther:
      break;
  }
  return OfNamed(step.tool, args);
}

// Status.

std::string ErrorWord(std::string_view error_class) {
  if (error_class == "timeout" || error_class == "aborted") return std::string(error_class);
  // Whether an exit code was logged is the client's choice.
  if (error_class == "nonzero_exit" || error_class == "error") return "err";
  size_t colon = error_class.find(':');
  std::string_view kind = error_class.substr(0, colon);
  constexpr size_t kLongest = 32;
  bool plain = !kind.empty() && kind.size() <= kLongest && std::all_of(kind.begin(), kind.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
  });
  if (!plain) return "err";
  std::string word = "err:" + std::string(kind);
  if (colon == std::string_view::npos) return word;
  std::string_view name = error_class.substr(colon + 1);
  return IsPlainName(name) ? word + ":" + std::string(name) : word;
}

bool SaysNothing(const ToolResult& result) {
  constexpr auto kNothing =
      std::to_array<std::string_view>({"", "[]", "{}", "null", "None", "(no output)", "No matches found",
                                       "No files found", "No results found"});
  return Has(kNothing, Trim(result.output));
}

std::string StatusOf(const Step& step, std::string_view coarse, const std::string& error_class) {
  if (!error_class.empty()) return ErrorWord(error_class);
  const ToolResult& result = step.result;
  bool answers = coarse == "search" || coarse == "list" || coarse == "fetch" || coarse.starts_with("tool:");
  if (coarse == "search" && result.exit_code == 1) return "empty";
  if (result.status == ToolStatus::kAborted) return "aborted";
  if (result.status == ToolStatus::kError || result.exit_code.value_or(0) != 0) return "err";
  bool known = result.status == ToolStatus::kOk || result.exit_code.has_value() || result.output_bytes > 0;
  if (!known) return "unknown";
  return answers && SaysNothing(result) ? "empty" : "ok";
}

Signature OfLlmCall(const Step& step, const std::string& error_class) {
  Signature signature;
  if (step.llm.auxiliary || !step.llm.billed)
    signature.coarse = "aux";
  else
    signature.coarse = step.llm.text_bytes > 0 ? "reply" : "think";
  std::string status = step.llm.error.empty() && error_class.empty() ? "ok"
                       : error_class.empty()                         ? "err"
                                                                     : ErrorWord(error_class);
  signature.medium = signature.coarse + "|" + status;
  signature.fine = signature.coarse + "|-|-|" + status;
  return signature;
}

}  // namespace

bool IsToolName(std::string_view name) {
  constexpr size_t kLongest = 40;
  constexpr int kMostWords = 5, kMostDigits = 2;
  if (name.empty() || name.size() > kLongest || !IsLetter(name[0])) return false;
  int words = 1, digits = 0;
  for (size_t i = 1; i < name.size(); ++i) {
    char c = name[i];
    if (!IsLetter(c) && !IsDigit(c) && c != '_' && c != '-') return false;
    bool hump = c >= 'A' && c <= 'Z' && name[i - 1] >= 'a' && name[i - 1] <= 'z';
    words += c == '_' || c == '-' || hump ? 1 : 0;
    digits += IsDigit(c) ? 1 : 0;
  }
  return words <= kMostWords && digits <= kMostDigits;
}

Signature SignatureOf(const Step& step, const ToolMeaning& meaning, const std::string& error_class) {
  if (step.kind == StepKind::kLlmCall) return OfLlmCall(step, error_class);
  Action action = OfTool(step, meaning);
  std::string status = StatusOf(step, action.coarse, error_class);
  std::string done = action.verb.empty() ? action.coarse : action.coarse + ":" + action.verb;
  Signature signature;
  signature.coarse = action.coarse;
  signature.medium = done + "|" + status;
  signature.fine = done + "|" + action.target + "|" + action.shape + "|" + status;
  return signature;
}

}  // namespace clawtrace::distill

#include "distill/lexicon.h"

#include <algorithm>
#include <array>
#include <utility>

namespace clawtrace::distill {
namespace {

template <size_t N>
bool Has(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr auto kPrograms = std::to_array<std::string_view>({
    "ack",
    "ag",
    "apt",
    "apt-get",
    "awk",
    "bash",
    "bat",
    "brew",
    "bun",
    "bundle",
    "cargo",
    "cat",
    "clang",
    "clang-format",
    "cmake",
    "composer",
    "cp",
    "ctest",
    "curl",
    "deno",
    "diff",
    "docker",
    "docker-compose",
    "dotnet",
    "eslint",
    "fd",
    "fdfind",
    "find",
    "flake8",
    "gawk",
    "gcc",
    "gem",
    "git",
    "go",
    "gofmt",
    "gradle",
    "grep",
    "gsed",
    "gtar",
    "head",
    "java",
    "javac",
    "jest",
    "jq",
    "just",
    "kubectl",
    "less",
    "ls",
    "make",
    "mvn",
    "mypy",
    "nc",
    "ninja",
    "node",
    "nodejs",
    "npm",
    "npx",
    "nvim",
    "perl",
    "php",
    "pip",
    "pip3",
    "pipenv",
    "pipx",
    "pnpm",
    "podman",
    "poetry",
    "prettier",
    "psql",
    "pytest",
    "pytest-3",
    "python",
    "python2",
    "python3",
    "rg",
    "rake",
    "ripgrep",
    "rspec",
    "ruby",
    "ruff",
    "rustc",
    "sed",
    "sh",
    "shellcheck",
    "sqlite3",
    "sqlite",
    "swift",
    "tar",
    "tox",
    "tree",
    "ts-node",
    "tsc",
    "uv",
    "uvx",
    "vi",
    "vim",
    "vitest",
    "wget",
    "xxd",
    "yarn",
    "yq",
    "zsh",
});

constexpr auto kInterpreters = std::to_array<std::string_view>(
    {"bash", "sh", "zsh", "python3", "python", "node", "perl", "ruby", "php"});
constexpr auto kReaders =
    std::to_array<std::string_view>({"cat", "head", "tail", "less", "more", "nl", "bat", "jq", "xxd", "wc"});
constexpr auto kListers =
    std::to_array<std::string_view>({"ls", "find", "tree", "pwd", "du", "stat", "file", "fd"});
constexpr auto kSearchers = std::to_array<std::string_view>({"grep", "rg", "ag", "ack", "egrep", "fgrep"});
constexpr auto kCheckers = std::to_array<std::string_view>(
    {"pytest", "pytest-3", "tox", "nox", "ctest", "make", "ninja", "mypy", "ruff", "flake8", "pylint",
     "eslint", "tsc", "jest", "vitest", "mocha", "shellcheck", "rspec", "phpunit"});
// Programs that only shape what the others print, or where they run.
constexpr auto kShapers =
    std::to_array<std::string_view>({"cd", "echo", "printf", "true", ":", "sort", "uniq", "cut", "tr",
                                     "column", "head", "tail", "wc", "set", "export"});
constexpr auto kTesters = std::to_array<std::string_view>(
    {"cargo", "go", "npm", "pnpm", "yarn", "bun", "mvn", "gradle", "dotnet", "deno"});
constexpr auto kWrappers =
    std::to_array<std::string_view>({"sudo", "env", "time", "nohup", "exec", "command", "timeout", "nice"});

struct Action {
  std::string_view program, operand, text;  // operand "": any
};
constexpr auto kActions = std::to_array<Action>({
    {"mkdir", "", "mkdir -p <dir>"},
    {"chmod", "", "chmod +x <file>"},
    {"pip", "install", "pip install <package>"},
    {"pip3", "install", "pip3 install <package>"},
    {"npm", "install", "npm install"},
    {"npm", "ci", "npm ci"},
    {"apt-get", "install", "apt-get install <package>"},
    {"apt", "install", "apt-get install <package>"},
    {"cargo", "install", "cargo install <package>"},
    {"gem", "install", "gem install <package>"},
    {"brew", "install", "brew install <package>"},
    {"cd", "", "cd <dir>"},
    {"touch", "", "touch <file>"},
    {"git", "init", "git init"},
});

bool IsAssignment(std::string_view word) {
  size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool IsNumber(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(),
                                      [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == 's'; });
}

void TakeOffWrappers(Command* command) {
  auto& words = command->words;
  bool wrapped = false;
  while (!words.empty()) {
    bool wrapper = Has(kWrappers, words.front());
    bool option_of_wrapper = wrapped && (words.front().starts_with('-') || IsNumber(words.front()));
    if (!wrapper && !option_of_wrapper && !IsAssignment(words.front())) break;
    wrapped = wrapped || wrapper;
    words.erase(words.begin());
  }
}

// Reads one word at *at, quotes removed; an unclosed quote ends with the line.
std::string ReadWord(std::string_view line, size_t* at) {
  std::string word;
  char quote = 0;
  for (; *at < line.size(); ++*at) {
    char c = line[*at];
    if (quote) {
      if (c == quote)
        quote = 0;
      else if (c == '\\' && quote == '"' && *at + 1 < line.size())
        word.push_back(line[++*at]);
      else
        word.push_back(c);
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '\\' && *at + 1 < line.size()) {
      word.push_back(line[++*at]);
    } else if (std::string_view(" \t\r\n;&|()<>").find(c) != std::string_view::npos) {
      break;
    } else {
      word.push_back(c);
    }
  }
  return word;
}

bool LooksLikeCheck(std::string_view word) {
  size_t slash = word.rfind('/');
  std::string_view name = slash == std::string_view::npos ? word : word.substr(slash + 1);
  for (std::string_view part : {"test", "check", "verify", "validate", "lint"}) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

bool IsCheck(const Command& command) {
  std::string_view program = command.program();
  if (Has(kCheckers, program)) return true;
  if (Has(kTesters, program)) {
    std::string_view verb = command.word(1) == "run" ? command.word(2) : command.word(1);
    return LooksLikeCheck(verb) || verb == "build" || verb == "vet" || verb == "clippy";
  }
  if (IsInterpreter(program)) {
    std::string_view first = command.word(1);
    if (first == "-m")
      return Has(kCheckers, command.word(2)) || command.word(2) == "unittest" ||
             command.word(2) == "py_compile";
    return first == "--test" || first == "-n" || (!first.starts_with('-') && LooksLikeCheck(first));
  }
  return program.find('/') != std::string_view::npos && LooksLikeCheck(program);
}

CommandKind KindOfOne(const Command& command) {
  std::string_view program = command.program();
  if (IsCheck(command)) return CommandKind::kCheck;
  if (Has(kSearchers, program)) return CommandKind::kSearch;
  if (Has(kListers, program)) return CommandKind::kList;
  if (Has(kReaders, program) || (program == "sed" && command.word(1) == "-n")) return CommandKind::kRead;
  constexpr auto kViews = std::to_array<std::string_view>({"status", "diff", "log", "show", "branch"});
  if (program == "git" && Has(kViews, command.word(1))) return CommandKind::kState;
  return CommandKind::kOther;
}

}  // namespace

std::vector<Command> SplitCommand(std::string_view line) {
  std::vector<Command> commands(1);
  bool redirected = false;     // the next word names a file, not an operand
  bool here_document = false;  // what follows this line is input, not commands
  for (size_t at = 0; at < line.size();) {
    char c = line[at];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '>' || c == '<') {
      size_t from = at;
      while (at < line.size() && (line[at] == '>' || line[at] == '<' || line[at] == '&')) ++at;
      here_document = here_document || line.substr(from, at - from) == "<<";
      redirected = true;
      // "2>": the number belongs to the redirection.
      auto& words = commands.back().words;
      if (from > 0 && (line[from - 1] == '1' || line[from - 1] == '2') && !words.empty() &&
          words.back().size() == 1)
        words.pop_back();
    } else if (c == ';' || c == '&' || c == '|' || c == '(' || c == ')' || c == '\n') {
      ++at;
      if (c == '\n' && here_document) break;
      redirected = false;
      if (!commands.back().words.empty()) commands.emplace_back();
    } else {
      std::string word = ReadWord(line, &at);
      if (!std::exchange(redirected, false)) commands.back().words.push_back(std::move(word));
    }
  }
  for (Command& command : commands) TakeOffWrappers(&command);
  std::erase_if(commands, [](const Command& command) { return command.words.empty(); });
  return commands;
}

CommandKind KindOf(std::string_view line) {
  std::vector<Command> commands = SplitCommand(line);
  if (std::any_of(commands.begin(), commands.end(), IsCheck)) return CommandKind::kCheck;
  std::vector<CommandKind> kinds;
  for (const Command& command : commands) {
    CommandKind kind = KindOfOne(command);
    if (kind == CommandKind::kOther && Has(kShapers, command.program())) continue;
    kinds.push_back(kind);
  }
  bool unknown = std::find(kinds.begin(), kinds.end(), CommandKind::kOther) != kinds.end();
  return kinds.empty() || unknown ? CommandKind::kOther : kinds.front();
}

bool IsKnownProgram(std::string_view name) { return Has(kPrograms, name); }

bool IsInterpreter(std::string_view name) { return Has(kInterpreters, name); }

bool IsPlainName(std::string_view name) {
  // A known program, or a version of one: python3.11.
  std::string_view base = name.substr(0, name.find_last_not_of("0123456789.") + 1);
  if (IsKnownProgram(name)) return true;
  bool versioned = IsInterpreter(base) || base == "pip" || base == "gcc" || base == "clang";
  constexpr size_t kMaxVersion = 4;  // "3.11"
  std::string_view version = name.substr(base.size());
  return versioned && version.size() <= kMaxVersion && std::ranges::count(version, '.') <= 1;
}

std::string_view ActionOf(const Command& command) {
  std::string_view program = command.program(), operand = command.word(1);
  // python3 -m pip install x
  if (IsInterpreter(program) && operand == "-m" && command.word(2) == "pip")
    program = "pip", operand = command.word(3);
  for (const Action& action : kActions) {
    if (action.program == program && (action.operand.empty() || action.operand == operand))
      return action.text;
  }
  return "";
}

}  // namespace clawtrace::distill

#include "tools/shell.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace clawtrace::tools {
namespace {

template <size_t N>
bool In(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

constexpr auto kReaders = std::to_array<std::string_view>(
    {"cat",       "head",     "tail",  "less", "more",   "ls",      "tree",    "grep",     "egrep",
     "fgrep",     "rg",       "ag",    "find", "fd",     "wc",      "sort",    "uniq",     "cut",
     "tr",        "diff",     "cmp",   "comm", "stat",   "file",    "pwd",     "echo",     "printf",
     "true",      "false",    "test",  "[",    "which",  "type",    "command", "basename", "dirname",
     "realpath",  "readlink", "nl",    "od",   "xxd",    "hexdump", "strings", "md5sum",   "sha1sum",
     "sha256sum", "cksum",    "jq",    "yq",   "column", "rev",     "tac",     "paste",    "join",
     "fold",      "seq",      "expr",  "cd",   "whoami", "id",      "uname",   "hostname", "git",
     "sed",       "du",       "sleep", "date", "uptime", "ps",      "env",     "printenv", "locale",
     "set",       "export",   "exit",  ":",    "bat",    "batcat"});
constexpr auto kPathReaders = std::to_array<std::string_view>(
    {"cat",     "head",    "tail",   "less",      "more", "wc",   "nl",  "od",    "xxd",
     "hexdump", "strings", "md5sum", "sha256sum", "stat", "file", "sed", "ls",    "diff",
     "cmp",     "jq",      "sort",   "uniq",      "cut",  "grep", "bat", "batcat"});
constexpr auto kVolatile = std::to_array<std::string_view>(
    {"date",   "uptime", "ps",     "top",      "free",      "curl",    "wget",       "ping", "ssh",
     "scp",    "nc",     "dig",    "nslookup", "netstat",   "ss",      "lsof",       "kill", "pgrep",
     "pkill",  "jobs",   "docker", "kubectl",  "systemctl", "service", "journalctl", "gh",   "aws",
     "gcloud", "az",     "apt",    "apt-get",  "sleep",     "w",       "who",        "last"});
constexpr auto kMutators =
    std::to_array<std::string_view>({"rm", "mv", "cp", "mkdir", "rmdir", "touch", "chmod", "chown", "ln",
                                     "tee", "dd", "truncate", "install", "patch", "rsync", "unzip", "tar"});
constexpr auto kGitReaders =
    std::to_array<std::string_view>({"status", "log", "diff", "show", "blame", "ls-files", "rev-parse",
                                     "describe", "grep", "shortlog", "cat-file", "ls-tree"});
constexpr auto kGitNetwork = std::to_array<std::string_view>({"fetch", "pull", "push", "clone", "ls-remote"});
constexpr auto kCheckers = std::to_array<std::string_view>(
    {"pytest",  "py.test",    "tox",           "nosetests",  "jest",     "vitest",  "mocha",    "ctest",
     "rspec",   "phpunit",    "eslint",        "tsc",        "ruff",     "flake8",  "pylint",   "mypy",
     "pyright", "shellcheck", "golangci-lint", "clang-tidy", "cppcheck", "rubocop", "prettier", "black"});
constexpr auto kRunners =
    std::to_array<std::string_view>({"npm", "pnpm", "yarn", "make", "ninja", "cargo", "go", "mvn", "gradle",
                                     "dotnet", "bazel", "npx", "bun", "deno", "just", "swift"});
constexpr auto kCheckWords = std::to_array<std::string_view>(
    {"test", "tests", "check", "lint", "build", "vet", "typecheck", "verify", "t"});

// Words and operators of a command line. Quotes are removed; heredoc bodies are dropped.
struct Token {
  std::string text;
  bool is_operator = false;
  bool quoted = false;
};

class Lexer {
 public:
  Lexer(std::string_view text, bool* substitution) : text_(text), substitution_(substitution) {}

  std::vector<Token> Run() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '\n')
        Operator(1), SkipHeredocs();
      else if (c == ' ' || c == '\t' || c == '\r')
        Flush(), ++at_;
      else if (c == '#' && !in_word_)
        SkipLine();
      else if (c == '\'' || c == '"')
        Quoted(c);
      else if (c == '\\' && at_ + 1 < text_.size())
        Escape();
      else if (c == '`')
        *substitution_ = true, Push(c);
      else if (c == '$' && Next() == '(')
        *substitution_ = true, Push(c);
      else if (c == ';' || c == '(' || c == ')')
        Operator(1);
      else if (c == '|' || c == '&')
        Pipe(c);
      else if (c == '>' || c == '<')
        Redirect(c);
      else
        Push(c);
    }
    Flush();
    return std::move(tokens_);
  }

 private:
  char Next(size_t ahead = 1) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  void Push(char c) { word_.push_back(c), in_word_ = true, ++at_; }
  void Flush() {
    if (in_word_) tokens_.push_back({word_, false, quoted_});
    word_.clear(), in_word_ = quoted_ = false;
  }
  void Operator(size_t length) {
    Flush();
    tokens_.push_back({std::string(text_.substr(at_, length)), true, false});
    at_ += length;
  }
  void SkipLine() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }
  void Escape() {
    if (text_[at_ + 1] == '\n') {
      at_ += 2;
      return;
    }
    ++at_;
    Push(text_[at_]);
  }
  void Quoted(char quote) {
    in_word_ = quoted_ = true;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size())
        ++at_;
      else if (quote == '"' && (text_[at_] == '`' || (text_[at_] == '$' && Next() == '(')))
        *substitution_ = true;
      word_.push_back(text_[at_]);
    }
    if (at_ < text_.size()) ++at_;
  }
  void Pipe(char c) {
    // "2>&1" and "&>" are redirections, not separators.
    if (c == '&' && Next() == '>') {
      ++at_;
      return Redirect('>');
    }
    Operator(Next() == c ? 2 : 1);
  }
  void Redirect(char c) {
    // A number just before belongs to the redirection.
    if (in_word_ && word_.size() == 1 && word_[0] >= '0' && word_[0] <= '9') word_.clear(), in_word_ = false;
    if (c == '<' && Next() == '<' && Next(2) != '<') return Heredoc();
    if (c == '>' && Next() == '&') {
      bool to_descriptor = (Next(2) >= '0' && Next(2) <= '9') || Next(2) == '-';
      if (!to_descriptor) {
        // ">& file" is "> file 2>&1".
        Operator(1), ++at_;
        return;
      }
      Flush();
      at_ += 2;
      while (at_ < text_.size() && ((text_[at_] >= '0' && text_[at_] <= '9') || text_[at_] == '-')) ++at_;
      return;
    }
    if (c == '>' && Next() == '|') {
      Operator(1), ++at_;
      return;
    }
    Operator(Next() == c ? 2 : 1);
  }
  void Heredoc() {
    Flush();
    at_ += 2;
    if (at_ < text_.size() && text_[at_] == '-') ++at_;
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\'' || text_[at_] == '"')) ++at_;
    std::string end;
    while (at_ < text_.size() && text_[at_] > ' ' && text_[at_] != '\'' && text_[at_] != '"' &&
           text_[at_] != '\n')
      end.push_back(text_[at_++]);
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) ++at_;
    if (!end.empty()) heredocs_.push_back(end);
  }
  void SkipHeredocs() {
    for (const std::string& end : heredocs_) {
      while (at_ < text_.size()) {
        size_t stop = text_.find('\n', at_);
        std::string_view line = text_.substr(at_, stop == std::string_view::npos ? stop : stop - at_);
        at_ = stop == std::string_view::npos ? text_.size() : stop + 1;
        while (!line.empty() && line.front() == '\t') line.remove_prefix(1);
        if (line == end) break;
      }
    }
    heredocs_.clear();
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string word_;
  bool in_word_ = false, quoted_ = false;
  std::vector<Token> tokens_;
  std::vector<std::string> heredocs_;
  bool* substitution_;
};

bool IsAssignment(const std::string& word) {
  size_t eq = word.find('=');
  if (eq == std::string::npos || eq == 0) return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(eq), [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

bool IsRedirection(const Token& token) {
  return token.is_operator && (token.text[0] == '>' || token.text[0] == '<');
}

// The file behind the redirection at tokens[i]; "<<< text" comes as "<<" and "<".
void AddRedirection(const std::vector<Token>& tokens, size_t i, SimpleCommand* command) {
  const std::string& file = tokens[i + 1].text;
  if (tokens[i].text[0] == '>') {
    if (file != "/dev/null" && file != "/dev/stderr") command->writes.push_back(file);
  } else if (tokens[i].text == "<" && (i == 0 || !IsRedirection(tokens[i - 1]))) {
    command->inputs.push_back(file);
  }
}

std::vector<SimpleCommand> Commands(const std::vector<Token>& tokens) {
  std::vector<SimpleCommand> commands;
  SimpleCommand now;
  bool started = false;
  auto finish = [&] {
    if (started || !now.writes.empty())
      commands.push_back(std::move(now));
    else if (!commands.empty())  // of a loop: "while read x; do echo $x; done < FILE"
      commands.back().inputs.insert(commands.back().inputs.end(), now.inputs.begin(), now.inputs.end());
    now = {}, started = false;
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (token.is_operator) {
      if (!IsRedirection(token))
        finish();
      else if (i + 1 < tokens.size() && !tokens[i + 1].is_operator)
        AddRedirection(tokens, i++, &now);
      continue;
    }
    if (!started) {
      static constexpr auto kPrefixes =
          std::to_array<std::string_view>({"sudo", "time", "nohup", "exec", "then", "do", "else", "if",
                                           "while", "!", "{", "}", "done", "fi"});
      if (!token.quoted && (IsAssignment(token.text) || In(kPrefixes, token.text))) continue;
      now.program = token.text.substr(token.text.rfind('/') + 1);
      started = true;
    } else {
      now.arguments.push_back(token.text);
    }
  }
  finish();
  return commands;
}

bool HasFlag(const SimpleCommand& command, std::string_view flag) {
  return std::any_of(command.arguments.begin(), command.arguments.end(), [&](const std::string& a) {
    return a == flag || a.starts_with(std::string(flag) + "=");
  });
}

bool HasShortFlag(const SimpleCommand& command, char flag) {
  return std::any_of(command.arguments.begin(), command.arguments.end(), [&](const std::string& a) {
    return a.size() > 1 && a[0] == '-' && a[1] != '-' && a.find(flag) != std::string::npos;
  });
}

// Words that are no options.
size_t Operands(const SimpleCommand& c) {
  return static_cast<size_t>(
      std::ranges::count_if(c.arguments, [](const std::string& a) { return !a.starts_with('-'); }));
}

bool HasAnyFlag(const SimpleCommand& c, std::initializer_list<std::string_view> flags) {
  return std::ranges::any_of(flags, [&](std::string_view flag) { return HasFlag(c, flag); });
}

// sed's own ways to write or to run something: "w file", "s/a/b/w file", "e command".
bool SedWrites(const SimpleCommand& c) {
  if (HasShortFlag(c, 'i') || HasFlag(c, "--in-place")) return true;
  return std::ranges::any_of(c.arguments, [](const std::string& a) {
    if (a.starts_with('-')) return false;
    bool alone = a.starts_with("w ") || a.starts_with("e ") || a == "e";
    return alone || a.contains("/w ") || a.contains(";w ") || a.contains("/e ") || a.ends_with("/e") ||
           a.contains("|w ") || a.contains("}w ");
  });
}

bool BatRuns(const SimpleCommand& c) {
  return HasFlag(c, "--pager") || (!c.arguments.empty() && c.arguments[0] == "cache");
}

// Programs that read, but for some of their options or operands.
bool WritesByFlag(const SimpleCommand& c) {
  const std::string& p = c.program;
  if (p == "git") {
    bool reads = !c.arguments.empty() && In(kGitReaders, c.arguments[0]);
    return !reads || HasAnyFlag(c, {"--output", "-o"});
  }
  if (p == "sed") return SedWrites(c);
  if (p == "sort") return HasShortFlag(c, 'o') || HasFlag(c, "--output");
  if (p == "find")
    return HasAnyFlag(
        c, {"-exec", "-execdir", "-delete", "-ok", "-okdir", "-fprint", "-fprint0", "-fprintf", "-fls"});
  if (p == "fd")
    return HasShortFlag(c, 'x') || HasShortFlag(c, 'X') || HasAnyFlag(c, {"--exec", "--exec-batch"});
  if (p == "rg") return HasFlag(c, "--pre");
  if (p == "tree" || p == "less" || p == "more") return HasShortFlag(c, 'o') || HasShortFlag(c, 'O');
  if (p == "bat" || p == "batcat") return BatRuns(c);
  if (p == "yq") return HasShortFlag(c, 'i') || HasAnyFlag(c, {"--inplace", "--in-place"});
  if (p == "uniq" || p == "xxd") return Operands(c) > 1;
  if (p == "date") return HasShortFlag(c, 's') || HasFlag(c, "--set");
  if (p == "hostname") return Operands(c) > 0;
  // They run what they name; "command -v x" only asks.
  if (p == "env") return Operands(c) > 0;
  if (p == "command") return !HasShortFlag(c, 'v') && !HasShortFlag(c, 'V');
  return false;
}

bool IsReader(const SimpleCommand& c) {
  if (!c.writes.empty() || !In(kReaders, c.program)) return false;
  return !WritesByFlag(c);
}

bool IsCheck(const SimpleCommand& c) {
  if (In(kCheckers, c.program)) return true;
  auto any_word = [&](auto&& predicate) {
    return std::any_of(c.arguments.begin(), c.arguments.end(), predicate);
  };
  if (In(kRunners, c.program)) {
    if (c.program == "make" || c.program == "ninja") return true;
    return any_word([](const std::string& a) { return In(kCheckWords, a) || In(kCheckers, a); });
  }
  if (c.program.starts_with("python") || c.program == "node") {
    for (size_t i = 0; i + 1 < c.arguments.size(); ++i) {
      const std::string& module = c.arguments[i + 1];
      if (c.arguments[i] == "-m" &&
          (module == "unittest" || module == "json.tool" || module == "py_compile" ||
           module == "compileall" || In(kCheckers, module)))
        return true;
    }
    return HasFlag(c, "--test") || HasFlag(c, "--check");
  }
  return (c.program == "bash" || c.program == "sh") && HasFlag(c, "-n");
}

// Short options whose value is the next word, where that could be taken for a path.
std::string_view OptionsWithValue(std::string_view program) {
  if (program == "head" || program == "tail") return "nc";
  if (program == "grep") return "ABCmef";
  if (program == "cut") return "dfcb";
  if (program == "sort") return "kt";
  if (program == "sed") return "ef";
  if (program == "nl") return "bdfhilnsvw";
  if (program == "bat" || program == "batcat") return "lrmH";
  return {};
}

void AddPaths(const SimpleCommand& c, size_t skip_words, std::vector<std::string>* paths) {
  std::string_view with_value = OptionsWithValue(c.program);
  for (size_t i = 0; i < c.arguments.size(); ++i) {
    const std::string& argument = c.arguments[i];
    bool takes_next = argument.size() == 2 && argument[0] == '-' && with_value.contains(argument[1]);
    if (takes_next) ++i;
    if (takes_next && (argument[1] == 'e' || argument[1] == 'f')) skip_words = 0;  // the pattern itself
    if (argument.empty() || argument[0] == '-') continue;
    if (skip_words > 0) {
      --skip_words;
      continue;
    }
    paths->push_back(argument);
  }
}

void Classify(const SimpleCommand& c, ShellCommand* all) {
  all->writes.insert(all->writes.end(), c.writes.begin(), c.writes.end());
  if (!c.writes.empty()) all->mutates = true;
  if (In(kVolatile, c.program) ||
      (c.program == "git" && !c.arguments.empty() && In(kGitNetwork, c.arguments[0])))
    all->volatile_result = true;
  if (IsCheck(c)) all->check = true;
  if (IsReader(c)) {
    if (In(kPathReaders, c.program)) {
      bool pattern_first = c.program == "grep" || c.program == "sed" || c.program == "jq";
      AddPaths(c, pattern_first ? 1 : 0, &all->reads);
    }
  } else if (In(kMutators, c.program) || c.program == "sed" || c.program == "sort") {
    all->mutates = true;
    AddPaths(c, c.program == "sed" || c.program == "chmod" || c.program == "chown" ? 1 : 0, &all->writes);
  }
}

}  // namespace

ShellCommand ParseShell(std::string_view line) {
  ShellCommand command;
  command.parts = Commands(Lexer(line, &command.substitution).Run());
  for (const SimpleCommand& part : command.parts) Classify(part, &command);
  command.read_only = !command.parts.empty() && !command.substitution &&
                      std::all_of(command.parts.begin(), command.parts.end(), IsReader);
  return command;
}

}  // namespace clawtrace::tools

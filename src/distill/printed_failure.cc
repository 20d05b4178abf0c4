#include "distill/printed_failure.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "compile/failures.h"
#include "distill/lexicon.h"
#include "distill/shown_files.h"

namespace clawtrace::distill {
namespace {

using Words = std::string_view;

template <size_t N>
bool Has(const std::array<Words, N>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// What the system answers (strerror), and shells.
constexpr auto kReasons = std::to_array<Words>({
    "no such file or directory",
    "directory nonexistent",
    "not a directory",
    "is a directory",
    "command not found",
    "permission denied",
    "operation not permitted",
    "file exists",
    "directory not empty",
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "cross-device link",
    "invalid cross-device link",
    "argument list too long",
    "cannot allocate memory",
    "too many open files",
    "exec format error",
    "broken pipe",
    "device or resource busy",
    "text file busy",
    "file name too long",
    "input/output error",
    "connection refused",
    "connection timed out",
    "address already in use",
});

// Words of a program that complains.
constexpr auto kComplaints = std::to_array<Words>(
    {"cannot",    "can't",          "couldn't",      "could not",  "unable",       "failed",
     "invalid",   "illegal",        "unknown",       "unexpected", "unrecognized", "unrecognised",
     "undefined", "unbound",        "unterminated",  "missing",    "no such",      "not found",
     "not a",     "syntax error",   "bad",           "denied",     "refused",      "ambiguous",
     "corrupt",   "does not exist", "doesn't exist", "aborted",    "malformed",    "unsupported"});

// They speak under their own name only to complain, in whatever language.
constexpr auto kUtilities = std::to_array<Words>(
    {"cp",       "mv",       "rm",     "mkdir",   "rmdir",     "ln",    "cat",  "head",     "tail",
     "sort",     "uniq",     "cut",    "tr",      "paste",     "join",  "comm", "split",    "csplit",
     "wc",       "ls",       "touch",  "chmod",   "chown",     "sed",   "awk",  "gawk",     "mawk",
     "nawk",     "grep",     "egrep",  "fgrep",   "find",      "xargs", "diff", "cmp",      "patch",
     "base64",   "base32",   "md5sum", "sha1sum", "sha256sum", "tee",   "dd",   "truncate", "install",
     "realpath", "readlink", "stat",   "date",    "expr",      "seq",   "tar",  "gzip",     "gunzip",
     "bzip2",    "xz",       "unzip",  "zcat",    "jq",        "tac"});
constexpr auto kShells =
    std::to_array<Words>({"bash", "sh", "dash", "zsh", "ksh", "fish", "ash", "-bash", "-sh"});

// Programs that run what they name.
constexpr auto kCarriers =
    std::to_array<Words>({"xargs", "env", "timeout", "time", "nice", "sudo", "nohup", "stdbuf", "npx", "uv"});

// Nothing failed.
constexpr auto kMilder = std::to_array<Words>(
    {"removing leading", "binary file", "created directory", "creating directory", "removing directory",
     "nothing to be done", "up to date", "up-to-date", "entering directory", "leaving directory", "no error",
     "0 error", "0 failed", "retried"});
constexpr auto kMilderLevels = std::to_array<Words>({"warn", "note:", "info:", "debug", "deprecat"});

struct Sign {
  Words text, kind;
};

// How lines begin that runtimes and tools print when they give up.
constexpr auto kBeginnings = std::to_array<Sign>({
    {"Traceback (most recent call last):", "traceback"},
    {"Exception in thread ", "traceback"},
    {"Uncaught ", "traceback"},
    {"Unhandled exception", "traceback"},
    {"panic: ", "traceback"},
    {"terminate called ", "traceback"},
    {"Segmentation fault", "traceback"},
    {"fatal: ", "fatal"},
    {"npm ERR! ", "error"},
    {"npm error ", "error"},
    {"CMake Error", "error"},
    {"CONFLICT (", "error"},
    {"ninja: build stopped", "make"},
    {"E: Unable to ", "error"},
});

constexpr auto kTests = std::to_array<Words>({
    "FAILED (",      // unittest
    "FAILED tests",  // pytest
    "Bail out!",     // TAP
    "--- FAIL: ",    // go
    "FAIL\t",
    "test result: FAILED",  // cargo
    "[  FAILED  ] ",        // gtest
    "FAILURES!",            // phpunit
    "There were failing tests",
});

std::string WithoutColours(std::string_view line) {
  std::string plain;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      i = std::min(line.find_first_not_of("0123456789;[", i + 1), line.size());
    } else {
      plain += line[i];
    }
  }
  return plain;
}

// "[1-9][0-9]* WORD" after a beginning: "Tests:  1 failed", "3 examples, 2 failures", "==== 1 failed in 2 s".
bool CountsSome(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    size_t end = at;
    while (at > 0 && IsDigit(line[at - 1])) --at;
    if (at < end && line.substr(at, end - at).find_first_not_of('0') != std::string_view::npos) return true;
    at = end;
  }
  return false;
}

// "Failures: 1"
bool SumsUp(std::string_view line, std::string_view what) {
  size_t at = line.find(what);
  return at != std::string_view::npos && line[std::min(at + what.size(), line.size() - 1)] >= '1';
}

bool IsFailedTest(std::string_view line) {
  for (Words text : kTests) {
    if (line.starts_with(text)) return true;
  }
  if (line.starts_with("not ok ")) return !line.contains("# TODO") && !line.contains("# SKIP");
  if (line.starts_with("Tests run: ")) return SumsUp(line, "Failures: ") || SumsUp(line, "Errors: ");
  if (line.starts_with("Tests:") || line.starts_with("====")) return CountsSome(line, " failed");
  if (line.starts_with("# fail ")) return line != "# fail 0";
  bool mocha = line.ends_with(" failing") && IsDigit(Trim(line)[0]);
  bool rspec = IsDigit(line[0]) && line.contains(" examples, ");
  bool ctest = line.contains(" tests failed out of ");
  return (mocha && CountsSome(line, " failing")) || (rspec && CountsSome(line, " failure")) ||
         (ctest && CountsSome(line, " tests failed"));
}

// Who speaks in "make[1]: *** ...", "./run.sh: line 4: ...", "zsh:1: ...", "load.sql:3:5: error: ...": the
// words before the first ": ", without a place; "" when that is no name of a program or file.
struct Speech {
  std::string_view speaker, said;
};

Speech SpeechOf(std::string_view line) {
  size_t end = line.find(": ");
  if (end == std::string_view::npos || end == 0 || IsDigit(line[0])) return {};
  std::string_view name = line.substr(0, end);
  bool plain = std::ranges::all_of(name, [](char c) {
    return IsLetter(c) || IsDigit(c) || Words("_-./+:[](),@~").contains(c) ||
           static_cast<unsigned char>(c) >= 0x80;
  });
  if (!plain || name.starts_with('[') || name.starts_with('(')) return {};
  name = name.substr(0, name.find_first_of(":[("));
  return name.empty() ? Speech() : Speech{name, line.substr(end + 2)};
}

std::string_view NameIn(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

// "...: REASON", "... (REASON)", "REASON: what", "REASON, what", "REASON @ where": a clause of its own.
bool GivesReason(std::string_view said) {
  for (Words reason : kReasons) {
    for (size_t at = said.find(reason); at != std::string_view::npos; at = said.find(reason, at + 1)) {
      size_t end = at + reason.size();
      bool begins = at == 0 || said[at - 1] == '(' ||
                    (at > 1 && said[at - 1] == ' ' && Words(":])").contains(said[at - 2]));
      std::string_view rest = said.substr(end);
      bool ends = rest.empty() || Words("),:;.'").contains(rest[0]) || rest.starts_with(" (") ||
                  rest.starts_with(" @ ") || rest.starts_with(" at ") || rest.starts_with(" in ");
      if (begins && ends) return true;
    }
  }
  return false;
}

template <size_t N>
bool SaysAnyOf(const std::array<Words, N>& words, std::string_view lower) {
  return std::ranges::any_of(words, [&](Words word) {
    size_t at = lower.find(word);
    return at != std::string_view::npos && (at == 0 || (!IsLetter(lower[at - 1]) && !IsDigit(lower[at - 1])));
  });
}

// Warnings, questions and news.
bool IsMild(std::string_view lower) {
  auto level = [&](std::string_view text) {
    return std::ranges::any_of(kMilderLevels, [&](Words word) { return text.starts_with(word); });
  };
  for (size_t at = lower.find(": "); at != std::string_view::npos; at = lower.find(": ", at + 1)) {
    if (level(lower.substr(at + 2))) return true;
  }
  return level(lower) || lower.ends_with('?') || SaysAnyOf(kMilder, lower);
}

// What stands behind "Error:" is said of something: not a number, not "none".
bool IsMessage(std::string_view text) {
  constexpr auto kValues =
      std::to_array<Words>({"none", "null", "nil", "no", "false", "true", "n/a", "undefined"});
  text = Trim(text);
  bool letters =
      std::ranges::any_of(text, [](char c) { return IsLetter(c) || static_cast<unsigned char>(c) >= 0x80; });
  bool number =
      !text.empty() &&
      (IsDigit(text[0]) || ((text[0] == '-' || text[0] == '+') && text.size() > 1 && IsDigit(text[1])));
  return letters && !number && !Has(kValues, ToLower(text));
}

// "TypeError", "java.io.IOException", "Parse error": an error word with what may stand before it.
bool IsErrorName(std::string_view before) {
  constexpr auto kSorts = std::to_array<Words>(
      {"parse",     "runtime",  "fatal",         "syntax",    "internal",   "compile",    "compilation",
       "compiler",  "linker",   "build",         "php fatal", "php parse",  "critical",   "unexpected",
       "unhandled", "uncaught", "configuration", "config",    "validation", "connection", "database",
       "sql",       "sqlite",   "system",        "import",    "assertion",  "unknown"});
  auto letters = [](char c) { return IsLetter(c) || IsDigit(c) || c == '.' || c == '_'; };
  return std::ranges::all_of(before, letters) || (before.ends_with(' ') && Has(kSorts, Trim(before)));
}

// Behind the colon of "error:", with what may stand between: "error[E0425]", "error TS2304", "ERROR 1146
// (42S02) at line 1", "Parse error near line 1"; npos when no error is reported.
size_t ErrorHead(std::string_view line) {
  size_t colon = line.find(':');
  constexpr size_t kLongest = 60;
  if (colon == std::string_view::npos || colon > kLongest) return std::string_view::npos;
  std::string head = ToLower(line.substr(0, colon));
  constexpr Words kError = "error", kException = "exception";
  size_t error = head.find(kError), exception = head.find(kException), at = std::min(error, exception);
  if (at == std::string::npos || !IsErrorName(std::string_view(head).substr(0, at)))
    return std::string_view::npos;
  std::string_view after = std::string_view(head).substr(at + (at == error ? kError : kException).size());
  constexpr auto kPlaces = std::to_array<Words>({"[", " (", " near ", " at ", " on line ", " in "});
  bool place = after.empty() || (after[0] == ' ' && std::ranges::any_of(after, IsDigit)) ||
               std::ranges::any_of(kPlaces, [&](Words begin) { return after.starts_with(begin); });
  return place ? colon + 1 : std::string_view::npos;
}

bool ReportsError(std::string_view line) {
  size_t end = ErrorHead(line);
  return end < line.size() && IsMessage(line.substr(end));
}

bool ReportsLevel(std::string_view line) {
  constexpr Words kLevel = "[ERROR] ";
  return line.starts_with(kLevel) && IsMessage(line.substr(kLevel.size()));
}

// A level of a log, too, so that files are full of such lines.
bool IsWeak(std::string_view line) { return line.starts_with("ERROR: ") || line.starts_with("[ERROR] "); }

// Answers with texts that others wrote.
bool TellsTexts(const tools::SimpleCommand& command) {
  constexpr auto kTellers = std::to_array<Words>({"curl", "journalctl", "docker", "kubectl", "gh"});
  constexpr auto kGit = std::to_array<Words>({"show", "log", "diff", "blame", "grep", "cat-file"});
  bool git = command.program == "git" && !command.arguments.empty() && Has(kGit, command.arguments[0]);
  return git || Has(kTellers, command.program);
}

// What the lines of one output are judged by.
class Listener {
 public:
  Listener(const tools::ToolMeaning& meaning, const std::set<std::string, std::less<>>& read_before)
      : read_before_(read_before) {
    for (const tools::SimpleCommand& part : meaning.shell.parts) {
      own_.insert(part.program);
      bool carries = Has(kCarriers, part.program);
      bool runs = Has(kShells, part.program) || IsInterpreter(part.program);
      for (const std::string& word : part.arguments) {
        if (word.starts_with('-') || (!carries && !runs)) continue;
        own_.insert(std::string(NameIn(word)));
        runs = false;
      }
      for (const std::string& operand : ShownOperands(part)) Show(operand);
      shows_ |= TellsTexts(part);
    }
  }

  // "" when the line is none of a failure.
  std::string_view KindOf(std::string_view line) const {
    Speech speech = SpeechOf(line);
    bool mild = IsMild(ToLower(line));
    std::string_view kind = mild ? "" : KindOfOwn(speech);
    if (kind.empty() && !shows_logs_) kind = KindOfForm(line, speech);
    if (kind.empty() && !shows_logs_ && !mild) kind = KindOfReport(line, speech);
    return kind;
  }

 private:
  // Said by a program of the command under its own name.
  std::string_view KindOfOwn(const Speech& speech) const {
    std::string_view speaker = NameIn(speech.speaker);
    if (speaker.empty() || (!own_.contains(speaker) && !Has(kShells, speaker))) return {};
    if (speech.said.starts_with("*** ")) return "make";
    std::string said = ToLower(speech.said);
    return Has(kUtilities, speaker) || GivesReason(said) || SaysAnyOf(kComplaints, said) ? "error" : "";
  }

  // Nothing but a failure looks so.
  static std::string_view KindOfForm(std::string_view line, const Speech& speech) {
    if (IsFailedTest(line)) return "test_failure";
    for (const Sign& sign : kBeginnings) {
      if (line.starts_with(sign.text)) return sign.kind;
    }
    if (speech.speaker == "make" && speech.said.starts_with("*** ")) return "make";
    return line.starts_with("Hunk #") && line.contains(" FAILED at ") ? "error" : "";
  }

  std::string_view KindOfReport(std::string_view line, const Speech& speech) const {
    if (IsWeak(line) && (shows_ || read_before_.contains(line))) return {};
    std::string said = ToLower(speech.said);
    // "run.sh: 2: node: not found"
    bool missing = !said.empty() && IsDigit(said[0]) && said.ends_with(": not found");
    if (missing || GivesReason(said)) return "error";
    if (shows_) return {};
    if (Has(kUtilities, NameIn(speech.speaker)) && SaysAnyOf(kComplaints, said)) return "error";
    // Also "load.sql:3: error: ...", "psql:load.sql:1: ERROR: ..."
    return ReportsError(line) || ReportsError(speech.said) || ReportsLevel(line) ? "error" : "";
  }

  // Lines of data and sources do not begin as a report does; those of logs and prose do.
  void Show(std::string_view operand) {
    constexpr auto kQuiet =
        std::to_array<Words>({"csv", "tsv",  "json", "jsonl", "yaml", "yml", "toml", "ini", "cfg", "conf",
                              "xml", "html", "css",  "py",    "js",   "ts",  "c",    "cc",  "cpp", "h",
                              "hpp", "go",   "rs",   "java",  "rb",   "php", "sql",  "env"});
    shows_ = true;
    std::string_view name = NameIn(operand);
    size_t point = name.rfind('.');
    bool quiet = point != std::string_view::npos && Has(kQuiet, ToLower(name.substr(point + 1)));
    shows_logs_ |= !quiet;
  }

  const std::set<std::string, std::less<>>& read_before_;
  std::set<std::string, std::less<>> own_;
  bool shows_ = false, shows_logs_ = false;
};

}  // namespace

std::string PrintedFailure(const tools::ToolMeaning& meaning, std::string_view output,
                           const std::set<std::string, std::less<>>& read_before) {
  Listener listener(meaning, read_before);
  std::vector<std::string_view> lines = Split(output, '\n');
  // The answer of a tool that writes a file quotes what it wrote.
  if (meaning.tool_class != tools::ToolClass::kExec && lines.size() > 1) lines.resize(1);
  for (std::string_view line : lines) {
    std::string plain = WithoutColours(line);
    std::string_view text = plain;
    while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
    if (text.empty()) continue;
    std::string_view kind = listener.KindOf(text);
    if (kind.empty()) continue;
    // The last line of a traceback says what was wrong.
    std::string_view told =
        kind == "traceback" ? output.substr(static_cast<size_t>(line.data() - output.data())) : text;
    std::string known = kind == "test_failure" ? "" : compile::KnownErrorClass(told, meaning);
    if (compile::IsEnvironment(known)) continue;
    if (meaning.shell.check && !known.starts_with("missing_command:")) return "test_failure";
    return known.empty() ? std::string(kind) : known;
  }
  return {};
}

}  // namespace clawtrace::distill

#include "distill/shown_files.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "distill/lexicon.h"

namespace clawtrace::distill {
namespace {

using tools::SimpleCommand;
using tools::ToolClass;
using Names = std::string_view;

bool IsSearcher(std::string_view program) {
  constexpr auto kPrograms = std::to_array<Names>({"grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack"});
  return std::ranges::find(kPrograms, program) != kPrograms.end();
}

// The first operand is what to look for or to do, not a file.
bool TakesScript(std::string_view program) {
  constexpr auto kPrograms = std::to_array<Names>({"sed", "awk", "gawk", "mawk", "nawk", "jq", "yq"});
  return IsSearcher(program) || std::ranges::find(kPrograms, program) != kPrograms.end();
}

bool PrintsFiles(std::string_view program) {
  constexpr auto kPrograms = std::to_array<Names>(
      {"cat",  "bat",  "head",  "tail",   "less", "more",    "nl",      "tac",        "sort",
       "uniq", "cut",  "paste", "column", "fold", "fmt",     "rev",     "od",         "xxd",
       "diff", "comm", "join",  "zcat",   "tr",   "strings", "hexdump", "Get-Content"});
  return TakesScript(program) || std::ranges::find(kPrograms, program) != kPrograms.end();
}

// Given a file they tell about it, or nothing, but never what it holds.
bool TellsOnlyAbout(std::string_view program) {
  constexpr auto kPrograms = std::to_array<Names>(
      {"ls",    "wc",   "stat",     "file",    "du",    "md5sum", "sha1sum", "sha256sum", "sha512sum",
       "cksum", "test", "[",        "[[",      "touch", "chmod",  "chown",   "mkdir",     "rmdir",
       "rm",    "echo", "printf",   "find",    "fd",    "tree",   "cd",      "realpath",  "readlink",
       "which", "type", "basename", "dirname", "for",   "tee",    "true",    "ln"});
  return std::ranges::find(kPrograms, program) != kPrograms.end();
}

// "-e", "-ne", "--regexp": what to look for stands behind the option.
bool GivesScript(std::string_view program, std::string_view option) {
  if (!TakesScript(program)) return false;
  if (option.starts_with("--"))
    return option.starts_with("--regexp") || option.starts_with("--file") ||
           option.starts_with("--expression");
  return option.back() == 'f' || (option.back() == 'e' && program != "jq");
}

std::string_view OptionsWithValue(std::string_view program) {
  if (program == "head" || program == "tail") return "nc";
  if (program == "cut") return "dfcb";
  if (program == "sort") return "ktST";
  if (program == "sed") return "efl";
  if (program == "column") return "so";
  if (program == "paste" || program == "nl") return "dbs";
  if (program.ends_with("awk")) return "Fvf";
  if (program == "od" || program == "xxd") return "AjNtlsc";
  return IsSearcher(program) ? "ABCmefgtT" : "";
}

bool WritesInstead(const SimpleCommand& command) {
  if (!command.writes.empty()) return true;
  return std::ranges::any_of(command.arguments, [&](const std::string& word) {
    bool in_place = word.starts_with("-i") || word.starts_with("--in-place");
    return in_place && (command.program == "sed" || command.program == "yq");
  });
}

bool SearchesTree(const SimpleCommand& command) {
  if (command.program == "rg" || command.program == "ag" || command.program == "ack") return true;
  return IsSearcher(command.program) && std::ranges::any_of(command.arguments, [](const std::string& word) {
           bool options = word.size() > 1 && word[0] == '-' && word[1] != '-';
           return word == "--recursive" || (options && word.find_first_of("rR") != std::string::npos);
         });
}

std::vector<std::string> Braced(const std::string& word) {
  constexpr size_t kMost = 64;
  std::vector<std::string> done, open = {word};
  while (!open.empty() && open.size() + done.size() < kMost) {
    std::string now = std::move(open.back());
    open.pop_back();
    size_t begin = now.rfind('{');
    size_t end = begin == std::string::npos ? begin : now.find('}', begin);
    std::string_view inner;
    if (end != std::string::npos) inner = std::string_view(now).substr(begin + 1, end - begin - 1);
    if (!inner.contains(',')) {
      done.push_back(std::move(now));
      continue;
    }
    for (std::string_view one : Split(inner, ','))
      open.push_back(now.substr(0, begin) + std::string(one) + now.substr(end + 1));
  }
  return done;
}

bool IsPattern(std::string_view word) { return word.find_first_of("*?[") != std::string_view::npos; }

// One part of a path; "[a-z]" stands for any character. The last star alone is tried again, so that a hostile
// log cannot make it slow.
bool FitsPart(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = std::string_view::npos, resumed = 0;
  while (n < name.size()) {
    size_t close = p < pattern.size() && pattern[p] == '[' ? pattern.find(']', p) : std::string_view::npos;
    if (p < pattern.size() && pattern[p] == '*')
      star = p++, resumed = n;
    else if (p < pattern.size() &&
             (close != std::string_view::npos || pattern[p] == '?' || pattern[p] == name[n]))
      p = close == std::string_view::npos ? p + 1 : close + 1, ++n;
    else if (star != std::string_view::npos)
      p = star + 1, n = ++resumed;
    else
      return false;
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string_view NameIn(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

bool Fits(std::string_view pattern, std::string_view path) {
  if (pattern.contains("**")) return FitsPart(NameIn(pattern), NameIn(path));
  std::vector<std::string_view> patterns = Split(pattern, '/'), parts = Split(path, '/');
  return std::ranges::equal(patterns, parts, FitsPart);
}

enum class Match { kNo, kFolder, kFile };

// The path is as the session's folder sees it. A word that is absolute may stand for that folder and more, so
// any of its ends may be what fits.
Match MatchOf(const std::string& word, const std::string& path) {
  Match best = Match::kNo;
  for (const std::string& plain : Braced(word)) {
    std::string rest = tools::NormalisePath(plain, "");
    while (!rest.empty() && best != Match::kFile) {
      if (rest == path || (IsPattern(rest) && Fits(rest, path)))
        best = Match::kFile;
      else if (path.starts_with(rest + "/"))
        best = Match::kFolder;
      size_t slash = plain.starts_with('/') ? rest.find('/') : std::string::npos;
      rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
    }
  }
  return best;
}

// Names what "find ... -exec cat" or "find ... | xargs cat" prints.
bool FindFits(const SimpleCommand& find, const std::string& path) {
  bool named = false;
  for (size_t i = 0; i + 1 < find.arguments.size(); ++i) {
    if (find.arguments[i] != "-name" && find.arguments[i] != "-iname") continue;
    named = true;
    if (FitsPart(find.arguments[i + 1], NameIn(path))) return true;
  }
  if (named) return false;
  bool anywhere = find.arguments.empty() || find.arguments[0].starts_with('-') || find.arguments[0] == ".";
  return anywhere || MatchOf(find.arguments[0], path) != Match::kNo;
}

// How one command line stands to one file.
class Looking {
 public:
  Looking(const EvidenceStep& step, const tools::ToolMeaning& meaning, std::string_view path)
      : step_(step), meaning_(meaning), path_(path) {}

  bool Shows() {
    return EachPart([&](const SimpleCommand& part) {
      return std::ranges::any_of(Operands(part), [&](const std::string& word) {
        Match match = Of(word);
        return match == Match::kFile || ((match == Match::kFolder || word == ".") && OutputNames());
      });
    });
  }

  bool MayShow() {
    if (meaning_.shell.parts.empty()) return Mentions(step_.args);
    if (RunsText() && Mentions(meaning_.command)) return true;
    bool each = HandsOn();
    return EachPart([&](const SimpleCommand& part) {
      if (part.program == "find" && each) return FindFits(part, path_);
      bool shown = std::ranges::any_of(Operands(part), [&](const std::string& word) {
        return Of(word) != Match::kNo || (word == "." && OutputNames());
      });
      return shown || Given(part);
    });
  }

 private:
  template <typename Predicate>
  bool EachPart(Predicate&& predicate) {
    folder_.clear();
    for (const SimpleCommand& part : meaning_.shell.parts) {
      if (predicate(part)) return true;
      if (part.program == "cd" && !part.arguments.empty()) folder_ = part.arguments[0] + "/";
    }
    return false;
  }

  Match Of(const std::string& word) const {
    Match here = MatchOf(word, path_);
    if (here == Match::kFile || folder_.empty() || word.starts_with('/')) return here;
    return std::max(here, MatchOf(folder_ + word, path_));
  }

  std::vector<std::string> Operands(const SimpleCommand& part) const {
    if (part.program != "for") return ShownOperands(part);
    // The names go to a variable that another command prints.
    bool prints = std::ranges::any_of(meaning_.shell.parts, [](const SimpleCommand& other) {
      return std::ranges::any_of(ShownOperands(other),
                                 [](const std::string& word) { return word.contains('$'); });
    });
    return prints ? part.arguments : std::vector<std::string>();
  }

  bool Given(const SimpleCommand& part) const {
    bool substitutes = meaning_.shell.substitution && (part.program == "echo" || part.program == "printf");
    if (TellsOnlyAbout(part.program) && !substitutes) return false;
    bool adds =
        part.program == "git" && !part.arguments.empty() &&
        (part.arguments[0] == "add" || part.arguments[0] == "commit" || part.arguments[0] == "status");
    if (adds) return false;
    auto names = [&](const std::string& word) { return Of(word) == Match::kFile || Mentions(word); };
    return std::ranges::any_of(part.arguments, names) || std::ranges::any_of(part.inputs, names);
  }

  // "python3 - <<'EOF'": the parts do not hold the text that runs.
  bool RunsText() const {
    return meaning_.command.contains("<<") &&
           std::ranges::any_of(meaning_.shell.parts,
                               [](const SimpleCommand& part) { return IsInterpreter(part.program); });
  }

  // "find ... -exec cat {} +", "find ... | xargs grep x"
  bool HandsOn() const {
    return std::ranges::any_of(meaning_.shell.parts, [](const SimpleCommand& part) {
      return (part.program == "find" || part.program == "xargs") &&
             std::ranges::any_of(part.arguments, [](const std::string& word) { return PrintsFiles(word); });
    });
  }

  bool Mentions(std::string_view text) const { return text.contains(NameIn(path_)); }
  bool OutputNames() const { return Mentions(step_.output); }

  const EvidenceStep& step_;
  const tools::ToolMeaning& meaning_;
  std::string path_, folder_;
};

tools::ToolMeaning MeaningOf(const EvidenceStep& step) {
  ToolUse tool;
  tool.name = step.tool, tool.args = step.args;
  return tools::MeaningOf(tool, "");
}

bool AnyWordFits(std::string_view args, const std::string& path) {
  return std::ranges::any_of(Split(args, '"'), [&](std::string_view word) {
    return IsPattern(word) && MatchOf(std::string(word), path) == Match::kFile;
  });
}

bool ToolMayShow(const EvidenceStep& step, const tools::ToolMeaning& meaning, const std::string& path) {
  ToolClass kind = meaning.tool_class;
  if (kind == ToolClass::kList || kind == ToolClass::kPlan || kind == ToolClass::kWrite) return false;
  if (kind == ToolClass::kEdit) {
    auto same = [&](const std::string& written) { return MatchOf(written, path) == Match::kFile; };
    return std::ranges::any_of(meaning.writes, same);
  }
  if (kind == ToolClass::kSearch) {
    std::string name = ToLower(step.tool);
    if (name.ends_with("glob") || name.ends_with("find")) return false;
    return MatchOf(meaning.path, path) != Match::kNo || step.output.contains(NameIn(path));
  }
  return step.args.contains(NameIn(path)) || AnyWordFits(step.args, path);
}

std::vector<std::string> FilesShownBy(const EvidenceStep& step, const tools::ToolMeaning& meaning) {
  if (meaning.tool_class != ToolClass::kExec) return step.reads;
  std::vector<std::string> files;
  for (const SimpleCommand& part : meaning.shell.parts) {
    for (const std::string& word : ShownOperands(part)) {
      std::string path = tools::NormalisePath(word, "");
      // The step's own reads know the session's folder.
      for (const std::string& read : step.reads) {
        if (path.ends_with("/" + read)) path = read;
      }
      if (!IsPattern(path) && path != ".") files.push_back(std::move(path));
    }
  }
  return files;
}

}  // namespace

std::vector<std::string> ShownOperands(const SimpleCommand& command) {
  // "while read x; do echo $x; done < FILE"
  constexpr auto kLoops = std::to_array<Names>({"", "read", "echo", "printf"});
  bool loop = std::ranges::find(kLoops, command.program) != kLoops.end();
  if (WritesInstead(command) || (!loop && !PrintsFiles(command.program))) return {};
  std::vector<std::string> operands = command.inputs;
  if (loop || command.program == "tr") return operands;
  std::string_view with_value = OptionsWithValue(command.program);
  bool script = TakesScript(command.program);
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    const std::string& word = command.arguments[i];
    if (word.size() > 1 && word[0] == '-') {
      bool gives = GivesScript(command.program, word);
      if (gives) script = false;
      bool takes = word.size() == 2 && with_value.contains(word[1]);
      if (takes || (gives && !word.contains('='))) ++i;
    } else if (script) {
      script = false;
    } else if (word != "-") {
      operands.push_back(word);
    }
  }
  if (operands.empty() && SearchesTree(command)) operands.emplace_back(".");
  return operands;
}

std::vector<std::string> ShownFiles(const EvidenceStep& step) { return FilesShownBy(step, MeaningOf(step)); }

bool Shows(const EvidenceStep& step, std::string_view path) {
  tools::ToolMeaning meaning = MeaningOf(step);
  if (std::ranges::count(FilesShownBy(step, meaning), path) > 0) return true;
  return meaning.tool_class == ToolClass::kExec && Looking(step, meaning, path).Shows();
}

bool MayShow(const EvidenceStep& step, std::string_view path) {
  if (step.kind == StepKind::kLlmCall) return false;
  tools::ToolMeaning meaning = MeaningOf(step);
  if (meaning.tool_class == ToolClass::kExec) return Looking(step, meaning, path).MayShow();
  return ToolMayShow(step, meaning, std::string(path));
}

}  // namespace clawtrace::distill

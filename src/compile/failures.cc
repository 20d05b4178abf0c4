#include "compile/failures.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"

namespace clawtrace::compile {
namespace {

bool IsFailed(const Step& step) {
  if (step.kind == StepKind::kLlmCall) return !step.llm.error.empty();
  return step.result.status == ToolStatus::kError || step.result.status == ToolStatus::kAborted;
}

bool Succeeded(const Step& step) {
  if (step.kind == StepKind::kLlmCall) return step.llm.error.empty();
  return step.result.status == ToolStatus::kOk;
}

bool IsName(std::string_view word) {
  constexpr size_t kMaxName = 32;
  return !word.empty() && word.size() <= kMaxName && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '+' || c == '-';
  });
}

// "bash: line 1: python: command not found", "sh: 1: python: not found", "command not found: python" (zsh),
// "python: No such file or directory" after env.
std::string MissingCommand(std::string_view text) {
  if (!Contains(text, "not found")) return {};
  for (std::string_view line : Split(text, '\n')) {
    if (size_t at = line.find("command not found: "); at != std::string_view::npos) {
      std::string_view name = Trim(line.substr(at + 19));
      if (IsName(name)) return std::string(name);
    }
    for (std::string_view ending : {": command not found", ": not found"}) {
      size_t at = line.find(ending);
      if (at == std::string_view::npos) continue;
      std::string_view before = Trim(line.substr(0, at));
      std::string_view name = Trim(before.substr(before.rfind(':') + 1));
      if (IsName(name)) return std::string(name);
    }
  }
  return {};
}

struct Sign {
  std::string_view text;
  std::string_view error_class;
};

// First sign found wins; all are looked for without regard to case, hence spelled in lower case.
constexpr auto kSigns = std::to_array<Sign>({
    {"rate limit", "rate_limit"},
    {"rate_limit", "rate_limit"},
    {"too many requests", "rate_limit"},
    {"quota", "rate_limit"},
    {"could not resolve host", "network"},
    {"connection refused", "network"},
    {"connection reset", "network"},
    {"network is unreachable", "network"},
    {"getaddrinfo", "network"},
    {"name resolution", "network"},
    {"string to replace not found", "edit_no_match"},
    {"could not find the exact text", "edit_no_match"},
    {"failed to find expected lines", "edit_no_match"},
    {"verification failed", "edit_no_match"},
    {"no match found", "edit_no_match"},
    {"0 occurrences found", "edit_no_match"},
    {"did not match", "edit_no_match"},
    {"old_string", "edit_no_match"},
    {"permission denied", "permission_denied"},
    {"operation not permitted", "permission_denied"},
    {"eacces", "permission_denied"},
    {"syntaxerror", "syntax_error"},
    {"syntax error", "syntax_error"},
    {"unexpected end of file", "syntax_error"},
    {"parse error", "syntax_error"},
    {"timed out", "timeout"},
    {"timeout", "timeout"},
    {"inputvalidationerror", "invalid_arguments"},
    {"invalid arguments", "invalid_arguments"},
    {"missing required", "invalid_arguments"},
});

// Whose file is missing: a folder on the way to a file being written, or the file itself.
std::string MissingPathClass(const ToolMeaning& meaning, std::string_view lower) {
  bool writes = meaning.tool_class == ToolClass::kWrite || !meaning.shell.writes.empty() ||
                lower.contains("not a directory") || lower.contains("cannot create") ||
                lower.contains("nonexistent directory");
  // A script that opens "out/x.csv" for writing fails in open(): the traceback's own line tells reading from
  // writing.
  for (std::string_view mode : {"'w'", "\"w\"", "'a'", "\"a\"", "'x'", "'wb'", "\"wb\"", "write_text",
                                "writeFile", "to_csv", "makedirs"}) {
    writes = writes || meaning.command.find(mode) != std::string::npos;
  }
  return writes ? "missing_directory" : "missing_file";
}

bool SameArguments(const Step& a, const Step& b) {
  return a.tool.name == b.tool.name && a.tool.args_bytes > 0 && a.tool.args_hash == b.tool.args_hash &&
         a.tool.args_bytes == b.tool.args_bytes;
}

// Words of a command line as a set, for likeness: quoting, order and whitespace do not count.
std::set<std::string> WordsOf(std::string_view command) {
  std::set<std::string> words;
  std::string word;
  for (size_t i = 0; i < command.size(); ++i) {
    char c = command[i];
    bool part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                c == '.' || c == '/' || c == '-';
    if (part) word.push_back(c);
    if ((!part || i + 1 == command.size()) && !word.empty()) words.insert(std::exchange(word, {}));
  }
  return words;
}

bool AreAlike(std::string_view a, std::string_view b) {
  std::set<std::string> wa = WordsOf(a), wb = WordsOf(b);
  if (wa.empty() || wb.empty()) return false;
  size_t common = static_cast<size_t>(
      std::count_if(wa.begin(), wa.end(), [&](const std::string& w) { return wb.contains(w); }));
  return 2 * common >= wa.size() + wb.size() - common;  // Jaccard >= 1/2
}

bool IsVariantOf(std::string_view missing, std::string_view program) {
  // python -> python3, pip -> pip3, nodejs -> node; the shorter name starts the longer one.
  if (missing == program || missing.size() < 2 || program.size() < 2) return false;
  return program.starts_with(missing) || missing.starts_with(program);
}

bool Shares(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const std::string& x) { return std::find(b.begin(), b.end(), x) != b.end(); });
}

bool Repairs(const Scene& scene, const Failure& failure, size_t later) {
  const Step &failed = scene.session.steps[failure.step], &step = scene.session.steps[later];
  if ((failed.kind == StepKind::kLlmCall) != (step.kind == StepKind::kLlmCall) || !Succeeded(step))
    return false;
  if (failed.kind == StepKind::kLlmCall) return step.llm.billed;
  if (step.result_only) return false;
  const ToolMeaning &was = scene.meanings[failure.step], &now = scene.meanings[later];
  if (SameArguments(failed, step) && ArgumentsKnown(failed, was)) return true;
  if (was.tool_class == ToolClass::kExec && now.tool_class == ToolClass::kExec) {
    constexpr std::string_view kMissing = "missing_command:";
    if (failure.error_class.starts_with(kMissing)) {
      std::string_view missing = std::string_view(failure.error_class).substr(kMissing.size());
      return std::any_of(
          now.shell.parts.begin(), now.shell.parts.end(),
          [&](const tools::SimpleCommand& part) { return IsVariantOf(missing, part.program); });
    }
    return was.shell.program() == now.shell.program() && !now.shell.program().empty() &&
           AreAlike(was.command, now.command);
  }
  // Another tool that writes what the failed one could not, or the same tool on the same file.
  if (!was.writes.empty() && Shares(was.writes, now.writes)) return true;
  return was.tool_class == now.tool_class && !was.path.empty() && was.path == now.path;
}

// Steps that went well between failure and repair and wrote something: candidates for what made the repair
// work.
void FillHelpers(const Scene& scene, Failure* failure) {
  constexpr size_t kMaxHelpers = 4;
  for (size_t i = failure->step + 1; i < *failure->repair; ++i) {
    const Step& step = scene.session.steps[i];
    if (step.kind != StepKind::kToolUse || !Succeeded(step) || step.abandoned || scene.meanings[i].read_only)
      continue;
    if (scene.meanings[i].tool_class == ToolClass::kPlan) continue;
    failure->helpers.push_back(i);
  }
  if (failure->helpers.size() > kMaxHelpers)
    failure->helpers.erase(failure->helpers.begin(), failure->helpers.end() - kMaxHelpers);
}

Failure Describe(const Scene& scene, size_t index) {
  const Step& step = scene.session.steps[index];
  Failure failure;
  failure.step = index;
  failure.error_class = ErrorClassOf(step, scene.meanings[index]);
  failure.environment = IsEnvironment(failure.error_class);
  if (step.kind == StepKind::kLlmCall)
    failure.error = FirstLine(step.llm.error);
  else
    failure.error = step.result.error.empty() ? std::string(FirstLine(step.result.output))
                                              : std::string(FirstLine(step.result.error));
  return failure;
}

}  // namespace

bool IsEnvironment(std::string_view error_class) {
  return error_class == "network" || error_class == "rate_limit" || error_class == "provider_error" ||
         error_class == "aborted";
}

std::string KnownErrorClass(std::string_view text, const ToolMeaning& meaning) {
  if (std::string name = MissingCommand(text); !name.empty()) return "missing_command:" + name;
  const std::string lower = ToLower(text);
  for (std::string_view sign : {"no such file or directory", "enoent", "not a directory",
                                "file does not exist", "file not found", "directory nonexistent"}) {
    if (Contains(lower, sign)) return MissingPathClass(meaning, lower);
  }
  for (const Sign& sign : kSigns) {
    if (Contains(lower, sign.text)) return std::string(sign.error_class);
  }
  return {};
}

std::string ErrorClassOf(const Step& step, const ToolMeaning& meaning) {
  if (step.kind == StepKind::kLlmCall) {
    bool limited =
        ContainsIgnoreCase(step.llm.error, "429") || ContainsIgnoreCase(step.llm.error, "rate limit") ||
        ContainsIgnoreCase(step.llm.error, "rate_limit") || ContainsIgnoreCase(step.llm.error, "quota");
    return limited ? "rate_limit" : "provider_error";
  }
  if (step.result.status == ToolStatus::kAborted) return "aborted";
  const std::string text = step.result.error + "\n" + step.result.output, lower = ToLower(text);
  std::string known = KnownErrorClass(text, meaning);
  if (known.starts_with("missing_command:")) return known;
  if (meaning.tool_class == ToolClass::kExec && meaning.shell.check && step.result.exit_code.value_or(0) == 1)
    return "test_failure";
  if (!known.empty()) return known;
  if (meaning.tool_class == ToolClass::kEdit && lower.contains("not found")) return "edit_no_match";
  if (meaning.shell.check) return "test_failure";
  return step.result.exit_code.value_or(0) != 0 ? "nonzero_exit" : "error";
}

namespace {

// Later steps that can repair a failure of one kind, ascending: found by what they have in common with it, so
// that not every step is looked at for every failure.
class Prospects {
 public:
  explicit Prospects(const Scene& scene) : scene_(scene) {
    const auto& steps = scene.session.steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].kind == StepKind::kLlmCall) {
        calls_.push_back(i);
        continue;
      }
      if (steps[i].result_only) continue;
      same_call_[KeyOf(steps[i].tool)].push_back(i);
      const ToolMeaning& meaning = scene.meanings[i];
      std::set<std::string> names(meaning.writes.begin(), meaning.writes.end());
      names.insert(meaning.path);
      for (const std::string& name : names) {
        if (!name.empty()) by_path_[name].push_back(i);
      }
      std::set<std::string> programs;
      for (const tools::SimpleCommand& part : meaning.shell.parts) programs.insert(part.program);
      for (const std::string& program : programs) {
        if (!program.empty()) by_program_[program.substr(0, kPrefix)].push_back(i);
      }
    }
  }

  // Those after a failed step, nearest first; at most kMost of a kind: what works only after that many others
  // is no repair.
  std::vector<size_t> After(size_t failed, std::string_view missing_command) const {
    const Step& step = scene_.session.steps[failed];
    std::vector<size_t> found;
    if (step.kind == StepKind::kLlmCall) {
      Take(&calls_, failed, &found);
      return found;
    }
    auto take = [&](const auto& index, const auto& key) {
      auto place = index.find(key);
      if (place != index.end()) Take(&place->second, failed, &found);
    };
    const ToolMeaning& meaning = scene_.meanings[failed];
    take(same_call_, KeyOf(step.tool));
    for (const std::string& path : meaning.writes) take(by_path_, path);
    take(by_path_, meaning.path);
    take(by_program_, meaning.shell.program().substr(0, kPrefix));
    take(by_program_, std::string(missing_command.substr(0, kPrefix)));
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

 private:
  static constexpr size_t kMost = 200;
  static constexpr size_t kPrefix = 2;  // variants of a program's name start alike
  using Places = std::vector<size_t>;
  using CallKey = std::tuple<std::string_view, uint64_t, int64_t>;

  static CallKey KeyOf(const ToolUse& tool) { return {tool.name, tool.args_hash, tool.args_bytes}; }
  static void Take(const Places* places, size_t after, Places* found) {
    auto next = std::upper_bound(places->begin(), places->end(), after);
    for (size_t n = 0; n < kMost && next != places->end(); ++n, ++next) found->push_back(*next);
  }

  const Scene& scene_;
  Places calls_;
  std::map<CallKey, Places> same_call_;
  std::map<std::string, Places, std::less<>> by_path_, by_program_;
};

// Fills in the unchanged retries of a failure and what repaired it.
void Follow(const Scene& scene, const Prospects& prospects, std::vector<bool>* folded, Failure* failure) {
  const auto& steps = scene.session.steps;
  const size_t i = failure->step;
  constexpr std::string_view kMissing = "missing_command:";
  std::string_view missing = failure->error_class;
  missing.remove_prefix(missing.starts_with(kMissing) ? kMissing.size() : missing.size());
  for (size_t j : prospects.After(i, missing)) {
    bool on_path = !steps[j].abandoned || steps[i].abandoned;
    bool same_call = steps[i].kind != StepKind::kLlmCall && SameArguments(steps[i], steps[j]) &&
                     ArgumentsKnown(steps[i], scene.meanings[i]);
    if (same_call && IsFailed(steps[j]) && !(*folded)[j]) {
      (*folded)[j] = true;
      failure->retries.push_back(j);
    } else if (on_path && Repairs(scene, *failure, j)) {
      failure->repair = j;
      return;
    }
  }
}

}  // namespace

std::vector<Failure> FindFailures(const Scene& scene) {
  const auto& steps = scene.session.steps;
  std::vector<Failure> failures;
  std::vector<bool> folded(steps.size(), false);
  std::optional<Prospects> prospects;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!IsFailed(steps[i]) || folded[i]) continue;
    if (!prospects) prospects.emplace(scene);
    Failure failure = Describe(scene, i);
    if (!steps[i].result_only) Follow(scene, *prospects, &folded, &failure);
    if (failure.repair) FillHelpers(scene, &failure);
    failures.push_back(std::move(failure));
  }
  return failures;
}

}  // namespace clawtrace::compile

#include "replay/control.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.h"
#include "replay/action.h"

namespace clawtrace::replay {
namespace {

using tools::SimpleCommand;
using tools::ToolClass;
using tools::ToolMeaning;

bool IsBelow(std::string_view path, std::string_view folder) {
  return folder == "." || path == folder ||
         (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}
bool Touch(std::string_view a, std::string_view b) { return IsBelow(a, b) || IsBelow(b, a); }

bool IsOneOf(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

constexpr auto kShowers = std::to_array<std::string_view>(
    {"cat",   "head",  "tail", "less", "more", "nl",      "bat",       "sed",   "awk",  "grep",
     "egrep", "fgrep", "rg",   "diff", "cmp",  "jq",      "ls",        "tree",  "find", "stat",
     "file",  "test",  "[",    "xxd",  "od",   "hexdump", "sha256sum", "md5sum"});

// "python3 -m json.tool FILE", "sh -n FILE", "node --check FILE": look at one file alone.
bool IsValidator(const SimpleCommand& part) {
  const auto& args = part.arguments;
  auto has = [&](std::string_view word) { return std::ranges::find(args, word) != args.end(); };
  if (part.program.starts_with("python"))
    return has("json.tool") || has("py_compile") || has("pyflakes") || has("ast");
  if (part.program == "sh" || part.program == "bash" || part.program == "dash") return has("-n");
  if (part.program == "node") return has("--check") || has("-c");
  return part.program == "xmllint" || part.program == "yamllint" || part.program == "shellcheck" ||
         (part.program == "php" && has("-l")) || (part.program == "ruby" && has("-c"));
}

// Their first word is what is looked for, or done.
constexpr auto kPatternFirst =
    std::to_array<std::string_view>({"grep", "egrep", "fgrep", "rg", "sed", "awk", "jq"});

bool LooksLikePath(std::string_view word) {
  if (word.empty() || word.starts_with('-') || word.starts_with('$') || word.starts_with('+')) return false;
  return word.find_first_of("|&;<>(){}*?\"'` ") == std::string_view::npos;
}

// What a check looks at: paths, or everything.
struct Target {
  bool everything = false;
  std::vector<std::string> paths;

  bool Meets(std::string_view path) const {
    return everything ||
           std::ranges::any_of(paths, [&](const std::string& target) { return Touch(target, path); });
  }
  bool Written(const Writes& writes) const {
    if (writes.unnamed) return true;
    return std::ranges::any_of(writes.paths, [&](const std::string& path) { return Meets(path); });
  }
};

Target TargetOfShell(const ToolMeaning& meaning, std::string_view cwd) {
  Target target;
  for (const SimpleCommand& part : meaning.shell.parts) {
    bool shows = IsOneOf(part.program, kShowers) || IsValidator(part) || part.program == "wc" ||
                 part.program == "sort" || part.program == "uniq" || part.program == "cut" ||
                 part.program == "tr" || part.program == "echo" || part.program == "printf" ||
                 part.program == "cd" || part.program == "true";
    if (!shows) target.everything = true;
    bool any = false, pattern = IsOneOf(part.program, kPatternFirst);
    for (const std::string& word : part.arguments) {
      if (pattern && !word.starts_with('-')) {
        pattern = false;
        continue;
      }
      if (!LooksLikePath(word) || part.program == "echo" || part.program == "printf") continue;
      target.paths.push_back(tools::NormalisePath(word, cwd)), any = true;
    }
    if (part.program == "ls" && !any) target.paths.emplace_back(".");
  }
  if (meaning.shell.substitution || meaning.shell.parts.empty()) target.everything = true;
  if (target.paths.empty()) target.everything = true;
  return target;
}

Target TargetOf(const Moment& moment, const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kExec) {
    const std::string& own = moment.step->tool.cwd;
    return TargetOfShell(meaning, own.empty() ? moment.session->info.cwd : own);
  }
  Target target;
  if (meaning.tool_class == ToolClass::kRead || meaning.tool_class == ToolClass::kList) {
    target.paths.push_back(meaning.path.empty() ? "." : meaning.path);
  } else {
    target.everything = true;
  }
  return target;
}

bool LooksAtHistory(const ToolMeaning& meaning) {
  return std::ranges::any_of(meaning.shell.parts, [](const SimpleCommand& part) {
    if (part.program != "git") return false;
    const auto& args = part.arguments;
    size_t at = 0;  // of the verb: "git -C folder -c name=value --no-pager status"
    while (at < args.size() && args[at].starts_with('-')) at += args[at] == "-C" || args[at] == "-c" ? 2 : 1;
    if (at >= args.size()) return false;
    return args[at] == "status" || args[at] == "diff" || args[at] == "show" || args[at] == "log";
  });
}

// "sh tools/test-all.sh", "./check", "python3 verify.py": scripts that are called what they are for.
bool IsNamedAsCheck(const SimpleCommand& part) {
  constexpr auto kRunScripts =
      std::to_array<std::string_view>({"sh", "bash", "dash", "zsh", "node", "perl", "ruby", "."});
  constexpr auto kNames = std::to_array<std::string_view>(
      {"test", "tests", "check", "checks", "lint", "verify", "validate", "selftest", "spec"});
  std::string_view script = part.program;
  if (IsOneOf(script, kRunScripts) || script.starts_with("python")) {
    auto first =
        std::ranges::find_if(part.arguments, [](const std::string& word) { return !word.starts_with('-'); });
    if (first == part.arguments.end()) return false;
    script = *first;
  } else if (script == "test") {
    return false;  // the shell's own
  }
  script = script.substr(script.rfind('/') + 1);
  for (size_t begin = 0; begin < script.size();) {
    size_t end = std::min(script.find_first_of("-_.", begin), script.size());
    if (IsOneOf(ToLower(script.substr(begin, end - begin)), kNames)) return true;
    begin = end + 1;
  }
  return false;
}

// Nothing but what the client itself put there.
bool SaidNothing(const Moment& moment) {
  const Step& step = *moment.step;
  if (step.result.output_bytes == 0) return true;
  const RecordedAgent& agent = AgentOf(*moment.session);
  Action action = ActionOf(agent, step.tool);
  return action.kind == ActionKind::kCommand && Trim(agent.tool_said(action, step.result.output)).empty();
}

bool OnlyMeasures(const ToolMeaning& meaning) {
  return std::ranges::any_of(meaning.shell.parts, [](const SimpleCommand& part) {
    return part.program == "wc" || part.program == "du";
  });
}

// Tools by which agents hand in their result.
bool IsEnding(std::string_view name) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"complete_task", "attempt_completion", "finish", "submit", "exit", "task_complete", "final_answer"});
  return IsOneOf(ToLower(name), kNames);
}

bool Searches(const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kSearch || meaning.tool_class == ToolClass::kList) return true;
  constexpr auto kSearchers =
      std::to_array<std::string_view>({"grep", "egrep", "fgrep", "rg", "ag", "find", "fd", "ls", "which",
                                       "type", "locate", "pgrep", "command"});
  return meaning.tool_class == ToolClass::kExec && meaning.read_only &&
         std::ranges::any_of(meaning.shell.parts, [&](const SimpleCommand& part) {
           bool git_grep =
               part.program == "git" && !part.arguments.empty() && part.arguments.front() == "grep";
           return git_grep || IsOneOf(part.program, kSearchers);
         });
}

// "No files found", "[]", silence: that there is nothing is what the agent goes on from, and leaves nothing
// that could be said again. A command line that is wrong is a failure, not an answer.
bool CameBackEmpty(const Moment& moment, const ToolMeaning& meaning) {
  const ToolResult& result = moment.step->result;
  constexpr int64_t kMostBytes = 200;
  if (!Searches(meaning) || result.output_bytes > kMostBytes || result.unchanged) return false;
  if (result.status == ToolStatus::kAborted) return false;
  bool failed = result.status == ToolStatus::kError;
  if (failed && result.exit_code.value_or(1) != 1) return false;
  std::string said = ToLower(Trim(result.output));
  // How clients show silence and the exit code of a search that found nothing.
  for (std::string_view added : {"command exited with code 1", "exit code 1", "(no output)"}) {
    if (said.ends_with(added))
      said = std::string(Trim(std::string_view(said).substr(0, said.size() - added.size())));
  }
  if (said.empty()) return failed || result.status == ToolStatus::kOk;
  constexpr auto kWords = std::to_array<std::string_view>({"[]", "{}", "null", "none", "0"});
  constexpr auto kBeginnings =
      std::to_array<std::string_view>({"no files", "no matches", "no results", "no match", "nothing found",
                                       "found 0", "0 matches", "0 results"});
  return IsOneOf(said, kWords) ||
         std::ranges::any_of(kBeginnings, [&](std::string_view words) { return said.starts_with(words); });
}

// One or two lines: whether there is such a thing at all, be its name the one that was asked for.
bool FoundLittle(const Moment& moment, const ToolMeaning& meaning) {
  const ToolResult& result = moment.step->result;
  constexpr int64_t kMostBytes = 200;
  constexpr ptrdiff_t kMostLines = 2;
  bool lists = meaning.tool_class == ToolClass::kList ||
               (meaning.tool_class == ToolClass::kExec && meaning.shell.program() == "ls");
  if (!Searches(meaning) || lists || result.status == ToolStatus::kError) return false;
  if (result.output_bytes == 0 || result.output_bytes > kMostBytes || result.unchanged) return false;
  return std::ranges::count(Trim(result.output), '\n') < kMostLines;
}

bool LooksAtEnvironment(const ToolMeaning& meaning) {
  return meaning.read_only && std::ranges::any_of(meaning.shell.parts, [](const SimpleCommand& part) {
           if (part.program == "env" || part.program == "printenv") return true;
           return part.program == "echo" && std::ranges::any_of(part.arguments, [](const std::string& word) {
                    return word.contains('$');
                  });
         });
}

// Is it a check whatever was written before?
std::string CheckByNature(const Moment& moment, const ToolMeaning& meaning, const Writes& writes) {
  const std::string& name = moment.step->tool.name;
  if (ToLower(name) == "exitplanmode") return "the user's leave";
  bool handles_agents = ToLower(name).contains("agent") && meaning.tool_class == ToolClass::kOther;
  if (moment.step->kind == StepKind::kSubagentSpawn || handles_agents) return "sub-agent";
  if (IsEnding(name)) return "the end of the work";
  // Looked up one by one, what is not it is ruled out without a word; sums come back in another form.
  if (meaning.tool_class == ToolClass::kOther && meaning.read_only) return "an answer of a tool of its own";
  if (CameBackEmpty(moment, meaning)) return "a search that found nothing";
  if (FoundLittle(moment, meaning)) return "a search that found little";
  if (meaning.tool_class != ToolClass::kExec) return {};
  if (meaning.shell.check) return "test or build";
  if (LooksAtHistory(meaning)) return "status or diff";
  if (std::ranges::any_of(meaning.shell.parts, IsValidator)) return "validation";
  if (std::ranges::any_of(meaning.shell.parts, IsNamedAsCheck)) return "test by its name";
  if (LooksAtEnvironment(meaning)) return "a look at the environment";
  // It wrote nothing, as far as is known, and said nothing: all it gave was whether it went well.
  bool wrote = writes.may && !writes.unnamed;
  bool silent = !wrote && moment.step->result.status != ToolStatus::kUnknown && SaidNothing(moment);
  bool only_moves = std::ranges::all_of(meaning.shell.parts, [](const SimpleCommand& part) {
    return part.program == "cd" || part.program == "true" || part.program == ":";
  });
  if (silent && !meaning.shell.mutates && !only_moves) return "exit status";
  return {};
}

// Does it show what can have been written before? Measuring is not checking.
bool Shows(const ToolMeaning& meaning) {
  switch (meaning.tool_class) {
    case ToolClass::kRead:
    case ToolClass::kList:
    case ToolClass::kSearch:
      return true;
    case ToolClass::kExec:
      return meaning.read_only && !OnlyMeasures(meaning) &&
             std::ranges::any_of(meaning.shell.parts,
                                 [](const SimpleCommand& part) { return IsOneOf(part.program, kShowers); });
    case ToolClass::kFetch:
    case ToolClass::kWrite:
    case ToolClass::kEdit:
    case ToolClass::kPlan:
    case ToolClass::kSpawn:
    case ToolClass::kOther:
      return false;
  }
  return false;
}

// A program that nothing is known of but that it wrote nothing, and was not to: it was run for what it told.
bool RanAndWroteNothing(const ToolMeaning& meaning, const Target& target, const Writes& writes) {
  return meaning.tool_class == ToolClass::kExec && !meaning.read_only && !meaning.shell.mutates &&
         !writes.may && target.everything;
}

// Equal calls: the same tool with the same arguments, but for what only describes them.
std::string CallKey(const Moment& moment, const ToolMeaning& meaning) {
  std::string key = moment.step->tool.name + "\n" + moment.step->tool.cwd + "\n";
  return key + (meaning.tool_class == ToolClass::kExec ? meaning.command : moment.step->tool.args);
}

std::string WithoutDurations(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    bool digit = text[i] >= '0' && text[i] <= '9';
    if (!digit) {
      out += text[i++];
      continue;
    }
    size_t end = i;
    bool point = false, colon = false;
    while (end < text.size() &&
           ((text[end] >= '0' && text[end] <= '9') || text[end] == '.' || text[end] == ':'))
      point |= text[end] == '.', colon |= text[end] == ':', ++end;
    std::string_view unit = text.substr(end, 3);
    bool seconds = unit.starts_with("s") || unit.starts_with("ms") || unit.starts_with(" s") || unit == " ms";
    bool clock = colon && end - i >= 7;
    if ((point && seconds) || clock || (seconds && unit.starts_with("ms")))
      out += '#';
    else
      out.append(text.substr(i, end - i));
    i = end;
  }
  return out;
}

}  // namespace

bool ShowsFiles(const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kRead) return true;
  constexpr auto kReaders =
      std::to_array<std::string_view>({"cat", "head", "tail", "less", "more", "nl", "bat", "sed"});
  return meaning.tool_class == ToolClass::kExec && !OnlyMeasures(meaning) &&
         IsOneOf(meaning.shell.program(), kReaders);
}

bool FoundNothing(const Moment& moment, const ToolMeaning& meaning) {
  constexpr auto kAnswering =
      std::to_array<std::string_view>({"grep", "egrep", "fgrep", "rg", "diff", "cmp", "test", "["});
  const Step& step = *moment.step;
  bool one = meaning.tool_class == ToolClass::kExec && meaning.read_only && meaning.shell.parts.size() == 1;
  if (!one || step.result.status != ToolStatus::kError || step.result.exit_code.value_or(1) != 1)
    return false;
  const std::string& program = meaning.shell.parts.front().program;
  return IsOneOf(program, kAnswering) && (SaidNothing(moment) || program == "diff" || program == "cmp");
}

bool SameAnswer(const ToolResult& a, const ToolResult& b) {
  if (a.status != b.status || a.exit_code != b.exit_code) return false;
  if (b.unchanged) return true;
  if (a.output_bytes == b.output_bytes && a.output_hash == b.output_hash) return true;
  bool whole = a.output_bytes == std::ssize(a.output) && b.output_bytes == std::ssize(b.output);
  return whole && WithoutDurations(a.output) == WithoutDurations(b.output);
}

std::vector<Writes> NamedWrites(std::span<const Moment> timeline, std::span<const ToolMeaning> meanings) {
  std::vector<Writes> writes(timeline.size());
  for (size_t i = 0; i < timeline.size(); ++i) {
    const Step& step = *timeline[i].step;
    const ToolMeaning& meaning = meanings[i];
    if (step.kind == StepKind::kLlmCall || meaning.read_only) continue;
    bool failed = step.result.status == ToolStatus::kError;
    if (failed && !meaning.writes_unknown) continue;
    writes[i] = {.may = true, .unnamed = meaning.writes_unknown, .paths = meaning.writes};
    // A sub-agent's writes are its own steps'.
    if (step.kind == StepKind::kSubagentSpawn && !step.children.empty()) writes[i] = {};
  }
  return writes;
}

namespace {

// Goes through the steps in order and remembers what was written and asked so far.
class ControlFinder {
 public:
  ControlFinder(std::span<const Moment> timeline, std::span<const ToolMeaning> meanings,
                std::span<const Writes> writes)
      : timeline_(timeline), meanings_(meanings), writes_(writes) {}

  Control Next(size_t i) {
    const ToolMeaning& meaning = meanings_[i];
    Target target = TargetOf(timeline_[i], meaning);
    std::string key = CallKey(timeline_[i], meaning);
    std::optional<size_t> equal = EqualBefore(key, i);
    Control control;
    control.what = CheckByNature(timeline_[i], meaning, writes_[i]);
    bool looks = Shows(meaning) || RanAndWroteNothing(meaning, target, writes_[i]);
    if (!control.is_check() && looks) control.what = WhatItLooksAt(target, equal.has_value());
    if (control.is_check() && equal && !Written(target, *equal, i)) control.repeats = equal;
    latest_[key] = i;
    if (writes_[i].unnamed) last_unnamed_ = i;
    written_.insert(writes_[i].paths.begin(), writes_[i].paths.end());
    return control;
  }

 private:
  std::optional<size_t> EqualBefore(const std::string& key, size_t i) const {
    auto before = latest_.find(key);
    if (before == latest_.end()) return std::nullopt;
    bool same = SameAnswer(timeline_[before->second].step->result, timeline_[i].step->result);
    return same ? std::optional(before->second) : std::nullopt;
  }

  std::string WhatItLooksAt(const Target& target, bool said_before) const {
    std::string what;
    for (const std::string& path : written_) {
      if (target.Meets(path)) what = "read-back of " + path;
    }
    // What may have been written without being named, unless an equal look before it saw the same.
    if (what.empty() && last_unnamed_ && !said_before)
      what = "look after " + timeline_[*last_unnamed_].id + ", which may have written anything";
    return what;
  }

  bool Written(const Target& target, size_t from, size_t to) const {
    for (size_t w = from + 1; w < to; ++w) {
      if (writes_[w].may && target.Written(writes_[w])) return true;
    }
    return false;
  }

  std::span<const Moment> timeline_;
  std::span<const ToolMeaning> meanings_;
  std::span<const Writes> writes_;
  std::map<std::string, size_t> latest_;  // by call: the last equal one
  std::optional<size_t> last_unnamed_;    // last step that may have written anything
  std::set<std::string> written_;
};

}  // namespace

std::vector<Control> ControlsOf(std::span<const Moment> timeline, std::span<const ToolMeaning> meanings,
                                std::span<const Writes> writes) {
  std::vector<Control> controls(timeline.size());
  ControlFinder finder(timeline, meanings, writes);
  for (size_t i = 0; i < timeline.size(); ++i) {
    if (timeline[i].step->kind != StepKind::kLlmCall) controls[i] = finder.Next(i);
  }
  return controls;
}

namespace {
bool MadeItsFile(const Moment& moment) {
  return moment.step->result.output.starts_with("File created successfully");
}
}  // namespace

std::vector<std::vector<size_t>> DemandsOf(std::span<const Moment> timeline,
                                           std::span<const ToolMeaning> meanings) {
  std::vector<std::vector<size_t>> demands(timeline.size());
  std::map<std::pair<const Session*, std::string>, std::vector<size_t>> seen;
  for (size_t i = 0; i < timeline.size(); ++i) {
    const Step& step = *timeline[i].step;
    const std::string& agent = timeline[i].session->info.agent;
    bool strict = agent == "claude-code" || agent == "opencode";
    if (step.kind == StepKind::kLlmCall || !strict || step.result.status == ToolStatus::kError) continue;
    const ToolMeaning& meaning = meanings[i];
    bool file_tool = meaning.tool_class == ToolClass::kRead || meaning.tool_class == ToolClass::kEdit ||
                     meaning.tool_class == ToolClass::kWrite;
    if (!file_tool || meaning.path.empty()) continue;
    std::vector<size_t>& before = seen[{timeline[i].session, meaning.path}];
    // Without the write that made it, a file is not there, and writing it anew demands nothing.
    bool anew =
        meaning.tool_class == ToolClass::kWrite && !before.empty() && MadeItsFile(timeline[before[0]]);
    if (meaning.tool_class != ToolClass::kRead && !anew) demands[i] = before;
    before.push_back(i);
  }
  return demands;
}

}  // namespace clawtrace::replay

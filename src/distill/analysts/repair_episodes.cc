// Repair episodes: a step failed, a later step of the same session did what it could not. The kind of failure
// and the difference between the two make the rule. Needs no outcome; failures of the environment and flaky
// ones teach nothing.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "distill/distill.h"
#include "distill/evidence.h"
#include "distill/lexicon.h"

namespace clawtrace::distill {
namespace {

// Of one mistake. Where it can be repaired in several ways, and being told of any of them would have
// prevented it, all of them speak for one lesson: how often a mistake recurs must not depend on how it was
// mended.
struct Lesson {
  std::string key, rule;
  std::string way;  // "" = the rule says it all; else the rule ends with the ways that were seen
};

// Arguments of one call as far as cards keep them: long ones are cut and then no longer JSON.
struct Call {
  std::string raw;
  bool whole = false;        // raw is complete
  std::string command;       // of a shell tool
  std::string path;          // of a file tool
  bool writes_file = false;  // a file-writing tool's call
  std::string limit_key;     // names time_limit: its unit may be part of the name
  std::optional<int64_t> time_limit;
  std::vector<Command> commands;

  bool Runs(std::string_view program) const {
    return std::any_of(commands.begin(), commands.end(),
                       [&](const Command& c) { return c.program() == program; });
  }
  bool Does(std::string_view action) const {
    return std::any_of(commands.begin(), commands.end(),
                       [&](const Command& c) { return ActionOf(c) == action; });
  }
};

std::string CommandIn(Json args) {
  for (std::string_view key : {"command", "cmd", "script"}) {
    Json value = args[key];
    if (auto text = value.string()) return std::string(*text);
    if (!value.is_array()) continue;
    std::string joined, last;
    value.ForEachItem(
        [&](Json word) { last = std::string(word.text()), joined += (joined.empty() ? "" : " ") + last; });
    // ["bash", "-lc", "real command"]
    bool shell = value.size() == 3 && (value.at(1).text() == "-lc" || value.at(1).text() == "-c");
    return shell ? last : joined;
  }
  return {};
}

Call ReadCall(const std::string& raw) {
  Call call;
  call.raw = raw;
  JsonParser parser;
  auto args = parser.Parse(raw);
  call.whole = args && args->is_object();
  if (call.whole) {
    call.command = CommandIn(*args);
    for (std::string_view key : {"path", "file_path", "filePath", "absolute_path", "filename", "file"}) {
      if (call.path.empty()) call.path = std::string((*args)[key].text());
    }
    call.writes_file =
        !call.path.empty() && ((*args)["content"] || (*args)["contents"] || (*args)["file_text"]);
    args->ForEachField([&](std::string_view key, Json value) {
      if (!ContainsIgnoreCase(key, "timeout") || call.time_limit) return;
      call.time_limit = value.integer(), call.limit_key = key;
    });
  } else if (!raw.starts_with('{')) {
    call.command = raw;  // a helper's command line
  } else {
    // Keys are sorted and only contents are long, so a cut call still shows that it had one.
    call.writes_file = raw.starts_with("{\"content\":") || (raw.find("\"content\":") != std::string::npos &&
                                                            raw.find("path\":") != std::string::npos);
  }
  call.commands = SplitCommand(call.command);
  return call;
}

struct Episode {
  const FailedStep& step;
  std::optional<int64_t> failed_after_ms;
  Call failed, repair;
  std::vector<Call> helpers;

  bool SameCall() const { return failed.raw == repair.raw; }
  // The repair, or a step on the way to it, did what the failed call did not.
  bool Added(std::string_view action) const {
    if (failed.Does(action)) return false;
    return repair.Does(action) ||
           std::any_of(helpers.begin(), helpers.end(), [&](const Call& h) { return h.Does(action); });
  }
};

bool AreVariants(std::string_view a, std::string_view b) {
  return a != b && a.size() >= 2 && b.size() >= 2 && (a.starts_with(b) || b.starts_with(a));
}

std::optional<Lesson> MissingCommand(const Episode& episode) {
  constexpr std::string_view kPrefix = "missing_command:";
  std::string missing = episode.step.error_class.substr(kPrefix.size());
  if (!IsPlainName(missing)) return std::nullopt;
  // Another spelling of the name first, any other program that the list knows after that.
  for (bool spelling : {true, false}) {
    for (const Command& command : episode.repair.commands) {
      std::string_view program = command.program();
      if (program == missing || episode.failed.Runs(program) || !IsPlainName(program)) continue;
      bool replaces =
          spelling ? AreVariants(missing, program) : IsKnownProgram(missing) && IsKnownProgram(program);
      if (!replaces) continue;
      return Lesson{fmt::format("missing_command:{}>{}", missing, program),
                    fmt::format("Use `{}` instead of `{}`, which is not installed in these workspaces.",
                                program, missing)};
    }
  }
  for (std::string_view action : {"pip install <package>", "pip3 install <package>", "npm install", "npm ci",
                                  "apt-get install <package>", "cargo install <package>",
                                  "gem install <package>", "brew install <package>"}) {
    if (!episode.Added(action)) continue;
    return Lesson{fmt::format("missing_command:{}>install", missing),
                  fmt::format("Install `{}` before its first use", missing), fmt::format("`{}`", action)};
  }
  return std::nullopt;
}

constexpr std::string_view kMake = "mkdir -p <dir>";

Lesson MakeTheFolder(std::string way) {
  return {"missing_directory>mkdir", "Create the output folder before writing into it", std::move(way)};
}

// Nothing but folders was made before the same worked: they were what was missing, whatever the error said,
// in whatever language.
bool OnlyMadeFolders(const Episode& episode) {
  std::vector<Command> between;
  for (const Call& helper : episode.helpers) {
    if (helper.commands.empty()) return false;
    between.insert(between.end(), helper.commands.begin(), helper.commands.end());
  }
  if (!episode.SameCall()) {
    std::string_view before = episode.repair.command;
    if (episode.failed.command.empty() || !before.ends_with(episode.failed.command)) return false;
    before.remove_suffix(episode.failed.command.size());
    for (Command& command : SplitCommand(before)) between.push_back(std::move(command));
  }
  auto makes = [](const Command& command) { return ActionOf(command) == kMake; };
  return std::ranges::any_of(between, makes) && std::ranges::all_of(between, [&](const Command& command) {
           return makes(command) || command.program() == "cd";
         });
}

std::optional<Lesson> MissingDirectory(const Episode& episode) {
  // Parents that are missing need -p.
  auto with_parents = [](const Call& call) {
    return std::any_of(call.commands.begin(), call.commands.end(), [](const Command& c) {
      return c.program() == "mkdir" && c.word(1).starts_with("-p");
    });
  };
  bool made = episode.Added(kMake) || (with_parents(episode.repair) && !with_parents(episode.failed));
  for (std::string_view call : {"makedirs", "mkdir("}) {
    made = made || (episode.repair.raw.find(call) != std::string::npos &&
                    episode.failed.raw.find(call) == std::string::npos);
  }
  if (made) return MakeTheFolder(fmt::format("`{}`", kMake));
  if (episode.repair.writes_file && !episode.failed.writes_file)
    return MakeTheFolder("use the file-writing tool, which creates it");
  return std::nullopt;
}

std::optional<Lesson> MissingFile(const Episode& episode) {
  if (episode.SameCall()) {
    return Lesson{
        "missing_file>produce",
        "Produce a file before the step that uses it: check the order of steps that depend on each other."};
  }
  if (episode.Added("cd <dir>")) {
    return Lesson{"missing_file>cd",
                  "Run a command from the folder that its relative paths start from: `cd <dir>` first, or "
                  "give the full path."};
  }
  if (episode.failed.whole && episode.repair.whole) {
    return Lesson{
        "missing_file>path",
        "Look a path up before using it: list the folder or search for the name instead of guessing."};
  }
  return std::nullopt;
}

std::optional<Lesson> EditNoMatch(const Episode& episode) {
  if (episode.SameCall()) return std::nullopt;
  return Lesson{"edit_no_match>exact_text",
                "Copy the text to be replaced exactly from the file, white space included, and read the "
                "place again if it may have changed: an edit whose old "
                "text does not match fails."};
}

std::optional<Lesson> PermissionDenied(const Episode& episode) {
  constexpr std::string_view kAllow = "chmod +x <file>";
  auto lesson = [](std::string way) {
    return Lesson{"permission_denied>chmod",
                  "Make a script executable before running it, or run it through its interpreter",
                  std::move(way)};
  };
  if (episode.Added(kAllow)) return lesson(fmt::format("`{}`", kAllow));
  bool ran_path =
      std::any_of(episode.failed.commands.begin(), episode.failed.commands.end(),
                  [](const Command& c) { return c.program().find('/') != std::string_view::npos; });
  for (const Command& command : episode.repair.commands) {
    if (!ran_path || !IsInterpreter(command.program()) || episode.failed.Runs(command.program())) continue;
    return lesson(fmt::format("`{} <file>`", command.program()));
  }
  return std::nullopt;
}

std::optional<Lesson> InvalidArguments(const Episode& episode) {
  if (episode.SameCall()) return std::nullopt;
  return Lesson{"invalid_arguments>complete",
                "Give a tool every argument that its description requires, in the types it names: a call "
                "with invalid arguments is lost."};
}

// Without a limit of its own the failed call had some default. Whether the repair's is in seconds or
// milliseconds is not known: a number above the milliseconds after which the call was given up is longer in
// both.
bool HasLongerLimit(const Episode& episode) {
  const Call &failed = episode.failed, &repair = episode.repair;
  if (!repair.time_limit) return false;
  if (failed.time_limit)
    return failed.limit_key == repair.limit_key && *repair.time_limit > *failed.time_limit;
  return failed.whole && episode.failed_after_ms && *repair.time_limit > *episode.failed_after_ms;
}

std::optional<Lesson> Timeout(const Episode& episode) {
  if (!HasLongerLimit(episode)) return std::nullopt;
  return Lesson{"timeout>longer",
                "Give a command that is known to take long a larger time limit on its first call."};
}

// The very same call worked after something was changed.
std::optional<Lesson> FixedInBetween(const Episode& episode) {
  if (!episode.SameCall()) return std::nullopt;
  return Lesson{"rerun_after_fix",
                "When a command or check fails, correct what its output names, then run the same command "
                "again: it is the proof of the correction."};
}

std::optional<Lesson> LessonOf(const Episode& episode) {
  std::string_view error = episode.step.error_class;
  if (error.starts_with("missing_command:")) return MissingCommand(episode);
  if (error == "missing_directory") return MissingDirectory(episode);
  bool unclear = error == "missing_file" || error == "nonzero_exit" || error == "error";
  if (unclear && OnlyMadeFolders(episode)) return MakeTheFolder(fmt::format("`{}`", kMake));
  if (error == "missing_file") return MissingFile(episode);
  if (error == "edit_no_match") return EditNoMatch(episode);
  if (error == "permission_denied") return PermissionDenied(episode);
  if (error == "invalid_arguments") return InvalidArguments(episode);
  if (error == "timeout") return Timeout(episode);
  if (error == "test_failure" || error == "syntax_error" || error == "nonzero_exit")
    return FixedInBetween(episode);
  return std::nullopt;
}

bool IsEnvironment(const FailedStep& step) {
  constexpr auto kClasses =
      std::to_array<std::string_view>({"network", "rate_limit", "quota", "provider_error", "aborted"});
  return step.kind == "environment" || step.tool.empty() ||
         std::find(kClasses.begin(), kClasses.end(), step.error_class) != kClasses.end();
}

// The same call worked later although nothing had been written: it would have worked without any lesson.
// Calls too long to be kept whole cannot be told apart, so they count as the same when what is kept is.
bool IsFlaky(const Episode& episode) { return episode.SameCall() && episode.helpers.empty(); }

struct Learnt {
  std::string rule;
  std::map<std::string, std::set<std::string_view>> ways;  // tasks in which each was seen
  Evidence evidence;

  void Add(const Lesson& lesson, const EvidenceSession& session) {
    rule = lesson.rule;
    if (!lesson.way.empty()) ways[lesson.way].insert(session.task);
  }

  // "Install `rg` before its first use: `apt-get install <package>`, or `cargo install <package>`."
  std::string Rule() const {
    std::string text = rule;
    size_t number = 0;
    for (const auto& [way, tasks] : ways) {
      ++number;
      text += number == 1 ? ": " : number == ways.size() ? ", or " : ", ";
      text += way;
    }
    return ways.empty() ? text : text + ".";
  }

  // " (2 tasks: `mkdir -p <dir>`; 1 task: ...)", "" of a single way.
  std::string Ways() const {
    if (ways.size() < 2) return "";
    std::string text;
    for (const auto& [way, tasks] : ways)
      text += fmt::format("{}{} task{}: {}", text.empty() ? " (" : "; ", tasks.size(),
                          tasks.size() == 1 ? "" : "s", way);
    return text + ")";
  }
};
using Found = std::map<std::string, Learnt>;  // by key

std::vector<PatchStep> StepsOf(const EvidenceSession& session, const FailedStep& failed) {
  std::vector<PatchStep> steps = {
      {session.card.session_id, failed.call_id, failed.step, session.card.source_hash}};
  if (!failed.repaired_by.empty())
    steps.push_back(
        {session.card.session_id, failed.repair_call_id, failed.repaired_by, session.card.source_hash});
  return steps;
}

// Without the failed step and its retries the session would have cost so much less.
std::optional<Usd> SavedBy(const EvidenceSession& session, const FailedStep& failed) {
  auto saving = std::ranges::find(session.failures, failed.step, &FailureSaving::step);
  return saving == session.failures.end() ? std::nullopt : saving->saved_usd;
}

// A failed call was made again unchanged and failed again: its own lesson, whatever the failure was and
// whether or not it was repaired.
void AddRetries(const EvidenceSession& session, const FailedStep& failed, Found* found) {
  for (const RedundantGroup& group : session.card.redundant_tool_calls) {
    bool belongs =
        group.reason == "retry_unchanged" &&
        std::any_of(group.steps.begin(), group.steps.end(), [&](const std::string& step) {
          return std::find(failed.retries.begin(), failed.retries.end(), step) != failed.retries.end();
        });
    if (!belongs) continue;
    std::vector<PatchStep> steps = StepsOf(session, failed);
    for (const std::string& retry : group.steps) {
      if (const EvidenceStep* step = FindStep(session, retry)) steps.push_back(StepOf(session, *step));
    }
    Learnt& learnt = (*found)["retry_unchanged"];
    learnt.rule =
        "Do not repeat a failed call unchanged: read its error, change the call or its cause, then try "
        "again.";
    auto saving = std::ranges::find(session.failures, failed.step, &FailureSaving::step);
    learnt.evidence.Add(session, steps,
                        saving == session.failures.end() ? std::nullopt : saving->retries_usd);
  }
}

// The longest time that the text names, "after 2m 0.0s": 120000; nullopt when it names none.
std::optional<int64_t> StatedMs(std::string_view text) {
  struct Unit {
    std::string_view name;
    int64_t ms;
  };
  constexpr int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kMostUnits = 1'000'000;
  // Of several that fit the first, so longer names come first.
  constexpr auto kUnits =
      std::to_array<Unit>({{"ms", 1}, {"milli", 1}, {"m", kMinute}, {"s", kSecond}, {"h", kHour}});
  std::optional<int64_t> longest;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    auto number = ParseInt(text.substr(at, end - at));
    at = end + 1;
    if (!number || *number > kMostUnits) continue;
    std::string_view rest = text.substr(end);
    rest = rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
    auto unit = std::ranges::find_if(kUnits, [&](const Unit& u) { return rest.starts_with(u.name); });
    if (unit != kUnits.end()) longest = std::max(longest.value_or(0), *number * unit->ms);
  }
  return longest;
}

// How long the call had: as recorded, or as its error says.
std::optional<int64_t> GivenUpAfterMs(const EvidenceSession& session, const FailedStep& failed) {
  auto step = std::ranges::find(session.card.steps, failed.step, &CardStep::id);
  auto recorded = step == session.card.steps.end() ? std::nullopt : step->duration_ms;
  return std::max(recorded, StatedMs(failed.error));
}

// Every task in which a failure of the kind was met could have shown how it is repaired.
void Expose(const EvidenceBase& base, Found* found) {
  for (auto& [key, learnt] : *found) {
    std::string_view kind = std::string_view(key).substr(0, key.find('>'));
    for (const EvidenceSession& session : base.sessions) {
      bool met = std::ranges::any_of(session.card.failed_or_repaired_steps, [&](const FailedStep& failed) {
        return !IsEnvironment(failed) && (failed.error_class == kind || kind == "retry_unchanged");
      });
      if (met) learnt.evidence.Expose(session);
    }
  }
}

constexpr std::string_view kWithout = ">none";

// A command that is not there and that the session went on without: nothing says what to use instead.
std::optional<Lesson> WentWithout(const FailedStep& failed) {
  constexpr std::string_view kPrefix = "missing_command:";
  std::string_view error = failed.error_class;
  if (!error.starts_with(kPrefix)) return std::nullopt;
  std::string missing(error.substr(kPrefix.size()));
  if (!IsPlainName(missing)) return std::nullopt;
  return Lesson{fmt::format("missing_command:{}{}", missing, kWithout),
                fmt::format("Do not call `{}`: it is not installed in these workspaces.", missing),
                {}};
}

std::optional<Lesson> RepairOf(const EvidenceSession& session, const FailedStep& failed) {
  Episode episode{failed, {}, ReadCall(failed.args), ReadCall(failed.repair_args), {}};
  if (failed.error_class == "timeout") episode.failed_after_ms = GivenUpAfterMs(session, failed);
  for (const std::string& helper : failed.helpers) episode.helpers.push_back(ReadCall(helper));
  return IsFlaky(episode) ? std::nullopt : LessonOf(episode);
}

// A session that had it from the start: then it is missing in some workspaces only.
bool IsThereFor(const EvidenceSession& session, std::string_view mistake) {
  std::string_view command = mistake.substr(mistake.find(':') + 1);
  for (const EvidenceStep& step : session.steps) {
    if (step.error_class == mistake) return false;
    if (step.status == ToolStatus::kOk && ReadCall(step.args).Runs(command)) return true;
  }
  return false;
}

// What others used instead says more.
void KeepBestAdvice(const EvidenceBase& base, Found* found) {
  std::erase_if(*found, [&](const auto& entry) {
    std::string_view key = entry.first;
    if (!key.ends_with(kWithout)) return false;
    std::string_view mistake = key.substr(0, key.rfind('>'));
    auto has_it = [&](const EvidenceSession& session) { return IsThereFor(session, mistake); };
    auto says_more = [&](const auto& other) {
      return other.first != key && other.first.starts_with(key.substr(0, mistake.size() + 1)) &&
             other.second.evidence.tasks() >= std::min<size_t>(2, entry.second.evidence.tasks());
    };
    return std::ranges::any_of(base.sessions, has_it) || std::ranges::any_of(*found, says_more);
  });
}

Found Learn(const EvidenceBase& base) {
  Found found;
  for (const EvidenceSession& session : base.sessions) {
    for (const FailedStep& failed : session.card.failed_or_repaired_steps) {
      if (IsEnvironment(failed)) continue;
      AddRetries(session, failed, &found);
      auto lesson = failed.repaired_by.empty() ? WentWithout(failed) : RepairOf(session, failed);
      if (!lesson) continue;
      Learnt& learnt = found[lesson->key];
      learnt.Add(*lesson, session);
      learnt.evidence.Add(session, StepsOf(session, failed), SavedBy(session, failed));
    }
  }
  KeepBestAdvice(base, &found);
  Expose(base, &found);
  return found;
}

Patch PatchOf(const std::string& key, const Learnt& learnt) {
  std::string what =
      "the same call was made again after it had failed, nothing had changed, and it failed again. Without "
      "the repeats nothing would have been lost.";
  if (key.ends_with(kWithout))
    what =
        "the command failed, and the session went on without it. Had it not been called, nothing would have "
        "been lost.";
  else if (key != "retry_unchanged")
    what = fmt::format(
        "the failure was repaired in the same session in {} the rule names{}. Had it been done so at once, "
        "the failed calls would probably not have been made.",
        learnt.ways.size() > 1 ? "one of the ways" : "the way", learnt.Ways());
  const Evidence& evidence = learnt.evidence;
  return evidence.ToPatch(
      {.kind = PatchKind::kRepair,
       .key = key,
       .rule = learnt.Rule(),
       .section = std::string(kKnownFailures),
       .counterfactual = fmt::format("Seen {}: {} Structural evidence only; not replayed.{}",
                                     evidence.Count(), what, evidence.CostNote()),
       .producer = "repair-episodes/2",
       .signature = fmt::format("episode:{}", key)});
}

std::vector<Patch> Propose(const EvidenceBase& base) {
  std::vector<Patch> patches;
  for (const auto& [key, learnt] : Learn(base)) patches.push_back(PatchOf(key, learnt));
  return patches;
}

}  // namespace

extern const Analyst kRepairEpisodes;
const Analyst kRepairEpisodes = {
    .name = "repair-episodes",
    .summary =
        "failures that were repaired in the same session, by kind of failure and what made the difference",
    .propose = Propose,
};

}  // namespace clawtrace::distill

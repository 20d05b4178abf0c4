#include "replay/execute.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "replay/action.h"
#include "replay/edits.h"
#include "replay/normalise.h"
#include "replay/paths.h"

namespace clawtrace::replay {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

// The files that a file tool changes, put together before any is written.
class Draft {
 public:
  Draft(Workplace& place, const Paths& paths) : place_(place), paths_(paths) {}

  Result<std::string> Read(const std::string& inside) {
    if (auto it = files_.find(inside); it != files_.end()) {
      if (!it->second) return Fail(ErrorCode::kNotFound, "no such file: " + inside);
      return *it->second;
    }
    return place_.ReadFile(paths_.ForTools(inside));
  }
  void Write(const std::string& inside, std::string text) { files_[inside] = std::move(text); }
  void Remove(const std::string& inside) { files_[inside] = std::nullopt; }

  Status Save() {
    for (const auto& [inside, text] : files_) {
      std::string path = paths_.ForTools(inside);
      if (text)
        CT_RETURN_IF_ERROR(place_.WriteFile(path, *text));
      else
        CT_RETURN_IF_ERROR(place_.RemoveFile(path));
    }
    return {};
  }
  // What the one written file holds now.
  std::string_view Text() const {
    return files_.size() == 1 && files_.begin()->second ? *files_.begin()->second : std::string_view();
  }

 private:
  Workplace& place_;
  const Paths& paths_;
  std::map<std::string, std::optional<std::string>> files_;
};

Status ApplyPatch(const std::string& envelope, const Paths& paths, const std::string& cwd, Draft* draft) {
  auto files = ParsePatch(envelope);
  if (!files) return std::unexpected(files.error());
  for (const PatchFile& file : *files) {
    std::string path = paths.Inside(file.path, cwd);
    if (file.what == PatchFile::What::kAdd) {
      draft->Write(path, file.text);
      continue;
    }
    auto text = draft->Read(path);
    if (!text) return std::unexpected(text.error());
    if (file.what == PatchFile::What::kDelete) {
      draft->Remove(path);
      continue;
    }
    auto changed = ApplyChunks(*text, file.chunks);
    if (!changed) return std::unexpected(changed.error());
    if (!file.move_to.empty()) draft->Remove(path), path = paths.Inside(file.move_to, cwd);
    draft->Write(path, *std::move(changed));
  }
  return {};
}

std::string LinesOf(std::string_view text, const Action& action) {
  if (action.first_line == 1 && !action.lines) return std::string(text);
  std::string out;
  int64_t number = 0;
  for (std::string_view line : Split(text, '\n')) {
    if (++number < action.first_line) continue;
    if (action.lines && number - action.first_line >= *action.lines) break;
    out.append(line).append("\n");
  }
  return out;
}

bool IsText(std::string_view bytes) { return !bytes.contains('\0') && IsValidUtf8(bytes); }

// The client itself said no, before the tool did anything: nothing in the workspace decides that.
bool IsRefusal(const RecordedAgent& agent, const ToolResult& result) {
  constexpr size_t kNear = 300;
  if (result.status != ToolStatus::kError && result.status != ToolStatus::kAborted) return false;
  if (result.exit_code) return false;
  std::string_view start = std::string_view(result.output).substr(0, kNear);
  return std::ranges::any_of(agent.refusals, [&](std::string_view mark) { return Contains(start, mark); });
}

// grep that finds nothing and the like end with 1, which some clients do not call a failure.
bool IsNoFinding(const std::string& command, int exit_code) {
  if (exit_code != 1) return false;
  size_t last = command.find_last_of("|;&\n");
  std::string_view word = Trim(std::string_view(command).substr(last == std::string::npos ? 0 : last + 1));
  word = word.substr(0, word.find(' '));
  for (std::string_view program : {"grep", "egrep", "fgrep", "rg", "find", "diff", "test", "["}) {
    if (word == program) return true;
  }
  return false;
}

std::string OneLine(std::string_view text) { return std::string(PrefixUtf8(FirstLine(text), 160)); }

// Every line of what was shown stands in the file, next to one another.
bool Shows(std::string_view file, std::string_view shown) {
  std::string all = "\n" + NormaliseOutput(file) + "\n", part = NormaliseOutput(shown);
  return part.empty() || Contains(all, "\n" + part + "\n");
}

std::string Folders(std::string_view listed) {
  std::string out;
  for (std::string_view line : Split(listed, '\n')) {
    if (!line.empty() && line != ".git/") out.append(line).append("\n");
  }
  return out;
}

bool ChangesOneFile(const Action& action) {
  return action.kind == ActionKind::kWrite || action.kind == ActionKind::kEdit ||
         action.kind == ActionKind::kNotebook;
}

// One session's shell, and what its client keeps in mind.
struct Shell {
  const RecordedAgent* agent = nullptr;
  bool of_telemetry = false;       // which seldom holds what tools said
  std::string home;                // the session's folder, as inside
  std::optional<std::string> cwd;  // nullopt: not known, the recording may say
  // Files that the session has read or written: by the recording, and by what was kept of it.
  std::set<std::string> known, known_when_recorded;
};

class Runner {
 public:
  Runner(std::span<const Moment> timeline, Workplace& place, const ExecuteOptions& options)
      : timeline_(timeline),
        place_(place),
        options_(options),
        paths_(RecordedAt(timeline, options), options.at) {}

  Result<Execution> Run(const std::vector<bool>& keep) {
    Execution all;
    all.runs.resize(timeline_.size());
    std::vector<bool> dropped(timeline_.size());
    if (options_.effects) CT_RETURN_IF_ERROR(Look());
    for (size_t i = 0; i < timeline_.size(); ++i) {
      const Moment& moment = timeline_[i];
      bool with_spawn = moment.spawn < i && dropped[moment.spawn];
      dropped[i] = with_spawn || (i < keep.size() && !keep[i]);
      if (moment.step->kind == StepKind::kLlmCall) continue;
      if (dropped[i]) {
        NoteFiles(moment, {});
        continue;
      }
      StepRun& run = all.runs[i];
      CT_RETURN_IF_ERROR(RunStep(moment, &run));
      all.wall_ns += run.wall_ns;
      all.comparable += run.match != Match::kNotComparable;
      all.matched += run.match == Match::kMatched;
      if (out_of_budget_) break;
    }
    all.out_of_budget = out_of_budget_;
    if (!tree_ || tree_old_) CT_RETURN_IF_ERROR(Look());
    all.final_tree = *std::move(tree_);
    return all;
  }

 private:
  static std::string RecordedAt(std::span<const Moment> timeline, const ExecuteOptions& options) {
    if (!options.recorded_at.empty() || timeline.empty()) return options.recorded_at;
    return timeline.front().session->info.cwd;
  }

  Status Look() {
    auto tree = place_.ReadTree();
    if (!tree) return std::unexpected(tree.error());
    tree_ = *std::move(tree), tree_old_ = false;
    return {};
  }

  Shell& ShellOf(const Moment& moment) {
    auto [it, made] = shells_.try_emplace(moment.session);
    if (made) {
      it->second.agent = &AgentOf(*moment.session);
      it->second.of_telemetry = moment.session->source == "otlp";
      std::string_view cwd = moment.session->info.cwd;
      it->second.home = cwd.empty() ? paths_.at() : paths_.Inside(cwd, paths_.at());
    }
    return it->second;
  }

  // Why it is not run, in a form for people; "" when it is.
  std::string SkippedBecause(const Step& step, const Action& action, StepRun* run) const {
    run->ok = step.result.status != ToolStatus::kError && step.result.status != ToolStatus::kAborted;
    if (step.result_only) {
      run->unsupported = true;
      return "the call was not recorded";
    }
    if (step.inherited && !options_.inherited)
      return "copied from an earlier session, whose effects are in the workspace";
    if (step.kind == StepKind::kSubagentSpawn) {
      run->unsupported = step.children.empty();
      return step.children.empty() ? "sub-agent whose log is not there" : "sub-agent: its own steps follow";
    }
    if (IsRefusal(*agent_, step.result)) return "the client refused it";
    if (step.result.status == ToolStatus::kAborted) {
      run->unsupported = MayWrite(action);
      return "aborted: how far it came is not known";
    }
    bool not_understood = action.refused && step.result.status == ToolStatus::kOk;
    run->unsupported = action.kind == ActionKind::kUnsupported || not_understood;
    if (run->unsupported) return action.reason;
    if (action.kind == ActionKind::kSearch) return "reads only, in the client's own way";
    if (action.kind != ActionKind::kNothing) return {};
    return action.reason.empty() ? "touches the conversation only" : action.reason;
  }

  Status RunStep(const Moment& moment, StepRun* run) {
    const Step& step = *moment.step;
    Shell& shell = ShellOf(moment);
    shell_ = &shell, agent_ = shell.agent;
    Action action = ActionOf(*agent_, step.tool);
    run->why = SkippedBecause(step, action, run);
    if (!run->why.empty()) {
      // Where a shell stands after a command that did not run is what the recording says next.
      if (action.kind == ActionKind::kCommand) shell.cwd.reset();
      return {};
    }
    run->ran = true;
    std::string cwd = CwdOf(moment, action, shell);
    Status done;
    if (action.kind == ActionKind::kCommand)
      done = RunCommand(moment, action, cwd, run);
    else if (action.kind == ActionKind::kList)
      done = RunList(step, action, cwd, run);
    else if (action.kind == ActionKind::kRead)
      RunRead(step, action, cwd, run);
    else
      RunFileTool(step, action, cwd, run);
    CT_RETURN_IF_ERROR(done);
    NoteFiles(moment, run->ok);
    if (!MayWrite(action)) return {};
    tree_old_ = true;
    return options_.effects ? NoteChanges(run) : Status();
  }

  // Which files the session knows after this step; run: what came of it now, nullopt when it was dropped.
  void NoteFiles(const Moment& moment, std::optional<bool> ok_now) {
    Shell& shell = ShellOf(moment);
    if (!shell.agent->reads_first) return;
    Action action = ActionOf(*shell.agent, moment.step->tool);
    bool file_tool = action.kind == ActionKind::kRead || ChangesOneFile(action);
    if (!file_tool) return;
    std::string inside = paths_.Inside(action.path, CwdOf(moment, action, shell));
    if (moment.step->result.status == ToolStatus::kOk) shell.known_when_recorded.insert(inside);
    if (ok_now && *ok_now) shell.known.insert(inside);
  }

  // The recording's session had read the file before; without the steps that are dropped it has not.
  static bool IsUnread(const Shell& shell, const std::string& inside) {
    return shell.agent->reads_first && shell.known_when_recorded.contains(inside) &&
           !shell.known.contains(inside);
  }

  Status NoteChanges(StepRun* run) {
    Tree before = *std::move(tree_);
    CT_RETURN_IF_ERROR(Look());
    auto old_at = before.begin(), now_at = tree_->begin();
    while (old_at != before.end() || now_at != tree_->end()) {
      bool only_old = now_at == tree_->end() || (old_at != before.end() && old_at->first < now_at->first);
      bool only_new = !only_old && (old_at == before.end() || now_at->first < old_at->first);
      if (only_old) {
        run->changed.push_back((old_at++)->first);
      } else if (only_new) {
        run->changed.push_back((now_at++)->first);
      } else {
        if (!(old_at->second == now_at->second)) run->changed.push_back(now_at->first);
        ++old_at, ++now_at;
      }
    }
    return {};
  }

  // Sub-agents of clients whose shell remembers its folder start in the session's every time.
  static bool Remembers(const Moment& moment, const Shell& shell) {
    return shell.agent->shell == ShellKind::kPersistent ||
           (shell.agent->shell == ShellKind::kKeepsCwd && moment.depth == 0);
  }

  std::string CwdOf(const Moment& moment, const Action& action, const Shell& shell) const {
    if (!action.cwd.empty()) return paths_.Inside(action.cwd, shell.home);
    const std::string& recorded = moment.step->tool.cwd;
    if (Remembers(moment, shell) && shell.cwd) return *shell.cwd;
    return recorded.empty() ? shell.home : paths_.Inside(recorded, shell.home);
  }

  void Remember(const Moment& moment, const CommandResult& result) {
    Shell& shell = ShellOf(moment);
    if (!Remembers(moment, shell)) return;
    if (result.final_cwd.empty()) {
      shell.cwd.reset();
      return;
    }
    bool left = shell.agent->shell == ShellKind::kKeepsCwd && !paths_.at().empty() &&
                !paths_.IsInWorkspace(result.final_cwd);
    shell.cwd = left ? shell.home : result.final_cwd;
  }

  // Milliseconds for the next command; 0 when nothing is left.
  int64_t Allowance(const Action& action) const {
    int64_t ms = std::max<int64_t>(1, options_.command_ms);
    if (action.timeout_ms > 0) ms = std::min(ms, action.timeout_ms);
    if (options_.budget_ms > 0) ms = std::min(ms, options_.budget_ms - spent_ns_ / kNsPerMs);
    return std::max<int64_t>(0, ms);
  }

  Status RunCommand(const Moment& moment, const Action& action, const std::string& cwd, StepRun* run) {
    const Step& step = *moment.step;
    int64_t ms = Allowance(action);
    if (ms == 0) {
      out_of_budget_ = true;
      *run = {.why = "no time is left"};
      return {};
    }
    bool background = action.background || step.result.output.starts_with("Process running with session ID");
    std::string line = paths_.TextInside(action.command);
    if (background) line = "{\n" + line + "\n} >/dev/null 2>&1 </dev/null &";
    Command command{.shell = std::move(line), .cwd = cwd == paths_.at() ? "" : cwd, .wall_ms = ms};
    if (!command.cwd.starts_with('/')) command.cwd.clear();
    auto result = place_.Run(command);
    if (!result) return std::unexpected(result.error());
    spent_ns_ += result->wall_ns;
    run->wall_ns = result->wall_ns;
    run->ok = result->how == Ended::kExited && result->exit_code == 0;
    run->exit_code = result->exit_code;
    run->output = paths_.TextRecorded(result->output);
    Remember(moment, *result);
    if (background) {
      run->ok = step.result.status != ToolStatus::kError;
      run->why = "runs in the background";
    } else if (result->how == Ended::kNotStarted) {
      run->unsupported = MayWrite(action), run->why = "not started: " + OneLine(result->error);
    } else if (!result->limit.empty() || result->how == Ended::kTimedOut) {
      run->unsupported = MayWrite(action);
      run->why = "ended by the limit on " + (result->limit.empty() ? std::string("wall") : result->limit);
      out_of_budget_ = options_.budget_ms > 0 && spent_ns_ / kNsPerMs >= options_.budget_ms;
    } else if (options_.compare) {
      bool cut = result->output_bytes > static_cast<int64_t>(result->output.size());
      if (cut)
        run->why = "more output than is kept";
      else
        CompareCommand(step, action, run);
    }
    return {};
  }

  // What cannot be compared at all: no result, or one that says that it shows nothing.
  static bool IsComparable(const Step& step, StepRun* run) {
    if (step.result.status == ToolStatus::kUnknown && !step.result.exit_code)
      run->why = "no result was recorded";
    else if (step.result.unchanged)
      run->why = "the client marked it as unchanged";
    return run->why.empty();
  }

  static void Differs(StepRun* run, std::string_view difference) {
    run->match = Match::kDiffers, run->difference = std::string(PrefixUtf8(difference, 200));
  }

  void CompareCommand(const Step& step, const Action& action, StepRun* run) const {
    if (!IsComparable(step, run)) return;
    const ToolResult& result = step.result;
    bool recorded_ok = result.exit_code ? *result.exit_code == 0 : result.status == ToolStatus::kOk;
    if (result.exit_code && *result.exit_code != run->exit_code)
      return Differs(run, "exit code " + std::to_string(*result.exit_code) + " recorded, " +
                              std::to_string(run->exit_code) + " executed");
    if (!result.exit_code && recorded_ok != run->ok &&
        !(recorded_ok && IsNoFinding(action.command, run->exit_code)))
      return Differs(run, recorded_ok ? "succeeded as recorded, failed when executed"
                                      : "failed as recorded, succeeded when executed");
    bool told = !result.output.empty() || result.output_bytes > 0 || run->output.empty();
    if (!told && (agent_->words_for_nothing || shell_->of_telemetry)) {
      run->why = "the text of the result was not recorded";
      return;
    }
    CompareTexts(step, action, run->output, run);
  }

  void CompareTexts(const Step& step, const Action& action, std::string_view executed, StepRun* run) const {
    const ToolResult& result = step.result;
    bool cut = static_cast<int64_t>(result.output.size()) < result.output_bytes;
    std::string said = agent_->tool_said(action, result.output);
    OutputMatch match = CompareOutputs({.recorded = said, .recorded_cut = cut, .executed = executed});
    run->partial = match.partial;
    if (match.nothing_kept) {
      run->why = "nothing of the result was kept";
    } else if (match.same) {
      run->match = Match::kMatched;
      run->exact = !match.partial && SameButLineEnds(said, executed);
    } else {
      Differs(run, match.difference);
    }
  }

  static bool SameButLineEnds(std::string_view a, std::string_view b) {
    std::vector<std::string_view> one = Split(Trim(a), '\n'), two = Split(Trim(b), '\n');
    auto end = [](std::string_view line) { return line.substr(0, line.find_last_not_of(" \t\r") + 1); };
    return std::ranges::equal(one, two, {}, end, end);
  }

  void RunRead(const Step& step, const Action& action, const std::string& cwd, StepRun* run) {
    std::string inside = paths_.Inside(action.path, cwd);
    auto text = place_.ReadFile(paths_.ForTools(inside));
    run->ok = text.has_value();
    if (text) run->output = LinesOf(*text, action);
    if (!options_.compare || !IsComparable(step, run)) return;
    bool recorded_ok = step.result.status == ToolStatus::kOk;
    if (!text && recorded_ok && !paths_.IsInWorkspace(inside))
      run->why = "outside the workspace";
    else if (!text && recorded_ok && text.error().code == ErrorCode::kInvalidInput)
      run->why = "a folder";
    else if (recorded_ok != run->ok)
      Differs(run, recorded_ok ? "read as recorded, failed when executed: " + OneLine(text.error().message)
                               : "failed as recorded, read when executed");
    else if (!run->ok)
      run->match = Match::kMatched, run->exact = true;
    else if (!IsText(*text))
      run->why = "not text";
    else
      CompareTexts(step, action, paths_.TextRecorded(run->output), run);
  }

  Status RunList(const Step& step, const Action& action, const std::string& cwd, StepRun* run) {
    std::string inside = paths_.Inside(action.path, cwd);
    int64_t ms = Allowance(action);
    Command command{.argv = {"ls", "-1Ap", "--", inside.empty() ? "." : inside},
                    .wall_ms = std::max<int64_t>(1, ms)};
    auto result = place_.Run(command);
    if (!result) return std::unexpected(result.error());
    spent_ns_ += result->wall_ns;
    run->wall_ns = result->wall_ns;
    run->ok = result->how == Ended::kExited && result->exit_code == 0;
    if (run->ok) run->output = result->output;
    if (!options_.compare || !IsComparable(step, run)) return {};
    std::string said = agent_->tool_said(action, step.result.output);
    bool cut = static_cast<int64_t>(step.result.output.size()) < step.result.output_bytes;
    bool recorded_ok = step.result.status == ToolStatus::kOk;
    if (recorded_ok != run->ok && !paths_.IsInWorkspace(inside))
      run->why = "outside the workspace";
    else if (recorded_ok != run->ok)
      Differs(run, recorded_ok ? "listed as recorded, failed when executed"
                               : "failed as recorded, listed when executed");
    else if (cut || (said.empty() && !run->output.empty()))
      run->why = "listed in the client's own way";
    else if (OutputMatch match =
                 CompareOutputs({.recorded = Folders(said), .executed = Folders(run->output)});
             match.same)
      run->match = Match::kMatched;
    else
      Differs(run, match.difference);
    return {};
  }

  Status ChangeFiles(const Action& action, const std::string& cwd, Draft* draft) {
    if (action.kind == ActionKind::kPatch) return ApplyPatch(action.text, paths_, cwd, draft);
    std::string inside = paths_.Inside(action.path, cwd);
    if (IsUnread(*shell_, inside) && place_.ReadFile(paths_.ForTools(inside)))
      return Fail(ErrorCode::kInvalidInput, "the client wants a file read before it is changed");
    if (action.kind == ActionKind::kWrite) {
      draft->Write(inside, action.text);
      return {};
    }
    auto text = draft->Read(inside);
    if (!text && text.error().code == ErrorCode::kNotFound && action.creates) text = std::string();
    if (!text) return std::unexpected(text.error());
    auto changed =
        action.kind == ActionKind::kNotebook ? EditNotebook(*text, action) : ApplyEdits(*text, action);
    if (!changed) return std::unexpected(changed.error());
    draft->Write(inside, *std::move(changed));
    return {};
  }

  void RunFileTool(const Step& step, const Action& action, const std::string& cwd, StepRun* run) {
    Draft draft(place_, paths_);
    Status changed = ChangeFiles(action, cwd, &draft);
    Status saved = changed ? draft.Save() : Status();
    run->ok = changed && saved;
    std::string failure = !changed ? changed.error().message : !saved ? saved.error().message : "";
    if (!options_.compare || !IsComparable(step, run)) return;
    bool recorded_ok = step.result.status == ToolStatus::kOk;
    if (recorded_ok != run->ok)
      return Differs(run, recorded_ok ? "done as recorded, failed when executed: " + OneLine(failure)
                                      : "failed as recorded, done when executed");
    run->match = Match::kMatched, run->exact = true;
    bool cut = static_cast<int64_t>(step.result.output.size()) < step.result.output_bytes;
    std::string shown = run->ok && !cut ? agent_->tool_said(action, step.result.output) : "";
    if (!shown.empty() && !Shows(draft.Text(), shown))
      run->exact = false, Differs(run, "the file is not what the client showed of it");
  }

  std::span<const Moment> timeline_;
  Workplace& place_;
  const ExecuteOptions& options_;
  Paths paths_;
  std::map<const Session*, Shell> shells_;
  const Shell* shell_ = nullptr;  // of the step at hand
  const RecordedAgent* agent_ = nullptr;
  std::optional<Tree> tree_;
  bool tree_old_ = false;  // something may have been written since it was read
  int64_t spent_ns_ = 0;
  bool out_of_budget_ = false;
};

}  // namespace

double Execution::fidelity() const {
  return comparable == 0 ? 1 : static_cast<double>(matched) / static_cast<double>(comparable);
}

Result<Execution> Execute(std::span<const Moment> timeline, const std::vector<bool>& keep, Workplace& place,
                          const ExecuteOptions& options) {
  return Runner(timeline, place, options).Run(keep);
}

bool SameOutcome(const StepRun& baseline, const StepRun& other) {
  if (baseline.ran != other.ran || baseline.ok != other.ok || baseline.exit_code != other.exit_code)
    return false;
  if (baseline.output == other.output) return true;
  return !baseline.exact && CompareOutputs({.recorded = baseline.output, .executed = other.output}).same;
}

}  // namespace clawtrace::replay

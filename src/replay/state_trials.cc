#include "replay/state_trials.h"

#include <fmt/core.h>

#include <tuple>

#include "base/file.h"
#include "base/hash.h"
#include "model/pack_archive.h"
#include "replay/scratch_folder.h"

namespace clawtrace::replay {

// How trials are kept between runs; read back only by the build that wrote them.
template <class A>
void Describe(A& a, StepRun& r) {
  a.Field("ran", r.ran), a.Field("ok", r.ok), a.Field("exit_code", r.exit_code), a.Field("output", r.output);
  auto match = static_cast<int64_t>(r.match);
  a.Field("match", match);
  r.match = match == static_cast<int64_t>(Match::kMatched)   ? Match::kMatched
            : match == static_cast<int64_t>(Match::kDiffers) ? Match::kDiffers
                                                             : Match::kNotComparable;
  a.Field("partial", r.partial), a.Field("difference", r.difference);
  a.Field("changed", r.changed), a.Field("unsupported", r.unsupported), a.Field("why", r.why);
  a.Field("wall_ns", r.wall_ns);
}

namespace {

struct File {
  std::string path;
  int64_t kind = 0, mode = 0, hash = 0, size = 0;
};
template <class A>
void Describe(A& a, File& f) {
  a.Field("path", f.path), a.Field("kind", f.kind), a.Field("mode", f.mode), a.Field("hash", f.hash);
  a.Field("size", f.size);
}

struct KeptCheck {
  std::string name, message;
  bool passed = false;
};
template <class A>
void Describe(A& a, KeptCheck& c) {
  a.Field("name", c.name), a.Field("message", c.message), a.Field("passed", c.passed);
}

struct KeptTrial {
  std::string key;  // guards against a file under another's name
  std::vector<StepRun> runs;
  std::vector<File> tree;
  int64_t comparable = 0, matched = 0, wall_ns = 0;
  bool judged = false;
  OracleStatus status = OracleStatus::kSkipped;
  std::optional<int64_t> score_ppm;
  std::string message;
  std::vector<KeptCheck> checks;
};
template <class A>
void Describe(A& a, KeptTrial& t) {
  a.Field("key", t.key), a.Field("runs", t.runs), a.Field("tree", t.tree);
  a.Field("comparable", t.comparable), a.Field("matched", t.matched), a.Field("wall_ns", t.wall_ns);
  auto status = static_cast<int64_t>(t.status);
  a.Field("judged", t.judged), a.Field("status", status);
  t.status = OracleStatus::kError;
  for (const auto& [value, name] : EnumNames(OracleStatus{})) {
    if (static_cast<int64_t>(value) == status) t.status = value;
  }
  a.Field("score_ppm", t.score_ppm);
  a.Field("message", t.message), a.Field("checks", t.checks);
}

std::vector<File> FilesOf(const Tree& tree) {
  std::vector<File> files;
  for (const auto& [path, state] : tree)
    files.push_back({path, state.kind, state.mode, static_cast<int64_t>(state.hash), state.size});
  return files;
}

Tree TreeOf(const std::vector<File>& files) {
  Tree tree;
  for (const File& file : files) {
    tree[file.path] = {.kind = static_cast<char>(file.kind),
                       .mode = static_cast<uint32_t>(file.mode),
                       .hash = static_cast<uint64_t>(file.hash),
                       .size = file.size};
  }
  return tree;
}

KeptTrial ToKeep(const std::string& key, const Trial& trial) {
  KeptTrial kept{.key = key, .runs = trial.execution.runs, .tree = FilesOf(trial.execution.final_tree)};
  kept.comparable = trial.execution.comparable, kept.matched = trial.execution.matched;
  kept.wall_ns = trial.execution.wall_ns;
  if (!trial.judgement) return kept;
  kept.judged = true, kept.status = trial.judgement->status, kept.score_ppm = trial.judgement->score_ppm;
  kept.message = trial.judgement->message;
  for (const Check& check : trial.judgement->checks)
    kept.checks.push_back({check.name, check.message, check.passed});
  return kept;
}

Trial FromKept(KeptTrial kept) {
  Trial trial;
  trial.execution.runs = std::move(kept.runs), trial.execution.final_tree = TreeOf(kept.tree);
  trial.execution.comparable = kept.comparable, trial.execution.matched = kept.matched;
  trial.execution.wall_ns = kept.wall_ns;
  if (!kept.judged) return trial;
  Judgement& judgement = trial.judgement.emplace();
  judgement.status = kept.status, judgement.score_ppm = kept.score_ppm, judgement.message = kept.message;
  for (const KeptCheck& check : kept.checks)
    judgement.checks.push_back({.name = check.name, .passed = check.passed, .message = check.message});
  return trial;
}

std::string HashOfTree(const Tree& tree) {
  std::string all;
  for (const auto& [path, state] : tree)
    all += fmt::format("{}\0{} {:o} {:x} {}\n", path, state.kind, state.mode, state.hash, state.size);
  return Sha256Hex(all);
}

std::string HashOfLimits(const Limits& l) {
  return fmt::format("{} {} {} {} {} {} {}", l.wall_ms, l.cpu_s, l.memory_bytes, l.processes, l.file_bytes,
                     l.disk_bytes, l.output_bytes);
}

}  // namespace

Result<std::unique_ptr<StateTrials>> StateTrials::Make(std::span<const Moment> timeline, TrialSite site) {
  std::unique_ptr<StateTrials> trials(new StateTrials(timeline, std::move(site)));
  const TrialSite& at = trials->site_;
  if (at.oracle) {
    auto sha = HashOfOracle(*at.oracle);
    if (!sha) return std::unexpected(std::move(sha.error()));
    trials->oracle_sha_ = *sha;
  }
  auto place = at.open({.workspace = at.workspace,
                        .at = trials->NextPlace(),
                        .mounts = {},
                        .environment = {},
                        .limits = at.limits});
  if (!place) return std::unexpected(std::move(place.error()));
  auto tree = (*place)->ReadTree();
  if (!tree) return std::unexpected(std::move(tree.error()));
  trials->start_ = std::move(*tree);
  int64_t repeat = at.oracle ? at.oracle->repeat : 0;
  trials->base_key_ =
      fmt::format("{}\n{}\n{}\n{}\n{} {}\n{}\n", at.program, HashOfTree(trials->start_), at.at,
                  at.recorded_at, trials->oracle_sha_, repeat, HashOfLimits(at.limits));
  for (const Moment& moment : timeline) {
    const ToolUse& tool = moment.step->tool;
    const ToolResult& result = moment.step->result;
    trials->step_key_.push_back(Sha256Hex(fmt::format(
        "{}\n{}\n{}\n{}\n{}\n{}\n{:x} {} {} {}", moment.session->info.agent, moment.session->info.cwd,
        tool.name, tool.cwd, tool.args, tool.args_bytes, result.output_hash, result.output_bytes,
        result.output.size(), static_cast<int>(result.status))));
  }
  return trials;
}

std::string StateTrials::NextPlace() const {
  return site_.walls ? site_.at : fmt::format("{}/place-{}", site_.scratch, ++places_);
}

std::string StateTrials::KeyOf(const std::vector<bool>& keep, bool effects) const {
  std::string all = base_key_ + (effects ? "effects\n" : "\n");
  for (size_t i = 0; i < timeline_.size(); ++i) {
    if (timeline_[i].step->kind == StepKind::kLlmCall) continue;
    all += fmt::format("{} {}\n", keep[i] ? '+' : '-', step_key_[i]);
  }
  return Sha256Hex(all);
}

std::optional<Trial> StateTrials::Recall(const std::string& key) const {
  if (site_.cache.empty()) return std::nullopt;
  auto bytes = ReadFile(site_.cache + "/" + key);
  if (!bytes) return std::nullopt;
  PackReader reader(*bytes);
  KeptTrial kept;
  reader.Get(kept);
  bool good = reader.good() && reader.at_end() && kept.key == key && kept.runs.size() == timeline_.size();
  if (!good) return std::nullopt;
  return FromKept(std::move(kept));
}

void StateTrials::Remember(const std::string& key, const Trial& trial) const {
  // What ended early says nothing of the next time; a judge that could not judge may be able to then.
  bool undecided = trial.judgement && (trial.judgement->status == OracleStatus::kError ||
                                       trial.judgement->status == OracleStatus::kTimeout);
  if (site_.cache.empty() || trial.execution.out_of_budget || undecided) return;
  std::string bytes;
  KeptTrial kept = ToKeep(key, trial);
  PackWriter(&bytes).Put(kept);
  // A cache that cannot be written costs time, nothing else.
  std::ignore = WriteFileAtomically(site_.cache + "/" + key, bytes);
}

Result<Judgement> StateTrials::Judge(const std::string& workspace) const {
  OracleSite site{.workspace = workspace,
                  .at = NextPlace(),
                  .scratch = site_.scratch,
                  .limits = site_.limits,
                  .walls = site_.walls,
                  .open = site_.open};
  auto result = RunOracle(*site_.oracle, site);
  if (!result) return std::unexpected(std::move(result.error()));
  return std::move(result->judgement);
}

Result<Trial> StateTrials::Execute(const std::vector<bool>& keep, bool effects) const {
  std::string at = NextPlace();
  auto place = site_.open(
      {.workspace = site_.workspace, .at = at, .mounts = {}, .environment = {}, .limits = site_.limits});
  if (!place) return std::unexpected(std::move(place.error()));
  ExecuteOptions options{.recorded_at = site_.recorded_at, .at = at, .effects = effects};
  options.command_ms = site_.limits.wall_ms;
  auto execution = replay::Execute(timeline_, keep, **place, options);
  if (!execution) return std::unexpected(std::move(execution.error()));
  Trial trial{.execution = std::move(*execution), .judgement = {}};
  if (!site_.oracle || trial.execution.out_of_budget) return trial;
  auto scratch = ScratchFolder::Make(site_.scratch, "end");
  if (!scratch) return std::unexpected(std::move(scratch.error()));
  CT_RETURN_IF_ERROR((*place)->Export(scratch->path()));
  place->reset();  // nothing that was left running may touch what is judged
  auto judgement = Judge(scratch->path());
  if (!judgement) return std::unexpected(std::move(judgement.error()));
  trial.judgement = std::move(*judgement);
  return trial;
}

Result<Trial> StateTrials::Run(const std::vector<bool>& keep, bool effects) {
  std::string key = KeyOf(keep, effects);
  if (auto known = Recall(key)) {
    ++known_;
    return std::move(*known);
  }
  auto trial = Execute(keep, effects);
  if (trial) Remember(key, *trial);
  return trial;
}

Result<std::optional<Judgement>> StateTrials::JudgeStart() {
  if (!site_.oracle) return std::optional<Judgement>();
  std::lock_guard lock(judging_);
  if (!start_judgement_) {
    auto judgement = Judge(site_.workspace);
    if (!judgement) return std::unexpected(std::move(judgement.error()));
    start_judgement_ = std::move(*judgement);
  }
  return start_judgement_;
}

Result<Tree> StateTrials::StartTree() { return start_; }

std::string StateTrials::oracle_id() const {
  return site_.oracle ? site_.oracle->name + "@" + oracle_sha_.substr(0, 12) : "";
}

std::string StateTrials::oracle_command() const { return site_.oracle ? site_.oracle->command : ""; }

}  // namespace clawtrace::replay

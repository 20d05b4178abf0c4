#include "replay/replayer.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/hash.h"
#include "model/archive.h"
#include "replay/candidates.h"
#include "replay/channels.h"
#include "replay/failure.h"
#include "replay/replay_money.h"

namespace clawtrace::replay {
namespace {

constexpr int64_t kMillion = 1'000'000;
// What breaks with a step is tried to go with it, so many times over.
constexpr int kMostJoins = 4;

class Replayer {
 public:
  Replayer(const PricedSession& priced, Trials* trials, const ReplayOptions& options)
      : priced_(priced),
        trials_(trials),
        options_(options),
        timeline_(TimelineOf(*priced.session)),
        channels_(timeline_),
        forced_(timeline_.size()),
        effects_(timeline_.size()) {}

  Result<ReplayReport> Run() {
    Name();
    if (trials_) {
      candidates_ = std::make_unique<Candidates>(timeline_, channels_, *trials_, options_);
      CT_RETURN_IF_ERROR(candidates_->Open());
      channels_.SetWrites(WritesSeen());
      TellBaseline();
      report_.closed = WhyClosed();
    }
    if (report_.closed.empty()) {
      Decide();
      kept_ = KeptWithout(dropped_);
      FindMinimal();
    } else {
      ExplainFailure();
    }
    WriteSteps();
    if (report_.minimal) CostMinimal();
    CountUp();
    return std::move(report_);
  }

 private:
  void Name();
  std::vector<Writes> WritesSeen() const;
  void TellBaseline();
  std::string WhyClosed() const;

  // Latest first: what the channels have nothing against, given what was forced to stay.
  std::set<size_t> Sweep();
  std::vector<bool> KeptWithout(const std::set<size_t>& dropped) const;
  bool NeedsExecution(size_t step) const;
  Objection WhyItStays(size_t step, const Effect& effect, const std::set<size_t>& dropped);
  void Decide();
  bool TrySingles(const std::set<size_t>& proposed);
  std::set<size_t> Grown(std::set<size_t> set, Effect* effect);
  void FindMinimal();
  void CostMinimal();
  void ExplainFailure();
  void WriteSteps();
  std::vector<StepVerdict> Verdicts() const;
  StepVerdict VerdictOf(size_t step) const;
  void Fill(const Objection& objection, StepVerdict* verdict) const;
  void CountUp();
  std::vector<std::string> IdsOf(const std::vector<size_t>& places) const;

  const PricedSession& priced_;
  Trials* trials_;
  const ReplayOptions& options_;
  std::vector<Moment> timeline_;
  Channels channels_;
  std::unique_ptr<Candidates> candidates_;
  std::vector<std::optional<Objection>> forced_;  // by place: what executions say against dropping it
  std::vector<std::optional<Effect>> effects_;    // by place: of leaving it out alone
  std::set<size_t> dropped_;                      // what can go, all together
  std::vector<bool> kept_;                        // by place: what stays without dropped_
  std::set<size_t> minimal_;                      // and what failed besides
  bool together_ = false;                         // dropped_ was executed as a whole, or needed no execution
  ReplayReport report_;
};

void Replayer::Name() {
  const Session& session = *priced_.session;
  report_.schema = "replay/1";
  report_.session_id = session.id, report_.agent = session.info.agent, report_.task_id = session.task_id;
  report_.source_hash = HexOf(session.source_hash), report_.steps_hash = HashOfSteps(session);
  report_.workspace = trials_ ? "given" : "none";
}

std::vector<std::string> Replayer::IdsOf(const std::vector<size_t>& places) const {
  std::vector<std::string> ids;
  for (size_t place : places) ids.push_back(timeline_[place].id);
  return ids;
}

std::vector<Writes> Replayer::WritesSeen() const {
  std::vector<Writes> writes = NamedWrites(timeline_, channels_.meanings());
  const auto& runs = candidates_->baseline().execution.runs;
  for (size_t i = 0; i < writes.size(); ++i) {
    if (!runs[i].ran || runs[i].unsupported) continue;
    writes[i] = {.may = !runs[i].changed.empty(), .unnamed = false, .paths = runs[i].changed};
  }
  return writes;
}

void Replayer::TellBaseline() {
  const Trial& trial = candidates_->baseline();
  const Execution& execution = trial.execution;
  report_.comparable = execution.comparable, report_.matched = execution.matched;
  if (execution.comparable > 0) report_.fidelity_ppm = execution.matched * kMillion / execution.comparable;
  for (size_t i = 0; i < timeline_.size() && report_.first_divergence.empty(); ++i) {
    const StepRun& run = execution.runs[i];
    if (run.match == Match::kDiffers)
      report_.first_divergence = fmt::format("step {}: {}", timeline_[i].id, run.difference);
  }
  if (!trial.judgement) return;
  ReplayOracle& oracle = report_.oracle.emplace();
  oracle.id = trials_->oracle_id(), oracle.command = trials_->oracle_command();
  oracle.recorded = NameOf(trial.judgement->status);
  oracle.failed_checks = FailedChecks(*trial.judgement);
  if (candidates_->start()) oracle.start = NameOf(candidates_->start()->status);
}

std::string Replayer::WhyClosed() const {
  const Trial& trial = candidates_->baseline();
  if (trial.execution.out_of_budget) return "the time allowed was over before the recording was executed";
  if (report_.fidelity_ppm.value_or(kMillion) < options_.least_fidelity_ppm)
    return fmt::format("the recording cannot be executed as it was: {} of {} results match; {}",
                       report_.matched, report_.comparable, report_.first_divergence);
  if (!trial.judgement) return "";
  const Judgement& end = *trial.judgement;
  if (end.status == OracleStatus::kFlaky)
    return "oracle does not discriminate: it does not say the same each time";
  if (end.status == OracleStatus::kFail)
    return "oracle does not discriminate: it fails on the recording executed again";
  if (end.status != OracleStatus::kPass) return "the oracle could not judge: " + end.message;
  const auto& start = candidates_->start();
  if (start && start->status == OracleStatus::kPass)
    return "oracle does not discriminate: it passes on the untouched workspace";
  return "";
}

std::vector<bool> Replayer::KeptWithout(const std::set<size_t>& dropped) const {
  std::vector<bool> gone(timeline_.size());
  for (size_t step : dropped) gone[step] = true;
  return channels_.turns().KeptWithout(gone);
}

bool Replayer::NeedsExecution(size_t step) const {
  if (channels_.OnlyLooks(step)) return false;
  if (!candidates_) return true;
  // Nothing was done for it: a plan, a note to itself.
  const StepRun& run = candidates_->baseline().execution.runs[step];
  return run.ran || run.unsupported;
}

std::set<size_t> Replayer::Sweep() {
  std::set<size_t> dropped;
  std::vector<bool> kept(timeline_.size(), true);
  for (size_t i = timeline_.size(); i-- > 0;) {
    if (!channels_.IsCandidate(i) || forced_[i] || channels_.Against(i, kept)) continue;
    if (!candidates_ && NeedsExecution(i)) continue;
    dropped.insert(i);
    kept[i] = false;
    for (size_t below = i + 1; below < timeline_.size() && timeline_[below].depth > timeline_[i].depth;
         ++below)
      kept[below] = false;
  }
  return dropped;
}

// Steps that broke without the set join it, where they only looked and nobody needs what they told.
std::set<size_t> Replayer::Grown(std::set<size_t> set, Effect* effect) {
  for (int join = 0; join < kMostJoins && !effect->same && effect->channel == "state"; ++join) {
    bool grew = false;
    std::set<size_t> with = set;
    with.insert(effect->evidence.begin(), effect->evidence.end());
    std::vector<bool> kept = KeptWithout(with);
    for (size_t broken : effect->evidence) {
      auto against = channels_.IsCandidate(broken) ? channels_.Against(broken, kept) : std::nullopt;
      bool can_go = channels_.IsCandidate(broken) && !set.contains(broken) &&
                    (!against || against->verdict != Contribution::kNeeded) &&
                    (channels_.OnlyLooks(broken) || channels_.controls()[broken].is_check()) &&
                    candidates_->baseline().execution.runs[broken].changed.empty();
      if (can_go) set.insert(broken), grew = true;
    }
    if (!grew) break;
    *effect = candidates_->Without(set);
  }
  return set;
}

// Each proposed step that may have written something, alone, and those that the texts say nothing about.
// True when one must stay that was proposed to go.
bool Replayer::TrySingles(const std::set<size_t>& proposed) {
  std::vector<size_t> steps;
  std::vector<bool> kept(timeline_.size(), true);
  for (size_t i = timeline_.size(); i-- > 0;) {
    if (effects_[i] || !channels_.IsCandidate(i) || !NeedsExecution(i)) continue;
    if (timeline_[i].step->kind == StepKind::kSubagentSpawn) continue;
    auto against = channels_.Against(i, kept);
    if (proposed.contains(i) || !against || against->verdict == Contribution::kUnknown) steps.push_back(i);
  }
  // What could save most is tried first: the budget may end.
  std::map<size_t, Usd> savings = SavingsOfEach(priced_, timeline_, steps);
  std::ranges::sort(steps,
                    [&](size_t a, size_t b) { return std::pair(savings[b], a) < std::pair(savings[a], b); });
  std::vector<std::set<size_t>> sets;
  sets.reserve(steps.size());
  for (size_t step : steps) sets.push_back({step});
  std::vector<Effect> effects = candidates_->EachWithout(sets);
  bool changed = false;
  for (size_t k = 0; k < steps.size(); ++k) {
    size_t step = steps[k];
    if (!effects[k].same && effects[k].verdict == Contribution::kNeeded) {
      Effect alone = effects[k];
      // With what only looked at it, it could go; but a look that stays would fail.
      if (Grown({step}, &effects[k]).size() > 1 && effects[k].same) {
        effects[k] = std::move(alone);
        effects[k].verdict = Contribution::kUnknown;
        effects[k].reason += ", which only looked";
      }
    }
    effects_[step] = effects[k];
    if (effects[k].same) continue;
    if (!effects[k].tried) report_.out_of_budget = true;
    changed = changed || proposed.contains(step);
    forced_[step] = Objection{.verdict = effects[k].verdict,
                              .channel = effects[k].channel,
                              .reason = effects[k].reason,
                              .content = {},
                              .evidence = effects[k].evidence};
  }
  return changed;
}

// Of a step that may go by itself, but not together with these.
Objection Replayer::WhyItStays(size_t step, const Effect& effect, const std::set<size_t>& dropped) {
  Objection stays{
      .verdict = effect.verdict, .channel = "replay", .reason = {}, .content = {}, .evidence = {}};
  if (report_.out_of_budget || (options_.out_of_budget && options_.out_of_budget())) {
    stays.verdict = Contribution::kUnknown, stays.reason = "the time allowed was over";
  } else {
    stays.reason = effects_[step] ? "it could go alone, but not together with others that go"
                                  : "it seems only to look, but without it the outcome is another";
    if (effect.verdict != Contribution::kNeeded) stays.reason += ": " + effect.reason;
  }
  for (size_t other : dropped) {
    if (NeedsExecution(other) && stays.evidence.size() < 4) stays.evidence.push_back(other);
  }
  return stays;
}

void Replayer::Decide() {
  dropped_ = Sweep();
  if (!candidates_) return;
  // Each round forces at least one more step to stay.
  for (size_t round = 0; round <= timeline_.size(); ++round) {
    if (TrySingles(dropped_)) {
      dropped_ = Sweep();
      continue;
    }
    Candidates::Split split = candidates_->MostWithout(dropped_);
    together_ = !split.dropped.empty() || dropped_.empty();
    if (split.stays.empty()) return;
    for (const auto& [step, effect] : split.stays) forced_[step] = WhyItStays(step, effect, split.dropped);
    dropped_ = Sweep();
  }
}

void Replayer::FindMinimal() {
  minimal_ = dropped_;
  // Failures are waste whatever plain words they share with what came after; a check that only looked at what
  // goes with them goes too.
  std::set<size_t> more = dropped_;
  for (size_t i = 0; i < timeline_.size(); ++i) {
    if (channels_.IsCandidate(i) && channels_.Failed(i) && !forced_[i] && candidates_) more.insert(i);
  }
  if (candidates_ && more != dropped_) {
    Candidates::Split split = candidates_->MostWithout(more);
    if (std::ranges::includes(split.dropped, dropped_)) minimal_ = split.dropped;
  }
  MinimalTrace& minimal = report_.minimal.emplace();
  std::vector<bool> kept = KeptWithout(minimal_);
  for (size_t i = 0; i < timeline_.size(); ++i) {
    if (timeline_[i].step->kind == StepKind::kLlmCall) continue;
    (kept[i] ? minimal.kept : minimal.dropped).push_back(timeline_[i].id);
  }
  minimal.llm_calls_as_recorded = channels_.turns().CallsIn(kept);
  minimal.llm_calls = std::min(
      minimal.llm_calls_as_recorded,
      FewestCalls(timeline_,
                  {channels_.turns(), channels_.information(), channels_.controls(), channels_.demands()},
                  kept));
  minimal.outcome_checked = together_ && candidates_ && candidates_->baseline().judgement.has_value();
}

void Replayer::ExplainFailure() {
  const Trial& trial = candidates_->baseline();
  bool failed = trial.judgement && trial.judgement->status == OracleStatus::kFail;
  if (failed) report_.failure = ExplainFailedSession(timeline_, channels_, candidates_.get());
}

void Replayer::Fill(const Objection& objection, StepVerdict* verdict) const {
  verdict->verdict = objection.verdict, verdict->channel = objection.channel;
  verdict->reason = objection.reason, verdict->content = objection.content;
  verdict->evidence = IdsOf(objection.evidence);
  verdict->grade = objection.verdict == Contribution::kUnknown ? "C0" : "C1";
}

StepVerdict Replayer::VerdictOf(size_t step) const {
  const Moment& moment = timeline_[step];
  StepVerdict verdict;
  verdict.step = moment.id, verdict.call_id = moment.step->call_id;
  verdict.tool = moment.step->tool.name, verdict.target = channels_.meanings()[step].target;
  verdict.failed = channels_.Failed(step);
  verdict.grade = "C0";
  if (!report_.closed.empty()) {
    verdict.channel = "oracle", verdict.reason = report_.closed;
    return verdict;
  }
  if (!channels_.IsCandidate(step)) {
    verdict.channel = "information";
    verdict.reason = moment.step->inherited ? "copied from an earlier session" : "its call was not recorded";
    return verdict;
  }
  const std::vector<bool>& kept = kept_;
  bool judged = candidates_ && candidates_->baseline().judgement.has_value();
  if (dropped_.contains(step)) {
    verdict.verdict = Contribution::kNotNeeded, verdict.grade = "C1";
    std::vector<size_t> evidence;
    verdict.reason = channels_.WhyNot(step, kept, &evidence);
    verdict.evidence = IdsOf(evidence);
    verdict.channel = "information";
    verdict.outcome_checked = judged && together_;
    if (effects_[step]) {
      verdict.channel = "replay";
      verdict.reason +=
          judged ? "; without it the oracle says the same" : "; without it the files are the same";
      verdict.files_differ = effects_[step]->files_differ;
    }
    return verdict;
  }
  auto against = channels_.Against(step, kept);
  // What executions show beats what texts leave open.
  bool shown = forced_[step] && (!against || against->verdict == Contribution::kUnknown);
  if (shown && (forced_[step]->verdict == Contribution::kNeeded || !against)) {
    Fill(*forced_[step], &verdict);
    verdict.outcome_checked = judged && forced_[step]->verdict == Contribution::kNeeded;
  } else if (against) {
    Fill(*against, &verdict);
  } else {
    verdict.channel = "state";
    verdict.reason = "it may have written something: only an execution in its workspace can tell";
  }
  return verdict;
}

// Latest first: what only steps took up that nobody knows to be needed is not known to be needed either.
std::vector<StepVerdict> Replayer::Verdicts() const {
  std::vector<StepVerdict> verdicts(timeline_.size());
  std::vector<bool> sure = KeptWithout(dropped_);
  for (size_t i = timeline_.size(); i-- > 0;) {
    if (timeline_[i].step->kind == StepKind::kLlmCall) {
      sure[i] = sure[i] && channels_.turns().StaysWithout(i, sure);
      continue;
    }
    StepVerdict& verdict = verdicts[i] = VerdictOf(i);
    bool told = verdict.verdict == Contribution::kNeeded && verdict.channel == "information";
    if (told && !channels_.information().IsTakenUp(i, sure)) {
      verdict.verdict = Contribution::kUnknown, verdict.grade = "C0";
      verdict.reason += "; whether that was needed is not known";
    }
    if (verdict.verdict == Contribution::kUnknown && channels_.IsCandidate(i)) sure[i] = false;
  }
  return verdicts;
}

void Replayer::WriteSteps() {
  std::vector<size_t> places;
  std::vector<StepVerdict> verdicts = Verdicts();
  for (size_t i = 0; i < timeline_.size(); ++i) {
    if (timeline_[i].step->kind == StepKind::kLlmCall) continue;
    report_.steps.push_back(std::move(verdicts[i]));
    places.push_back(i);
  }
  FillStepCosts(priced_, timeline_, places, &report_);
}

void Replayer::CostMinimal() {
  std::set<size_t> more = minimal_;
  auto verdict = report_.steps.begin();
  for (size_t i = 0; i < timeline_.size(); ++i) {
    if (timeline_[i].step->kind == StepKind::kLlmCall) continue;
    if ((verdict++)->verdict == Contribution::kUnknown) more.insert(i);
  }
  FillCosts(priced_, timeline_, {.dropped = minimal_, .or_undecided = more}, &*report_.minimal);
}

void Replayer::CountUp() {
  for (const StepVerdict& step : report_.steps) {
    report_.needed += step.verdict == Contribution::kNeeded;
    report_.not_needed += step.verdict == Contribution::kNotNeeded;
    report_.unknown += step.verdict == Contribution::kUnknown;
  }
  if (candidates_) report_.candidates = candidates_->tried(), report_.from_cache = trials_->known();
}

}  // namespace

Result<ReplayReport> Replay(const PricedSession& priced, Trials* trials, const ReplayOptions& options) {
  return Replayer(priced, trials, options).Run();
}

}  // namespace clawtrace::replay

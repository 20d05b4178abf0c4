#include "distill/evidence_base.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "compile/compile.h"
#include "compile/failures.h"
#include "distill/lessons.h"
#include "distill/task_joiner.h"
#include "pricing/recost.h"

namespace clawtrace::distill {
namespace {

constexpr int64_t kMillion = 1'000'000;
__extension__ typedef __int128 Wide;

std::optional<int64_t> SharePpm(std::optional<Usd> part, std::optional<Usd> whole) {
  if (!part || !whole || *whole <= Usd()) return std::nullopt;
  Wide share = Wide{part->pico()} * kMillion / whole->pico();
  return static_cast<int64_t>(std::clamp<Wide>(share, 0, kMillion));
}

// The oracle of the replay judged the very same steps; the session's own outcome, if there is one, was given
// to what really happened.
void SetOutcome(const Session& session, const ReplayReport* replay, EvidenceSession* out) {
  const Outcome& said = session.outcome;
  if (said.source > OutcomeSource::kHeuristic) out->outcome = said.verdict;
  if (out->outcome != Verdict::kUnknown || !replay || !replay->oracle) return;
  if (replay->oracle->recorded == "pass") out->outcome = Verdict::kSuccess;
  if (replay->oracle->recorded == "fail") out->outcome = Verdict::kFailure;
}

class Extraction {
 public:
  Extraction(const PricedSession& priced, const ReplayReport* replay)
      : session_(*priced.session),
        meanings_(tools::MeaningsOf(session_)),
        layout_(LayOutPrompts(session_)),
        recoster_(priced, layout_),
        replay_(replay) {
    if (!replay) return;
    for (const StepVerdict& verdict : replay->steps) {
      if (verdict.outcome_checked) outcome_checked_.insert(verdict.step);
    }
  }

  void Fill(EvidenceSession* out) {
    FillSteps(out);
    FillWaste(out);
    FillFailures(out);
  }

 private:
  std::optional<Usd> Without(const std::vector<size_t>& steps) const {
    auto saved = recoster_.Without(steps).usd;
    return saved ? std::optional(std::max(*saved, Usd())) : std::nullopt;
  }

  void FillSteps(EvidenceSession* out) {
    std::unordered_map<std::string_view, const CardStep*> rows;
    for (const CardStep& row : out->card.steps) rows.emplace(row.id, &row);
    for (size_t i = 0; i < session_.steps.size(); ++i) {
      const Step& step = session_.steps[i];
      if (step.abandoned || step.inherited) continue;
      index_of_.push_back(i);
      EvidenceStep& to = out->steps.emplace_back();
      to.id = std::to_string(i + 1), to.call_id = step.call_id, to.kind = step.kind, to.turn = step.turn;
      bool call = step.kind == StepKind::kLlmCall;
      if (!call && step.result.status == ToolStatus::kError)
        to.error_class = compile::ErrorClassOf(step, meanings_[i]);
      to.signature = SignatureOf(step, meanings_[i], to.error_class);
      if (call) {
        to.output = step.llm.text;
      } else {
        to.tool = step.tool.name, to.status = step.result.status;
        to.args = PrefixUtf8(step.tool.args, kMaxArgs), to.output = PrefixUtf8(step.result.output, kMaxText);
        to.reads = meanings_[i].reads, to.writes = meanings_[i].writes;
        to.read_only = meanings_[i].read_only;
      }
      if (auto row = rows.find(to.id); row != rows.end()) FillRow(*row->second, &to);
    }
  }

  static void FillRow(const CardStep& row, EvidenceStep* to) {
    to->attributed_cost_usd = row.attributed_cost_usd, to->cost_usd = row.cost_usd;
    to->contribution = row.outcome_contribution;
    to->proven = row.grade == "C1";
  }

  void FillWaste(EvidenceSession* out) {
    compile::Scene scene(session_, meanings_);
    std::vector<const WasteLesson*> shapes = ShapesOf(scene, replay_ != nullptr);
    std::map<std::string_view, Waste> found;
    for (size_t place = 0; place < out->steps.size(); ++place) {
      const WasteLesson* lesson = shapes[index_of_[place]];
      if (!lesson) continue;
      const EvidenceStep& step = out->steps[place];
      Waste& waste = found[lesson->key];
      waste.lesson = lesson->key;
      Contribution said = step.contribution.value_or(Contribution::kUnknown);
      if (said == Contribution::kNeeded)
        waste.needed.push_back(place);
      else if (said == Contribution::kNotNeeded || !replay_)
        waste.steps.push_back(place);
      else
        ++waste.undecided;
    }
    Usd dear = DearestTenth(*out);
    for (auto& [key, waste] : found) {
      Weigh(*out, dear, &waste);
      out->waste.push_back(std::move(waste));
    }
  }

  // From what amount on a step is among the dearest tenth.
  static Usd DearestTenth(const EvidenceSession& session) {
    std::vector<Usd> costs;
    for (const EvidenceStep& step : session.steps) {
      if (step.kind != StepKind::kLlmCall && step.attributed_cost_usd)
        costs.push_back(*step.attributed_cost_usd);
    }
    constexpr size_t kTenth = 10;
    if (costs.empty()) return Usd::Pico(INT64_MAX);
    std::ranges::sort(costs, std::greater<>());
    return costs[(costs.size() - 1) / kTenth];
  }

  void Weigh(const EvidenceSession& session, Usd dear, Waste* waste) const {
    if (waste->steps.empty()) return;
    waste->proven = true, waste->outcome_checked = true;
    std::vector<size_t> indexes;
    for (size_t place : waste->steps) {
      const EvidenceStep& step = session.steps[place];
      indexes.push_back(index_of_[place]);
      waste->proven = waste->proven && step.contribution == Contribution::kNotNeeded && step.proven;
      // What a turn costs belongs to what it was spent on: the call that asked for nothing else counts too.
      std::optional<Usd> cost = Without({index_of_[place]});
      if (step.attributed_cost_usd) cost = std::max(cost.value_or(Usd()), *step.attributed_cost_usd);
      auto share = SharePpm(cost, session.card.total_cost_usd);
      if (share) waste->cost_ppm = std::max(waste->cost_ppm.value_or(0), *share);
      waste->top_decile =
          waste->top_decile || (step.attributed_cost_usd && *step.attributed_cost_usd >= dear);
      waste->outcome_checked = waste->outcome_checked && outcome_checked_.contains(step.id);
    }
    if (session.card.total_cost_usd) waste->saved_usd = Without(indexes);
  }

  std::optional<size_t> IndexOf(const std::string& id) const {
    auto number = ParseInt(id);
    if (!number || *number < 1 || *number > std::ssize(session_.steps)) return std::nullopt;
    return static_cast<size_t>(*number - 1);
  }

  void FillFailures(EvidenceSession* out) const {
    std::set<size_t> lean;
    for (size_t place = 0; place < out->steps.size(); ++place) {
      const EvidenceStep& step = out->steps[place];
      bool failed = step.status == ToolStatus::kError || step.status == ToolStatus::kAborted;
      bool waste = step.contribution == Contribution::kNotNeeded && step.proven;
      if (step.kind != StepKind::kLlmCall && (failed || waste)) lean.insert(index_of_[place]);
    }
    bool priced = out->card.total_cost_usd.has_value();
    if (replay_ && replay_->closed.empty() && priced) {
      auto saved = Without({lean.begin(), lean.end()});
      if (lean.empty()) saved = Usd();
      if (saved) out->lean_cost_usd = *out->card.total_cost_usd - *saved;
    }
    for (const FailedStep& failed : out->card.failed_or_repaired_steps) {
      auto index = IndexOf(failed.step);
      if (!index) continue;
      std::vector<size_t> retries;
      for (const std::string& retry : failed.retries) {
        if (auto at = IndexOf(retry)) retries.push_back(*at);
      }
      FailureSaving& saving = out->failures.emplace_back();
      saving.step = failed.step;
      if (!priced) continue;
      if (!retries.empty()) saving.retries_usd = Without(retries);
      retries.push_back(*index);
      saving.saved_usd = Without(retries);
    }
  }

  const Session& session_;
  std::vector<tools::ToolMeaning> meanings_;
  PromptLayout layout_;
  Recoster recoster_;
  const ReplayReport* replay_;
  std::unordered_set<std::string_view> outcome_checked_;  // ids of steps
  std::vector<size_t> index_of_;  // by place in EvidenceSession::steps: index into the session's
};

// Of two accounts of one session the one that holds more; by content when they hold as much.
bool IsFuller(const EvidenceSession& a, const EvidenceSession& b) {
  auto size = [](const EvidenceSession& s) {
    int64_t calls = s.card.llm_call_count.value_or(0) + s.card.tool_call_count.value_or(0);
    return std::tuple(calls, s.steps.size(), s.replay.has_value(), s.outcome != Verdict::kUnknown,
                      std::string_view(s.card.source_hash));
  };
  auto left = size(a), right = size(b);
  if (left != right) return left > right;
  return EncodeCard(a.card, DocFormat::kJson) > EncodeCard(b.card, DocFormat::kJson);
}

// What the agent itself said is nobody's attempt.
std::vector<SeenAttempt> AttemptsOf(const Session& session) {
  AttemptCounter counter(session.id);
  counter.LookAtId("id", session.id);
  counter.LookAtId("task", session.info.task_id);
  counter.Look("prompt", session.prompt);
  for (const std::string& prompt : session.later_prompts) counter.Look("prompt", prompt);
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    if (step.abandoned || step.inherited || step.kind == StepKind::kLlmCall) continue;
    std::string where = std::to_string(i + 1);
    counter.LookAtId(where, step.call_id);
    counter.Look(where, step.tool.args);
    counter.Look(where, step.result.output);
  }
  return counter.Take();
}

}  // namespace

EvidenceSession Extract(const PricedSession& priced, const PriceBook& book, const ReplayReport* replay) {
  const Session& session = *priced.session;
  EvidenceSession out;
  out.card = compile::CompileCard(priced, book, compile::Depth::kFull, replay);
  out.task = session.task_id, out.task_stated = !session.info.task_id.empty();
  out.family = session.info.project.empty() ? session.info.cwd : session.info.project;
  out.prompt = session.prompt, out.later_prompts = session.later_prompts;
  SetOutcome(session, replay, &out);
  out.attempts = AttemptsOf(session);
  Extraction(priced, replay).Fill(&out);
  if (replay) out.replay = *replay;
  return out;
}

EvidenceBase Gather(std::vector<EvidenceSession> sessions) {
  using Key = std::pair<std::string, std::string>;  // session id, agent
  std::map<Key, EvidenceSession> chosen;
  for (EvidenceSession& session : sessions) {
    // Sessions without an id are told apart by their content.
    std::string id = session.card.session_id.empty() ? session.card.source_hash : session.card.session_id;
    auto [at, fresh] = chosen.try_emplace(Key(std::move(id), session.card.agent));
    if (fresh || IsFuller(session, at->second)) at->second = std::move(session);
  }
  TaskJoiner joiner;
  for (const auto& [key, session] : chosen) {
    if (!session.task.empty() && !session.task_stated)
      joiner.Add(session.family, session.task, session.prompt);
  }
  std::map<std::string, std::string> joined = joiner.Join();
  EvidenceBase base;
  for (auto& [key, session] : chosen) {
    auto root = joined.find(session.task);
    if (root != joined.end() && !session.task_stated) session.task = root->second;
    base.sessions.push_back(std::move(session));
  }
  std::ranges::sort(base.sessions, {}, [](const EvidenceSession& session) {
    return std::tuple(std::string_view(session.task), std::string_view(session.card.session_id),
                      std::string_view(session.card.agent), std::string_view(session.card.source_hash));
  });
  return base;
}

std::map<std::string, EvidenceBase::TaskCount> EvidenceBase::Tasks() const {
  std::map<std::string, TaskCount> tasks;
  for (const EvidenceSession& session : sessions) {
    TaskCount& count = tasks[session.task];
    if (session.outcome == Verdict::kSuccess)
      ++count.pass;
    else if (session.outcome == Verdict::kFailure || session.outcome == Verdict::kPartial)
      ++count.fail;
    else
      ++count.unknown;
  }
  return tasks;
}

}  // namespace clawtrace::distill

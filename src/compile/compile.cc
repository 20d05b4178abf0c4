#include "compile/compile.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "compile/failures.h"
#include "compile/money.h"
#include "compile/turn_cost.h"

namespace clawtrace::compile {
namespace {

std::optional<int64_t> MillisBetween(std::optional<int64_t> start_ns, std::optional<int64_t> end_ns) {
  if (!start_ns || !end_ns || *end_ns < *start_ns) return std::nullopt;
  return (*end_ns - *start_ns) / 1'000'000;
}

void Add(std::optional<Usd>& sum, std::optional<Usd> amount) {
  if (amount) sum = sum.value_or(Usd()) + *amount;
}
void Add(std::optional<int64_t>& sum, std::optional<int64_t> amount) {
  if (amount) sum = sum.value_or(0) + *amount;
}

// Figures that add up over a session and everything below it.
struct Sums {
  Totals totals;
  bool tokens_known = false;  // of a call at least
  std::map<CostStatus, int64_t> by_status;
  std::set<CostStatus> of_answers;  // the statuses without auxiliary calls'
  std::set<std::string> unpriced_models;
  std::vector<std::string> models;
  std::optional<Usd> included, reported, wasted, saveable;
  std::optional<Usd> low_gap, high_gap;  // billed minus lower bound, upper bound minus billed
  int64_t cost_deltas = 0, savings_skipped = 0;
  std::optional<int64_t> llm_ms, tool_ms;
  int64_t failed_attempts = 0;
};

// nullopt: calls were made and no one said what they used.
std::optional<Usage> TokensOf(const Sums& sums) {
  bool known = sums.tokens_known || sums.totals.llm_calls == 0;
  return known ? std::optional(sums.totals.tokens) : std::nullopt;
}

void Merge(Sums& into, const Sums& from) {
  Add(into.totals.cost_usd, from.totals.cost_usd);
  into.totals.tokens += from.totals.tokens;
  into.tokens_known = into.tokens_known || from.tokens_known;
  into.of_answers.insert(from.of_answers.begin(), from.of_answers.end());
  into.totals.llm_calls += from.totals.llm_calls;
  into.totals.tool_calls += from.totals.tool_calls;
  into.totals.spawns += from.totals.spawns;
  for (auto& [status, count] : from.by_status) into.by_status[status] += count;
  into.unpriced_models.insert(from.unpriced_models.begin(), from.unpriced_models.end());
  for (const std::string& model : from.models) {
    if (std::find(into.models.begin(), into.models.end(), model) == into.models.end())
      into.models.push_back(model);
  }
  Add(into.included, from.included), Add(into.reported, from.reported), Add(into.wasted, from.wasted);
  Add(into.llm_ms, from.llm_ms), Add(into.tool_ms, from.tool_ms);
  Add(into.saveable, from.saveable);
  Add(into.low_gap, from.low_gap), Add(into.high_gap, from.high_gap);
  into.failed_attempts += from.failed_attempts, into.cost_deltas += from.cost_deltas;
  into.savings_skipped += from.savings_skipped;
}

// What each LLM call was for, by what it produced. Only the conversation's last call without tools is its
// final reply.
std::vector<std::string> RolesOf(const Session& session) {
  std::set<int64_t> with_tools;
  for (const Step& step : session.steps) {
    if (step.kind != StepKind::kLlmCall && step.turn > 0) with_tools.insert(step.turn);
  }
  std::vector<std::string> roles(session.steps.size());
  std::optional<size_t> last;
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    if (step.kind != StepKind::kLlmCall || !step.llm.billed) continue;
    if (!step.abandoned) last = i;
    bool tools = with_tools.contains(step.turn), text = step.llm.text_bytes > 0;
    if (!step.llm.error.empty())
      roles[i] = "failed";
    else if (tools)
      roles[i] = text ? "plan_then_tool" : "tool_call";
    else
      roles[i] = text ? "reply" : step.llm.thinking_bytes > 0 ? "thinking" : "other";
  }
  if (last && roles[*last] == "reply") roles[*last] = "final_reply";
  return roles;
}

size_t StepsBelow(const Session& session) {
  size_t steps = session.steps.size();
  for (const Step& step : session.steps) {
    for (const Session& child : step.children) steps += StepsBelow(child);
  }
  return steps;
}

using Findings = std::vector<std::pair<const Detector*, Finding>>;

// What replay alone found: named in cards as detectors are.
constexpr Detector kReplayed{.name = "not_needed", .summary = "replay: not needed", .find = nullptr};

// Verdicts by step id.
class Verdicts {
 public:
  explicit Verdicts(const ReplayReport* replay) {
    for (size_t i = 0; replay && i < replay->steps.size(); ++i)
      by_step_.emplace(replay->steps[i].step, &replay->steps[i]);
  }
  const StepVerdict* Of(const std::string& step) const {
    auto found = by_step_.find(step);
    return found == by_step_.end() ? nullptr : found->second;
  }
  bool Needed(const std::string& step) const {
    const StepVerdict* verdict = Of(step);
    return verdict && verdict->verdict == Contribution::kNeeded;
  }
  // Failures are told elsewhere.
  bool ProvenWaste(const std::string& step) const {
    const StepVerdict* verdict = Of(step);
    return verdict && verdict->verdict == Contribution::kNotNeeded && verdict->grade == "C1" &&
           !verdict->failed;
  }

 private:
  std::map<std::string, const StepVerdict*> by_step_;
};

// Compiles one session and what hangs below it into one card's lists.
class Compiler {
 public:
  Compiler(TraceCard* card, const PriceBook& book, Depth depth, const ReplayReport* replay)
      : card_(*card), book_(book), depth_(depth), verdicts_(replay) {}

  // prefix: id of the spawning step ("9/"), "" for the root.
  Sums Run(const PricedSession& priced, const std::string& prefix) {
    if (depth_ == Depth::kTotals) return Count(priced, prefix);
    const Session& session = *priced.session;
    std::vector<ToolMeaning> meanings = MeaningsOf(session);
    Money money(priced);
    SceneMoney scene_money{priced, money.attribution(), book_};
    Scene scene{session, meanings, &scene_money};
    Findings findings, observations;
    FindAll(scene, prefix, &findings, &observations);
    AddReplayed(session, meanings, prefix, &findings);
    std::vector<Failure> failures = FindFailures(scene);
    std::erase_if(failures, [&](const Failure& failure) { return session.steps[failure.step].inherited; });
    std::vector<const Detector*> flags(session.steps.size());
    for (auto& [detector, finding] : findings) {
      for (size_t i : finding.steps) flags[i] = flags[i] ? flags[i] : detector;
    }
    TurnCost turns(priced);
    AddGroups(priced, turns, findings, prefix, &money);
    AddFailures(turns, failures, scene, prefix, &money);
    AddObservations(session, observations, prefix);
    std::vector<std::string> roles = RolesOf(session);
    Sums own;
    own.wasted = Wasted(turns, findings, failures, &money);
    std::set<size_t> removable = RemovableTogether(findings);
    own.saveable = money.SavedWithoutAll(removable), own.savings_skipped = money.skipped();
    for (ReservedRow& row : money.Reserved(prefix)) card_.reserved_costs.push_back(std::move(row));
    Sums below;
    for (size_t i = 0; i < session.steps.size(); ++i) {
      CardStep& row = card_.steps.emplace_back(MakeStep(priced, i, flags[i], prefix, &own));
      row.role = roles[i];
      money.Fill(i, &row);
      AddBounds(row, &own);
      if (session.steps[i].kind != StepKind::kSubagentSpawn) continue;
      Sums children;
      AddSubAgents(priced, i, prefix, &children);
      if (removable.contains(i)) children.saveable.reset();  // saved with the spawn already
      Merge(below, children);
    }
    AddSessionFigures(session, prefix, &own);
    AddBrokenArguments(session, prefix);
    if (prefix.empty()) SetOwn(own);
    Merge(own, below);
    for (const std::string& note : session.notes) AddNote(note, prefix);
    return own;
  }

 private:
  // What detectors say, but for what an earlier session wasted and this one copied (that is its waste), and
  // what replay proved needed.
  void FindAll(const Scene& scene, const std::string& prefix, Findings* findings,
               Findings* observations) const {
    for (const Detector* detector : Detectors()) {
      for (Finding& finding : detector->find(scene)) {
        std::erase_if(finding.steps, [&](size_t i) {
          bool needed = !detector->observes && verdicts_.Needed(IdOf(prefix, i));
          return scene.session.steps[i].inherited || needed;
        });
        if (!finding.steps.empty())
          (detector->observes ? observations : findings)->emplace_back(detector, std::move(finding));
      }
    }
  }

  // Proven waste that no detector suspected.
  void AddReplayed(const Session& session, std::span<const ToolMeaning> meanings, const std::string& prefix,
                   Findings* findings) const {
    std::set<size_t> found;
    for (const auto& [detector, finding] : *findings)
      found.insert(finding.steps.begin(), finding.steps.end());
    for (size_t i = 0; i < session.steps.size(); ++i) {
      if (found.contains(i) || !verdicts_.ProvenWaste(IdOf(prefix, i))) continue;
      findings->emplace_back(&kReplayed,
                             Finding{.first = std::nullopt, .steps = {i}, .target = meanings[i].target});
    }
  }

  // Run without looking for waste.
  Sums Count(const PricedSession& priced, const std::string& prefix) {
    Sums own, below;
    for (size_t i = 0; i < priced.session->steps.size(); ++i) {
      CardStep& row = card_.steps.emplace_back(MakeStep(priced, i, nullptr, prefix, &own));
      AddBounds(row, &own);
      if (priced.session->steps[i].kind == StepKind::kSubagentSpawn) AddSubAgents(priced, i, prefix, &below);
    }
    AddSessionFigures(*priced.session, prefix, &own);
    if (prefix.empty()) SetOwn(own);
    Merge(own, below);
    for (const std::string& note : priced.session->notes) AddNote(note, prefix);
    return own;
  }

  static std::string IdOf(const std::string& prefix, size_t index) {
    return fmt::format("{}{}", prefix, index + 1);
  }

  void AddNote(const std::string& note, const std::string& prefix) {
    card_.coverage->notes.push_back(prefix.empty() ? note : prefix + " " + note);
  }

  // Sources that count tokens or money once for the whole session. No step gets a share: that would be
  // invented.
  void AddSessionFigures(const Session& session, const std::string& prefix, Sums* own) {
    bool counted = std::ranges::any_of(session.steps, [](const Step& step) {
      return step.kind == StepKind::kLlmCall && step.llm.usage.has_value();
    });
    if (session.info.reported_usage && !counted) {
      own->totals.tokens += *session.info.reported_usage, own->tokens_known = true;
      AddNote("usage_only_as_total", prefix);
    }
    if (session.info.reported_cost && !own->reported) {
      own->reported = session.info.reported_cost;
      AddNote("cost_only_as_total", prefix);
    }
  }

  void AddBrokenArguments(const Session& session, const std::string& prefix) {
    auto count = std::count_if(session.steps.begin(), session.steps.end(),
                               [](const Step& step) { return step.tool.args_broken; });
    if (count == 0) return;
    std::string note = fmt::format("broken_arguments:{}", count);
    card_.coverage->notes.push_back(prefix.empty() ? note : prefix + " " + note);
  }

  void SetOwn(const Sums& own) {
    card_.own_cost_usd = own.totals.cost_usd
                             ? own.totals.cost_usd
                             : (own.totals.llm_calls == 0 ? std::optional(Usd()) : std::nullopt);
    card_.own_tokens = TokensOf(own);
    card_.own_llm_call_count = own.totals.llm_calls;
    card_.own_tool_call_count = own.totals.tool_calls;
  }

  CardStep MakeStep(const PricedSession& priced, size_t index, const Detector* flag,
                    const std::string& prefix, Sums* sums) {
    const Step& step = priced.session->steps[index];
    CardStep row;
    row.id = IdOf(prefix, index), row.kind = step.kind, row.call_id = step.call_id;
    if (step.turn > 0) row.turn = step.turn;
    if (step.start_ns) row.start_ms = *step.start_ns / 1'000'000;
    row.duration_ms = MillisBetween(step.start_ns, step.end_ns);
    row.abandoned = step.abandoned, row.inherited = step.inherited;
    if (step.kind == StepKind::kLlmCall)
      AddCall(step, priced.prices[index], &row, sums);
    else
      AddTool(step, &row, sums);
    if (flag) row.suspected = true, row.reason = flag->name;
    if (const StepVerdict* verdict = verdicts_.Of(row.id)) {
      row.outcome_contribution = verdict->verdict, row.grade = verdict->grade;
      if (flag && verdicts_.ProvenWaste(row.id)) row.suspected = false, row.redundant = true;
    }
    return row;
  }

  static void AddBounds(const CardStep& row, Sums* sums) {
    if (row.cost_delta_percent) ++sums->cost_deltas;
    if (!row.cost_low_usd) return;
    Add(sums->low_gap, *row.cost_usd - *row.cost_low_usd);
    Add(sums->high_gap, *row.cost_high_usd - *row.cost_usd);
  }

  static void AddCall(const Step& step, const CallPrice& price, CardStep* row, Sums* sums) {
    row->model = step.llm.model.empty() ? "unknown" : step.llm.model;
    row->cost_status = price.status;
    row->cost_usd = price.billed;
    row->reported_cost_usd = step.llm.reported_cost;
    if (step.inherited) row->cost_status.reset(), row->cost_usd.reset(), row->reported_cost_usd.reset();
    row->tokens = step.llm.usage;
    row->error = std::string(FirstLine(step.llm.error));
    if (!row->error.empty()) row->status = ToolStatus::kError;
    if (!step.inherited) Add(sums->llm_ms, row->duration_ms);
    if (!step.llm.billed) return;  // a local message: shown, not counted as a call
    if (!step.llm.error.empty() && !step.llm.usage && !step.llm.reported_cost) {
      // A request that no model answered: a failure, not a call. What it cost, if anything, nobody said.
      ++sums->failed_attempts;
      row->cost_status.reset(), row->cost_usd.reset();
      return;
    }
    ++sums->totals.llm_calls;
    Add(sums->totals.cost_usd, price.billed);
    if (step.llm.usage) sums->totals.tokens += *step.llm.usage, sums->tokens_known = true;
    ++sums->by_status[price.status];
    if (!step.llm.auxiliary) sums->of_answers.insert(price.status);
    if (price.status == CostStatus::kUnpriced) sums->unpriced_models.insert(row->model);
    if (price.status == CostStatus::kIncluded) Add(sums->included, price.list_price);
    Add(sums->reported, step.llm.reported_cost);
    if (std::find(sums->models.begin(), sums->models.end(), row->model) == sums->models.end())
      sums->models.push_back(row->model);
  }

  static void AddTool(const Step& step, CardStep* row, Sums* sums) {
    row->tool = step.tool.name.empty() ? "unknown" : step.tool.name;
    if (step.kind == StepKind::kSubagentSpawn)
      row->agent = step.children.empty() ? "" : step.children.front().info.agent_name;
    row->status = step.result.status;
    row->exit_code = step.result.exit_code;
    if (step.result.status == ToolStatus::kError) row->error = std::string(FirstLine(step.result.error));
    if (step.inherited) return;
    Add(sums->tool_ms, row->duration_ms);
    if (step.result_only) return;
    bool linked = step.tool.name != "unlinked_subagent";
    if (linked) ++sums->totals.tool_calls;
    if (step.kind == StepKind::kSubagentSpawn) ++sums->totals.spawns;
  }

  void AddSubAgents(const PricedSession& priced, size_t index, const std::string& prefix, Sums* below) {
    const Step& step = priced.session->steps[index];
    std::string id = IdOf(prefix, index);
    if (step.children.empty()) {
      SubAgent agent;
      agent.step = id, agent.session_id = step.result.child_session;
      card_.sub_agents.push_back(std::move(agent));
    }
    for (size_t c = 0; c < step.children.size(); ++c) {
      size_t place = card_.sub_agents.size();
      card_.sub_agents.emplace_back();
      // Several children of one spawn: 9/1, 9/2 would clash, so the second child's steps are 9b/1.
      std::string child_id = c == 0 ? id : id + static_cast<char>('a' + std::min<size_t>(c, 25));
      Sums sums = Run(priced.children[index][c], child_id + "/");
      SubAgent& agent = card_.sub_agents[place];
      const Session& child = step.children[c];
      agent.step = child_id, agent.session_id = child.id, agent.log_present = true;
      agent.agent = child.info.agent_name;
      agent.cost_usd = sums.totals.cost_usd;
      agent.llm_call_count = sums.totals.llm_calls, agent.tool_call_count = sums.totals.tool_calls;
      Merge(*below, sums);
    }
  }

  // A step that makes others needless is kept, and a finding whose own such step is gone no longer holds.
  static std::set<size_t> RemovableTogether(const Findings& findings) {
    std::set<size_t> removed, kept;
    for (auto& [detector, finding] : findings) {
      if (finding.first && removed.contains(*finding.first)) continue;
      if (finding.first) kept.insert(*finding.first);
      for (size_t step : finding.steps) {
        if (!kept.contains(step)) removed.insert(step);
      }
    }
    return removed;
  }

  static std::optional<Usd> Wasted(const TurnCost& turns, const Findings& findings,
                                   const std::vector<Failure>& failures, Money* money) {
    std::set<size_t> set;
    for (auto& [detector, finding] : findings) set.insert(finding.steps.begin(), finding.steps.end());
    for (const Failure& failure : failures) {
      set.insert(failure.step);
      set.insert(failure.retries.begin(), failure.retries.end());
    }
    return WasteOf(turns.Of(set), money->SavedWithoutAll(set));
  }

  void AddGroups(const PricedSession& priced, const TurnCost& turns, const Findings& findings,
                 const std::string& prefix, Money* money) {
    for (auto& [detector, finding] : findings) {
      RedundantGroup group;
      group.tool = priced.session->steps[finding.steps.front()].tool.name;
      bool proven = std::ranges::all_of(finding.steps,
                                        [&](size_t i) { return verdicts_.ProvenWaste(IdOf(prefix, i)); });
      group.reason = detector->name, group.grade = proven ? "C1" : "C0", group.target = finding.target;
      if (finding.first) group.first = IdOf(prefix, *finding.first);
      for (size_t i : finding.steps) {
        group.steps.push_back(IdOf(prefix, i));
        group.call_ids.push_back(priced.session->steps[i].call_id);
      }
      std::set<size_t> set(finding.steps.begin(), finding.steps.end());
      group.expected_savings_usd = money->SavedWithout(set);
      group.wasted_usd = WasteOf(turns.Of(set), group.expected_savings_usd);
      card_.redundant_tool_calls.push_back(std::move(group));
    }
  }

  void AddObservations(const Session& session, const Findings& observations, const std::string& prefix) {
    for (auto& [detector, finding] : observations) {
      Observation row;
      row.reason = detector->name, row.tool = session.steps[finding.steps.front()].tool.name;
      row.target = finding.target, row.cost_usd = finding.cost, row.share_percent = finding.share_percent;
      row.requested_model = finding.requested_model, row.model = finding.model;
      for (size_t i : finding.steps) {
        row.steps.push_back(IdOf(prefix, i));
        row.call_ids.push_back(session.steps[i].call_id);
      }
      card_.observations.push_back(std::move(row));
    }
  }

  void AddFailures(const TurnCost& turns, const std::vector<Failure>& failures, const Scene& scene,
                   const std::string& prefix, Money* money) {
    const auto& steps = scene.session.steps;
    for (const Failure& failure : failures) {
      FailedStep row;
      const Step& step = steps[failure.step];
      row.step = IdOf(prefix, failure.step), row.call_id = step.call_id, row.tool = step.tool.name;
      row.error = std::string(PrefixUtf8(failure.error, kMaxError)), row.error_class = failure.error_class;
      row.kind = failure.environment ? "environment" : "mistake";
      row.args = std::string(PrefixUtf8(step.tool.args, kMaxText));
      std::set<size_t> set = {failure.step};
      for (size_t i : failure.retries) row.retries.push_back(IdOf(prefix, i)), set.insert(i);
      row.wasted_usd = WasteOf(turns.Of(set), money->SavedWithout(set));
      if (failure.repair) {
        row.repaired_by = IdOf(prefix, *failure.repair), row.repair_call_id = steps[*failure.repair].call_id;
        row.repair_args = std::string(PrefixUtf8(steps[*failure.repair].tool.args, kMaxText));
        set.insert(*failure.repair);
        for (size_t i : failure.helpers) {
          std::string_view args = scene.meanings[i].command.empty()
                                      ? std::string_view(steps[i].tool.args)
                                      : std::string_view(scene.meanings[i].command);
          row.helpers.emplace_back(PrefixUtf8(args, kMaxError));
        }
      }
      row.cost_usd = turns.Of(set);
      card_.failed_or_repaired_steps.push_back(std::move(row));
    }
  }

  TraceCard& card_;
  const PriceBook& book_;
  Depth depth_;
  Verdicts verdicts_;
};

// unpriced is the weakest, then a client's figure, then a subscription's, then ours. Calls for titles and the
// like decide only when there are no others; coverage counts them.
CostStatus Weakest(const Sums& sums) {
  for (CostStatus status : {CostStatus::kUnpriced, CostStatus::kReported, CostStatus::kIncluded}) {
    if (sums.of_answers.empty() ? sums.by_status.contains(status) : sums.of_answers.contains(status))
      return status;
  }
  return CostStatus::kPriced;
}

void SetTotals(const Sums& sums, TraceCard* card) {
  const Totals& totals = sums.totals;
  // Nothing was asked of a model: that cost is known to be nothing.
  card->total_cost_usd = totals.llm_calls == 0 ? std::optional(Usd()) : totals.cost_usd;
  card->total_tokens = TokensOf(sums);
  card->llm_call_count = totals.llm_calls, card->tool_call_count = totals.tool_calls,
  card->spawn_count = totals.spawns;
  card->cost_status = Weakest(sums);
  card->models = sums.models;
  card->included_cost_usd = sums.included, card->reported_cost_usd = sums.reported,
  card->wasted_usd = sums.wasted, card->saveable_usd = sums.saveable;
  if (sums.low_gap && card->total_cost_usd) {
    card->cost_low_usd = *card->total_cost_usd - *sums.low_gap;
    card->cost_high_usd = *card->total_cost_usd + *sums.high_gap;
  }
  card->llm_ms = sums.llm_ms, card->tool_ms = sums.tool_ms;
  auto count = [&](CostStatus status) {
    auto found = sums.by_status.find(status);
    return found == sums.by_status.end() ? int64_t{0} : found->second;
  };
  card->coverage->priced = count(CostStatus::kPriced),
  card->coverage->reported = count(CostStatus::kReported);
  card->coverage->unpriced = count(CostStatus::kUnpriced),
  card->coverage->included = count(CostStatus::kIncluded);
  card->coverage->unpriced_models.assign(sums.unpriced_models.begin(), sums.unpriced_models.end());
}

}  // namespace

TraceCard CompileCard(const PricedSession& priced, const PriceBook& book, Depth depth,
                      const ReplayReport* replay) {
  const Session& session = *priced.session;
  if (replay && (replay->session_id != session.id || replay->steps_hash != HashOfSteps(session)))
    replay = nullptr;
  TraceCard card;
  card.schema = "tracecard/1";
  card.session_id = session.id;
  card.agent = session.info.agent.empty() ? session.source : session.info.agent;
  card.agent_version = session.info.agent_version;
  card.task_id = session.task_id;
  card.source_hash = HexOf(session.source_hash);
  card.price_book = book.id();
  card.skills = session.skills;
  if (session.start_ns) card.started_ms = *session.start_ns / 1'000'000;
  card.wall_ms = MillisBetween(session.start_ns, session.end_ns);
  card.outcome = session.outcome.verdict;
  if (session.outcome.source != OutcomeSource::kNone) card.outcome_source = session.outcome.source;
  card.coverage = Coverage{};
  card.steps.reserve(StepsBelow(session));
  Sums sums = Compiler(&card, book, depth, replay).Run(priced, "");
  if (sums.failed_attempts)
    card.coverage->notes.push_back(fmt::format("failed_llm_attempts:{}", sums.failed_attempts));
  if (sums.cost_deltas) card.coverage->notes.push_back(fmt::format("cost_delta:{}", sums.cost_deltas));
  if (sums.savings_skipped)
    card.coverage->notes.push_back(fmt::format("savings_not_computed:{}", sums.savings_skipped));
  SetTotals(sums, &card);
  if (replay && replay->minimal && depth == Depth::kFull) card.saveable_usd = replay->minimal->saved_usd;
  std::sort(card.coverage->notes.begin(), card.coverage->notes.end());
  card.skipped_input = session.skipped;
  card.coverage->skipped_records = static_cast<int64_t>(session.skipped.size());
  return card;
}

}  // namespace clawtrace::compile

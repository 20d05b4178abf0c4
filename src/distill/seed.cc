#include "distill/seed.h"

#include <fmt/core.h>

#include <algorithm>

namespace clawtrace::distill {
namespace {

__extension__ typedef __int128 Wide;
constexpr int64_t kPercent = 100;

std::optional<int64_t> Median(std::vector<int64_t> values) {
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  return values[(values.size() - 1) / 2];
}

int64_t PercentOf(Usd part, Usd whole) {
  return static_cast<int64_t>(Wide{part.pico()} * kPercent / std::max<int64_t>(whole.pico(), 1));
}

SeedVerdict ShortSessions(const EvidenceBase& base) {
  std::vector<int64_t> calls;
  for (const EvidenceSession& session : base.sessions) {
    if (session.card.llm_call_count) calls.push_back(*session.card.llm_call_count);
  }
  auto median = Median(std::move(calls));
  if (!median) return {"short_sessions", Advice::kUnknown, "How many LLM calls sessions make is not known."};
  return {"short_sessions", *median < kShortSession ? Advice::kDoNot : Advice::kGoOn,
          fmt::format(
              "Sessions make {} LLM calls in the median; below {} a skill costs more to carry than it can "
              "leave out.",
              *median, kShortSession)};
}

SeedVerdict LatencyBound(const EvidenceBase& base) {
  std::vector<int64_t> tools, shares;
  for (const EvidenceSession& session : base.sessions) {
    const TraceCard& card = session.card;
    if (!card.tool_ms || !card.llm_ms || *card.tool_ms + *card.llm_ms <= 0) continue;
    tools.push_back(*card.tool_ms);
    shares.push_back(kPercent * *card.tool_ms / (*card.tool_ms + *card.llm_ms));
  }
  auto wait = Median(std::move(tools)), share = Median(std::move(shares));
  if (!wait) return {"latency_bound", Advice::kUnknown, "What time tools and models take is not known."};
  bool bound = *share >= kToolTimePercent && *wait >= kLongWaitMs;
  return {"latency_bound", bound ? Advice::kDoNot : Advice::kGoOn,
          fmt::format("Tools take {} % of the working time and {} s a session in the median{}", *share,
                      *wait / 1000, bound ? "; fewer LLM calls will not make it quicker." : ".")};
}

SeedVerdict StochasticSubagents(const EvidenceBase& base) {
  Usd all, below;
  for (const EvidenceSession& session : base.sessions) {
    if (session.card.total_cost_usd) all = all + *session.card.total_cost_usd;
    for (const SubAgent& agent : session.card.sub_agents) {
      if (agent.cost_usd) below = below + *agent.cost_usd;
    }
  }
  if (all <= Usd()) return {"stochastic_subagents", Advice::kUnknown, "What sub-agents cost is not known."};
  int64_t share = PercentOf(below, all);
  return {"stochastic_subagents", share >= kSubagentPercent ? Advice::kDoNot : Advice::kGoOn,
          fmt::format(
              "Sub-agents make {} % of the cost{}", share,
              share >= kSubagentPercent
                  ? "; what they do differs from run to run, and a skill of their parent does not reach them."
                  : ".")};
}

SeedVerdict NoOracle(const EvidenceBase& base) {
  int64_t judged = 0;
  for (const EvidenceSession& session : base.sessions) judged += session.outcome != Verdict::kUnknown ? 1 : 0;
  int64_t sessions = std::ssize(base.sessions);
  bool few = judged < kEnoughJudged && kPercent * judged < kJudgedPercent * sessions;
  return {"no_oracle",
          judged == 0 ? Advice::kDoNot
          : few       ? Advice::kUnknown
                      : Advice::kGoOn,
          fmt::format("{} of {} sessions were judged by an oracle, a person or a judge{}", judged, sessions,
                      judged == 0 ? "; without outcomes a rule may save cost and lose the task."
                      : few       ? "; too few to know what became of the others."
                                  : ".")};
}

SeedVerdict FewTasks(const EvidenceBase& base) {
  int64_t tasks = std::ssize(base.Tasks());
  return {"few_tasks", tasks < kFewestTasks ? Advice::kDoNot : Advice::kGoOn,
          fmt::format(
              "The sessions are of {} distinct task{}; {} are the fewest that a rule can be general over.",
              tasks, tasks == 1 ? "" : "s", kFewestTasks)};
}

SeedVerdict NothingSaveable(const EvidenceBase& base) {
  Usd all, saveable;
  int64_t failed = 0;
  for (const EvidenceSession& session : base.sessions) {
    const TraceCard& card = session.card;
    failed += session.outcome == Verdict::kFailure || session.outcome == Verdict::kPartial ? 1 : 0;
    if (!card.total_cost_usd) continue;
    all = all + *card.total_cost_usd;
    Usd most = card.saveable_usd.value_or(Usd());
    if (session.lean_cost_usd) most = std::max(most, *card.total_cost_usd - *session.lean_cost_usd);
    for (const FailureSaving& failure : session.failures)
      most = std::max(most, failure.saved_usd.value_or(Usd()));
    saveable = saveable + most;
  }
  if (all <= Usd())
    return {"nothing_saveable", Advice::kUnknown,
            "What the sessions cost is not known, so neither is what could be saved."};
  bool little = Wide{saveable.pico()} * kPercent < Wide{all.pico()} * kLeastSaveablePercent;
  // Where sessions fail there is more to win than cost.
  return {"nothing_saveable", little && failed == 0 ? Advice::kDoNot : Advice::kGoOn,
          fmt::format("{} of {} USD went into steps that were not needed or failed ({} %).",
                      saveable.ToDecimal(6), all.ToDecimal(6), PercentOf(saveable, all))};
}

}  // namespace

std::vector<SeedVerdict> WhenNotTo(const EvidenceBase& base) {
  return {ShortSessions(base), LatencyBound(base), StochasticSubagents(base),
          NoOracle(base),      FewTasks(base),     NothingSaveable(base)};
}

}  // namespace clawtrace::distill

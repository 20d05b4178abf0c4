#include "model/tracecard.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>

#include "base/hash.h"
#include "base/text.h"
#include "model/archive.h"
#include "model/pack_archive.h"

namespace clawtrace {

// tool, model or agent: whichever is set is what the step's kind calls for.
template <class A>
void Describe(A& a, CardStep& s) {
  a.StepField("id", s.id), a.Field("kind", s.kind), a.Field("tool", s.tool), a.Field("model", s.model),
      a.Field("agent", s.agent);
  a.Field("role", s.role), a.Field("cost_usd", s.cost_usd), a.Field("cost_status", s.cost_status),
      a.Field("reported_cost_usd", s.reported_cost_usd);
  a.Field("cost_delta_percent", s.cost_delta_percent), a.Field("cost_low_usd", s.cost_low_usd),
      a.Field("cost_high_usd", s.cost_high_usd), a.Field("cost_reason", s.cost_reason);
  a.Field("attributed_cost_usd", s.attributed_cost_usd), a.Field("context_cost_usd", s.context_cost_usd),
      a.Field("estimated", s.estimated);
  a.Field("redundant", s.redundant), a.Field("suspected", s.suspected), a.Field("reason", s.reason);
  a.Field("outcome_contribution", s.outcome_contribution), a.Field("grade", s.grade);
  a.Field("status", s.status), a.Field("exit_code", s.exit_code), a.Field("error", s.error),
      a.Field("abandoned", s.abandoned), a.Field("inherited", s.inherited);
  a.Field("turn", s.turn), a.Field("call_id", s.call_id), a.Field("start_ms", s.start_ms),
      a.Field("duration_ms", s.duration_ms);
  a.Field("tokens", s.tokens);
}
constexpr bool IsRow(const CardStep&) { return true; }

template <class A>
void Describe(A& a, RedundantGroup& g) {
  a.Field("tool", g.tool), a.Field("reason", g.reason), a.Field("grade", g.grade),
      a.Field("target", g.target);
  a.StepField("first", g.first), a.StepField("steps", g.steps), a.Field("wasted_usd", g.wasted_usd),
      a.Field("expected_savings_usd", g.expected_savings_usd), a.Field("call_ids", g.call_ids);
}
constexpr bool IsRow(const RedundantGroup&) { return true; }

template <class A>
void Describe(A& a, Observation& o) {
  a.Field("reason", o.reason), a.Field("tool", o.tool), a.Field("target", o.target),
      a.StepField("steps", o.steps);
  a.Field("cost_usd", o.cost_usd), a.Field("share_percent", o.share_percent),
      a.Field("requested_model", o.requested_model), a.Field("model", o.model),
      a.Field("call_ids", o.call_ids);
}
constexpr bool IsRow(const Observation&) { return true; }

template <class A>
void Describe(A& a, FailedStep& f) {
  a.StepField("step", f.step), a.Field("tool", f.tool), a.Field("error", f.error),
      a.Field("error_class", f.error_class);
  a.Field("kind", f.kind), a.StepField("repaired_by", f.repaired_by), a.StepField("retries", f.retries),
      a.Field("cost_usd", f.cost_usd), a.Field("wasted_usd", f.wasted_usd);
  a.Field("call_id", f.call_id), a.Field("repair_call_id", f.repair_call_id), a.Field("args", f.args);
  a.Field("repair_args", f.repair_args), a.Field("helpers", f.helpers);
}
constexpr bool IsRow(const FailedStep&) { return true; }

template <class A>
void Describe(A& a, ReservedRow& r) {
  a.Field("row", r.row), a.StepField("step", r.step), a.Field("cost_usd", r.cost_usd),
      a.Field("estimated", r.estimated), a.StepField("first", r.first), a.StepField("last", r.last);
}
constexpr bool IsRow(const ReservedRow&) { return true; }

template <class A>
void Describe(A& a, SubAgent& s) {
  a.StepField("step", s.step), a.Field("session_id", s.session_id), a.Field("agent", s.agent),
      a.Field("log_present", s.log_present);
  a.Field("cost_usd", s.cost_usd), a.Field("llm_call_count", s.llm_call_count),
      a.Field("tool_call_count", s.tool_call_count);
}
constexpr bool IsRow(const SubAgent&) { return true; }

template <class A>
void Describe(A& a, Coverage& c) {
  a.Field("priced", c.priced), a.CountField("reported", c.reported), a.CountField("unpriced", c.unpriced);
  a.CountField("included", c.included), a.CountField("skipped_records", c.skipped_records),
      a.Field("unpriced_models", c.unpriced_models), a.Field("notes", c.notes);
}

template <class A>
void Describe(A& a, TraceCard& c) {
  a.Field("schema", c.schema), a.Field("session_id", c.session_id), a.Field("agent", c.agent),
      a.Field("agent_version", c.agent_version);
  a.Field("task_id", c.task_id), a.Field("started_ms", c.started_ms), a.Field("models", c.models);
  a.Field("outcome", c.outcome), a.Field("outcome_source", c.outcome_source);
  // A card of ours says null where no cost or no tokens are known; a card of the literature may simply have
  // none.
  bool ours = !c.schema.empty();
  if (ours)
    a.NullableField("total_cost_usd", c.total_cost_usd);
  else
    a.Field("total_cost_usd", c.total_cost_usd);
  a.Field("cost_status", c.cost_status);
  if (ours)
    a.NullableField("total_tokens", c.total_tokens);
  else
    a.Field("total_tokens", c.total_tokens);
  a.Field("llm_call_count", c.llm_call_count);
  a.Field("tool_call_count", c.tool_call_count), a.Field("spawn_count", c.spawn_count);
  a.Field("own_cost_usd", c.own_cost_usd), a.Field("own_tokens", c.own_tokens),
      a.Field("own_llm_call_count", c.own_llm_call_count);
  a.Field("own_tool_call_count", c.own_tool_call_count), a.Field("included_cost_usd", c.included_cost_usd);
  a.Field("reported_cost_usd", c.reported_cost_usd), a.Field("cost_low_usd", c.cost_low_usd),
      a.Field("cost_high_usd", c.cost_high_usd);
  a.Field("wasted_usd", c.wasted_usd), a.Field("saveable_usd", c.saveable_usd),
      a.Field("reserved_costs", c.reserved_costs), a.Field("wall_ms", c.wall_ms);
  a.Field("llm_ms", c.llm_ms), a.Field("tool_ms", c.tool_ms), a.Field("usd_rounded", c.usd_rounded);
  a.Field("top_cost_spans", c.top_cost_spans), a.Field("more_steps", c.more_steps),
      a.Field("more_cost_usd", c.more_cost_usd);
  a.Field("redundant_tool_calls", c.redundant_tool_calls), a.Field("more_redundant", c.more_redundant);
  a.Field("failed_or_repaired_steps", c.failed_or_repaired_steps), a.Field("more_failed", c.more_failed);
  a.Field("observations", c.observations), a.Field("more_observations", c.more_observations);
  a.Field("sub_agents", c.sub_agents), a.Field("more_sub_agents", c.more_sub_agents);
  a.Field("skills", c.skills), a.Field("more_skills", c.more_skills);
  a.Field("coverage", c.coverage), a.Field("skipped_input", c.skipped_input),
      a.Field("more_skipped", c.more_skipped);
  a.Field("price_book", c.price_book), a.Field("source_hash", c.source_hash), a.Field("steps", c.steps);
}

void PackCard(const TraceCard& card, std::string* out) { PackWriter(out).Put(card); }

bool UnpackCard(std::string_view bytes, TraceCard* card) {
  PackReader reader(bytes);
  reader.Get(*card);
  return reader.good() && reader.at_end();
}

std::string EncodeCard(const TraceCard& card, DocFormat format) {
  return Encode(card, format == DocFormat::kJson ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
}

void WriteStep(const CardStep& step, DocWriter* out) { WriteArchive(out).Put(step); }

Result<TraceCard> DecodeCard(std::string_view text, std::string_view name) {
  return Decode<TraceCard>(text, name);
}

namespace {

// At most max bytes; longer texts keep their start, an ellipsis and 8 hex digits of their hash, so that two
// different long names stay different.
std::string Shorten(const std::string& text, size_t max) {
  if (text.size() <= max) return text;
  constexpr std::string_view kEllipsis = "…";
  std::string tail = std::string(kEllipsis) + HexOf(Hash64(text)).substr(0, 8);
  return std::string(PrefixUtf8(text, max - tail.size())) + tail;
}

void Round(std::optional<Usd>& amount) {
  if (amount) amount = Usd::Parse(amount->ToDecimal(6));
}

template <class T>
void Keep(std::vector<T>& list, size_t count, std::optional<int64_t>& more) {
  if (list.size() <= count) return;
  more = more.value_or(0) + static_cast<int64_t>(list.size() - count);
  list.resize(count);
}

constexpr size_t kNameBytes = 64;

void ShortenSteps(TraceCard& card) {
  for (CardStep& s : card.top_cost_spans) {
    s.tool = Shorten(s.tool, kNameBytes), s.model = Shorten(s.model, kNameBytes),
    s.agent = Shorten(s.agent, kNameBytes);
    s.call_id.clear(), s.error.clear(), s.tokens.reset(), s.start_ms.reset(), s.turn.reset();
    s.reported_cost_usd.reset(), s.duration_ms.reset();
    s.attributed_cost_usd.reset(), s.context_cost_usd.reset(), s.estimated = false;
    s.cost_delta_percent.reset(), s.cost_low_usd.reset(), s.cost_high_usd.reset(), s.cost_reason.clear();
    if (s.cost_status == CostStatus::kPriced) s.cost_status.reset();  // coverage counts the others
    Round(s.cost_usd);
  }
  for (RedundantGroup& g : card.redundant_tool_calls) {
    g.tool = Shorten(g.tool, kNameBytes), g.target = Shorten(g.target, kNameBytes);
    g.call_ids.clear();
    Round(g.wasted_usd), Round(g.expected_savings_usd);
  }
  for (FailedStep& f : card.failed_or_repaired_steps) {
    f.tool = Shorten(f.tool, kNameBytes), f.error = Shorten(f.error, kNameBytes),
    f.error_class = Shorten(f.error_class, kNameBytes);
    f.call_id.clear(), f.repair_call_id.clear(), f.args.clear(), f.repair_args.clear(), f.helpers.clear(),
        f.wasted_usd.reset();
    Round(f.cost_usd);
  }
  for (Observation& o : card.observations) {
    o.tool = Shorten(o.tool, kNameBytes), o.target = Shorten(o.target, kNameBytes);
    o.requested_model = Shorten(o.requested_model, kNameBytes), o.model = Shorten(o.model, kNameBytes);
    o.call_ids.clear();
    Round(o.cost_usd);
  }
  for (SkillUse& s : card.skills) s.name = Shorten(s.name, kNameBytes), s.path.clear(), s.call.clear();
  for (SubAgent& s : card.sub_agents) {
    s.session_id = Shorten(s.session_id, kNameBytes), s.agent = Shorten(s.agent, kNameBytes);
    Round(s.cost_usd);
  }
}

// What the listed steps leave of the total, so that the list never looks like the whole.
void SetMoreCost(const TraceCard& full, TraceCard& card) {
  if (full.steps.empty() || !full.total_cost_usd) return;
  // From the exact amounts: the listed ones are already rounded.
  auto listed = [&](const CardStep& step) {
    return std::any_of(card.top_cost_spans.begin(), card.top_cost_spans.end(),
                       [&](const CardStep& top) { return top.id == step.id; });
  };
  Usd rest;
  for (const CardStep& step : full.steps) {
    if (step.cost_usd && !step.cost_usd->is_zero() && !listed(step)) rest += *step.cost_usd;
  }
  card.more_cost_usd = rest;
  Round(card.more_cost_usd);
  if (card.more_cost_usd->is_zero()) card.more_cost_usd.reset();
}

// One row of each name, sub-agents included.
void MergeReserved(TraceCard& card) {
  std::vector<ReservedRow> merged;
  for (const ReservedRow& row : card.reserved_costs) {
    auto same = std::ranges::find(merged, row.row, &ReservedRow::row);
    if (same == merged.end())
      merged.push_back({.row = row.row, .step = "", .cost_usd = row.cost_usd, .first = "", .last = ""});
    else if (row.cost_usd)
      same->cost_usd = same->cost_usd.value_or(Usd()) + *row.cost_usd;
  }
  for (ReservedRow& row : merged) Round(row.cost_usd);
  card.reserved_costs = std::move(merged);
}

TraceCard Compacted(const TraceCard& full) {
  TraceCard card = full;
  for (auto field : {&TraceCard::session_id, &TraceCard::agent, &TraceCard::agent_version,
                     &TraceCard::task_id, &TraceCard::price_book}) {
    card.*field = Shorten(card.*field, kNameBytes);
  }
  constexpr size_t kTop = 6;
  if (card.top_cost_spans.empty()) {
    std::vector<const CardStep*> dearest;
    for (const CardStep& step : card.steps) {
      if (step.cost_usd && !step.cost_usd->is_zero()) dearest.push_back(&step);
    }
    std::sort(dearest.begin(), dearest.end(), [](const CardStep* a, const CardStep* b) {
      return *a->cost_usd != *b->cost_usd ? *a->cost_usd > *b->cost_usd : a < b;  // ties in step order
    });
    if (dearest.size() > kTop) dearest.resize(kTop);
    for (const CardStep* step : dearest) card.top_cost_spans.push_back(*step);
    if (card.steps.size() > card.top_cost_spans.size()) {
      card.more_steps = static_cast<int64_t>(card.steps.size() - card.top_cost_spans.size());
    }
  }
  card.steps.clear();
  for (auto field : {&TraceCard::total_cost_usd, &TraceCard::own_cost_usd, &TraceCard::included_cost_usd,
                     &TraceCard::reported_cost_usd, &TraceCard::wasted_usd, &TraceCard::saveable_usd,
                     &TraceCard::cost_low_usd, &TraceCard::cost_high_usd}) {
    Round(card.*field);
  }
  MergeReserved(card);
  card.usd_rounded = true;
  // own_* only says something when there are sub-agents, and the sub-agents' rows give the rest.
  card.own_tokens.reset();
  if (card.sub_agents.empty()) {
    card.own_cost_usd.reset(), card.own_llm_call_count.reset(), card.own_tool_call_count.reset();
  }
  for (std::string& model : card.models) model = Shorten(model, kNameBytes);
  if (card.coverage) {
    for (std::string& model : card.coverage->unpriced_models) model = Shorten(model, kNameBytes);
    for (std::string& note : card.coverage->notes) note = Shorten(note, kNameBytes);
  }
  for (Skipped& skip : card.skipped_input)
    skip.file = Shorten(skip.file, kNameBytes), skip.reason = Shorten(skip.reason, kNameBytes);
  ShortenSteps(card);
  return card;
}

// What is given up, one unit at a time, in the published order. False when there is nothing left to drop.
bool DropOne(TraceCard& card) {
  auto drop = [](auto& list, std::optional<int64_t>& more) {
    if (list.empty()) return false;
    Keep(list, list.size() - 1, more);
    return true;
  };
  constexpr size_t kFew = 3;
  if (card.skipped_input.size() > kFew) return drop(card.skipped_input, card.more_skipped);
  // A client offers many skills to every session: what was not taken up says less than any step.
  if (std::ranges::any_of(card.skills, [](auto& s) { return s.stage == SkillStage::kListed; })) {
    size_t all = card.skills.size();
    std::erase_if(card.skills, [](auto& s) { return s.stage == SkillStage::kListed; });
    card.more_skills = card.more_skills.value_or(0) + static_cast<int64_t>(all - card.skills.size());
    return true;
  }
  if (!card.reserved_costs.empty()) return card.reserved_costs.clear(), true;
  if (drop(card.observations, card.more_observations)) return true;
  if (drop(card.top_cost_spans, card.more_steps)) return true;
  if (drop(card.skills, card.more_skills)) return true;
  if (drop(card.failed_or_repaired_steps, card.more_failed)) return true;
  if (drop(card.redundant_tool_calls, card.more_redundant)) return true;
  if (drop(card.sub_agents, card.more_sub_agents)) return true;
  if (drop(card.skipped_input, card.more_skipped)) return true;
  auto shrink = [](std::vector<std::string>& list) {
    if (list.size() < 2) return false;
    // Half of it goes; the last entry counts what went: "+3".
    size_t cut = 0;
    if (list.back().starts_with("+"))
      cut = static_cast<size_t>(ParseInt(std::string_view(list.back()).substr(1)).value_or(0)),
      list.pop_back();
    size_t keep = list.size() / 2;
    cut += list.size() - keep;
    list.resize(keep);
    list.push_back(fmt::format("+{}", cut));
    return true;
  };
  if (shrink(card.models)) return true;
  return card.coverage && (shrink(card.coverage->unpriced_models) || shrink(card.coverage->notes));
}

}  // namespace

Result<std::string> EncodeCompactCard(const TraceCard& full, DocFormat format, size_t max_bytes) {
  TraceCard card = Compacted(full);
  // No entry of a list is shorter than this: what cannot fit anyway need not be tried one by one.
  constexpr size_t kShortestEntry = 24;
  size_t most = max_bytes / kShortestEntry + 1;
  Keep(card.failed_or_repaired_steps, most, card.more_failed);
  Keep(card.redundant_tool_calls, most, card.more_redundant);
  Keep(card.observations, most, card.more_observations);
  Keep(card.sub_agents, most, card.more_sub_agents);
  Keep(card.skills, most, card.more_skills);
  Keep(card.skipped_input, most, card.more_skipped);
  while (true) {
    SetMoreCost(full, card);
    std::string text = EncodeCard(card, format);
    if (text.size() <= max_bytes) return text;
    if (!DropOne(card)) {
      return Fail(ErrorCode::kLimit,
                  fmt::format("totals of session {} need {} bytes, more than the limit of {}",
                              card.session_id, text.size(), max_bytes),
                  "raise --max-bytes");
    }
  }
}

}  // namespace clawtrace

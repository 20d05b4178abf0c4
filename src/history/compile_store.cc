// From the facts of a family to what a store keeps of it.
#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <tuple>

#include "capture/sessions.h"
#include "history/history.h"
#include "history/superseded.h"
#include "model/inherit.h"

namespace clawtrace::history {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

int32_t DayOf(std::optional<int64_t> ms) {
  using Days = std::chrono::days;
  if (!ms) return kUnknownDay;
  return static_cast<int32_t>(std::chrono::floor<Days>(std::chrono::milliseconds(*ms)).count());
}

using SpendRows = std::map<std::pair<int32_t, std::string>, store::DaySpend>;

// What a card's steps do not hold: the list price of calls that a subscription covers.
void AddIncluded(const PricedSession& priced, std::optional<int64_t> root_ms, SpendRows* rows) {
  for (size_t i = 0; i < priced.prices.size(); ++i) {
    const Step& step = priced.session->steps[i];
    const CallPrice& price = priced.prices[i];
    if (step.kind == StepKind::kLlmCall && price.status == CostStatus::kIncluded && price.list_price) {
      auto ms = step.start_ns ? std::optional(*step.start_ns / kNsPerMs) : root_ms;
      auto row = rows->find({DayOf(ms), step.llm.model});
      if (row != rows->end()) row->second.included += *price.list_price;
    }
    for (const PricedSession& child : priced.children[i]) AddIncluded(child, root_ms, rows);
  }
}

std::vector<store::DaySpend> DaySpendOf(const TraceCard& card, const PricedSession& priced) {
  SpendRows rows;
  for (const CardStep& step : card.steps) {
    if (step.kind != StepKind::kLlmCall || !step.cost_status) continue;
    int32_t day = DayOf(step.start_ms ? step.start_ms : card.started_ms);
    store::DaySpend& row = rows[{day, step.model}];
    row.day = day, row.model = step.model;
    ++row.calls;
    if (*step.cost_status == CostStatus::kUnpriced) ++row.unpriced;
    if (step.tokens) row.tokens += *step.tokens;
    if (step.cost_usd) row.cost += *step.cost_usd;
  }
  AddIncluded(priced, card.started_ms, &rows);
  std::vector<store::DaySpend> list;
  for (auto& [key, row] : rows) list.push_back(std::move(row));
  return list;
}

std::vector<std::string> PagesOf(std::vector<CardStep> steps) {
  std::vector<std::string> pages;
  constexpr auto kPage = static_cast<size_t>(kStepsPerPage);
  for (size_t from = 0; from < steps.size(); from += kPage) {
    auto first = steps.begin() + static_cast<std::ptrdiff_t>(from);
    auto last = steps.begin() + static_cast<std::ptrdiff_t>(std::min(from + kPage, steps.size()));
    TraceCard page;
    page.steps.assign(std::make_move_iterator(first), std::make_move_iterator(last));
    PackCard(page, &pages.emplace_back());
  }
  return pages;
}

store::SessionSummary SummaryOf(const SessionView& view, const Session& session) {
  const TraceCard& card = view.card;
  store::SessionSummary summary;
  summary.session_id = card.session_id, summary.agent = card.agent;
  summary.task_id = card.task_id, summary.project = ProjectOf(view), summary.user = view.user;
  summary.prompt = session.prompt;
  summary.start_ns = session.start_ns, summary.end_ns = session.end_ns;
  summary.outcome = card.outcome.value_or(Verdict::kUnknown);
  summary.cost_status = card.cost_status, summary.cost = card.total_cost_usd;
  if (card.total_tokens) summary.tokens = *card.total_tokens;
  summary.llm_calls = card.llm_call_count.value_or(0), summary.tool_calls = card.tool_call_count.value_or(0);
  return summary;
}

// In a store a session is known by id and agent; sources that agree in both and were not joined keep apart.
void TellApart(std::vector<store::CompiledSession>* sessions, const std::vector<Session>& of) {
  std::set<std::pair<std::string, std::string>> taken;
  for (size_t i = 0; i < sessions->size(); ++i) {
    store::SessionSummary& summary = (*sessions)[i].summary;
    if (summary.agent.empty()) summary.agent = of[i].source;
    if (!taken.emplace(summary.session_id, summary.agent).second) summary.agent += "@" + of[i].source;
    taken.emplace(summary.session_id, summary.agent);
  }
}

std::set<std::uint64_t> KeysOf(const std::vector<SessionCalls>& calls) {
  std::set<uint64_t> keys;
  for (const SessionCalls& each : calls) {
    for (const CallTrace& call : each.calls) keys.insert(call.key);
  }
  return keys;
}

// Which calls are copies of an earlier session's, in the family or in others that hold the same.
Status FindCopies(store::Store& store, std::string_view tenant, std::string_view session_id, Family* family) {
  auto keys = KeysOf(family->calls);
  std::vector<uint64_t> list(keys.begin(), keys.end());
  auto others = store.SessionsWithCalls(tenant, session_id, list);
  if (!others) return std::unexpected(std::move(others.error()));
  std::vector<SessionCalls> all = family->calls;
  std::ranges::move(*others, std::back_inserter(all));
  auto copies = FindInherited(all);
  std::set<std::string_view> present;
  for (const SessionCalls& each : all) present.insert(each.id);
  for (size_t i = 0; i < family->sessions.size(); ++i) {
    const std::string& origin = family->calls[i].forked_from;
    ViewOptions& options = family->options.emplace_back();
    options.inherited = std::move(copies[i]);
    options.possible_copy = options.inherited.empty() && !origin.empty() && !present.contains(origin);
  }
  return {};
}

// The sessions that the facts turned out to be may be known by ids that no fact was stored under (a trace
// that names its conversation): such an id joins the family, so that it leads to the facts. True: one did.
Result<bool> LinkNames(store::Store& store, const HistoryOptions& options, std::string_view session_id,
                       const Family& family) {
  store::Batch batch;
  batch.tenant = options.tenant;
  for (const Session& session : family.sessions) {
    if (!session.id.empty() && !std::ranges::binary_search(family.session_ids, session.id))
      batch.links.push_back({std::string(session_id), session.id});
  }
  if (batch.links.empty()) return false;
  auto linked = store::AppendAndWait(store, std::move(batch));
  if (!linked) return std::unexpected(std::move(linked.error()));
  return true;
}

// Linked families are read again as one. Each round takes in at least one more name.
Result<Family> ReadWholeFamily(store::Store& store, const HistoryOptions& options,
                               std::string_view session_id) {
  constexpr int kMostRounds = 16;
  auto family = ReadFamily(store, options.tenant, session_id);
  for (int round = 0; family && round < kMostRounds; ++round) {
    auto linked = LinkNames(store, options, session_id, *family);
    if (!linked) return std::unexpected(std::move(linked.error()));
    if (!*linked) break;
    family = ReadFamily(store, options.tenant, session_id);
  }
  return family;
}

store::Compiled CompiledOf(Family* family, const HistoryOptions& options, std::string_view session_id) {
  store::Compiled compiled;
  compiled.session_id = session_id;
  compiled.sequence = family->sequence;
  compiled.made_by = options.made_by;
  for (size_t i = 0; i < family->sessions.size(); ++i) {
    Session& session = family->sessions[i];
    PricedSession priced;
    SessionView view = ViewOf(&session, *options.book, family->options[i], &priced);
    view.spend = SpendOf(view.card), view.tools = ToolsOf(view.card);
    store::CompiledSession& out = compiled.sessions.emplace_back();
    out.summary = SummaryOf(view, session);
    out.spend = DaySpendOf(view.card, priced);
    out.pages = PagesOf(std::exchange(view.card.steps, {}));
    PackView(view, &out.summary.card);
    out.calls = family->calls[i];
    session.steps = {};
  }
  TellApart(&compiled.sessions, family->sessions);
  return compiled;
}

// Counters that name no conversation are sums over calls: a session of their own stands for these only as
// long as nothing else tells of the agent at that time.
bool IsOnlyCounters(const Session& session) {
  return session.id.starts_with(capture::kCountersOf) && session.steps.empty();
}

Result<bool> IsTold(store::Store& store, std::string_view tenant, const Session& counters) {
  constexpr int64_t kSlackNs = int64_t{60} * 1'000'000'000;  // counters may begin after the calls they count
  store::ListRequest request;
  request.filter.agent = counters.info.agent;
  if (counters.end_ns) request.filter.until_ns = *counters.end_ns + 1;
  request.limit = store::kMaxPage;
  auto list = store.ListSessions(tenant, request);
  if (!list) return std::unexpected(std::move(list.error()));
  return std::ranges::any_of(list->sessions, [&](const store::SessionSummary& session) {
    bool before = session.end_ns && counters.start_ns && *session.end_ns < *counters.start_ns - kSlackNs;
    return session.session_id != counters.id && session.llm_calls > 0 && !before;
  });
}

Status DropToldCounters(store::Store& store, std::string_view tenant, Family* family) {
  for (size_t i = family->sessions.size(); i-- > 0;) {
    if (!IsOnlyCounters(family->sessions[i])) continue;
    auto told = IsTold(store, tenant, family->sessions[i]);
    if (!told) return std::unexpected(std::move(told.error()));
    if (!*told) continue;
    auto at = static_cast<std::ptrdiff_t>(i);
    family->sessions.erase(family->sessions.begin() + at);
    family->options.erase(family->options.begin() + at);
    family->calls.erase(family->calls.begin() + at);
  }
  return {};
}

Status Compile(store::Store& store, const HistoryOptions& options, std::string_view session_id,
               std::set<std::string>* agents) {
  auto family = ReadWholeFamily(store, options, session_id);
  if (!family) return std::unexpected(std::move(family.error()));
  CT_RETURN_IF_ERROR(DropToldCounters(store, options.tenant, &*family));
  for (const Session& session : family->sessions) {
    if (!IsOnlyCounters(session)) agents->insert(session.info.agent);
  }
  auto put = store.PutCompiled(options.tenant, CompiledOf(&*family, options, session_id));
  if (!put) return std::unexpected(std::move(put.error()));
  return {};
}

// Sessions of these agents were compiled: what their counters stood for may be told now.
Status CompileCounters(store::Store& store, const HistoryOptions& options,
                       const std::set<std::string>& agents) {
  for (const std::string& agent : agents) {
    auto shown = store.FindSessions(options.tenant, std::string(capture::kCountersOf) + agent, 1);
    if (!shown) return std::unexpected(std::move(shown.error()));
    std::set<std::string> ignored;
    if (!shown->empty()) CT_RETURN_IF_ERROR(Compile(store, options, shown->front().session_id, &ignored));
  }
  return {};
}

// All families are looked at for this: only when another program or price book compiled last.
Status MarkStaleOnce(store::Store& store, const HistoryOptions& options) {
  constexpr std::string_view kCollection = "history", kKey = "made_by";
  auto last = store.GetDocument(options.tenant, kCollection, kKey);
  if (last && *last == options.made_by) return {};
  if (!last && last.error().code != ErrorCode::kNotFound) return std::unexpected(std::move(last.error()));
  auto marked = store.MarkStale(options.tenant, options.made_by);
  if (!marked) return std::unexpected(std::move(marked.error()));
  return store.PutDocument(options.tenant, kCollection, kKey, options.made_by);
}

}  // namespace

std::string MadeBy(std::string_view program, const PriceBook& book) {
  return std::string(program) + "; prices " + book.id();
}

Result<Family> ReadFamily(store::Store& store, std::string_view tenant, std::string_view session_id) {
  std::vector<Fact> facts;
  auto read = store.ReadFacts(tenant, session_id, store::Scope::kFamily, [&](Fact fact) {
    facts.push_back(std::move(fact));
    return true;
  });
  if (!read) return std::unexpected(std::move(read.error()));
  DropSuperseded(&facts, &read->skipped);
  capture::SkippedPlaces skipped;
  for (store::SkippedRecord& record : read->skipped)
    skipped.by_session[record.session_id].push_back(std::move(record.skipped));
  Family family;
  family.sequence = read->sequence, family.damaged = read->damaged;
  family.session_ids = std::move(read->session_ids);
  family.sessions = capture::SessionsOf(std::move(facts), &skipped);
  for (Session& session : family.sessions) {
    if (read->damaged > 0) {
      session.notes.push_back("damaged_facts:" + std::to_string(read->damaged));
      std::ranges::sort(session.notes);
    }
    family.calls.push_back(CallsOf(session));
  }
  CT_RETURN_IF_ERROR(FindCopies(store, tenant, session_id, &family));
  for (size_t i = 0; i < family.sessions.size(); ++i) {
    auto replay = GetReplay(store, tenant, family.sessions[i]);
    if (!replay) return std::unexpected(std::move(replay.error()));
    if (*replay) family.options[i].replay = std::make_shared<const ReplayReport>(std::move(**replay));
  }
  return family;
}

Result<int64_t> CompileChanged(store::Store& store, const HistoryOptions& options, int64_t quiet_since_ns,
                               int64_t limit) {
  CT_RETURN_IF_ERROR(MarkStaleOnce(store, options));
  auto changed = store.ChangedFamilies(options.tenant, quiet_since_ns, limit);
  if (!changed) return std::unexpected(std::move(changed.error()));
  int64_t compiled = 0;
  std::set<std::string> agents;
  for (const store::ChangedFamily& family : *changed) {
    CT_RETURN_IF_ERROR(Compile(store, options, family.session_id, &agents));
    ++compiled;
  }
  CT_RETURN_IF_ERROR(CompileCounters(store, options, agents));
  return compiled;
}

Status CompileSession(store::Store& store, const HistoryOptions& options, std::string_view session_id) {
  bool any = false;
  auto read = store.ReadFacts(options.tenant, session_id, store::Scope::kFamily, [&](const Fact&) {
    any = true;
    return false;
  });
  if (!read) return std::unexpected(std::move(read.error()));
  if (!any)
    return Fail(ErrorCode::kNotFound, "there is no session " + std::string(session_id) + " in the store");
  std::set<std::string> agents;
  CT_RETURN_IF_ERROR(Compile(store, options, session_id, &agents));
  return CompileCounters(store, options, agents);
}

}  // namespace clawtrace::history

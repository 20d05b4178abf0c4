#include "history/history.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "capture/sessions.h"

namespace clawtrace::history {
namespace {

Result<SessionView> Unpack(const store::SessionSummary& summary) {
  SessionView view;
  if (!UnpackView(summary.card, &view))
    return Fail(ErrorCode::kCorruptData,
                fmt::format("the card of session {} cannot be read", summary.session_id),
                "it is compiled anew by the next clawtrace import");
  // As it is known in the store.
  view.card.agent = summary.agent;
  return view;
}

Error NoSuchSession(std::string_view selector) {
  return {ErrorCode::kNotFound, fmt::format("no session named {}", selector),
          "clawtrace sessions lists them; a prefix needs at least 6 characters"};
}

// kNotFound when there is none.
Result<store::SessionSummary> FindExact(store::Store& store, std::string_view tenant, const SessionKey& key) {
  auto known = store.FindSessions(tenant, key.session_id, store::kMaxPage);
  if (!known) return std::unexpected(std::move(known.error()));
  for (store::SessionSummary& summary : *known) {
    if (summary.session_id == key.session_id && summary.agent == key.agent) return std::move(summary);
  }
  return std::unexpected(NoSuchSession(key.session_id));
}

}  // namespace

Result<SessionPage> ListSessions(store::Store& store, std::string_view tenant, store::ListRequest request) {
  request.with_cards = true;
  auto list = store.ListSessions(tenant, request);
  if (!list) return std::unexpected(std::move(list.error()));
  SessionPage page;
  page.next = std::move(list->next);
  for (const store::SessionSummary& summary : list->sessions) {
    auto view = Unpack(summary);
    if (!view) return std::unexpected(std::move(view.error()));
    page.sessions.push_back(std::move(*view));
  }
  return page;
}

SessionKey KeyOf(const SessionView& view) { return {view.card.session_id, view.card.agent}; }

Result<SessionView> FindSession(store::Store& store, std::string_view tenant, std::string_view selector) {
  constexpr size_t kMinPrefix = 6;
  constexpr int64_t kMostCandidates = 20;
  std::vector<store::SessionSummary> exact, prefix;
  auto look = [&](std::string_view agent, std::string_view id) -> Status {
    if (id.empty()) return {};
    // An exact id may have more sessions behind it than candidates are shown; it sorts first.
    auto found = store.FindSessions(tenant, id, kMostCandidates);
    if (!found) return std::unexpected(std::move(found.error()));
    for (store::SessionSummary& summary : *found) {
      if (!agent.empty() && summary.agent != agent) continue;
      if (summary.session_id == id)
        exact.push_back(std::move(summary));
      else if (id.size() >= kMinPrefix)
        prefix.push_back(std::move(summary));
    }
    return {};
  };
  CT_RETURN_IF_ERROR(look("", selector));
  size_t colon = selector.find(':');
  if (exact.empty() && prefix.empty() && colon != std::string_view::npos)
    CT_RETURN_IF_ERROR(look(selector.substr(0, colon), selector.substr(colon + 1)));
  const auto& found = exact.empty() ? prefix : exact;
  if (found.empty()) return std::unexpected(NoSuchSession(selector));
  if (found.size() == 1) return Unpack(found.front());
  std::string candidates;
  for (const store::SessionSummary& summary : found)
    candidates += fmt::format("\n  {}:{}", summary.agent, summary.session_id);
  return Fail(ErrorCode::kInvalidInput,
              fmt::format("{} names {} sessions:{}", selector, found.size(), candidates),
              "use a longer prefix or agent:id");
}

Result<std::vector<CardStep>> ReadSteps(store::Store& store, std::string_view tenant, const SessionKey& key,
                                        int64_t page) {
  auto bytes = store.ReadPage(tenant, key.session_id, key.agent, page);
  if (bytes) {
    TraceCard card;
    if (!UnpackCard(*bytes, &card))
      return Fail(ErrorCode::kCorruptData, fmt::format("steps of session {} cannot be read", key.session_id));
    return std::move(card.steps);
  }
  if (bytes.error().code != ErrorCode::kNotFound) return std::unexpected(std::move(bytes.error()));
  auto known = FindExact(store, tenant, key);
  if (!known) return std::unexpected(std::move(known.error()));
  if (page < 0) return Fail(ErrorCode::kNotFound, "there is no such page", "pages count from 0");
  return std::vector<CardStep>();
}

Result<TraceCard> ReadCard(store::Store& store, std::string_view tenant, const SessionKey& key) {
  auto summary = FindExact(store, tenant, key);
  if (!summary) return std::unexpected(std::move(summary.error()));
  auto view = Unpack(*summary);
  if (!view) return std::unexpected(std::move(view.error()));
  TraceCard card = std::move(view->card);
  for (int64_t page = 0;; ++page) {
    auto bytes = store.ReadPage(tenant, key.session_id, key.agent, page);
    if (!bytes && bytes.error().code == ErrorCode::kNotFound) return card;
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    TraceCard part;
    if (!UnpackCard(*bytes, &part))
      return Fail(ErrorCode::kCorruptData, fmt::format("steps of session {} cannot be read", key.session_id));
    std::ranges::move(part.steps, std::back_inserter(card.steps));
  }
}

std::string JudgementId(std::string_view judge) { return fmt::format("outcome:{}", judge); }

Status PutOutcome(store::Store& store, std::string_view tenant, const Judged& judged, int64_t now_ns) {
  Fact fact;
  fact.kind = FactKind::kOutcome;
  fact.source = capture::kJudgeSource;
  fact.session_id = judged.session_id;
  fact.id = JudgementId(judged.outcome.judge);
  fact.outcome = judged.outcome;
  fact.end_ns = now_ns;
  store::Batch batch;
  batch.tenant = tenant;
  batch.now_ns = now_ns;
  if (!judged.evidence.empty())
    batch.payloads.push_back({fact.source, fact.session_id, fact.id, "evidence", judged.evidence});
  batch.facts.push_back(std::move(fact));
  auto appended = store::AppendAndWait(store, std::move(batch));
  if (!appended) return std::unexpected(std::move(appended.error()));
  return {};
}

namespace {

constexpr std::string_view kReplayId = "replay", kReplayPart = "replay";

}  // namespace

Status PutReplay(store::Store& store, std::string_view tenant, const ReplayReport& report, int64_t now_ns) {
  Fact fact;  // says nothing but that there is a report: the family is compiled anew
  fact.kind = FactKind::kLink;
  fact.source = capture::kJudgeSource;
  fact.session_id = report.session_id;
  fact.id = kReplayId;
  fact.end_ns = now_ns;
  store::Batch batch;
  batch.tenant = tenant, batch.now_ns = now_ns;
  batch.payloads.push_back(
      {fact.source, fact.session_id, fact.id, std::string(kReplayPart), EncodeReplayReport(report, true)});
  batch.facts.push_back(std::move(fact));
  auto appended = store::AppendAndWait(store, std::move(batch));
  if (!appended) return std::unexpected(std::move(appended.error()));
  return {};
}

Result<std::optional<ReplayReport>> GetReplay(store::Store& store, std::string_view tenant,
                                              const Session& session) {
  auto payloads = store.ReadPayloads(tenant, session.id, kReplayId);
  if (!payloads) return std::unexpected(std::move(payloads.error()));
  std::optional<ReplayReport> best;
  std::string steps_hash;
  auto rank = [](const ReplayReport& report) {
    return std::pair(report.workspace != "none" && report.closed.empty(), report.needed + report.not_needed);
  };
  for (const store::Payload& payload : *payloads) {
    if (payload.source != capture::kJudgeSource || payload.part != kReplayPart) continue;
    auto report = DecodeReplayReport(payload.bytes, "replay of " + session.id);
    if (!report) continue;  // of another version: replayed again when it is wanted
    if (steps_hash.empty()) steps_hash = HashOfSteps(session);
    if (report->steps_hash != steps_hash) continue;
    if (!best || rank(*best) < rank(*report)) best = std::move(*report);
  }
  return best;
}

Result<std::vector<ReportRow>> ReportTotals(store::Store& store, std::string_view tenant, ReportKind kind,
                                            int32_t from, int32_t until) {
  auto totals = store.DayTotals(tenant, from, until);
  if (!totals) return std::unexpected(std::move(totals.error()));
  std::map<std::string, ReportRow> rows;
  constexpr int64_t kNsPerDay = int64_t{86'400} * 1'000'000'000;
  auto key_of = [&](const store::DayTotal& total) -> std::string {
    switch (kind) {
      case ReportKind::kAgent:
        return total.agent;
      case ReportKind::kModel:
        return total.model;
      case ReportKind::kDay:
        break;
    }
    return total.day == kUnknownDay ? "unknown" : FormatIsoTime(total.day * kNsPerDay).substr(0, 10);
  };
  for (const store::DayTotal& total : *totals) {
    std::string key = key_of(total);
    ReportRow& row = rows[key];
    row.key = std::move(key);
    row.calls += total.calls, row.unpriced += total.unpriced, row.tokens += total.tokens;
    row.cost += total.cost, row.included += total.included;
  }
  std::vector<ReportRow> list;
  for (auto& [key, row] : rows) list.push_back(std::move(row));
  return list;
}

}  // namespace clawtrace::history

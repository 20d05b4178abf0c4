// Spend in sums, and search.
#include "history/report.h"

#include <fmt/core.h>

#include "base/text.h"
#include "model/archive.h"
#include "serve/api/common.h"
#include "serve/api/problem.h"

namespace clawtrace::serve::api {
namespace {

constexpr int64_t kNsPerDay = int64_t{86'400} * 1'000'000'000;

constexpr Param kReportParams[] = {
    {"by", ParamType::kString, "what a row stands for; day when not given",
     "day,agent,model,project,user,task,skill,tool"},
    {"from", ParamType::kTime, "from this day on (UTC)"},
    {"until", ParamType::kTime, "before this day (UTC)"},
};

int32_t DayOf(int64_t ns) {
  int64_t day = ns / kNsPerDay - (ns % kNsPerDay < 0 ? 1 : 0);
  return static_cast<int32_t>(day);
}

void WriteRow(const history::ReportRow& row, DocWriter* w) {
  w->BeginObject();
  w->Field("key", row.key), w->Field("llm_call_count", row.calls), w->Field("unpriced_calls", row.unpriced);
  w->Key("cost_usd"), w->Number(row.cost.ToDecimal());
  w->Key("included_usd"), w->Number(row.included.ToDecimal());
  w->Key("tokens"), WriteArchive(w).Put(row.tokens);
  w->EndObject();
}

std::optional<int64_t> TimeOf(const ApiRequest& request, std::string_view name) {
  auto text = request.Query(name);
  return text ? ParseIsoTime(*text) : std::nullopt;
}

// By what the store keeps summed up.
ApiResponse ReportOfDays(const ApiRequest& request, Services& services, std::string_view by) {
  auto kind = by == "agent"   ? history::ReportKind::kAgent
              : by == "model" ? history::ReportKind::kModel
                              : history::ReportKind::kDay;
  auto from = TimeOf(request, "from"), until = TimeOf(request, "until");
  auto rows = history::ReportTotals(services.store, request.tenant, kind, from ? DayOf(*from) : INT32_MIN,
                                    until ? DayOf(*until) : INT32_MAX);
  if (!rows) return ProblemOf(rows.error());
  history::ReportRow total;
  for (const history::ReportRow& row : *rows) {
    total.calls += row.calls, total.unpriced += row.unpriced, total.tokens += row.tokens;
    total.cost += row.cost, total.included += row.included;
  }
  total.key = "total";
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("by", by);
  w.Key("total"), WriteRow(total, &w);
  w.Key("rows"), w.BeginArray();
  for (const history::ReportRow& row : *rows) WriteRow(row, &w);
  w.EndArray();
  w.EndObject();
  return JsonResponse(w.Take());
}

void WriteSpend(std::string_view key, const history::SpendRow& row, DocWriter* w) {
  w->BeginObject();
  w->Field("key", key), w->Field("sessions", row.sessions);
  w->Field("llm_call_count", row.calls), w->Field("unpriced_calls", row.unpriced);
  w->Key("cost_usd"), w->Number(row.cost.ToDecimal());
  w->Key("tokens"), WriteArchive(w).Put(row.tokens);
  w->EndObject();
}

void WriteTool(std::string_view key, const history::ToolRow& row, DocWriter* w) {
  w->BeginObject();
  w->Field("key", key), w->Field("sessions", row.sessions);
  w->Field("uses", row.uses), w->Field("failed", row.failed), w->Field("suspected", row.suspected);
  w->Key("attributed_cost_usd");
  if (row.cost)
    w->Number(row.cost->ToDecimal());
  else
    w->Null();
  w->EndObject();
}

// Session by session: the newest of them, and how many these were.
ApiResponse ReportOfSessions(const ApiRequest& request, Services& services, std::string_view by) {
  constexpr int64_t kMostSessions = 100'000;
  auto day = [](std::optional<int64_t> ns) { return ns ? FormatIsoTime(*ns).substr(0, 10) : std::string(); };
  auto from = TimeOf(request, "from"), until = TimeOf(request, "until");
  if (by == "tool" && (from || until))
    return Problem(400, "by=tool takes neither from nor until",
                   "what a tool's content costs is known of whole sessions, not of days");
  const history::Days days{day(from), day(until)};
  history::SpendTable table(by, days), total("total", days);
  history::ToolTable tools;
  int64_t looked_at = 0;
  auto more = history::VisitSessions(services.store, request.tenant, until, kMostSessions,
                                     [&](const history::SessionView& session) {
                                       ++looked_at;
                                       total.Add(session);
                                       if (by == "tool")
                                         tools.Add(session);
                                       else
                                         table.Add(session);
                                     });
  if (!more) return ProblemOf(more.error());
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("by", by);
  w.Field("sessions_looked_at", looked_at), w.Key("complete"), w.Bool(!*more);
  auto sum = total.rows().find("total");
  w.Key("total"), WriteSpend("total", sum == total.rows().end() ? history::SpendRow() : sum->second, &w);
  w.Key("rows"), w.BeginArray();
  for (const auto& [key, row] : table.rows()) WriteSpend(key, row, &w);
  for (const auto& [key, row] : tools.rows()) WriteTool(key, row, &w);
  w.EndArray();
  w.EndObject();
  return JsonResponse(w.Take());
}

ApiResponse GetReport(const ApiRequest& request, Services& services) {
  std::string_view by = request.Query("by").value_or("day");
  bool summed = by == "day" || by == "agent" || by == "model";
  return summed ? ReportOfDays(request, services, by) : ReportOfSessions(request, services, by);
}

constexpr Param kSearchParams[] = {
    {"q", ParamType::kString, "words, all of which must occur; in double quotes: together", "", true},
    {"limit", ParamType::kInteger, "hits a page, 1 to 1000; 50 when not given"},
    {"cursor", ParamType::kString, "next of the page before"},
};

void WriteHit(const store::SearchHit& hit, DocWriter* w) {
  w->BeginObject();
  w->Key("session_id");
  if (hit.listed_as.empty())
    w->Null();
  else
    w->String(hit.listed_as);
  w->Field("told_by", hit.session_id), w->Field("id", hit.id), w->Field("kind", NameOf(hit.kind));
  w->Field("source", hit.source);
  w->Key("start");
  if (hit.start_ns)
    w->String(FormatIsoTime(*hit.start_ns));
  else
    w->Null();
  w->Field("excerpt", hit.excerpt);
  w->EndObject();
}

ApiResponse Search(const ApiRequest& request, Services& services) {
  store::SearchRequest search;
  search.text = *request.Query("q");
  search.limit = IntegerOr(request, "limit", search.limit);
  if (search.limit < 1 || search.limit > store::kMaxPage)
    return Problem(400, fmt::format("limit is not between 1 and {}", store::kMaxPage));
  search.cursor = request.Query("cursor").value_or("");
  auto found = services.store.Search(request.tenant, search);
  if (!found) return ProblemOf(found.error());
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Key("hits"), w.BeginArray();
  for (const store::SearchHit& hit : found->hits) WriteHit(hit, &w);
  w.EndArray();
  w.Key("next");
  if (found->next.empty())
    w.Null();
  else
    w.String(found->next);
  w.Field("not_indexed_yet", found->behind);
  w.EndObject();
  return JsonResponse(w.Take());
}

#define CT_SCHEMA_ROW                                                                                    \
  R"({"type":"object","required":["key"],"properties":{"key":{"type":"string"},)"                        \
  R"("sessions":{"type":"integer"},"llm_call_count":{"type":"integer"},)"                                \
  R"("unpriced_calls":{"type":"integer"},"cost_usd":)" CT_SCHEMA_USD R"(,"included_usd":)" CT_SCHEMA_USD \
  R"(,"tokens":)" CT_SCHEMA_TOKENS                                                                       \
  R"(,"uses":{"type":"integer"},"failed":{"type":"integer"},"suspected":{"type":"integer"},)"            \
  R"("attributed_cost_usd":)" CT_SCHEMA_USD "}}"

}  // namespace

extern const Route kGetReport, kGetSearch;
const Route kGetReport = {
    .method = "GET",
    .pattern = "/api/v1/report",
    .summary =
        "Spend of compiled sessions by day, agent, model, project, user, task or skill, or what tools' "
        "content cost. "
        "Unpriced calls are counted, never 0 USD.",
    .params = kReportParams,
    .response_schema =
        R"({"type":"object","required":["by","total","rows"],"properties":{"by":{"type":"string"},)"
        R"("sessions_looked_at":{"type":"integer","description":"by project, user, task, skill and tool: the newest"},)"
        R"("complete":{"type":"boolean","description":"these are all"},"total":)" CT_SCHEMA_ROW
        R"(,"rows":{"type":"array","items":)" CT_SCHEMA_ROW R"(}}})",
    .answer = GetReport,
};
const Route kGetSearch = {
    .method = "GET",
    .pattern = "/api/v1/search",
    .summary = "Facts by words of their texts, the last stored first.",
    .params = kSearchParams,
    .response_schema =
        R"({"type":"object","required":["hits","next","not_indexed_yet"],"properties":{"next":{"type":["string","null"]},)"
        R"("not_indexed_yet":{"type":"integer","description":"facts that this search did not look at"},)"
        R"("hits":{"type":"array","items":{"type":"object","properties":{"session_id":{"type":["string","null"],"description":"null: not compiled yet"},)"
        R"("told_by":{"type":"string","description":"the id that the fact itself has: a sub-agent, a trace"},"id":{"type":"string"},)"
        R"("kind":{"type":"string"},"source":{"type":"string"},"start":{"type":["string","null"]},"excerpt":{"type":"string"}}}}}})",
    .answer = Search,
};

}  // namespace clawtrace::serve::api

// /api/v1/sessions: lists, one session, and its removal.
#include <fmt/core.h>

#include "base/text.h"
#include "model/archive.h"
#include "serve/api/common.h"
#include "serve/api/problem.h"

namespace clawtrace::serve::api {
namespace {

constexpr Param kListParams[] = {
    {"agent", ParamType::kString, "only of this agent"},
    {"task_id", ParamType::kString, "only of this task"},
    {"project", ParamType::kString, "only of this project, as the session's log names it"},
    {"user", ParamType::kString, "only of this user"},
    {"outcome", ParamType::kString, "only with this outcome", "unknown,success,failure,partial,error"},
    {"cost_status", ParamType::kString, "only with this status of cost", "priced,reported,unpriced,included"},
    {"from", ParamType::kTime, "started then or later"},
    {"until", ParamType::kTime, "started before"},
    {"order", ParamType::kString, "newest when not given", "newest,oldest,dearest"},
    {"limit", ParamType::kInteger, "sessions a page, 1 to 1000; 50 when not given"},
    {"cursor", ParamType::kString, "next of the page before"},
};

std::optional<std::string> TextOf(const ApiRequest& request, std::string_view name) {
  auto text = request.Query(name);
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

std::optional<int64_t> TimeOf(const ApiRequest& request, std::string_view name) {
  auto text = request.Query(name);
  return text ? ParseIsoTime(*text) : std::nullopt;
}

ApiResponse List(const ApiRequest& request, Services& services) {
  store::ListRequest list;
  list.filter.agent = TextOf(request, "agent"), list.filter.task_id = TextOf(request, "task_id");
  list.filter.project = TextOf(request, "project"), list.filter.user = TextOf(request, "user");
  list.filter.from_ns = TimeOf(request, "from"), list.filter.until_ns = TimeOf(request, "until");
  if (auto outcome = request.Query("outcome")) list.filter.outcome = EnumFrom<Verdict>(*outcome);
  if (auto status = request.Query("cost_status")) list.filter.cost_status = EnumFrom<CostStatus>(*status);
  std::string_view order = request.Query("order").value_or("newest");
  list.order = order == "oldest"    ? store::SessionOrder::kOldest
               : order == "dearest" ? store::SessionOrder::kDearest
                                    : store::SessionOrder::kNewest;
  list.limit = IntegerOr(request, "limit", list.limit);
  if (list.limit < 1 || list.limit > store::kMaxPage)
    return Problem(400, fmt::format("limit is not between 1 and {}", store::kMaxPage));
  list.cursor = request.Query("cursor").value_or("");
  auto page = history::ListSessions(services.store, request.tenant, std::move(list));
  if (!page) return ProblemOf(page.error());
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Key("sessions"), w.BeginArray();
  for (const history::SessionView& view : page->sessions) WriteSession(view, &w);
  w.EndArray();
  w.Key("next");
  if (page->next.empty())
    w.Null();
  else
    w.String(page->next);
  w.EndObject();
  return JsonResponse(w.Take());
}

ApiResponse Get(const ApiRequest& request, Services& services) {
  auto asked = UpToDate(request, services, request.parts[0]);
  if (!asked) return ProblemOf(asked.error());
  DocWriter w(DocWriter::Format::kJson);
  WriteSession(asked->view, &w);
  return Marked(JsonResponse(w.Take()), *asked);
}

// By its full id only: what is removed does not come back.
ApiResponse Delete(const ApiRequest& request, Services& services) {
  auto removed = services.store.Remove(request.tenant, {.session_id = request.parts[0]});
  if (!removed) return ProblemOf(removed.error());
  if (removed->families == 0)
    return Problem(404, fmt::format("there is no session {}", PrefixUtf8(request.parts[0], 64)),
                   "a removal takes the full id");
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("sessions", removed->sessions), w.Field("facts", removed->facts);
  w.Field("payloads", removed->payloads);
  w.EndObject();
  return JsonResponse(w.Take());
}

}  // namespace

extern const Route kListSessions, kGetSession, kDeleteSession;
const Route kListSessions = {
    .method = "GET",
    .pattern = "/api/v1/sessions",
    .summary = "Root sessions by time or cost, filtered, a page at a time; totals include sub-agents.",
    .params = kListParams,
    .response_schema =
        R"({"type":"object","required":["sessions","next"],"properties":{"sessions":{"type":"array","items":)" CT_SCHEMA_SESSION
        R"(},"next":{"type":["string","null"]}}})",
    .answer = List,
};
const Route kGetSession = {
    .method = "GET",
    .pattern = "/api/v1/sessions/{session}",
    .summary = "One session, by its full id, a unique prefix of at least 6 characters, or agent:id.",
    .response_schema = CT_SCHEMA_SESSION,
    .answer = Get,
};
const Route kDeleteSession = {
    .method = "DELETE",
    .pattern = "/api/v1/sessions/{session}",
    .role = Role::kAdmin,
    .summary = "Removes a session with its sub-agents, payloads and index entries, from the disk as well.",
    .response_schema =
        R"({"type":"object","properties":{"sessions":{"type":"integer"},"facts":{"type":"integer"},"payloads":{"type":"integer"}}})",
    .answer = Delete,
};

}  // namespace clawtrace::serve::api

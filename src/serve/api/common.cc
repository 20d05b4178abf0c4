#include "serve/api/common.h"

#include "base/text.h"
#include "model/archive.h"

namespace clawtrace::serve::api {
namespace {

void Text(DocWriter* out, std::string_view key, const std::string& text) {
  out->Key(key);
  if (text.empty())
    out->Null();
  else
    out->String(text);
}

void Money(DocWriter* out, std::string_view key, const std::optional<Usd>& amount) {
  out->Key(key);
  if (amount)
    out->Number(amount->ToDecimal());
  else
    out->Null();
}

void Integer(DocWriter* out, std::string_view key, const std::optional<int64_t>& value) {
  out->Key(key);
  if (value)
    out->Int(*value);
  else
    out->Null();
}

// Compiles the session's family when facts came since it was compiled last.
Status Refresh(const ApiRequest& request, Services& services, std::string_view session_id) {
  std::scoped_lock lock(services.compiling);
  auto changed = services.store.IsChanged(request.tenant, session_id);
  if (!changed) return std::unexpected(std::move(changed.error()));
  if (!*changed) return {};
  return history::CompileSession(services.store, OptionsOf(request, services), session_id);
}

}  // namespace

ApiResponse JsonResponse(std::string body) { return {200, "application/json", {}, std::move(body)}; }

int64_t IntegerOr(const ApiRequest& request, std::string_view name, int64_t fallback) {
  auto text = request.Query(name);
  return text ? ParseInt(*text).value_or(fallback) : fallback;
}

history::HistoryOptions OptionsOf(const ApiRequest& request, const Services& services) {
  return {&services.book, services.made_by, request.tenant};
}

Result<AskedView> UpToDate(const ApiRequest& request, Services& services, std::string_view selector) {
  std::optional<Error> unavailable;
  // False: an error that cannot be passed over.
  auto refreshed = [&](Status status) {
    if (status || status.error().code == ErrorCode::kNotFound) return true;
    if (status.error().code != ErrorCode::kUnavailable) return false;
    unavailable = std::move(status.error());
    return true;
  };
  auto asked = Refresh(request, services, selector);
  if (!refreshed(asked)) return std::unexpected(std::move(asked.error()));
  auto found = history::FindSession(services.store, request.tenant, selector);
  if (!found && found.error().code == ErrorCode::kNotFound) {
    if (unavailable) return std::unexpected(std::move(*unavailable));
    // Named by less than its id, and perhaps nobody asked for it yet.
    constexpr int64_t kMost = 64;
    std::scoped_lock lock(services.compiling);
    auto compiled = history::CompileChanged(services.store, OptionsOf(request, services), INT64_MAX, kMost);
    if (!compiled) return std::unexpected(std::move(compiled.error()));
    if (*compiled > 0) found = history::FindSession(services.store, request.tenant, selector);
  }
  if (found && found->card.session_id != selector) {
    // It was named by less than its id.
    const history::SessionKey key = history::KeyOf(*found);
    auto again = Refresh(request, services, key.session_id);
    if (!refreshed(again)) return std::unexpected(std::move(again.error()));
    found = history::FindSession(services.store, request.tenant, key.agent + ":" + key.session_id);
  }
  if (!found) return std::unexpected(std::move(found.error()));
  return AskedView{std::move(*found), unavailable.has_value()};
}

ApiResponse Marked(ApiResponse response, const AskedView& asked) {
  if (asked.stale) response.headers.emplace_back(kStaleHeader, "true");
  return response;
}

void WriteSession(const history::SessionView& view, DocWriter* out) {
  const TraceCard& card = view.card;
  out->BeginObject();
  out->Field("session_id", card.session_id), out->Field("agent", card.agent);
  Text(out, "task_id", card.task_id);
  out->Field("outcome", NameOf(card.outcome.value_or(Verdict::kUnknown)));
  out->Field("llm_call_count", card.llm_call_count.value_or(0));
  out->Field("tool_call_count", card.tool_call_count.value_or(0));
  Money(out, "total_cost_usd", card.total_cost_usd);
  out->Field("cost_status", NameOf(card.cost_status.value_or(CostStatus::kUnpriced)));
  out->Key("total_tokens");
  if (card.total_tokens)
    WriteArchive(out).Put(*card.total_tokens);
  else
    out->Null();
  Integer(out, "started_ms", card.started_ms), Integer(out, "wall_ms", card.wall_ms);
  out->Field("project", history::ProjectOf(view));
  Text(out, "user", view.user);
  out->Key("models"), out->BeginArray();
  for (const std::string& model : card.models) out->String(model);
  out->EndArray();
  Money(out, "wasted_usd", card.wasted_usd), Money(out, "saveable_usd", card.saveable_usd);
  out->EndObject();
}

}  // namespace clawtrace::serve::api

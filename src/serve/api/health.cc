// How the store is doing, and what its figures leave out.
#include <map>

#include "base/text.h"
#include "model/archive.h"
#include "serve/api/common.h"
#include "serve/api/problem.h"

namespace clawtrace::serve::api {
namespace {

constexpr int64_t kLookedAt = 1000;  // sessions, the newest

struct Unpriced {
  int64_t calls = 0;
  Usage tokens;
};

// Models that calls were not priced of. Tokens are those of the model's days with unpriced calls.
Result<std::map<std::string, Unpriced>> UnpricedModels(const ApiRequest& request, Services& services) {
  auto totals = services.store.DayTotals(request.tenant, INT32_MIN, INT32_MAX);
  if (!totals) return std::unexpected(std::move(totals.error()));
  std::map<std::string, Unpriced> models;
  for (const store::DayTotal& total : *totals) {
    if (total.unpriced == 0) continue;
    Unpriced& model = models[total.model];
    model.calls += total.unpriced, model.tokens += total.tokens;
  }
  return models;
}

void WriteUnpriced(const std::map<std::string, Unpriced>& models, DocWriter* w) {
  w->Key("unpriced"), w->BeginArray();
  for (const auto& [model, sum] : models) {
    w->BeginObject();
    w->Field("model", model), w->Field("llm_call_count", sum.calls);
    w->Key("tokens"), WriteArchive(w).Put(sum.tokens);
    w->EndObject();
  }
  w->EndArray();
}

// Sessions whose cost depends on how an ambiguous count is read: both bounds.
Status WriteAmbiguous(const ApiRequest& request, Services& services, DocWriter* w) {
  store::ListRequest list;
  list.limit = kLookedAt;
  auto page = history::ListSessions(services.store, request.tenant, std::move(list));
  if (!page) return std::unexpected(std::move(page.error()));
  w->Field("newest_sessions_looked_at", static_cast<int64_t>(page->sessions.size()));
  w->Key("ambiguous"), w->BeginArray();
  for (const history::SessionView& view : page->sessions) {
    const TraceCard& card = view.card;
    if (!card.cost_low_usd || !card.cost_high_usd) continue;
    w->BeginObject();
    w->Field("session_id", card.session_id), w->Field("agent", card.agent);
    w->Key("cost_low_usd"), w->Number(card.cost_low_usd->ToDecimal());
    w->Key("cost_high_usd"), w->Number(card.cost_high_usd->ToDecimal());
    w->EndObject();
  }
  w->EndArray();
  w->Key("skipped"), w->BeginArray();
  for (const history::SessionView& view : page->sessions) {
    const TraceCard& card = view.card;
    if (!card.coverage || card.coverage->skipped_records == 0) continue;
    w->BeginObject();
    w->Field("session_id", card.session_id), w->Field("agent", card.agent);
    w->Field("records", card.coverage->skipped_records);
    w->EndObject();
  }
  w->EndArray();
  return {};
}

ApiResponse Health(const ApiRequest& request, Services& services) {
  auto load = services.store.Load();
  if (!load) return ProblemOf(load.error());
  auto models = UnpricedModels(request, services);
  if (!models) return ProblemOf(models.error());
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("version", services.version), w.Field("price_book", services.book.id());
  // Of all tenants together: not for everybody.
  if (request.admin) {
    w.Field("waiting_to_be_compiled", load->changed_families);
    w.Field("not_indexed_yet", load->text_behind);
    w.Key("refused_since_start"), w.BeginObject();
    for (const auto& [reason, count] : services.refusals.Counts()) w.Field(reason, count);
    w.EndObject();
  }
  WriteUnpriced(*models, &w);
  if (auto written = WriteAmbiguous(request, services, &w); !written) return ProblemOf(written.error());
  w.EndObject();
  return JsonResponse(w.Take());
}

}  // namespace

extern const Route kGetHealth;
const Route kGetHealth = {
    .method = "GET",
    .pattern = "/api/v1/health",
    .summary =
        "What is waiting, what was refused, which models have no price, and which costs are ambiguous.",
    .response_schema =
        R"({"type":"object","properties":{"version":{"type":"string"},"price_book":{"type":"string"},)"
        R"("waiting_to_be_compiled":{"type":"integer"},"not_indexed_yet":{"type":"integer"},)"
        R"("refused_since_start":{"type":"object","additionalProperties":{"type":"integer"}},)"
        R"("unpriced":{"type":"array","items":{"type":"object"}},"newest_sessions_looked_at":{"type":"integer"},)"
        R"("ambiguous":{"type":"array","items":{"type":"object"}},"skipped":{"type":"array","items":{"type":"object"}}}})",
    .answer = Health,
};

}  // namespace clawtrace::serve::api

#include "history/view.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/text.h"
#include "model/pack_archive.h"

namespace clawtrace::history {
namespace {

// A view with its card as bytes.
struct Stored {
  std::string card;
  SessionView view;
};
template <class A>
void Describe(A& a, Stored& s) {
  SessionView& view = s.view;
  a.Field("", s.card), a.Field("", view.source), a.Field("", view.cwd), a.Field("", view.project),
      a.Field("", view.user);
  a.Field("", view.spend), a.Field("", view.tools);
}

}  // namespace

SessionView ViewOf(Session* session, const PriceBook& book, const ViewOptions& options,
                   PricedSession* priced) {
  if (!options.inherited.empty()) MarkInherited(session, options.inherited);
  *priced = PriceSession(*session, book);
  SessionView view;
  view.card = compile::CompileCard(*priced, book, options.depth, options.replay.get());
  if (options.possible_copy) NotePossibleCopy(&view.card);
  view.source = session->source;
  view.cwd = session->info.cwd, view.project = session->info.project, view.user = session->info.user;
  return view;
}

void NotePossibleCopy(TraceCard* card) {
  if (!card->coverage) card->coverage = Coverage{};
  auto& notes = card->coverage->notes;
  notes.insert(std::ranges::lower_bound(notes, "possible_copy"), "possible_copy");
}

std::vector<SessionView::Spend> SpendOf(const TraceCard& card) {
  using Days = std::chrono::days;
  std::map<std::pair<int64_t, std::string_view>, SessionView::Spend> rows;
  SessionView::Spend* last = nullptr;
  int64_t last_day = 0;
  for (const CardStep& step : card.steps) {
    if (step.kind != StepKind::kLlmCall || !step.cost_status) continue;
    auto when = step.start_ms ? step.start_ms : card.started_ms;
    int64_t day = when ? std::chrono::floor<Days>(std::chrono::milliseconds(*when)).count() : INT64_MAX;
    if (!last || day != last_day || last->model != step.model) {
      last = &rows[{day, step.model}], last_day = day;
      last->day = when ? FormatIsoTime(*when * 1'000'000).substr(0, 10) : "unknown";
      last->model = step.model;
    }
    SessionView::Spend& row = *last;
    ++row.calls;
    if (*step.cost_status == CostStatus::kUnpriced) ++row.unpriced;
    if (step.tokens) row.tokens += *step.tokens;
    if (step.cost_usd) row.cost += *step.cost_usd;
  }
  std::vector<SessionView::Spend> list;
  for (auto& [key, row] : rows) list.push_back(std::move(row));
  return list;
}

std::vector<SessionView::ToolSpend> ToolsOf(const TraceCard& card) {
  std::map<std::string, SessionView::ToolSpend> rows;
  auto add = [&](const std::string& name, std::optional<Usd> cost) -> SessionView::ToolSpend& {
    SessionView::ToolSpend& row = rows[name];
    row.tool = name;
    if (cost) row.cost = row.cost.value_or(Usd()) + *cost;
    return row;
  };
  for (const CardStep& step : card.steps) {
    bool call = step.kind == StepKind::kLlmCall;
    SessionView::ToolSpend& row = add(call ? "(answers)" : step.tool, step.attributed_cost_usd);
    if (step.inherited) continue;
    ++row.uses;
    if (step.status == ToolStatus::kError) ++row.failed;
    if (step.suspected || step.redundant) ++row.suspected;
  }
  for (const ReservedRow& reserved : card.reserved_costs) add("(" + reserved.row + ")", reserved.cost_usd);
  std::vector<SessionView::ToolSpend> list;
  for (auto& [name, row] : rows) list.push_back(std::move(row));
  return list;
}

std::string ProjectOf(const SessionView& view) {
  std::string path = view.project.empty() ? view.cwd : view.project;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.empty() ? "unknown" : path.substr(path.rfind('/') + 1);
}

void PackView(const SessionView& view, std::string* out) {
  Stored stored;
  PackCard(view.card, &stored.card);
  stored.view = view;
  stored.view.card = {};
  PackWriter(out).Put(stored);
}

bool UnpackView(std::string_view bytes, SessionView* view) {
  PackReader reader(bytes);
  Stored stored;
  reader.Get(stored);
  if (!reader.good() || !reader.at_end()) return false;
  *view = std::move(stored.view);
  return UnpackCard(stored.card, &view->card);
}

}  // namespace clawtrace::history

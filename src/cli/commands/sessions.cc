#include <fmt/core.h>

#include <algorithm>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/table.h"
#include "model/archive.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {kJsonFlag, kStoreFlag, kPricesFlag};

void PrintJson(const std::vector<Compiled>& all, std::ostream& out) {
  DocWriter w(DocWriter::Format::kJson);
  w.BeginArray();
  for (const Compiled& item : all) {
    const TraceCard& card = item.card;
    w.BeginObject();
    w.Field("session_id", card.session_id), w.Field("agent", card.agent);
    w.Key("task_id");
    if (card.task_id.empty())
      w.Null();
    else
      w.String(card.task_id);
    w.Field("outcome", std::string(NameOf(card.outcome.value_or(Verdict::kUnknown))));
    w.Field("llm_call_count", card.llm_call_count.value_or(0)),
        w.Field("tool_call_count", card.tool_call_count.value_or(0));
    w.Key("total_cost_usd");
    if (card.total_cost_usd)
      w.Number(card.total_cost_usd->ToDecimal());
    else
      w.Null();
    w.Field("cost_status", std::string(NameOf(card.cost_status.value_or(CostStatus::kUnpriced))));
    w.Key("total_tokens");
    if (card.total_tokens)
      WriteArchive(&w).Put(*card.total_tokens);
    else
      w.Null();
    w.EndObject();
  }
  w.EndArray();
  out << w.Take() << '\n';
}

std::string Cost(const TraceCard& card) {
  if (!card.total_cost_usd) return "unpriced";
  bool partial = card.coverage && card.coverage->unpriced > 0;
  return card.total_cost_usd->ToDecimal(4) + (partial ? "+?" : "");
}

std::string Tokens(const TraceCard& card) {
  return card.total_tokens ? std::to_string(card.total_tokens->total()) : "?";
}

Verdict OutcomeOf(const Compiled& item) { return item.card.outcome.value_or(Verdict::kUnknown); }

void PrintText(const std::vector<Compiled>& all, std::ostream& out) {
  // What nobody judged needs no column.
  bool judged =
      std::ranges::any_of(all, [](const Compiled& item) { return OutcomeOf(item) != Verdict::kUnknown; });
  std::vector<std::vector<std::string>> rows;
  for (const Compiled& item : all) {
    const TraceCard& card = item.card;
    constexpr size_t kShortId = 13;
    std::string started = card.started_ms ? FormatIsoTime(*card.started_ms * 1'000'000).substr(0, 16) : "";
    size_t failed = card.failed_or_repaired_steps.size(), repeated = 0;
    for (const RedundantGroup& group : card.redundant_tool_calls) repeated += group.steps.size();
    rows.push_back({Printable(PrefixUtf8(card.session_id, kShortId)), Printable(card.agent), started,
                    std::to_string(card.llm_call_count.value_or(0)),
                    std::to_string(card.tool_call_count.value_or(0)), std::to_string(repeated),
                    std::to_string(failed), Tokens(card), Cost(card)});
    if (judged) rows.back().emplace_back(NameOf(OutcomeOf(item)));
    rows.back().push_back(Printable(card.task_id));
  }
  std::vector<Column> columns = {{"session"},      {"agent"},        {"started (UTC)"},
                                 {"calls", true},  {"tools", true},  {"repeats", true},
                                 {"failed", true}, {"tokens", true}, {"USD", true}};
  if (judged) columns.push_back({"outcome"});
  columns.push_back({"task"});
  PrintTable(out, columns, rows);
}

int Run(const Arguments& arguments, const World& world) {
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  auto all = ReadSelected(*selection, *book, world, Want::kSummaries);
  if (!all) return Report(world, all.error());
  if (arguments.Has("--json"))
    PrintJson(*all, *world.out);
  else
    PrintText(*all, *world.out);
  return kDone;
}

}  // namespace

extern const Command kSessions;
const Command kSessions = {
    .name = "sessions",
    .summary = "list sessions with calls, tokens and cost, sub-agents included",
    .usage = "sessions [--json] [--store FILE] [--prices FILE] [PATH|SESSION]...",
    .details =
        "One row a root session, by start time. \"+?\" after an amount: some calls have no known price. "
        "Outcomes are shown when a session has one. --json prints one array.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

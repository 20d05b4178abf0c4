#include <fmt/core.h>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/table.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--at", "DATE", "prices as of this day (default: the newest)", FlagKind::kValue},
    {"--provider", "NAME", "only rows of this provider", FlagKind::kValue},
    kJsonFlag,
    kPricesFlag,
};

// One USD per million tokens is 10^6 pico-dollars per token.
std::string PerMillion(const std::optional<Usd>& rate) {
  if (!rate) return "";
  std::string text = rate->Times(1'000'000).ToDecimal();
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string DayOf(const std::optional<int64_t>& ns) { return ns ? FormatIsoTime(*ns).substr(0, 10) : ""; }

std::string Tiers(const PriceRow& row) {
  std::string text;
  for (const PriceTier& tier : row.tiers) {
    text += fmt::format("{}{}k: {}/{}", text.empty() ? "" : ", ", tier.above / 1000,
                        PerMillion(tier.rates.input), PerMillion(tier.rates.output));
  }
  return text;
}

void PrintRows(const std::vector<const PriceRow*>& rows, std::ostream& out) {
  std::vector<std::vector<std::string>> cells;
  for (const PriceRow* row : rows) {
    cells.push_back({row->model, row->provider, DayOf(row->effective_from_ns), DayOf(row->effective_to_ns),
                     PerMillion(row->rates.input), PerMillion(row->rates.output),
                     PerMillion(row->rates.cache_read), PerMillion(row->rates.cache_write_5m),
                     PerMillion(row->rates.cache_write_1h), Tiers(*row),
                     row->user ? "override" : row->source});
  }
  out << "USD per million tokens\n";
  PrintTable(out,
             {{"model"},
              {"provider"},
              {"from"},
              {"to"},
              {"input", true},
              {"output", true},
              {"cache read", true},
              {"write 5m", true},
              {"write 1h", true},
              {"above"},
              {"source"}},
             cells);
}

void PutRate(DocWriter& w, std::string_view key, const std::optional<Usd>& rate) {
  if (rate) w.Key(key), w.Number(PerMillion(rate));
}

void PutRates(DocWriter& w, const Rates& rates) {
  w.BeginObject();
  PutRate(w, "input", rates.input), PutRate(w, "output", rates.output),
      PutRate(w, "cache_read", rates.cache_read);
  PutRate(w, "cache_write_5m", rates.cache_write_5m), PutRate(w, "cache_write_1h", rates.cache_write_1h),
      PutRate(w, "reasoning", rates.reasoning);
  w.EndObject();
}

void PutRow(DocWriter& w, const PriceRow& row) {
  w.BeginObject();
  w.Field("model", row.model), w.Field("provider", row.provider);
  if (row.effective_from_ns) w.Field("effective_from", DayOf(row.effective_from_ns));
  if (row.effective_to_ns) w.Field("effective_to", DayOf(row.effective_to_ns));
  w.Key("usd_per_mtok"), PutRates(w, row.rates);
  if (!row.tiers.empty()) {
    w.Key("tiers"), w.BeginArray();
    for (const PriceTier& tier : row.tiers)
      w.BeginObject(), w.Field("above_prompt_tokens", tier.above), w.Key("usd_per_mtok"),
          PutRates(w, tier.rates), w.EndObject();
    w.EndArray();
  }
  if (row.batch) w.Key("batch"), PutRates(w, *row.batch);
  if (row.priority) w.Key("priority"), PutRates(w, *row.priority);
  if (row.flex) w.Key("flex"), PutRates(w, *row.flex);
  w.Field("source", row.source);
  if (!row.notes.empty()) w.Field("notes", row.notes);
  if (row.user) w.Key("override"), w.Bool(true);
  w.EndObject();
}

int Explain(const Arguments& arguments, const PriceBook& book, std::optional<int64_t> at,
            const World& world) {
  int code = kDone;
  DocWriter w(DocWriter::Format::kJson);
  if (arguments.Has("--json")) w.BeginArray();
  for (const std::string& model : arguments.positional) {
    PriceMatch match = book.Find(model, arguments.Value("--provider"), at);
    if (!match.row) code = kNo;
    if (arguments.Has("--json")) {
      w.BeginObject();
      w.Field("id", std::string_view(model)), w.Field("status", match.row ? "priced" : "unpriced");
      if (match.row) w.Field("matched_by", match.how), w.Key("row"), PutRow(w, *match.row);
      w.EndObject();
    } else if (match.row) {
      *world.out << fmt::format("{}: {} of {} ({})\n", Printable(model), match.row->model,
                                match.row->provider, match.how);
      PrintRows({match.row}, *world.out);
      if (!match.row->notes.empty()) *world.out << "note: " << match.row->notes << "\n";
    } else {
      *world.out << fmt::format("{}: unpriced, no row of the book matches this id{}\n", Printable(model),
                                match.how.empty() ? "" : " (" + match.how + ")");
    }
  }
  if (arguments.Has("--json")) w.EndArray(), *world.out << w.Take() << '\n';
  if (code == kNo) *world.err << "\nhint: add a row with --prices FILE, see docs/pricing.md\n";
  return code;
}

int Run(const Arguments& arguments, const World& world) {
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  std::optional<int64_t> at;
  if (arguments.Has("--at") && !(at = ParseIsoTime(arguments.Value("--at")))) {
    return Report(world, {ErrorCode::kInvalidInput,
                          fmt::format("--at {} is no date", arguments.Value("--at")), "use YYYY-MM-DD"});
  }
  if (!arguments.positional.empty()) return Explain(arguments, *book, at, world);
  std::vector<const PriceRow*> rows;
  for (const PriceRow& row : book->rows()) {
    bool in_force = !at || ((!row.effective_from_ns || *row.effective_from_ns <= *at) &&
                            (!row.effective_to_ns || *at < *row.effective_to_ns));
    bool wanted = !arguments.Has("--provider") || row.provider == arguments.Value("--provider");
    if (in_force && wanted) rows.push_back(&row);
  }
  if (arguments.Has("--json")) {
    DocWriter w(DocWriter::Format::kJson);
    w.BeginArray();
    for (const PriceRow* row : rows) PutRow(w, *row);
    w.EndArray();
    *world.out << w.Take() << '\n';
  } else {
    PrintRows(rows, *world.out);
    *world.out << "\nbook " << book->id() << "\n";
  }
  return kDone;
}

}  // namespace

extern const Command kPrices;
const Command kPrices = {
    .name = "prices",
    .summary = "list the price book, or explain how a model id is priced",
    .usage = "prices [--at DATE] [--provider NAME] [--prices FILE] [--json] [MODEL]...",
    .details =
        "Without MODEL: all rows with their dates and sources. With MODEL: the row it matches and by which "
        "rule; exit code 1\nwhen one is unpriced.",
    .flags = kFlags,
    .positional_paths = false,
    .run = Run,
};

}  // namespace clawtrace::cli

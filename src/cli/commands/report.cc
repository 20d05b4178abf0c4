#include "history/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/table.h"
#include "model/archive.h"

namespace clawtrace::cli {
namespace {

constexpr std::string_view kViews = "day, agent, model, project, user, task, tool or skill";

constexpr Flag kFlags[] = {
    {"--by", "LIST",
     "day, agent, model, project, user, task, tool, skill; comma-separated (default: agent,model and waste)",
     FlagKind::kValue},
    {"--waste", "", "the waste list too, when --by is given", FlagKind::kSwitch},
    {"--top", "N", "rows of the waste list (default 10)", FlagKind::kValue},
    {"--csv", "", "print one table as CSV; with exactly one view", FlagKind::kSwitch},
    kJsonFlag,
    kStoreFlag,
    kPricesFlag,
};

using Row = history::SpendRow;
using history::ToolRow;

struct WasteRow {
  std::string what, session, target;
  int64_t times = 0;
  std::optional<Usd> cost;  // nullopt: unpriced, or the turns also did something else
};

std::map<std::string, Row> Group(const std::vector<Compiled>& all, std::string_view by) {
  history::SpendTable table(by);
  for (const Compiled& item : all) table.Add(item);
  return table.rows();
}

std::vector<std::pair<std::string, ToolRow>> GroupTools(const std::vector<Compiled>& all) {
  history::ToolTable table;
  for (const Compiled& item : all) table.Add(item);
  std::vector<std::pair<std::string, ToolRow>> list(table.rows().begin(), table.rows().end());
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.second.cost != b.second.cost ? a.second.cost > b.second.cost : a.first < b.first;
  });
  return list;
}

std::vector<WasteRow> TopWaste(const std::vector<Compiled>& all, size_t top) {
  std::vector<WasteRow> rows;
  for (const Compiled& item : all) {
    for (const RedundantGroup& group : item.card.redundant_tool_calls) {
      rows.push_back({group.reason, item.card.session_id, group.target,
                      static_cast<int64_t>(group.steps.size()), group.wasted_usd});
    }
    for (const FailedStep& failed : item.card.failed_or_repaired_steps) {
      std::string what = "failed: " + failed.error_class;
      rows.push_back({what, item.card.session_id, failed.tool,
                      1 + static_cast<int64_t>(failed.retries.size()), failed.cost_usd});
    }
  }
  std::sort(rows.begin(), rows.end(), [](const WasteRow& a, const WasteRow& b) {
    return a.cost != b.cost ? a.cost > b.cost
                            : std::tie(a.session, a.what, a.target) < std::tie(b.session, b.what, b.target);
  });
  if (rows.size() > top) rows.resize(top);
  return rows;
}

struct Figures {
  Row total;
  Usd wasted;
  Coverage coverage;
  std::map<Verdict, int64_t> outcomes;  // sessions by what became of them
};

Figures Sum(const std::vector<Compiled>& all) {
  Figures figures;
  auto total = Group(all, "total");
  if (!total.empty()) figures.total = total.begin()->second;
  figures.total.sessions = static_cast<int64_t>(all.size());
  for (const Compiled& item : all) {
    figures.wasted += item.card.wasted_usd.value_or(Usd());
    ++figures.outcomes[item.card.outcome.value_or(Verdict::kUnknown)];
    if (!item.card.coverage) continue;
    const Coverage& c = *item.card.coverage;
    Coverage& sum = figures.coverage;
    sum.priced += c.priced, sum.reported += c.reported, sum.unpriced += c.unpriced,
        sum.included += c.included;
    sum.skipped_records += c.skipped_records;
    for (const std::string& model : c.unpriced_models) {
      if (std::find(sum.unpriced_models.begin(), sum.unpriced_models.end(), model) ==
          sum.unpriced_models.end())
        sum.unpriced_models.push_back(model);
    }
  }
  std::sort(figures.coverage.unpriced_models.begin(), figures.coverage.unpriced_models.end());
  return figures;
}

std::vector<std::pair<std::string, Row>> Sorted(const std::map<std::string, Row>& rows, std::string_view by) {
  std::vector<std::pair<std::string, Row>> list(rows.begin(), rows.end());
  if (by != "day")
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
      return a.second.cost != b.second.cost ? a.second.cost > b.second.cost : a.first < b.first;
    });
  return list;
}

void PutRow(DocWriter& w, const Row& row) {
  w.Field("sessions", row.sessions), w.Field("llm_call_count", row.calls),
      w.Field("unpriced_calls", row.unpriced);
  w.Key("cost_usd"), w.Number(row.cost.ToDecimal());
  w.Key("tokens"), WriteArchive(&w).Put(row.tokens);
}

void PutCost(DocWriter& w, std::string_view key, const std::optional<Usd>& cost) {
  w.Key(key);
  if (cost)
    w.Number(cost->ToDecimal());
  else
    w.Null();
}

struct Request {
  std::vector<std::string_view> by;
  bool waste = true;
  size_t top = 10;
};

void PutWaste(DocWriter& w, const std::vector<Compiled>& all, size_t top) {
  w.Key("top_waste"), w.BeginArray();
  for (const WasteRow& row : TopWaste(all, top)) {
    w.BeginObject();
    w.Field("what", row.what), w.Field("target", row.target), w.Field("session_id", row.session),
        w.Field("times", row.times);
    PutCost(w, "cost_usd", row.cost);
    w.EndObject();
  }
  w.EndArray();
}

void PutTools(DocWriter& w, const std::vector<Compiled>& all) {
  w.Key("by_tool"), w.BeginArray();
  for (auto& [name, row] : GroupTools(all)) {
    w.BeginObject(), w.Field("tool", std::string_view(name)), w.Field("sessions", row.sessions);
    w.Field("uses", row.uses), w.Field("failed", row.failed), w.Field("suspected", row.suspected);
    PutCost(w, "attributed_cost_usd", row.cost);
    w.EndObject();
  }
  w.EndArray();
}

// Views of money alone need neither tools nor texts.
Want WantOf(const Request& request) {
  bool details = request.waste;
  for (std::string_view key : request.by)
    details = details || key == "tool" || key == "skill" || key == "task";
  return details ? Want::kSummaries : Want::kTotals;
}

// "" when nobody judged any.
std::string OutcomeLine(const std::map<Verdict, int64_t>& outcomes) {
  std::string line;
  for (const auto& [verdict, count] : outcomes) {
    if (verdict != Verdict::kUnknown)
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, NameOf(verdict));
  }
  auto unknown = outcomes.find(Verdict::kUnknown);
  if (line.empty()) return line;
  return fmt::format("outcomes: {}; {} unknown\n", line, unknown == outcomes.end() ? 0 : unknown->second);
}

void PrintJson(const std::vector<Compiled>& all, const Request& request, std::ostream& out) {
  Figures figures = Sum(all);
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Key("total"), w.BeginObject(), PutRow(w, figures.total), w.EndObject();
  if (request.waste) w.Key("wasted_usd"), w.Number(figures.wasted.ToDecimal());
  for (std::string_view key : request.by) {
    if (key == "tool") {
      PutTools(w, all);
      continue;
    }
    w.Key(fmt::format("by_{}", key)), w.BeginArray();
    for (auto& [name, row] : Sorted(Group(all, key), key))
      w.BeginObject(), w.Field(key, std::string_view(name)), PutRow(w, row), w.EndObject();
    w.EndArray();
  }
  if (request.waste) PutWaste(w, all, request.top);
  if (WantOf(request) == Want::kSummaries) {
    w.Key("outcomes"), w.BeginObject();
    for (auto& [verdict, count] : figures.outcomes) w.Field(NameOf(verdict), count);
    w.EndObject();
  }
  const Coverage& c = figures.coverage;
  w.Key("coverage"), w.BeginObject();
  w.Field("priced", c.priced), w.Field("reported", c.reported), w.Field("unpriced", c.unpriced),
      w.Field("included", c.included);
  w.Field("skipped_records", c.skipped_records);
  w.Key("unpriced_models"), WriteArchive(&w).Put(c.unpriced_models);
  w.EndObject();
  w.EndObject();
  out << w.Take() << '\n';
}

// A table as people see it and as CSV.
struct View {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
};

View ToolView(const std::vector<Compiled>& all, int places) {
  View view{{{"tool"},
             {"sessions", true},
             {"uses", true},
             {"failed", true},
             {"suspected", true},
             {"USD of its content", true}},
            {}};
  for (auto& [name, row] : GroupTools(all)) {
    view.rows.push_back({name, std::to_string(row.sessions), std::to_string(row.uses),
                         std::to_string(row.failed), std::to_string(row.suspected),
                         row.cost ? row.cost->ToDecimal(places) : "unpriced"});
  }
  return view;
}

View ViewBy(const std::vector<Compiled>& all, std::string_view key, int places) {
  if (key == "tool") return ToolView(all, places);
  View view{{{std::string(key)},
             {"sessions", true},
             {"calls", true},
             {"input", true},
             {"of it cached", true},
             {"output", true},
             {"unpriced", true},
             {"USD", true}},
            {}};
  for (auto& [name, row] : Sorted(Group(all, key), key)) {
    view.rows.push_back({name, std::to_string(row.sessions), std::to_string(row.calls),
                         std::to_string(row.tokens.prompt()), std::to_string(row.tokens.cache_read),
                         std::to_string(row.tokens.output), std::to_string(row.unpriced),
                         row.calls == row.unpriced && row.calls ? "unpriced" : row.cost.ToDecimal(places)});
  }
  return view;
}

// RFC 4180. A text that a spreadsheet would take for a formula is kept from it by a leading quote.
std::string CsvField(const std::string& text) {
  std::string safe =
      !text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos && !ParseInt(text)
          ? "'" + text
          : text;
  if (safe.find_first_of(",\"\n\r") == std::string::npos) return safe;
  std::string quoted = "\"";
  for (char c : safe) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void PrintCsv(const std::vector<Compiled>& all, std::string_view by, std::ostream& out) {
  constexpr int kExact = 12;
  View view = ViewBy(all, by, kExact);
  for (size_t i = 0; i < view.columns.size(); ++i) out << (i ? "," : "") << CsvField(view.columns[i].title);
  out << "\r\n";
  for (const auto& row : view.rows) {
    for (size_t i = 0; i < row.size(); ++i) out << (i ? "," : "") << CsvField(Printable(row[i]));
    out << "\r\n";
  }
}

void PrintWaste(const std::vector<Compiled>& all, size_t top, std::ostream& out) {
  std::vector<std::vector<std::string>> rows;
  constexpr size_t kTarget = 60, kShortId = 13;
  for (const WasteRow& row : TopWaste(all, top)) {
    rows.push_back({row.what, Printable(PrefixUtf8(row.target, kTarget)), std::to_string(row.times),
                    row.cost ? row.cost->ToDecimal(4) : "-", Printable(PrefixUtf8(row.session, kShortId))});
  }
  if (rows.empty()) return;
  out << "\ntop waste (billed cost of the turns that did nothing else)\n";
  PrintTable(out, {{"what"}, {"target"}, {"times", true}, {"USD", true}, {"session"}}, rows);
}

void PrintText(const std::vector<Compiled>& all, const Request& request, std::ostream& out) {
  Figures figures = Sum(all);
  bool priced = figures.total.calls == 0 || figures.total.calls > figures.total.unpriced;
  constexpr int kPlaces = 4;
  out << fmt::format("{} sessions, {} LLM calls, {} tokens, {} USD", figures.total.sessions,
                     figures.total.calls, figures.total.tokens.total(),
                     priced ? figures.total.cost.ToDecimal(kPlaces) : "unpriced");
  if (request.waste)
    out << fmt::format("; waste and failures: {} USD of it (suspected, grade C0)",
                       priced ? figures.wasted.ToDecimal(kPlaces) : "unpriced");
  out << '\n';
  if (WantOf(request) == Want::kSummaries) out << OutcomeLine(figures.outcomes);
  for (std::string_view key : request.by) {
    out << '\n';
    View view = ViewBy(all, key, kPlaces);
    for (auto& row : view.rows) row[0] = Printable(row[0]);
    PrintTable(out, view.columns, view.rows);
  }
  if (request.waste) PrintWaste(all, request.top, out);
  const Coverage& c = figures.coverage;
  out << fmt::format(
      "\ncoverage: {} calls priced, {} as reported by the client, {} unpriced, {} included in a "
      "subscription; {} records skipped\n",
      c.priced, c.reported, c.unpriced, c.included, c.skipped_records);
  for (const std::string& model : c.unpriced_models) out << "  unpriced model: " << Printable(model) << '\n';
}

Result<Request> RequestOf(const Arguments& arguments) {
  Request request;
  request.waste = !arguments.Has("--by") || arguments.Has("--waste") || arguments.Has("--top");
  static const std::string kDefault = "agent,model";
  static thread_local std::string list;
  list = arguments.Has("--by") ? arguments.Value("--by") : kDefault;
  request.by = Split(list, ',');
  for (std::string_view key : request.by) {
    static constexpr std::string_view kKnown[] = {"day",  "agent", "model", "project",
                                                  "user", "task",  "tool",  "skill"};
    if (std::find(std::begin(kKnown), std::end(kKnown), key) == std::end(kKnown))
      return Fail(ErrorCode::kInvalidInput, fmt::format("--by {}: not a known view", key),
                  std::string(kViews));
  }
  if (arguments.Has("--csv") && (request.by.size() != 1 || arguments.Has("--json")))
    return Fail(ErrorCode::kInvalidInput, "--csv prints one table", "name one view: --by day --csv");
  int64_t top = arguments.Has("--top") ? ParseInt(arguments.Value("--top")).value_or(-1) : 10;
  if (top < 0)
    return Fail(ErrorCode::kInvalidInput, fmt::format("--top {} is not a number", arguments.Value("--top")),
                "a whole number, 0 or more");
  request.top = static_cast<size_t>(top);
  return request;
}

int Run(const Arguments& arguments, const World& world) {
  auto request = RequestOf(arguments);
  if (!request) return Report(world, request.error());
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  auto all = ReadSelected(*selection, *book, world, WantOf(*request));
  if (!all) return Report(world, all.error());
  if (arguments.Has("--csv"))
    PrintCsv(*all, request->by[0], *world.out);
  else if (arguments.Has("--json"))
    PrintJson(*all, *request, *world.out);
  else
    PrintText(*all, *request, *world.out);
  return kDone;
}

}  // namespace

extern const Command kReport;
const Command kReport = {
    .name = "report",
    .summary = "spend by day, agent, model, project, user, task, tool or skill; top waste; coverage",
    .usage =
        "report [--by LIST] [--waste] [--top N] [--csv|--json] [--store FILE] [--prices FILE] "
        "[PATH|SESSION]...",
    .details =
        "Every report ends with its coverage: what was priced, what was not, and what was skipped. Views by "
        "day, "
        "agent, model, project and user read only what calls cost; then records that hold no call are not "
        "looked "
        "at, and "
        "not counted as skipped either. By tool: what a tool's content cost in the prompts that carried it. "
        "By skill: "
        "what the sessions cost that loaded it.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

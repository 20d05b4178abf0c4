#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/table.h"
#include "model/archive.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--by", "LIST", "day, agent, model, project; comma-separated (default: agent,model)", FlagKind::kValue},
    {"--top", "N", "rows of the waste list (default 10)", FlagKind::kValue},
    kJsonFlag,
    kPricesFlag,
};

struct Row {
  int64_t sessions = 0, calls = 0, unpriced = 0;
  Usage tokens;
  Usd cost;
};

struct WasteRow {
  std::string what, session, target;
  int64_t times = 0;
  std::optional<Usd> cost;  // nullopt: unpriced, or the turns also did something else
};

std::vector<Compiled::Spend> SpendOf(const TraceCard& card) {
  std::map<std::pair<std::string, std::string>, Compiled::Spend> rows;
  for (const CardStep& step : card.steps) {
    if (step.kind != StepKind::kLlmCall || !step.cost_status) continue;
    auto when = step.start_ms ? step.start_ms : card.started_ms;
    std::string day = when ? FormatIsoTime(*when * 1'000'000).substr(0, 10) : "unknown";
    Compiled::Spend& row = rows[{day, step.model}];
    row.day = day, row.model = step.model;
    ++row.calls;
    if (*step.cost_status == CostStatus::kUnpriced) ++row.unpriced;
    if (step.tokens) row.tokens += *step.tokens;
    if (step.cost_usd) row.cost += *step.cost_usd;
  }
  std::vector<Compiled::Spend> list;
  for (auto& [key, row] : rows) list.push_back(std::move(row));
  return list;
}

std::string ProjectOf(const Compiled& item) {
  std::string path = item.project.empty() ? item.cwd : item.project;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.empty() ? "unknown" : path.substr(path.rfind('/') + 1);
}

std::map<std::string, Row> Group(const std::vector<Compiled>& all, std::string_view by) {
  std::map<std::string, Row> rows;
  for (const Compiled& item : all) {
    std::map<std::string, bool> counted;
    for (const Compiled::Spend& spend : item.spend) {
      std::string key = by == "day"       ? spend.day
                        : by == "model"   ? spend.model
                        : by == "agent"   ? item.card.agent
                        : by == "project" ? ProjectOf(item)
                                          : "total";
      Row& row = rows[key];
      if (!std::exchange(counted[key], true)) ++row.sessions;
      row.calls += spend.calls, row.unpriced += spend.unpriced, row.tokens += spend.tokens,
          row.cost += spend.cost;
    }
  }
  return rows;
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
};

Figures Sum(const std::vector<Compiled>& all) {
  Figures figures;
  auto total = Group(all, "total");
  if (!total.empty()) figures.total = total.begin()->second;
  figures.total.sessions = static_cast<int64_t>(all.size());
  for (const Compiled& item : all) {
    figures.wasted += item.card.wasted_usd.value_or(Usd());
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

void PrintJson(const std::vector<Compiled>& all, const std::vector<std::string_view>& by, size_t top,
               std::ostream& out) {
  Figures figures = Sum(all);
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Key("total"), w.BeginObject(), PutRow(w, figures.total), w.EndObject();
  w.Key("wasted_usd"), w.Number(figures.wasted.ToDecimal());
  for (std::string_view key : by) {
    w.Key(fmt::format("by_{}", key)), w.BeginArray();
    for (auto& [name, row] : Sorted(Group(all, key), key))
      w.BeginObject(), w.Field(key, std::string_view(name)), PutRow(w, row), w.EndObject();
    w.EndArray();
  }
  w.Key("top_waste"), w.BeginArray();
  for (const WasteRow& row : TopWaste(all, top)) {
    w.BeginObject();
    w.Field("what", row.what), w.Field("target", row.target), w.Field("session_id", row.session),
        w.Field("times", row.times);
    w.Key("cost_usd");
    if (row.cost)
      w.Number(row.cost->ToDecimal());
    else
      w.Null();
    w.EndObject();
  }
  w.EndArray();
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

void PrintText(const std::vector<Compiled>& all, const std::vector<std::string_view>& by, size_t top,
               std::ostream& out) {
  Figures figures = Sum(all);
  bool priced = figures.total.calls == 0 || figures.total.calls > figures.total.unpriced;
  out << fmt::format(
      "{} sessions, {} LLM calls, {} tokens, {} USD; waste and failures: {} USD of it (suspected, grade "
      "C0)\n",
      figures.total.sessions, figures.total.calls, figures.total.tokens.total(),
      priced ? figures.total.cost.ToDecimal(4) : "unpriced",
      priced ? figures.wasted.ToDecimal(4) : "unpriced");
  for (std::string_view key : by) {
    out << '\n';
    std::vector<std::vector<std::string>> rows;
    for (auto& [name, row] : Sorted(Group(all, key), key)) {
      rows.push_back({Printable(name), std::to_string(row.sessions), std::to_string(row.calls),
                      std::to_string(row.tokens.prompt()), std::to_string(row.tokens.cache_read),
                      std::to_string(row.tokens.output), std::to_string(row.unpriced),
                      row.calls == row.unpriced && row.calls ? "unpriced" : row.cost.ToDecimal(4)});
    }
    PrintTable(out,
               {{std::string(key)},
                {"sessions", true},
                {"calls", true},
                {"input", true},
                {"of it cached", true},
                {"output", true},
                {"unpriced", true},
                {"USD", true}},
               rows);
  }
  std::vector<std::vector<std::string>> rows;
  constexpr size_t kTarget = 60, kShortId = 13;
  for (const WasteRow& row : TopWaste(all, top)) {
    rows.push_back({row.what, Printable(PrefixUtf8(row.target, kTarget)), std::to_string(row.times),
                    row.cost ? row.cost->ToDecimal(4) : "-", Printable(PrefixUtf8(row.session, kShortId))});
  }
  if (!rows.empty())
    out << "\ntop waste (billed cost of the turns that did nothing else)\n",
        PrintTable(out, {{"what"}, {"target"}, {"times", true}, {"USD", true}, {"session"}}, rows);
  const Coverage& c = figures.coverage;
  out << fmt::format(
      "\ncoverage: {} calls priced, {} as reported by the client, {} unpriced, {} included in a "
      "subscription; {} records skipped\n",
      c.priced, c.reported, c.unpriced, c.included, c.skipped_records);
  for (const std::string& model : c.unpriced_models) out << "  unpriced model: " << Printable(model) << '\n';
}

int Run(const Arguments& arguments, const World& world) {
  std::string list = arguments.Has("--by") ? arguments.Value("--by") : "agent,model";
  std::vector<std::string_view> by = Split(list, ',');
  for (std::string_view key : by) {
    if (key != "day" && key != "agent" && key != "model" && key != "project") {
      return Report(world, {ErrorCode::kInvalidInput, fmt::format("--by {}: not a known view", key),
                            "day, agent, model or project"});
    }
  }
  int64_t top = arguments.Has("--top") ? ParseInt(arguments.Value("--top")).value_or(-1) : 10;
  if (top < 0)
    return Report(world, {ErrorCode::kInvalidInput,
                          fmt::format("--top {} is not a number", arguments.Value("--top")), ""});
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  auto all = CompileAll(selection->inputs, *book, world, [](Compiled& item, const PricedSession&) {
    item.spend = SpendOf(item.card);
    DropSteps(item);
  });
  if (!all) return Report(world, InTermsOf(*selection, all.error()));
  if (arguments.Has("--json"))
    PrintJson(*all, by, static_cast<size_t>(top), *world.out);
  else
    PrintText(*all, by, static_cast<size_t>(top), *world.out);
  return kDone;
}

}  // namespace

extern const Command kReport;
const Command kReport = {
    .name = "report",
    .summary = "spend by day, agent, model or project; top waste; coverage",
    .usage = "report [--by LIST] [--top N] [--json] [PATH]...",
    .details = "Every report ends with its coverage: what was priced, what was not, and what was skipped.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

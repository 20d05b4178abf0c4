#include "store/totals.h"

#include <array>
#include <optional>

namespace clawtrace::store {
namespace {

// Everything of a spend that is summed, in the order of the columns.
constexpr size_t kSums = 11;
using Sums = std::array<int64_t, kSums>;
constexpr std::string_view kSumColumns =
    "calls, unpriced, uncached_input, cache_read, cache_write_5m, cache_write_1h, cache_write_unknown, "
    "output, "
    "reasoning, cost, included";

struct Key {
  int64_t tenant = 0, day = 0, agent = 0, model = 0;
};

Sums SumsOf(const DaySpend& s) {
  return {s.calls,
          s.unpriced,
          s.tokens.uncached_input,
          s.tokens.cache_read,
          s.tokens.cache_write_5m,
          s.tokens.cache_write_1h,
          s.tokens.cache_write_unknown,
          s.tokens.output,
          s.tokens.reasoning,
          s.cost.pico(),
          s.included.pico()};
}

void BindSums(Statement& statement, const Sums& sums) {
  for (int64_t sum : sums) statement.Bind(sum);
}

Sums ReadSums(const Statement& row, int column) {
  Sums sums{};
  for (size_t i = 0; i < kSums; ++i) sums[i] = row.Int(column + static_cast<int>(i));
  return sums;
}

// Beyond what a number holds nothing is counted: amounts saturate everywhere (model/usd.h), and a sum that
// was saturated once cannot be taken from again.
bool AddTo(Sums& sums, const Sums& more, int sign) {
  for (size_t i = 0; i < kSums; ++i) {
    int64_t part = more[i], signed_part = 0;
    if (__builtin_mul_overflow(part, sign, &signed_part) ||
        __builtin_add_overflow(sums[i], signed_part, &sums[i]))
      return false;
  }
  return true;
}

// parts: how many spends the total has; it goes with the last.
Status Change(WriteScope& scope, const Key& key, const Sums& more, int sign) {
  Sums sums{};
  int64_t parts = 0;
  {
    Statement find = scope.db.Prepare(
        "SELECT parts, calls, unpriced, uncached_input, cache_read, cache_write_5m, cache_write_1h, "
        "cache_write_unknown, output, reasoning, cost, included FROM day_total WHERE tenant = ? AND day = ? "
        "AND "
        "agent = ? AND model = ?");
    find.Bind(key.tenant).Bind(key.day).Bind(key.agent).Bind(key.model);
    if (find.Step()) parts = find.Int(0), sums = ReadSums(find, 1);
    CT_RETURN_IF_ERROR(find.ok());
  }
  parts += sign;
  if (!AddTo(sums, more, sign))
    return Fail(ErrorCode::kLimit, "the totals of a day are beyond what can be counted");
  if (parts <= 0) {
    Statement drop =
        scope.db.Prepare("DELETE FROM day_total WHERE tenant = ? AND day = ? AND agent = ? AND model = ?");
    return drop.Bind(key.tenant).Bind(key.day).Bind(key.agent).Bind(key.model).Run();
  }
  Statement put = scope.db.Prepare(
      "INSERT OR REPLACE INTO day_total VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  put.Bind(key.tenant).Bind(key.day).Bind(key.agent).Bind(key.model).Bind(parts);
  BindSums(put, sums);
  return put.Run();
}

}  // namespace

Status AddSpend(WriteScope& scope, int64_t tenant, int64_t summary, std::string_view agent,
                const std::vector<DaySpend>& spend) {
  auto by = scope.rows.String(agent);
  if (!by) return std::unexpected(by.error());
  for (const DaySpend& each : spend) {
    auto model = scope.rows.String(each.model);
    if (!model) return std::unexpected(model.error());
    Statement put = scope.db.Prepare(
        "INSERT INTO spend VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    put.Bind(summary).Bind(int64_t{each.day}).Bind(*by).Bind(*model);
    BindSums(put, SumsOf(each));
    CT_RETURN_IF_ERROR(put.Run());
    if (scope.db.changes() == 0)
      return Fail(ErrorCode::kInvalidInput, "a session spends twice on one day and model: add them up");
    CT_RETURN_IF_ERROR(Change(scope, {tenant, each.day, *by, *model}, SumsOf(each), 1));
  }
  return {};
}

Status DropSpend(WriteScope& scope, int64_t tenant, int64_t summary) {
  std::vector<std::pair<Key, Sums>> parts;
  {
    Statement find = scope.db.Prepare(
        "SELECT day, agent, model, calls, unpriced, uncached_input, cache_read, cache_write_5m, "
        "cache_write_1h, "
        "cache_write_unknown, output, reasoning, cost, included FROM spend WHERE summary = ?");
    find.Bind(summary);
    while (find.Step())
      parts.emplace_back(Key{tenant, find.Int(0), find.Int(1), find.Int(2)}, ReadSums(find, 3));
    CT_RETURN_IF_ERROR(find.ok());
  }
  for (const auto& [key, sums] : parts) CT_RETURN_IF_ERROR(Change(scope, key, sums, -1));
  return scope.db.Prepare("DELETE FROM spend WHERE summary = ?").Bind(summary).Run();
}

Result<std::vector<DayTotal>> DayTotalRows(Database& db, int64_t tenant, int32_t from, int32_t until) {
  Statement rows = db.Prepare(
      "SELECT d.day, a.s, m.s, d.calls, d.unpriced, d.uncached_input, d.cache_read, d.cache_write_5m, "
      "d.cache_write_1h, d.cache_write_unknown, d.output, d.reasoning, d.cost, d.included FROM day_total d "
      "CROSS JOIN str a ON a.id = d.agent CROSS JOIN str m ON m.id = d.model WHERE d.tenant = ? AND d.day >= "
      "? AND "
      "d.day < ? ORDER BY d.day, a.s, m.s");
  rows.Bind(tenant).Bind(int64_t{from}).Bind(int64_t{until});
  std::vector<DayTotal> totals;
  while (rows.Step()) {
    DayTotal& t = totals.emplace_back();
    t.day = static_cast<int32_t>(rows.Int(0));
    t.agent = rows.Text(1), t.model = rows.Text(2);
    Sums sums = ReadSums(rows, 3);
    t.calls = sums[0], t.unpriced = sums[1];
    t.tokens = {sums[2], sums[3], sums[4], sums[5], sums[6], sums[7], sums[8]};
    t.cost = Usd::Pico(sums[9]), t.included = Usd::Pico(sums[10]);
  }
  CT_RETURN_IF_ERROR(rows.ok());
  return totals;
}

Result<int64_t> WrongTotals(Database& db) {
  std::string sums;
  for (std::string_view rest = kSumColumns; !rest.empty();) {
    size_t comma = rest.find(", ");
    sums.append(", sum(x.").append(rest.substr(0, comma)).append(")");
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 2);
  }
  std::string made = "SELECT y.tenant, x.day, x.agent, x.model, count(*)" + sums +
                     " FROM spend x JOIN summary y ON y.id = x.summary GROUP BY 1, 2, 3, 4";
  std::string kept =
      "SELECT tenant, day, agent, model, parts, " + std::string(kSumColumns) + " FROM day_total";
  auto missing = db.Number("SELECT count(*) FROM (" + made + " EXCEPT " + kept + ")");
  auto extra = db.Number("SELECT count(*) FROM (" + kept + " EXCEPT " + made + ")");
  if (!missing || !extra) return std::unexpected((missing ? extra : missing).error());
  return missing->value_or(0) + extra->value_or(0);
}

}  // namespace clawtrace::store

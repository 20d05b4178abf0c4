#include "pricing/stated_rates.h"

#include <array>
#include <cmath>
#include <cstdlib>

namespace clawtrace {
namespace {

__extension__ typedef __int128 Wide;

// Tokens by rate, in the order of kRates.
constexpr std::array kRates = {&CallRates::uncached_input, &CallRates::cache_read, &CallRates::cache_write_5m,
                               &CallRates::cache_write_1h, &CallRates::output};
using Tokens = std::array<int64_t, kRates.size()>;

Tokens ByRate(const Usage& usage) {
  return {usage.uncached_input, usage.cache_read, usage.cache_write_5m + usage.cache_write_unknown,
          usage.cache_write_1h, usage.output};
}

using Column = std::vector<long double>;

long double Dot(const Column& a, const Column& b) {
  long double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void Subtract(const Column& what, long double times, Column* from) {
  for (size_t i = 0; i < what.size(); ++i) (*from)[i] -= times * what[i];
}

// x with columns * x nearest to wanted; nullopt when one column is, as far as can be told, a mix of others.
std::optional<std::vector<long double>> Solve(std::vector<Column> columns, Column wanted) {
  constexpr long double kLeftOver = 1e-7L;  // of a column's length, for it to count as one of its own
  size_t n = columns.size();
  std::vector<std::vector<long double>> upper(n, std::vector<long double>(n));
  std::vector<long double> x(n);
  for (size_t j = 0; j < n; ++j) {
    long double length = std::sqrt(Dot(columns[j], columns[j]));
    for (size_t i = 0; i < j; ++i) {
      upper[i][j] = Dot(columns[i], columns[j]);
      Subtract(columns[i], upper[i][j], &columns[j]);
    }
    upper[j][j] = std::sqrt(Dot(columns[j], columns[j]));
    if (!(upper[j][j] > length * kLeftOver)) return std::nullopt;
    for (long double& value : columns[j]) value /= upper[j][j];
    x[j] = Dot(columns[j], wanted);
    Subtract(columns[j], x[j], &wanted);
  }
  for (size_t j = n; j-- > 0;) {
    for (size_t i = j + 1; i < n; ++i) x[j] -= upper[j][i] * x[i];
    x[j] /= upper[j][j];
  }
  return x;
}

bool Reproduces(const CallRates& rates, const StatedCost& call) {
  constexpr int64_t kRounding = 1000;
  Tokens tokens = ByRate(call.usage);
  Wide gap = -Wide{call.cost.pico()};
  for (size_t i = 0; i < kRates.size(); ++i) gap += Wide{(rates.*kRates[i]).pico()} * tokens[i];
  return gap >= -kRounding && gap <= kRounding;
}

}  // namespace

std::optional<CallRates> RatesBehind(std::span<const StatedCost> calls) {
  std::vector<Column> columns;
  std::vector<Usd CallRates::*> wanted;
  for (size_t i = 0; i < kRates.size(); ++i) {
    Column column;
    for (const StatedCost& call : calls) column.push_back(static_cast<long double>(ByRate(call.usage)[i]));
    if (Dot(column, column) == 0) continue;
    columns.push_back(std::move(column)), wanted.push_back(kRates[i]);
  }
  if (columns.empty() || calls.size() < columns.size()) return std::nullopt;
  Column costs;
  for (const StatedCost& call : calls) costs.push_back(static_cast<long double>(call.cost.pico()));
  auto solved = Solve(std::move(columns), std::move(costs));
  if (!solved) return std::nullopt;
  CallRates rates;
  for (size_t i = 0; i < wanted.size(); ++i) {
    // One dollar a token is beyond any list, and what is not a number is refused too.
    long double pico = std::round((*solved)[i]);
    if (!(pico >= 0 && pico <= 1e12L)) return std::nullopt;
    rates.*wanted[i] = Usd::Pico(static_cast<int64_t>(pico));
  }
  for (const StatedCost& call : calls) {
    if (!Reproduces(rates, call)) return std::nullopt;
  }
  rates.reasoning = rates.output;
  return rates;
}

}  // namespace clawtrace

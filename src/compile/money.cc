#include "compile/money.h"

#include <fmt/core.h>

#include <algorithm>

namespace clawtrace::compile {
namespace {

__extension__ typedef __int128 Wide;

// Calls looked at for all findings of a session together; far above any real session.
constexpr int64_t kMaxWork = 8'000'000;

std::string_view NameOf(SegmentKind kind) {
  if (kind == SegmentKind::kUser) return "user";
  return kind == SegmentKind::kSummary ? "summary" : "base";
}

// Ours against the client's figure in percent, when they are more than 2 % apart.
std::optional<int64_t> DeltaPercent(Usd ours, Usd client) {
  constexpr Wide kPercent = 100, kTolerance = 2;
  Wide gap = (Wide{ours.pico()} - client.pico()) * kPercent;
  if (client <= Usd() || (gap < 0 ? -gap : gap) <= kTolerance * client.pico()) return std::nullopt;
  Wide rounded = (gap + (gap < 0 ? -client.pico() : client.pico()) / 2) / client.pico();
  return static_cast<int64_t>(std::clamp<Wide>(rounded, INT64_MIN, INT64_MAX));
}

}  // namespace

Money::Money(const PricedSession& priced)
    : priced_(priced), layout_(LayOutPrompts(*priced.session)), attribution_(Attribute(priced, layout_)) {}

void Money::Fill(size_t step, CardStep* row) const {
  if (attribution_.known) {
    const StepCost& cost = attribution_.steps[step];
    row->attributed_cost_usd = cost.total();
    row->context_cost_usd = cost.context;
    row->estimated = cost.estimated;
  }
  if (row->kind != StepKind::kLlmCall || !row->cost_usd) return;
  const CallPrice& price = priced_.prices[step];
  if (price.reason != "not-billed") row->cost_reason = price.reason;
  if (price.status == CostStatus::kPriced && row->reported_cost_usd)
    row->cost_delta_percent = DeltaPercent(*row->cost_usd, *row->reported_cost_usd);
  if (price.status == CostStatus::kPriced && price.other_price) {
    row->cost_low_usd = std::min(*row->cost_usd, *price.other_price);
    row->cost_high_usd = std::max(*row->cost_usd, *price.other_price);
  }
}

std::vector<ReservedRow> Money::Reserved(const std::string& prefix) const {
  std::vector<ReservedRow> rows;
  for (const ReservedCost& cost : attribution_.reserved) {
    ReservedRow& row = rows.emplace_back();
    row.row = NameOf(cost.kind);
    if (!prefix.empty()) row.step = prefix.substr(0, prefix.size() - 1);
    row.cost_usd = cost.cost;
    row.estimated = cost.estimated;
    if (!cost.replaced) continue;
    row.first = fmt::format("{}{}", prefix, cost.replaced->first + 1);
    row.last = fmt::format("{}{}", prefix, cost.replaced->second + 1);
  }
  return rows;
}

const Recoster& Money::Again() {
  if (!recoster_) recoster_.emplace(priced_, layout_);
  return *recoster_;
}

std::optional<Usd> Money::SavedWithout(const std::set<size_t>& steps) {
  work_ += static_cast<int64_t>(priced_.session->steps.size());
  if (work_ > kMaxWork && work_ > static_cast<int64_t>(priced_.session->steps.size())) {
    ++skipped_;
    return std::nullopt;
  }
  return SavedWithoutAll(steps);
}

std::optional<Usd> Money::SavedWithoutAll(const std::set<size_t>& steps) {
  if (steps.empty()) return std::nullopt;
  std::vector<size_t> list(steps.begin(), steps.end());
  auto saved = Again().Without(list).usd;
  return saved ? std::optional(std::max(*saved, Usd())) : std::nullopt;
}

}  // namespace clawtrace::compile

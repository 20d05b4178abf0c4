#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "base/text.h"
#include "pricing/model_id.h"
#include "pricing/price_list.h"
#include "pricing/pricing.h"

namespace clawtrace {
namespace {

// The day behind the last '@' of a source, "" when there is none.
std::string_view DateOf(std::string_view source) {
  size_t at = source.rfind('@');
  if (at == std::string_view::npos) return {};
  std::string_view date = source.substr(at + 1);
  return date.size() == 10 && ParseIsoTime(fmt::format("{}T00:00:00Z", date)) ? date : std::string_view{};
}

bool InPeriod(const PriceRow& row, int64_t at_ns) {
  if (row.effective_from_ns && at_ns < *row.effective_from_ns) return false;
  return !row.effective_to_ns || at_ns < *row.effective_to_ns;
}

}  // namespace

void PriceBook::AddRow(PriceRow row) {
  newest_date_ = std::max(newest_date_, std::string(DateOf(row.source)));
  by_model_[ToLower(row.model)].push_back(rows_.size());
  for (auto change : {row.effective_from_ns, row.effective_to_ns}) {
    if (!change) continue;
    auto place = std::ranges::lower_bound(changes_ns_, *change);
    if (place == changes_ns_.end() || *place != *change) changes_ns_.insert(place, *change);
  }
  rows_.push_back(std::move(row));
}

void PriceBook::SetId(std::string_view text) {
  content_hash_ = Sha256Hex(content_hash_ + std::string(text));
  id_ = fmt::format("{}+{}", newest_date_.empty() ? "undated" : newest_date_, content_hash_.substr(0, 8));
}

Result<PriceBook> PriceBook::FromTsv(std::string_view tsv, std::string_view name) {
  auto list = ParsePriceTsv(tsv, name);
  if (!list) return std::unexpected(std::move(list.error()));
  PriceBook book;
  for (PriceRow& row : list->rows) book.AddRow(std::move(row));
  for (const auto& [alias, model] : list->aliases) {
    std::string key = ToLower(alias), target = ToLower(model);
    auto [at, added] = book.aliases_.emplace(key, target);
    if (book.by_model_.contains(key) || (!added && at->second != target)) {
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}: alias {} names two models", name, alias));
    }
  }
  book.SetId(tsv);
  return book;
}

Status PriceBook::AddOverrides(std::string_view text, std::string_view name) {
  auto list = ParsePriceOverrides(text, name);
  if (!list) return std::unexpected(std::move(list.error()));
  PriceBook next = *this;
  for (PriceRow& row : list->rows) next.AddRow(std::move(row));
  // Targets are looked up in the book without the new aliases, so that no chain or circle of aliases can
  // arise.
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [alias, model] : list->aliases) {
    PriceMatch match = next.Find(model, "", std::nullopt);
    if (!match.row) {
      return Fail(
          ErrorCode::kNotFound,
          fmt::format("{}: alias {} leads to {}, which the price book does not know", name, alias, model),
          "add a price for it, or see `clawtrace prices` for the known models");
    }
    found.emplace_back(ToLower(Trim(alias)), ToLower(match.row->model));
  }
  for (auto& [alias, model] : found) next.aliases_.insert_or_assign(alias, model);
  next.SetId(text);
  *this = std::move(next);
  return {};
}

const PriceRow* PriceBook::Choose(const std::vector<size_t>& rows, std::string_view provider,
                                  std::string_view region, std::optional<int64_t> at_ns) const {
  // The provider whose list the shipped book holds: its price stands for calls through anybody else.
  std::string_view home;
  for (size_t i : rows) {
    if (!rows_[i].user && !IsRegionalProvider(rows_[i].provider)) {
      home = rows_[i].provider;
      break;
    }
  }
  const PriceRow* best = nullptr;
  std::tuple<int, bool, int64_t, size_t> best_rank;
  for (size_t i : rows) {
    const PriceRow& row = rows_[i];
    std::string own = CanonicalProvider(row.provider);
    if (at_ns && !InPeriod(row, *at_ns)) continue;
    int nearness = 0;  // 2: this provider's price, 1: the maker's list price, 0: somebody's
    if (!region.empty()) {
      if (own != region) continue;
    } else if (IsRegionalProvider(own) && !ToLower(row.model).starts_with(own + ".")) {
      continue;
    } else if (provider.empty()) {
      nearness = own.empty() || own == home ? 2 : 0;
    } else if (own == provider || own.empty()) {
      nearness = 2;
    } else if (own == home && !IsLocalProvider(provider)) {
      nearness = 1;
    } else {
      continue;
    }
    std::tuple rank{nearness, row.user, row.effective_from_ns.value_or(INT64_MIN), i};
    if (!best || rank > best_rank) best = &row, best_rank = rank;
  }
  return best;
}

PriceMatch PriceBook::Find(std::string_view model, std::string_view provider,
                           std::optional<int64_t> at_ns) const {
  std::string from = CanonicalProvider(provider);
  PriceMatch miss;
  for (const IdForm& form : IdForms(model)) {
    std::string how = form.how;
    auto note = [&](std::string_view word, std::string_view detail = {}) {
      if (!how.empty()) how += '+';
      how.append(word).append(detail);
    };
    // A user's alias beats the book's own model of that name.
    auto rows = by_model_.find(form.id);
    if (auto alias = aliases_.find(form.id); alias != aliases_.end()) {
      rows = by_model_.find(alias->second);
      note("alias:", alias->first);
    }
    if (rows == by_model_.end()) {
      if (!form.region.empty()) miss.how = "provider-prefix:" + form.region.substr(0, form.region.find('.'));
      continue;
    }
    const PriceRow* row = Choose(rows->second, from, form.region, at_ns);
    if (!row) {
      bool other_day = Choose(rows->second, from, form.region, std::nullopt) != nullptr;
      if (other_day)
        miss.how = "no-row-for-date";
      else if (!form.region.empty())
        miss.how = "provider-prefix:" + form.region.substr(0, form.region.find('.'));
      else if (IsLocalProvider(from))
        miss.how = "local-provider";
      continue;
    }
    if (how.empty()) how = row->model == Trim(model) ? "exact" : "case";
    std::string own = CanonicalProvider(row->provider);
    if (form.region.empty() && !from.empty() && !own.empty() && own != from) note("list-price-of:", own);
    return {row, how};
  }
  return miss;
}

const PriceMatch& PriceFinder::Find(const std::string& model, const std::string& provider,
                                    std::optional<int64_t> at_ns) {
  const auto& changes = book_.changes_ns_;
  ptrdiff_t stretch = at_ns ? std::ranges::upper_bound(changes, *at_ns) - changes.begin() : -1;
  auto is = [&](const Key& key) { return key == std::tie(model, provider, stretch); };
  if (!last_ || !is(last_->first)) {
    auto [at, added] = known_.try_emplace(Key(model, provider, stretch));
    if (added) at->second = book_.Find(model, provider, at_ns);
    last_ = &*at;
  }
  return last_->second;
}

}  // namespace clawtrace

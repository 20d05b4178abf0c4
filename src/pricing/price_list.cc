#include "pricing/price_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"
#include "base/value.h"

namespace clawtrace {
namespace {

constexpr int64_t kTokensPerUnit = 1'000'000;
constexpr int64_t kSearchesPerUnit = 1'000;
// Far above any price; keeps rate times tokens of one call far from the range's end.
constexpr int64_t kMaxDollarsPerMtok = 1'000'000;

// A price in USD per million tokens; nullopt when it is none.
std::optional<Usd> ParseRate(std::string_view text) {
  auto dollars = Usd::Parse(text);
  if (!dollars || *dollars < Usd() || dollars->pico() > kMaxDollarsPerMtok * 1'000'000'000'000)
    return std::nullopt;
  return Usd::Pico((dollars->pico() + kTokensPerUnit / 2) / kTokensPerUnit);
}

// A day, or a time, in UTC.
std::optional<int64_t> ParseDay(std::string_view text) {
  return ParseIsoTime(text.size() == 10 ? fmt::format("{}T00:00:00Z", text) : std::string(text));
}

std::optional<Usd>* RateField(Rates& rates, std::string_view name) {
  if (name == "input") return &rates.input;
  if (name == "output") return &rates.output;
  if (name == "cache_read") return &rates.cache_read;
  if (name == "cache_write_5m") return &rates.cache_write_5m;
  if (name == "cache_write_1h") return &rates.cache_write_1h;
  if (name == "reasoning_output") return &rates.reasoning;
  return nullptr;
}

// The member of a row for "batch_input" and the like.
std::optional<Usd>* ServiceField(PriceRow& row, std::string_view name) {
  for (auto [prefix, member] : {std::pair{std::string_view("batch_"), &row.batch},
                                {"priority_", &row.priority},
                                {"flex_", &row.flex}}) {
    if (!name.starts_with(prefix)) continue;
    std::string_view side = name.substr(prefix.size());
    if (side != "input" && side != "output") return nullptr;
    if (!*member) member->emplace();
    return side == "input" ? &(*member)->input : &(*member)->output;
  }
  return nullptr;
}

// "input=6 output=22.5"
bool ParseTierRates(std::string_view text, Rates* rates) {
  for (std::string_view pair : Split(text, ' ')) {
    if (pair.empty()) continue;
    size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return false;
    auto* field = RateField(*rates, pair.substr(0, equals));
    if (!field) return false;
    *field = ParseRate(pair.substr(equals + 1));
    if (!*field) return false;
  }
  return true;
}

// ">200000 input=6 output=22.5; >400000 ...": ascending.
std::optional<std::vector<PriceTier>> ParseTiers(std::string_view text) {
  std::vector<PriceTier> tiers;
  for (std::string_view part : Split(text, ';')) {
    part = Trim(part);
    if (part.empty() || part.front() != '>') return std::nullopt;
    part.remove_prefix(1);
    size_t space = part.find(' ');
    auto above = ParseInt(part.substr(0, space));
    if (!above || *above <= 0 || space == std::string_view::npos) return std::nullopt;
    if (!tiers.empty() && *above <= tiers.back().above) return std::nullopt;
    PriceTier tier{.above = *above, .rates = {}};
    if (!ParseTierRates(part.substr(space), &tier.rates)) return std::nullopt;
    tiers.push_back(tier);
  }
  return tiers;
}

// One cell of the table into the row; the message says what it should have been.
Result<void> SetCell(std::string_view column, std::string_view cell, PriceRow* row) {
  auto wanted = [](std::string_view what) { return Fail(ErrorCode::kInvalidInput, std::string(what)); };
  if (column == "model")
    row->model = cell;
  else if (column == "provider")
    row->provider = cell;
  else if (column == "source")
    row->source = cell;
  else if (column == "notes")
    row->notes = cell;
  else if (cell.empty() || column == "aliases")
    return {};
  else if (column == "effective_from" || column == "effective_to") {
    auto time = ParseDay(cell);
    if (!time) return wanted("a day like 2026-03-13");
    (column == "effective_from" ? row->effective_from_ns : row->effective_to_ns) = time;
  } else if (column == "tiers") {
    auto tiers = ParseTiers(cell);
    if (!tiers) return wanted("tiers like \">200000 input=6 output=22.5; >400000 input=9\"");
    row->tiers = std::move(*tiers);
  } else {
    auto rate = ParseRate(cell);
    if (!rate) return wanted("USD per million tokens");
    if (auto* field = RateField(row->rates, column))
      *field = rate;
    else if (column == "audio_input")
      row->audio_input = rate;
    else if (column == "web_search")
      row->web_search = rate->Times(kTokensPerUnit / kSearchesPerUnit);
    else if (auto* service = ServiceField(*row, column))
      *service = rate;
  }
  return {};
}

constexpr auto kColumns = std::to_array<std::string_view>({"model",
                                                           "provider",
                                                           "effective_from",
                                                           "effective_to",
                                                           "input",
                                                           "output",
                                                           "cache_read",
                                                           "cache_write_5m",
                                                           "cache_write_1h",
                                                           "tiers",
                                                           "batch_input",
                                                           "batch_output",
                                                           "priority_input",
                                                           "priority_output",
                                                           "flex_input",
                                                           "flex_output",
                                                           "reasoning_output",
                                                           "audio_input",
                                                           "web_search",
                                                           "aliases",
                                                           "source",
                                                           "notes"});

// Half-open periods; an absent end is infinite.
bool Overlap(const PriceRow& a, const PriceRow& b) {
  auto before = [](const PriceRow& x, const PriceRow& y) {
    return x.effective_to_ns && y.effective_from_ns && *x.effective_to_ns <= *y.effective_from_ns;
  };
  return !before(a, b) && !before(b, a);
}

Status CheckPeriods(const std::vector<PriceRow>& rows, std::string_view name) {
  std::map<std::pair<std::string, std::string>, std::vector<const PriceRow*>> seen;
  for (const PriceRow& row : rows) {
    if (row.effective_from_ns && row.effective_to_ns && *row.effective_from_ns >= *row.effective_to_ns) {
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("{}: the price of {} ends before it starts", name, row.model));
    }
    auto& others = seen[{ToLower(row.model), row.provider}];
    for (const PriceRow* other : others) {
      if (Overlap(*other, row)) {
        return Fail(ErrorCode::kInvalidInput,
                    fmt::format("{}: two prices of {} ({}) for the same day", name, row.model, row.provider),
                    "give one of them an end, or the other a start");
      }
    }
    others.push_back(&row);
  }
  return {};
}

// Reading of the override document: every complaint names the place.
class OverrideReader {
 public:
  explicit OverrideReader(std::string_view name) : name_(name) {}

  Result<PriceList> Read(const Value& document) {
    PriceList list;
    if (document.is_null()) return list;
    CT_RETURN_IF_ERROR(CheckKeys(document, "the document", {"prices", "aliases"}));
    if (const Value* prices = document.Find("prices"); prices && !prices->is_null()) {
      if (prices->kind != Value::Kind::kList) return Bad("prices", "a list");
      for (size_t i = 0; i < prices->items.size(); ++i) {
        auto row = ReadRow(prices->items[i], fmt::format("prices[{}]", i));
        if (!row) return std::unexpected(std::move(row.error()));
        list.rows.push_back(std::move(*row));
      }
    }
    if (const Value* aliases = document.Find("aliases"); aliases && !aliases->is_null()) {
      if (aliases->kind != Value::Kind::kMap) return Bad("aliases", "a map from alias to model");
      for (const auto& [alias, target] : aliases->members) {
        auto model = target.AsString();
        if (Trim(alias).empty() || !model || Trim(*model).empty())
          return Bad("aliases." + alias, "the name of a model");
        list.aliases.emplace_back(alias, *model);
      }
    }
    return list;
  }

 private:
  std::unexpected<Error> Bad(const std::string& path, std::string_view wanted) const {
    return Fail(ErrorCode::kInvalidInput, fmt::format("{}: {} is not {}", name_, path, wanted));
  }

  Status CheckKeys(const Value& map, const std::string& path,
                   std::initializer_list<std::string_view> known) const {
    if (map.kind != Value::Kind::kMap) return Bad(path, "a map");
    for (const auto& member : map.members) {
      if (std::find(known.begin(), known.end(), member.key) != known.end()) continue;
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}: unknown key {} in {}", name_, member.key, path),
                  fmt::format("known keys: {}", fmt::to_string(fmt::join(known, ", "))));
    }
    return {};
  }

  Status ReadRate(const Value& map, const std::string& path, std::string_view key,
                  std::optional<Usd>* rate) const {
    const Value* value = map.Find(key);
    if (!value || value->is_null()) return {};
    auto text = value->AsString();
    *rate = text ? ParseRate(*text) : std::nullopt;
    if (!*rate) return Bad(fmt::format("{}.{}", path, key), "USD per million tokens");
    return {};
  }

  Status ReadRates(const Value& map, const std::string& path, Rates* rates) const {
    for (std::string_view key :
         {"input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning_output"}) {
      CT_RETURN_IF_ERROR(ReadRate(map, path, key, RateField(*rates, key)));
    }
    return {};
  }

  Status ReadText(const Value& map, const std::string& path, std::string_view key, std::string* text) const {
    const Value* value = map.Find(key);
    if (!value || value->is_null()) return {};
    auto read = value->AsString();
    if (!read) return Bad(fmt::format("{}.{}", path, key), "a string");
    *text = std::move(*read);
    return {};
  }

  Status ReadDay(const Value& map, const std::string& path, std::string_view key,
                 std::optional<int64_t>* time) const {
    std::string text;
    CT_RETURN_IF_ERROR(ReadText(map, path, key, &text));
    if (text.empty()) return {};
    *time = ParseDay(text);
    if (!*time) return Bad(fmt::format("{}.{}", path, key), "a day like 2026-03-13");
    return {};
  }

  Status ReadService(const Value& map, const std::string& path, std::string_view key,
                     std::optional<Rates>* service) const {
    const Value* value = map.Find(key);
    if (!value || value->is_null()) return {};
    std::string inner = fmt::format("{}.{}", path, key);
    CT_RETURN_IF_ERROR(CheckKeys(*value, inner, {"input", "output"}));
    Rates rates;
    CT_RETURN_IF_ERROR(ReadRates(*value, inner, &rates));
    if (!rates.input || !rates.output) return Bad(inner, "a map with input and output");
    *service = rates;
    return {};
  }

  Status ReadTiers(const Value& map, const std::string& path, std::vector<PriceTier>* tiers) const {
    const Value* value = map.Find("tiers");
    if (!value || value->is_null()) return {};
    if (value->kind != Value::Kind::kList) return Bad(path + ".tiers", "a list");
    for (size_t i = 0; i < value->items.size(); ++i) {
      std::string inner = fmt::format("{}.tiers[{}]", path, i);
      const Value& item = value->items[i];
      CT_RETURN_IF_ERROR(CheckKeys(item, inner,
                                   {"above", "input", "output", "cache_read", "cache_write_5m",
                                    "cache_write_1h", "reasoning_output"}));
      const Value* above = item.Find("above");
      auto tokens = above ? above->AsInt() : std::nullopt;
      if (!tokens || *tokens <= 0) return Bad(inner + ".above", "a number of prompt tokens");
      if (!tiers->empty() && *tokens <= tiers->back().above)
        return Bad(inner + ".above", "larger than the tier before");
      PriceTier tier{.above = *tokens, .rates = {}};
      CT_RETURN_IF_ERROR(ReadRates(item, inner, &tier.rates));
      tiers->push_back(tier);
    }
    return {};
  }

  Result<PriceRow> ReadRow(const Value& map, const std::string& path) const {
    CT_RETURN_IF_ERROR(CheckKeys(map, path,
                                 {"model", "provider", "effective_from", "effective_to", "input", "output",
                                  "cache_read", "cache_write_5m", "cache_write_1h", "reasoning_output",
                                  "tiers", "batch", "priority", "flex", "web_search", "source", "notes"}));
    PriceRow row;
    row.user = true;
    CT_RETURN_IF_ERROR(ReadText(map, path, "model", &row.model));
    CT_RETURN_IF_ERROR(ReadText(map, path, "provider", &row.provider));
    CT_RETURN_IF_ERROR(ReadText(map, path, "source", &row.source));
    CT_RETURN_IF_ERROR(ReadText(map, path, "notes", &row.notes));
    row.model = Trim(row.model);
    if (row.model.empty()) return Bad(path + ".model", "the name of a model");
    CT_RETURN_IF_ERROR(ReadDay(map, path, "effective_from", &row.effective_from_ns));
    CT_RETURN_IF_ERROR(ReadDay(map, path, "effective_to", &row.effective_to_ns));
    CT_RETURN_IF_ERROR(ReadRates(map, path, &row.rates));
    if (!row.rates.input || !row.rates.output) return Bad(path, "a price with input and output");
    CT_RETURN_IF_ERROR(ReadTiers(map, path, &row.tiers));
    CT_RETURN_IF_ERROR(ReadService(map, path, "batch", &row.batch));
    CT_RETURN_IF_ERROR(ReadService(map, path, "priority", &row.priority));
    CT_RETURN_IF_ERROR(ReadService(map, path, "flex", &row.flex));
    CT_RETURN_IF_ERROR(ReadRate(map, path, "web_search", &row.web_search));
    if (row.web_search) row.web_search = row.web_search->Times(kTokensPerUnit / kSearchesPerUnit);
    return row;
  }

  std::string_view name_;
};

// Columns by name from the header line.
Result<std::vector<std::string_view>> ReadHeader(std::string_view line, std::string_view name,
                                                 int64_t number) {
  auto columns = Split(line, '\t');
  for (std::string_view column : columns) {
    if (std::find(kColumns.begin(), kColumns.end(), column) == kColumns.end()) {
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}:{}: unknown column {}", name, number, column));
    }
    if (std::count(columns.begin(), columns.end(), column) > 1) {
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("{}:{}: column {} appears twice", name, number, column));
    }
  }
  for (std::string_view needed : {"model", "provider", "input", "output", "source"}) {
    if (std::find(columns.begin(), columns.end(), needed) == columns.end()) {
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}:{}: column {} is missing", name, number, needed));
    }
  }
  return columns;
}

}  // namespace

Result<PriceList> ParsePriceTsv(std::string_view text, std::string_view name) {
  PriceList list;
  std::vector<std::string_view> columns;
  int64_t number = 0;
  for (std::string_view line : Split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (Trim(line).empty() || line.front() == '#') continue;
    if (columns.empty()) {
      auto header = ReadHeader(line, name, number);
      if (!header) return std::unexpected(std::move(header.error()));
      columns = std::move(*header);
      continue;
    }
    auto cells = Split(line, '\t');
    if (cells.size() != columns.size()) {
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}:{}: {} cells where the header has {}", name,
                                                        number, cells.size(), columns.size()));
    }
    PriceRow row;
    for (size_t i = 0; i < cells.size(); ++i) {
      std::string_view cell = Trim(cells[i]);
      if (auto set = SetCell(columns[i], cell, &row); !set) {
        return Fail(ErrorCode::kInvalidInput,
                    fmt::format("{}:{}: {} is not {}", name, number, columns[i], set.error().message));
      }
      if (columns[i] != "aliases" || cell.empty()) continue;
      for (std::string_view alias : Split(cell, ',')) list.aliases.emplace_back(Trim(alias), cells[0]);
    }
    if (row.model.empty())
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}:{}: no model", name, number));
    list.rows.push_back(std::move(row));
  }
  if (columns.empty()) return Fail(ErrorCode::kInvalidInput, fmt::format("{}: no header line", name));
  CT_RETURN_IF_ERROR(CheckPeriods(list.rows, name));
  return list;
}

Result<PriceList> ParsePriceOverrides(std::string_view text, std::string_view name) {
  auto document = ParseYaml(text, name);
  if (!document) return std::unexpected(std::move(document.error()));
  auto list = OverrideReader(name).Read(*document);
  if (!list) return list;
  CT_RETURN_IF_ERROR(CheckPeriods(list->rows, name));
  return list;
}

}  // namespace clawtrace

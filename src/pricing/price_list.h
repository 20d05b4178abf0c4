#pragma once
// Readers of the two forms a price list has on disk (docs/pricing.md).
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "pricing/pricing.h"

namespace clawtrace {

struct PriceList {
  std::vector<PriceRow> rows;
  std::vector<std::pair<std::string, std::string>> aliases;  // alias, model, as written
};

Result<PriceList> ParsePriceTsv(std::string_view text, std::string_view name);
Result<PriceList> ParsePriceOverrides(std::string_view text, std::string_view name);

}  // namespace clawtrace

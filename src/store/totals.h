#pragma once
// Sums by day, agent and model over the sessions' spend, kept up to date with every change.
#include <cstdint>
#include <string_view>
#include <vector>

#include "store/types.h"
#include "store/writer.h"

namespace clawtrace::store {

Status AddSpend(WriteScope& scope, int64_t tenant, int64_t summary, std::string_view agent,
                const std::vector<DaySpend>& spend);
Status DropSpend(WriteScope& scope, int64_t tenant, int64_t summary);
Result<std::vector<DayTotal>> DayTotalRows(Database& db, int64_t tenant, int32_t from, int32_t until);
// Days whose totals are not the sum of their parts; 0 in a sound store.
Result<int64_t> WrongTotals(Database& db);

}  // namespace clawtrace::store

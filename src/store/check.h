#pragma once
// Whether a store is what it must be, and how large it is.
#include "store/sqlite.h"
#include "store/types.h"

namespace clawtrace::store {

Result<CheckReport> CheckRows(Database& db);
// All that the file itself says.
Result<StoreStats> StatsOf(Database& db);
Result<StoreLoad> LoadOf(Database& db);

}  // namespace clawtrace::store

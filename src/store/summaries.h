#pragma once
// What was compiled of families: rows for lists, steps in pages, totals by day.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"
#include "store/writer.h"

namespace clawtrace::store {

// Writer's side. false: see Store::PutCompiled.
Result<bool> PutCompiledRows(WriteScope& scope, std::string_view tenant, const Compiled& compiled);
// Takes out what was compiled of a family. Totals follow; families that hold copies of its calls are changed.
Status DropCompiled(WriteScope& scope, int64_t tenant, int64_t family);

// Readers' side.
Result<SessionList> ListRows(Database& db, int64_t tenant, const ListRequest& request);
Result<std::vector<SessionSummary>> FindRows(Database& db, int64_t tenant, std::string_view prefix,
                                             int64_t limit);
Result<std::string> ReadPageRow(Database& db, int64_t tenant, std::string_view session_id,
                                std::string_view agent, int64_t page);
Result<std::vector<SessionCalls>> CallRows(Database& db, int64_t tenant, std::string_view session_id,
                                           std::span<const uint64_t> keys);

// Cards and pages are never larger.
inline constexpr size_t kMaxPageBytes = size_t{1} << 30;
inline constexpr int64_t kCardPage = -1, kCallsPage = -2;

}  // namespace clawtrace::store

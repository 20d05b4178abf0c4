#pragma once
// Facts out of their rows.
#include <cstdint>
#include <string_view>

#include "store/sqlite.h"
#include "store/store.h"

namespace clawtrace::store {

// Without source and session id. kCorruptData when the row is damaged.
Result<Fact> DecodeFactRow(int64_t kind, std::string_view body);

// session: the row of the one that was asked for. Sets all but sequence.
Result<FactsRead> ReadFactRows(Database& db, const struct SessionRow& session, Scope scope,
                               const FactVisitor& visit);

}  // namespace clawtrace::store

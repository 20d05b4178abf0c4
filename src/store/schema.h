#pragma once
// The tables of a store file and how older ones become the present ones. docs/adr/0005-store.md says what is
// in them.
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sqlite.h"

namespace clawtrace::store {

inline constexpr int kSchemaVersion = 1;

// Brings the file to kSchemaVersion, all in one transaction or not at all; an empty file gets its tables and
// the secret. kUnsupported for a newer file, kInvalidInput for another program's.
Status PrepareSchema(Database& db, std::string_view secret);

}  // namespace clawtrace::store

#pragma once
// The tables of a store file and how older ones become the present ones. docs/adr/0005-store.md says what is
// in them.
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sqlite.h"

namespace clawtrace::store {

inline constexpr int kSchemaVersion = 2;

// How a file of any version comes to be of the present one.
struct Schema {
  int version = 0;
  const char* tables = "";             // of an empty file: version 1
  std::span<const char* const> steps;  // steps[i] brings version i + 1 to i + 2
};
const Schema& PresentSchema();

// Brings the file to schema.version, all in one transaction or not at all; an empty file gets its tables and
// the secret. kUnsupported for a newer file, kInvalidInput for another program's.
Status PrepareSchema(Database& db, std::string_view secret, const Schema& schema = PresentSchema());

}  // namespace clawtrace::store

#pragma once
// A batch on its way into the tables.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/payloads.h"
#include "store/store.h"
#include "store/writer.h"

namespace clawtrace::store {

// Longest names (sessions, sources, ids of calls, parts, tenants); longer ones are kInvalidInput.
inline constexpr size_t kMaxName = 4096;

// What can be checked, encoded, hashed and compressed is, on the caller's thread; the rest is the job's.
// nullptr when the batch can never be stored: done was told why (kInvalidInput).
std::unique_ptr<Job> PrepareAppend(Batch batch, OnAppended done, std::string_view salt, const SeenTexts& seen,
                                   PayloadWriter* payloads);

}  // namespace clawtrace::store

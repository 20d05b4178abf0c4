#pragma once
// OpenClaw's database of one agent's sessions (2026.7.2 and later). docs/formats/openclaw.md says what is
// read.
#include <span>
#include <string>

#include "base/result.h"
#include "capture/importer.h"

namespace clawtrace::capture::openclaw {

// Is a database with these tables (sorted) such a store?
bool IsStore(std::span<const std::string> tables);
Status ReadStore(const FileContext& file, FactSink* sink);

}  // namespace clawtrace::capture::openclaw

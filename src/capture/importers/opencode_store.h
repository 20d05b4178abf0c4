#pragma once
// OpenCode's database.
#include <span>
#include <string>

#include "base/result.h"
#include "capture/importer.h"

namespace clawtrace::capture::opencode {

bool IsStore(std::span<const std::string> tables);
Status ReadStore(const FileContext& file, FactSink* sink);

}  // namespace clawtrace::capture::opencode

#pragma once
// Which lines of a file a reading step asked for, told by its arguments.
#include <cstdint>
#include <optional>
#include <string>

#include "model/session.h"
#include "tools/tool_meaning.h"

namespace clawtrace::tools {

struct ReadRange {
  std::string path;  // normalised
  int64_t first = 1, last = INT64_MAX;
  bool whole() const { return first == 1 && last == INT64_MAX; }
  bool Covers(const ReadRange& other) const { return first <= other.first && other.last <= last; }
};

// nullopt: reads no file, several files, or the arguments do not say which lines. A file tool without a limit
// reads kDefaultLines lines in most clients.
std::optional<ReadRange> RangeOf(const Step& step, const ToolMeaning& meaning);

}  // namespace clawtrace::tools

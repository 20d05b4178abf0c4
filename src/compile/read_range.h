#pragma once
// Which lines of a file a reading step asked for, told by its arguments.
#include <cstdint>
#include <optional>
#include <string>

#include "compile/tool_meaning.h"
#include "model/session.h"

namespace clawtrace::compile {

struct ReadRange {
  std::string path;  // normalised
  int64_t first = 1, last = INT64_MAX;
  bool whole() const { return first == 1 && last == INT64_MAX; }
  bool Covers(const ReadRange& other) const { return first <= other.first && other.last <= last; }
};

// nullopt: reads no file, several files, or the arguments do not say which lines. A file tool without a limit
// reads kDefaultLines lines in most clients.
std::optional<ReadRange> RangeOf(const Step& step, const ToolMeaning& meaning);

}  // namespace clawtrace::compile

#pragma once
// Which lines of a file a reading step asked for, told by its arguments.
#include <cstdint>
#include <optional>
#include <string>

#include "model/session.h"
#include "tools/tool_meaning.h"

namespace clawtrace::tools {

struct ReadRange {
  std::string path;                     // normalised
  int64_t first = 1, last = INT64_MAX;  // no other lines are shown
  int64_t from_end = 0;                 // only so many of them, the file's last; 0: all of them
  bool numbered = false;                // a command that was told to put numbers before the lines
  bool whole() const { return first == 1 && last == INT64_MAX && from_end == 0; }
  // All that the other one asks for, however many lines the file has.
  bool Covers(const ReadRange& other) const {
    if (from_end > 0) return other.from_end > 0 && other.from_end <= from_end;
    return first <= other.first && other.last <= last;
  }
  bool Overlaps(const ReadRange& other) const { return first <= other.last && other.first <= last; }
};

// nullopt: reads no file, several files, or it does not say which lines, in a way that is understood to the
// last word. A file tool without a limit reads kDefaultLines lines in most clients.
std::optional<ReadRange> RangeOf(const Step& step, const ToolMeaning& meaning);

}  // namespace clawtrace::tools

#pragma once
// What importers of agent logs with model messages inside share: texts of content blocks, error lines, log
// heads.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace clawtrace::capture {

// Text of a content value: a string, or the text blocks of an array, joined by newlines. Images are
// represented by a hash, so that different pictures are different outputs. The result points into the
// document when there is only one part, else into buffer.
std::string_view ContentText(Json content, std::string* buffer);

// The line of an error text that says what went wrong: not a wrapper, an exit code or a traceback's headline.
std::string ErrorLine(std::string_view text);

bool StartsWithAny(std::string_view text, std::span<const std::string_view> starts);

// Calls visit for every whole JSON line of a file's head until it returns false. Returns what is left of a
// line that the head cuts off.
std::string_view ForEachHeadLine(std::string_view head, const std::function<bool(Json)>& visit);

// File name without folder and ".jsonl".
std::string_view StemOf(std::string_view path);

// A value together with when it was said; equal for any order of the records.
struct Stamped {
  int64_t ts = 0;
  std::string value;

  void Take(std::string_view other, int64_t at, bool later) {
    if (other.empty()) return;
    if (!value.empty()) {
      bool wins = later ? at > ts || (at == ts && other > value) : at < ts || (at == ts && other < value);
      if (!wins) return;
    }
    ts = at;
    if (value != other) value = other;
  }
};

}  // namespace clawtrace::capture

#pragma once
// The front matter of SKILL.md, read as leniently as clients do: what cannot be read is said, never an error.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/value.h"

namespace clawtrace::skill {

struct FrontMatter {
  bool present = false;       // begins with "---" and is closed
  bool repaired = false;      // readable only after a value with a colon in it was put in quotes
  std::string problem;        // why it is no map of keys; "" = readable
  Value map;                  // of kind kNull when it is not readable
  size_t begin = 0, end = 0;  // bytes between the lines of dashes

  // A scalar; nullopt when it is missing or something else.
  std::optional<std::string> Text(std::string_view key) const;
};

// Total.
FrontMatter ReadFrontMatter(std::string_view text);

// text with another name, as the copy of a skill in a directory of that name needs it; nothing else changes.
// nullopt when no line of the front matter says "name: from", in quotes or not.
std::optional<std::string> WithName(std::string_view text, std::string_view from, std::string_view to);

}  // namespace clawtrace::skill

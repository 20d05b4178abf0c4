#pragma once
// Characters that deceive readers: those that cannot be seen, and letters of other scripts that look like
// Latin ones. Tables are the letters of Unicode's confusables.txt (UTS 39) that fonts draw alike.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace {

// The code point at the start of text and its bytes; for a byte that begins none, 1 and U+FFFD. text is not
// empty.
size_t DecodeUtf8(std::string_view text, uint32_t* code);

// code is a code point, and no half of a pair.
void AppendUtf8(uint32_t code, std::string* out);

// A place in a text: bytes [begin, end).
struct TextPlace {
  size_t begin = 0, end = 0;
  uint32_t code = 0;  // of a hidden character
  bool operator==(const TextPlace&) const = default;
};

// Zero-width and bidirectional marks, tags, fillers, selectors without a symbol to select for, controls other
// than tab and line ends. Joiners are none within emoji and between letters of scripts that are written with
// them; a byte order mark is none at the very start.
std::vector<TextPlace> FindHidden(std::string_view text);

// Words in which Latin letters stand beside letters of another script that look like them.
std::vector<TextPlace> FindMixedWords(std::string_view text);

// What a reader takes the text for: look-alikes as ASCII, hidden characters gone, ASCII letters small. Other
// characters stay.
std::string VisibleSkeleton(std::string_view text);

}  // namespace clawtrace

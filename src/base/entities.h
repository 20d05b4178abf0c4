#pragma once
// Character references of HTML and Markdown ("&lt;", "&#105;"): what a page shows is not what the source
// spells.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clawtrace {

// A text with its references decoded, once, and the way back. Numbers are all decoded, of names those that
// could hide something: marks of markup, blanks, characters that nobody sees. A line end becomes a blank and
// a backtick an apostrophe, since a decoded one ends no line and begins no code.
class DecodedText {
 public:
  explicit DecodedText(std::string_view given);

  const std::string& text() const { return text_; }
  bool is_changed() const { return !places_.empty(); }
  // Where in the given text stands what begins at `at` in the decoded one; of its end, the end.
  size_t Given(size_t at) const;

 private:
  std::string text_;
  std::vector<std::pair<size_t, size_t>> places_;  // behind each reference: decoded, given
};

}  // namespace clawtrace

#pragma once
// Expressions that tell keys, compiled (docs/redaction.md). Matching never goes back: each class takes what
// it can, which keeps the time linear.
#include <array>
#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace {

using ByteSet = std::bitset<256>;

class KeyPattern {
 public:
  // kInvalidInput: what is wrong with the expression.
  static Result<KeyPattern> Parse(std::string_view expression);

  // Length of the match at the start of text, 0 when there is none. cut: text ends where it was cut off, and
  // what fits so far is a match.
  size_t Match(std::string_view text, bool cut) const;
  std::string_view start() const { return parts_.front().literal; }
  // Would a match before this byte be tried twice? So long runs are looked through once.
  bool Continues(char before) const {
    return parts_.size() > 2 && parts_[1].bytes.test(static_cast<unsigned char>(before));
  }

 private:
  struct Part {
    std::string literal;  // or, when empty, a class
    ByteSet bytes;
    size_t least = 1, most = 1;
  };
  static Status ParseLiteral(std::string_view* rest, Part* part);
  static Status ParseCount(std::string_view* rest, Part* part);
  static Status ParseClass(std::string_view* rest, Part* part);

  std::vector<Part> parts_;
};

}  // namespace clawtrace

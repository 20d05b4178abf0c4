#pragma once
// Where a page ended, as a text that callers pass back. It says nothing but a place in an order; what may be
// seen from there the query decides.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace clawtrace::store {

struct Cursor {
  uint64_t request = 0;  // hash of what was asked: it belongs to no other
  int64_t key = 0;
  std::string id;
  int64_t number = 0;
  bool operator==(const Cursor&) const = default;
};

std::string EncodeCursor(const Cursor& cursor);  // letters, digits, "-" and "_"
std::optional<Cursor> DecodeCursor(std::string_view text);

}  // namespace clawtrace::store

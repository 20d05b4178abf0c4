#include "store/cursor.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace clawtrace::store {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr size_t kHead = 3 * sizeof(int64_t);
constexpr size_t kMaxText = 8192;

void Put(uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(number >> shift));
}
uint64_t Take(std::string_view* bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | static_cast<unsigned char>((*bytes)[i]);
  bytes->remove_prefix(8);
  return number;
}

}  // namespace

std::string EncodeCursor(const Cursor& cursor) {
  std::string bytes;
  Put(cursor.request, &bytes);
  Put(static_cast<uint64_t>(cursor.key), &bytes);
  Put(static_cast<uint64_t>(cursor.number), &bytes);
  bytes += cursor.id;
  std::string out;
  uint32_t held = 0;
  int bits = 0;
  for (char byte : bytes) {
    held = held << 8 | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6) out.push_back(kDigits[held >> (bits - 6) & 63]);
  }
  if (bits > 0) out.push_back(kDigits[held << (6 - bits) & 63]);
  return out;
}

std::optional<Cursor> DecodeCursor(std::string_view text) {
  if (text.size() > kMaxText) return std::nullopt;
  std::string bytes;
  uint32_t held = 0;
  int bits = 0;
  for (char c : text) {
    size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    held = held << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>(held >> bits));
    }
  }
  if (bytes.size() < kHead) return std::nullopt;
  std::string_view rest = bytes;
  Cursor cursor;
  cursor.request = Take(&rest);
  cursor.key = static_cast<int64_t>(Take(&rest));
  cursor.number = static_cast<int64_t>(Take(&rest));
  cursor.id = rest;
  // One spelling for a place.
  if (EncodeCursor(cursor) != text) return std::nullopt;
  return cursor;
}

}  // namespace clawtrace::store

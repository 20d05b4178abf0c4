#pragma once
// Hashes. Hash64/Hash128 (XXH3) are for equality inside our own results; Sha256 names content for people and
// files.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace clawtrace {

uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);
// Hash64 of what is added, without having it all at once.
class StreamHash {
 public:
  StreamHash();
  ~StreamHash();
  void Add(std::string_view bytes);
  uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};
// For hash tables keyed by text.
struct TextHash {
  using is_transparent = void;  // NOLINT: what the library asks for, with std::equal_to<>
  size_t operator()(std::string_view text) const { return Hash64(text); }
};
std::string HexOf(uint64_t value);              // 16 lower-case digits
std::string Sha256Hex(std::string_view bytes);  // 64 lower-case digits

}  // namespace clawtrace

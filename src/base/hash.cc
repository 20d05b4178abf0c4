#include "base/hash.h"

#include <fmt/core.h>
#include <openssl/sha.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace clawtrace {

uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string HexOf(uint64_t value) { return fmt::format("{:016x}", value); }

std::string Sha256Hex(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string out;
  for (unsigned char c : digest) out += fmt::format("{:02x}", c);
  return out;
}

}  // namespace clawtrace

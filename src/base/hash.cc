#include "base/hash.h"

#include <fmt/core.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace clawtrace {

uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string HexOf(uint64_t value) { return fmt::format("{:016x}", value); }

struct StreamHash::State {
  XXH3_state_t of;
};

StreamHash::StreamHash() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->of); }
StreamHash::~StreamHash() = default;
void StreamHash::Add(std::string_view bytes) { XXH3_64bits_update(&state_->of, bytes.data(), bytes.size()); }
uint64_t StreamHash::value() const { return XXH3_64bits_digest(&state_->of); }

}  // namespace clawtrace

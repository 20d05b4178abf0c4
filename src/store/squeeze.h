#pragma once
// Compression of what a store keeps; wraps zstd. A squeezed text begins with a byte that says how it is kept.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clawtrace::store {

inline constexpr int kWarm = 1;  // what comes in: twice as fast as 3, and messages get as small
inline constexpr int kCold = 9;  // what is packed once

// As short as it gets: short texts and those that do not shrink are kept as they are. Thread-safe.
std::string Squeeze(std::string_view text, int level);
// kCorruptData when the bytes are none, or hold more than max_bytes.
Result<std::string> Unsqueeze(std::string_view bytes, size_t max_bytes);

}  // namespace clawtrace::store

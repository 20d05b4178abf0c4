#pragma once
// SHA-256 as bytes, for keys; base/hash.h has its spelling for people.
#include <array>
#include <string_view>

namespace clawtrace {

using Sha256Digest = std::array<char, 32>;
// Of salt and bytes one behind the other.
Sha256Digest Sha256(std::string_view salt, std::string_view bytes);

}  // namespace clawtrace

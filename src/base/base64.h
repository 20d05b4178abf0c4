#pragma once
// Base64 (RFC 4648).
#include <optional>
#include <string>
#include <string_view>

namespace clawtrace {

// In the standard alphabet, padded to whole groups of four.
std::string Base64(std::string_view bytes);
// The same without padding.
std::string Base64Unpadded(std::string_view bytes);
// Of either alphabet ("+/" or "-_"), with or without padding; nullopt when it is none.
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace clawtrace

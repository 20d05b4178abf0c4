#pragma once
// Small text functions with one owner each. All take and return UTF-8; none depends on the locale.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace {

std::string_view Trim(std::string_view text);  // ASCII white space at both ends
std::vector<std::string_view> Split(std::string_view text, char separator);
std::string_view FirstLine(std::string_view text);  // without its end-of-line; leading blank lines skipped
std::string ToLower(std::string_view text);         // ASCII only
// As std::string_view::find, but quick where the first character is a frequent one.
size_t FindText(std::string_view text, std::string_view what);
inline bool Contains(std::string_view text, std::string_view what) {
  return FindText(text, what) != std::string_view::npos;
}
bool ContainsIgnoreCase(std::string_view text, std::string_view needle);

bool IsValidUtf8(std::string_view text);
std::string ReplaceInvalidUtf8(std::string_view text);  // each bad byte becomes U+FFFD
// Characters that a reader does not see and a terminal or YAML parser may act on: C0 and C1 controls, DEL,
// line and paragraph separators, zero-width and bidirectional marks. Bytes of the one at the start of valid
// UTF-8 text, 0 when there is none; code is set then.
size_t HiddenAtStart(std::string_view text, uint32_t* code);
// The longest prefix of at most max_bytes that does not cut a code point.
std::string_view PrefixUtf8(std::string_view text, size_t max_bytes);

std::optional<int64_t> ParseInt(std::string_view text);

// Nanoseconds since 1970 UTC of an ISO 8601 time ("2026-01-02T03:04:05.678Z", "+01:00" offsets, no offset =
// UTC).
std::optional<int64_t> ParseIsoTime(std::string_view text);
// "2026-01-02T03:04:05.678Z"; nine places instead of three where milliseconds do not hold the time.
std::string FormatIsoTime(int64_t unix_ns);

}  // namespace clawtrace

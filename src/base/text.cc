#include "base/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>

namespace clawtrace {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Length of the valid code point at the start of text, 0 when there is none (RFC 3629).
size_t CodePointLength(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto tail = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  unsigned b0 = byte(0), b1 = byte(1);
  if (b0 < 0x80) return 1;
  if (b0 >= 0xC2 && b0 <= 0xDF) return tail(1) ? 2 : 0;
  if (b0 >= 0xE0 && b0 <= 0xEF) {
    if (b0 == 0xE0 && b1 < 0xA0) return 0;
    if (b0 == 0xED && b1 > 0x9F) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (b0 >= 0xF0 && b0 <= 0xF4) {
    if (b0 == 0xF0 && b1 < 0x90) return 0;
    if (b0 == 0xF4 && b1 > 0x8F) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::optional<int> Digits(std::string_view text, size_t from, size_t count) {
  if (from + count > text.size()) return std::nullopt;
  int value = 0;
  for (size_t i = from; i < from + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view FirstLine(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  text = text.substr(0, text.find_first_of("\r\n"));
  return Trim(text);
}

std::string ToLower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), Lower);
  return out;
}

size_t FindText(std::string_view text, std::string_view what) {
  if (what.empty()) return 0;
  const void* at = text.empty() ? nullptr : ::memmem(text.data(), text.size(), what.data(), what.size());
  return at ? static_cast<size_t>(static_cast<const char*>(at) - text.data()) : std::string_view::npos;
}

bool ContainsIgnoreCase(std::string_view text, std::string_view needle) {
  if (needle.empty()) return true;
  auto equal = [](char a, char b) { return Lower(a) == Lower(b); };
  // Both cases of the first character are looked for, the rest is compared where one stands.
  char starts[] = {Lower(needle[0]), needle[0]};
  if (starts[0] >= 'a' && starts[0] <= 'z') starts[1] = static_cast<char>(starts[0] - 'a' + 'A');
  for (char start : std::string_view(starts, starts[0] == starts[1] ? 1 : 2)) {
    for (size_t at = text.find(start); at != std::string_view::npos && text.size() - at >= needle.size();
         at = text.find(start, at + 1)) {
      if (std::equal(needle.begin(), needle.end(), text.begin() + static_cast<ptrdiff_t>(at), equal))
        return true;
    }
  }
  return false;
}

bool IsValidUtf8(std::string_view text) {
  constexpr uint64_t kHigh = 0x8080808080808080;
  size_t i = 0;
  while (i < text.size()) {
    // ASCII eight bytes at a time.
    for (uint64_t word = 0; i + 8 <= text.size(); i += 8) {
      std::memcpy(&word, text.data() + i, 8);
      if (word & kHigh) break;
    }
    if (i == text.size()) break;
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    size_t n = CodePointLength(text.substr(i));
    if (n == 0) return false;
    i += n;
  }
  return true;
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t n = CodePointLength(text);
    if (n == 0) {
      out.append("\xEF\xBF\xBD");
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, n));
      text.remove_prefix(n);
    }
  }
  return out;
}

size_t HiddenAtStart(std::string_view text, uint32_t* code) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  unsigned b0 = byte(0);
  if (!text.empty() && (b0 < 0x20 || b0 == 0x7f)) {
    *code = b0;
    return 1;
  }
  if (b0 == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) {
    *code = byte(1);
    return 2;
  }
  if (b0 != 0xE2 && b0 != 0xEF) return 0;
  uint32_t c = (b0 & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
  bool hidden = (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
                (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF || c >= 0xFFFE;
  if (text.size() < 3 || !hidden) return 0;
  *code = c;
  return 3;
}

std::string_view PrefixUtf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0) == 0x80) --max_bytes;
  return text.substr(0, max_bytes);
}

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<int64_t> ParseIsoTime(std::string_view text) {
  text = Trim(text);
  auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year(*year),
                                   std::chrono::month(static_cast<unsigned>(*month)),
                                   std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  int64_t seconds = std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86400};
  int64_t nanos = 0;
  size_t at = 10;
  if (at < text.size()) {
    if (text[at] != 'T' && text[at] != 't' && text[at] != ' ') return std::nullopt;
    auto hour = Digits(text, 11, 2), minute = Digits(text, 14, 2);
    if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
    seconds += *hour * 3600 + *minute * 60;
    at = 16;
    if (at < text.size() && text[at] == ':') {
      auto second = Digits(text, 17, 2);
      if (!second || *second > 60) return std::nullopt;
      seconds += *second;
      at = 19;
      if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
        int64_t scale = 100'000'000;
        for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10) {
          nanos += (text[at] - '0') * scale;
        }
      }
    }
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
      int sign = text[at] == '+' ? 1 : -1;
      auto hours = Digits(text, at + 1, 2);
      size_t minutes_at = at + 3 < text.size() && text[at + 3] == ':' ? at + 4 : at + 3;
      auto minutes = Digits(text, minutes_at, 2).value_or(0);
      if (!hours) return std::nullopt;
      seconds -= sign * (*hours * 3600 + minutes * 60);
    }
  }
  // int64 nanoseconds end in 2262.
  if (seconds > 9'223'000'000 || seconds < -9'223'000'000) return std::nullopt;
  return seconds * 1'000'000'000 + nanos;
}

std::string FormatIsoTime(int64_t unix_ns) {
  using namespace std::chrono;
  sys_time<milliseconds> time{floor<milliseconds>(nanoseconds(unix_ns))};
  auto day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss clock{time - day};
  int64_t below = (nanoseconds(unix_ns) - time.time_since_epoch()).count();
  std::string finer = below ? fmt::format("{:06}", below) : "";
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}{}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count(), finer);
}

}  // namespace clawtrace

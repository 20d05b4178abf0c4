#include "capture/redact_record.h"

#include <optional>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "base/unicode.h"

namespace clawtrace::capture {
namespace {

// JSON in JSON strings is looked through so deep; each level is shorter than the one around it.
constexpr int kMaxDepth = 4;

std::optional<uint32_t> HexAt(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return std::nullopt;
  uint32_t value = 0;
  for (char c : text.substr(at, 4)) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  return value;
}

// Behind "\u" at at. False: no such escape.
bool TakeCodePoint(std::string_view text, size_t* at, std::string* out) {
  auto code = HexAt(text, *at);
  if (!code) return false;
  *at += 4;
  bool high = *code >= 0xd800 && *code < 0xdc00;
  if (high && text.substr(*at, 2) == "\\u") {
    auto low = HexAt(text, *at + 2);
    if (low && *low >= 0xdc00 && *low < 0xe000) {
      code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
      *at += 6;
    }
  }
  // Half of a pair is no character.
  AppendUtf8(*code >= 0xd800 && *code < 0xe000 ? 0xfffd : *code, out);
  return true;
}

// What stands between the quotes; nullopt when it is not written as JSON writes it.
std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t slash = std::min(text.find('\\', at), text.size());
    out.append(text.substr(at, slash - at));
    if (slash == text.size()) break;
    if (slash + 1 == text.size()) return std::nullopt;
    char c = text[slash + 1];
    at = slash + 2;
    constexpr std::string_view kLetters = "nrtbf", kStandFor = "\n\r\t\b\f";
    size_t letter = kLetters.find(c);
    if (c == 'u') {
      if (!TakeCodePoint(text, &at, &out)) return std::nullopt;
    } else {
      out.push_back(letter == std::string_view::npos ? c : kStandFor[letter]);
    }
  }
  return out;
}

bool IsJson(std::string_view text) {
  size_t start = text.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && (text[start] == '{' || text[start] == '[');
}

bool Redact(const Redactor& redactor, std::string* text, int depth);

// Strings with escapes; the others read as they stand.
bool RedactStrings(const Redactor& redactor, std::string* record, int depth) {
  std::string_view all = *record;
  std::string out;
  size_t taken = 0;
  for (size_t open = all.find('"'); open != std::string_view::npos;) {
    bool escapes = false;
    size_t close = open + 1;
    for (; close < all.size() && all[close] != '"'; ++close) {
      close = all.find_first_of("\"\\", close);
      if (close == std::string_view::npos) close = all.size();
      if (close >= all.size() || all[close] == '"') break;
      escapes = true, ++close;
    }
    if (close >= all.size()) break;
    auto text = escapes ? Unescape(all.substr(open + 1, close - open - 1)) : std::nullopt;
    if (text && Redact(redactor, &*text, depth)) {
      out.append(all.substr(taken, open - taken));
      AppendJsonString(*text, &out);
      taken = close + 1;
    }
    open = all.find('"', close + 1);
  }
  if (taken == 0) return false;
  out.append(all.substr(taken));
  *record = std::move(out);
  return true;
}

bool Redact(const Redactor& redactor, std::string* text, int depth) {
  bool changed = depth > 0 && IsJson(*text) && RedactStrings(redactor, text, depth - 1);
  return redactor.Text(text) || changed;
}

}  // namespace

bool RedactRecord(const Redactor& redactor, std::string* record) {
  return Redact(redactor, record, kMaxDepth);
}

}  // namespace clawtrace::capture

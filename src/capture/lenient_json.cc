#include "capture/lenient_json.h"

#include "base/text.h"

namespace clawtrace::capture {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// The parser refuses integers beyond 64 bits and with them the whole record. As floating point numbers they
// are just values that no count accepts.
std::string WithoutHugeIntegers(std::string_view text) {
  constexpr size_t kMostDigits = 18;
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      out.append(text.substr(i, 2)), i += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    size_t end = i;
    while (!in_string && end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    bool huge =
        end - i > kMostDigits && (end == text.size() || (text[end] != '.' && (text[end] | 0x20) != 'e'));
    if (end == i) ++end;
    out.append(text.substr(i, end - i));
    if (huge) out.append("e0");
    i = end;
  }
  return out;
}

}  // namespace

std::optional<Json> LenientJson::Parse(std::string_view text) {
  parsed_ = text, repaired_ = false, why_ = {};
  if (auto json = parser_.Parse(text)) return *json;
  return Repair(text);
}

std::optional<Json> LenientJson::ParsePadded(std::string_view text) {
  parsed_ = text, repaired_ = false, why_ = {};
  if (auto json = parser_.ParsePadded(text)) return *json;
  return Repair(text);
}

std::optional<Json> LenientJson::Repair(std::string_view text) {
  std::string_view best = text;
  bool valid = IsValidUtf8(text);
  if (!valid) {
    buffer_ = ReplaceInvalidUtf8(text);
    best = buffer_;
    if (auto json = parser_.Parse(best)) {
      parsed_ = best, repaired_ = true;
      return *json;
    }
  }
  std::string smaller = WithoutHugeIntegers(best);
  if (smaller.size() != best.size()) {
    buffer_ = std::move(smaller);
    if (auto json = parser_.Parse(buffer_)) {
      parsed_ = buffer_, repaired_ = !valid;
      return *json;
    }
  }
  why_ = text.find('\0') == std::string_view::npos ? "not-json" : "nul-bytes";
  return std::nullopt;
}

std::string CloseJson(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text = Trim(text);
  if (!text.starts_with('{') && !text.starts_with('[')) return {};
  std::string open;  // the closing brackets that are due, innermost last
  size_t safe = 0;   // every value that begins before this ends before it, or is an open bracket
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open.push_back(c == '{' ? '}' : ']');
      safe = i + 1;
    } else if (c == '}' || c == ']') {
      open.pop_back();
      safe = i + 1;
      if (open.empty()) break;
    } else if (c == ',') {
      safe = i;
    }
  }
  std::string closed(text.substr(0, safe));
  closed.append(open.rbegin(), open.rend());
  return closed;
}

}  // namespace clawtrace::capture

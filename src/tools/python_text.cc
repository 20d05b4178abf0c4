#include "tools/python_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <vector>

namespace clawtrace::tools {
namespace {

// repr(float): shortest digits that read back, exponent below 1e-4 and from 1e16 on.
std::string Repr(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
  char buffer[64];
  constexpr double kLeast = 1e-4, kMost = 1e16;
  double size = std::abs(value);
  bool plain = size == 0 || (size >= kLeast && size < kMost);
  auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, format).ptr;
  std::string text(buffer, end);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string Number(Json value) {
  if (value.kind() == Json::Kind::kDouble) return Repr(value.number().value_or(0));
  return value.Canonical();
}

// Quotes, backslash and control characters only; everything else stays.
std::string Quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out.append("\\u00").append(1, kHex[c >> 4 & 15]).append(1, kHex[c & 15]);
        else
          out.push_back(c);
    }
  }
  return out + "\"";
}

std::string ReprOfString(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  char quote = text.contains('\'') && !text.contains('"') ? '"' : '\'';
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out.append("\\x").append(1, kHex[c >> 4 & 15]).append(1, kHex[c & 15]);
    else
      out.push_back(c);
  }
  return out + quote;
}

std::string ReprOf(Json value) {
  std::string out;
  switch (value.kind()) {
    case Json::Kind::kMissing:
    case Json::Kind::kNull:
      return "None";
    case Json::Kind::kBool:
      return value.boolean().value_or(false) ? "True" : "False";
    case Json::Kind::kInt:
    case Json::Kind::kUint:
    case Json::Kind::kDouble:
      return Number(value);
    case Json::Kind::kString:
      return ReprOfString(value.text());
    case Json::Kind::kArray:
      value.ForEachItem([&](Json item) { out += (out.empty() ? "" : ", ") + ReprOf(item); });
      return "[" + out + "]";
    case Json::Kind::kObject:
      value.ForEachField([&](std::string_view key, Json member) {
        out += (out.empty() ? "" : ", ") + ReprOfString(key) + ": " + ReprOf(member);
      });
      return "{" + out + "}";
  }
  return "None";
}

bool IsStart(char c) { return (c & 0xC0) != 0x80; }

}  // namespace

bool PythonTruth(Json value) {
  switch (value.kind()) {
    case Json::Kind::kMissing:
    case Json::Kind::kNull:
      return false;
    case Json::Kind::kBool:
      return value.boolean().value_or(false);
    case Json::Kind::kInt:
    case Json::Kind::kUint:
    case Json::Kind::kDouble:
      return value.number().value_or(0) != 0;
    case Json::Kind::kString:
      return !value.text().empty();
    case Json::Kind::kArray:
    case Json::Kind::kObject:
      return value.size() > 0;
  }
  return false;
}

std::string PythonDumps(Json value) {
  std::string out;
  switch (value.kind()) {
    case Json::Kind::kMissing:
    case Json::Kind::kNull:
      return "null";
    case Json::Kind::kBool:
      return value.boolean().value_or(false) ? "true" : "false";
    case Json::Kind::kInt:
    case Json::Kind::kUint:
    case Json::Kind::kDouble:
      return Number(value);
    case Json::Kind::kString:
      return Quoted(value.text());
    case Json::Kind::kArray:
      value.ForEachItem([&](Json item) { out += (out.empty() ? "" : ", ") + PythonDumps(item); });
      return "[" + out + "]";
    case Json::Kind::kObject: {
      std::vector<std::pair<std::string, std::string>> members;
      value.ForEachField(
          [&](std::string_view key, Json member) { members.emplace_back(key, PythonDumps(member)); });
      std::sort(members.begin(), members.end());
      for (const auto& [key, text] : members) out += (out.empty() ? "" : ", ") + Quoted(key) + ": " + text;
      return "{" + out + "}";
    }
  }
  return "null";
}

std::string PythonStr(Json value) { return value.is_string() ? std::string(value.text()) : ReprOf(value); }

std::string PythonRound(double value, int digits) {
  char buffer[512];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed, digits).ptr;
  std::string text(buffer, end);
  while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
  return text;
}

std::string_view FirstCharacters(std::string_view text, size_t count) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (IsStart(text[i]) && count-- == 0) return text.substr(0, i);
  }
  return text;
}

std::string_view LastCharacters(std::string_view text, size_t count) {
  if (count == 0) return {};
  for (size_t i = text.size(); i-- > 0;) {
    if (IsStart(text[i]) && --count == 0) return text.substr(i);
  }
  return text;
}

}  // namespace clawtrace::tools

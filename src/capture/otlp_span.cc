#include "capture/otlp_span.h"

#include <fmt/format.h>

#include <cmath>

#include "base/json.h"

namespace clawtrace::capture {

const OtlpValue* FindAttribute(const OtlpAttributes& attributes, std::string_view key) {
  for (const OtlpAttribute& attribute : attributes) {
    if (attribute.key == key) return &attribute.value;
  }
  return nullptr;
}

std::string_view TextOf(const OtlpAttributes& attributes, std::string_view key) {
  const OtlpValue* value = FindAttribute(attributes, key);
  return value && value->kind == OtlpValue::Kind::kText ? value->text : std::string_view{};
}

std::optional<int64_t> IntOf(const OtlpAttributes& attributes, std::string_view key) {
  const OtlpValue* value = FindAttribute(attributes, key);
  if (!value) return std::nullopt;
  if (value->kind == OtlpValue::Kind::kInt) return value->integer;
  if (value->kind != OtlpValue::Kind::kDouble || std::floor(value->real) != value->real ||
      std::fabs(value->real) > 9e15)
    return std::nullopt;
  return static_cast<int64_t>(value->real);
}

std::optional<bool> BoolOf(const OtlpAttributes& attributes, std::string_view key) {
  const OtlpValue* value = FindAttribute(attributes, key);
  if (!value) return std::nullopt;
  if (value->kind == OtlpValue::Kind::kBool) return value->integer != 0;
  // Rust's tracing writes booleans of events as text.
  if (value->kind == OtlpValue::Kind::kText && value->text == "true") return true;
  if (value->kind == OtlpValue::Kind::kText && value->text == "false") return false;
  return std::nullopt;
}

void AppendJson(const OtlpValue& value, std::string* out) {
  switch (value.kind) {
    case OtlpValue::Kind::kNone:
      *out += "null";
      break;
    case OtlpValue::Kind::kText:
    case OtlpValue::Kind::kBytes:
      AppendJsonString(value.text, out);
      break;
    case OtlpValue::Kind::kBool:
      *out += value.integer ? "true" : "false";
      break;
    case OtlpValue::Kind::kInt:
      *out += fmt::format("{}", value.integer);
      break;
    case OtlpValue::Kind::kDouble:
      if (std::isnan(value.real))
        *out += "\"NaN\"";
      else if (std::isinf(value.real))
        *out += value.real > 0 ? "\"Infinity\"" : "\"-Infinity\"";
      else
        *out += fmt::format("{}", value.real);
      break;
    case OtlpValue::Kind::kList: {
      *out += '[';
      for (size_t i = 0; i < value.items.size(); ++i) {
        if (i) *out += ',';
        AppendJson(value.items[i], out);
      }
      *out += ']';
      break;
    }
    case OtlpValue::Kind::kMap: {
      *out += '{';
      for (size_t i = 0; i < value.fields.size(); ++i) {
        if (i) *out += ',';
        AppendJsonString(value.fields[i].key, out);
        *out += ':';
        AppendJson(value.fields[i].value, out);
      }
      *out += '}';
      break;
    }
  }
}

std::string OtlpIdFromBytes(std::string_view bytes, size_t size) {
  if (bytes.size() != size || bytes.find_first_not_of('\0') == std::string_view::npos) return {};
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(size * 2);
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string OtlpIdFromHex(std::string_view hex, size_t size) {
  if (hex.size() != size * 2 || hex.find_first_not_of('0') == std::string_view::npos) return {};
  std::string id;
  id.reserve(hex.size());
  for (char c : hex) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return {};
    id += c;
  }
  return id;
}

int64_t OtlpEnum(uint64_t value, uint64_t largest) {
  return value <= largest ? static_cast<int64_t>(value) : 0;
}

std::optional<int64_t> OtlpTime(uint64_t nanoseconds) {
  if (nanoseconds == 0 || nanoseconds > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return static_cast<int64_t>(nanoseconds);
}

}  // namespace clawtrace::capture

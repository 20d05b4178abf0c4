#include "base/json.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/text.h"

namespace clawtrace {
namespace {

namespace dom = simdjson::dom;

// dom::element is exactly the pair (document, tape index) that Json stores; keeping simdjson out of our
// header costs this cast.
struct Handle {
  const void* document;
  size_t index;
};
static_assert(sizeof(Handle) == sizeof(dom::element));
static_assert(std::is_trivially_copyable_v<dom::element>);

dom::element Element(const void* document, size_t index) {
  return std::bit_cast<dom::element>(Handle{document, index});
}

void AppendNumber(double value, std::string* out) {
  if (std::nearbyint(value) == value && std::fabs(value) < 9e15) {
    out->append(std::to_string(static_cast<int64_t>(value)));
    return;
  }
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out->append(buffer, end);
}

}  // namespace

Json::Kind Json::kind() const {
  if (!document_) return Kind::kMissing;
  switch (Element(document_, index_).type()) {
    case dom::element_type::ARRAY:
      return Kind::kArray;
    case dom::element_type::OBJECT:
      return Kind::kObject;
    case dom::element_type::INT64:
      return Kind::kInt;
    case dom::element_type::UINT64:
      return Kind::kUint;
    case dom::element_type::DOUBLE:
      return Kind::kDouble;
    case dom::element_type::STRING:
      return Kind::kString;
    case dom::element_type::BOOL:
      return Kind::kBool;
    case dom::element_type::NULL_VALUE:
      return Kind::kNull;
  }
  return Kind::kMissing;
}

bool Json::is_number() const {
  Kind k = kind();
  return k == Kind::kInt || k == Kind::kUint || k == Kind::kDouble;
}

Json Json::operator[](std::string_view key) const {
  if (kind() != Kind::kObject) return {};
  dom::object object;
  if (Element(document_, index_).get(object) != simdjson::SUCCESS) return {};
  for (auto field : object) {
    if (field.key == key) {
      auto handle = std::bit_cast<Handle>(field.value);
      return Json(handle.document, handle.index);
    }
  }
  return {};
}

Json Json::at(size_t index) const {
  if (kind() != Kind::kArray) return {};
  dom::array array;
  if (Element(document_, index_).get(array) != simdjson::SUCCESS) return {};
  for (dom::element item : array) {
    if (index-- == 0) {
      auto handle = std::bit_cast<Handle>(item);
      return Json(handle.document, handle.index);
    }
  }
  return {};
}

size_t Json::size() const {
  size_t n = 0;
  if (kind() == Kind::kArray) ForEachItem([&](Json) { ++n; });
  if (kind() == Kind::kObject) ForEachField([&](std::string_view, Json) { ++n; });
  return n;
}

std::optional<std::string_view> Json::string() const {
  if (kind() != Kind::kString) return std::nullopt;
  std::string_view text;
  if (Element(document_, index_).get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<int64_t> Json::integer() const {
  Kind k = kind();
  if (k == Kind::kInt) {
    int64_t value = 0;
    if (Element(document_, index_).get(value) == simdjson::SUCCESS) return value;
  } else if (k == Kind::kDouble) {
    double value = 0;
    if (Element(document_, index_).get(value) == simdjson::SUCCESS && std::nearbyint(value) == value &&
        std::fabs(value) < 9e15) {
      return static_cast<int64_t>(value);
    }
  }
  return std::nullopt;
}

std::optional<double> Json::number() const {
  if (!is_number()) return std::nullopt;
  double value = 0;
  if (Element(document_, index_).get(value) == simdjson::SUCCESS) return value;
  return std::nullopt;
}

std::optional<bool> Json::boolean() const {
  if (kind() != Kind::kBool) return std::nullopt;
  bool value = false;
  if (Element(document_, index_).get(value) == simdjson::SUCCESS) return value;
  return std::nullopt;
}

void Json::VisitItems(void* context, void (*visit)(void*, Json)) const {
  if (kind() != Kind::kArray) return;
  dom::array array;
  if (Element(document_, index_).get(array) != simdjson::SUCCESS) return;
  for (dom::element item : array) {
    auto handle = std::bit_cast<Handle>(item);
    visit(context, Json(handle.document, handle.index));
  }
}

void Json::VisitFields(void* context, void (*visit)(void*, std::string_view, Json)) const {
  if (kind() != Kind::kObject) return;
  dom::object object;
  if (Element(document_, index_).get(object) != simdjson::SUCCESS) return;
  for (auto field : object) {
    auto handle = std::bit_cast<Handle>(field.value);
    visit(context, field.key, Json(handle.document, handle.index));
  }
}

void Json::AppendCanonical(std::string* out) const {
  switch (kind()) {
    case Kind::kMissing:
    case Kind::kNull:
      out->append("null");
      return;
    case Kind::kBool:
      out->append(*boolean() ? "true" : "false");
      return;
    case Kind::kInt:
      out->append(std::to_string(*integer()));
      return;
    case Kind::kUint: {
      uint64_t value = 0;
      if (Element(document_, index_).get(value) == simdjson::SUCCESS) out->append(std::to_string(value));
      return;
    }
    case Kind::kDouble:
      AppendNumber(*number(), out);
      return;
    case Kind::kString:
      AppendJsonString(*string(), out);
      return;
    case Kind::kArray: {
      out->push_back('[');
      bool first = true;
      ForEachItem([&](Json item) {
        if (!first) out->push_back(',');
        first = false;
        item.AppendCanonical(out);
      });
      out->push_back(']');
      return;
    }
    case Kind::kObject: {
      std::vector<std::pair<std::string_view, Json>> members;
      ForEachField([&](std::string_view key, Json value) { members.emplace_back(key, value); });
      // Duplicate keys keep file order: a later value lies further along the tape.
      std::sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
        return std::pair(a.first, a.second.index_) < std::pair(b.first, b.second.index_);
      });
      out->push_back('{');
      for (size_t i = 0; i < members.size(); ++i) {
        if (i) out->push_back(',');
        AppendJsonString(members[i].first, out);
        out->push_back(':');
        members[i].second.AppendCanonical(out);
      }
      out->push_back('}');
      return;
    }
  }
}

std::string Json::Canonical() const {
  std::string out;
  AppendCanonical(&out);
  return out;
}

struct JsonParser::Impl {
  dom::parser parser;

  Result<Json> Parse(std::string_view text, bool copy) {
    // An empty view may point nowhere, and the library copies from there.
    if (text.empty()) return Fail(ErrorCode::kCorruptData, simdjson::error_message(simdjson::EMPTY));
    // A huge document leaves huge buffers behind; start over rather than keep them for the rest of the run.
    constexpr size_t kKeepCapacity = size_t{4} << 20;
    if (parser.capacity() > kKeepCapacity && text.size() < kKeepCapacity) parser = dom::parser();
    dom::element root;
    if (auto error = parser.parse(text.data(), text.size(), copy).get(root)) {
      return Fail(ErrorCode::kCorruptData, simdjson::error_message(error));
    }
    auto handle = std::bit_cast<Handle>(root);
    return Json(handle.document, handle.index);
  }
};

JsonParser::JsonParser() : impl_(std::make_unique<Impl>()) {}
JsonParser::~JsonParser() = default;
JsonParser::JsonParser(JsonParser&&) noexcept = default;
JsonParser& JsonParser::operator=(JsonParser&&) noexcept = default;

Result<Json> JsonParser::Parse(std::string_view text) { return impl_->Parse(text, /*copy=*/true); }

Result<Json> JsonParser::ParsePadded(std::string_view text) {
  static_assert(kPadding >= simdjson::SIMDJSON_PADDING);
  return impl_->Parse(text, /*copy=*/false);
}

namespace {

// How many bytes from the start need nothing done to them: printable ASCII but for quotes and backslashes.
size_t PlainLength(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  auto has_zero = [](uint64_t v) { return (v - kOnes) & ~v & kHigh; };
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    uint64_t special = (word & kHigh) | ((word - kOnes * 0x20) & ~word & kHigh) |
                       has_zero(word ^ kOnes * '"') | has_zero(word ^ kOnes * '\\') |
                       has_zero(word ^ kOnes * 0x7f);
    if (special != 0) break;
  }
  for (; i < text.size(); ++i) {
    char c = text[i];
    if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') break;
  }
  return i;
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  const size_t start = PlainLength(text);
  if (start == text.size()) {
    size_t at = out->size();
    out->resize(at + text.size() + 2, '"');
    if (!text.empty()) std::memcpy(out->data() + at + 1, text.data(), text.size());
    return;
  }
  std::string repaired;
  if (!IsValidUtf8(text.substr(start))) {
    repaired = ReplaceInvalidUtf8(text);
    text = repaired;
  }
  out->push_back('"');
  size_t plain = 0;
  for (size_t i = start; i < text.size(); ++i, i += PlainLength(text.substr(i))) {
    char c = text[i];
    uint32_t code = 0;
    size_t hidden = HiddenAtStart(text.substr(i), &code);
    if (hidden == 0 && c != '"' && c != '\\') continue;
    out->append(text.substr(plain, i - plain));
    i += hidden > 1 ? hidden - 1 : 0;
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else if (c == '\r') {
      out->append("\\r");
    } else if (c == '\t') {
      out->append("\\t");
    } else {
      out->append("\\u");
      for (int shift = 12; shift >= 0; shift -= 4) out->push_back(kHex[code >> shift & 15]);
    }
  }
  out->append(text.substr(plain));
  out->push_back('"');
}

}  // namespace clawtrace

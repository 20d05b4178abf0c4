#pragma once
// Reading JSON. Json is a handle into a parsed document: cheap to copy, random access, valid until the parser
// that made it parses again or is destroyed. Every accessor is total: asking the wrong question of a value
// gives "missing", never an exception. Wraps simdjson (docs/adr/0002-json.md).
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clawtrace {

class Json {
 public:
  enum class Kind { kMissing, kNull, kBool, kInt, kUint, kDouble, kString, kArray, kObject };

  Json() = default;  // missing
  Kind kind() const;
  explicit operator bool() const { return document_ != nullptr; }  // present, null included
  bool is_object() const { return kind() == Kind::kObject; }
  bool is_array() const { return kind() == Kind::kArray; }
  bool is_string() const { return kind() == Kind::kString; }
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_number() const;

  // Member of an object; missing when absent or when this is no object. First of duplicate keys. O(members).
  Json operator[](std::string_view key) const;
  // Item of an array; missing when out of range. O(i).
  Json at(size_t index) const;
  size_t size() const;  // items or members; 0 for anything else

  std::optional<std::string_view> string() const;
  std::string_view string_or(std::string_view fallback) const { return string().value_or(fallback); }
  std::string_view text() const { return string().value_or(std::string_view{}); }  // "" when it is no string
  // Integers, and doubles that hold an integer exactly. Never parses strings.
  std::optional<int64_t> integer() const;
  std::optional<double> number() const;
  std::optional<bool> boolean() const;

  template <class F>  // F(Json)
  void ForEachItem(F&& f) const {
    VisitItems(&f,
               [](void* context, Json item) { (*static_cast<std::remove_reference_t<F>*>(context))(item); });
  }
  template <class F>  // F(std::string_view key, Json)
  void ForEachField(F&& f) const {
    VisitFields(&f, [](void* context, std::string_view key, Json value) {
      (*static_cast<std::remove_reference_t<F>*>(context))(key, value);
    });
  }

  // One spelling for equal values: members sorted by key, no spaces, integral doubles as integers.
  std::string Canonical() const;
  void AppendCanonical(std::string* out) const;

 private:
  friend class JsonParser;
  Json(const void* document, size_t index) : document_(document), index_(index) {}
  void VisitItems(void* context, void (*visit)(void*, Json)) const;
  void VisitFields(void* context, void (*visit)(void*, std::string_view, Json)) const;

  const void* document_ = nullptr;
  size_t index_ = 0;
};

// One document at a time; reuse a parser for many. Not thread-safe: one per thread.
class JsonParser {
 public:
  JsonParser();
  ~JsonParser();
  JsonParser(JsonParser&&) noexcept;
  JsonParser& operator=(JsonParser&&) noexcept;

  // Bytes readable behind the end of a padded input.
  static constexpr size_t kPadding = 64;

  // Copies the text. kCorruptData with the parser's reason when it is not one JSON document.
  Result<Json> Parse(std::string_view text);
  // No copy: kPadding bytes behind text.end() must be readable (any content).
  Result<Json> ParsePadded(std::string_view text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Appends text as a JSON string with quotes; invalid UTF-8 becomes U+FFFD.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace clawtrace

#pragma once
// The compact binary form of anything with a Describe (archive.h), for caches only: no names, no versions. A
// reader takes any bytes and says whether they made sense; whoever stores them must know that writer and
// reader describe the same fields.
#include <cstdint>
#include <string>
#include <string_view>

#include "model/archive.h"

namespace clawtrace {

class PackWriter {
 public:
  explicit PackWriter(std::string* out) : out_(*out) {}

  template <class T>
  void Field(std::string_view, const T& value) {
    Put(value);
  }
  template <class T>
  void NullableField(std::string_view, const std::optional<T>& value) {
    Put(value);
  }
  void CountField(std::string_view, const int64_t& count) { Put(count); }
  template <class T>
  void StepField(std::string_view, const T& steps) {
    Put(steps);
  }

  template <class T>
  void Put(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      PutNumber(value.size());
      out_.append(value);
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      auto number = static_cast<int64_t>(value);
      PutNumber(static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63));
    } else if constexpr (std::is_same_v<T, Usd>) {
      Put(value.pico());
    } else if constexpr (requires { value.has_value(); }) {
      out_.push_back(value ? '\1' : '\0');
      if (value) Put(*value);
    } else if constexpr (requires {
                           value.begin();
                           value.size();
                         }) {
      PutNumber(value.size());
      for (const auto& item : value) Put(item);
    } else {
      Describe(*this, const_cast<T&>(value));  // Describe only reads here
    }
  }

 private:
  void PutNumber(uint64_t number) {
    for (; number >= 128; number >>= 7) out_.push_back(static_cast<char>(number | 128));
    out_.push_back(static_cast<char>(number));
  }
  std::string& out_;
};

// After a failure everything reads as its default and good() is false.
class PackReader {
 public:
  explicit PackReader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }

  template <class T>
  void Field(std::string_view, T& value) {
    Get(value);
  }
  template <class T>
  void NullableField(std::string_view, std::optional<T>& value) {
    Get(value);
  }
  void CountField(std::string_view, int64_t& count) { Get(count); }
  template <class T>
  void StepField(std::string_view, T& steps) {
    Get(steps);
  }

  template <class T>
  void Get(T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      value = Bytes();
    } else if constexpr (NamedEnum<T>) {
      auto found = static_cast<T>(Signed());
      bool known = false;
      for (const auto& [each, name] : EnumNames(T{})) known = known || each == found;
      if (known)
        value = found;
      else
        good_ = false;
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(Signed());
    } else if constexpr (std::is_same_v<T, Usd>) {
      value = Usd::Pico(Signed());
    } else if constexpr (requires { value.has_value(); }) {
      value.reset();
      if (Byte() == '\1') Get(value.emplace());
    } else if constexpr (requires {
                           value.begin();
                           value.clear();
                         }) {
      value.clear();
      uint64_t count = Number();
      // Every item takes at least a byte: no length makes this allocate more than the input is worth.
      if (count > rest_.size()) good_ = false;
      for (uint64_t i = 0; i < count && good_; ++i) {
        typename T::value_type item{};
        Get(item);
        value.push_back(std::move(item));
      }
    } else {
      Describe(*this, value);
    }
  }

 private:
  char Byte() {
    if (rest_.empty()) {
      good_ = false;
      return '\0';
    }
    char byte = rest_.front();
    rest_.remove_prefix(1);
    return byte;
  }
  uint64_t Number() {
    uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      auto byte = static_cast<unsigned char>(Byte());
      number |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return number;
    }
    good_ = false;
    return 0;
  }
  int64_t Signed() {
    uint64_t number = Number();
    return static_cast<int64_t>(number >> 1 ^ (~(number & 1) + 1));
  }
  std::string_view Bytes() {
    uint64_t size = Number();
    if (size > rest_.size()) {
      good_ = false;
      return {};
    }
    std::string_view bytes = rest_.substr(0, static_cast<size_t>(size));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace clawtrace

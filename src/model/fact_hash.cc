#include "model/fact_hash.h"

#include <cstring>

#include "base/hash.h"
#include "base/memory.h"

namespace clawtrace {
namespace {

// An archive (archive.h) that lays names and values out in a row of bytes, to be hashed at once. What a field
// has without being set is left out: most fields of most facts.
class HashArchive {
 public:
  explicit HashArchive(std::string* out) : out_(*out) {}

  template <class T>
  void Field(std::string_view name, const T& value) {
    if constexpr (requires { value.has_value(); }) {
      if (!value) return;
      Add(name);
      Put(*value);
    } else {
      if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
        if (value == T{}) return;
      } else if constexpr (requires { value.empty(); }) {
        if (value.empty()) return;
      }
      Add(name);
      Put(value);
    }
  }
  void CountField(std::string_view name, int64_t count) { Field(name, count); }

 private:
  void Add(std::string_view bytes) {
    const size_t at = out_.size();
    const auto size = static_cast<int64_t>(bytes.size());
    out_.resize(at + sizeof size + bytes.size());
    std::memcpy(out_.data() + at, &size, sizeof size);
    if (!bytes.empty()) std::memcpy(out_.data() + at + sizeof size, bytes.data(), bytes.size());
  }
  void Add(int64_t number) {
    const size_t at = out_.size();
    out_.resize(at + sizeof number);
    std::memcpy(out_.data() + at, &number, sizeof number);
  }

  template <class T>
  void Put(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      // A long text's own hash stands for it: it is not copied.
      constexpr size_t kLong = 256;
      if (value.size() <= kLong) return Add(std::string_view(value));
      Add(static_cast<int64_t>(value.size()));
      Add(static_cast<int64_t>(Hash64(value)));
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>)
      Add(static_cast<int64_t>(value));
    else if constexpr (std::is_same_v<T, Usd>)
      Add(value.pico());
    else if constexpr (requires {
                         value.begin();
                         value.size();
                       }) {
      Add(static_cast<int64_t>(value.size()));
      for (const auto& item : value) Put(item);
    } else {
      Describe(*this, const_cast<T&>(value));  // Describe only reads here
      constexpr int64_t kEnd = -1;             // no name is that long
      Add(kEnd);
    }
  }

  std::string& out_;
};

}  // namespace

uint64_t HashOf(const Fact& fact) {
  thread_local std::string bytes;
  bytes.clear();
  HashArchive archive(&bytes);
  Describe(archive, const_cast<Fact&>(fact));
  uint64_t hash = Hash64(bytes);
  constexpr size_t kKeep = size_t{1} << 20;
  if (bytes.capacity() > kKeep) FreeText(&bytes);
  return hash;
}

}  // namespace clawtrace

#include "model/fact_hash.h"

#include "base/hash.h"

namespace clawtrace {
namespace {

// An archive (archive.h) that hashes instead of writing: names and values, nested.
class HashArchive {
 public:
  template <class T>
  void Field(std::string_view name, const T& value) {
    if constexpr (requires { value.has_value(); }) {
      if (!value) return;
      Add(name);
      Put(*value);
    } else {
      Add(name);
      Put(value);
    }
  }
  void CountField(std::string_view name, int64_t count) {
    if (count != 0) Field(name, count);
  }
  uint64_t hash() const { return hash_; }

 private:
  void Add(std::string_view bytes) { hash_ = Hash64(bytes, hash_); }
  void Add(int64_t number) { hash_ = Hash64({reinterpret_cast<const char*>(&number), sizeof number}, hash_); }

  template <class T>
  void Put(const T& value) {
    if constexpr (std::is_same_v<T, std::string>)
      Add(std::string_view(value));
    else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>)
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
    }
  }

  uint64_t hash_ = 0;
};

}  // namespace

uint64_t HashOf(const Fact& fact) {
  HashArchive archive;
  Describe(archive, const_cast<Fact&>(fact));
  return archive.hash();
}

}  // namespace clawtrace

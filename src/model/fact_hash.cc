#include "model/fact_hash.h"

#include "base/hash.h"

namespace clawtrace {
namespace {

// An archive (archive.h) that lays names and values out in a row of bytes, to be hashed at once.
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
      Add(name);
      Put(value);
    }
  }
  void CountField(std::string_view name, int64_t count) {
    if (count != 0) Field(name, count);
  }

 private:
  void Add(std::string_view bytes) {
    Add(static_cast<int64_t>(bytes.size()));
    out_.append(bytes);
  }
  void Add(int64_t number) { out_.append(reinterpret_cast<const char*>(&number), sizeof number); }

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
  if (bytes.capacity() > kKeep) bytes = std::string();
  return hash;
}

}  // namespace clawtrace

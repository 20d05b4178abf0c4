#include "store/fact_codec.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>

#include "base/hash.h"
#include "model/archive.h"

namespace clawtrace::store {
namespace {

// A field's number is its place here: only ever add at the end. Equal names of different structs share one.
constexpr std::string_view kNames[] = {
    "id",
    "node",
    "parent_node",
    "ordinal",
    "start_ns",
    "end_ns",
    "session",
    "user",
    "llm",
    "tool",
    "result",
    "outcome",
    "skill",
    "agent",
    "agent_version",
    "cwd",
    "project",
    "task_id",
    "parent_session",
    "parent_call",
    "agent_name",
    "forked_from",
    "billing",
    "notes",
    "reported_cost",
    "reported_usage",
    "text",
    "text_bytes",
    "is_meta",
    "model",
    "provider",
    "usage",
    "stop_reason",
    "error",
    "service_tier",
    "not_billed",
    "auxiliary",
    "attempts",
    "thinking_bytes",
    "aliases",
    "web_searches",
    "other_reading",
    "llm_call",
    "name",
    "index",
    "args",
    "args_bytes",
    "args_hash",
    "args_broken",
    "status",
    "exit_code",
    "output_bytes",
    "output_hash",
    "output",
    "unchanged",
    "child_session",
    "verdict",
    "source",
    "score_ppm",
    "judge",
    "stage",
    "path",
    "call",
    "uncached_input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_unknown",
    "reasoning",
    "requested_model",
};
constexpr size_t kNameCount = std::size(kNames);
constexpr size_t kMaxFields = 64;  // of one struct

bool KeptBeside(std::string_view name) { return name == "kind" || name == "source" || name == "session_id"; }

void PutNumber(uint64_t number, std::string* out) {
  for (; number >= 128; number >>= 7) out->push_back(static_cast<char>(number | 128));
  out->push_back(static_cast<char>(number));
}

uint64_t Fold(int64_t number) {
  return static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63);
}
int64_t Unfold(uint64_t number) { return static_cast<int64_t>(number >> 1 ^ (~(number & 1) + 1)); }

template <class T>
concept Whole = std::is_integral_v<T> || std::is_enum_v<T>;

class BodyWriter {
 public:
  BodyWriter(std::string* out, bool top) : out_(*out), top_(top) {}

  template <class T>
  void Field(std::string_view name, const T& value) {
    if (top_ && KeptBeside(name)) return;
    if constexpr (std::is_same_v<T, std::string>) {
      if (!value.empty()) PutBytes(name, value);
    } else if constexpr (Whole<T>) {
      if (static_cast<int64_t>(value) != 0) PutInteger(name, static_cast<int64_t>(value));
    } else if constexpr (requires { value.has_value(); }) {
      if (value) PutPresent(name, *value);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      if (value.empty()) return;
      std::string list;
      for (const std::string& item : value) PutNumber(item.size(), &list), list.append(item);
      PutBytes(name, list);
    } else {
      PutPresent(name, value);
    }
  }
  void CountField(std::string_view name, const int64_t& count) { Field(name, count); }

 private:
  template <class T>
  void PutPresent(std::string_view name, const T& value) {
    if constexpr (Whole<T>) {
      PutInteger(name, static_cast<int64_t>(value));
    } else if constexpr (std::is_same_v<T, Usd>) {
      PutInteger(name, value.pico());
    } else if constexpr (std::is_same_v<T, std::string>) {
      PutBytes(name, value);
    } else {
      std::string inner;
      BodyWriter writer(&inner, false);
      Describe(writer, const_cast<T&>(value));  // Describe only reads here
      PutBytes(name, inner);
    }
  }
  void PutInteger(std::string_view name, int64_t number) {
    PutNumber(NumberOf(name) << 1, &out_);
    PutNumber(Fold(number), &out_);
  }
  void PutBytes(std::string_view name, std::string_view bytes) {
    PutNumber(NumberOf(name) << 1 | 1, &out_);
    PutNumber(bytes.size(), &out_);
    out_.append(bytes);
  }
  // Names come in nearly the order of the table.
  uint64_t NumberOf(std::string_view name) {
    for (size_t i = 0; i < kNameCount; ++i, next_ = next_ + 1 == kNameCount ? 0 : next_ + 1) {
      if (kNames[next_] == name) return next_;
    }
    bool field_has_a_number_in_the_table_above = false;
    CT_CHECK(field_has_a_number_in_the_table_above);
    return 0;
  }

  std::string& out_;
  bool top_;
  size_t next_ = 0;
};

struct Entry {
  uint64_t number = 0, value = 0;
  bool is_bytes = false;
  std::string_view bytes;
};

class Bytes {
 public:
  explicit Bytes(std::string_view rest) : rest_(rest) {}
  bool empty() const { return rest_.empty(); }
  std::optional<uint64_t> Number() {
    uint64_t number = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      number |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return number;
    }
    return std::nullopt;
  }
  std::optional<std::string_view> Text() {
    auto size = Number();
    if (!size || *size > rest_.size()) return std::nullopt;
    std::string_view text = rest_.substr(0, static_cast<size_t>(*size));
    rest_.remove_prefix(text.size());
    return text;
  }

 private:
  std::string_view rest_;
};

class BodyReader {
 public:
  BodyReader(std::string_view bytes, bool* good, bool top) : good_(*good), top_(top) {
    for (Bytes rest(bytes); !rest.empty() && good_;) Parse(rest);
  }

  template <class T>
  void Field(std::string_view name, T& value) {
    if (top_ && KeptBeside(name)) return;
    const Entry* entry = Find(name);
    if (!entry) {
      if constexpr (std::is_integral_v<T>) value = T{};  // what is not written is zero
      return;
    }
    Get(*entry, value);
  }
  void CountField(std::string_view name, int64_t& count) { Field(name, count); }

 private:
  void Parse(Bytes& rest) {
    auto tag = rest.Number();
    if (!tag || count_ == kMaxFields) return Refuse();
    Entry& entry = entries_[count_++];
    entry.number = *tag >> 1, entry.is_bytes = (*tag & 1) != 0;
    if (entry.is_bytes) {
      auto text = rest.Text();
      if (!text) return Refuse();
      entry.bytes = *text;
    } else {
      auto number = rest.Number();
      if (!number) return Refuse();
      entry.value = *number;
    }
  }
  const Entry* Find(std::string_view name) {
    for (size_t i = next_; i < count_; ++i) {
      if (entries_[i].number < kNameCount && kNames[entries_[i].number] == name) {
        // Entries of later fields may stand before it only where the order of fields has changed.
        if (i == next_) ++next_;
        return &entries_[i];
      }
    }
    return nullptr;
  }

  template <class T>
  void Get(const Entry& entry, T& value) {
    if constexpr (requires { value.has_value(); }) {
      typename T::value_type inner{};
      Get(entry, inner);
      value = std::move(inner);
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (entry.is_bytes) return void(value = entry.bytes);
      Refuse();
    } else if constexpr (NamedEnum<T>) {
      auto found = static_cast<T>(Unfold(entry.value));
      for (const auto& [known, name] : EnumNames(T{})) {
        if (known == found && !entry.is_bytes) return void(value = found);
      }
      Refuse();
    } else if constexpr (std::is_integral_v<T>) {
      if (!entry.is_bytes) return void(value = static_cast<T>(Unfold(entry.value)));
      Refuse();
    } else if constexpr (std::is_same_v<T, Usd>) {
      if (!entry.is_bytes) return void(value = Usd::Pico(Unfold(entry.value)));
      Refuse();
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      if (!entry.is_bytes) return Refuse();
      for (Bytes rest(entry.bytes); !rest.empty();) {
        auto item = rest.Text();
        if (!item) return Refuse();
        value.emplace_back(*item);
      }
    } else {
      if (!entry.is_bytes) return Refuse();
      BodyReader inner(entry.bytes, &good_, false);
      Describe(inner, value);
    }
  }
  void Refuse() { good_ = false; }

  bool& good_;
  bool top_;
  size_t count_ = 0, next_ = 0;
  std::array<Entry, kMaxFields> entries_;
};

}  // namespace

bool HasFieldNumber(std::string_view name) {
  return KeptBeside(name) || std::ranges::find(kNames, name) != std::end(kNames);
}

void EncodeFactBody(const Fact& fact, std::string* out) {
  BodyWriter writer(out, true);
  Describe(writer, const_cast<Fact&>(fact));
}

Status DecodeFactBody(std::string_view bytes, Fact* fact) {
  bool good = true;
  BodyReader reader(bytes, &good, true);
  if (good) Describe(reader, *fact);
  if (!good) return Fail(ErrorCode::kCorruptData, "a stored fact is damaged");
  return {};
}

FactKey KeyOf(const Fact& fact, std::string_view body) {
  thread_local std::string bytes;
  bytes.assign(1, static_cast<char>(fact.kind));
  PutNumber(fact.source.size(), &bytes);
  bytes.append(fact.source).append(body);
  FactKey key;
  for (uint64_t half = 0; half < 2; ++half) {
    uint64_t hash = Hash64(bytes, half);
    for (size_t i = 0; i < 8; ++i) key[half * 8 + i] = static_cast<char>(hash >> (56 - 8 * i));
  }
  return key;
}

}  // namespace clawtrace::store

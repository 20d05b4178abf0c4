#pragma once
// A document read back: YAML (or JSON, which is read as YAML) as a tree that keeps the spelling of every
// scalar, so that money is read exactly. For small files of ours and of users: cards, patches, price
// overrides, front matter.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace {

class Value {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string scalar;        // as written, unescaped
  bool quoted = false;       // a quoted scalar is a string, whatever it looks like
  std::vector<Value> items;  // kList
  struct Member;
  std::vector<Member> members;  // kMap, in file order

  // Member of a map, nullptr when absent.
  const Value* Find(std::string_view key) const;
  bool is_null() const { return kind == Kind::kNull; }
  std::optional<std::string> AsString() const;  // any scalar
  std::optional<int64_t> AsInt() const;         // plain scalars only
  std::optional<bool> AsBool() const;           // plain true/false only
};

struct Value::Member {
  std::string key;
  Value value;
};

// One document. Rejects duplicate keys, aliases, custom tags; the message carries name:line:column.
Result<Value> ParseYaml(std::string_view text, std::string_view name);

}  // namespace clawtrace

#pragma once
// One description of a struct serves writing and reading: each type on disk has a function
//   template <class A> void Describe(A& a, T& t) { a.Field("name", t.name); ... }
// found by argument-dependent lookup. Absent values (nullopt, "", 0 elements, false) are not written, and a
// field that is missing on disk keeps its default; numbers are always written unless optional.
#include <fmt/core.h>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/doc_writer.h"
#include "base/value.h"
#include "model/usd.h"

namespace clawtrace {

// An enum on disk has a table: constexpr auto EnumNames(E) -> array of {E, "word"}, found by ADL.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) { EnumNames(e); };

template <NamedEnum E>
constexpr std::string_view NameOf(E value) {
  for (const auto& [v, name] : EnumNames(value)) {
    if (v == value) return name;
  }
  return "?";
}

template <NamedEnum E>
std::optional<E> EnumFrom(std::string_view text) {
  for (const auto& [v, name] : EnumNames(E{})) {
    if (name == text) return v;
  }
  return std::nullopt;
}

// Types that are written on one line in YAML say so with: constexpr bool IsRow(const T&) { return true; }
template <class T>
concept Row = requires(const T& t) { IsRow(t); };

class WriteArchive {
 public:
  explicit WriteArchive(DocWriter* out) : out_(out) {}

  template <class T>
  void Field(std::string_view name, const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      if (value.empty()) return;
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!value) return;
    } else if constexpr (requires { value.has_value(); }) {
      if (!value) return;
    } else if constexpr (requires {
                           value.begin();
                           value.empty();
                         }) {
      if (value.empty()) return;
    }
    out_->Key(name);
    Put(value);
  }
  // Unknown is a value: written as null where a plain optional would be left out.
  template <class T>
  void NullableField(std::string_view name, const std::optional<T>& value) {
    out_->Key(name);
    if (value)
      Put(*value);
    else
      out_->Null();
  }

  // A count that is not worth a line when it is 0; reads back as 0.
  void CountField(std::string_view name, const int64_t& count) {
    if (count != 0) out_->Key(name), out_->Int(count);
  }

  // References to steps: "12" is written as the number it looks like, "3/7" as a string.
  void StepField(std::string_view name, const std::string& step) {
    if (!step.empty()) out_->Key(name), PutStep(step);
  }
  void StepField(std::string_view name, const std::vector<std::string>& steps) {
    if (steps.empty()) return;
    out_->Key(name);
    out_->BeginArray(true);
    for (const std::string& step : steps) PutStep(step);
    out_->EndArray();
  }

  template <class T>
  void Put(const T& value) {
    if constexpr (std::is_same_v<T, std::string>)
      out_->String(value);
    else if constexpr (std::is_same_v<T, bool>)
      out_->Bool(value);
    else if constexpr (std::is_integral_v<T>)
      out_->Int(static_cast<int64_t>(value));
    else if constexpr (std::is_same_v<T, Usd>)
      out_->Number(value.ToDecimal());
    else if constexpr (NamedEnum<T>)
      out_->String(NameOf(value));
    else if constexpr (requires { value.has_value(); })
      Put(*value);
    else if constexpr (requires {
                         value.begin();
                         value.end();
                       }) {
      bool scalars = !std::is_class_v<typename T::value_type> ||
                     std::is_same_v<typename T::value_type, std::string> ||
                     std::is_same_v<typename T::value_type, Usd>;
      out_->BeginArray(scalars);
      for (const auto& item : value) Put(item);
      out_->EndArray();
    } else {
      out_->BeginObject(Row<T>);
      Describe(*this, const_cast<T&>(value));  // Describe only reads when writing
      out_->EndObject();
    }
  }

 private:
  void PutStep(const std::string& step) {
    constexpr size_t kMaxDigits = 18;
    bool number = step.size() <= kMaxDigits && step[0] != '0' &&
                  step.find_first_not_of("0123456789") == std::string::npos;
    if (number)
      out_->Number(step);
    else
      out_->String(step);
  }

  DocWriter* out_;
};

class ReadArchive {
 public:
  ReadArchive(const Value* from, std::string path, Status* status)
      : from_(from), path_(std::move(path)), status_(status) {}

  template <class T>
  void Field(std::string_view name, T& value) {
    const Value* member = from_->Find(name);
    if (!member || !*status_) return;
    if constexpr (requires { value.has_value(); }) {
      if (member->is_null()) return;
    }
    Get(*member, path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name), value);
  }
  template <class T>
  void NullableField(std::string_view name, std::optional<T>& value) {
    Field(name, value);
  }
  void CountField(std::string_view name, int64_t& count) { Field(name, count); }
  template <class T>
  void StepField(std::string_view name, T& value) {
    Field(name, value);
  }

  template <class T>
  void Get(const Value& from, const std::string& path, T& value) {
    if constexpr (requires { value.has_value(); }) {
      typename T::value_type inner{};
      Get(from, path, inner);
      value = std::move(inner);
    } else if constexpr (std::is_same_v<T, std::string>) {
      Take(from.AsString(), path, "a string", value);
    } else if constexpr (std::is_same_v<T, bool>) {
      Take(from.AsBool(), path, "true or false", value);
    } else if constexpr (std::is_integral_v<T>) {
      auto number = from.AsInt();
      if (number && std::in_range<T>(*number))
        value = static_cast<T>(*number);
      else
        Refuse(path, "an integer");
    } else if constexpr (std::is_same_v<T, Usd>) {
      auto text = from.AsString();
      Take(text ? Usd::Parse(*text) : std::nullopt, path, "an amount in USD", value);
    } else if constexpr (NamedEnum<T>) {
      auto text = from.AsString();
      Take(text ? EnumFrom<T>(*text) : std::nullopt, path, "one of the known words", value);
    } else if constexpr (requires { value.push_back(typename T::value_type{}); }) {
      if (from.kind != Value::Kind::kList) return Refuse(path, "a list");
      for (size_t i = 0; i < from.items.size() && *status_; ++i) {
        typename T::value_type item{};
        Get(from.items[i], fmt::format("{}[{}]", path, i), item);
        value.push_back(std::move(item));
      }
    } else {
      if (from.kind != Value::Kind::kMap) return Refuse(path, "a map");
      ReadArchive inner(&from, path, status_);
      Describe(inner, value);
    }
  }

 private:
  template <class T>
  void Take(std::optional<T> read, const std::string& path, std::string_view wanted, T& value) {
    if (read)
      value = std::move(*read);
    else
      Refuse(path, wanted);
  }
  void Refuse(const std::string& path, std::string_view wanted) {
    if (*status_) *status_ = Fail(ErrorCode::kInvalidInput, fmt::format("{} is not {}", path, wanted));
  }

  const Value* from_;
  std::string path_;
  Status* status_;
};

template <class T>
std::string Encode(const T& value, DocWriter::Format format) {
  DocWriter out(format);
  WriteArchive(&out).Put(value);
  return out.Take();
}

// name is used in error messages: "card.yaml: total_cost_usd is not an amount in USD".
template <class T>
Result<T> Decode(std::string_view text, std::string_view name) {
  auto document = ParseYaml(text, name);
  if (!document) return std::unexpected(std::move(document.error()));
  Status status;
  T value{};
  ReadArchive(nullptr, "", &status).Get(*document, "document", value);
  if (!status) {
    status.error().message = fmt::format("{}: {}", name, status.error().message);
    return std::unexpected(std::move(status.error()));
  }
  return value;
}

}  // namespace clawtrace

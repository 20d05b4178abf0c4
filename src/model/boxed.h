#pragma once
// An optional value that takes one pointer while it is empty: for records of which most parts are absent.
// Copies are deep; equality is the values'.
#include <memory>
#include <optional>
#include <utility>

namespace clawtrace {

template <class T>
class Boxed {
 public:
  using value_type = T;
  Boxed() = default;
  Boxed(T value) : box_(std::make_unique<T>(std::move(value))) {}  // NOLINT: assigned like an optional
  Boxed(std::optional<T> value) : box_(value ? std::make_unique<T>(std::move(*value)) : nullptr) {}  // NOLINT
  Boxed(const Boxed& other) : box_(other.box_ ? std::make_unique<T>(*other.box_) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) { return *this = Boxed(other); }
  Boxed& operator=(Boxed&&) noexcept = default;
  ~Boxed() = default;

  operator std::optional<T>() const { return box_ ? std::optional<T>(*box_) : std::nullopt; }  // NOLINT

  bool has_value() const { return box_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  // Only while there is a value.
  T& operator*() { return *box_; }
  const T& operator*() const { return *box_; }
  T* operator->() { return box_.get(); }
  const T* operator->() const { return box_.get(); }
  template <class... Arguments>
  T& emplace(Arguments&&... arguments) {
    box_ = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    return *box_;
  }
  void reset() { box_.reset(); }

  friend bool operator==(const Boxed& a, const Boxed& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }

 private:
  std::unique_ptr<T> box_;
};

}  // namespace clawtrace

#pragma once
// Memory that requests in flight may take together. Thread-safe.
#include <atomic>
#include <cstddef>
#include <utility>

namespace clawtrace::serve {

class Budget;

// Given back when it goes.
class Charge {
 public:
  Charge() = default;
  Charge(Charge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_), std::swap(bytes_, other.bytes_);
    return *this;
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  ~Charge();

  // Takes as much more; false: there is no room now, and nothing changed.
  bool Grow(Budget* budget, size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  Budget* budget_ = nullptr;
  size_t bytes_ = 0;
};

class Budget {
 public:
  explicit Budget(size_t limit) : limit_(limit) {}
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_; }

 private:
  friend class Charge;
  // A request that is alone may take more than the limit: it could never be served otherwise.
  bool Take(size_t bytes, size_t own) {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used + bytes > limit_ && used > own) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void Give(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  const size_t limit_;
  std::atomic<size_t> used_{0};
};

inline Charge::~Charge() {
  if (budget_) budget_->Give(bytes_);
}

inline bool Charge::Grow(Budget* budget, size_t bytes) {
  if (!budget->Take(bytes, bytes_)) return false;
  budget_ = budget;
  bytes_ += bytes;
  return true;
}

}  // namespace clawtrace::serve

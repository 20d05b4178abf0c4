#pragma once
// Numbers texts in the order in which they first come: what a hash map from text to position would do, in two
// flat arrays, for the millions of ids of a large log. Keeps the views it was given.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace clawtrace {

class TextIndex {
 public:
  static constexpr size_t kNone = SIZE_MAX;

  size_t size() const { return texts_.size(); }
  std::string_view operator[](size_t number) const { return texts_[number]; }

  void reserve(size_t texts) {
    texts_.reserve(texts);
    if (2 * texts > slots_.size()) Rehash(std::bit_ceil(2 * texts));
  }

  // The number of a text, and whether it is new.
  std::pair<size_t, bool> Add(std::string_view text) {
    if (2 * (texts_.size() + 1) > slots_.size()) Rehash(slots_.empty() ? kLeastSlots : 2 * slots_.size());
    uint64_t hash = Hash64(text);
    Slot& slot = slots_[Place(hash, text)];
    if (slot.number != kNone) return {slot.number, false};
    slot = {hash, texts_.size()};
    texts_.push_back(text);
    return {slot.number, true};
  }

  size_t Find(std::string_view text) const {
    return slots_.empty() ? kNone : slots_[Place(Hash64(text), text)].number;
  }

 private:
  static constexpr size_t kLeastSlots = 16;
  struct Slot {
    uint64_t hash = 0;
    size_t number = kNone;
  };

  // Where a text stands, or would.
  size_t Place(uint64_t hash, std::string_view text) const {
    size_t mask = slots_.size() - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.number == kNone || (slot.hash == hash && texts_[slot.number] == text)) return at;
    }
  }

  void Rehash(size_t size) {
    std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(size));
    for (const Slot& slot : before) {
      if (slot.number != kNone) slots_[Place(slot.hash, texts_[slot.number])] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::vector<std::string_view> texts_;
};

}  // namespace clawtrace

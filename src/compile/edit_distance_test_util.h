#pragma once
// Edit distance over code points by the textbook, for checking and for comparison: every cell of the matrix,
// with no cut-off and no filter.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace clawtrace::test {

// One number a cell.
inline size_t DistanceByCells(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// 64 cells a word, all words of all columns (Myers 1999, Hyyrö 2003). The pattern's table is made once, then
// used for many texts.
class FullMatrix {
 public:
  explicit FullMatrix(const std::vector<uint32_t>& pattern) : length_(pattern.size()) {
    blocks_ = (length_ + 63) / 64;
    for (size_t i = 0; i < length_; ++i) {
      auto [row, is_new] = rows_.try_emplace(pattern[i], masks_.size());
      if (is_new) masks_.resize(masks_.size() + blocks_);
      masks_[row->second + i / 64] |= uint64_t{1} << (i % 64);
    }
    none_.resize(blocks_);
    for (size_t code = 0; code < kAscii; ++code) {
      auto row = rows_.find(static_cast<uint32_t>(code));
      ascii_[code] = row == rows_.end() ? none_.data() : &masks_[row->second];
    }
  }
  FullMatrix(const FullMatrix&) = delete;
  FullMatrix& operator=(const FullMatrix&) = delete;

  size_t DistanceTo(const std::vector<uint32_t>& text) {
    if (length_ == 0) return text.size();
    up_.assign(blocks_, ~uint64_t{0}), down_.assign(blocks_, 0);
    size_t score = length_;
    for (uint32_t code : text) score += Column(MasksOf(code));
    return score;
  }

 private:
  static constexpr size_t kAscii = 128;
  const uint64_t* MasksOf(uint32_t code) const {
    if (code < kAscii) return ascii_[code];
    auto row = rows_.find(code);
    return row == rows_.end() ? none_.data() : &masks_[row->second];
  }
  // Change of the last row's value.
  size_t Column(const uint64_t* masks) {
    uint64_t rises = 1, falls = 0;
    for (size_t b = 0; b < blocks_; ++b) {
      uint64_t up = up_[b], down = down_[b], equal = masks[b] | falls, vertical = masks[b] | down;
      uint64_t horizontal = (((equal & up) + up) ^ up) | equal;
      uint64_t rise = down | ~(horizontal | up), fall = up & horizontal;
      size_t bit = b + 1 == blocks_ ? (length_ - 1) % 64 : 63;
      uint64_t out_rises = rise >> bit & 1, out_falls = fall >> bit & 1;
      rise = rise << 1 | rises, fall = fall << 1 | falls;
      up_[b] = fall | ~(vertical | rise), down_[b] = rise & vertical;
      rises = out_rises, falls = out_falls;
    }
    return static_cast<size_t>(rises) - static_cast<size_t>(falls);
  }

  size_t length_, blocks_ = 0;
  std::unordered_map<uint32_t, size_t> rows_;
  std::vector<uint64_t> masks_, none_, up_, down_;
  const uint64_t* ascii_[kAscii];
};

// Connected components of the pairs with 5 x distance <= longer length, every pair computed.
inline std::vector<std::vector<size_t>> GroupsOfAllPairs(const std::vector<std::vector<uint32_t>>& texts) {
  std::vector<size_t> group(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) group[i] = i;
  for (size_t i = 0; i < texts.size(); ++i) {
    FullMatrix matrix(texts[i]);
    for (size_t j = 0; j < i; ++j) {
      if (5 * matrix.DistanceTo(texts[j]) > std::max(texts[i].size(), texts[j].size())) continue;
      size_t from = std::max(group[i], group[j]), to = std::min(group[i], group[j]);
      if (from != to) std::replace(group.begin(), group.end(), from, to);
    }
  }
  std::vector<std::vector<size_t>> members(texts.size()), out;
  for (size_t i = 0; i < texts.size(); ++i) members[group[i]].push_back(i);
  for (auto& one : members) {
    if (one.size() > 1) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace clawtrace::test

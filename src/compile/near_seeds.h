#pragma once
// A lower bound of the edit distance from seeds: pieces of kSeedLength characters, end to end, that a text is
// cut into. On a way of at most `limit` edits a piece without an edit stands in the pattern too, moved by no
// more than the edits allow; every piece that the pattern does not have near its place costs an edit of its
// own. What the pieces from a place on cost also bounds the rest of a comparison that has come that far.
//
// Source: pieces as lower bound, E. Ukkonen, "Approximate string-matching with q-grams and maximal matches",
// TCS 92 (1992); the bound of the rest as in R. Groot Koerkamp and P. Ivanov, "Exact global alignment using
// A* with chaining seed heuristic and match pruning", Bioinformatics 40 (2024).
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace clawtrace::compile {

// Long pieces are seldom found but few; of the lengths 3 to 6 this has the greatest bound for texts of 50 to
// 5,000 characters in the same words.
inline constexpr size_t kSeedLength = 3;
inline constexpr size_t kSeedZones = 64;

// What the seeds of a text cost at least, from zone to zone of `width` characters.
struct SeedCost {
  int64_t width = 1;
  std::array<int64_t, kSeedZones + 1> from{};  // of the seeds that begin in this zone and after

  int64_t Total() const { return from[0]; }
  // Of the seeds behind the first `done` characters.
  int64_t After(int64_t done) const { return from[static_cast<size_t>((done + width - 1) / width)]; }
};

template <class Symbol>
uint16_t SeedHash(const Symbol* at) {
  uint32_t mixed = 0;
  for (size_t i = 0; i < kSeedLength; ++i) mixed = mixed * 0x9E3779B1U + static_cast<uint32_t>(at[i]) + 1;
  return static_cast<uint16_t>(mixed * 0x85EBCA6BU >> 16);
}

template <class Symbol>
void AppendSeeds(std::span<const Symbol> text, std::vector<uint16_t>* seeds) {
  for (size_t at = 0; at + kSeedLength <= text.size(); at += kSeedLength)
    seeds->push_back(SeedHash(&text[at]));
}

// Where one fixed pattern has which pieces. Equal hashes count as equal pieces: the bound stays a bound.
class SeedTable {
 public:
  template <class Symbol>
  void SetPattern(std::span<const Symbol> pattern) {
    length_ = static_cast<int64_t>(pattern.size());
    seeds_a_zone_ =
        std::max<size_t>(1, (pattern.size() + kSeedLength * kSeedZones - 1) / (kSeedLength * kSeedZones));
    const size_t width = seeds_a_zone_ * kSeedLength;
    const int bits = std::clamp(static_cast<int>(std::bit_width(pattern.size())) + 1, 6, 16);
    shift_ = 16 - bits;
    zones_.assign(size_t{1} << bits, 0);
    for (size_t at = 0; at + kSeedLength <= pattern.size(); ++at)
      zones_[SeedHash(&pattern[at]) >> shift_] |= uint64_t{1} << (at / width);
  }

  // Cost of a text of `length` characters, not more than the pattern's and at most `limit` fewer, on ways of
  // at most `limit` edits. Costs above the limit may be counted in part.
  SeedCost Cost(std::span<const uint16_t> seeds, int64_t length, int64_t limit) const {
    SeedCost cost;
    cost.width = static_cast<int64_t>(seeds_a_zone_ * kSeedLength);
    const int64_t surplus = length_ - length;
    const int64_t back = (limit - surplus) / 2, ahead = (limit + surplus) / 2;
    int64_t missed = 0;
    size_t zone = (seeds.size() + seeds_a_zone_ - 1) / seeds_a_zone_;
    while (zone-- > 0) {
      const size_t begin = zone * seeds_a_zone_, end = std::min(seeds.size(), begin + seeds_a_zone_);
      const uint64_t near = Near(static_cast<int64_t>(zone) * cost.width, cost.width, back, ahead);
      for (size_t s = begin; s < end; ++s) missed += (zones_[seeds[s] >> shift_] & near) == 0;
      cost.from[zone] = missed;
      if (missed <= limit) continue;
      std::fill(cost.from.begin(), cost.from.begin() + static_cast<std::ptrdiff_t>(zone), missed);
      break;
    }
    return cost;
  }

 private:
  // The zones of the pattern to which seeds that begin in [at, at + width) can have moved.
  static uint64_t Near(int64_t at, int64_t width, int64_t back, int64_t ahead) {
    const int64_t first = std::max<int64_t>(0, at - back) / width;
    const int64_t last = std::min<int64_t>(kSeedZones - 1, (at + width - 1 + ahead) / width);
    return ~uint64_t{0} << first & ~uint64_t{0} >> (static_cast<int64_t>(kSeedZones) - 1 - last);
  }

  int64_t length_ = 0;
  size_t seeds_a_zone_ = 1;
  int shift_ = 0;
  std::vector<uint64_t> zones_;  // by hash: in which zones of the pattern such a piece begins
};

}  // namespace clawtrace::compile

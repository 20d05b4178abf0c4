#include "compile/near_groups.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "compile/near_seeds.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace clawtrace::compile {
namespace {

// Counters per text. Saturated counters keep the bounds valid: clamping only shrinks differences.
constexpr size_t kCharacterBins = 64;
constexpr size_t kPairBins = 512;
constexpr size_t kWidePairBins = 4096;  // for long texts, in which 512 bins would all be full
constexpr size_t kWideFrom = 600;

struct Surplus {
  int64_t left = 0, right = 0;  // characters that one has more than the other
};

// The two comparisons that run for most pairs.
struct Kernels {
  Surplus (*characters)(const uint16_t* a, const uint16_t* b);
  int64_t (*pairs)(const uint8_t* a, const uint8_t* b, size_t bins);  // sum of absolute differences
};

Surplus CharactersPortable(const uint16_t* a, const uint16_t* b) {
  Surplus sum;
  for (size_t i = 0; i < kCharacterBins; ++i) {
    int difference = a[i] - b[i];
    sum.left += std::max(difference, 0), sum.right += std::max(-difference, 0);
  }
  return sum;
}

int64_t PairsPortable(const uint8_t* a, const uint8_t* b, size_t bins) {
  int sum = 0;  // the narrowest that holds it: compilers know an instruction for sums of this form
  for (size_t i = 0; i < bins; ++i) sum += std::abs(a[i] - b[i]);
  return sum;
}

constexpr Kernels kPortable{CharactersPortable, PairsPortable};

#if defined(__x86_64__)
// Counts stay below 2^15, so pairs of them may be added as signed numbers.
__attribute__((target("avx2"))) Surplus CharactersAvx2(const uint16_t* a, const uint16_t* b) {
  __m256i left = _mm256_setzero_si256(), right = left, ones = _mm256_set1_epi16(1);
  for (size_t i = 0; i < kCharacterBins; i += 16) {
    __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i));
    __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i));
    left = _mm256_add_epi32(left, _mm256_madd_epi16(_mm256_subs_epu16(x, y), ones));
    right = _mm256_add_epi32(right, _mm256_madd_epi16(_mm256_subs_epu16(y, x), ones));
  }
  __m256i both = _mm256_hadd_epi32(left, right);  // per half: l l r r
  both = _mm256_hadd_epi32(both, both);           // per half: l r l r
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  return {_mm_cvtsi128_si32(sum), _mm_extract_epi32(sum, 1)};
}

__attribute__((target("avx2"))) int64_t PairsAvx2(const uint8_t* a, const uint8_t* b, size_t bins) {
  __m256i sum = _mm256_setzero_si256();
  for (size_t i = 0; i < bins; i += 32) {
    __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i));
    __m256i y = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b + i));
    sum = _mm256_add_epi64(sum, _mm256_sad_epu8(x, y));
  }
  __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}

const Kernels& BestKernels() {
  static constexpr Kernels kAvx2{CharactersAvx2, PairsAvx2};
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  return has_avx2 ? kAvx2 : kPortable;
}
#else
const Kernels& BestKernels() { return kPortable; }
#endif

// Appends the code points of UTF-8 text; a byte that belongs to none becomes a number beyond Unicode.
void AppendCodePoints(std::string_view text, std::vector<uint32_t>* out) {
  constexpr uint32_t kBadByte = 0x110000;
  for (size_t i = 0; i < text.size();) {
    auto byte = [&](size_t ahead) { return static_cast<uint8_t>(text[i + ahead]); };
    uint8_t lead = byte(0);
    size_t length = lead < 0x80             ? 1
                    : (lead & 0xE0) == 0xC0 ? 2
                    : (lead & 0xF0) == 0xE0 ? 3
                    : (lead & 0xF8) == 0xF0 ? 4
                                            : 0;
    bool whole = length > 0 && i + length <= text.size();
    for (size_t k = 1; whole && k < length; ++k) whole = (byte(k) & 0xC0) == 0x80;
    if (!whole) {
      out->push_back(kBadByte + lead);
      ++i;
      continue;
    }
    uint32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (size_t k = 1; k < length; ++k) code = code << 6 | (byte(k) & 0x3F);
    out->push_back(code);
    i += length;
  }
}

// Numbers the characters that occur, in order of their code, so that texts in few characters need few tables.
class Alphabet {
 public:
  explicit Alphabet(const std::vector<uint32_t>& codes) {
    std::array<bool, kAscii> ascii{};
    for (uint32_t code : codes) {
      if (code < kAscii)
        ascii[code] = true;
      else
        others_.try_emplace(code, 0);
    }
    for (size_t code = 0; code < kAscii; ++code) ascii_[code] = ascii[code] ? size_++ : 0;
    std::vector<uint32_t> sorted;
    for (auto& [code, number] : others_) sorted.push_back(code);
    std::sort(sorted.begin(), sorted.end());
    for (uint32_t code : sorted) others_[code] = size_++;
  }
  uint32_t operator[](uint32_t code) const { return code < kAscii ? ascii_[code] : others_.at(code); }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kAscii = 128;
  std::array<uint32_t, kAscii> ascii_{};
  std::unordered_map<uint32_t, uint32_t> others_;
  uint32_t size_ = 0;
};

class UnionFind {
 public:
  explicit UnionFind(size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0U); }
  size_t Find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  // The smaller index stays on top: groups do not depend on the order of joining.
  void Join(size_t a, size_t b) {
    a = Find(a), b = Find(b);
    parent_[std::max(a, b)] = static_cast<uint32_t>(std::min(a, b));
  }

 private:
  std::vector<uint32_t> parent_;
};

constexpr int64_t kBits = 64;

// Is a text within a distance of one fixed pattern? The pattern's table is made once.
template <class Symbol>
class Matcher {
 public:
  explicit Matcher(size_t alphabet) : row_of_(alphabet, 0) {}

  void SetPattern(std::span<const Symbol> pattern) {
    for (Symbol symbol : used_) row_of_[symbol] = 0;
    used_.clear();
    length_ = static_cast<int64_t>(pattern.size());
    blocks_ = (pattern.size() + kBits - 1) / kBits;
    for (Symbol symbol : pattern) {
      if (row_of_[symbol] != 0) continue;
      used_.push_back(symbol);
      row_of_[symbol] = static_cast<uint32_t>(used_.size());
    }
    masks_.assign((used_.size() + 1) * blocks_, 0);  // row 0: characters that the pattern does not have
    for (size_t i = 0; i < pattern.size(); ++i)
      masks_[row_of_[pattern[i]] * blocks_ + i / kBits] |= uint64_t{1} << (i % kBits);
    rows_.resize(blocks_);
  }

  // Distance of pattern and text <= limit? The text is not longer than the pattern, and not empty; `seeds`
  // are what it costs at least on ways within the limit.
  bool Within(std::span<const Symbol> text, int64_t limit, const SeedCost& seeds) {
    const int64_t n = static_cast<int64_t>(text.size()), surplus = length_ - n;
    if (surplus > limit) return false;
    size_t first = 0, last = 0;
    rows_[0] = {~uint64_t{0}, 0, Bottom(0)};
    for (int64_t done = 0; done < n;) {
      const std::span<const Symbol> stretch =
          text.subspan(static_cast<size_t>(done), static_cast<size_t>(std::min(kStretch, n - done)));
      done += static_cast<int64_t>(stretch.size());
      // From the row `target` the end is straight ahead.
      const Rest rest{surplus + done, seeds.After(done), limit};
      while (last + 1 < blocks_ && MayLeave(last, rest)) Open(++last);
      Advance(stretch, first, last);
      while (first <= last && LeastTotal(first, rest) > limit) ++first;
      if (first > last) return false;
      while (LeastTotal(last, rest) > limit) --last;
    }
    return last + 1 == blocks_ && rows_[last].score <= limit;
  }

 private:
  // Columns between two looks at which blocks matter: few enough for bits of one number, and to stop early.
  static constexpr int64_t kStretch = 16;

  // 64 rows of one column: where the value rises or falls by one going down, and the value at the last row.
  struct Rows {
    uint64_t up = 0, down = 0;
    int64_t score = 0;
  };

  // What is known of the way from a column to the end.
  struct Rest {
    int64_t target = 0;  // the row that leaves equal lengths to go
    int64_t seeds = 0;   // cost at least
    int64_t limit = 0;
    int64_t From(int64_t row) const { return std::max(std::abs(target - row), seeds); }
  };

  int64_t Bottom(size_t block) const { return std::min(length_, static_cast<int64_t>(block + 1) * kBits); }

  // May a path within the limit pass the last row of a block during the stretch that ends at `rest`? Values
  // change by at most one a column; so does what is left to go.
  bool MayLeave(size_t block, const Rest& rest) const {
    const int64_t ahead = std::max(std::abs(rest.target - Bottom(block)) - kStretch, rest.seeds);
    return rows_[block].score - kStretch + ahead <= rest.limit;
  }

  void Open(size_t block) {
    rows_[block] = {~uint64_t{0}, 0, rows_[block - 1].score + Bottom(block) - Bottom(block - 1)};
  }

  // For each of the eight bytes of a number, how many bits are set in it and in the lower ones.
  static uint64_t BitsUpToByte(uint64_t bits) {
    bits -= bits >> 1 & 0x5555555555555555;
    bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
    return ((bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101;
  }

  // Least distance of any path through a block. Values at every eighth row are exact; the rows between
  // two of them are at least the mean less four.
  int64_t LeastTotal(size_t block, const Rest& rest) const {
    const Rows& rows = rows_[block];
    const int64_t top = static_cast<int64_t>(block) * kBits, bottom = Bottom(block);
    const uint64_t used = ~uint64_t{0} >> (kBits - (bottom - top));
    const uint64_t rises = BitsUpToByte(rows.up & used), falls = BitsUpToByte(rows.down & used);
    auto at = [](uint64_t counts, int byte) { return static_cast<int64_t>(counts >> (8 * byte) & 0xFF); };
    int64_t value = rows.score - at(rises, 7) + at(falls, 7), least = INT64_MAX;
    const int64_t above = value;
    for (int byte = 0; byte < 8; ++byte) {
      const int64_t from = top + int64_t{8} * byte;
      if (from >= bottom) break;
      const int64_t next = above + at(rises, byte) - at(falls, byte);
      const int64_t row = std::clamp(rest.target, from, from + 8);
      least = std::min(least, (value + next - 8) / 2 + rest.From(row));
      value = next;
    }
    return least;
  }

  // More columns. Above the first block values are taken to rise by one, which no path within the limit
  // sees. What goes from block to block is one bit a column.
  void Advance(std::span<const Symbol> text, size_t first, size_t last) {
    std::array<const uint64_t*, kStretch> masks;
    for (size_t c = 0; c < text.size(); ++c) masks[c] = &masks_[row_of_[text[c]] * blocks_];
    uint64_t rises = ~uint64_t{0}, falls = 0;
    for (size_t b = first; b <= last; ++b) {
      Rows rows = rows_[b];
      const int64_t bottom_bit = b + 1 == blocks_ ? (length_ - 1) % kBits : kBits - 1;
      uint64_t out_rises = 0, out_falls = 0;
      for (size_t c = 0; c < text.size(); ++c) {
        uint64_t equal = masks[c][b], vertical = equal | rows.down;
        equal |= falls >> c & 1;
        uint64_t horizontal = (((equal & rows.up) + rows.up) ^ rows.up) | equal;
        uint64_t rise = rows.down | ~(horizontal | rows.up), fall = rows.up & horizontal;
        out_rises |= (rise >> bottom_bit & 1) << c, out_falls |= (fall >> bottom_bit & 1) << c;
        rise = rise << 1 | (rises >> c & 1), fall = fall << 1 | (falls >> c & 1);
        rows.up = fall | ~(vertical | rise), rows.down = rise & vertical;
      }
      rows.score += std::popcount(out_rises) - std::popcount(out_falls);
      rows_[b] = rows;
      rises = out_rises, falls = out_falls;
    }
  }

  int64_t length_ = 0;
  size_t blocks_ = 0;
  std::vector<uint32_t> row_of_;  // by symbol; 0 = not in the pattern
  std::vector<Symbol> used_;
  std::vector<uint64_t> masks_;  // where each used symbol stands, blocks_ words a symbol
  std::vector<Rows> rows_;
};

// Distinct texts in ascending length, with what the cascade needs of each.
template <class Symbol>
class Comparer {
 public:
  Comparer(const Kernels& kernels, size_t alphabet) : kernels_(kernels), matcher_(alphabet) {}

  void Add(std::span<const uint32_t> codes, const Alphabet& alphabet) {
    size_t begin = symbols_.size();
    for (uint32_t code : codes) symbols_.push_back(static_cast<Symbol>(alphabet[code]));
    starts_.push_back(symbols_.size());
    std::span<const Symbol> text(symbols_.data() + begin, codes.size());
    AddCounts(text);
    AppendSeeds(text, &seeds_);
    seed_starts_.push_back(seeds_.size());
  }

  // join(longer, shorter) for every near pair that connected(longer, shorter) does not know yet.
  template <class Connected, class Join>
  void Run(const Connected& connected, const Join& join, NearCounters* counters) {
    const size_t count = starts_.size() - 1;
    for (size_t i = 1; i < count; ++i) {
      bool pattern_set = false;
      int64_t length = Length(i), limit = length / 5;
      for (size_t next = i; next > 0 && length - Length(next - 1) <= limit; --next) {
        const size_t j = next - 1;
        if (connected(i, j)) continue;
        ++counters->in_window;
        Surplus surplus =
            kernels_.characters(&characters_[i * kCharacterBins], &characters_[j * kCharacterBins]);
        if (std::max(surplus.left, surplus.right) > limit) continue;
        ++counters->after_characters;
        if (PairDifference(i, j, limit) > 4 * limit) continue;
        ++counters->after_pairs;
        if (!pattern_set) matcher_.SetPattern(Text(i)), seed_table_.SetPattern(Text(i)), pattern_set = true;
        SeedCost cost = seed_table_.Cost(Seeds(j), Length(j), limit);
        if (cost.Total() > limit) continue;
        ++counters->compared;
        if (matcher_.Within(Text(j), limit, cost)) join(i, j), ++counters->joined;
      }
    }
  }

 private:
  static constexpr uint16_t kMostCharacters = 0x7FFF;
  static constexpr size_t kNone = SIZE_MAX;

  int64_t Length(size_t i) const { return static_cast<int64_t>(starts_[i + 1] - starts_[i]); }
  std::span<const Symbol> Text(size_t i) const {
    return {symbols_.data() + starts_[i], starts_[i + 1] - starts_[i]};
  }

  std::span<const uint16_t> Seeds(size_t i) const {
    return {seeds_.data() + seed_starts_[i], seed_starts_[i + 1] - seed_starts_[i]};
  }

  void AddCounts(std::span<const Symbol> text) {
    size_t place = characters_.size();
    characters_.resize(place + kCharacterBins);
    for (Symbol symbol : text) {
      uint16_t& count = characters_[place + symbol % kCharacterBins];
      if (count < kMostCharacters) ++count;
    }
    CountPairs(text, kPairBins, &pairs_);
    wide_.push_back(text.size() < kWideFrom ? kNone : wide_pairs_.size());
    if (text.size() >= kWideFrom) CountPairs(text, kWidePairBins, &wide_pairs_);
  }

  static void CountPairs(std::span<const Symbol> text, size_t bins, std::vector<uint8_t>* counts) {
    size_t place = counts->size();
    counts->resize(place + bins);
    const int shift = 32 - std::countr_zero(static_cast<uint32_t>(bins));
    for (size_t i = 0; i + 1 < text.size(); ++i) {
      uint32_t both = static_cast<uint32_t>(text[i]) * 0x9E3779B1U + static_cast<uint32_t>(text[i + 1]);
      uint8_t& count = (*counts)[place + (both * 0x85EBCA6BU >> shift)];
      if (count < UINT8_MAX) ++count;
    }
  }

  // One edit changes at most two pairs into two others: the difference is at most 4 x distance.
  int64_t PairDifference(size_t i, size_t j, int64_t limit) const {
    int64_t narrow = kernels_.pairs(&pairs_[i * kPairBins], &pairs_[j * kPairBins], kPairBins);
    if (narrow > 4 * limit || wide_[i] == kNone || wide_[j] == kNone) return narrow;
    return kernels_.pairs(&wide_pairs_[wide_[i]], &wide_pairs_[wide_[j]], kWidePairBins);
  }

  const Kernels& kernels_;
  std::vector<Symbol> symbols_;
  std::vector<size_t> starts_{0};
  std::vector<uint16_t> characters_;
  std::vector<uint8_t> pairs_, wide_pairs_;
  std::vector<size_t> wide_;  // place in wide_pairs_
  std::vector<uint16_t> seeds_;
  std::vector<size_t> seed_starts_{0};
  SeedTable seed_table_;
  Matcher<Symbol> matcher_;
};

struct Decoded {
  std::vector<uint32_t> codes;
  std::vector<size_t> starts{0};
  std::span<const uint32_t> operator[](size_t i) const {
    return {codes.data() + starts[i], starts[i + 1] - starts[i]};
  }
};

// Distinct texts to be compared, and where what is found goes.
struct Job {
  const Decoded& texts;
  std::span<const size_t> distinct;
  const Alphabet& alphabet;
  const Kernels& kernels;
  UnionFind* groups;
};

template <class Symbol>
void JoinNear(const Job& job, NearCounters* counters) {
  Comparer<Symbol> comparer(job.kernels, job.alphabet.size());
  for (size_t i : job.distinct) comparer.Add(job.texts[i], job.alphabet);
  comparer.Run(
      [&](size_t a, size_t b) {
        return job.groups->Find(job.distinct[a]) == job.groups->Find(job.distinct[b]);
      },
      [&](size_t a, size_t b) { job.groups->Join(job.distinct[a], job.distinct[b]); }, counters);
}

// One index of each distinct text, by length; equal texts are joined.
std::vector<size_t> Distinct(const Decoded& decoded, std::span<const std::string_view> texts,
                             UnionFind* groups) {
  std::vector<size_t> order(texts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    size_t la = decoded[a].size(), lb = decoded[b].size();
    if (la != lb) return la < lb;
    int by_text = texts[a].compare(texts[b]);
    return by_text != 0 ? by_text < 0 : a < b;
  });
  std::vector<size_t> distinct;
  for (size_t i : order) {
    if (!distinct.empty() && texts[distinct.back()] == texts[i])
      groups->Join(distinct.back(), i);
    else
      distinct.push_back(i);
  }
  return distinct;
}

}  // namespace

std::vector<std::vector<size_t>> NearGroups(std::span<const std::string_view> texts, NearPath path,
                                            NearCounters* counters) {
  NearCounters own;
  if (!counters) counters = &own;
  Decoded decoded;
  for (std::string_view text : texts) {
    AppendCodePoints(text, &decoded.codes);
    decoded.starts.push_back(decoded.codes.size());
  }
  UnionFind groups(texts.size());
  std::vector<size_t> distinct = Distinct(decoded, texts, &groups);
  Alphabet alphabet(decoded.codes);
  const Kernels& kernels = path == NearPath::kBest ? BestKernels() : kPortable;
  const Job job{decoded, distinct, alphabet, kernels, &groups};
  // The narrowest numbers that hold the alphabet.
  if (alphabet.size() <= 0x100)
    JoinNear<uint8_t>(job, counters);
  else if (alphabet.size() <= 0x10000)
    JoinNear<uint16_t>(job, counters);
  else
    JoinNear<uint32_t>(job, counters);

  std::vector<std::vector<size_t>> members(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) members[groups.Find(i)].push_back(i);
  std::erase_if(members, [](const auto& group) { return group.size() < 2; });
  return members;
}

std::vector<std::vector<size_t>> NearGroups(std::span<const std::string_view> texts, NearCounters* counters) {
  return NearGroups(texts, NearPath::kBest, counters);
}

}  // namespace clawtrace::compile

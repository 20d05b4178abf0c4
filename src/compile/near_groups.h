#pragma once
// Groups of texts that are nearly the same: connected components of the pairs whose edit distance (insert,
// delete, replace one code point) is at most a fifth of the longer text, 5 x distance <= length. Exact: the
// same groups as comparing all pairs. A cascade keeps that affordable: length window, counts of characters
// and of pairs of neighbours and pieces that are near their places (near_seeds.h) as lower bounds of the
// distance, then the distance itself, cut off as soon as it and what the pieces ahead cost are too large;
// pairs that are already connected are not compared.
//
// Sources: lower bound from q-gram profiles, E. Ukkonen, "Approximate string-matching with q-grams and
// maximal matches", TCS 92 (1992); cut-off band, E. Ukkonen, "Algorithms for approximate string matching",
// Inf. Control 64 (1985); bit-parallel rows, G. Myers, JACM 46 (1999), in the block form of H. Hyyrö, "A
// bit-vector algorithm for computing Levenshtein and Damerau edit distances", Nordic J. Computing 10 (2003).
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace clawtrace::compile {

// How many pairs came how far, for measurements.
struct NearCounters {
  int64_t in_window = 0;         // lengths allow it, not connected yet
  int64_t after_characters = 0;  // character counts allow it
  int64_t after_pairs = 0;       // pair counts allow it
  int64_t compared = 0;          // seeds allow it: the distance was computed
  int64_t joined = 0;            // near
};

// Groups of two and more, as ascending indexes, by first index. Equal texts are near, also two empty ones. A
// byte that is no UTF-8 counts as a character of its own. Cost: sorting, plus what the cascade leaves of the
// n^2/2 pairs; memory about 1 KiB (from 600 characters on 5 KiB) and twice the text, a text.
std::vector<std::vector<size_t>> NearGroups(std::span<const std::string_view> texts,
                                            NearCounters* counters = nullptr);

// Which instructions compare counts: the widest the processor has, or the portable ones. For tests.
enum class NearPath { kBest, kPortable };
std::vector<std::vector<size_t>> NearGroups(std::span<const std::string_view> texts, NearPath path,
                                            NearCounters* counters);

}  // namespace clawtrace::compile

#pragma once
// All pairs of texts that are alike, exactly: by the words that both have. What hashing into buckets finds,
// and what it would miss.
#include <cstddef>
#include <functional>
#include <vector>

#include "distill/merge/words.h"

namespace clawtrace::distill {

// Calls found(i, k), k < i, for every pair with cosine >= percent / 100, ascending.
void ForAlikePairs(const std::vector<const TermVector*>& vectors, int percent,
                   const std::function<void(size_t, size_t)>& found);

// Calls found(i, k) for every text few[i] and every text many[k] that are alike; what is alike within one of
// the two is nobody's question, so the time is that of the words that they share. In order of k.
void ForAlikeAcross(const std::vector<const TermVector*>& few, const std::vector<const TermVector*>& many,
                    int percent, const std::function<void(size_t, size_t)>& found);

// Sets of indexes that belong together.
class UnionFind {
 public:
  explicit UnionFind(size_t count);
  size_t Root(size_t index);  // the smallest index of its set
  void Unite(size_t a, size_t b);

 private:
  std::vector<size_t> parent_;
};

}  // namespace clawtrace::distill

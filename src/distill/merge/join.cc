#include "distill/merge/join.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/hash.h"

namespace clawtrace::distill {

void ForAlikePairs(const std::vector<const TermVector*>& vectors, int percent,
                   const std::function<void(size_t, size_t)>& found) {
  std::unordered_map<std::string_view, std::vector<std::pair<size_t, int64_t>>, TextHash> postings;
  std::vector<int64_t> dots(vectors.size(), 0);
  for (size_t i = 0; i < vectors.size(); ++i) {
    std::fill(dots.begin(), dots.begin() + static_cast<std::ptrdiff_t>(i), 0);
    for (const Term& term : vectors[i]->terms) {
      auto& list = postings[term.word];
      for (const auto& [k, weight] : list) dots[k] += weight * term.weight;
      list.emplace_back(i, term.weight);
    }
    for (size_t k = 0; k < i; ++k) {
      if (dots[k] > 0 && CosineAtLeast(dots[k], *vectors[i], *vectors[k], percent)) found(i, k);
    }
  }
}

void ForAlikeAcross(const std::vector<const TermVector*>& few, const std::vector<const TermVector*>& many,
                    int percent, const std::function<void(size_t, size_t)>& found) {
  std::unordered_map<std::string_view, std::vector<std::pair<size_t, int64_t>>, TextHash> postings;
  for (size_t i = 0; i < few.size(); ++i) {
    for (const Term& term : few[i]->terms) postings[term.word].emplace_back(i, term.weight);
  }
  std::vector<int64_t> dots(few.size(), 0);
  for (size_t k = 0; k < many.size(); ++k) {
    std::fill(dots.begin(), dots.end(), 0);
    for (const Term& term : many[k]->terms) {
      auto list = postings.find(term.word);
      if (list == postings.end()) continue;
      for (const auto& [i, weight] : list->second) dots[i] += weight * term.weight;
    }
    for (size_t i = 0; i < few.size(); ++i) {
      if (dots[i] > 0 && CosineAtLeast(dots[i], *few[i], *many[k], percent)) found(i, k);
    }
  }
}

UnionFind::UnionFind(size_t count) : parent_(count) {
  for (size_t i = 0; i < count; ++i) parent_[i] = i;
}

size_t UnionFind::Root(size_t index) {
  while (parent_[index] != index) index = parent_[index] = parent_[parent_[index]];
  return index;
}

void UnionFind::Unite(size_t a, size_t b) {
  a = Root(a), b = Root(b);
  parent_[std::max(a, b)] = std::min(a, b);
}

}  // namespace clawtrace::distill

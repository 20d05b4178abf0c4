#include "distill/merge/words.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace clawtrace::distill {
namespace {

#define CT_IDF(word, weight) std::pair<std::string_view, int64_t>{word, weight},
constexpr auto kWeights = std::to_array<std::pair<std::string_view, int64_t>>({
#include "distill/merge/idf.def"
});
#undef CT_IDF
static_assert(std::is_sorted(kWeights.begin(), kWeights.end()));

bool EndsIn(std::string_view word, std::string_view ending) { return word.ends_with(ending); }

}  // namespace

std::string StemOf(std::string_view lower_case_word) {
  std::string word(lower_case_word);
  if (word.size() > 4 && EndsIn(word, "ies")) return word.substr(0, word.size() - 3) + "y";
  bool plural = EndsIn(word, "s") && !EndsIn(word, "ss") && !EndsIn(word, "us") && !EndsIn(word, "is");
  if (word.size() > 3 && plural) word.pop_back();
  for (std::string_view ending : {std::string_view("ing"), std::string_view("ed")}) {
    if (word.size() < ending.size() + 4 || !EndsIn(word, ending)) continue;
    word.resize(word.size() - ending.size());
    bool doubled = word.size() > 3 && word.back() == word[word.size() - 2];
    if (doubled && word.back() != 'l' && word.back() != 's') word.pop_back();
    break;
  }
  if (word.size() > 4 && word.back() == 'e') word.pop_back();
  return word;
}

int64_t WeightOf(std::string_view stem) {
  auto row = std::lower_bound(kWeights.begin(), kWeights.end(), stem,
                              [](const auto& entry, std::string_view word) { return entry.first < word; });
  return row != kWeights.end() && row->first == stem ? row->second : kTopWeight;
}

TermVector VectorOf(const std::vector<std::string>& stems) {
  TermVector vector;
  for (const std::string& word : std::set<std::string>(stems.begin(), stems.end())) {
    vector.terms.push_back({word, WeightOf(word)});
    vector.square += vector.terms.back().weight * vector.terms.back().weight;
  }
  return vector;
}

int64_t DotOf(const TermVector& a, const TermVector& b) {
  int64_t dot = 0;
  for (auto x = a.terms.begin(), y = b.terms.begin(); x != a.terms.end() && y != b.terms.end();) {
    int order = x->word.compare(y->word);
    if (order == 0) dot += x->weight * y->weight;
    if (order <= 0) ++x;
    if (order >= 0) ++y;
  }
  return dot;
}

bool CosineAtLeast(int64_t dot, const TermVector& a, const TermVector& b, int percent) {
  if (a.square == 0 || b.square == 0) return false;
  constexpr double kPercentSquared = 100.0 * 100.0;
  double d = static_cast<double>(dot);
  double left = d * d * kPercentSquared;
  double right = static_cast<double>(a.square) * static_cast<double>(b.square) * percent * percent;
  return left >= right;
}

bool IsPartOf(const TermVector& part, const TermVector& whole, int percent) {
  return DotOf(part, whole) * 100 >= part.square * percent;
}

}  // namespace clawtrace::distill

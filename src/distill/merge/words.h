#pragma once
// Words of rules with weights that are the same whichever rules are compared: TF-IDF over a shipped table
// (idf.def, made by tools/make_idf.py). Weights are integers, so that no sum depends on its order.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::distill {

inline constexpr int64_t kTopWeight = 148;  // of words that the table does not have

// Lower case, plural, -ing and -ed taken off: crude, but the same for both sides of a comparison.
std::string StemOf(std::string_view lower_case_word);
int64_t WeightOf(std::string_view stem);

struct Term {
  std::string word;  // stem
  int64_t weight = 0;
  bool operator==(const Term&) const = default;
};

// By word, distinct: a word that a rule repeats does not count twice.
struct TermVector {
  std::vector<Term> terms;
  int64_t square = 0;  // sum of squared weights
};
TermVector VectorOf(const std::vector<std::string>& stems);

int64_t DotOf(const TermVector& a, const TermVector& b);
// Cosine of the two >= percent / 100; false when one is empty.
bool CosineAtLeast(int64_t dot, const TermVector& a, const TermVector& b, int percent);
inline bool AlikeAtLeast(const TermVector& a, const TermVector& b, int percent) {
  return CosineAtLeast(DotOf(a, b), a, b, percent);
}
// At least percent / 100 of the weight of part stands in whole too.
bool IsPartOf(const TermVector& part, const TermVector& whole, int percent);

}  // namespace clawtrace::distill

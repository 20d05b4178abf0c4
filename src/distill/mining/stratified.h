#pragma once
// Association of session features with outcomes, stratified so that hard tasks are not confounded with what
// agents do on them: per feature S = sum over strata of (a - r c / n) with
// V = sum r (n - r) c (n - c) / (n^2 (n - 1)), as in the test of Cochran (1954) and of Mantel and Haenszel
// (1959). The null is outcomes shuffled within strata, |z| pooled over features; false discovery rate as
// in Tusher, Tibshirani and Chu (2001), made monotone.
#include <cstdint>
#include <optional>
#include <vector>

namespace clawtrace::distill {

// Sessions ordered by stratum.
struct Outcomes {
  std::vector<uint32_t> stratum;  // of each session, ascending, without holes
  std::vector<bool> pass;
};

// Sessions of one stratum, those that show a feature and those that passed.
struct StratumTable {
  uint32_t stratum = 0;
  int64_t n = 0, shown = 0, pass = 0, both = 0;
};

class StratifiedTest {
 public:
  explicit StratifiedTest(Outcomes outcomes);

  // shown: indexes of the sessions that show the feature, ascending.
  struct Association {
    double sum = 0, variance = 0;  // S and V; z = S / sqrt(V)
    double z() const;
  };
  Association Of(const std::vector<uint32_t>& shown) const;

  // One a feature, in millionths: the rate of false discoveries when everything at least as strong is kept;
  // 1 000 000 where |z| < 1. Never 0: the observed outcomes count as one shuffle. Features whose V is below 1
  // can attain nothing and must be left out before. kind: a small number for each feature; how many features
  // reach a |z| by chance is counted for each kind apart, and each kind may contribute as many false ones, so
  // that a few simple features are not drowned by thousands of pairs (weighted hypotheses: Genovese, Roeder
  // and Wasserman 2006).
  std::vector<int64_t> FalseDiscoveryRates(const std::vector<std::vector<uint32_t>>& features,
                                           const std::vector<uint32_t>& kind, size_t shuffles,
                                           uint64_t seed) const;

  // Strata in which the feature is both shown and not.
  std::vector<StratumTable> Tables(const std::vector<uint32_t>& shown) const;

  // One value a session, centred within strata and weighted so that the sum of squares is V.
  std::vector<double> Centred(const std::vector<uint32_t>& shown) const;

 private:
  struct Stratum {
    uint32_t begin = 0, end = 0;
    int64_t pass = 0;
  };
  struct Compared {
    std::vector<uint64_t> bits;  // sessions that show it
    double expected = 0, deviation = 1, z = 0;
  };
  Compared Compare(const std::vector<uint32_t>& shown) const;

  Outcomes outcomes_;
  std::vector<Stratum> strata_;
};

// What remains of a feature's association when others are given: S and V after regression on theirs within
// strata.
class Remainder {
 public:
  explicit Remainder(const StratifiedTest& test) : test_(test) {}

  struct Rest {
    double z = 0;   // of what the given features do not account for
    size_t by = 0;  // the one that takes most of S; meaningless when nothing is given
  };
  Rest Of(const std::vector<uint32_t>& shown) const;
  // Counts as given from now on.
  void Give(const std::vector<uint32_t>& shown);

 private:
  struct Part {
    std::vector<double> values;  // of sessions, orthogonal to the parts before
    double square = 0, sum = 0;  // of the values; of the values with the outcomes
  };
  Part Reduce(const std::vector<uint32_t>& shown, size_t* by) const;

  const StratifiedTest& test_;
  std::vector<Part> given_;
};

// Risk difference of Mantel and Haenszel in millionths; 0 when no stratum is comparable. The interval is the
// 2.5 % and 97.5 % quantile over resampled strata; with fewer than two strata it is [-1, 1].
struct RiskDifference {
  int64_t difference_ppm = 0, low_ppm = 0, high_ppm = 0;
};
RiskDifference RiskDifferenceOf(const std::vector<StratumTable>& tables, size_t resamples, uint64_t seed);

}  // namespace clawtrace::distill

#include "distill/mining/stratified.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "distill/mining/random.h"

namespace clawtrace::distill {
namespace {

constexpr int64_t kMillion = 1'000'000;
constexpr double kWeak = 1.0;       // |z| below it is not worth counting
constexpr double kRounding = 1e-9;  // the same sums come out differently in the last bits
constexpr size_t kWord = 64;
using Bits = std::vector<uint64_t>;
using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;

// How many features of one kind reach a |z| when outcomes are shuffled.
class ByChance {
 public:
  void Observe(double z) { observed_.push_back(z); }
  void Sort() {
    std::sort(observed_.begin(), observed_.end());
    reached_.resize(observed_.size() + 1);
  }
  void Reach(double z) { ++reached_[Weaker(z + kRounding)]; }
  void Accumulate() {
    for (size_t i = reached_.size() - 1; i-- > 0;) reached_[i] += reached_[i + 1];
  }
  // Of one shuffle, the observed outcomes counted as one more.
  double Expected(double z, size_t shuffles) const {
    return static_cast<double>(reached_[Weaker(z - kRounding) + 1] + 1) / static_cast<double>(shuffles + 1);
  }

 private:
  // Observed ones that are at most z.
  size_t Weaker(double z) const {
    return static_cast<size_t>(std::upper_bound(observed_.begin(), observed_.end(), z) - observed_.begin());
  }
  std::vector<double> observed_;
  // [i]: shuffled ones that are as strong as i observed ones and weaker than the next; then with all above.
  std::vector<int64_t> reached_;
};

int64_t CommonBits(const Bits& a, const Bits& b) {
  int64_t common = 0;
  for (size_t i = 0; i < a.size(); ++i) common += std::popcount(a[i] & b[i]);
  return common;
}

double PartOfVariance(int64_t n, int64_t shown, int64_t pass) {
  if (n < 2) return 0;
  return static_cast<double>(shown * (n - shown)) * static_cast<double>(pass * (n - pass)) /
         (static_cast<double>(n * n) * static_cast<double>(n - 1));
}

// Outcomes shuffled within strata by Fisher and Yates.
Bits Shuffled(const Outcomes& outcomes, const Ranges& ranges, FixedRandom* random) {
  std::vector<bool> pass = outcomes.pass;
  for (const auto& [begin, end] : ranges) {
    for (uint32_t i = end - begin; i > 1; --i) {
      uint32_t other = random->Below(i);
      bool kept = pass[begin + i - 1];
      pass[begin + i - 1] = pass[begin + other], pass[begin + other] = kept;
    }
  }
  Bits bits((pass.size() + kWord - 1) / kWord);
  for (size_t i = 0; i < pass.size(); ++i) {
    if (pass[i]) bits[i / kWord] |= uint64_t(1) << (i % kWord);
  }
  return bits;
}

}  // namespace

double StratifiedTest::Association::z() const { return variance > 0 ? sum / std::sqrt(variance) : 0; }

StratifiedTest::StratifiedTest(Outcomes outcomes) : outcomes_(std::move(outcomes)) {
  for (uint32_t i = 0; i < outcomes_.stratum.size(); ++i) {
    if (outcomes_.stratum[i] == strata_.size()) strata_.push_back({i, i, 0});
    strata_.back().end = i + 1;
    strata_.back().pass += outcomes_.pass[i] ? 1 : 0;
  }
}

std::vector<StratumTable> StratifiedTest::Tables(const std::vector<uint32_t>& shown) const {
  std::vector<StratumTable> tables;
  for (size_t i = 0; i < shown.size();) {
    const uint32_t stratum = outcomes_.stratum[shown[i]];
    const Stratum& of = strata_[stratum];
    StratumTable table = {stratum, of.end - of.begin, 0, of.pass, 0};
    for (; i < shown.size() && shown[i] < of.end; ++i) {
      ++table.shown;
      table.both += outcomes_.pass[shown[i]] ? 1 : 0;
    }
    if (table.shown < table.n) tables.push_back(table);
  }
  return tables;
}

StratifiedTest::Association StratifiedTest::Of(const std::vector<uint32_t>& shown) const {
  Association association;
  for (const StratumTable& table : Tables(shown)) {
    double expected = static_cast<double>(table.shown * table.pass) / static_cast<double>(table.n);
    association.sum += static_cast<double>(table.both) - expected;
    association.variance += PartOfVariance(table.n, table.shown, table.pass);
  }
  return association;
}

StratifiedTest::Compared StratifiedTest::Compare(const std::vector<uint32_t>& shown) const {
  Compared compared;
  compared.bits.resize((outcomes_.pass.size() + kWord - 1) / kWord);
  int64_t both = 0;
  for (uint32_t session : shown) {
    compared.bits[session / kWord] |= uint64_t(1) << (session % kWord);
    both += outcomes_.pass[session] ? 1 : 0;
  }
  Association association = Of(shown);
  compared.expected = static_cast<double>(both) - association.sum;
  compared.deviation = association.variance > 0 ? std::sqrt(association.variance) : HUGE_VAL;
  compared.z = std::abs(association.z());
  return compared;
}

std::vector<int64_t> StratifiedTest::FalseDiscoveryRates(const std::vector<std::vector<uint32_t>>& features,
                                                         const std::vector<uint32_t>& kind, size_t shuffles,
                                                         uint64_t seed) const {
  // Only strata with both outcomes say anything; the others are the same in every shuffle.
  Ranges mixed;
  for (const Stratum& stratum : strata_) {
    if (stratum.pass > 0 && stratum.pass < stratum.end - stratum.begin)
      mixed.emplace_back(stratum.begin, stratum.end);
  }
  std::vector<Compared> compared;
  compared.reserve(features.size());
  std::map<uint32_t, ByChance> kinds;
  for (size_t f = 0; f < features.size(); ++f) {
    compared.push_back(Compare(features[f]));
    kinds[kind[f]].Observe(compared[f].z);
  }
  for (auto& [number, by_chance] : kinds) by_chance.Sort();
  FixedRandom random(seed);
  for (size_t b = 0; b < shuffles; ++b) {
    Bits pass = Shuffled(outcomes_, mixed, &random);
    for (size_t f = 0; f < compared.size(); ++f) {
      double sum = static_cast<double>(CommonBits(compared[f].bits, pass)) - compared[f].expected;
      double z = std::abs(sum) / compared[f].deviation;
      if (z >= kWeak) kinds[kind[f]].Reach(z);
    }
  }
  std::vector<std::pair<double, size_t>> order;  // features of its kind expected by chance, feature
  for (auto& [number, by_chance] : kinds) by_chance.Accumulate();
  for (size_t f = 0; f < compared.size(); ++f)
    order.emplace_back(kinds[kind[f]].Expected(compared[f].z, shuffles), f);
  std::sort(order.begin(), order.end());
  std::vector<int64_t> rates(features.size(), kMillion);
  double lowest = 1;
  for (size_t i = order.size(); i-- > 0;) {
    const auto& [expected, f] = order[i];
    lowest = std::min(lowest, expected * static_cast<double>(kinds.size()) / static_cast<double>(i + 1));
    if (compared[f].z >= kWeak) rates[f] = std::llround(lowest * static_cast<double>(kMillion));
  }
  return rates;
}

std::vector<double> StratifiedTest::Centred(const std::vector<uint32_t>& shown) const {
  std::vector<double> values(outcomes_.pass.size());
  for (const StratumTable& table : Tables(shown)) {
    const Stratum& stratum = strata_[table.stratum];
    const double n = static_cast<double>(table.n);
    const double weight =
        table.n < 2 ? 0 : std::sqrt(static_cast<double>(table.pass * (table.n - table.pass)) / (n * (n - 1)));
    const double mean = static_cast<double>(table.shown) / n;
    for (uint32_t i = stratum.begin; i < stratum.end; ++i) values[i] = -mean * weight;
    auto first = std::lower_bound(shown.begin(), shown.end(), stratum.begin);
    for (auto i = first; i != shown.end() && *i < stratum.end; ++i) values[*i] = (1 - mean) * weight;
  }
  return values;
}

Remainder::Part Remainder::Reduce(const std::vector<uint32_t>& shown, size_t* by) const {
  Part part = {test_.Centred(shown), 0, test_.Of(shown).sum};
  double most = -1;
  for (size_t k = 0; k < given_.size(); ++k) {
    const Part& given = given_[k];
    double product = 0;
    for (size_t i = 0; i < part.values.size(); ++i) product += part.values[i] * given.values[i];
    const double share = given.square > 0 ? product / given.square : 0;
    for (size_t i = 0; i < part.values.size(); ++i) part.values[i] -= share * given.values[i];
    part.sum -= share * given.sum;
    if (std::abs(share * given.sum) > most) most = std::abs(share * given.sum), *by = k;
  }
  for (double value : part.values) part.square += value * value;
  return part;
}

Remainder::Rest Remainder::Of(const std::vector<uint32_t>& shown) const {
  Rest rest;
  const Part part = Reduce(shown, &rest.by);
  constexpr double kNothing = 1e-6;
  if (part.square > kNothing) rest.z = part.sum / std::sqrt(part.square);
  return rest;
}

void Remainder::Give(const std::vector<uint32_t>& shown) {
  size_t by = 0;
  given_.push_back(Reduce(shown, &by));
}

RiskDifference RiskDifferenceOf(const std::vector<StratumTable>& tables, size_t resamples, uint64_t seed) {
  std::vector<std::pair<double, double>> parts;  // weighted difference, weight
  for (const StratumTable& table : tables) {
    double n = static_cast<double>(table.n), shown = static_cast<double>(table.shown);
    double both = static_cast<double>(table.both), other = static_cast<double>(table.pass - table.both);
    parts.emplace_back((both * (n - shown) - other * shown) / n, shown * (n - shown) / n);
  }
  auto ppm = [](double numerator, double denominator) {
    return denominator > 0 ? std::llround(numerator / denominator * static_cast<double>(kMillion)) : 0;
  };
  double numerator = 0, denominator = 0;
  for (const auto& [part, weight] : parts) numerator += part, denominator += weight;
  RiskDifference difference = {ppm(numerator, denominator), -kMillion, kMillion};
  if (parts.size() < 2 || resamples == 0) return difference;
  std::vector<int64_t> drawn(resamples);
  FixedRandom random(seed);
  for (int64_t& value : drawn) {
    numerator = denominator = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto& [part, weight] = parts[random.Below(static_cast<uint32_t>(parts.size()))];
      numerator += part, denominator += weight;
    }
    value = ppm(numerator, denominator);
  }
  std::sort(drawn.begin(), drawn.end());
  constexpr size_t kTail = 40;  // one in 40: 2.5 %
  size_t tail = resamples / kTail;
  difference.low_ppm = drawn[tail], difference.high_ppm = drawn[resamples - 1 - tail];
  return difference;
}

}  // namespace clawtrace::distill

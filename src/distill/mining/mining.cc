#include "distill/mining/mining.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/hash.h"
#include "distill/mining/rules.h"
#include "distill/mining/stratified.h"

namespace clawtrace::distill {
namespace {

// Fixed: the same sessions give the same figures on every machine.
constexpr uint64_t kShuffleSeed = 0x5EED0001, kResampleSeed = 0x5EED0002;
constexpr size_t kMaxAliases = 16;
constexpr size_t kAdmittedTasks = 3;

// Of what was done, step by step.
uint64_t StepsHash(const EvidenceSession& session) {
  StreamHash hash;
  for (const EvidenceStep& step : session.steps) {
    if (step.kind != StepKind::kLlmCall) hash.Add(step.signature.fine + "\n");
  }
  return hash.value();
}

// Sessions of one task that did the same and came to the same are copies - forks, one script on several
// clients - and count once: what is no new observation must not make a pattern surer.
std::vector<size_t> Labelled(const EvidenceBase& base) {
  using Deed = std::tuple<std::string_view, bool, uint64_t>;
  std::map<Deed, size_t> first;
  auto name = [&](size_t i) {
    const TraceCard& card = base.sessions[i].card;
    return std::tie(card.session_id, card.agent, card.source_hash);
  };
  for (size_t i = 0; i < base.sessions.size(); ++i) {
    auto passed = Passed(base.sessions[i]);
    if (!passed) continue;
    auto [at, fresh] = first.try_emplace({base.sessions[i].task, *passed, StepsHash(base.sessions[i])}, i);
    if (!fresh && name(i) < name(at->second)) at->second = i;
  }
  std::vector<size_t> labelled;
  for (const auto& [deed, i] : first) labelled.push_back(i);
  std::ranges::sort(labelled);
  return labelled;
}

std::string_view StratumName(const EvidenceSession& session, Adjustment adjustment) {
  switch (adjustment) {
    case Adjustment::kTask:
      return session.task;
    case Adjustment::kFamily:
      return session.family;
    case Adjustment::kNone:
      break;
  }
  return "";
}

// Whether at least half of the sessions share their stratum with another one, in more than one stratum.
bool IsRepeated(const EvidenceBase& base, const std::vector<size_t>& labelled, Adjustment adjustment) {
  std::map<std::string_view, size_t> sizes;
  for (size_t i : labelled) ++sizes[StratumName(base.sessions[i], adjustment)];
  size_t shared = 0;
  for (const auto& [name, size] : sizes) shared += size > 1 && !name.empty() ? size : 0;
  return sizes.size() > 1 && 2 * shared >= labelled.size();
}

Adjustment AdjustmentFor(const EvidenceBase& base, const std::vector<size_t>& labelled) {
  if (IsRepeated(base, labelled, Adjustment::kTask)) return Adjustment::kTask;
  return IsRepeated(base, labelled, Adjustment::kFamily) ? Adjustment::kFamily : Adjustment::kNone;
}

// Which of several features of the same sessions gives its name: a loop, because it says what is wrong with
// repeating; else the coarsest, then the simplest, then the shortest. Repeats and loops of unlike steps come
// last: they say only how many there were.
auto RankOf(const Feature& feature, const std::string& name) {
  bool repeats = feature.kind == FeatureKind::kRepeat || feature.kind == FeatureKind::kLoop;
  bool says_nothing = repeats && RuleOf(feature, true).empty() && RuleOf(feature, false).empty();
  bool loop = feature.kind == FeatureKind::kLoop && !says_nothing;
  return std::tuple(says_nothing, !loop, feature.granularity, feature.kind, name.size(),
                    std::string_view(name));
}

// Of unlike number: a hundred steps and loops make thousands of pairs.
uint32_t GroupOf(const Feature& feature) {
  if (feature.kind == FeatureKind::kNext) return 1;
  if (feature.kind == FeatureKind::kThen) return 2;
  return feature.kind == FeatureKind::kMissing ? 3 : 0;
}

struct Candidate {
  MinedPattern pattern;
  StratifiedTest::Association association;
};

// Features of the same sessions as one, those that could reach significance alone.
std::vector<Candidate> Close(FeatureSet set, const StratifiedTest& test) {
  std::map<uint64_t, std::vector<size_t>> by_hash;
  for (size_t f = 0; f < set.features.size(); ++f) {
    const auto& sessions = set.sessions[f];
    by_hash[Hash64({reinterpret_cast<const char*>(sessions.data()), sessions.size() * sizeof(uint32_t)})]
        .push_back(f);
  }
  std::vector<Candidate> candidates;
  for (auto& [hash, features] : by_hash) {
    while (!features.empty()) {
      // Different sets of one hash are told apart.
      const std::vector<uint32_t>& sessions = set.sessions[features.front()];
      auto others = std::partition(features.begin(), features.end(),
                                   [&](size_t f) { return set.sessions[f] == sessions; });
      std::vector<std::pair<std::string, size_t>> named;
      for (auto f = features.begin(); f != others; ++f) named.emplace_back(PatternName(set.features[*f]), *f);
      features.erase(features.begin(), others);
      Candidate candidate;
      candidate.association = test.Of(set.sessions[named[0].second]);
      if (candidate.association.variance < 1) continue;  // not attainable
      std::sort(named.begin(), named.end(), [&](const auto& a, const auto& b) {
        return RankOf(set.features[a.second], a.first) < RankOf(set.features[b.second], b.first);
      });
      MinedPattern& pattern = candidate.pattern;
      pattern.feature = set.features[named[0].second], pattern.name = named[0].first;
      pattern.sessions = std::move(set.sessions[named[0].second]);
      for (size_t i = 1; i < named.size() && i <= kMaxAliases; ++i)
        pattern.aliases.push_back(std::move(named[i].first));
      candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

// Sessions that only one of the two has, at most a tenth of those that the coarser one has.
bool NearlyEqual(const std::vector<uint32_t>& fine, const std::vector<uint32_t>& coarse) {
  constexpr size_t kTenth = 10;
  std::vector<uint32_t> different;
  std::set_symmetric_difference(fine.begin(), fine.end(), coarse.begin(), coarse.end(),
                                std::back_inserter(different));
  return different.size() * kTenth <= coarse.size();
}

std::string Coarser(const std::string& signature, Granularity to) {
  std::string deed(DeedOf(signature));
  if (to == Granularity::kMedium && !signature.empty()) return deed + "|" + std::string(StatusOf(signature));
  return deed.starts_with("tool:") ? deed : deed.substr(0, deed.find(':'));
}

using Places = std::unordered_map<std::string_view, size_t>;  // of candidates by name and alias

// The coarser candidate that a finer one says again; itself when there is none.
size_t CoarserOf(size_t at, const std::vector<Candidate>& candidates, const Places& places) {
  const MinedPattern& pattern = candidates[at].pattern;
  for (Granularity to : {Granularity::kCoarse, Granularity::kMedium}) {
    if (pattern.feature.granularity <= to) continue;
    Feature feature = pattern.feature;
    feature.first = Coarser(feature.first, to);
    if (!feature.second.empty()) feature.second = Coarser(feature.second, to);
    auto place = places.find(PatternName(feature));
    if (place == places.end()) continue;
    const MinedPattern& coarse = candidates[place->second].pattern;
    if (coarse.feature.granularity < pattern.feature.granularity &&
        NearlyEqual(pattern.sessions, coarse.sessions))
      return place->second;
  }
  return at;
}

// A finer pattern of nearly the same sessions says the same twice: it becomes an alias of the coarser one.
// Looks at no outcome.
std::vector<Candidate> MergeNearlyEqual(std::vector<Candidate> candidates) {
  Places places;
  for (size_t i = 0; i < candidates.size(); ++i) {
    places.emplace(candidates[i].pattern.name, i);
    for (const std::string& alias : candidates[i].pattern.aliases) places.emplace(alias, i);
  }
  std::vector<size_t> into(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) into[i] = CoarserOf(i, candidates, places);
  std::vector<Candidate> kept;
  for (size_t i = 0; i < candidates.size(); ++i) {
    size_t to = i;
    while (into[to] != to) to = into[to];
    auto& aliases = candidates[to].pattern.aliases;
    if (to != i && aliases.size() < kMaxAliases) aliases.push_back(candidates[i].pattern.name);
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (into[i] == i) kept.push_back(std::move(candidates[i]));
  }
  return kept;
}

class Miner {
 public:
  Miner(const EvidenceBase& base, const MiningOptions& options) : base_(base), options_(options) {}

  MiningReport Run() {
    report_.labelled = Labelled(base_);
    report_.adjustment = AdjustmentFor(base_, report_.labelled);
    std::sort(report_.labelled.begin(), report_.labelled.end(), [&](size_t a, size_t b) {
      auto key = [&](const EvidenceSession& s) {
        return std::tuple(StratumName(s, report_.adjustment), std::string_view(s.task),
                          std::string_view(s.card.session_id));
      };
      return key(base_.sessions[a]) < key(base_.sessions[b]);
    });
    CountTasks();
    std::vector<const EvidenceSession*> sessions;
    Outcomes outcomes;
    for (size_t i : report_.labelled) {
      const EvidenceSession& session = base_.sessions[i];
      bool next = !sessions.empty() && StratumName(*sessions.back(), report_.adjustment) !=
                                           StratumName(session, report_.adjustment);
      outcomes.stratum.push_back(outcomes.stratum.empty() ? 0 : outcomes.stratum.back() + (next ? 1 : 0));
      outcomes.pass.push_back(Passed(session) == true);
      sessions.push_back(&session);
    }
    StratifiedTest test(std::move(outcomes));
    FeatureSet features = FindFeatures(sessions, options_.limits);
    report_.features = features.features.size();
    Rank(MergeNearlyEqual(Close(std::move(features), test)), test);
    Detail(test);
    return std::move(report_);
  }

 private:
  bool PassedAt(size_t session) const { return Passed(base_.sessions[report_.labelled[session]]) == true; }

  // Labelled sessions of one task.
  struct Counts {
    int64_t n = 0, pass = 0, shown = 0, both = 0;
  };

  void CountTasks() {
    std::map<std::string_view, uint32_t> numbers;
    for (size_t i : report_.labelled) numbers.try_emplace(base_.sessions[i].task, 0);
    for (auto& [task, number] : numbers)
      number = static_cast<uint32_t>(task_names_.size()), task_names_.push_back(task);
    tasks_.resize(task_names_.size());
    for (uint32_t session = 0; session < report_.labelled.size(); ++session) {
      task_of_.push_back(numbers[base_.sessions[report_.labelled[session]].task]);
      Counts& counts = tasks_[task_of_.back()];
      ++counts.n, counts.pass += PassedAt(session) ? 1 : 0;
    }
    report_.tasks = tasks_.size();
    for (const Counts& counts : tasks_) {
      report_.mixed_tasks += counts.pass > 0 && counts.pass < counts.n ? 1 : 0;
      passed_ += counts.pass;
    }
  }

  void Rank(std::vector<Candidate> candidates, const StratifiedTest& test) {
    std::vector<std::vector<uint32_t>> shown;
    shown.reserve(candidates.size());
    for (const Candidate& candidate : candidates) shown.push_back(candidate.pattern.sessions);
    std::vector<uint32_t> kinds;
    for (const Candidate& candidate : candidates) kinds.push_back(GroupOf(candidate.pattern.feature));
    std::vector<int64_t> rates = test.FalseDiscoveryRates(shown, kinds, options_.shuffles, kShuffleSeed);
    for (size_t i = 0; i < candidates.size(); ++i) {
      MinedPattern& pattern = candidates[i].pattern;
      constexpr double kMilli = 1000;
      pattern.z_milli = std::llround(candidates[i].association.z() * kMilli);
      pattern.effect.q_ppm = rates[i];
      CountSessions(&pattern);
      FindTasks(&pattern);
      RiskDifference difference = RiskDifferenceOf(test.Tables(pattern.sessions), 0, 0);
      pattern.effect.difference_ppm = difference.difference_ppm;
      pattern.effect.low_ppm = difference.low_ppm, pattern.effect.high_ppm = difference.high_ppm;
      pattern.admitted = rates[i] <= options_.q_ppm && pattern.tasks.size() >= kAdmittedTasks;
      report_.patterns.push_back(std::move(pattern));
    }
    std::sort(report_.patterns.begin(), report_.patterns.end(),
              [](const MinedPattern& a, const MinedPattern& b) {
                auto key = [](const MinedPattern& p) {
                  return std::tuple(-std::abs(p.z_milli), p.feature.granularity, p.feature.kind,
                                    std::string_view(p.name));
                };
                return key(a) < key(b);
              });
  }

  void CountSessions(MinedPattern* pattern) const {
    MinedEffect& effect = pattern->effect;
    for (uint32_t session : pattern->sessions) ++(PassedAt(session) ? effect.with_pass : effect.with_fail);
    effect.without_pass = passed_ - effect.with_pass;
    effect.without_fail = static_cast<int64_t>(report_.labelled.size()) - passed_ - effect.with_fail;
  }

  // Of each task the sessions that show the pattern against the others, where there are both; else what
  // became of those that show it.
  void FindTasks(MinedPattern* pattern) {
    for (uint32_t session : pattern->sessions) {
      Counts& counts = tasks_[task_of_[session]];
      ++counts.shown, counts.both += PassedAt(session) ? 1 : 0;
    }
    const bool passes = pattern->z_milli > 0, within = report_.adjustment == Adjustment::kTask;
    for (size_t task = 0; task < tasks_.size(); ++task) {
      Counts counts = tasks_[task];
      tasks_[task].shown = tasks_[task].both = 0;
      bool seen = counts.shown > 0;
      if (within) seen = seen && counts.shown < counts.n && counts.pass > 0 && counts.pass < counts.n;
      if (!seen) continue;
      ++pattern->exposed;
      int64_t more =
          within ? counts.both * counts.n - counts.shown * counts.pass : 2 * counts.both - counts.shown;
      if (passes ? more > 0 : more < 0) pattern->tasks.emplace_back(task_names_[task]);
    }
  }

  void Detail(const StratifiedTest& test) {
    auto& patterns = report_.patterns;
    constexpr size_t kMostStanding = 64;
    std::vector<size_t> standing;
    Remainder remainder(test);
    for (size_t i = 0; i < patterns.size(); ++i) {
      MinedPattern& pattern = patterns[i];
      if (i >= options_.shown && pattern.effect.q_ppm > options_.compared_q_ppm) continue;
      const Remainder::Rest rest = remainder.Of(pattern.sessions);
      if (!standing.empty() && IsExplained(pattern, rest.z)) {
        pattern.explained_by = patterns[standing[rest.by]].name;
      } else if (standing.size() < kMostStanding && !RuleOf(pattern.feature, pattern.z_milli > 0).empty()) {
        standing.push_back(i);
        remainder.Give(pattern.sessions);
      }
      if (i >= options_.shown && !pattern.explained_by.empty()) continue;
      RiskDifference difference =
          RiskDifferenceOf(test.Tables(pattern.sessions), options_.resamples, kResampleSeed);
      pattern.effect.low_ppm = difference.low_ppm, pattern.effect.high_ppm = difference.high_ppm;
    }
  }

  // Not significant any more, and most of it gone rather than a little of a weak one.
  static bool IsExplained(const MinedPattern& pattern, double rest) {
    constexpr double kRemains = 2.5, kShare = 0.75, kMilli = 1000;
    const double remains = std::abs(rest) * kMilli, was = static_cast<double>(std::abs(pattern.z_milli));
    return remains < kRemains * kMilli && remains <= kShare * was;
  }

  const EvidenceBase& base_;
  const MiningOptions& options_;
  MiningReport report_;
  std::vector<std::string_view> task_names_;  // sorted
  std::vector<Counts> tasks_;                 // by name
  std::vector<uint32_t> task_of_;             // of labelled sessions
  int64_t passed_ = 0;
};

}  // namespace

MiningReport Mine(const EvidenceBase& base, const MiningOptions& options) {
  return Miner(base, options).Run();
}

std::vector<StepPlace> Exemplars(const EvidenceBase& base, const MiningReport& report,
                                 const MinedPattern& pattern) {
  constexpr size_t kSessionsOfTask = 2;
  const bool wanted = pattern.z_milli > 0;
  std::map<std::string_view, size_t> taken;
  std::vector<StepPlace> places;
  for (bool fitting : {true, false}) {
    for (uint32_t index : pattern.sessions) {
      const EvidenceSession& session = base.sessions[report.labelled[index]];
      bool supports = std::binary_search(pattern.tasks.begin(), pattern.tasks.end(), session.task);
      if ((Passed(session) == wanted) != fitting || !supports || taken[session.task] >= kSessionsOfTask)
        continue;
      ++taken[session.task];
      for (size_t step : StepsThatShow(pattern.feature, session)) places.push_back({&session, step});
    }
  }
  return places;
}

}  // namespace clawtrace::distill

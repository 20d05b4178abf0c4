#include "distill/mining/features.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

namespace clawtrace::distill {
namespace {

using Sessions = std::vector<const EvidenceSession*>;

constexpr std::string_view kUnchecked = "last_change_unchecked", kErrorLeft = "error_left",
                           kRedundant = "redundant";
constexpr auto kShares = std::to_array<int64_t>({10, 25});  // percent of tool calls
constexpr uint32_t kRepeats[] = {2, 3, 5};

const std::string& SignatureIn(const EvidenceStep& step, Granularity granularity) {
  switch (granularity) {
    case Granularity::kCoarse:
      return step.signature.coarse;
    case Granularity::kMedium:
      return step.signature.medium;
    case Granularity::kFine:
      return step.signature.fine;
  }
  return step.signature.medium;
}

constexpr auto kGranularities =
    std::to_array<Granularity>({Granularity::kCoarse, Granularity::kMedium, Granularity::kFine});
constexpr size_t At(Granularity granularity) { return static_cast<size_t>(granularity); }

// Indexes of the steps that are looked at.
std::vector<uint32_t> ItemsOf(const EvidenceSession& session) {
  std::set<int64_t> with_tools;
  for (const EvidenceStep& step : session.steps) {
    if (step.kind != StepKind::kLlmCall) with_tools.insert(step.turn);
  }
  std::vector<uint32_t> items;
  for (uint32_t i = 0; i < session.steps.size(); ++i) {
    const EvidenceStep& step = session.steps[i];
    bool alone = step.turn == 0 || !with_tools.contains(step.turn);
    bool counts = step.kind != StepKind::kLlmCall || (alone && step.signature.coarse != "aux");
    if (counts && !step.signature.medium.empty()) items.push_back(i);
  }
  return items;
}

bool ChangesFiles(const EvidenceStep& step) {
  return step.signature.coarse == "write" || step.signature.coarse == "edit";
}

// The last change when nothing was checked after it.
std::optional<size_t> UncheckedChange(const EvidenceSession& session) {
  std::optional<size_t> last;
  for (size_t i = 0; i < session.steps.size(); ++i) {
    if (ChangesFiles(session.steps[i])) last = i;
    if (session.steps[i].signature.coarse == "check") last.reset();
  }
  return last;
}

// The last failing step when the same was not done with success later.
std::optional<size_t> ErrorLeft(const EvidenceSession& session) {
  std::optional<size_t> last;
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const EvidenceStep& step = session.steps[i];
    if (step.kind == StepKind::kLlmCall) continue;
    if (FailedStatus(step.signature.medium))
      last = i;
    else if (last && DeedOf(session.steps[*last].signature.medium) == DeedOf(step.signature.medium))
      last.reset();
  }
  return last;
}

std::vector<size_t> RedundantSteps(const EvidenceSession& session) {
  std::set<std::string_view> ids;
  for (const RedundantGroup& group : session.card.redundant_tool_calls)
    ids.insert(group.steps.begin(), group.steps.end());
  std::vector<size_t> steps;
  for (size_t i = 0; i < session.steps.size(); ++i) {
    if (ids.contains(session.steps[i].id)) steps.push_back(i);
  }
  return steps;
}

bool SharesAtLeast(const EvidenceSession& session, size_t redundant, int64_t percent) {
  int64_t tools = std::count_if(session.steps.begin(), session.steps.end(),
                                [](const EvidenceStep& step) { return step.kind != StepKind::kLlmCall; });
  return redundant > 0 && static_cast<int64_t>(redundant) * 100 >= percent * tools;
}

bool IsLoop(const Run& run, std::string_view signature) {
  return run.count >= 3 || (run.count >= 2 && FailedStatus(signature));
}

bool IsOneCall(const EvidenceSession& session, const Run& run) {
  const EvidenceStep* call = nullptr;
  for (size_t i = run.first; i <= run.last; ++i) {
    const EvidenceStep& step = session.steps[i];
    if (step.kind == StepKind::kLlmCall) continue;
    // Of arguments that were cut nobody knows how they go on.
    constexpr size_t kLongestCharacter = 4;
    if (step.args.empty() || step.args.size() + kLongestCharacter > kMaxArgs) return false;
    if (call && (call->tool != step.tool || call->args != step.args)) return false;
    call = &step;
  }
  return call != nullptr;
}

bool IsInVain(const EvidenceSession& session, const Run& run) {
  bool tried = false;
  for (size_t i = run.first; i <= run.last; ++i) {
    const EvidenceStep& step = session.steps[i];
    if (step.kind == StepKind::kLlmCall) continue;
    if (!FailedStatus(step.signature.medium) && StatusOf(step.signature.medium) != "empty") return false;
    tried = true;
  }
  return tried;
}

// A feature in one word: kind, count and two tokens.
constexpr uint64_t KeyOf(FeatureKind kind, uint32_t first, uint32_t second = 0, uint32_t count = 0) {
  constexpr int kTokenBits = 26, kCountBits = 8;
  return (((static_cast<uint64_t>(kind) << kCountBits | count) << kTokenBits | first) << kTokenBits) | second;
}

class Finder {
 public:
  Finder(const Sessions& sessions, const FeatureLimits& limits)
      : sessions_(sessions), limits_(limits), sequences_(SequencesOf(sessions)) {
    CountTokens();
  }

  FeatureSet Run() {
    for (uint32_t s = 0; s < sessions_.size(); ++s) {
      AddFacts(s);
      for (Granularity granularity : kGranularities) AddSequence(s, sequences_.runs[At(granularity)][s]);
    }
    AddMissing();
    return Keep();
  }

 private:
  struct Found {
    Feature feature;
    std::vector<uint32_t> sessions;
  };

  bool Enough(const std::vector<uint32_t>& sessions) const {
    if (sessions.size() < limits_.sessions) return false;
    std::vector<std::string_view> tasks;
    for (size_t i = 0; i < sessions.size() && tasks.size() < limits_.tasks; ++i) {
      std::string_view task = sessions_[sessions[i]]->task;
      if (std::find(tasks.rbegin(), tasks.rend(), task) == tasks.rend()) tasks.push_back(task);
    }
    return tasks.size() >= limits_.tasks;
  }

  // A pattern cannot be more frequent than its parts: rare signatures take part in none.
  void CountTokens() {
    std::vector<std::vector<uint32_t>> with(sequences_.tokens.size());
    for (const auto& runs_of : sequences_.runs) {
      for (uint32_t s = 0; s < runs_of.size(); ++s) {
        for (const distill::Run& run : runs_of[s]) {
          if (with[run.token].empty() || with[run.token].back() != s) with[run.token].push_back(s);
        }
      }
    }
    frequency_.resize(with.size());
    for (size_t token = 0; token < with.size(); ++token)
      frequency_[token] = Enough(with[token]) ? with[token].size() : 0;
  }

  const std::string& Text(uint32_t token) const { return sequences_.tokens[token].signature; }

  Feature& Add(uint32_t session, uint64_t key, auto&& make) {
    auto [place, added] = places_.try_emplace(key, found_.size());
    if (added) found_.push_back({make(), {}});
    std::vector<uint32_t>& sessions = found_[place->second].sessions;
    if (sessions.empty() || sessions.back() != session) sessions.push_back(session);
    return found_[place->second].feature;
  }
  void AddOf(uint32_t session, FeatureKind kind, uint32_t first) {
    Add(session, KeyOf(kind, first),
        [&] { return Feature{kind, sequences_.tokens[first].granularity, Text(first), ""}; });
  }
  void AddRun(uint32_t session, FeatureKind kind, const distill::Run& run, uint32_t count = 0) {
    Feature& feature = Add(session, KeyOf(kind, run.token, 0, count), [&] {
      return Feature{kind, sequences_.tokens[run.token].granularity, Text(run.token), "", count, true};
    });
    feature.same_again = feature.same_again && IsSameAgain(kind, *sessions_[session], run);
  }
  void AddPair(uint32_t session, FeatureKind kind, uint32_t first, uint32_t second) {
    Add(session, KeyOf(kind, first, second),
        [&] { return Feature{kind, sequences_.tokens[first].granularity, Text(first), Text(second)}; });
  }
  void AddFact(uint32_t session, std::string_view name, uint32_t number, int64_t count = 0) {
    Add(session, KeyOf(FeatureKind::kLast, number),
        [&] { return Feature{FeatureKind::kLast, Granularity::kCoarse, std::string(name), "", count}; });
  }

  void AddFacts(uint32_t s) {
    const EvidenceSession& session = *sessions_[s];
    if (UncheckedChange(session)) AddFact(s, kUnchecked, 0);
    if (ErrorLeft(session)) AddFact(s, kErrorLeft, 1);
    size_t redundant = RedundantSteps(session).size();
    for (size_t i = 0; i < kShares.size(); ++i) {
      if (SharesAtLeast(session, redundant, kShares[i]))
        AddFact(s, kRedundant, static_cast<uint32_t>(2 + i), kShares[i]);
    }
    for (size_t step : DearSteps(session)) {
      const std::string& coarse = session.steps[step].signature.coarse;
      for (const distill::Run& run : sequences_.runs[At(Granularity::kCoarse)][s]) {
        if (frequency_[run.token] > 0 && Text(run.token) == coarse) {
          AddOf(s, FeatureKind::kDear, run.token);
          break;
        }
      }
    }
  }

  void AddSequence(uint32_t s, const std::vector<distill::Run>& runs) {
    for (size_t i = 0; i < runs.size(); ++i) {
      const distill::Run& run = runs[i];
      if (frequency_[run.token] == 0) continue;
      AddOf(s, FeatureKind::kStep, run.token);
      for (uint32_t count : kRepeats) {
        if (run.count >= count) AddRun(s, FeatureKind::kRepeat, run, count);
      }
      if (IsLoop(run, Text(run.token))) AddRun(s, FeatureKind::kLoop, run);
      for (size_t j = i + 1; j < runs.size() && j <= i + kMaxGap; ++j) {
        if (frequency_[runs[j].token] == 0 || runs[j].token == run.token) continue;
        if (j == i + 1) AddPair(s, FeatureKind::kNext, run.token, runs[j].token);
        AddPair(s, FeatureKind::kThen, run.token, runs[j].token);
      }
    }
  }

  using LastRuns = std::vector<std::pair<uint32_t, size_t>>;  // token, index of its last run

  // The frequent tokens of a session with the place of their last run; of very many the most frequent.
  LastRuns LastPlaces(const std::vector<distill::Run>& runs) const {
    constexpr size_t kMost = 256;
    std::map<uint32_t, size_t> last;
    for (size_t i = 0; i < runs.size(); ++i) {
      if (frequency_[runs[i].token] > 0) last[runs[i].token] = i;
    }
    LastRuns places(last.begin(), last.end());
    if (places.size() > kMost) {
      std::sort(places.begin(), places.end(), [&](const auto& a, const auto& b) {
        return std::pair(frequency_[b.first], a.first) < std::pair(frequency_[a.first], b.first);
      });
      places.resize(kMost);
    }
    return places;
  }

  void AddMissing() {
    for (const auto& runs_of : sequences_.runs) {
      std::vector<LastRuns> last;
      last.reserve(runs_of.size());
      for (const auto& runs : runs_of) last.push_back(LastPlaces(runs));
      auto usual = UsualFollowers(last);
      for (uint32_t s = 0; s < runs_of.size(); ++s) AddMissingOf(s, last[s], usual);
    }
  }

  // What usually follows: in at least half of the sessions, whatever their outcome, so that the choice does
  // not favour any. Seconds by first.
  std::unordered_map<uint32_t, std::vector<uint32_t>> UsualFollowers(
      const std::vector<LastRuns>& last) const {
    std::unordered_map<uint64_t, size_t> follows;
    for (const LastRuns& of_session : last) {
      for (const auto& [first, place] : of_session) {
        for (const auto& [second, later] : of_session) {
          if (later > place) ++follows[uint64_t(first) << 32 | second];
        }
      }
    }
    std::unordered_map<uint32_t, std::vector<uint32_t>> usual;
    for (const auto& [key, count] : follows) {
      const uint32_t first = static_cast<uint32_t>(key >> 32), second = static_cast<uint32_t>(key);
      if (2 * count >= frequency_[first] && count + limits_.sessions <= frequency_[first])
        usual[first].push_back(second);
    }
    for (auto& [first, seconds] : usual) std::sort(seconds.begin(), seconds.end());
    return usual;
  }

  void AddMissingOf(uint32_t s, const LastRuns& last,
                    const std::unordered_map<uint32_t, std::vector<uint32_t>>& usual) {
    for (const auto& [first, place] : last) {
      auto seconds = usual.find(first);
      if (seconds == usual.end()) continue;
      std::set<uint32_t> followed;
      for (const auto& [token, later] : last) {
        if (later > place) followed.insert(token);
      }
      for (uint32_t second : seconds->second) {
        if (!followed.contains(second)) AddPair(s, FeatureKind::kMissing, first, second);
      }
    }
  }

  FeatureSet Keep() {
    FeatureSet kept;
    for (Found& found : found_) {
      if (found.sessions.size() >= sessions_.size() || !Enough(found.sessions)) continue;
      kept.features.push_back(std::move(found.feature));
      kept.sessions.push_back(std::move(found.sessions));
    }
    return kept;
  }

  const Sessions& sessions_;
  FeatureLimits limits_;
  Sequences sequences_;
  std::vector<size_t> frequency_;  // sessions that have the token; 0: too few
  std::unordered_map<uint64_t, size_t> places_;
  std::vector<Found> found_;
};

// The runs of one session in the granularity of a feature.
class RunsOf {
 public:
  RunsOf(const Feature& feature, const EvidenceSession& session)
      : feature_(feature),
        session_(session),
        sequences_(SequencesOf({&session})),
        runs_(sequences_.runs[At(feature.granularity)][0]) {}

  std::vector<size_t> StepsThatShow() const {
    if (feature_.kind == FeatureKind::kMissing) return Missing();
    for (size_t i = 0; i < runs_.size(); ++i) {
      if (!Is(i, feature_.first)) continue;
      std::vector<size_t> steps = From(i);
      if (!steps.empty()) return steps;
    }
    return {};
  }

 private:
  bool Is(size_t i, const std::string& signature) const {
    return i < runs_.size() && sequences_.tokens[runs_[i].token].signature == signature;
  }

  std::vector<size_t> From(size_t i) const {
    const Run& run = runs_[i];
    switch (feature_.kind) {
      case FeatureKind::kStep:
        return {run.first};
      case FeatureKind::kRepeat:
        return static_cast<int64_t>(run.count) >= feature_.count ? All(run) : std::vector<size_t>();
      case FeatureKind::kLoop:
        return IsLoop(run, feature_.first) ? All(run) : std::vector<size_t>();
      case FeatureKind::kNext:
        return With(i, 1);
      case FeatureKind::kThen:
        return With(i, kMaxGap);
      case FeatureKind::kMissing:
      case FeatureKind::kLast:
      case FeatureKind::kDear:
        break;
    }
    return {};
  }

  std::vector<size_t> All(const Run& run) const {
    std::vector<size_t> steps;
    for (size_t i = run.first; i <= run.last; ++i) {
      if (SignatureIn(session_.steps[i], feature_.granularity) == feature_.first) steps.push_back(i);
    }
    return steps;
  }

  std::vector<size_t> With(size_t i, size_t gap) const {
    for (size_t j = i + 1; j <= i + gap; ++j) {
      if (Is(j, feature_.second)) return {runs_[i].last, runs_[j].first};
    }
    return {};
  }

  std::vector<size_t> Missing() const {
    for (size_t i = runs_.size(); i-- > 0;) {
      if (Is(i, feature_.second)) return {};
      if (Is(i, feature_.first)) return {runs_[i].last};
    }
    return {};
  }

  const Feature& feature_;
  const EvidenceSession& session_;
  Sequences sequences_;
  const std::vector<Run>& runs_;
};

std::vector<size_t> StepsOfFact(const Feature& feature, const EvidenceSession& session) {
  std::optional<size_t> step;
  if (feature.first == kUnchecked) step = UncheckedChange(session);
  if (feature.first == kErrorLeft) step = ErrorLeft(session);
  if (step) return {*step};
  std::vector<size_t> steps = feature.first == kRedundant ? RedundantSteps(session) : std::vector<size_t>();
  return SharesAtLeast(session, steps.size(), feature.count) ? steps : std::vector<size_t>();
}

}  // namespace

std::vector<size_t> DearSteps(const EvidenceSession& session) {
  std::vector<std::pair<Usd, size_t>> costs;
  for (uint32_t i : ItemsOf(session)) {
    if (!session.steps[i].attributed_cost_usd) return {};
    costs.emplace_back(*session.steps[i].attributed_cost_usd, i);
  }
  std::sort(costs.begin(), costs.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? b.first < a.first : a.second < b.second;
  });
  std::vector<size_t> dear;
  for (size_t i = 0; i < (costs.size() + 9) / 10; ++i) dear.push_back(costs[i].second);
  return dear;
}

bool IsSameAgain(FeatureKind kind, const EvidenceSession& session, const Run& run) {
  return IsOneCall(session, run) || (kind == FeatureKind::kLoop && IsInVain(session, run));
}

Sequences SequencesOf(const Sessions& sessions) {
  Sequences sequences;
  std::unordered_map<std::string, uint32_t> numbers[3];
  for (auto& runs : sequences.runs) runs.resize(sessions.size());
  for (size_t s = 0; s < sessions.size(); ++s) {
    for (uint32_t i : ItemsOf(*sessions[s])) {
      for (Granularity granularity : kGranularities) {
        const std::string& signature = SignatureIn(sessions[s]->steps[i], granularity);
        auto [place, added] =
            numbers[At(granularity)].try_emplace(signature, static_cast<uint32_t>(sequences.tokens.size()));
        if (added) sequences.tokens.push_back({signature, granularity});
        std::vector<Run>& runs = sequences.runs[At(granularity)][s];
        if (!runs.empty() && runs.back().token == place->second)
          ++runs.back().count, runs.back().last = i;
        else
          runs.push_back({place->second, 1, i, i});
      }
    }
  }
  return sequences;
}

std::string PatternName(const Feature& feature) {
  switch (feature.kind) {
    case FeatureKind::kStep:
      return feature.first;
    case FeatureKind::kLast:
      return feature.count == 0 ? feature.first : fmt::format("{} {}", feature.first, feature.count);
    case FeatureKind::kNext:
      return feature.first + " > " + feature.second;
    case FeatureKind::kThen:
      return feature.first + " .. " + feature.second;
    case FeatureKind::kRepeat:
      return fmt::format("{} x{}", feature.first, feature.count);
    case FeatureKind::kLoop:
      return "loop " + feature.first;
    case FeatureKind::kMissing:
      return feature.first + " without " + feature.second;
    case FeatureKind::kDear:
      return "dear " + feature.first;
  }
  return feature.first;
}

FeatureSet FindFeatures(const Sessions& sessions, const FeatureLimits& limits) {
  return Finder(sessions, limits).Run();
}

std::vector<size_t> StepsThatShow(const Feature& feature, const EvidenceSession& session) {
  if (feature.kind == FeatureKind::kLast) return StepsOfFact(feature, session);
  if (feature.kind != FeatureKind::kDear) return RunsOf(feature, session).StepsThatShow();
  std::vector<size_t> steps = DearSteps(session);
  std::erase_if(steps, [&](size_t i) { return session.steps[i].signature.coarse != feature.first; });
  return steps;
}

std::string_view DeedOf(std::string_view signature) { return signature.substr(0, signature.find('|')); }

std::string_view StatusOf(std::string_view signature) {
  size_t bar = signature.rfind('|');
  return bar == std::string_view::npos ? std::string_view() : signature.substr(bar + 1);
}

bool FailedStatus(std::string_view signature) {
  std::string_view status = StatusOf(signature);
  return status.starts_with("err") || status == "timeout" || status == "aborted";
}

}  // namespace clawtrace::distill

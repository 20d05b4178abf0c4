#include "distill/mining/contrast.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "distill/mining/features.h"
#include "distill/mining/patch_of.h"
#include "distill/mining/rules.h"

namespace clawtrace::distill {
namespace {

constexpr size_t kMostRuns = 256, kMostOfOutcome = 8, kMostPatches = 10;
// Of many tasks two are no support: one in twenty.
constexpr size_t kMinTasks = 2, kMinShare = 20, kNameTasks = 3;

using Runs = std::vector<Run>;
using Block = ContrastPair::Block;

// lengths[i * (b + 1) + j]: longest common subsequence of what begins at i and at j.
std::vector<uint16_t> CommonLengths(const Runs& a, const Runs& b) {
  std::vector<uint16_t> lengths((a.size() + 1) * (b.size() + 1));
  const size_t width = b.size() + 1;
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      uint16_t skip = std::max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
      bool same = a[i].token == b[j].token;
      lengths[i * width + j] = same ? static_cast<uint16_t>(lengths[(i + 1) * width + j + 1] + 1) : skip;
    }
  }
  return lengths;
}

void Extend(size_t at, std::vector<Block>* blocks) {
  if (!blocks->empty() && blocks->back().end == at)
    ++blocks->back().end;
  else
    blocks->push_back({at, at + 1});
}

void Align(const Runs& fail, const Runs& pass, ContrastPair* pair) {
  const std::vector<uint16_t> lengths = CommonLengths(fail, pass);
  const size_t width = pass.size() + 1;
  size_t i = 0, j = 0;
  bool together = true;
  while (i < fail.size() || j < pass.size()) {
    if (i < fail.size() && j < pass.size() && fail[i].token == pass[j].token) {
      pair->prefix += together ? 1 : 0;
      ++i, ++j;
      continue;
    }
    together = false;
    bool from_fail =
        j == pass.size() || (i < fail.size() && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]);
    if (from_fail)
      Extend(i++, &pair->only_fail);
    else
      Extend(j++, &pair->only_pass);
  }
}

// Labelled sessions, by task those that failed and those that passed.
struct ByOutcome {
  std::vector<size_t> fail, pass;
};
std::map<std::string_view, ByOutcome> MixedTasks(const EvidenceBase& base) {
  std::map<std::string_view, ByOutcome> tasks;
  for (size_t i = 0; i < base.sessions.size(); ++i) {
    std::optional<bool> passed = Passed(base.sessions[i]);
    if (!passed) continue;
    ByOutcome& task = tasks[base.sessions[i].task];
    (*passed ? task.pass : task.fail).push_back(i);
  }
  std::erase_if(tasks, [](const auto& task) { return task.second.fail.empty() || task.second.pass.empty(); });
  for (auto& [task, sessions] : tasks) {
    for (std::vector<size_t>* of : {&sessions.fail, &sessions.pass}) {
      std::sort(of->begin(), of->end(), [&](size_t a, size_t b) {
        return base.sessions[a].card.session_id < base.sessions[b].card.session_id;
      });
      of->resize(std::min(of->size(), kMostOfOutcome));
    }
  }
  return tasks;
}

// Runs of the sessions that are compared, by their index in the base.
struct Compared {
  std::vector<Token> tokens;
  std::map<size_t, Runs> runs;
  const std::string& Text(const Run& run) const { return tokens[run.token].signature; }
};
Compared CompareAll(const EvidenceBase& base, const std::map<std::string_view, ByOutcome>& tasks) {
  std::vector<const EvidenceSession*> sessions;
  std::vector<size_t> indexes;
  for (const auto& [task, outcomes] : tasks) {
    for (const std::vector<size_t>* of : {&outcomes.fail, &outcomes.pass}) {
      for (size_t i : *of) sessions.push_back(&base.sessions[i]), indexes.push_back(i);
    }
  }
  Sequences sequences = SequencesOf(sessions);
  Compared compared;
  compared.tokens = std::move(sequences.tokens);
  auto& medium = sequences.runs[static_cast<size_t>(Granularity::kMedium)];
  for (size_t s = 0; s < indexes.size(); ++s) {
    medium[s].resize(std::min(medium[s].size(), kMostRuns));
    compared.runs[indexes[s]] = std::move(medium[s]);
  }
  return compared;
}

std::vector<ContrastPair> PairsOf(const Compared& compared,
                                  const std::map<std::string_view, ByOutcome>& tasks) {
  std::vector<ContrastPair> pairs;
  for (const auto& [task, outcomes] : tasks) {
    ContrastPair best;
    size_t best_rest = 0;
    bool found = false;
    for (size_t fail : outcomes.fail) {
      for (size_t pass : outcomes.pass) {
        const Runs &a = compared.runs.at(fail), &b = compared.runs.at(pass);
        size_t common = CommonLengths(a, b)[0], rest = a.size() + b.size() - 2 * common;
        bool better = common > best.common || (common == best.common && rest < best_rest);
        if (found && !better) continue;
        found = true, best_rest = rest;
        best.task = task, best.fail = fail, best.pass = pass, best.common = common;
      }
    }
    Align(compared.runs.at(best.fail), compared.runs.at(best.pass), &best);
    pairs.push_back(std::move(best));
  }
  return pairs;
}

// One side of a pair: its runs, and what only it has.
struct Side {
  const EvidenceSession* session = nullptr;
  const Runs* runs = nullptr;
  const std::vector<Block>* blocks = nullptr;
};

class Differences {
 public:
  explicit Differences(const Compared& compared) : compared_(compared) {}

  // Features that the one has where the other has not; with costly_only those of blocks that cost or fail.
  std::vector<Feature> Of(const Side& one, const Side& other, bool costly_only) const {
    std::map<std::string, Feature> features;
    for (const Block& block : *one.blocks) {
      if (costly_only && !FailsOrCosts(one, other, block)) continue;
      for (Feature& feature : OfBlock(one, block)) {
        if (!Shows(*one.runs, feature) || Shows(*other.runs, feature)) continue;
        bool same_again = feature.same_again;
        Feature& kept = features.try_emplace(PatternName(feature), std::move(feature)).first->second;
        kept.same_again = kept.same_again && same_again;
      }
    }
    std::vector<Feature> out;
    for (auto& [name, feature] : features) out.push_back(std::move(feature));
    return out;
  }

 private:
  std::vector<Feature> OfBlock(const Side& side, const Block& block) const {
    const Runs& runs = *side.runs;
    std::vector<Feature> features;
    auto add = [&](FeatureKind kind, const std::string& first, const std::string& second) {
      if (first != second) features.push_back({kind, Granularity::kMedium, first, second});
    };
    if (block.begin > 0)
      add(FeatureKind::kNext, compared_.Text(runs[block.begin - 1]), compared_.Text(runs[block.begin]));
    for (size_t i = block.begin; i < block.end; ++i) {
      const std::string& text = compared_.Text(runs[i]);
      add(FeatureKind::kStep, text, "");
      if (runs[i].count > 2 || (runs[i].count > 1 && FailedStatus(text))) {
        add(FeatureKind::kLoop, text, "");
        features.back().same_again = IsSameAgain(FeatureKind::kLoop, *side.session, runs[i]);
      }
      if (block.end < runs.size() && block.end - i <= kMaxGap)
        add(FeatureKind::kThen, text, compared_.Text(runs[block.end]));
    }
    return features;
  }

  bool Shows(const Runs& runs, const Feature& feature) const {
    for (size_t i = 0; i < runs.size(); ++i) {
      const std::string& text = compared_.Text(runs[i]);
      if (text != feature.first) continue;
      if (feature.kind == FeatureKind::kStep) return true;
      if (feature.kind == FeatureKind::kLoop &&
          (runs[i].count > 2 || (runs[i].count > 1 && FailedStatus(text))))
        return true;
      size_t gap = feature.kind == FeatureKind::kNext ? 1 : feature.kind == FeatureKind::kThen ? kMaxGap : 0;
      for (size_t j = i + 1; j <= i + gap && j < runs.size(); ++j) {
        if (compared_.Text(runs[j]) == feature.second) return true;
      }
    }
    return false;
  }

  // It fails, comes right before a failure, or costs something in a session that cost more than the other.
  bool FailsOrCosts(const Side& one, const Side& other, const Block& block) const {
    for (size_t i = block.begin; i < std::min(block.end + 1, one.runs->size()); ++i) {
      if (FailedStatus(compared_.Text((*one.runs)[i]))) return true;
    }
    std::optional<Usd> mine = one.session->card.total_cost_usd, theirs = other.session->card.total_cost_usd;
    if (!mine || !theirs || *mine <= *theirs) return false;
    for (size_t i = block.begin; i < block.end; ++i) {
      std::optional<Usd> cost = one.session->steps[(*one.runs)[i].first].attributed_cost_usd;
      if (cost && *cost > Usd()) return true;
    }
    return false;
  }

  const Compared& compared_;
};

// What speaks for a feature, and what against it.
struct Support {
  Feature feature;
  std::set<std::string> tasks, against;
  std::vector<StepPlace> places;
};

void AddAll(const std::vector<Feature>& features, const ContrastPair& pair, const EvidenceSession* session,
            std::map<std::string, Support>* all) {
  for (const Feature& feature : features) {
    Support& support = all->try_emplace(PatternName(feature), Support{.feature = feature}).first->second;
    support.feature.same_again = support.feature.same_again && feature.same_again;
    support.tasks.insert(pair.task);
    for (size_t step : StepsThatShow(feature, *session)) support.places.push_back({session, step});
  }
}

// A tool's name may stand in a rule only when several tasks know it.
class KnownTools {
 public:
  explicit KnownTools(const EvidenceBase& base) {
    for (const EvidenceSession& session : base.sessions) {
      for (const EvidenceStep& step : session.steps) tasks_[step.signature.coarse].insert(session.task);
    }
  }
  bool MayName(const std::string& signature) const {
    if (!signature.starts_with("tool:")) return true;
    auto place = tasks_.find(DeedOf(signature));
    return place != tasks_.end() && place->second.size() >= kNameTasks;
  }

 private:
  std::map<std::string, std::set<std::string_view>, std::less<>> tasks_;
};

std::vector<Patch> PatchesFrom(const std::map<std::string, Support>& all, bool passes, size_t pairs,
                               const KnownTools& tools) {
  std::vector<const Support*> order;
  for (const auto& [name, support] : all) {
    bool clear = support.tasks.size() >= kMinTasks && kMinShare * support.tasks.size() >= pairs &&
                 support.tasks.size() > 2 * support.against.size();
    if (clear && tools.MayName(support.feature.first) && tools.MayName(support.feature.second))
      order.push_back(&support);
  }
  std::sort(order.begin(), order.end(), [](const Support* a, const Support* b) {
    auto key = [](const Support* s) {
      return std::tuple(-static_cast<int64_t>(s->tasks.size()), s->feature.kind);
    };
    return key(a) != key(b) ? key(a) < key(b) : PatternName(a->feature) < PatternName(b->feature);
  });
  std::vector<Patch> patches;
  std::set<std::string> rules, steps;  // what a single step says, its pairs need not say again
  for (const Support* support : order) {
    if (patches.size() == kMostPatches) break;
    const Feature& feature = support->feature;
    if (steps.contains(feature.first) || steps.contains(feature.second)) continue;
    std::string rule = RuleOf(feature, passes);
    if (rule.empty() || !rules.insert(rule).second) continue;
    if (feature.kind == FeatureKind::kStep) steps.insert(feature.first);
    std::string name = PatternName(feature);
    Patch patch = PatchFor(passes ? PatchKind::kPreserve : PatchKind::kRepair, "contrast/" + name,
                           std::move(rule), support->places);
    patch.counterfactual = fmt::format(
        "In {} of {} tasks with both outcomes the {} run has this where the most similar {} run has not; the "
        "reverse in {}.",
        support->tasks.size(), pairs, passes ? "passing" : "failing", passes ? "failing" : "passing",
        support->against.size());
    patch.tasks.assign(support->tasks.begin(), support->tasks.end());
    patch.support = static_cast<int64_t>(patch.tasks.size());
    patch.exposed = static_cast<int64_t>(pairs), patch.sessions = patch.support;
    patch.signature = std::move(name);
    patch.evidence_grade = "E1";
    patch.producer = "clawtrace/contrast-pairs/1";
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace

std::vector<ContrastPair> FindContrastPairs(const EvidenceBase& base) {
  auto tasks = MixedTasks(base);
  return PairsOf(CompareAll(base, tasks), tasks);
}

std::vector<Patch> ProposeContrastPairs(const EvidenceBase& base) {
  auto tasks = MixedTasks(base);
  const Compared compared = CompareAll(base, tasks);
  const std::vector<ContrastPair> pairs = PairsOf(compared, tasks);
  const Differences differences(compared);
  std::map<std::string, Support> preserve, avoid;
  std::map<std::string, std::set<std::string>> in_pass, in_fail;  // tasks by name, whatever it costs
  for (const ContrastPair& pair : pairs) {
    Side pass = {&base.sessions[pair.pass], &compared.runs.at(pair.pass), &pair.only_pass};
    Side fail = {&base.sessions[pair.fail], &compared.runs.at(pair.fail), &pair.only_fail};
    std::vector<Feature> of_pass = differences.Of(pass, fail, false),
                         of_fail = differences.Of(fail, pass, false);
    for (const Feature& feature : of_pass) in_pass[PatternName(feature)].insert(pair.task);
    for (const Feature& feature : of_fail) in_fail[PatternName(feature)].insert(pair.task);
    AddAll(of_pass, pair, pass.session, &preserve);
    AddAll(differences.Of(fail, pass, true), pair, fail.session, &avoid);
  }
  for (auto& [name, support] : preserve) support.against = in_fail[name];
  for (auto& [name, support] : avoid) support.against = in_pass[name];
  const KnownTools tools(base);
  std::vector<Patch> patches = PatchesFrom(preserve, true, pairs.size(), tools);
  std::vector<Patch> repairs = PatchesFrom(avoid, false, pairs.size(), tools);
  patches.insert(patches.end(), std::make_move_iterator(repairs.begin()),
                 std::make_move_iterator(repairs.end()));
  return patches;
}

}  // namespace clawtrace::distill

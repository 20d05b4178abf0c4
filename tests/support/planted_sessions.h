#pragma once
// Labelled sessions with known truth: tasks of unlike difficulty, steps that hard tasks have more of, and
// five planted patterns of different kinds that change the odds of passing. The same seed gives the same
// sessions.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "distill/evidence_base.h"
#include "distill/mining/random.h"

namespace clawtrace::test {

struct PlantedPattern {
  std::string name;                // as mining calls it
  std::vector<std::string> tools;  // that occur in it and nowhere else
  bool helps = true;
};

struct PlantedOptions {
  size_t sessions = 200, runs_per_task = 5;
  size_t tools = 20;      // that mean nothing
  double log_odds = 2.0;  // of each planted pattern; 0: none means anything
  uint64_t seed = 1;
};

class PlantedSessions {
 public:
  explicit PlantedSessions(const PlantedOptions& options) : options_(options), random_(options.seed) {}

  static std::vector<PlantedPattern> Patterns() {
    return {{"tool:look|ok", {"look"}, true},
            {"tool:draft|ok > tool:review|ok", {"draft", "review"}, true},
            {"tool:backup|ok .. tool:migrate|ok", {"backup", "migrate"}, true},
            {"loop tool:compile|err", {"compile"}, false},
            {"tool:open|ok without tool:close|ok", {"open", "close"}, false}};
  }

  distill::EvidenceBase Make() {
    distill::EvidenceBase base;
    for (size_t s = 0; s < options_.sessions; ++s) {
      if (s % options_.runs_per_task == 0) StartTask();
      base.sessions.push_back(One(s));
    }
    return base;
  }

 private:
  static constexpr size_t kPlanted = 5;

  double Normal() {  // sum of uniforms: near enough and the same everywhere
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random_.Unit();
    return sum;
  }
  bool Chance(double p) { return random_.Unit() < p; }

  void StartTask() {
    difficulty_ = Normal();
    // Each task has its own mix of steps; the first third is what hard tasks make agents do.
    weights_.assign(options_.tools, 0);
    for (size_t i = 0; i < weights_.size(); ++i)
      weights_[i] = std::exp(0.8 * Normal() + (i < weights_.size() / 3 ? 0.6 * difficulty_ : 0));
    for (double& chance : chances_) chance = 0.25 + 0.3 * random_.Unit();
  }

  std::string AnyTool() {
    double sum = 0;
    for (double weight : weights_) sum += weight;
    double at = random_.Unit() * sum;
    size_t i = 0;
    while (i + 1 < weights_.size() && at >= weights_[i]) at -= weights_[i++];
    return "t" + std::string(1, static_cast<char>('a' + i / 10)) +
           std::string(1, static_cast<char>('a' + i % 10));
  }

  struct Use {
    std::string tool;
    bool fails = false;
  };

  // Inserted at a random place, in one piece.
  void Insert(const std::vector<Use>& uses, std::vector<Use>* steps) {
    size_t at = random_.Below(static_cast<uint32_t>(steps->size() + 1));
    steps->insert(steps->begin() + static_cast<std::ptrdiff_t>(at), uses.begin(), uses.end());
  }
  // The first use comes before the second, with so many others between.
  void InsertApart(const Use& first, const Use& second, size_t between, std::vector<Use>* steps) {
    size_t places = steps->size() > between ? steps->size() - between : 1;
    size_t at = random_.Below(static_cast<uint32_t>(places));
    steps->insert(steps->begin() + static_cast<std::ptrdiff_t>(std::min(at + between, steps->size())),
                  second);
    steps->insert(steps->begin() + static_cast<std::ptrdiff_t>(at), first);
  }

  // The parts of a pattern occur without it as well, so that only the pattern itself tells.
  std::vector<Use> Steps(const std::array<bool, kPlanted>& has) {
    std::vector<Use> steps;
    size_t length = 12 + random_.Below(12);
    for (size_t i = 0; i < length; ++i) steps.push_back({AnyTool(), Chance(0.08)});
    if (!has[1] && Chance(0.6)) InsertApart({"review"}, {"draft"}, 3, &steps);
    if (!has[2] && Chance(0.6)) InsertApart({"migrate"}, {"backup"}, 2, &steps);
    if (!has[3] && Chance(0.6)) Insert({{"compile", true}}, &steps);
    if (!has[4] && Chance(0.9)) InsertApart({"open"}, {"close"}, 4, &steps);
    if (has[0]) Insert({{"look"}}, &steps);
    if (has[4]) Insert({{"open"}}, &steps);
    if (has[2]) InsertApart({"backup"}, {"migrate"}, 1 + random_.Below(3), &steps);
    if (has[1]) Insert({{"draft"}, {"review"}}, &steps);
    if (has[3]) Insert({{"compile", true}, {"compile", true}}, &steps);
    return steps;
  }

  distill::EvidenceSession One(size_t number) {
    distill::EvidenceSession session;
    std::array<bool, kPlanted> has = {};
    double odds = -1.0 * difficulty_;
    for (size_t k = 0; k < kPlanted; ++k) {
      has[k] = Chance(chances_[k]);
      double effect = Patterns()[k].helps ? options_.log_odds : -options_.log_odds;
      odds += effect * ((has[k] ? 1.0 : 0.0) - 0.4);
    }
    std::string digits = std::to_string(number);
    session.card.session_id = "s" + std::string(6 - digits.size(), '0') + digits;
    session.task = "task" + std::to_string(number / options_.runs_per_task);
    session.outcome = Chance(1 / (1 + std::exp(-odds))) ? Verdict::kSuccess : Verdict::kFailure;
    for (const Use& use : Steps(has)) {
      distill::EvidenceStep step;
      step.id = std::to_string(session.steps.size() + 1), step.call_id = "c" + step.id;
      step.kind = StepKind::kToolUse, step.turn = static_cast<int64_t>(session.steps.size()) + 1;
      step.tool = use.tool, step.status = use.fails ? ToolStatus::kError : ToolStatus::kOk;
      step.signature.coarse = "tool:" + use.tool;
      step.signature.medium = step.signature.coarse + (use.fails ? "|err" : "|ok");
      step.signature.fine = step.signature.coarse + "|-|-" + (use.fails ? "|err" : "|ok");
      session.steps.push_back(std::move(step));
    }
    return session;
  }

  PlantedOptions options_;
  distill::FixedRandom random_;
  double difficulty_ = 0;
  std::vector<double> weights_;
  std::array<double, kPlanted> chances_ = {};
};

}  // namespace clawtrace::test

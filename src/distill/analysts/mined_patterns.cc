// Mined patterns: what sessions do that pass more often than others of their task becomes a preserve patch,
// what goes with failing a repair patch (docs/mining.md).
#include <fmt/core.h>

#include <map>
#include <set>

#include "distill/distill.h"
#include "distill/mining/mining.h"
#include "distill/mining/patch_of.h"
#include "distill/mining/rules.h"

namespace clawtrace::distill {
namespace {

constexpr int64_t kEven = 500'000;  // beyond this q more of them are false than true
constexpr size_t kMostCandidates = 10;
constexpr double kPoint = 10'000;  // millionths of a percentage point

std::string_view NoteOn(Adjustment adjustment) {
  switch (adjustment) {
    case Adjustment::kTask:
      return "within tasks";
    case Adjustment::kFamily:
      return "within families of tasks, which were not repeated";
    case Adjustment::kNone:
      break;
  }
  return "unadjusted, as tasks were not repeated";
}

// What failing sessions did may be what their task made needful, and leaving it out is a deed of its own that
// nobody has tried; loops and omissions are not needful.
bool Forbids(const Feature& feature, bool passes) {
  switch (feature.kind) {
    case FeatureKind::kStep:
    case FeatureKind::kNext:
    case FeatureKind::kThen:
    case FeatureKind::kRepeat:
    case FeatureKind::kDear:
      return !passes;
    case FeatureKind::kLast:
    case FeatureKind::kLoop:
    case FeatureKind::kMissing:
      break;
  }
  return false;
}

// A name that no list of ours has would be quoted from logs: a person has to vouch for it.
bool NamesTool(const Feature& feature) {
  return feature.first.starts_with("tool:") || feature.second.starts_with("tool:");
}

// "Run a command" may be any at all: nobody can follow it.
bool NamesNoDeed(const Feature& feature, bool passes) {
  auto any_command = [](std::string_view signature) {
    return signature.substr(0, signature.find('|')) == "exec";
  };
  return passes && (any_command(feature.first) || any_command(feature.second));
}

std::string Counterfactual(const MiningReport& report, const MinedPattern& pattern) {
  const MinedEffect& effect = pattern.effect;
  std::string text = fmt::format(
      "{} of {} sessions that show it passed, {} of {} others; {} {:+.0f} points (95 % interval {:+.0f} to "
      "{:+.0f}), "
      "q = {:.3f}.",
      effect.with_pass, effect.with_pass + effect.with_fail, effect.without_pass,
      effect.without_pass + effect.without_fail, NoteOn(report.adjustment),
      static_cast<double>(effect.difference_ppm) / kPoint, static_cast<double>(effect.low_ppm) / kPoint,
      static_cast<double>(effect.high_ppm) / kPoint, static_cast<double>(effect.q_ppm) / 1e6);
  if (!pattern.admitted) return text + " A candidate: chance may explain it.";
  if (Forbids(pattern.feature, pattern.z_milli > 0))
    return text + " A candidate: failing tasks may have needed it.";
  if (NamesNoDeed(pattern.feature, pattern.z_milli > 0))
    return text + " A candidate: it does not say which command.";
  if (NamesTool(pattern.feature))
    return text + " A candidate: only these sessions know the tool that it names.";
  return text;
}

}  // namespace

std::vector<Patch> PatchesOf(const EvidenceBase& base, const MiningReport& report) {
  std::vector<Patch> patches;
  std::set<std::string> rules;
  size_t candidates = 0;
  for (const MinedPattern& pattern : report.patterns) {
    if (pattern.effect.q_ppm > kEven || !pattern.explained_by.empty()) continue;
    const bool passes = pattern.z_milli > 0;
    std::string rule = RuleOf(pattern.feature, passes);
    if (rule.empty() || pattern.tasks.empty() || !rules.insert(rule).second) continue;
    const bool admitted = pattern.admitted && !Forbids(pattern.feature, passes) &&
                          !NamesTool(pattern.feature) && !NamesNoDeed(pattern.feature, passes);
    if (!admitted && candidates++ == kMostCandidates) break;
    PatchKind kind = passes ? PatchKind::kPreserve : PatchKind::kRepair;
    Patch patch = PatchFor(kind, "mined/" + pattern.name, std::move(rule), Exemplars(base, report, pattern));
    patch.counterfactual = Counterfactual(report, pattern);
    patch.tasks = pattern.tasks, patch.support = static_cast<int64_t>(pattern.tasks.size());
    patch.exposed = pattern.exposed, patch.sessions = static_cast<int64_t>(pattern.sessions.size());
    patch.signature = pattern.name, patch.effect = pattern.effect;
    patch.evidence_grade = admitted ? "E2" : pattern.tasks.size() > 1 ? "E1" : "E0";
    patch.producer = "clawtrace/mined-patterns/1";
    patches.push_back(std::move(patch));
  }
  return patches;
}

extern const Analyst kMinedPatterns;
const Analyst kMinedPatterns = {
    .name = "mined-patterns",
    .summary = "steps that go with passing or failing the same task",
    .propose = [](const EvidenceBase& base) { return PatchesOf(base, Mine(base)); },
};

}  // namespace clawtrace::distill

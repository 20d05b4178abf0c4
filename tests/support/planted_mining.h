#pragma once
// Scores what mining reports of planted sessions.
#include <algorithm>
#include <string>
#include <vector>

#include "distill/mining/mining.h"
#include "support/planted_sessions.h"

namespace clawtrace::test {

// Over replications. A planted pattern is found when an admitted pattern has its name or it as an alias. A
// discovery is false when it names no tool of a planted pattern, or nothing was planted.
class MiningScore {
 public:
  void Add(const distill::MiningReport& report, bool planted) {
    size_t admitted = 0, wrong = 0, found = 0;
    for (const distill::MinedPattern& pattern : report.patterns) {
      if (!pattern.admitted) continue;
      ++admitted;
      wrong += planted && NamesPlanted(pattern.name) ? 0 : 1;
      if (!pattern.explained_by.empty()) continue;
      rules_ += 1;
      false_rules_ += planted && NamesPlanted(pattern.name) ? 0 : 1;
    }
    for (const PlantedPattern& wanted : PlantedSessions::Patterns()) {
      found += std::ranges::any_of(report.patterns, [&](const distill::MinedPattern& pattern) {
        return pattern.admitted && (pattern.name == wanted.name || HasAlias(pattern, wanted.name));
      });
    }
    ++replications_;
    recall_ += static_cast<double>(found) / static_cast<double>(PlantedSessions::Patterns().size());
    false_rate_ += admitted > 0 ? static_cast<double>(wrong) / static_cast<double>(admitted) : 0;
    any_ += wrong > 0 ? 1 : 0;
    candidates_ += static_cast<double>(report.patterns.size());
  }

  double recall() const { return recall_ / replications_; }
  double false_discovery() const { return false_rate_ / replications_; }
  double any_false() const { return any_ / replications_; }
  double candidates() const { return candidates_ / replications_; }
  // Admitted ones that stand for themselves, and the share of false ones among all of them.
  double rules() const { return rules_ / replications_; }
  double false_rules() const { return rules_ > 0 ? false_rules_ / rules_ : 0; }

 private:
  static bool NamesPlanted(const std::string& name) {
    for (const PlantedPattern& pattern : PlantedSessions::Patterns()) {
      for (const std::string& tool : pattern.tools) {
        if (name.contains("tool:" + tool)) return true;
      }
    }
    return false;
  }
  static bool HasAlias(const distill::MinedPattern& pattern, const std::string& name) {
    return std::ranges::find(pattern.aliases, name) != pattern.aliases.end();
  }

  double replications_ = 0, recall_ = 0, false_rate_ = 0, any_ = 0, candidates_ = 0, rules_ = 0,
         false_rules_ = 0;
};

}  // namespace clawtrace::test

#pragma once
// Who let an audit's finding pass, and why: SKILL/.clawtrace/waivers.json, schema skill-waivers/1.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "skill/skill.h"

namespace clawtrace::distill {

inline constexpr std::string_view kWaiversFile = ".clawtrace/waivers.json";

struct Waiver {
  std::string check;  // of an audit's finding
  std::string id;     // of one finding; "" = all of that check
  std::string by, why;
  std::string rule;  // that the finding is about; "" = none, or all of the check
  bool operator==(const Waiver&) const = default;
  auto operator<=>(const Waiver&) const = default;
};
template <class A>
void Describe(A& a, Waiver& w) {
  a.Field("check", w.check), a.Field("id", w.id), a.Field("by", w.by), a.Field("why", w.why);
  a.Field("rule", w.rule);
}

// "CHECK" or "CHECK:ID" with who and why. kInvalidInput: no such check, or nobody, or no reason.
Result<Waiver> MakeWaiver(std::string_view what, std::string_view by, std::string_view why);

// Sorted; empty when the skill has none. kCorruptData when the file cannot be read.
Result<std::vector<Waiver>> WaiversOf(const SkillDir& skill);
// Adds to those that are there; a waiver of the same finding is replaced.
Status AddWaivers(const std::vector<Waiver>& waivers, SkillDir* skill);

}  // namespace clawtrace::distill

#pragma once
// Blocks what must not reach a skill: faults of form that we would add, texts of the recorded tasks, rules
// without evidence, caps without a reason, commands and phrases of untrusted content, a description that
// another skill answers to. Deterministic; pure; safe from any thread. docs/audit.md lists the checks.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "distill/audit/triggers.h"
#include "distill/audit/waivers.h"
#include "distill/evidence_base.h"
#include "skill/lint.h"
#include "skill/skill.h"

namespace clawtrace::distill {

struct AuditFinding {
  std::string id;  // 12 hex digits of check, file, literal and the text it stands in: stays when lines move
  std::string check;  // of lint (docs/skill.md) or of the audit itself (docs/audit.md)
  skill::Severity severity = skill::Severity::kError;
  std::string file;  // "" = the directory
  int64_t line = 0;  // from 1; 0 = the file as a whole
  std::string rule;  // id of the rule that it is about; "" = none
  std::string message;
  std::string literal;     // as in lint
  bool inherited = false;  // it was there before us: shown, never blocking
  std::optional<Waiver> waiver;
  bool operator==(const AuditFinding&) const = default;

  bool blocks() const { return severity == skill::Severity::kError && !inherited && !waiver; }
};

struct AuditContext {
  const EvidenceBase* evidence =
      nullptr;                       // nullptr: leakage, caps, evidence ids and bypass are not looked at
  std::vector<std::string> gold;     // expected answers and files of tests, whole
  std::vector<SkillListing> others;  // skills beside this one
  std::vector<Waiver> waivers;       // new ones; those of the skill count as well
};

struct AuditReport {
  std::string schema = "audit-report/1";
  std::string before_hash, after_hash;  // SkillHash; before_hash "" = there was no skill
  bool blocked = false;
  int64_t blocking = 0, waived = 0, warnings = 0, inherited = 0;
  int64_t rules = 0;                     // texts of ours that were looked at
  std::vector<std::string> not_checked;  // checks for which what they need was not given
  std::vector<AuditFinding> findings;    // by (file, line, check, id)
  std::vector<Waiver> unused_waivers;    // of findings that there are no more
  bool operator==(const AuditReport&) const = default;
};

// before: the skill as it is; after: what is about to be written.
AuditReport AuditSkill(const SkillDir& before, const SkillDir& after, const AuditContext& context);

// The waivers that the report took up, with the rules that their findings are about: what is to be kept in
// the skill (AddWaivers).
std::vector<Waiver> UsedWaivers(const AuditReport& report);

// One line a finding, blocking ones first; for people.
std::string FindingLines(const AuditReport& report);
// The same with waivers that are of no use any more, what was not looked at, and a summary line.
std::string AuditText(const AuditReport& report);
std::string EncodeAuditReport(const AuditReport& report, bool json);

// The audit's own checks beside those of lint.
const std::vector<std::string>& AuditChecks();

}  // namespace clawtrace::distill

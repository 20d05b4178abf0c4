#pragma once
// Within the audit: texts of ours in a skill, and the checks that look at them.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "distill/audit/audit.h"
#include "skill/blocks.h"
#include "skill/provenance.h"

namespace clawtrace::distill {

// A block that the skill did not have before, or one of our rules.
struct OwnText {
  std::string file;
  int64_t line = 0;
  skill::BlockKind kind = skill::BlockKind::kParagraph;
  std::string text;
  int64_t last_line = 0;
  bool added = false;  // not there before
  const skill::RuleRecord* record = nullptr;
};

struct AuditInput {
  const SkillDir& before;
  const SkillDir& after;
  const AuditContext& context;
  skill::Provenance provenance;  // of after
  std::vector<OwnText> texts;    // in order of file and place
};
AuditInput ReadInput(const SkillDir& before, const SkillDir& after, const AuditContext& context);

// A finding about a text; id and waiver come later.
AuditFinding FindingAbout(const OwnText& text, std::string_view check, std::string message,
                          std::string_view literal);

using Findings = std::vector<AuditFinding>;
void CheckLint(const AuditInput& input, Findings* out);
void CheckLeakage(const AuditInput& input, Findings* out);
void CheckEvidence(const AuditInput& input, Findings* out);
void CheckCaps(const AuditInput& input, Findings* out);
void CheckCommands(const AuditInput& input, Findings* out);
void CheckScripts(const AuditInput& input, Findings* out);
void CheckTrigger(const AuditInput& input, Findings* out);

// "at most 3 calls" -> 3: the number that a rule caps a count of actions at.
std::optional<int64_t> CapOf(std::string_view text);

}  // namespace clawtrace::distill

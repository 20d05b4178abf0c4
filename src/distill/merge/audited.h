#pragma once
// A merge whose result passes the audit as far as that depends on patches: those whose words or evidence the
// audit blocks are left out, and the rest is merged again as if they had not been given. Pure; the same bytes
// for any order, repetition and splitting of the patches; doing it again changes nothing. docs/merge.md.
#include <set>
#include <string>
#include <vector>

#include "distill/audit/audit.h"
#include "distill/merge/merge.h"

namespace clawtrace::distill {

struct AuditedMerge {
  MergeResult merge;    // patches that are left out have the reason "audit" in its report
  AuditReport audit;    // of what is left, empty when nothing changes; blocked: by what is no patch's fault
  AuditReport refused;  // what spoke against the patches that are left out, each finding once
  std::set<std::string> refused_patches;  // their ids, as the report has them

  bool blocked() const { return audit.blocked || merge.report.blocked; }
};

// Errors are those of MergePatches. Each round leaves out at least one patch more.
Result<AuditedMerge> MergeAudited(const SkillDir& base, const Reduced& reduced, const MergeOptions& options,
                                  const AuditContext& context);

}  // namespace clawtrace::distill

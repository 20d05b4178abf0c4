#pragma once
// What analysts are told: files under prompts/, known by the hash of what stands in them, and the session as
// it is shown, fenced as data.
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "distill/evidence_base.h"
#include "distill/model/untrusted.h"
#include "skill/skill.h"

namespace clawtrace::distill {

enum class ModelAnalyst { kSuccess, kError };
constexpr EnumTable<ModelAnalyst, 2> EnumNames(ModelAnalyst) {
  return {{{ModelAnalyst::kSuccess, "model-success"}, {ModelAnalyst::kError, "model-error"}}};
}

struct Prompts {
  std::string success, error, format_fix;
  std::string reword;  // "" = rules keep their words

  const std::string& For(ModelAnalyst analyst) const {
    return analyst == ModelAnalyst::kSuccess ? success : error;
  }
  std::string HashFor(ModelAnalyst analyst) const;  // SHA-256 of all that it is told
};

// success_analyst.md, error_analyst.md and format_fix.md of a folder, and reword.md when it has one.
Result<Prompts> LoadPrompts(const std::string& folder);

struct Notice {
  std::string session;  // name as shown
  std::string where;    // step id, "prompt", "skill", "look-up"
  Attempt attempt = Attempt::kInstruction;
  auto operator<=>(const Notice&) const = default;
};

struct ShownSession {
  std::string name;             // its id, or a name made of its hash when the id is no plain word
  std::string text;             // fenced
  std::vector<Notice> notices;  // sorted, distinct
};
// About 100 KB at most. rejected: edits that were tried before and refused, one line each.
ShownSession ShowSession(const EvidenceSession& session, const SkillDir& skill,
                         const std::vector<std::string>& rejected, const Redact& redact);

}  // namespace clawtrace::distill

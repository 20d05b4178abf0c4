// What comes in from outside for a skill: archives and the texts themselves.
#include <cstdint>
#include <string>
#include <string_view>

#include "distill/audit/audit.h"
#include "skill/lint.h"
#include "skill/paths.h"
#include "skill/skill_archive.h"

namespace clawtrace {
namespace {

void TestArchive(std::string_view bytes) {
  auto skill = skill::ReadSkillArchive(bytes, "input", skill::Records::kKeep);
  if (!skill) return;
  for (const auto& [path, text] : skill->files) CT_CHECK(skill::IsConfinedPath(path));
  (void)skill::Lint(*skill);
  auto written = skill::WriteSkillArchive(*skill, skill::Records::kKeep);
  CT_CHECK(written.has_value());
  auto back = skill::ReadSkillArchive(*written, "input", skill::Records::kKeep);
  CT_CHECK(back && back->files == skill->files);
}

void TestText(std::string_view text) {
  SkillDir skill{"demo", {{"SKILL.md", std::string(text)}, {"references/a.md", std::string(text)}}, {}};
  auto findings = skill::Lint(skill);
  CT_CHECK(findings == skill::Lint(skill));
  for (const skill::LintFinding& finding : findings) CT_CHECK(finding.literal.size() <= skill::kMaxLiteral);
  (void)distill::AuditSkill({}, skill, {});
}

}  // namespace
}  // namespace clawtrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0)
    clawtrace::TestArchive(rest);
  else
    clawtrace::TestText(rest);
  return 0;
}

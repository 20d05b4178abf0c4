#include <fmt/core.h>

#include <algorithm>

#include "base/doc_writer.h"
#include "cli/skill_actions.h"
#include "cli/table.h"
#include "model/archive.h"
#include "skill/lint.h"

namespace clawtrace::cli {
namespace {

struct LintedSkill {
  std::string skill;  // as it was named
  std::string hash;
  int64_t errors = 0, warnings = 0;
  std::vector<skill::LintFinding> findings;
};

template <class A>
void Describe(A& a, LintedSkill& s) {
  a.Field("skill", s.skill), a.Field("hash", s.hash), a.Field("errors", s.errors),
      a.Field("warnings", s.warnings);
  a.Field("findings", s.findings);
}

void Print(const LintedSkill& linted, std::ostream& out) {
  for (const skill::LintFinding& finding : linted.findings) {
    std::string place = linted.skill;
    if (!finding.file.empty()) place += (place.ends_with('/') ? "" : "/") + finding.file;
    if (finding.line > 0) place += fmt::format(":{}", finding.line);
    out << Printable(fmt::format("{}: {}: {} [{}]{}{}", place, NameOf(finding.severity), finding.message,
                                 finding.check, finding.literal.empty() ? "" : " ", finding.literal))
        << "\n";
  }
  out << Printable(linted.skill) << fmt::format(": {} errors, {} warnings\n", linted.errors, linted.warnings);
}

}  // namespace

int SkillLint(const Arguments& arguments, const World& world) {
  if (arguments.positional.empty())
    return Report(world, {ErrorCode::kInvalidInput, "skill lint needs the folder of a skill",
                          "clawtrace skill lint DIR..."});
  std::vector<LintedSkill> all;
  for (const std::string& path : arguments.positional) {
    auto loose = skill::LoadLoosely(path);
    if (!loose) return Report(world, loose.error());
    LintedSkill linted{path, SkillHash(loose->skill), 0, 0, Lint(*loose)};
    linted.errors = std::count_if(
        linted.findings.begin(), linted.findings.end(),
        [](const skill::LintFinding& finding) { return finding.severity == skill::Severity::kError; });
    linted.warnings = static_cast<int64_t>(linted.findings.size()) - linted.errors;
    all.push_back(std::move(linted));
  }
  if (arguments.Has("--json"))
    *world.out << Encode(all, DocWriter::Format::kJson) << "\n";
  else
    for (const LintedSkill& linted : all) Print(linted, *world.out);
  bool good =
      std::all_of(all.begin(), all.end(), [](const LintedSkill& linted) { return linted.errors == 0; });
  return good ? kDone : kNo;
}

}  // namespace clawtrace::cli

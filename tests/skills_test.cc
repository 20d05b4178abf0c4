// Lint of skills that others released, and of generated ones with the same faults in known numbers.
#include <gtest/gtest.h>

#include <algorithm>

#include "skill/lint.h"
#include "support/data.h"

namespace clawtrace {
namespace {

using skill::LintFinding;

int64_t Count(const std::vector<LintFinding>& findings, std::string_view check) {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const LintFinding& finding) { return finding.check == check; });
}

std::vector<LintFinding> LintReleased(const std::string& name) {
  auto loose = skill::LoadLoosely((test::SharedData() / "skills" / name).string());
  EXPECT_TRUE(loose) << (loose ? "" : loose.error().message);
  return loose ? Lint(*loose) : std::vector<LintFinding>();
}

TEST(ReleasedSkillsTest, PlaceholdersAndDuplicatesOfTheLargerOne) {
  CT_NEEDS_SHARED_DATA();
  auto findings = LintReleased("xlsx-122B");
  EXPECT_EQ(Count(findings, "placeholder-heading"), 14);
  EXPECT_EQ(Count(findings, "duplicate-heading"), 2);
  EXPECT_EQ(Count(findings, "orphan-reference"), 0);
  EXPECT_EQ(Count(findings, "glued-heading"), 0);
}

TEST(ReleasedSkillsTest, TheSmallerOneHasNeither) {
  CT_NEEDS_SHARED_DATA();
  auto findings = LintReleased("xlsx-35B");
  EXPECT_EQ(Count(findings, "placeholder-heading"), 0);
  EXPECT_EQ(Count(findings, "duplicate-heading"), 0);
  EXPECT_EQ(Count(findings, "glued-heading"), 0);
  EXPECT_EQ(Count(findings, "name"), 1);  // capital letters
  EXPECT_EQ(Count(findings, "references"), 1);
  EXPECT_EQ(findings.size(), 2u);
}

// What the literature counted in a third release, generated: 869 lines, 13 references of which 4 are named
// nowhere, 7 glued headings, 3 placeholders, 2 titles twice.
SkillDir FaultySkill() {
  SkillDir skill{"faulty", {}, {}};
  std::string text = "---\nname: faulty\ndescription: Edits tables.\n---\n\n# Faulty\n\nRules.\n";
  for (int i = 0; i < 13; ++i) {
    std::string path = "references/topic-" + std::string(1, static_cast<char>('a' + i)) + ".md";
    skill.files[path] = "# Topic\n\nText.\n";
    if (i >= 4) text += "- See [more](" + path + ").\n";
  }
  for (int i = 0; i < 3; ++i)
    text += "\n### New Section\n\nText " + std::to_string(i) + ".\n\n## Part " + std::to_string(i) + "\n";
  for (int i = 0; i < 7; ++i)
    text += "\n- Rule " + std::to_string(i) + " is to check.## Glued " + std::to_string(i) + "\n";
  for (const char* title : {"Library Selection", "Formulas"}) {
    for (int i = 0; i < 2; ++i) text += "\n## " + std::string(title) + "\n\nText.\n";
  }
  while (std::count(text.begin(), text.end(), '\n') < 869) text += "- Check the sum of the row.\n";
  skill.files["SKILL.md"] = text;
  return skill;
}

TEST(ReleasedSkillsTest, FaultsInKnownNumbers) {
  auto findings = skill::Lint(FaultySkill());
  EXPECT_EQ(Count(findings, "glued-heading"), 7);
  EXPECT_EQ(Count(findings, "placeholder-heading"), 3);
  EXPECT_EQ(Count(findings, "duplicate-heading"), 2);
  EXPECT_EQ(Count(findings, "orphan-reference"), 4);
  auto has = [&](std::string_view check, std::string_view words) {
    return std::any_of(findings.begin(), findings.end(), [&](const LintFinding& finding) {
      return finding.check == check && finding.severity == skill::Severity::kError &&
             finding.message.find(words) == 0;
    });
  };
  EXPECT_TRUE(has("lines", "869 lines, 500"));
  EXPECT_TRUE(has("references", "13 reference files, 8"));
  EXPECT_EQ(findings, skill::Lint(FaultySkill()));
}

}  // namespace
}  // namespace clawtrace

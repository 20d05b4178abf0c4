#include "capture/importers/skill_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/importers/recording_test_util.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kClaudeCode;
extern const Importer kCodex;

namespace {

namespace fs = std::filesystem;
using test::Collected;
using test::ReadText;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Fact Use(std::string id, std::string name, std::string args) {
  Fact fact;
  fact.kind = FactKind::kToolUse;
  fact.session_id = "s";
  fact.id = std::move(id);
  fact.tool.emplace().name = std::move(name);
  fact.tool->args = std::move(args);
  return fact;
}

Fact Result(std::string id, ToolStatus status, std::string output = "x") {
  Fact fact;
  fact.kind = FactKind::kToolResult;
  fact.session_id = "s";
  fact.id = std::move(id);
  fact.result.emplace().status = status;
  fact.result->output = std::move(output);
  return fact;
}

// "name stage path" of what the facts show.
std::vector<std::string> SkillsOf(const std::vector<Fact>& facts) {
  Collected log;
  SkillObserver skills;
  for (const Fact& fact : facts) skills.Observe(fact);
  skills.Emit(&log);
  std::vector<std::string> shown;
  for (const Fact& fact : log.facts) {
    const char* stages[] = {"listed", "loaded", "opened"};
    shown.push_back(fact.skill->name + " " + stages[static_cast<int>(fact.skill->stage)] + " " +
                    fact.skill->path);
  }
  return shown;
}

TEST(SkillFactsTest, PathsLeadIntoSkills) {
  EXPECT_EQ(SkillOfPath("/home/a/.claude/skills/pdf/SKILL.md")->stage, SkillStage::kLoaded);
  EXPECT_EQ(SkillOfPath("skills/pdf/SKILL.md")->name, "pdf");
  EXPECT_EQ(SkillOfPath(".agents/skills/pdf/scripts/fill.py")->stage, SkillStage::kOpened);
  EXPECT_EQ(SkillOfPath("C:\\Users\\a\\.codex\\skills\\.system\\plan\\SKILL.md")->name, "plan");
  EXPECT_FALSE(SkillOfPath("src/skills/pdf/main.cc"));
  EXPECT_FALSE(SkillOfPath(".claude/skills/SKILL.md"));
  EXPECT_FALSE(SkillOfPath("../skills/pdf/main.cc"));
  EXPECT_FALSE(SkillOfPath(".claude/skills/a b/x.md"));
  EXPECT_FALSE(SkillOfPath(""));
}

TEST(SkillFactsTest, ReadsAndCommandsThatSucceed) {
  std::string file = R"({"file_path":"/w/.claude/skills/pdf/SKILL.md"})";
  EXPECT_THAT(SkillsOf({Use("1", "Read", file), Result("1", ToolStatus::kOk)}),
              ElementsAre("pdf loaded /w/.claude/skills/pdf/SKILL.md"));
  EXPECT_THAT(SkillsOf({Result("1", ToolStatus::kOk), Use("1", "Read", file)}),
              ElementsAre("pdf loaded /w/.claude/skills/pdf/SKILL.md"));
  EXPECT_THAT(SkillsOf({Use("1", "Read", file), Result("1", ToolStatus::kError)}), IsEmpty());
  EXPECT_THAT(SkillsOf({Use("1", "Read", file)}), IsEmpty());
  EXPECT_THAT(SkillsOf({Use("1", "Write", file), Result("1", ToolStatus::kOk)}), IsEmpty());
  EXPECT_THAT(
      SkillsOf(
          {Use("1", "exec_command",
               R"({"cmd":"cat .agents/skills/a/SKILL.md && python3 '.agents/skills/a/run.py' | tee out"})"),
           Result("1", ToolStatus::kOk)}),
      UnorderedElementsAre("a loaded .agents/skills/a/SKILL.md", "a opened .agents/skills/a/run.py"));
  EXPECT_THAT(
      SkillsOf({Use("1", "shell", R"({"command":["bash","-lc","echo x > .agents/skills/a/SKILL.md"]})"),
                Result("1", ToolStatus::kOk)}),
      IsEmpty());
}

TEST(SkillFactsTest, LoadedByNameOrHandedOver) {
  std::string base = "Base directory for this skill: /w/.claude/skills/pdf\n\n# PDF";
  Fact user;
  user.kind = FactKind::kUser;
  user.session_id = "s";
  user.user = UserTurn{.text = base, .text_bytes = 9, .is_meta = true};
  std::vector<Fact> called = {Use("1", "Skill", R"({"skill":"pdf"})"), Result("1", ToolStatus::kOk), user};
  EXPECT_THAT(SkillsOf(called), ElementsAre("pdf loaded /w/.claude/skills/pdf/SKILL.md"));
  std::ranges::reverse(called);
  EXPECT_THAT(SkillsOf(called), ElementsAre("pdf loaded /w/.claude/skills/pdf/SKILL.md"));
  EXPECT_THAT(SkillsOf({user}), ElementsAre("pdf loaded /w/.claude/skills/pdf/SKILL.md"));
  // A person may write anything.
  user.user->is_meta = false;
  EXPECT_THAT(SkillsOf({user}), IsEmpty());
  user.user = UserTurn{
      .text = "<skill>\n<name>plan</name>\n<path>/h/.codex/skills/plan/SKILL.md</path>\ntext</skill>",
      .text_bytes = 9,
      .is_meta = true};
  EXPECT_THAT(SkillsOf({user}), ElementsAre("plan loaded /h/.codex/skills/plan/SKILL.md"));
}

TEST(SkillFactsTest, ListsNameTheirFiles) {
  std::string text =
      "## Skills\n- plan: Makes plans. (file: /h/.codex/skills/plan/SKILL.md)\n- x:y: Other. (file: "
      "/h/y/SKILL.md)\n"
      "### How to use skills\n- Discovery: the list above.\n- not a name: x (file: /z)\n";
  auto listed = ListedSkills(text, true);
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].name, "plan");
  EXPECT_EQ(listed[0].path, "/h/.codex/skills/plan/SKILL.md");
  EXPECT_EQ(listed[1].name, "x:y");
  EXPECT_EQ(ListedSkills("- a: x\n- b: y", false).size(), 2u);
}

TEST(SkillFactsTest, CodexListsInItsInstructions) {
  Collected log;
  ReadText(
      kCodex,
      R"({"timestamp":"2026-01-01T00:00:00Z","type":"session_meta","payload":{"id":"t1","timestamp":"2026-01-01T00:00:00Z"}})"
      "\n"
      R"({"timestamp":"2026-01-01T00:00:01Z","type":"response_item","payload":{"type":"message","role":"developer","content":[{"type":"input_text","text":"<skills_instructions>\n- plan: Makes plans. (file: /h/.codex/skills/plan/SKILL.md)\n</skills_instructions>"}]}})"
      "\n",
      &log);
  auto sessions = AssembleSessions(log.facts);
  ASSERT_EQ(sessions.size(), 1u);
  ASSERT_EQ(sessions[0].skills.size(), 1u);
  EXPECT_EQ(sessions[0].skills[0].stage, SkillStage::kListed);
}

// Every skilled recording of a client loads the skill of the kit; others do what their script does.
TEST(SkillFactsTest, RecordingsLoadTheirSkill) {
  fs::path clients = test::SharedData() / "clients";
  if (!fs::exists(clients)) GTEST_SKIP() << "no shared data at " << clients;
  struct Case {
    const Importer* importer;
    std::string folder;
    size_t listed;
  };
  for (const Case& c :
       {Case{&kClaudeCode, "claude-code/main/dot-claude", 14},
        Case{&kClaudeCode, "claude-code/otlp-json/dot-claude", 14},
        Case{&kClaudeCode, "claude-code/otlp-grpc/dot-claude", 14}, Case{&kCodex, "codex/main/sessions", 1},
        Case{&kCodex, "codex/otlp-json/sessions", 1}, Case{&kCodex, "codex/otlp-grpc/sessions", 1}}) {
    SCOPED_TRACE(c.folder);
    Collected log;
    for (const fs::path& path : test::FilesBelow(clients / c.folder)) {
      if (path.extension() == ".jsonl") test::ReadLog(*c.importer, path, &log);
    }
    auto sessions = AssembleSessions(log.facts);
    ASSERT_EQ(sessions.size(), 1u);
    EXPECT_EQ(sessions[0].skills.size(), c.listed);
    auto skill = std::ranges::find(sessions[0].skills, "orders-summary", &SkillUse::name);
    ASSERT_NE(skill, sessions[0].skills.end());
    EXPECT_EQ(skill->stage, SkillStage::kLoaded);
    EXPECT_THAT(skill->path, testing::EndsWith("skills/orders-summary/SKILL.md"));
    EXPECT_FALSE(skill->call.empty());
  }
}

}  // namespace
}  // namespace clawtrace::capture

#include "distill/model/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distill/model/model_test_util.h"
#include "skill/blocks.h"

namespace clawtrace::distill {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class AnswerTest : public testing::Test {
 protected:
  CheckedAnswer Check(const std::string& text) {
    AnswerGround ground{.session = session_,
                        .session_name = "s1",
                        .skill = skill_,
                        .pinned = pinned_,
                        .outside = outside_,
                        .redact = redact_,
                        .fixes = fixes_};
    return CheckAnswer(text, ground);
  }
  // The first reason, "" when there is none.
  std::string Against(const std::string& text) {
    CheckedAnswer checked = Check(text);
    EXPECT_EQ(checked.answer.has_value(), checked.reasons.empty());
    return checked.reasons.empty() ? "" : checked.reasons.front();
  }
  std::string AgainstEdit(const std::string& edit) {
    return Against(AnswerJson(LessonJson("s1", "Read the header of a table first."), edit));
  }

  EvidenceSession session_ = SomeSession("s1", Verdict::kSuccess);
  SkillDir skill_ = SomeSkill();
  std::set<std::string> pinned_;
  Outside outside_;
  Redact redact_;
  std::vector<std::string> fixes_ = {"", "make.py\nprint(1)\n"};
};

TEST_F(AnswerTest, TakesWhatHolds) {
  std::string text =
      "Here it is:\n```json\n" + AnswerJson(LessonJson("s1", "Read the header of a table first.")) + "\n```";
  CheckedAnswer checked = Check(text);
  ASSERT_TRUE(checked.answer.has_value()) << checked.reasons.front();
  ASSERT_THAT(checked.answer->lessons, SizeIs(1));
  EXPECT_EQ(checked.answer->lessons[0].statement, "Read the header of a table first.");
  EXPECT_THAT(checked.answer->lessons[0].steps, ElementsAre("4"));
  EXPECT_EQ(Against(R"({"lessons":[]})"), "");
  // Strings within arguments count as they read.
  EXPECT_EQ(Against(AnswerJson(LessonJson("s1", R"(Give --dialect \"excel\" as the library knows it.)",
                                          R"(--dialect \"excel\")", "6"))),
            "");
}

TEST_F(AnswerTest, AConditionIsWhatStandsBehindWhen) {
  auto condition = [&](const std::string& said) {
    std::string lesson = LessonJson("s1", "Read the header of a table first.");
    constexpr std::string_view kNone = R"("condition":"")";
    lesson.replace(lesson.find(kNone), kNone.size(), R"("condition":")" + said + "\"");
    CheckedAnswer checked = Check(AnswerJson(lesson));
    return checked.answer ? checked.answer->lessons.at(0).condition : checked.reasons.at(0);
  };
  EXPECT_EQ(condition("when the person gives no id"), "the person gives no id");
  EXPECT_EQ(condition("If the person gives no id."), "the person gives no id");
  EXPECT_EQ(condition("the person gives no id"), "the person gives no id");
  EXPECT_EQ(condition(""), "");
  EXPECT_THAT(condition("a file has <img src=x onerror=1>"), HasSubstr("HTML"));
}

TEST_F(AnswerTest, SaysWhatDoesNotHold) {
  const std::string fine = "Read the header of a table first.";
  const std::pair<std::string, std::string_view> samples[] = {
      {"I could not find anything.", "no JSON object"},
      {"[]", "no JSON object"},
      {R"({"lessons":{}})", "is no list"},
      {AnswerJson(LessonJson("s1", "Read a.csv <img src=x onerror=1> first.", "a.csv")), "it holds HTML"},
      {R"({"lessons":[],"notes":1})", "no member \"notes\""},
      {AnswerJson(LessonJson("s1", fine, "a.csv", "99")), "there is no step \"s1#99\""},
      {AnswerJson(LessonJson("s2", fine)), "there is no step \"s2#4\""},
      {AnswerJson(LessonJson("s1", fine, "b.csv")), "does not contain the object \"b.csv\""},
      {AnswerJson(LessonJson("s1", fine, "a")), "object has at least 4 letters"},
      // What stands in every call speaks for no rule, and what the rule does not name speaks for another.
      {AnswerJson(LessonJson("s1", fine, R"({\")")), "object has at least 4 letters"},
      {AnswerJson(LessonJson("s1", fine, R"(command\":)", "2")), "object has at least 4 letters"},
      {AnswerJson(LessonJson("s1", "Never run the test suite.", "a.csv")), "stands neither in the statement"},
      {AnswerJson(LessonJson("s1", "Short")), "list item"},
      {AnswerJson(LessonJson("s1", "One line.\\n\\n# And a heading")), "list item"},
      {AnswerJson(LessonJson("s1", "Read it.<!-- hidden -->")), "list item"},
      {AnswerJson(LessonJson("s1", std::string(500, 'x'))), "longer than 400 bytes"},
      {AnswerJson(LessonJson("s1", fine, "a.csv", "4", R"(,"grade":"E4")")), "no member \"grade\""},
      {AnswerJson(LessonJson("s1", fine, "a.csv", "4", R"(,"fix":1)")), "its fix is none"},
      {AnswerJson(LessonJson("s1", fine, "a.csv", "4", R"(,"fix":3)")), "its fix is none"},
      {AnswerJson(LessonJson("s1", fine, "a.csv", "4", R"(,"fix":2)")), "nowhere in the tried fix"},
      {R"({"lessons":[{"statement":"Read the header of a table.","polarity":"maybe","object":"a.csv","evidence":["s1#4"]}]})",
       "polarity"},
      {R"({"lessons":[{"statement":"Read the header of a table.","polarity":"do","object":"a.csv","evidence":[]}]})",
       "cites no evidence"},
      {AnswerJson(LessonJson("s1", fine) + "," + LessonJson("s1", fine) + "," + LessonJson("s1", fine) + "," +
                  LessonJson("s1", fine) + "," + LessonJson("s1", fine)),
       "there are 5 lessons"}};
  for (const auto& [text, reason] : samples) EXPECT_THAT(Against(text), HasSubstr(reason)) << text;
  EXPECT_EQ(Against(AnswerJson(
                LessonJson("s1", "Call make.py with a known dialect.", "make.py", "6", R"(,"fix":2)"))),
            "");
}

TEST_F(AnswerTest, ResolvesAnchorsToOneBlock) {
  std::string hash = skill::HashOfBlock(skill::BlockKind::kItem, "Read the header first.");
  for (const std::string& anchor :
       {std::string(R"("old_text":"- Read the header first.")"),
        std::string(R"("old_text":"Read  the header first.")"), "\"block_hash\":\"" + hash + "\"",
        "\"block_hash\":\"" + hash.substr(0, 16) + "\""}) {
    std::string edit =
        R"({"op":"replace_in_section","file":"SKILL.md","new_text":"- Read the header and the types first.",)" +
        anchor + "}";
    CheckedAnswer checked = Check(AnswerJson(LessonJson("s1", "Read the header of a table first."), edit));
    ASSERT_TRUE(checked.answer.has_value()) << checked.reasons.front();
    const PatchEdit& made = checked.answer->lessons[0].edits.at(0);
    EXPECT_EQ(made.block_hash, hash);
    EXPECT_EQ(made.heading_path, "Tables > Workflow");
  }
}

TEST_F(AnswerTest, RefusesEditsThatCannotBeMade) {
  skill_.files["SKILL.md"] += "\n## Twice\n\n- Same.\n- Same.\n";
  pinned_.insert(skill::HashOfBlock(skill::BlockKind::kItem, "Look before you write."));
  const std::pair<std::string, std::string_view> samples[] = {
      {R"({"op":"remove","file":"SKILL.md","old_text":"Not there."})", "means 0 blocks"},
      {R"({"op":"remove","file":"SKILL.md","old_text":"Same."})", "means 2 blocks"},
      {R"({"op":"remove","file":"SKILL.md","old_text":"Look before you write."})", "pinned"},
      {R"({"op":"delete_section","file":"SKILL.md","heading_path":"Tables > Workflow"})", "pinned"},
      {R"({"op":"remove","file":"SKILL.md"})", "names no block"},
      {R"({"op":"remove","file":"SKILL.md","block_hash":"ab"})", "at least 16 digits"},
      {R"({"op":"create","file":"scripts/run.sh","new_text":"x"})", "out of bounds"},
      {R"({"op":"create","file":"../x.md","new_text":"x"})", "out of bounds"},
      {R"({"op":"create","file":"references/csv.md","new_text":"x"})", "is there already"},
      {R"({"op":"delete_file","file":"SKILL.md"})", "neither created nor deleted"},
      {R"({"op":"append_to_section","file":"SKILL.md","heading_path":"Nowhere","new_text":"- Do it."})",
       "there are 0 sections"},
      {R"({"op":"add_section","file":"SKILL.md","heading_path":"Tables > Notes","new_text":"- Do it."})",
       "already"},
      {R"({"op":"append_to_section","file":"SKILL.md","heading_path":"Tables > Notes","new_text":"<!-- x -->"})",
       "HTML"},
      {R"({"op":"append_to_section","file":"SKILL.md","heading_path":"Tables > Notes","new_text":"# Top"})",
       "heading"},
      {R"({"op":"append_to_section","file":"SKILL.md","heading_path":"Tables > Notes","new_text":"```\nopen"})",
       "fence open"},
      {R"({"op":"append_to_section","file":"SKILL.md","heading_path":"Tables > Notes","new_text":"---\nname: x\n---\n"})",
       "front matter"},
      {R"({"op":"run","file":"SKILL.md","new_text":"x"})", "no such op"},
      {R"({"lesson":3,"op":"remove","file":"SKILL.md","old_text":"Same."})", "number of a lesson"}};
  for (const auto& [edit, reason] : samples) EXPECT_THAT(AgainstEdit(edit), HasSubstr(reason)) << edit;
  std::string large =
      R"({"op":"create","file":"references/a.md","new_text":")" + std::string(7000, 'x') + "\"}";
  EXPECT_THAT(AgainstEdit(large), HasSubstr("tokens"));
}

}  // namespace
}  // namespace clawtrace::distill

#include "skill/edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/text.h"
#include "model/archive.h"
#include "skill/decisions.h"
#include "skill/ownership.h"
#include "skill/skill.h"

namespace clawtrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kText =
    "---\nname: demo\ndescription: d\n---\n\n# Demo\n\nIntro.\n\n## Rules\n\n- a\n- a long rule\n- b\n  - "
    "b1\n  - "
    "b2\n- c\n\n```sh\n# Rules\n- a\n```\n\n## Twice\n\nfirst\n\n### Deep\n\ntext\n\n## "
    "Twice\n\nsecond\n\n## "
    "Last\n\nend\n";

Patch WithEdits(const std::string& id, std::vector<PatchEdit> edits) {
  Patch patch;
  patch.schema = "patch/1", patch.id = id, patch.patch_kind = PatchKind::kRepair;
  patch.tasks = {"t1", "t2"}, patch.support = 2, patch.evidence_grade = "E2";
  patch.edits = std::move(edits);
  return patch;
}

SkillDir Demo() {
  return {"demo",
          {{"SKILL.md", kText + "\n- See references/old.md\n"}, {"references/old.md", "# Old\n\n- known\n"}}};
}

struct Outcome {
  std::string text;
  std::vector<std::string> reasons;
  SkillDir skill;
};
Outcome Do(std::vector<PatchEdit> edits, const SkillDir& base = Demo(), bool edit_others = true) {
  auto result =
      ApplyPlan(base, {.patches = {WithEdits("repair-x", std::move(edits))}, .edit_others = edit_others});
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  if (!result) return {};
  Outcome out{result->skill.files.at("SKILL.md"), {}, result->skill};
  for (const EditEntry& entry : result->ledger) out.reasons.push_back(entry.reason);
  return out;
}
PatchEdit Edit(EditOp op, const std::string& path, const std::string& old_text, const std::string& new_text) {
  return {op, "SKILL.md", path, "", old_text, new_text};
}
// The text with one piece put in the place of another.
std::string Changed(const std::string& from, const std::string& to) {
  std::string text = Demo().files.at("SKILL.md");
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(EditsTest, AnAnchorThatEndsInANewlineGluesNothing) {
  Outcome out = Do({Edit(EditOp::kInsertAfter, "", "- c\n", "- new rule")});
  EXPECT_EQ(out.text, Changed("- c\n", "- c\n- new rule\n"));
  EXPECT_THAT(out.reasons, ElementsAre("added"));
  out = Do({Edit(EditOp::kInsertAfter, "", "first\n", "More.\n\n\n")});
  EXPECT_EQ(out.text, Changed("first\n", "first\n\nMore.\n"));
}

TEST(EditsTest, AnAnchorNeverMeansAPartOfALine) {
  Outcome out = Do({Edit(EditOp::kInsertAfter, "Rules", "- a", "- new")});
  EXPECT_EQ(out.text, Changed("- a\n- a long rule\n", "- a\n- new\n- a long rule\n"));
  EXPECT_THAT(Do({Edit(EditOp::kInsertAfter, "", "- a lo", "- new")}).reasons,
              ElementsAre("anchor_not_found"));
  EXPECT_THAT(Do({Edit(EditOp::kReplace, "", "a long rule", "A longer rule.")}).text,
              Changed("- a long rule\n", "- A longer rule.\n"));
}

TEST(EditsTest, CodeIsNoStructure) {
  Outcome out = Do({Edit(EditOp::kAppendToSection, "Demo > Rules", "", "- appended")});
  EXPECT_EQ(out.text, Changed("- a\n```\n", "- a\n```\n\n- appended\n"));
  EXPECT_THAT(Do({Edit(EditOp::kRemove, "", "# Rules", "")}).reasons, ElementsAre("would_change_structure"))
      << "means the heading, whose text would come under another one";
  EXPECT_EQ(Do({Edit(EditOp::kReplace, "", "```sh\n# Rules\n- a\n```", "```sh\nls\n```")}).text,
            Changed("```sh\n# Rules\n- a\n```", "```sh\nls\n```"));
}

TEST(EditsTest, AMissingHeadingIsMadeWithItsNameOrNotAtAll) {
  Outcome out = Do({Edit(EditOp::kAppendToSection, "Checks", "", "- appended")});
  EXPECT_EQ(out.text, Demo().files.at("SKILL.md") + "\n## Checks\n\n- appended\n");
  EXPECT_THAT(out.reasons, ElementsAre("section_added"));
  out = Do({Edit(EditOp::kAddSection, "Demo > Rules > Deeper", "", "### Deeper\n\ntext")});
  EXPECT_EQ(out.text, Changed("- a\n```\n", "- a\n```\n\n### Deeper\n\ntext\n"));
  for (const char* path : {"", " # ", "Nowhere > Deeper"}) {
    out = Do({Edit(EditOp::kAppendToSection, path, "", "- appended")});
    EXPECT_EQ(out.text, Demo().files.at("SKILL.md")) << path;
    ASSERT_EQ(out.reasons.size(), 1u);
    EXPECT_THAT(out.reasons[0], HasSubstr("section_")) << path;
  }
}

TEST(EditsTest, ADuplicateHeadingIsAmbiguous) {
  Outcome out = Do({Edit(EditOp::kAppendToSection, "Twice", "", "- x"),
                    Edit(EditOp::kInsertAfter, "Twice", "second", "- y"),
                    Edit(EditOp::kAddSection, "Last", "", "- z")});
  EXPECT_THAT(out.reasons, ElementsAre("section_ambiguous", "added", "added"));
  EXPECT_THAT(out.text, HasSubstr("second\n\n- y\n"));
  EXPECT_EQ(out.text.find("## Last"), out.text.rfind("## Last"));
}

TEST(EditsTest, AnAnchorThatStandsTwiceNeedsItsHeading) {
  SkillDir base{"demo", {{"SKILL.md", "# T\n\n## One\n\n- same\n\n## Two\n\n- same\n"}}};
  Outcome out = Do({Edit(EditOp::kInsertAfter, "", "- same", "- new")}, base);
  EXPECT_THAT(out.reasons, ElementsAre("anchor_ambiguous"));
  EXPECT_EQ(out.skill.files, base.files);
  out = Do({Edit(EditOp::kInsertAfter, "T > Two", "- same", "- new")}, base);
  EXPECT_EQ(out.text, base.files.at("SKILL.md") + "- new\n");
}

TEST(EditsTest, AFileIsCreatedWithItsLink) {
  PatchEdit create{EditOp::kCreateFile, "references/new.md", "", "", "", "# New\n\n- x\n"};
  Outcome out = Do({create});
  EXPECT_EQ(out.skill.files.at("references/new.md"), "# New\n\n- x\n");
  EXPECT_THAT(out.text, HasSubstr("\n## References\n\n- More: [references/new.md](references/new.md)\n"));
  // One that the patch links itself gets no second link, in whatever order the edits come.
  out = Do({Edit(EditOp::kAppendToSection, "Last", "", "- See references/new.md."), create});
  EXPECT_THAT(out.reasons, ElementsAre("added", "created"));
  EXPECT_EQ(out.text.find("## References"), std::string::npos);
  EXPECT_THAT(Do({Edit(EditOp::kAppendToSection, "Last", "", "- See references/none.md.")}).reasons,
              ElementsAre("dangling_link"));
  PatchEdit remove{EditOp::kDeleteFile, "references/old.md", "", "", "", ""};
  out = Do({remove});
  EXPECT_FALSE(out.skill.files.contains("references/old.md"));
  EXPECT_EQ(out.text.find("old.md"), std::string::npos);
  SkillDir sentence = Demo();
  sentence.files["SKILL.md"] += "\nRead references/old.md first.\n";
  out = Do({remove}, sentence);
  EXPECT_THAT(out.reasons, ElementsAre("still_linked"));
  EXPECT_EQ(out.skill.files, sentence.files);
}

TEST(EditsTest, NothingLeavesTheSkill) {
  for (const char* file : {"../x.md", "/etc/x.md", "references/../../x.md", "scripts/x.py", "LICENSE.txt",
                           "references/a/b.md", "references/.md", ".clawtrace/provenance.json", "SKILL.MD"}) {
    PatchEdit create{EditOp::kCreateFile, file, "", "", "", "# x\n\ny\n"};
    Outcome out = Do({create});
    EXPECT_THAT(out.reasons, ElementsAre("file_not_editable")) << file;
    EXPECT_EQ(out.skill.files, Demo().files) << file;
  }
}

TEST(EditsTest, TextThatWouldBeMoreThanItself) {
  for (const char* text :
       {"```\nopen", "<!-- open", "<div>\n\nx", "- x <!-- hidden -->", "a\x1b[31mb", "zero\xe2\x80\x8bwidth",
        "", "  \n", "# Takes over", "~~~~\nx\n~~~", "---\nname: x\n---\n", "[x]: http://e.org\n```"}) {
    Outcome out = Do({Edit(EditOp::kInsertAfter, "Rules", "- a", text)});
    EXPECT_EQ(out.skill.files, Demo().files) << text;
    ASSERT_EQ(out.reasons.size(), 1u) << text;
    EXPECT_NE(out.reasons[0], "added") << text;
  }
}

TEST(EditsTest, SectionsAndItemsGoWithoutTheirNeighbours) {
  EXPECT_EQ(Do({Edit(EditOp::kDeleteSection, "Deep", "", "")}).text, Changed("### Deep\n\ntext\n\n", ""));
  EXPECT_EQ(Do({Edit(EditOp::kRemove, "", "- a long rule", "")}).text, Changed("- a long rule\n", ""));
  EXPECT_EQ(Do({Edit(EditOp::kInsertAfter, "", "- b", "- new")}).text,
            Changed("  - b2\n", "  - b2\n- new\n"));
  EXPECT_EQ(Do({Edit(EditOp::kInsertAfter, "", "- b1", "- new")}).text,
            Changed("  - b1\n", "  - b1\n  - new\n"));
  EXPECT_EQ(Do({Edit(EditOp::kInsertBefore, "", "## Last", "words")}).text,
            Changed("## Last\n", "words\n\n## Last\n"));
  EXPECT_EQ(Do({Edit(EditOp::kReplace, "", "## Last", "## Final")}).text, Changed("## Last\n", "## Final\n"));
  EXPECT_EQ(Do({Edit(EditOp::kReplace, "", "- a\n- a long rule", "- one")}).text,
            Changed("- a\n- a long rule\n", "- one\n"));
  EXPECT_THAT(Do({Edit(EditOp::kReplace, "", "--- name: demo description: d ---", "x")}).reasons,
              ElementsAre("anchor_not_found"));
}

TEST(EditsTest, AreDoneOnce) {
  std::vector<PatchEdit> edits = {Edit(EditOp::kReplace, "", "- a long rule", "- other words"),
                                  Edit(EditOp::kInsertAfter, "", "- nothing like it", "- new"),
                                  Edit(EditOp::kRemove, "", "- c", "")};
  Outcome once = Do(edits);
  EXPECT_THAT(once.reasons, ElementsAre("added", "anchor_not_found", "removed"));
  Outcome twice = Do(edits, once.skill);
  EXPECT_EQ(twice.skill.files, once.skill.files);
  EXPECT_THAT(twice.reasons, ElementsAre("already_applied", "already_applied", "already_applied"));
  // What somebody takes back stays away.
  SkillDir reverted = once.skill;
  reverted.files["SKILL.md"] = Demo().files.at("SKILL.md");
  EXPECT_EQ(Do(edits, reverted).text, Demo().files.at("SKILL.md"));
}

TEST(EditsTest, RulesOfOursCanBeTakenOut) {
  Patch rule;
  rule.id = "prune-a", rule.rule = "Read a file once.", rule.section = "Cost";
  for (const std::string& text : {kText, std::string("# T"), std::string("# T\n\n## Cost\n\n- theirs\n")}) {
    SkillDir base{"demo", {{"SKILL.md", text}}};
    auto with = ApplyPatches(base, {rule});
    ASSERT_TRUE(with);
    auto without = ApplyPlan(with->skill, {.patches = {}, .removals = {"prune-a", "prune-unknown"}});
    ASSERT_TRUE(without);
    EXPECT_EQ(Trim(without->skill.files.at("SKILL.md")), Trim(text));
    EXPECT_FALSE(without->skill.files.contains(".clawtrace/history/prune-a.yaml"));
    EXPECT_EQ(ApplyPatches(without->skill, {rule})->skill.files.at("SKILL.md"),
              with->skill.files.at("SKILL.md"));
  }
}

// Without leave an edit adds lines or does nothing, whatever it says and whatever the document is.
TEST(EditsTest, NoEditTouchesAByteOfOthers) {
  const std::vector<std::string> pieces = {
      "# A\n",        "## B\n",         "### C\n",  "text\n",        "\n",
      "- item\n",     "  - sub\n",      "1. one\n", "```\nx\n```\n", "> quote\n",
      "    code\n",   "| t |\n|---|\n", "---\n",    "\n\n",          "- two\n",
      "other text\n", "```\n",          "<!--\n",   "\r\n"};
  const skill::Provenance none;
  const skill::Ownership nothing(none, {});
  size_t done = 0, refused = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (size_t i = random() % 14; i > 0; --i) text += pieces[random() % pieces.size()];
    std::vector<skill::Block> blocks = skill::ParseBlocks(text);
    PatchEdit edit = Edit(static_cast<EditOp>(random() % 9), random() % 2 ? "B" : "", "",
                          random() % 2 ? "- new" : "New text.");
    if (!blocks.empty()) edit.block_hash = blocks[random() % blocks.size()].hash;
    std::map<std::string, skill::Editor> files = {{"SKILL.md", skill::Editor(text)}};
    EditEntry entry = skill::FileEdits(&files, &nothing).Do(edit);
    ASSERT_TRUE(files.contains("SKILL.md"));
    const std::string& after = files.at("SKILL.md").text();
    size_t head = 0, tail = 0, least = std::min(text.size(), after.size());
    while (head < least && text[head] == after[head]) ++head;
    while (tail < least - head && text[text.size() - 1 - tail] == after[after.size() - 1 - tail]) ++tail;
    ASSERT_EQ(text.size(), head + tail) << NameOf(edit.op) << "\n" << text << "\n->\n" << after;
    done += entry.fate == EditFate::kApplied ? 1 : 0, refused += entry.reason == "not_ours" ? 1 : 0;
  }
  EXPECT_GT(done, 200u);
  EXPECT_GT(refused, 200u);
}

TEST(EditsTest, WhatTheSkillSaysInOtherWordsGetsARecordAndNoText) {
  Patch rule;
  rule.id = "prune-a", rule.rule = "Read a file once.", rule.tasks = {"t1"}, rule.support = 1;
  SkillPlan plan{.patches = {rule}, .covered = {{"prune-a", skill::HashOfRule("a long rule")}}};
  auto result = ApplyPlan(Demo(), plan);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->skill.files.at("SKILL.md"), Demo().files.at("SKILL.md"));
  EXPECT_THAT(result->skill.files.at(".clawtrace/provenance.json"), HasSubstr("\"was_there\""));
  EXPECT_EQ(result->ledger.at(0).reason, "covered");
}

TEST(EditsTest, WhatOthersWroteIsChangedOnlyWhenAPersonAsks) {
  const std::vector<PatchEdit> edits = {Edit(EditOp::kReplace, "", "- a long rule", "- shorter"),
                                        Edit(EditOp::kReplace, "", "## Last", "## Final"),
                                        Edit(EditOp::kRemove, "", "- c", ""),
                                        Edit(EditOp::kDeleteSection, "Deep", "", ""),
                                        {EditOp::kDeleteFile, "references/old.md", "", "", "", ""}};
  for (const PatchEdit& edit : edits) {
    Outcome out = Do({edit}, Demo(), false);
    EXPECT_THAT(out.reasons, ElementsAre("not_ours")) << NameOf(edit.op);
    EXPECT_EQ(out.skill.files, Demo().files) << NameOf(edit.op);
    EXPECT_NE(Do({edit}).skill.files, Demo().files) << NameOf(edit.op);
  }
  // What we wrote may be changed and taken out, with the heading and the file that came with it.
  PatchEdit create{EditOp::kCreateFile, "references/new.md", "", "", "", "# New\n\n- x\n"};
  SkillDir ours = Do({create, Edit(EditOp::kAddSection, "Checks", "", "- ours")}, Demo(), false).skill;
  auto later = [&](const PatchEdit& edit) {
    auto result = ApplyPatches(ours, {WithEdits("repair-y", {edit})});
    return result ? result->ledger.at(0).reason : result.error().message;
  };
  EXPECT_EQ(later(Edit(EditOp::kReplace, "", "- ours", "- better")), "added");
  EXPECT_EQ(later(Edit(EditOp::kDeleteSection, "Checks", "", "")), "removed");
  EXPECT_EQ(later({EditOp::kDeleteFile, "references/new.md", "", "", "", ""}), "deleted");
  ours.files["SKILL.md"] += "\nTheirs below our heading.\n";
  ours.files["references/new.md"] += "\nTheirs.\n";
  EXPECT_EQ(later({EditOp::kDeleteFile, "references/new.md", "", "", "", ""}), "not_ours");
}

TEST(EditsTest, WhatIsPinnedStaysWhoeverAsks) {
  SkillDir base = Demo();
  skill::Decisions decisions;
  for (const char* text : {"c", "known"})
    decisions.pins.push_back({skill::HashOfBlock(skill::BlockKind::kItem, text), "", "Ann"});
  skill::KeepDecisions(decisions, &base);
  EXPECT_THAT(Do({Edit(EditOp::kRemove, "", "- c", "")}, base).reasons, ElementsAre("pinned"));
  EXPECT_THAT(Do({Edit(EditOp::kDeleteSection, "Rules", "", "")}, base).reasons, ElementsAre("pinned"));
  PatchEdit file{EditOp::kDeleteFile, "references/old.md", "", "", "", ""};
  EXPECT_THAT(Do({file}, base).reasons, ElementsAre("pinned"));
  EXPECT_THAT(Do({Edit(EditOp::kRemove, "", "- b2", "")}, base).reasons, ElementsAre("removed"));
  // A rule of ours keeps the words that were pinned, though its patch has better ones.
  Patch rule;
  rule.id = "prune-a", rule.rule = "Read a file once.", rule.section = "Cost";
  SkillDir ours = ApplyPatches(Demo(), {rule})->skill;
  decisions.pins = {{skill::HashOfBlock(skill::BlockKind::kItem, rule.rule), "prune-a", ""}};
  skill::KeepDecisions(decisions, &ours);
  rule.rule = "Read it once.";
  auto again = ApplyPatches(ours, {rule});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->skill.files.at("SKILL.md"), ours.files.at("SKILL.md"));
  EXPECT_EQ(again->ledger.at(0).reason, "pinned");
  EXPECT_EQ(ApplyPatches(again->skill, {rule})->skill.files, again->skill.files);
}

TEST(EditsTest, HeadingsComeByOperationsOfTheirOwn) {
  for (EditOp op :
       {EditOp::kInsertAfter, EditOp::kInsertBefore, EditOp::kAppendToSection, EditOp::kReplace}) {
    for (const char* text : {"# Owned", "- x\n\n## Owned\n\ny", "Owned\n=====", "x\n\nOwned\n---"}) {
      Outcome out = Do({Edit(op, op == EditOp::kAppendToSection ? "Rules" : "", "- a long rule", text)});
      EXPECT_THAT(out.reasons, ElementsAre("adds_heading")) << NameOf(op) << "\n" << text;
      EXPECT_EQ(out.skill.files, Demo().files) << text;
    }
  }
  EXPECT_THAT(Do({Edit(EditOp::kAddSection, "New", "", "## New\n\nx\n\n## Owned\n\ny")}).reasons,
              ElementsAre("adds_heading"));
  for (const char* text : {"x <img src=y>", "` <b>x", "- [a](b) <!-- y", "<https://evil.example>"}) {
    Outcome out = Do({Edit(EditOp::kInsertAfter, "", "- a long rule", text)});
    EXPECT_EQ(out.skill.files, Demo().files) << text;
  }
  EXPECT_THAT(Do({Edit(EditOp::kInsertAfter, "", "- a long rule", "- `mkdir -p <dir>`")}).reasons,
              ElementsAre("added"));
}

// Any edits of any document: each leaves one entry, the blocks are the old ones without what was taken and
// with what was given, and all lines that stay are the same bytes.
TEST(EditsTest, HoldTheirPropertiesOnRandomDocuments) {
  const std::vector<std::string> pieces = {
      "# A\n",        "## B\n",         "### C\n",  "text\n",        "\n",
      "- item\n",     "  - sub\n",      "1. one\n", "```\nx\n```\n", "> quote\n",
      "    code\n",   "| t |\n|---|\n", "---\n",    "\n\n",          "- two\n",
      "other text\n", "```\n",          "<!--\n",   "\r\n"};
  const std::vector<std::string> texts = {"- new",          "New text.", "- n1\n- n2",
                                          "```\ncode\n```", "## H\n\nt", "> q"};
  const std::vector<EditOp> ops = {EditOp::kAppendToSection, EditOp::kInsertAfter, EditOp::kInsertBefore,
                                   EditOp::kReplace,         EditOp::kRemove,      EditOp::kAddSection,
                                   EditOp::kDeleteSection};
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (size_t i = random() % 14; i > 0; --i) text += pieces[random() % pieces.size()];
    std::vector<skill::Block> blocks = skill::ParseBlocks(text);
    PatchEdit edit =
        Edit(ops[random() % ops.size()], random() % 2 ? "B" : "", "", texts[random() % texts.size()]);
    if (!blocks.empty()) edit.block_hash = blocks[random() % blocks.size()].hash;
    skill::Editor editor(text);
    std::map<std::string, skill::Editor> files = {{"SKILL.md", editor}};
    skill::FileEdits edits(&files);
    EditEntry entry = edits.Do(edit);
    const std::string& after = files.at("SKILL.md").text();
    if (entry.fate != EditFate::kApplied) {
      ASSERT_EQ(after, text) << entry.reason;
      ASSERT_FALSE(entry.reason.empty());
      continue;
    }
    size_t head = 0, tail = 0;
    size_t least = std::min(text.size(), after.size());
    while (head < least && text[head] == after[head]) ++head;
    while (tail < least - head && text[text.size() - 1 - tail] == after[after.size() - 1 - tail]) ++tail;
    bool takes =
        edit.op == EditOp::kRemove || edit.op == EditOp::kDeleteSection || edit.op == EditOp::kReplace;
    if (!takes) {
      ASSERT_EQ(text.size(), head + tail) << "changes more than it adds:\n" << text << "\n->\n" << after;
    }
    std::multiset<std::string> was, is;
    for (const skill::Block& block : blocks) was.insert(block.hash);
    for (const skill::Block& block : skill::ParseBlocks(after)) is.insert(block.hash);
    for (const skill::Block& block : skill::ParseBlocks(edit.new_text)) {
      bool given = !takes;  // words for an item become one
      ASSERT_TRUE(!given || is.contains(block.hash));
    }
    if (!takes) {
      ASSERT_TRUE(std::includes(is.begin(), is.end(), was.begin(), was.end())) << text << "\n->\n" << after;
    }
  }
}

}  // namespace
}  // namespace clawtrace

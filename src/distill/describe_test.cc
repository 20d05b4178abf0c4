#include "distill/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "distill/audit/triggers.h"
#include "distill/merge/merge.h"
#include "skill/front_matter.h"

namespace clawtrace::distill {
namespace {

using testing::HasSubstr;
using testing::Not;

EvidenceBase Sessions(size_t count, const std::vector<std::string>& done) {
  EvidenceBase base;
  base.sessions.resize(count);
  for (EvidenceSession& session : base.sessions) {
    for (const std::string& what : done) {
      EvidenceStep& step = session.steps.emplace_back();
      step.kind = StepKind::kToolUse, step.signature.coarse = what, step.tool = "zanzibar";
    }
  }
  return base;
}

SkillListing NewSkill(const std::string& name, const EvidenceBase& base) {
  Patch rule;
  rule.id = "prune-1", rule.patch_kind = PatchKind::kPrune, rule.section = "Cost control";
  rule.rule = "List a folder once.", rule.evidence_grade = "E2", rule.support = 3;
  rule.tasks = {"a", "b", "c"}, rule.counterfactual_grade = "C1", rule.high_cost = true;
  auto merged = MergePatches({name, {}, {}}, {rule}, {.work = WorkIn(base)});
  EXPECT_TRUE(merged);
  auto matter = skill::ReadFrontMatter(merged->skill.files["SKILL.md"]);
  return {matter.Text("name").value_or(""), matter.Text("description").value_or("")};
}

TEST(Describe, TellsWhatTheSessionsDo) {
  EXPECT_EQ(WorkIn({}), "");
  EXPECT_EQ(WorkIn(Sessions(2, {"reply", "plan"})), "");
  EXPECT_EQ(WorkIn(Sessions(2, {"tool:get_user", "tool"})), "calling the tools that a service offers");
  EXPECT_EQ(WorkIn(Sessions(1, {"exec", "read", "edit", "check", "fetch"})),
            "reading files, editing files, running commands, running checks and fetching web pages");
}

TEST(Describe, WhatFewSessionsDoIsNotWhatTheSkillIsFor) {
  EvidenceBase base = Sessions(9, {"read"});
  EvidenceBase rare = Sessions(1, {"fetch"});
  base.sessions.push_back(rare.sessions[0]);
  EXPECT_EQ(WorkIn(base), "looking through files and fetching web pages");
  base.sessions.resize(9), base.sessions.resize(20, base.sessions[0]);
  base.sessions.push_back(rare.sessions[0]);
  EXPECT_EQ(WorkIn(base), "looking through files");
  std::ranges::reverse(base.sessions);
  EXPECT_EQ(WorkIn(base), "looking through files");
}

TEST(Describe, ANewSkillSaysItsNameAndItsWork) {
  SkillListing service = NewSkill("airline-desk", Sessions(3, {"tool:book"}));
  EXPECT_THAT(service.description, HasSubstr("airline desk"));
  EXPECT_THAT(service.description, HasSubstr("calling the tools that a service offers"));
  EXPECT_THAT(service.description, Not(HasSubstr("files")));
  EXPECT_THAT(service.description, Not(HasSubstr("zanzibar")));
  EXPECT_THAT(NewSkill("airline-desk", {}).description, HasSubstr("Use for airline desk"));
  constexpr size_t kMostDescription = 1024;
  EvidenceBase all = Sessions(1, {"exec", "read", "edit", "check", "fetch", "tool:x"});
  EXPECT_LT(NewSkill(std::string(64, 'x'), all).description.size(), kMostDescription);
}

TEST(Describe, SkillsOfOneFolderAreToldApart) {
  EvidenceBase base = Sessions(3, {"read", "edit", "exec", "check"});
  constexpr int64_t kWarnedAt = 70, kBlockedAt = 90;
  auto rank_of = [&](const std::string& a, const std::string& b) {
    return RankTrigger(NewSkill(a, base), {NewSkill(b, base)});
  };
  EXPECT_EQ(rank_of("weekly-reports", "game-server").rank, 1u);
  EXPECT_LT(rank_of("weekly-reports", "game-server").rival_percent, kWarnedAt);
  // Names of one word, of a word that descriptions of ours have, and with much in common.
  for (const auto& [a, b] : {std::pair("api", "web"),
                             {"lessons", "repo-a"},
                             {"repo-a", "lessons"},
                             {"repo-a", "repo-b"},
                             {"use", "steps"}}) {
    EXPECT_EQ(rank_of(a, b).rank, 1u) << a << " " << b;
    EXPECT_LT(rank_of(a, b).rival_percent, kBlockedAt) << a << " " << b;
  }
}

TEST(Describe, AnExistingDescriptionStays) {
  SkillDir base{"demo", {{"SKILL.md", "---\nname: demo\ndescription: d\n---\n\n# Demo\n\nText.\n"}}, {}};
  Patch rule;
  rule.id = "prune-1", rule.patch_kind = PatchKind::kPrune, rule.section = "Cost control";
  rule.rule = "List a folder once.", rule.evidence_grade = "E2", rule.support = 3;
  auto merged = MergePatches(base, {rule}, {.work = "reading files"});
  ASSERT_TRUE(merged);
  EXPECT_THAT(merged->skill.files.at("SKILL.md"), HasSubstr("description: d\n"));
  auto told = MergePatches({"demo", {}, {}}, {rule},
                           {.candidates = true, .description = "For ledgers.", .work = "reading files"});
  ASSERT_TRUE(told);
  EXPECT_THAT(told->skill.files.at("SKILL.md"), HasSubstr("description: For ledgers.\n"));
  auto fresh = MergePatches({"demo", {}, {}}, {rule}, {.candidates = true, .work = "reading files"});
  ASSERT_TRUE(fresh);
  auto again = MergePatches(fresh->skill, {rule}, {.candidates = true, .work = "running commands"});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->skill.files, fresh->skill.files);
}

}  // namespace
}  // namespace clawtrace::distill

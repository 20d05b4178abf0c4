#include "distill/unmended.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "distill/distill.h"

namespace clawtrace::distill {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

EvidenceStep Ran(const std::string& id, const std::string& command, const std::string& output,
                 const std::string& error_class = "") {
  EvidenceStep step;
  step.id = id, step.call_id = "call_" + id, step.kind = StepKind::kToolUse, step.tool = "bash";
  step.args = "{\"command\":\"" + command + "\"}", step.output = output, step.error_class = error_class;
  step.status = error_class.empty() ? ToolStatus::kOk : ToolStatus::kError;
  step.signature.coarse = command.starts_with("grep") ? "search" : "exec";
  return step;
}

EvidenceSession Of(const std::string& task, Verdict outcome, std::vector<EvidenceStep> steps) {
  EvidenceSession session;
  session.task = task, session.task_stated = true, session.outcome = outcome;
  session.card.schema = "tracecard/1", session.card.task_id = task;
  session.card.session_id = task + (outcome == Verdict::kSuccess ? "-good" : "-bad");
  session.card.source_hash = "hash-" + session.card.session_id;
  session.steps = std::move(steps);
  return session;
}

std::vector<std::string> Kinds(std::vector<EvidenceStep> steps) {
  EvidenceSession session = Of("t", Verdict::kFailure, std::move(steps));
  std::vector<std::string> kinds;
  for (const UnmendedFailure& failure : UnmendedFailures(session))
    kinds.push_back(failure.step->id + " " + failure.kind);
  return kinds;
}

TEST(UnmendedTest, WhatWorkedLaterIsMended) {
  EXPECT_THAT(Kinds({Ran("2", "sh a.sh", "cp: b: No such file or directory"), Ran("4", "echo 3 > n", "")}),
              ElementsAre("2 missing_file"));
  EXPECT_THAT(Kinds({Ran("2", "sh a.sh", "cp: b: No such file or directory"), Ran("4", "sh a.sh", "")}),
              IsEmpty());
  EXPECT_THAT(Kinds({Ran("2", "./t -x", "", "test_failure"), Ran("4", "./t -x | tail -n 1", "OK")}),
              IsEmpty());
  EXPECT_THAT(
      Kinds({Ran("2", "./t -x", "", "test_failure"), Ran("4", "./t -x | tail -n 1", "FAILED (errors=1)")}),
      ElementsAre("2 test_failure", "4 test_failure"));
  EXPECT_THAT(Kinds({Ran("2", "./t", "", "network"), Ran("4", "grep x y", "", "nonzero_exit")}), IsEmpty());
}

TEST(UnmendedTest, ARepairThatTheCardKnowsMends) {
  EvidenceSession session = Of("t", Verdict::kFailure, {Ran("2", "python x", "", "missing_command:python")});
  EXPECT_EQ(UnmendedFailures(session).size(), 1u);
  FailedStep& failed = session.card.failed_or_repaired_steps.emplace_back();
  failed.step = "2", failed.repaired_by = "4";
  EXPECT_THAT(UnmendedFailures(session), IsEmpty());
}

TEST(UnmendedTest, WhoAsksForAToolIsAnswered) {
  EXPECT_THAT(Kinds({Ran("2", "python --version", "", "missing_command:python")}), IsEmpty());
  EXPECT_THAT(Kinds({Ran("2", "cd a; which node npm", "", "nonzero_exit")}), IsEmpty());
  EXPECT_THAT(Kinds({Ran("2", "python tools/sq.py", "", "missing_command:python")}),
              ElementsAre("2 missing_command:python"));
}

TEST(UnmendedTest, LinesOfALogThatWasReadAreNoFailure) {
  EvidenceStep look = Ran("2", "cat app.log", "ERROR: disk full\nok\n");
  look.read_only = true;
  EXPECT_THAT(Kinds({look, Ran("4", "python3 count.py", "ERROR: disk full\n")}), IsEmpty());
  EXPECT_THAT(Kinds({Ran("4", "python3 count.py", "ERROR: disk full\n")}), ElementsAre("4 error"));
}

const Patch* Ignored(const std::vector<Patch>& patches) {
  for (const Patch& patch : patches) {
    if (patch.signature == "failure:ignored_failure") return &patch;
  }
  return nullptr;
}

// Two tasks; in both a session passes that was left with the failures `left`, and one fails that ignored one.
std::vector<Patch> Contrast(const std::vector<EvidenceStep>& left) {
  std::vector<EvidenceSession> sessions;
  for (const char* task : {"a", "b"}) {
    sessions.push_back(Of(task, Verdict::kSuccess, left));
    sessions.push_back(
        Of(task, Verdict::kFailure, {Ran("6", "./t", "", "test_failure"), Ran("8", "ls", "x")}));
  }
  return ProposePatches(Gather(std::move(sessions)));
}

TEST(IgnoredFailureTest, IsWhatFailingSessionsWereLeftWithAndPassingOnesWereNot) {
  std::vector<Patch> patches = Contrast({Ran("2", "python x", "", "missing_command:python")});
  const Patch* patch = Ignored(patches);
  ASSERT_NE(patch, nullptr) << "another kind of failure in the passing sessions does not excuse it";
  EXPECT_EQ(patch->support, 2);
  EXPECT_EQ(patch->evidence_grade, "E2");
  ASSERT_EQ(patch->target_steps.size(), 2u);
  EXPECT_EQ(patch->target_steps[0].call_id, "call_6");
  EXPECT_THAT(patch->rule, HasSubstr("do not report success while a failure stands"));

  patches = Contrast({Ran("2", "./other", "", "test_failure")});
  EXPECT_EQ(Ignored(patches), nullptr) << "sessions pass that were left with such a failure";

  EvidenceStep look = Ran("2", "cat other", "", "test_failure");
  look.read_only = true;
  EXPECT_NE(Ignored(Contrast({look})), nullptr) << "a look that failed does not excuse work that failed";
}

}  // namespace
}  // namespace clawtrace::distill

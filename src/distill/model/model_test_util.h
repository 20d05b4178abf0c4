#pragma once
// Sessions, skills and answers for tests of the model-backed analysts.
#include <fmt/core.h>

#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "distill/model/prompts.h"
#include "skill/skill.h"

namespace clawtrace::distill {

inline EvidenceStep ToolStep(const std::string& id, const std::string& tool, const std::string& args,
                             const std::string& output, bool failed = false) {
  EvidenceStep step;
  step.id = id, step.call_id = "call_" + id, step.kind = StepKind::kToolUse, step.tool = tool;
  step.args = args, step.output = output;
  step.signature.medium = tool + "|-|ok";
  step.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) step.error_class = "missing_file";
  return step;
}

inline EvidenceSession SomeSession(const std::string& id, Verdict outcome, const std::string& task = "") {
  EvidenceSession session;
  session.card.schema = "tracecard/1", session.card.session_id = id, session.card.agent = "demo";
  session.card.source_hash = "hash-" + id;
  session.task = task.empty() ? "task-" + id : task;
  session.prompt = "Convert the table into a report.";
  session.outcome = outcome;
  session.steps.push_back(ToolStep("2", "bash", R"({"command":"ls -la"})", "a.csv\nb.csv"));
  session.steps.push_back(ToolStep("4", "read", R"({"path":"a.csv"})", "x;y\n1;2"));
  session.steps.push_back(ToolStep("6", "bash", R"({"command":"python3 make.py --dialect \"excel\""})",
                                   "no such dialect", outcome != Verdict::kSuccess));
  return session;
}

inline SkillDir SomeSkill() {
  return {
      .name = "tables",
      .files = {
          {"SKILL.md",
           "---\nname: tables\ndescription: Work with tables.\n---\n# Tables\n\n## Workflow\n\n- Read the "
           "header first.\n- Look before you write.\n\n## Notes\n\nSee references/csv.md.\n"},
          {"references/csv.md", "# CSV\n\n- Mind the delimiter.\n"}}};
}

inline Prompts SomePrompts() {
  return {.success = "Study the success.", .error = "Study the error.", .format_fix = "Mend it."};
}

inline std::string LessonJson(const std::string& session, const std::string& statement,
                              const std::string& object = "read", const std::string& step = "4",
                              const std::string& more = "") {
  return fmt::format(
      R"({{"statement":"{}","polarity":"do","condition":"","object":"{}","evidence":["{}#{}"]{}}})",
      statement, object, session, step, more);
}

inline std::string AnswerJson(const std::string& lessons, const std::string& edits = "") {
  return fmt::format(R"({{"lessons":[{}],"edits":[{}]}})", lessons, edits);
}

}  // namespace clawtrace::distill

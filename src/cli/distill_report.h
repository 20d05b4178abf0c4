#pragma once
// One page for the person who decides about a distilled skill: what it rests on, what it changes, what it is
// expected to save, what was held back and why.
#include <string>
#include <vector>

#include "distill/evidence_base.h"
#include "distill/merge/report.h"
#include "distill/seed.h"
#include "model/patch.h"
#include "skill/skill.h"

namespace clawtrace::cli {

// What the audit or the model-backed analysts had to say, as they print it.
struct ReportLine {
  std::string mark;  // "blocks", "warns", "waived", "job failed"
  std::string text;
};

struct DistillRun {
  std::string skill;  // where the result stands or would stand
  SkillDir standing;  // what stood there when the run began
  const distill::EvidenceBase* base = nullptr;
  std::vector<distill::SeedVerdict> advice;
  std::vector<Patch> patches;
  distill::MergeReport merge;
  std::vector<ReportLine> audit, jobs, noticed;
  int64_t attempts = 0;           // texts that noticed is about
  std::vector<std::string> gold;  // texts of right results: no literal of them may reach a skill
  bool blocked = false;
  bool writes = false;         // the result: neither blocked nor only looked at
  bool models_failed = false;  // they were asked, and every job failed
  std::string diff;
};

// What leaving out all steps that were not needed or failed comes to, over judged sessions.
struct LeanSummary {
  int64_t sessions = 0;  // that passed, were replayed and have a known cost
  Usd recorded, lean;
};
LeanSummary SummariseLean(const distill::EvidenceBase& base);

enum class PageFormat { kMarkdown, kHtml };
// Self-contained: the HTML has no scripts and loads nothing. Texts of traces are shown as text only.
std::string DistillPage(const DistillRun& run, PageFormat format);

}  // namespace clawtrace::cli

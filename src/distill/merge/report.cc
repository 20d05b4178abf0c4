#include "distill/merge/report.h"

#include <fmt/core.h>

#include <set>

#include "model/archive.h"

namespace clawtrace::distill {

template <class A>
void Describe(A& a, MergeInput& i) {
  a.Field("patch_id", i.patch_id), a.Field("edit", i.edit), a.Field("patch_kind", i.patch_kind);
  a.Field("fate", i.fate), a.Field("reason", i.reason), a.Field("rule", i.rule), a.Field("detail", i.detail);
  a.Field("rebased", i.rebased);
}
constexpr bool IsRow(const MergeInput&) { return true; }

template <class A>
void Describe(A& a, MergedRule& r) {
  a.Field("id", r.id), a.Field("patch_kind", r.patch_kind), a.Field("fate", r.fate);
  a.Field("reason", r.reason), a.Field("file", r.file), a.Field("section", r.section);
  a.Field("counterfactual_grade", r.counterfactual_grade), a.Field("evidence_grade", r.evidence_grade);
  a.Field("support", r.support), a.Field("exposed", r.exposed), a.Field("support_low_ppm", r.support_low_ppm);
  a.Field("expected_savings_usd", r.expected_savings_usd), a.Field("tokens", r.tokens);
  a.Field("members", r.members), a.Field("reworded", r.reworded);
}

template <class A>
void Describe(A& a, MergeConflict& c) {
  a.Field("type", c.type), a.Field("rules", c.rules), a.Field("resolution", c.resolution);
  a.Field("winner", c.winner), a.Field("rationale", c.rationale);
}

template <class A>
void Describe(A& a, MergeReport& r) {
  a.Field("schema", r.schema), a.Field("base_skill_hash", r.base_skill_hash);
  a.Field("skill_hash", r.skill_hash), a.Field("patches", r.patches), a.Field("edits", r.edits);
  a.Field("written", r.written), a.Field("in_skill", r.in_skill), a.Field("candidates", r.candidates);
  a.Field("held", r.held), a.Field("removed", r.removed), a.Field("blocked", r.blocked);
  a.Field("without", r.without), a.Field("rules", r.rules), a.Field("conflicts", r.conflicts);
  a.Field("inputs", r.inputs), a.Field("removed_rules", r.removed_rules), a.Field("notes", r.notes);
}

std::string GradeText(const MergedRule& rule) {
  bool prune = rule.patch_kind == PatchKind::kPrune && !rule.counterfactual_grade.empty();
  return prune ? rule.counterfactual_grade + " " + rule.evidence_grade : rule.evidence_grade;
}

std::string SupportText(const MergedRule& rule) {
  return rule.exposed ? fmt::format("{} of {} tasks", rule.support, *rule.exposed)
                      : fmt::format("{} task{}", rule.support, rule.support == 1 ? "" : "s");
}

std::string_view FateText(MergeFate fate, bool writes) {
  return fate == MergeFate::kWritten && !writes ? "to write" : NameOf(fate);
}

std::vector<const MergeInput*> LeftOver(const MergeReport& report) {
  std::set<std::string_view> told;
  for (const MergedRule& rule : report.rules) {
    told.insert(rule.id);
    told.insert(rule.members.begin(), rule.members.end());
  }
  std::vector<const MergeInput*> left;
  for (const MergeInput& input : report.inputs) {
    bool done = input.fate == MergeFate::kWritten || input.fate == MergeFate::kInSkill;
    if (!done && !told.contains(input.patch_id)) left.push_back(&input);
  }
  return left;
}

std::vector<std::string> WrittenRules(const MergeReport& report) {
  std::vector<std::string> ids;
  for (const MergedRule& rule : report.rules) {
    if (rule.fate == MergeFate::kWritten) ids.push_back(rule.id);
  }
  return ids;
}

void WriteMergeReport(const MergeReport& report, DocWriter* out) { WriteArchive(out).Put(report); }

std::string EncodeMergeReport(const MergeReport& report, bool json) {
  return Encode(report, json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
}

Result<MergeReport> DecodeMergeReport(std::string_view text, std::string_view name) {
  auto report = Decode<MergeReport>(text, name);
  if (report && report->schema != "merge-report/1") {
    return Fail(ErrorCode::kUnsupported, fmt::format("{}: schema {} is not known", name, report->schema),
                "this version reads merge-report/1");
  }
  return report;
}

}  // namespace clawtrace::distill

#include "cli/distill_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/doc_writer.h"
#include "cli/table.h"
#include "model/archive.h"

namespace clawtrace::cli {
namespace {

void PrintPatches(const std::vector<Patch>& patches, bool json, std::ostream& out) {
  for (const Patch& patch : patches) {
    std::string text = EncodePatch(patch, json);
    out << (json ? "" : "---\n") << text << (text.ends_with('\n') ? "" : "\n");
  }
}

// "4 of 5 tasks, q 0.111"
std::string SupportWithRate(const DistillRun& run, const distill::MergedRule& rule) {
  // Of all that say the same: which of them speaks for the others has no effect on what was mined.
  std::optional<int64_t> q_ppm;
  for (const Patch& patch : run.patches) {
    bool member = patch.effect && std::ranges::binary_search(rule.members, patch.id);
    if (member) q_ppm = std::min(q_ppm.value_or(patch.effect->q_ppm), patch.effect->q_ppm);
  }
  constexpr double kMillion = 1e6;
  std::string support = distill::SupportText(rule);
  return q_ppm ? support + fmt::format(", q {:.3f}", static_cast<double>(*q_ppm) / kMillion) : support;
}

void TellFates(const DistillRun& run, std::ostream& err) {
  for (const distill::MergedRule& rule : run.merge.rules) {
    err << fmt::format("{:<14}{:<10}{:<22}{:<7}{:<24}{}\n", FateText(rule.fate, run.writes),
                       NameOf(rule.patch_kind), rule.id, distill::GradeText(rule), SupportWithRate(run, rule),
                       rule.reason);
  }
  std::vector<const distill::MergeInput*> left = LeftOver(run.merge);
  for (const distill::MergeInput* input : left) {
    std::string detail = input->detail.empty() ? "" : ": " + Printable(input->detail);
    err << fmt::format("{:<14}{:<10}{:<22}{}{}\n", FateText(input->fate, run.writes),
                       NameOf(input->patch_kind), input->patch_id, input->reason, detail);
  }
  for (const ReportLine& line : run.audit)
    err << fmt::format("audit         {}: {}\n", Printable(line.mark), Printable(line.text));
  if (!run.noticed.empty())
    err << fmt::format(
        "noticed       {} texts of sessions try something with their reader, and none of it reaches a rule; "
        "--report and --json list them, the first: {} in {}\n",
        run.attempts, run.noticed.front().mark, Printable(run.noticed.front().text));
  for (const distill::MergeConflict& conflict : run.merge.conflicts) {
    std::string rules;
    for (const std::string& rule : conflict.rules) rules += (rules.empty() ? "" : ", ") + rule;
    std::string stays = conflict.winner.empty() ? "" : "; " + conflict.winner + " stays";
    err << fmt::format("conflict      {} of {}: {}{}\n", NameOf(conflict.type), Printable(rules),
                       Printable(conflict.rationale), Printable(stays));
  }
  std::string refused = left.empty() ? "" : fmt::format(", {} refused", left.size());
  err << fmt::format("{} sessions, {} patches: {} {}, {} there before, {} candidates{}; skill {}\n",
                     run.base->sessions.size(), run.patches.size(), run.merge.written,
                     FateText(distill::MergeFate::kWritten, run.writes), run.merge.in_skill,
                     run.merge.candidates, refused, run.skill);
}

// What a script asks for.
void PrintJson(const DistillRun& run, std::ostream& out) {
  DocWriter json(DocWriter::Format::kJson);
  json.BeginObject();
  json.Field("schema", "distill/1");
  json.Field("skill", run.skill);
  json.Field("sessions", std::ssize(run.base->sessions));
  json.Field("tasks", std::ssize(run.base->Tasks()));
  json.Key("blocked"), json.Bool(run.blocked);
  LeanSummary lean = SummariseLean(*run.base);
  json.Key("lean");
  json.BeginObject();
  json.Field("sessions", lean.sessions);
  json.Key("recorded_usd"), json.Number(lean.recorded.ToDecimal());
  json.Key("lean_usd"), json.Number(lean.lean.ToDecimal());
  json.EndObject();
  json.Key("advice");
  json.BeginArray();
  for (const distill::SeedVerdict& verdict : run.advice) {
    json.BeginObject();
    json.Field("check", verdict.check), json.Field("advice", NameOf(verdict.advice));
    json.Field("text", verdict.text);
    json.EndObject();
  }
  json.EndArray();
  for (const auto& [key, lines] :
       {std::pair("audit", &run.audit), std::pair("jobs", &run.jobs), std::pair("noticed", &run.noticed)}) {
    json.Key(key);
    json.BeginArray();
    for (const ReportLine& line : *lines) {
      json.BeginObject();
      json.Field("mark", line.mark), json.Field("text", line.text);
      json.EndObject();
    }
    json.EndArray();
  }
  json.Field("diff", run.diff);
  json.Key("merge");
  WriteMergeReport(run.merge, &json);
  json.EndObject();
  out << json.Take() << "\n";
}

}  // namespace

bool TellAdvice(const std::vector<distill::SeedVerdict>& advice, std::ostream& err) {
  bool stop = false;
  for (const distill::SeedVerdict& verdict : advice) {
    std::string_view mark = verdict.advice == distill::Advice::kDoNot  ? "do not"
                            : verdict.advice == distill::Advice::kGoOn ? "ok"
                                                                       : "unknown";
    err << fmt::format("{:<8}{:<22}{}\n", mark, verdict.check, verdict.text);
    stop = stop || verdict.advice == distill::Advice::kDoNot;
  }
  return stop;
}

void PrintDistill(const Arguments& arguments, const DistillRun& run, const World& world) {
  if (arguments.Has("--patches"))
    PrintPatches(run.patches, arguments.Has("--json"), *world.out);
  else if (arguments.Has("--json"))
    PrintJson(run, *world.out);
  else
    *world.out << run.diff;
  TellFates(run, *world.err);
}

}  // namespace clawtrace::cli

#include "cli/replay_text.h"

#include <fmt/core.h>

#include "cli/table.h"
#include "model/archive.h"

namespace clawtrace::cli {
namespace {

constexpr int kPlaces = 6;

std::string Money(const std::optional<Usd>& usd) { return usd ? "$" + usd->ToDecimal(kPlaces) : "unknown"; }

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out.empty() ? "none" : out;
}

void PrintState(std::ostream& out, const ReplayReport& report) {
  if (report.workspace == "none") {
    out << "workspace   none: steps that may have written something stay undecided (--workspace)\n";
  } else {
    std::string fidelity = report.fidelity_ppm ? fmt::format("{}.{:03}", *report.fidelity_ppm / 1'000'000,
                                                             *report.fidelity_ppm % 1'000'000 / 1000)
                                               : "unknown";
    out << fmt::format("executed    {} of {} comparable results as recorded (fidelity {})\n", report.matched,
                       report.comparable, fidelity);
    if (!report.first_divergence.empty())
      out << "            first difference: " << Printable(report.first_divergence) << "\n";
    for (const std::string& gap : report.workspace_gaps)
      out << "            workspace rebuilt from the trace, unknown: " << Printable(gap) << "\n";
  }
  if (report.oracle) {
    out << fmt::format("oracle      {}: {} on the start, {} on the recording executed again\n",
                       Printable(report.oracle->id), report.oracle->start, report.oracle->recorded);
    for (const std::string& check : report.oracle->failed_checks)
      out << "            failed: " << Printable(check) << "\n";
  } else if (report.workspace != "none") {
    out << "oracle      none: files are compared, outcomes are not (--oracle)\n";
  }
  if (!report.closed.empty()) out << "undecided   " << Printable(report.closed) << "\n";
}

void PrintSteps(std::ostream& out, const ReplayReport& report, const std::string& only) {
  std::vector<std::vector<std::string>> rows;
  for (const StepVerdict& step : report.steps) {
    if (!only.empty() && step.step != only) continue;
    std::string why = step.reason + (step.failed ? " (it failed)" : "");
    if (!step.files_differ.empty()) why += "; other at the end: " + Joined(step.files_differ);
    rows.push_back({step.step, std::string(NameOf(step.verdict)), step.grade, Money(step.attributed_cost_usd),
                    step.savings_usd ? Money(step.savings_usd) : "", step.target, why});
  }
  out << "\n";
  PrintTable(
      out, {{"step", true}, {"verdict"}, {"grade"}, {"cost", true}, {"saves alone", true}, {"what"}, {"why"}},
      rows);
}

std::string Percent(const std::optional<LiveShare>& share) {
  constexpr int64_t kPerPercent = 10'000;
  if (!share) return "unknown";
  auto whole = [](int64_t ppm) { return (ppm + (ppm < 0 ? -kPerPercent : kPerPercent) / 2) / kPerPercent; };
  return fmt::format("{} % ({} to {})", whole(share->ppm), whole(share->low_ppm), whole(share->high_ppm));
}

void PrintArm(std::ostream& out, std::string_view name, const LiveArm& arm) {
  out << fmt::format(
      "{:<12}{} of {} do the same, {} on the same target: {}; {} do something else, {} answer, {} failed\n",
      name, arm.same_action, arm.asked, arm.same_signature, Percent(arm.signature), arm.other, arm.answered,
      arm.errors);
}

void PrintLive(std::ostream& out, const LiveCheck& live) {
  out << fmt::format("\nasked again {} of {}; then it was step {}: {}\n", Printable(live.model),
                     live.provider, live.next_step, Printable(live.next_action));
  PrintArm(out, "without it", live.without);
  PrintArm(out, "with all", live.control);
  out << fmt::format("difference  {} (95 %); beside the verdict, not part of it\n", Percent(live.difference));
  out << fmt::format("cost        {} for {} calls{}\n", Money(live.cost_usd), live.calls,
                     live.calls_unpriced > 0 ? fmt::format(", {} of unknown cost", live.calls_unpriced) : "");
  if (!live.stopped.empty()) out << "stopped     " << Printable(live.stopped) << "\n";
  if (!live.error.empty()) out << "first error " << Printable(live.error) << "\n";
  for (const std::string& note : live.notes) out << "note        " << Printable(note) << "\n";
}

void PrintMinimal(std::ostream& out, const MinimalTrace& minimal, const ReplayReport& report) {
  out << fmt::format("\nsmallest    {} tool uses in {} LLM calls ({} as they were recorded): {} of {}{}\n",
                     minimal.kept.size(), minimal.llm_calls, minimal.llm_calls_as_recorded,
                     Money(minimal.cost_usd), Money(report.total_cost_usd),
                     minimal.outcome_checked ? "; executed, and the oracle passes" : "");
  if (minimal.cost_without_undecided_usd && minimal.cost_without_undecided_usd != minimal.cost_usd)
    out << fmt::format("at best     {}, were nothing needed of what replay cannot decide; not executed\n",
                       Money(minimal.cost_without_undecided_usd));
  out << "keeps       " << Joined(minimal.kept) << "\ndrops       " << Joined(minimal.dropped) << "\n";
}

void PrintFailure(std::ostream& out, const FailureExplanation& failure) {
  out << "\nwent wrong  " << (failure.step.empty() ? "" : fmt::format("step {}: ", failure.step))
      << Printable(failure.reason) << "\n";
  if (!failure.files.empty()) out << "left        " << Printable(Joined(failure.files)) << "\n";
  if (!failure.passes_without.empty())
    out << "passes      without any one of: " << Joined(failure.passes_without) << "\n";
  if (!failure.ignored.empty())
    out << "ignored     failures that nothing repaired: " << Joined(failure.ignored) << "\n";
}

}  // namespace

void PrintReplay(std::ostream& out, const ReplayReport& report, const ReplayTextOptions& options) {
  out << fmt::format("session     {} ({})\n", Printable(report.session_id), Printable(report.agent));
  PrintState(out, report);
  out << fmt::format("verdicts    needed {} ({}), not needed {} ({}), unknown {} ({})\n", report.needed,
                     Money(report.needed_usd), report.not_needed, Money(report.not_needed_usd),
                     report.unknown, Money(report.unknown_usd));
  if (report.out_of_budget) out << "            the time allowed was over: not everything was tried\n";
  for (const std::string& note : report.notes) out << "note        " << Printable(note) << "\n";
  if (!options.minimal_only) PrintSteps(out, report, options.step);
  for (const StepVerdict& step : report.steps) {
    if (step.live) PrintLive(out, *step.live);
  }
  if (options.step.empty() && report.minimal) PrintMinimal(out, *report.minimal, report);
  if (report.failure) PrintFailure(out, *report.failure);
}

}  // namespace clawtrace::cli

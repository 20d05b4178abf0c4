#include "cli/grading.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/table.h"
#include "model/archive.h"

namespace clawtrace::cli {
namespace {

using replay::Check;
using replay::Judgement;
using replay::OracleRun;

// "0.25" of 250000 millionths.
std::string Decimal(int64_t ppm) {
  constexpr int64_t kMillion = 1'000'000;
  std::string text = fmt::format("{}.{:06}", ppm / kMillion, ppm % kMillion);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text;
}

void WriteText(DocWriter* w, std::string_view key, const std::string& text) {
  if (!text.empty()) w->Field(key, text);
}

void WriteScore(DocWriter* w, std::optional<int64_t> ppm) {
  w->Key("score");
  if (ppm)
    w->Number(Decimal(*ppm));
  else
    w->Null();
}

void WriteChecks(DocWriter* w, const Judgement& judgement) {
  w->Key("checks"), w->BeginArray();
  for (const Check& check : judgement.checks) {
    w->BeginObject();
    w->Field("name", check.name), w->Key("passed"), w->Bool(check.passed);
    if (check.score_ppm) WriteScore(w, check.score_ppm);
    constexpr int64_t kMillion = 1'000'000;
    if (check.weight_ppm != kMillion) w->Key("weight"), w->Number(Decimal(check.weight_ppm));
    WriteText(w, "message", check.message), WriteText(w, "evidence", check.evidence);
    w->EndObject();
  }
  w->EndArray();
  if (judgement.checks_left_out > 0) w->Field("checks_left_out", judgement.checks_left_out);
}

void WriteOracle(DocWriter* w, const replay::OracleResult& oracle) {
  w->Key("oracle"), w->BeginObject();
  w->Field("name", oracle.oracle), w->Field("sha256", oracle.sha256);
  w->Key("runs"), w->BeginArray();
  for (const OracleRun& run : oracle.runs) {
    constexpr int64_t kNsPerMs = 1'000'000;
    w->BeginObject();
    w->Field("status", NameOf(run.status)), WriteScore(w, run.score_ppm);
    w->Field("exit_code", int64_t{run.exit_code}), w->Field("wall_ms", run.wall_ns / kNsPerMs);
    WriteText(w, "format", run.format), WriteText(w, "output_tail", run.output_tail);
    w->EndObject();
  }
  w->EndArray();
  w->Key("entropy_bits"), w->Number(Decimal(oracle.entropy_ppm));
  w->EndObject();
}

Verdict VerdictOf(const Grading& grading) { return OutcomeOf(grading.judgement, grading.judge).verdict; }

}  // namespace

std::string GradingJson(const Grading& grading) {
  const Judgement& judgement = grading.judgement;
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  WriteText(&w, "session_id", grading.session_id), WriteText(&w, "agent", grading.agent);
  WriteText(&w, "task_id", grading.task), w.Field("judge", grading.judge);
  w.Field("outcome", NameOf(VerdictOf(grading))), w.Field("status", NameOf(judgement.status));
  WriteScore(&w, judgement.score_ppm), WriteText(&w, "message", judgement.message);
  if (judgement.tests_run) w.Field("tests_run", *judgement.tests_run);
  WriteChecks(&w, judgement);
  if (!judgement.metrics.empty()) {
    w.Key("metrics"), w.BeginObject();
    for (const auto& [name, value] : judgement.metrics) w.Key(name), w.Number(fmt::format("{}", value));
    w.EndObject();
  }
  if (grading.oracle) WriteOracle(&w, *grading.oracle);
  w.Key("stored"), w.Bool(!grading.stored.empty());
  WriteText(&w, "problem", grading.problem);
  w.EndObject();
  return w.Take();
}

Status FindGraded(store::Store& store, const replay::JudgedRun& run, Grading* grading) {
  grading->task = run.task;
  if (!run.session.empty()) {
    auto view = history::FindSession(store, kLocalTenant, run.session);
    // A start of an id is for people; a report means what it says.
    if (view && view->card.session_id == run.session) {
      grading->session_id = view->card.session_id, grading->agent = view->card.agent;
      return {};
    }
  }
  if (run.task.empty()) {
    grading->problem = run.session.empty()
                           ? "the report names no session; --session SESSION does"
                           : fmt::format("the store has no session {}", Printable(run.session));
    return {};
  }
  store::ListRequest request;
  request.filter.task_id = run.task, request.limit = 2;
  auto page = history::ListSessions(store, kLocalTenant, request);
  if (!page) return std::unexpected(page.error());
  if (page->sessions.size() == 1) {
    grading->session_id = page->sessions.front().card.session_id;
    grading->agent = page->sessions.front().card.agent;
  } else {
    grading->problem = fmt::format("{} of the store {} the task {}",
                                   page->sessions.empty() ? "no session" : "several sessions",
                                   page->sessions.empty() ? "has" : "have", Printable(run.task));
  }
  return {};
}

Status StoreGrading(const LocalStore& local, const capture::Redactor* redactor, Grading* grading) {
  if (VerdictOf(*grading) == Verdict::kUnknown) {
    grading->problem = "it says nothing about the outcome";
    return {};
  }
  history::Judged judged;
  judged.session_id = grading->session_id;
  judged.outcome = OutcomeOf(grading->judgement, grading->judge);
  grading->stored = local.path;
  judged.evidence = GradingJson(*grading);
  if (redactor) redactor->Text(&judged.evidence);
  Status put = history::PutOutcome(*local.store, kLocalTenant, judged, NowNs());
  if (!put) grading->stored.clear();
  return put;
}

namespace {

std::string ScoreText(const Judgement& judgement) {
  if (!judgement.score_ppm || judgement.status == replay::OracleStatus::kPass) return "";
  return fmt::format(", score {}", Decimal(*judgement.score_ppm));
}

void PrintChecks(const Judgement& judgement, std::ostream& out) {
  constexpr size_t kMostShown = 20, kMostText = 200;
  size_t failed = 0;
  for (const Check& check : judgement.checks) {
    if (check.passed || ++failed > kMostShown) continue;
    std::string why = check.message.empty() ? check.evidence : check.message;
    out << fmt::format("  failed   {}{}{}\n", Printable(check.name), why.empty() ? "" : ": ",
                       Printable(PrefixUtf8(FirstLine(why), kMostText)));
  }
  if (failed > kMostShown) out << fmt::format("  and {} more; --json prints them\n", failed - kMostShown);
}

void PrintOracle(const replay::OracleResult& oracle, std::ostream& out) {
  constexpr size_t kShortHash = 12;
  out << fmt::format("oracle   {} (sha256 {})\n", Printable(oracle.oracle),
                     oracle.sha256.substr(0, kShortHash));
  if (oracle.runs.size() > 1)
    out << fmt::format("runs     {}, entropy {} bits\n", oracle.runs.size(), Decimal(oracle.entropy_ppm));
}

}  // namespace

void PrintGrading(const Grading& grading, std::ostream& out) {
  const Judgement& judgement = grading.judgement;
  if (!grading.session_id.empty())
    out << fmt::format("session  {} ({})\n", Printable(grading.session_id), Printable(grading.agent));
  if (grading.oracle) PrintOracle(*grading.oracle, out);
  auto passed = std::ranges::count(judgement.checks, true, &Check::passed);
  std::string checks = judgement.checks.empty()
                           ? ""
                           : fmt::format(", {} of {} checks passed", passed, judgement.checks.size());
  out << fmt::format("verdict  {}{}{}{}{}\n", NameOf(judgement.status), ScoreText(judgement), checks,
                     judgement.message.empty() ? "" : ": ", Printable(FirstLine(judgement.message)));
  PrintChecks(judgement, out);
  bool could_not = judgement.status == replay::OracleStatus::kError;
  if (could_not && grading.oracle && !grading.oracle->runs.front().output_tail.empty()) {
    constexpr size_t kMostLines = 10;
    auto lines = Split(Trim(grading.oracle->runs.front().output_tail), '\n');
    size_t from = lines.size() > kMostLines ? lines.size() - kMostLines : 0;
    for (size_t i = from; i < lines.size(); ++i) out << "  | " << Printable(lines[i]) << "\n";
  }
  out << fmt::format("outcome  {}{}\n", NameOf(VerdictOf(grading)),
                     grading.stored.empty() ? ", not stored" : ", stored");
  if (!grading.problem.empty()) out << fmt::format("         {}\n", grading.problem);
}

}  // namespace clawtrace::cli

// Common Test Report Format: results.tests[] {name, status, message}, results.summary. docs/oracles.md.
#include <cstdint>

#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kFiles[] = {"verifier/ctrf.json", "ctrf.json", "verifier/ctrf-report.json",
                                       "ctrf-report.json"};

// Of a report without single tests.
Judgement OfSummary(Json summary) {
  auto passed = summary["passed"].integer(), failed = summary["failed"].integer();
  if (!passed || !failed || *passed < 0 || *failed < 0 || *passed > INT32_MAX || *failed > INT32_MAX)
    return JudgementError("it has neither tests nor counts of them");
  return JudgementOfCounts(*passed, *passed + *failed);
}

Judgement OfTests(Json tests) {
  CheckList checks;
  tests.ForEachItem([&](Json test) {
    std::string_view status = test["status"].text();
    if (status != "passed" && status != "failed") return;  // skipped, pending, other: said nothing
    checks.Add({.name = IdOf(test["name"]),
                .passed = status == "passed",
                .message = MessageOf(test["message"]),
                .evidence = MessageOf(test["trace"])});
  });
  return std::move(checks).Judged();
}

Result<Runs> ReadReport(Json root) {
  Json results = root["results"];
  if (!results.is_object()) return Fail(ErrorCode::kCorruptData, "it has no results");
  return OneRun(results["tests"].is_array() ? OfTests(results["tests"]) : OfSummary(results["summary"]));
}

bool IsReport(Json root) {
  Json results = root["results"];
  return results.is_object() && (results["tests"].is_array() || results["summary"].is_object());
}

bool Sniff(std::string_view, std::string_view text) { return SniffJson(text, IsReport); }
Result<Runs> Read(std::string_view, std::string_view text) { return ReadJson(text, ReadReport); }

}  // namespace

extern const VerdictReader kCtrfVerdict;
const VerdictReader kCtrfVerdict = {
    .name = "ctrf",
    .summary = "Common Test Report Format (ctrf.json)",
    .oracle_files = kFiles,
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay

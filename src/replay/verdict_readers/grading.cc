// grading.json of skill evaluations: expectations[] (skill-creator) or assertion_results[] (agentskills),
// each {text, passed, evidence}. docs/oracles.md.
#include <fmt/core.h>

#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kFiles[] = {"grading.json", "verifier/grading.json"};

Json ListOf(Json root) {
  return root["expectations"].is_array() ? root["expectations"] : root["assertion_results"];
}

Result<Runs> ReadGrading(Json root) {
  Json list = ListOf(root);
  if (!list.is_array()) return Fail(ErrorCode::kCorruptData, "it has no expectations");
  CheckList checks;
  int64_t number = 0;
  std::string wrong;
  list.ForEachItem([&](Json item) {
    ++number;
    auto truth = item["passed"].boolean();
    if (!truth && wrong.empty()) wrong = fmt::format("expectation {} does not say whether it passed", number);
    std::string_view text = item["text"].is_string() ? item["text"].text() : item["assertion"].text();
    checks.Add({.name = BoundedText(text, kMostName),
                .passed = truth.value_or(false),
                .evidence = MessageOf(item["evidence"])});
  });
  if (!wrong.empty()) return OneRun(JudgementError(wrong));
  return OneRun(std::move(checks).Judged());
}

bool Sniff(std::string_view, std::string_view text) {
  return SniffJson(text, [](Json root) { return ListOf(root).is_array(); });
}
Result<Runs> Read(std::string_view, std::string_view text) { return ReadJson(text, ReadGrading); }

}  // namespace

extern const VerdictReader kGradingVerdict;
const VerdictReader kGradingVerdict = {
    .name = "grading",
    .summary = "grading.json of skill evaluations",
    .oracle_files = kFiles,
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay

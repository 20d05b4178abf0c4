// Our own result.json: {"score": 0 to 1, "passed": bool, "checks": [...], "metrics": {...}}, and what
// `clawtrace grade --json` prints, one run or an array of them. docs/oracles.md.
#include <fmt/core.h>

#include <cmath>

#include "model/archive.h"
#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kFiles[] = {"result.json"};

// Millionths of a number from 0 to most; nullopt when it is none.
std::optional<int64_t> Millionths(Json value, double most) {
  auto number = value.number();
  if (!number || !(*number >= 0 && *number <= most)) return std::nullopt;
  constexpr double kMillion = 1e6;
  return std::llround(*number * kMillion);
}

// Why it is none, "" when it is a check.
std::string_view TakeCheck(Json json, CheckList* checks) {
  Check check;
  check.name = IdOf(json["name"]);
  auto passed = json["passed"].boolean();
  if (check.name.empty()) return "has no name";
  if (!passed) return "does not say whether it passed";
  check.passed = *passed;
  if (json["score"] && !(check.score_ppm = Millionths(json["score"], 1))) return "has a score outside 0 to 1";
  if (Json weight = json["weight"]) {
    constexpr double kMostWeight = 1e6;
    auto known = Millionths(weight, kMostWeight);
    if (!known) return "has a weight outside 0 to 1000000";
    check.weight_ppm = *known;
  }
  check.message = MessageOf(json["message"]), check.evidence = MessageOf(json["evidence"]);
  checks->Add(std::move(check));
  return "";
}

// What the report says as a whole; nullopt: it does not.
struct Words {
  std::optional<int64_t> score;
  std::optional<bool> passed;
  std::optional<OracleStatus> status;
  std::string wrong;  // the first that makes no sense
};

Words WordsOf(Json run) {
  Words words;
  words.score = Millionths(run["score"], 1);
  words.passed = run["passed"].boolean();
  words.status = EnumFrom<OracleStatus>(run["status"].text());
  auto given = [&](std::string_view key) { return run[key] && !run[key].is_null(); };
  if (given("checks") && !run["checks"].is_array()) words.wrong = "checks are no array";
  if (given("score") && !words.score) words.wrong = "score is no number from 0 to 1";
  if (given("passed") && !words.passed) words.wrong = "passed is neither true nor false";
  if (given("status") && !words.status)
    words.wrong = "status is none of pass, fail, error, timeout, skipped, flaky";
  return words;
}

// A later word counts more: score, passed, status.
void Apply(const Words& words, Judgement* judgement) {
  constexpr int64_t kWhole = 1'000'000;
  if (words.score) {
    judgement->score_ppm = words.score;
    judgement->status = words.score == kWhole ? OracleStatus::kPass : OracleStatus::kFail;
  }
  if (words.passed) {
    judgement->status = *words.passed ? OracleStatus::kPass : OracleStatus::kFail;
    if (!judgement->score_ppm) judgement->score_ppm = *words.passed ? kWhole : 0;
  }
  if (words.status) judgement->status = *words.status;
}

Judgement ReadOne(Json run) {
  CheckList checks;
  Words words = WordsOf(run);
  size_t number = 0;
  run["checks"].ForEachItem([&](Json check) {
    ++number;
    std::string_view problem = TakeCheck(check, &checks);
    if (words.wrong.empty() && !problem.empty()) words.wrong = fmt::format("check {} {}", number, problem);
  });
  if (!words.wrong.empty()) return JudgementError(words.wrong);
  // Without any word of its own it is judged by its checks, and by none of them not at all.
  bool by_checks = !checks.empty() || (!words.score && !words.passed && !words.status);
  Judgement judgement = by_checks ? std::move(checks).Judged() : Judgement();
  Apply(words, &judgement);
  run["metrics"].ForEachField([&](std::string_view name, Json value) {
    if (auto known = value.number(); known && judgement.metrics.size() < kMostMetrics)
      judgement.metrics.emplace(BoundedText(name, kMostName), *known);
  });
  bool error = judgement.status == OracleStatus::kError;
  if (run["message"].is_string() || !error) judgement.message = MessageOf(run["message"]);
  if (error && judgement.message.empty()) judgement.message = "the judge says error";
  return judgement;
}

Result<Runs> ReadAll(Json root) {
  Runs runs;
  bool objects = true;
  auto take = [&](Json run) {
    objects = objects && run.is_object();
    runs.push_back({.session = IdOf(run["session_id"]),
                    .task = IdOf(run["task_id"]),
                    .judge = IdOf(run["judge"]),
                    .judgement = ReadOne(run)});
  };
  if (root.is_array())
    root.ForEachItem(take);
  else
    take(root);
  if (!objects) return Fail(ErrorCode::kCorruptData, "a run is no object");
  return runs;
}

bool IsOurs(Json root) {
  Json run = root.is_array() ? root.at(0) : root;
  if (!run.is_object() || run["trial_name"] || run["traj"] || run["instance_id"]) return false;
  return run["checks"].is_array() || run["passed"].boolean() || run["score"].is_number() ||
         EnumFrom<OracleStatus>(run["status"].text());
}

bool Sniff(std::string_view, std::string_view text) { return SniffJson(text, IsOurs); }
Result<Runs> Read(std::string_view, std::string_view text) { return ReadJson(text, ReadAll); }

}  // namespace

extern const VerdictReader kClawtraceVerdict;
const VerdictReader kClawtraceVerdict = {
    .name = "clawtrace",
    .summary = "result.json: score, passed, checks, metrics",
    .oracle_files = kFiles,
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay

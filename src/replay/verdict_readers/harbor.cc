// Harbor: reward.txt (one number), reward.json (an object of numbers), result.json of a trial.
// docs/oracles.md.
#include <fmt/core.h>

#include <charconv>

#include "base/text.h"
#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kFiles[] = {"verifier/reward.json", "reward.json", "verifier/reward.txt",
                                       "reward.txt"};

std::optional<double> NumberOf(std::string_view text) {
  text = Trim(text);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The number called reward, else the only one; the others are metrics.
Judgement OfRewards(Json rewards) {
  std::optional<double> reward;
  size_t numbers = 0;
  Judgement named;
  rewards.ForEachField([&](std::string_view name, Json value) {
    auto number = value.number();
    if (auto truth = value.boolean()) number = *truth ? 1 : 0;
    if (!number) return;
    ++numbers;
    if (name == "reward" || numbers == 1) reward = number;
    if (name != "reward" && named.metrics.size() < kMostMetrics)
      named.metrics.emplace(BoundedText(name, kMostName), *number);
  });
  if (rewards["reward"].is_number()) {
    reward = rewards["reward"].number();
  } else if (numbers != 1 || rewards["reward"]) {
    return JudgementError(numbers == 0 ? "it holds no number" : "several rewards, none is called reward");
  }
  Judgement judgement = JudgementOfReward(*reward);
  if (rewards.size() > 1) judgement.metrics = std::move(named.metrics);
  return judgement;
}

Judgement OfTrial(Json trial) {
  Json rewards = trial["verifier_result"]["rewards"];
  if (rewards.is_object()) return OfRewards(rewards);
  Json exception = trial["exception_info"];
  std::string why = MessageOf(exception["exception_type"]);
  if (why.empty()) why = "the trial has no verdict";
  if (Json message = exception["exception_message"]; message.is_string())
    why += ": " + std::string(FirstLine(message.text()));
  Judgement judgement = JudgementError(why);
  if (exception["exception_type"].text().contains("Timeout")) judgement.status = OracleStatus::kTimeout;
  return judgement;
}

bool IsTrial(Json root) {
  return root["trial_name"].is_string() && (root["verifier_result"] || root["exception_info"]);
}

bool IsRewards(Json root) {
  bool numbers = root.is_object() && root.size() > 0;
  root.ForEachField([&](std::string_view, Json value) {
    numbers = numbers && (value.is_number() || value.kind() == Json::Kind::kBool);
  });
  return numbers;
}

Result<Runs> ReadObject(Json root) {
  if (!root.is_object()) return Fail(ErrorCode::kCorruptData, "it is no object of rewards");
  if (!IsTrial(root)) return OneRun(OfRewards(root));
  Runs runs = OneRun(OfTrial(root));
  runs.front().session = IdOf(root["trial_name"]);
  runs.front().task = IdOf(root["task_name"]);
  runs.front().judge = "harbor";
  return runs;
}

bool Sniff(std::string_view name, std::string_view text) {
  if (name == "reward.txt" || name == "reward.json") return true;
  return SniffJson(text, [](Json root) { return IsTrial(root) || IsRewards(root); });
}

Result<Runs> Read(std::string_view name, std::string_view text) {
  bool json = Trim(text).starts_with('{');
  if (json) return ReadJson(text, ReadObject);
  if (name.ends_with(".json")) return Fail(ErrorCode::kCorruptData, "it is no object of rewards");
  auto reward = NumberOf(text);
  if (!reward) return Fail(ErrorCode::kCorruptData, "it is no number");
  return OneRun(JudgementOfReward(*reward));
}

}  // namespace

extern const VerdictReader kHarborVerdict;
const VerdictReader kHarborVerdict = {
    .name = "harbor",
    .summary = "Harbor's reward.txt, reward.json and result.json of a trial",
    .oracle_files = kFiles,
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay

// What recorded sessions cost, re-costed without the steps that their truth calls not needed or failed,
// against what the lean session of the same task and client was recorded to cost.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "capture/gather.h"
#include "pricing/recost.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

Session SessionOf(const fs::path& recording) {
  capture::Plan plan = capture::PlanInputs({(recording / "session").string()});
  std::vector<Session> all;
  for (const capture::Unit& unit : plan.units) {
    capture::UnitResult read = capture::ReadUnit(unit, plan, {});
    std::ranges::move(read.sessions, std::back_inserter(all));
  }
  EXPECT_EQ(all.size(), 1U) << recording;
  return all.empty() ? Session() : std::move(all.front());
}

// Of calls that are not needed, or fail.
std::set<std::string, std::less<>> WasteOf(const fs::path& recording) {
  std::set<std::string, std::less<>> ids;
  auto bytes = ReadFile(recording / "truth.json");
  JsonParser parser;
  auto truth = parser.Parse(bytes.value_or(""));
  EXPECT_TRUE(truth) << recording;
  if (!truth) return ids;
  (*truth)["tool_calls"].ForEachItem([&](Json call) {
    if (call["truth"].text() == "not_needed" || call["fails"].boolean().value_or(false))
      ids.emplace(call["id"].text());
  });
  return ids;
}

Usd Billed(const PricedSession& priced) {
  Usd sum;
  for (size_t i = 0; i < priced.prices.size(); ++i)
    sum += BilledCost(priced.session->steps[i], priced.prices[i]).value_or(Usd());
  return sum;
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

TEST(RecostSuiteTest, WithoutWasteASessionCostsWhatALeanOneDid) {
  CT_NEEDS_SHARED_DATA();
  auto table = ReadFile(test::SourceDir() / "data/prices.tsv");
  ASSERT_TRUE(table);
  auto book = PriceBook::FromTsv(*table, "prices.tsv");
  ASSERT_TRUE(book);
  std::map<std::string, std::vector<double>> ratios;  // by client
  std::vector<double> all;
  for (const auto& task : fs::directory_iterator(test::SharedData() / "suite/recordings")) {
    for (const char* client : {"claude-code", "codex", "pi"}) {
      SCOPED_TRACE(task.path().filename().string() + "/" + client);
      Session wasteful = SessionOf(task.path() / "wasteful" / client),
              lean = SessionOf(task.path() / "lean" / client);
      auto waste = WasteOf(task.path() / "wasteful" / client);
      std::vector<size_t> steps;
      for (size_t i = 0; i < wasteful.steps.size(); ++i) {
        if (waste.contains(wasteful.steps[i].call_id)) steps.push_back(i);
      }
      ASSERT_EQ(steps.size(), waste.size());
      PricedSession priced = PriceSession(wasteful, *book);
      PromptLayout layout = LayOutPrompts(wasteful);
      Savings saved = Recoster(priced, layout).Without(steps);
      ASSERT_TRUE(saved.usd);
      EXPECT_EQ(saved.unknown_calls, 0);
      Usd left = Billed(priced) - *saved.usd, recorded = Billed(PriceSession(lean, *book));
      double ratio = static_cast<double>(left.pico()) / static_cast<double>(recorded.pico());
      ratios[client].push_back(ratio), all.push_back(ratio);
      RecordProperty(task.path().filename().string() + "_" + client, std::to_string(ratio));
      std::printf("%-18s%-14s%.3f\n", task.path().filename().c_str(), client, ratio);
    }
  }
  ASSERT_GE(all.size(), 15U);
  EXPECT_NEAR(Median(all), 1, 0.10);
  for (const auto& [client, values] : ratios)
    std::printf("%-32s%.3f\n", ("median " + client).c_str(), Median(values));
}

}  // namespace
}  // namespace clawtrace

// Other people's trajectories, each against what its manifest row says of it: every file gives a card, with
// the calls and outcomes that were counted when it was collected.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/gather.h"
#include "compile/compile.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

const PriceBook& Book() {
  static const PriceBook book =
      *PriceBook::FromTsv(*ReadFile(test::SourceDir() / "data/prices.tsv"), "prices.tsv");
  return book;
}

using Row = std::map<std::string, std::string>;

std::vector<Row> RowsBelow(const std::string& folder) {
  std::ifstream in(test::SharedData() / "sessions/MANIFEST.tsv");
  std::string line;
  std::getline(in, line);
  std::vector<std::string> names;
  for (std::string_view name : Split(line, '\t')) names.emplace_back(name);
  std::vector<Row> rows;
  while (std::getline(in, line)) {
    if (!line.starts_with(folder + "/")) continue;
    auto cells = Split(line, '\t');
    Row row;
    for (size_t i = 0; i < cells.size() && i < names.size(); ++i) row[names[i]] = cells[i];
    rows.push_back(std::move(row));
  }
  EXPECT_FALSE(rows.empty()) << folder;
  return rows;
}

// Reads one file alone. Its cards, with the importer that took it.
std::vector<TraceCard> CardsOf(const fs::path& path, const std::string& importer) {
  std::vector<TraceCard> cards;
  capture::Plan plan = capture::PlanInputs({path.string()});
  EXPECT_EQ(plan.units.size(), 1u) << path;
  for (const capture::Unit& unit : plan.units) {
    EXPECT_EQ(unit.importer ? unit.importer->name : "none", importer) << path;
    for (const Session& session : capture::ReadUnit(unit, plan, {}).sessions) {
      cards.push_back(compile::CompileCard(PriceSession(session, Book()), Book()));
      const TraceCard& card = cards.back();
      Usd sum;
      for (const CardStep& step : card.steps) sum += step.cost_usd.value_or(Usd());
      EXPECT_EQ(sum, card.total_cost_usd.value_or(Usd())) << path;
      EXPECT_TRUE(EncodeCompactCard(card, DocFormat::kYaml)) << path;
      EXPECT_TRUE(card.skipped_input.empty()) << path << " " << card.skipped_input.front().reason;
    }
  }
  return cards;
}

fs::path PathOf(const Row& row) { return test::SharedData() / "sessions" / row.at("file"); }

int64_t Number(const Row& row, const std::string& column) { return ParseInt(row.at(column)).value_or(-1); }

TEST(TrajectoriesTest, TauBench) {
  CT_NEEDS_SHARED_DATA();
  std::map<std::string, int> trials;
  for (const Row& row : RowsBelow("tau-bench-airline")) {
    auto cards = CardsOf(PathOf(row), "tau-bench");
    ASSERT_EQ(cards.size(), 1u) << row.at("file");
    const TraceCard& card = cards[0];
    EXPECT_EQ(card.llm_call_count, Number(row, "llm_calls")) << row.at("file");
    EXPECT_EQ(card.tool_call_count, Number(row, "tool_calls")) << row.at("file");
    EXPECT_EQ(card.outcome, row.at("outcome") == "reward=1.0" ? Verdict::kSuccess : Verdict::kFailure);
    EXPECT_EQ(card.cost_status, CostStatus::kUnpriced) << row.at("file");
    EXPECT_FALSE(card.total_cost_usd) << row.at("file");
    ++trials[card.task_id];
  }
  EXPECT_EQ(trials.size(), 25u);
  for (auto& [task, count] : trials) EXPECT_EQ(count, 4) << task;
}

TEST(TrajectoriesTest, Atif) {
  CT_NEEDS_SHARED_DATA();
  for (const Row& row : RowsBelow("atif")) {
    auto cards = CardsOf(PathOf(row), "atif");
    ASSERT_EQ(cards.size(), 1u) << row.at("file");
    const TraceCard& card = cards[0];
    // The manifest counts copied steps too, and steps that no model made.
    bool copies = row.at("file").find("_sub_") != std::string::npos ||
                  row.at("file").find("cont1") != std::string::npos;
    bool embeds = row.at("file").find("embedded") != std::string::npos;
    if (Number(row, "llm_calls") >= 0 && !copies && !embeds) {
      EXPECT_EQ(card.llm_call_count, Number(row, "llm_calls")) << row.at("file");
      EXPECT_EQ(card.tool_call_count, Number(row, "tool_calls")) << row.at("file");
    }
    if (embeds) EXPECT_EQ(card.llm_call_count, 2);
  }
}

TEST(TrajectoriesTest, AtifDocumentsOfOneRunAddUp) {
  CT_NEEDS_SHARED_DATA();
  // Continued once; its final_metrics include the three sub-agents, whose logs carry another run's ids.
  capture::Plan plan;
  std::vector<std::string> paths;
  for (const char* name : {"continuation", "continuation_cont1"})
    paths.push_back(
        (test::SharedData() / "sessions/atif" / ("harbor_terminus2_" + std::string(name) + ".json"))
            .string());
  plan = capture::PlanInputs(paths);
  ASSERT_EQ(plan.units.size(), 1u);
  auto sessions = capture::ReadUnit(plan.units[0], plan, {}).sessions;
  ASSERT_EQ(sessions.size(), 1u);
  TraceCard card = compile::CompileCard(PriceSession(sessions[0], Book()), Book());
  constexpr int64_t kSubAgents = 500 + 100 + 700;
  EXPECT_EQ(card.total_tokens->prompt() + kSubAgents, 7802);
  EXPECT_EQ(card.llm_call_count, 7);
}

TEST(TrajectoriesTest, SweAgent) {
  CT_NEEDS_SHARED_DATA();
  int priced_as_total = 0;
  std::map<std::string, int> listed;  // one of two files of a name was kept
  for (const Row& row : RowsBelow("swe-agent")) ++listed[row.at("file")];
  for (const Row& row : RowsBelow("swe-agent")) {
    if (listed[row.at("file")] > 1) continue;
    auto cards = CardsOf(PathOf(row), "swe-agent");
    ASSERT_EQ(cards.size(), 1u) << row.at("file");
    const TraceCard& card = cards[0];
    EXPECT_EQ(card.llm_call_count, Number(row, "llm_calls")) << row.at("file");
    EXPECT_EQ(card.tool_call_count, Number(row, "tool_calls")) << row.at("file");
    if (card.llm_call_count == 0) continue;
    EXPECT_EQ(card.cost_status, CostStatus::kUnpriced) << row.at("file");
    EXPECT_FALSE(card.total_cost_usd) << row.at("file");
    ASSERT_TRUE(card.reported_cost_usd) << row.at("file");
    JsonParser parser;
    auto stats = parser.Parse(std::string_view(row.at("notes")).substr(row.at("notes").find('{')));
    ASSERT_TRUE(stats) << row.at("notes");
    EXPECT_EQ(card.reported_cost_usd, Usd::FromDouble((*stats)["instance_cost"].number().value_or(-1)));
    EXPECT_NE(row.at("notes").find(std::to_string(card.total_tokens->uncached_input)), std::string::npos);
    ++priced_as_total;
  }
  EXPECT_EQ(priced_as_total, 5);
}

TEST(TrajectoriesTest, MiniSweAgent) {
  CT_NEEDS_SHARED_DATA();
  for (const Row& row : RowsBelow("mini-swe-agent")) {
    auto cards = CardsOf(PathOf(row), "mini-swe-agent");
    ASSERT_EQ(cards.size(), 1u) << row.at("file");
    EXPECT_EQ(cards[0].llm_call_count, cards[0].tool_call_count) << "one command an answer";
    EXPECT_EQ(cards[0].cost_status, CostStatus::kUnpriced);
  }
}

TEST(TrajectoriesTest, OpenHands) {
  CT_NEEDS_SHARED_DATA();
  for (const Row& row : RowsBelow("openhands")) {
    auto cards = CardsOf(PathOf(row), "openhands");
    ASSERT_EQ(cards.size(), 1u) << row.at("file");
    const TraceCard& card = cards[0];
    if (Number(row, "llm_calls") >= 0)
      EXPECT_EQ(card.llm_call_count, Number(row, "llm_calls")) << row.at("file");
    bool resolver = row.at("file").find("resolver") != std::string::npos;
    if (resolver) {
      EXPECT_EQ(card.total_cost_usd->ToDecimal(), "1.152933");
      EXPECT_EQ(card.outcome, Verdict::kSuccess);
      EXPECT_EQ(card.outcome_source, OutcomeSource::kJudge);
    } else if (Number(row, "tool_calls") > 0) {
      EXPECT_EQ(card.tool_call_count, Number(row, "tool_calls")) << row.at("file");
    }
    if (row.at("file").find("bench-01") != std::string::npos) {
      EXPECT_EQ(card.total_tokens->prompt(), 410169);
      EXPECT_EQ(card.total_tokens->output, 5156);
    }
  }
}

// The SDK's batches carry no tool call ids: calls, tokens, tools by name, and failures must be the truth.
TEST(TrajectoriesTest, OpenAiAgentsSdk) {
  capture::Plan plan =
      capture::PlanInputs({(test::SourceDir() / "tests/golden/openai-agents/main").string()});
  ASSERT_EQ(plan.units.size(), 1u);
  auto sessions = capture::ReadUnit(plan.units[0], plan, {}).sessions;
  ASSERT_EQ(sessions.size(), 1u);
  JsonParser parser;
  auto text = ReadFile(test::SourceDir() / "tests/golden/openai-agents/main/expected.json");
  ASSERT_TRUE(text);
  Json truth = *parser.Parse(*text);
  auto check = [&](const Session& session, Json agent, size_t failures) {
    int64_t calls = 0;
    Usage sum;
    std::vector<std::string> tools, expected;
    size_t failed = 0;
    for (const Step& step : session.steps) {
      if (step.kind == StepKind::kLlmCall) {
        ++calls;
        ASSERT_TRUE(step.llm.usage) << step.call_id;
        sum += *step.llm.usage;
      } else {
        tools.push_back(step.tool.name);
        failed += step.result.status == ToolStatus::kError;
        EXPECT_GT(step.turn, 0) << step.call_id;
      }
    }
    agent["tool_calls"].ForEachItem([&](Json tool) { expected.emplace_back(tool["name"].text()); });
    auto get = [&](std::string_view key) { return agent["tokens"][key].integer().value_or(-1); };
    EXPECT_EQ(calls, agent["llm_calls"].integer());
    EXPECT_EQ(sum.uncached_input, get("uncached_input") + get("cache_write"));
    EXPECT_EQ(sum.cache_read, get("cache_read"));
    EXPECT_EQ(sum.output, get("output"));
    EXPECT_EQ(tools, expected);
    EXPECT_EQ(failed, failures);
  };
  check(sessions[0], truth["agents"]["main"], 2);
  const Session* child = nullptr;
  for (const Step& step : sessions[0].steps) {
    if (!step.children.empty()) child = &step.children[0];
  }
  ASSERT_TRUE(child);
  check(*child, truth["agents"]["check"], 0);
}

}  // namespace
}  // namespace clawtrace

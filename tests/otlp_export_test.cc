// A session that is written as OpenTelemetry traces and read back has the same totals and the same steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

#include "base/temp_folder_test_util.h"
#include "model/otlp.h"
#include "support/stored_cards.h"

namespace clawtrace {
namespace {

using namespace test;

using StepRow = std::tuple<StepKind, std::string, std::string, std::optional<Usd>, std::optional<ToolStatus>>;

// Ids of messages that no model wrote: they are not exported.
void CollectLocal(const Session& session, std::set<std::string>* ids) {
  for (const Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall && !step.llm.billed && !step.inherited) ids->insert(step.call_id);
    for (const Session& child : step.children) CollectLocal(child, ids);
  }
}

struct Told {
  std::map<std::string, TraceCard> cards;
  std::map<std::string, std::set<std::string>> local;  // by session
  std::string otlp;
};

std::vector<StepRow> RowsOf(const TraceCard& card, const std::set<std::string>& without) {
  std::vector<StepRow> rows;
  for (const CardStep& step : card.steps) {
    if (!without.contains(step.call_id))
      rows.emplace_back(step.kind, step.tool + step.model, step.call_id, step.cost_usd, step.status);
  }
  std::ranges::sort(rows);
  return rows;
}

Told Read(const fs::path& folder) {
  std::ostringstream talk;
  cli::World world;
  world.out = world.err = &talk;
  Told told;
  auto all = cli::CompileAll({folder.string()}, Book(), world,
                             [&](cli::Compiled& item, const PricedSession& priced) {
                               item.text = EncodeOtlp(*priced.session);
                               CollectLocal(*priced.session, &told.local[priced.session->id]);
                             });
  EXPECT_TRUE(all) << folder;
  if (!all) return told;
  for (cli::Compiled& item : *all) {
    told.otlp += item.text;
    told.cards[item.card.session_id] = std::move(item.card);
  }
  return told;
}

// Traces have calls, and times for all that happened; totals that no call shows are not in them.
bool IsTold(const TraceCard& card) {
  const auto& notes = card.coverage->notes;
  bool only_total = std::ranges::find(notes, "usage_only_as_total") != notes.end();
  return card.llm_call_count.value_or(0) > 0 && card.started_ms && !only_total;
}

TEST(OtlpExportTest, TotalsAndStepsComeBack) {
  int compared = 0;
  for (const fs::path& folder : FoldersBelow(SourceDir() / "tests/golden", 1)) {
    // Cases of which several claim one session id.
    if (folder.filename() == "reference") continue;
    SCOPED_TRACE(folder.string());
    TempFolder root;
    Told want = Read(folder);
    std::ofstream(root / "traces.jsonl", std::ios::binary) << want.otlp;
    auto got = Read(root.path()).cards;
    for (const auto& [id, card] : want.cards) {
      if (!IsTold(card)) continue;
      ++compared;
      EXPECT_EQ(got[id].total_cost_usd, card.total_cost_usd) << id;
      EXPECT_EQ(got[id].total_tokens, card.total_tokens) << id;
      EXPECT_EQ(got[id].tool_call_count, card.tool_call_count) << id;
      EXPECT_EQ(got[id].spawn_count, card.spawn_count) << id;
      EXPECT_EQ(RowsOf(got[id], {}), RowsOf(card, want.local[id])) << id;
    }
  }
  EXPECT_GT(compared, 30);
}

}  // namespace
}  // namespace clawtrace

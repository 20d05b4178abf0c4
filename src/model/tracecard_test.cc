#include "model/tracecard.h"

#include <gtest/gtest.h>

namespace clawtrace {
namespace {

// The card of the literature (docs/tracecard.md): read, kept, written back with the same keys.
constexpr std::string_view kLiterature = R"(session_id: "7f3e"
outcome: success
total_cost_usd: 0.42
steps:
  - {id: 1, kind: tool_use, tool: read_file, cost_usd: 0.001}
  - {id: 2, kind: llm_call, model: opus, cost_usd: 0.18, redundant: true}
  - {id: 3, kind: tool_use, tool: grep, cost_usd: 0.002}
  - {id: 4, kind: llm_call, model: sonnet, cost_usd: 0.04}
)";

TEST(TraceCardTest, CardOfTheLiteratureRoundTrips) {
  auto card = DecodeCard(
      "session_id: 7f3e\noutcome: success\ntotal_cost_usd: 0.42\nsteps:\n"
      "- {id: 1, kind: tool_use, tool: read_file, cost_usd: 0.001}\n"
      "- {id: 2, kind: llm_call, model: opus, cost_usd: 0.18, redundant: true}\n"
      "- {id: 3, kind: tool_use, tool: grep, cost_usd: 0.002}\n"
      "- {id: 4, kind: llm_call, model: sonnet, cost_usd: 0.04}\n",
      "card.yaml");
  ASSERT_TRUE(card) << card.error().message;
  EXPECT_EQ(card->outcome, Verdict::kSuccess);
  EXPECT_TRUE(card->steps[1].redundant);
  EXPECT_EQ(EncodeCard(*card, DocFormat::kYaml), kLiterature);
  auto json = DecodeCard(EncodeCard(*card, DocFormat::kJson), "card.json");
  ASSERT_TRUE(json);
  EXPECT_EQ(*json, *card);
}

TEST(TraceCardTest, ErrorsNameTheField) {
  auto bad = DecodeCard("session_id: a\ntotal_cost_usd: lots\n", "x.yaml");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "x.yaml: document.total_cost_usd is not an amount in USD");
  EXPECT_FALSE(DecodeCard("- 1\n", "x"));
}

TraceCard Huge() {
  TraceCard card;
  card.schema = "tracecard/1", card.session_id = std::string(500, 's'), card.agent = "agent \x01\n\"quoted\"";
  card.total_cost_usd = Usd::Pico(123'456'789'012), card.total_tokens = Usage{1, 2, 3, 4, 5, 6, 7};
  card.llm_call_count = 1000000, card.outcome = Verdict::kUnknown, card.coverage = Coverage{};
  for (int i = 0; i < 300; ++i) {
    card.models.push_back("model-" + std::to_string(i));
    card.coverage->notes.push_back("note-" + std::to_string(i) + std::string(100, 'x'));
    card.coverage->unpriced_models.push_back(std::string(200, static_cast<char>('a' + i % 26)));
    CardStep step;
    step.id = std::to_string(i), step.model = std::string(90, 'm'),
    step.cost_usd = Usd::Pico(1'000'000'000 + i);
    card.steps.push_back(step);
    card.redundant_tool_calls.push_back({.tool = "read",
                                         .reason = "exact_repeat",
                                         .grade = "C0",
                                         .target = std::string(300, 't'),
                                         .first = "1",
                                         .steps = {"2", "3"},
                                         .call_ids = {"a", "b"},
                                         .wasted_usd = Usd::Pico(5)});
    FailedStep failed;
    failed.step = "9", failed.error = std::string(300, 'e');
    card.failed_or_repaired_steps.push_back(failed);
    SubAgent agent;
    agent.step = "4";
    card.sub_agents.push_back(agent);
    card.skipped_input.push_back({std::string(400, 'f'), i, i, "not-json"});
  }
  return card;
}

TEST(TraceCardTest, CompactNeverExceedsItsLimit) {
  for (DocFormat format : {DocFormat::kYaml, DocFormat::kJson}) {
    auto text = EncodeCompactCard(Huge(), format);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_LE(text->size(), 1536u);
    auto card = DecodeCard(*text, "compact");
    ASSERT_TRUE(card) << card.error().message;
    EXPECT_EQ(card->more_redundant, 300);
    EXPECT_TRUE(card->coverage);
    EXPECT_EQ(card->total_cost_usd->ToDecimal(), "0.123457");
    EXPECT_EQ(card->session_id.size(), 64u);
  }
  EXPECT_EQ(EncodeCompactCard(Huge(), DocFormat::kYaml, 100).error().code, ErrorCode::kLimit);
}

TEST(TraceCardTest, CompactKeepsWhatFits) {
  TraceCard card;
  card.schema = "tracecard/1", card.session_id = "s", card.coverage = Coverage{};
  CardStep step;
  step.id = "1", step.model = "m", step.cost_usd = Usd::Pico(1'000'000'000);
  card.steps = {step};
  auto text = EncodeCompactCard(card, DocFormat::kYaml);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("top_cost_spans"), std::string::npos);
  EXPECT_EQ(text->find("more_steps"), std::string::npos);
}

TEST(TraceCardTest, SkillsThatWereOnlyOfferedGoFirst) {
  TraceCard card;
  card.schema = "tracecard/1", card.session_id = "s", card.coverage = Coverage{};
  for (const char* id : {"1", "2"}) {
    CardStep step;
    step.id = id, step.model = "m", step.cost_usd = Usd::Pico(1'000'000'000);
    card.steps.push_back(step);
  }
  for (int i = 0; i < 40; ++i)
    card.skills.push_back({.name = "offered-" + std::to_string(i), .path = {}, .call = {}});
  card.skills.push_back({.name = "read", .stage = SkillStage::kLoaded, .path = {}, .call = {}});
  auto text = EncodeCompactCard(card, DocFormat::kYaml);
  ASSERT_TRUE(text);
  auto back = DecodeCard(*text, "compact");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->top_cost_spans.size(), 2u);
  ASSERT_EQ(back->skills.size(), 1u);
  EXPECT_EQ(back->skills[0].name, "read");
  EXPECT_EQ(back->more_skills, 40);
}

TEST(TraceCardTest, UnknownTotalIsNull) {
  TraceCard card;
  card.schema = "tracecard/1", card.session_id = "s";
  EXPECT_NE(EncodeCard(card, DocFormat::kYaml).find("total_cost_usd: null"), std::string::npos);
}

}  // namespace
}  // namespace clawtrace

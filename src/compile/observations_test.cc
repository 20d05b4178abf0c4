// What is worth knowing but no waste: where the money for prompts goes, and other models than those asked
// for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "compile/compile.h"
#include "compile/explain.h"
#include "compile/scene_test_util.h"

namespace clawtrace::compile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const PriceBook& Book() {
  static const PriceBook book =
      *PriceBook::FromTsv(*ReadFile(std::string(CLAWTRACE_SOURCE_DIR) + "/data/prices.tsv"), "prices.tsv");
  return book;
}

std::vector<Observation> Observations(const Session& session) {
  TraceCard card = CompileCard(PriceSession(session, Book()), Book());
  EXPECT_THAT(card.redundant_tool_calls, IsEmpty());
  EXPECT_FALSE(card.wasted_usd);
  EXPECT_FALSE(card.saveable_usd);
  return card.observations;
}

// Reads of small files with one of `bytes` as the third; each prompt is longer by what was read.
Session Reading(int64_t bytes, int turns) {
  std::vector<Line> lines;
  for (int i = 0; i < turns; ++i)
    lines.push_back({"read", R"({"path":"f)" + std::to_string(i) + R"("})", "text " + std::to_string(i)});
  lines[2].output = std::string(static_cast<size_t>(bytes), 'x');
  Session session = Make(lines);
  int64_t prompt = 2000;
  for (Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall)
      step.llm.usage = Usage{.uncached_input = prompt, .output = 40};
    else
      prompt += 40 + step.result.output_bytes / 4;
  }
  return session;
}

TEST(ContextBloatTest, OneLargeResultInManyPrompts) {
  auto seen = Observations(Reading(40'000, 12));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].reason, "context_bloat");
  EXPECT_THAT(seen[0].steps, ElementsAre("6"));
  EXPECT_THAT(seen[0].call_ids, ElementsAre("t3"));
  EXPECT_EQ(seen[0].target, "read f2");
  // 10,000 tokens and the 40 of the answer before, in 9 prompts at 2.5 USD a million.
  EXPECT_GE(*seen[0].cost_usd, *Usd::Parse("0.225"));
  EXPECT_LE(*seen[0].cost_usd, *Usd::Parse("0.2260"));
  EXPECT_GE(*seen[0].share_percent, 70);
}

TEST(ContextBloatTest, SmallOrLateOrUnpricedResultsAreNone) {
  EXPECT_THAT(Observations(Reading(7'000, 12)), IsEmpty());
  EXPECT_THAT(Observations(Reading(40'000, 7)), IsEmpty()) << "four prompts carry it";
  Session unknown = Reading(40'000, 12);
  for (Step& step : unknown.steps) step.llm.model = "nobody-knows-1";
  EXPECT_THAT(Observations(unknown), IsEmpty());
}

TEST(ContextBloatTest, PromptsAfterACompactionDoNotCarryIt) {
  Session session = Reading(40'000, 12);
  for (Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall && step.turn > 6) step.llm.usage->uncached_input -= 10'000;
  }
  session.compactions = 1;
  EXPECT_THAT(Observations(session), IsEmpty()) << "three prompts carried it, nine calls came later";
}

TEST(ContextBloatTest, IsExplained) {
  Session session = Reading(40'000, 12);
  std::string why = ExplainStep(PriceSession(session, Book()), Book(), 5, "", true);
  EXPECT_THAT(why, HasSubstr("\"observations\":"));
  EXPECT_THAT(why, HasSubstr("context_bloat"));
  EXPECT_THAT(ExplainStep(PriceSession(session, Book()), Book(), 3, "", true),
              Not(HasSubstr("observations")));
}

Session Asked(const std::string& requested, const std::string& answered) {
  Session session = Make({{"read", R"({"path":"a"})", "x"}, {"read", R"({"path":"b"})", "y"}});
  for (Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) SetModels(requested, answered, &step.llm);
  }
  return session;
}

TEST(ModelMismatchTest, AnotherModelAnswered) {
  auto seen = Observations(Asked("gpt-5.4", "gpt-5.4-mini"));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].reason, "model_mismatch");
  EXPECT_THAT(seen[0].steps, ElementsAre("1", "3"));
  EXPECT_EQ(seen[0].requested_model, "gpt-5.4");
  EXPECT_EQ(seen[0].model, "gpt-5.4-mini");
  EXPECT_EQ(seen[0].cost_usd, Usd::Parse("0.0015")) << "of the model that answered";
}

TEST(ModelMismatchTest, SpellingsOfOneModelAndUnknownNamesAreNone) {
  using Names = std::pair<const char*, const char*>;
  for (auto [requested, answered] :
       {Names{"claude-sonnet-4-5", "claude-sonnet-4-5-20250929"}, Names{"gpt-5.4", "openai/gpt-5.4"},
        Names{"anthropic/claude-haiku-4.5", "claude-haiku-4-5"}, Names{"gpt-4", "gpt-4-0613"},
        Names{"gpt-4o", "gpt-4o-2024-08-06"}, Names{"my-deployment", "gpt-5.4"}, Names{"gpt-5.4", "what-3"},
        Names{"", "gpt-5.4"}, Names{"gpt-5.4", ""}}) {
    EXPECT_THAT(Observations(Asked(requested, answered)), IsEmpty()) << requested << " " << answered;
  }
}

TEST(ModelMismatchTest, ASubAgentOnAnotherModelThanItsSpawnNames) {
  for (auto [wanted, differs] :
       {std::pair{"haiku", true}, std::pair{"sonnet", false}, std::pair{"inherit", false}}) {
    Session session = Make({{"Task", R"({"model":")" + std::string(wanted) + R"(","prompt":"x"})", "found"}});
    session.steps[1].kind = StepKind::kSubagentSpawn;
    session.steps[1].children.push_back(Make({{"read", R"({"path":"a"})", "x"}}));
    for (Step& step : session.steps[1].children[0].steps) step.llm.model = "claude-sonnet-4-5-20250929";
    auto seen = Observations(session);
    ASSERT_EQ(seen.size(), differs ? 1u : 0u) << wanted;
    if (!differs) continue;
    EXPECT_EQ(seen[0].model, "claude-sonnet-4-5-20250929");
  }
}

TEST(ModelMismatchTest, OfTwoAccountsTheOneThatKnowsMoreCounts) {
  LlmCall asked{.model = "a"}, both;
  SetModels("a", "b", &both);
  LlmCall one = asked, other = both;
  JoinModels(&one, both), JoinModels(&other, asked);
  for (const LlmCall& call : {one, other}) {
    EXPECT_EQ(call.model, "b");
    EXPECT_EQ(call.requested_model, Boxed(std::string("a")));
  }
}

}  // namespace
}  // namespace clawtrace::compile

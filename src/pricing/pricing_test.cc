#include "pricing/pricing.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

namespace clawtrace {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kSource = CLAWTRACE_SOURCE_DIR;
const std::string kShared = kSource + "/../shared";

int64_t Day(const std::string& day) { return *ParseIsoTime(day + "T12:00:00Z"); }
Usd Dollars(std::string_view text) { return *Usd::Parse(text); }
Usd PerMtok(std::string_view text) { return Usd::Pico(Dollars(text).pico() / 1'000'000); }

const PriceBook& Shipped() {
  static const PriceBook book = *PriceBook::FromTsv(*ReadFile(kSource + "/data/prices.tsv"), "prices.tsv");
  return book;
}

// Same prices as the golden vectors of the emitters: input 3, output 15, read 0.30, writes 3.75 and 6.
constexpr std::string_view kSmallBook =
    "model\tprovider\tinput\toutput\tcache_read\tcache_write_5m\tcache_write_1h\ttiers\tsource\n"
    "claude-a\tanthropic\t3\t15\t0.3\t3.75\t6\t\tlist@2026-01-02\n"
    "claude-long\tanthropic\t3\t15\t0.3\t3.75\t\t>200000 input=6 output=22.5 cache_read=0.6 "
    "cache_write_5m=7.5\tlist@2026-01-01\n"
    "gpt-a\topenai\t2\t8\t\t\t\t\tlist@2026-01-01\n"
    "both\tother\t1\t1\t1\t2\t3\t\tlist@2026-01-01\n";

PriceBook Small() { return *PriceBook::FromTsv(kSmallBook, "small"); }

LlmCall Call(std::string model, Usage usage, std::string provider = "") {
  LlmCall call;
  call.model = std::move(model);
  call.provider = std::move(provider);
  call.usage = usage;
  return call;
}

Usd Billed(const PriceBook& book, const LlmCall& call, std::string_view agent = {}) {
  CallPrice price = book.Price(call, std::nullopt, false, agent);
  EXPECT_EQ(price.status, CostStatus::kPriced) << call.model << ": " << price.reason;
  return price.billed.value_or(Usd::Pico(-1));
}

TEST(PriceTest, GoldenVectors) {
  PriceBook book = Small();
  Usage a{.uncached_input = 100, .cache_read = 10'000, .cache_write_5m = 2'000, .output = 500};
  EXPECT_EQ(Billed(book, Call("claude-a", a)), Dollars("0.0183"));
  Usage b{.uncached_input = 5'000, .cache_read = 10'000, .output = 500};
  EXPECT_EQ(Billed(book, Call("claude-a", b)), Dollars("0.0255"));
  Usage c{.uncached_input = 100, .cache_read = 10'000, .cache_write_1h = 2'000, .output = 500};
  EXPECT_EQ(Billed(book, Call("claude-a", c)), Dollars("0.0228"));
  Usage d{.uncached_input = 1'000, .output = 500, .reasoning = 200};
  EXPECT_EQ(Billed(book, Call("claude-a", d)), Dollars("0.0105"));
}

// One Opus session of the peers' comparison: 48.171 with both lives of a write, 46.324 at the five-minute
// rate alone.
TEST(PriceTest, HourWritesCostTwiceTheInput) {
  Usage hour{.cache_write_1h = 492'600}, minutes{.cache_write_5m = 492'600};
  EXPECT_EQ(
      Billed(Shipped(), Call("claude-opus-4-5", hour)) - Billed(Shipped(), Call("claude-opus-4-5", minutes)),
      Dollars("1.84725"));
  EXPECT_EQ(Billed(Small(), Call("claude-long", {.cache_write_1h = 1'000})), Dollars("0.006"));
}

TEST(PriceTest, TierByTheWholePromptStrictlyAbove) {
  PriceBook book = Small();
  Usage at{.uncached_input = 50'000,
           .cache_read = 100'000,
           .cache_write_5m = 40'000,
           .cache_write_1h = 10'000,
           .output = 1'000};
  EXPECT_EQ(Billed(book, Call("claude-long", at)),
            Dollars("0.15") + Dollars("0.03") + Dollars("0.15") + Dollars("0.06") + Dollars("0.015"));
  Usage above = at;
  above.uncached_input += 1;
  EXPECT_EQ(Billed(book, Call("claude-long", above)),
            Dollars("0.300006") + Dollars("0.06") + Dollars("0.3") + Dollars("0.12") + Dollars("0.0225"));
  // Output never chooses the tier.
  EXPECT_EQ(Billed(book, Call("claude-long", {.output = 300'000})), Dollars("4.5"));
}

TEST(PriceTest, SeveralTiers) {
  for (auto [tokens, dollars] : std::vector<std::pair<int64_t, std::string_view>>{
           {32'000, "0.032"}, {32'001, "0.0576018"}, {128'001, "0.384003"}, {256'001, "1.536006"}}) {
    EXPECT_EQ(Billed(Shipped(), Call("qwen3-coder-plus", {.uncached_input = tokens})), Dollars(dollars))
        << tokens;
  }
}

TEST(PriceTest, UnknownWritesAreFiveMinutesExceptInClaudeCode) {
  PriceBook book = Small();
  LlmCall call = Call("claude-a", {.cache_write_unknown = 2'000});
  CallPrice price = book.Price(call, std::nullopt, false, "");
  EXPECT_EQ(price.billed, Dollars("0.0075"));
  EXPECT_EQ(price.reason, "assumed:cache_write_unknown=5m");
  EXPECT_EQ(Billed(book, call, "claude-code"), Dollars("0.012"));
  EXPECT_EQ(Billed(book, call, "openclaw"), Dollars("0.0075"));
  call.reported_cost = Dollars("0.01201");  // the client's figure settles it
  EXPECT_EQ(Billed(book, call, "openclaw"), Dollars("0.012"));
  call.reported_cost = Dollars("0.0075");
  EXPECT_EQ(Billed(book, call, "claude-code"), Dollars("0.0075"));
  // Between the two: 500 of the 2,000 for an hour.
  call.reported_cost = Dollars("0.008625");
  price = book.Price(call, std::nullopt, false, "claude-code");
  EXPECT_EQ(price.billed, Dollars("0.008625"));
  EXPECT_EQ(price.reason, "assumed:cache_write_unknown=mix");
  ASSERT_TRUE(price.rates);
  EXPECT_EQ(price.rates->unknown_as_hour, 500);
  // Outside them the client's figure says nothing about the life.
  call.reported_cost = Dollars("0.02");
  EXPECT_EQ(Billed(book, call, "claude-code"), Dollars("0.012"));
  // Another maker's model behind Claude Code keeps that maker's rules.
  EXPECT_EQ(Billed(book, Call("gpt-a", {.cache_write_unknown = 1'000}), "claude-code"), Dollars("0.002"));
  EXPECT_EQ(Billed(book, Call("both", {.cache_write_unknown = 1'000}), "claude-code"), Dollars("0.002"));
  EXPECT_EQ(Billed(book, Call("claude-a", {.cache_write_unknown = 2'000}, "gateway"), "claude-code"),
            Dollars("0.012"));
}

TEST(PriceTest, ProvidersThatDoNotBillWritesBillTheirTokens) {
  LlmCall call = Call("gpt-a", {.uncached_input = 1'000, .cache_write_5m = 500, .cache_write_1h = 500});
  CallPrice price = Small().Price(call, std::nullopt, false);
  EXPECT_EQ(price.billed, Dollars("0.004"));
  EXPECT_EQ(price.reason, "");
  // The source's long write figure of Gemini is no write price, and a shipped 0 is free storage, not free
  // tokens.
  EXPECT_EQ(Billed(Shipped(), Call("gemini-2.5-pro", {.cache_write_5m = 300'000})), Dollars("0.75"));
  EXPECT_EQ(Billed(Shipped(), Call("glm-4.6", {.cache_write_5m = 1'000'000})), Dollars("0.6"));
}

TEST(PriceTest, MissingReadRateIsInputAndSaysSo) {
  CallPrice price = Small().Price(Call("gpt-a", {.cache_read = 1'000}), std::nullopt, false);
  EXPECT_EQ(price.billed, Dollars("0.002"));
  EXPECT_EQ(price.reason, "assumed:cache_read=input");
}

TEST(PriceTest, ServiceTiers) {
  Usage usage{.uncached_input = 1'000'000 / 4, .cache_read = 1'000, .output = 1'000};
  LlmCall call = Call("gpt-5.4", usage);
  auto price = [&](std::string tier) {
    call.service_tier = std::move(tier);
    return Shipped().Price(call, std::nullopt, false);
  };
  EXPECT_EQ(price("").billed, Dollars("0.625") + Dollars("0.00025") + Dollars("0.015"));
  EXPECT_EQ(price("standard").billed, price("").billed);
  EXPECT_EQ(price("default").reason, "");
  EXPECT_EQ(price("batch").billed, Dollars("0.3125") + Dollars("0.000125") + Dollars("0.0075"));
  EXPECT_EQ(price("Flex").billed, price("batch").billed);
  EXPECT_EQ(price("priority").billed, Dollars("1.25") + Dollars("0.0005") + Dollars("0.03"));
  EXPECT_EQ(price("turbo").billed, price("").billed);
  EXPECT_EQ(price("turbo").reason, "unknown-tier:turbo");
  call = Call("claude-opus-4-8", usage);
  EXPECT_EQ(price("batch").reason, "no-tier-rate:batch");
  call = Call("gpt-5-nano", usage);  // the source has half a priority price, 50 times the standard one
  EXPECT_EQ(price("priority").reason, "no-tier-rate:priority");
  EXPECT_EQ(price("priority").billed, price("").billed);
}

TEST(PriceTest, ServiceTierOfALongPrompt) {
  LlmCall call = Call("gpt-5.4", {.uncached_input = 300'000, .output = 1'000});
  call.service_tier = "batch";
  EXPECT_EQ(Billed(Shipped(), call), Dollars("0.75") + Dollars("0.01125"));
}

TEST(PriceTest, ServiceTierScalesInputAndOutputApart) {
  PriceBook book = *PriceBook::FromTsv(
      "model\tprovider\tinput\toutput\tcache_read\treasoning_output\tflex_input\tflex_output\tsource\n"
      "m\tx\t2\t10\t0.2\t20\t1\t8\ts\n",
      "t");
  LlmCall call =
      Call("m", {.uncached_input = 1'000, .cache_read = 1'000, .output = 2'000, .reasoning = 1'000});
  call.service_tier = "flex";
  EXPECT_EQ(Billed(book, call), Dollars("0.001") + Dollars("0.0001") + Dollars("0.008") + Dollars("0.016"));
}

TEST(PriceTest, StatusLadder) {
  const PriceBook& book = Shipped();
  LlmCall known = Call("gpt-4o", {.uncached_input = 1'000});
  LlmCall unknown = Call("llama-local", {.uncached_input = 1'000});
  CallPrice price = book.Price(unknown, std::nullopt, false);
  EXPECT_EQ(price.status, CostStatus::kUnpriced);
  EXPECT_EQ(price.billed, std::nullopt);
  EXPECT_EQ(price.reason, "unknown-model");
  unknown.reported_cost = Dollars("0.25");
  price = book.Price(unknown, std::nullopt, false);
  EXPECT_EQ(price.status, CostStatus::kReported);
  EXPECT_EQ(price.billed, Dollars("0.25"));
  known.reported_cost = Dollars("0.25");
  price = book.Price(known, std::nullopt, false);
  EXPECT_EQ(price.status, CostStatus::kPriced);
  EXPECT_EQ(price.billed, Dollars("0.0025"));
  price = book.Price(known, std::nullopt, true);
  EXPECT_EQ(price.status, CostStatus::kIncluded);
  EXPECT_EQ(price.billed, Usd());
  EXPECT_EQ(price.list_price, Dollars("0.0025"));
  known.usage = std::nullopt;
  EXPECT_EQ(book.Price(known, std::nullopt, false).status, CostStatus::kReported);
  known.reported_cost = std::nullopt;
  price = book.Price(known, std::nullopt, false);
  EXPECT_EQ(price.status, CostStatus::kUnpriced);
  EXPECT_EQ(price.reason, "no-usage");
}

TEST(PriceTest, CallsThatCostNothing) {
  LlmCall failed = Call("no-such-model", {});
  failed.error = "429 rate limited";
  EXPECT_EQ(Billed(Shipped(), failed), Usd());
  LlmCall local = Call("<synthetic>", {.uncached_input = 5});
  local.billed = false;
  EXPECT_EQ(Billed(Shipped(), local), Usd());
  // Without an error nothing says that the zeros are true of an unknown model.
  EXPECT_EQ(Shipped().Price(Call("no-such-model", {}), std::nullopt, false).status, CostStatus::kUnpriced);
  LlmCall auxiliary = Call("gpt-4o", {.uncached_input = 1'000});
  auxiliary.auxiliary = true;
  EXPECT_EQ(Billed(Shipped(), auxiliary), Dollars("0.0025"));
}

TEST(PriceTest, HostileCountsNeverOverflow) {
  for (int64_t n : {INT64_MAX, INT64_MIN, int64_t{-1}, kMaxTokensPerBucket + 1}) {
    CallPrice price =
        Shipped().Price(Call("gpt-4o", {.uncached_input = n, .output = n}), std::nullopt, false);
    EXPECT_EQ(price.status, CostStatus::kUnpriced);
    EXPECT_EQ(price.reason, "bad-usage");
  }
  Usage most{.uncached_input = kMaxTokensPerBucket,
             .cache_read = kMaxTokensPerBucket,
             .output = kMaxTokensPerBucket};
  EXPECT_TRUE(Billed(Shipped(), Call("gpt-5-pro", most)).is_saturated());
}

TEST(PriceTest, ReasoningNeverExceedsOutput) {
  PriceBook book = *PriceBook::FromTsv(
      "model\tprovider\tinput\toutput\treasoning_output\tsource\nm\tx\t1\t10\t20\ts\n", "t");
  EXPECT_EQ(Billed(book, Call("m", {.output = 1'000, .reasoning = 5'000})), Dollars("0.02"));
}

TEST(PriceTest, OldPrices) {
  LlmCall call = Call("gpt-5.6-sol", {.uncached_input = 1'000'000 / 5, .output = 1'000});
  EXPECT_EQ(Shipped().Price(call, Day("2026-09-21"), false).billed, Dollars("1.03"));
  EXPECT_EQ(Shipped().Price(call, Day("2026-09-22"), false).billed, Dollars("0.82"));
  EXPECT_EQ(Shipped().Price(call, std::nullopt, false).billed, Dollars("0.82"));
  LlmCall opus = Call("claude-opus-4-6", {.uncached_input = 300'000});
  EXPECT_EQ(Shipped().Price(opus, Day("2026-03-12"), false).billed, Dollars("3"));
  EXPECT_EQ(Shipped().Price(opus, Day("2026-03-13"), false).billed, Dollars("1.5"));
  EXPECT_EQ(Shipped().Price(Call("o3", {.output = 1'000}), Day("2025-06-09"), false).billed, Dollars("0.04"));
  EXPECT_EQ(Shipped().Price(opus, Day("1990-01-01"), false).status, CostStatus::kPriced);
}

// model as logged, canonical model ("" = none), how
struct IdCase {
  std::string_view logged, model, how;
};

TEST(PriceBookTest, ModelIds) {
  for (const IdCase& c : std::vector<IdCase>{
           {"claude-sonnet-4-6", "claude-sonnet-4-6", "exact"},
           {"Claude-Sonnet-4-6", "claude-sonnet-4-6", "case"},
           {"minimax-m2.5", "MiniMax-M2.5", "case"},
           {"anthropic/claude-sonnet-4-6", "claude-sonnet-4-6", "provider-prefix:anthropic"},
           {"openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5",
            "provider-prefix:openrouter/anthropic+dots-to-dashes"},
           {"claude-opus-4.6", "claude-opus-4-6", "dots-to-dashes"},
           {"openai-codex/gpt-5.4", "gpt-5.4", "provider-prefix:openai-codex"},
           {"models/gemini-2.5-flash", "gemini-2.5-flash", "provider-prefix:models"},
           {"publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash",
            "provider-prefix:publishers/google/models"},
           {"anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5",
            "provider-prefix:anthropic+bedrock-version+dated-suffix"},
           {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5",
            "provider-prefix:global+bedrock-version+dated-suffix"},
           {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "dated-suffix"},
           {"claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5", "context-suffix+dated-suffix"},
           {"claude-opus-4-8[1m]", "claude-opus-4-8", "context-suffix"},
           {"claude-sonnet-4-5@20250929", "claude-sonnet-4-5", "dated-suffix"},
           {"claude-sonnet-4-5@default", "claude-sonnet-4-5", "latest"},
           {"claude-sonnet-4-20250514", "claude-sonnet-4-20250514", "exact"},
           {"claude-sonnet-4", "claude-sonnet-4-20250514", "alias:claude-sonnet-4"},
           {"claude-3-5-haiku-latest", "claude-3-5-haiku-20241022", "latest+alias:claude-3-5-haiku"},
           {"gpt-5.4-2026-03-05", "gpt-5.4", "dated-suffix"},
           {"gpt-4.1-2025-04-14", "gpt-4.1", "dated-suffix"},
           {"gpt-4o-2024-08-06", "gpt-4o", "dated-suffix"},
           {"gpt-4o-2024-05-13", "gpt-4o-2024-05-13", "exact"},
           {"grok-4", "grok-4-0709", "alias:grok-4"},
           {" gpt-5 ", "gpt-5", "exact"},
           {"us.anthropic.claude-sonnet-4-6-v1:0", "", "provider-prefix:us"},
           {"eu.anthropic.claude-sonnet-4-6", "", "provider-prefix:eu"},
           {"us-gov.anthropic.claude-sonnet-4-6", "", "provider-prefix:us-gov"},
           {"", "", ""},
           {"unknown", "", ""},
           {"<synthetic>", "", ""},
           {"llama-local", "", ""},
           {"default", "", ""},
           {"gpt-4", "", ""},
           {"gpt-4.10", "", ""},
           {"gpt-5.4-turbo", "", ""},
           {"xgpt-5", "", ""},
           {"gpt", "", ""},
           {"claude-sonnet", "", ""},
           {"claude-3-sonnet-20240229", "", ""},
           {"claude-sonnet-4-5-2025", "", ""},
           {"claude-sonnet-4-5-20251399", "", ""},
           {"claude-sonnet-4-5-20251301", "", ""},
           {"claude-sonnet-4-5-18250929", "", ""},
           {"claude-sonnet-4-5@main", "", ""},
           {"ollama/gpt-5", "", ""},
           {"openai/openrouter-llama-4-maverick", "", ""},
           {"/", "", ""},
           {"[1m]", "", ""},
           {"-20250929", "", ""},
           {"@20250929", "", ""},
           {"anthropic/", "", ""},
           {".", "", ""},
           {"us.", "", ""}}) {
    PriceMatch match = Shipped().Find(c.logged, "", std::nullopt);
    EXPECT_EQ(match.row ? match.row->model : "", c.model) << c.logged;
    EXPECT_EQ(match.how, c.how) << c.logged;
  }
  EXPECT_EQ(Shipped().Price(Call("gpt-4o-2024-05-13", {.uncached_input = 1}), std::nullopt, false).reason,
            "no-rate:input");
  EXPECT_EQ(
      Shipped().Price(Call("us.anthropic.claude-opus-5", {.uncached_input = 1}), std::nullopt, false).reason,
      "regional-price:us");
}

TEST(PriceBookTest, Providers) {
  auto how = [](std::string_view model, std::string_view provider) {
    return Shipped().Find(model, provider, std::nullopt).how;
  };
  EXPECT_EQ(how("gpt-5.4", "openai-codex"), "exact");
  EXPECT_EQ(how("gemini-2.5-pro", "vertex_ai"), "exact");
  EXPECT_EQ(how("gpt-5.4", "my-gateway"), "exact+list-price-of:openai");
  EXPECT_EQ(how("deepseek-chat", "ollama"), "local-provider");
  EXPECT_EQ(Shipped().Find("deepseek-chat", "ollama", std::nullopt).row, nullptr);
}

TEST(PriceBookTest, TheFinderRemembersNothingWrong) {
  PriceFinder finder(Shipped());
  // Twice, so that the second round is all from memory; around every day on which some price changes.
  for (int round = 0; round < 2; ++round) {
    for (const PriceRow& row : Shipped().rows()) {
      std::vector<std::optional<int64_t>> times = {std::nullopt, 0};
      for (auto change : {row.effective_from_ns, row.effective_to_ns}) {
        if (change) times.insert(times.end(), {*change - 1, *change, *change + 1});
      }
      for (auto at : times) {
        for (const std::string& model : {row.model, "x/" + row.model}) {
          PriceMatch expected = Shipped().Find(model, row.provider, at);
          const PriceMatch& found = finder.Find(model, row.provider, at);
          ASSERT_EQ(found.row, expected.row) << model;
          ASSERT_EQ(found.how, expected.how) << model;
        }
      }
    }
  }
}

TEST(PriceBookTest, EveryRowFindsItself) {
  std::map<std::string, std::vector<const PriceRow*>> by_model;
  for (const PriceRow& row : Shipped().rows()) {
    by_model[row.model].push_back(&row);
    std::optional<int64_t> at = row.effective_from_ns;
    if (!at && row.effective_to_ns) at = *row.effective_to_ns - 1;
    EXPECT_EQ(Shipped().Find(row.model, row.provider, at).row, &row) << row.model;
    EXPECT_FALSE(row.source.empty()) << row.model;
    for (const PriceTier& tier : row.tiers) EXPECT_GE(*tier.rates.input, *row.rates.input) << row.model;
  }
  for (const auto& [model, rows] : by_model) {
    EXPECT_FALSE(rows.front()->effective_from_ns)
        << model << ": the oldest price must hold for all earlier days";
    EXPECT_FALSE(rows.back()->effective_to_ns) << model << ": the newest price must be open";
    for (size_t i = 1; i < rows.size(); ++i)
      EXPECT_EQ(rows[i - 1]->effective_to_ns, rows[i]->effective_from_ns) << model;
  }
  EXPECT_THAT(Shipped().id(), StartsWith("2026-09-23+"));
  for (const auto& [alias, model] : Shipped().aliases())
    EXPECT_TRUE(Shipped().Find(alias, "", std::nullopt).row) << alias;
}

// The collected facts that the shipped book was made of, when the checkout has them beside it.
TEST(PriceBookTest, NewestRowsEqualTheCollectedFacts) {
  auto facts = ReadFile(kShared + "/data/prices.tsv");
  if (!facts) GTEST_SKIP() << "no " << kShared << "/data/prices.tsv";
  auto lines = Split(*facts, '\n');
  auto columns = Split(lines[0], '\t');
  std::set<std::string> models;
  for (size_t i = 1; i < lines.size() && !lines[i].empty(); ++i) {
    auto cells = Split(lines[i], '\t');
    auto cell = [&](std::string_view name) -> std::string_view {
      for (size_t c = 0; c < columns.size() && c < cells.size(); ++c) {
        if (columns[c] == name) return cells[c];
      }
      return {};
    };
    const PriceRow* row = Shipped().Find(cell("model"), cell("provider"), std::nullopt).row;
    ASSERT_TRUE(row) << cell("model");
    EXPECT_EQ(row->model, cell("model"));
    models.insert(row->model);
    auto same = [&](const std::optional<Usd>& ours, std::string_view column) {
      std::string_view theirs = cell(column);
      EXPECT_EQ(ours, theirs.empty() ? std::nullopt : std::optional(PerMtok(theirs)))
          << row->model << " " << column;
    };
    same(row->rates.input, "input_usd_per_mtok"), same(row->rates.output, "output");
    same(row->rates.cache_read, "cache_read"), same(row->rates.cache_write_5m, "cache_write_5m");
    same(row->rates.cache_write_1h, "cache_write_1h"), same(row->rates.reasoning, "reasoning_output");
    same(row->audio_input, "audio_input");
    Rates none, batch = row->batch.value_or(none), priority = row->priority.value_or(none),
                flex = row->flex.value_or(none);
    same(batch.input, "batch_input"), same(batch.output, "batch_output");
    same(priority.input, "priority_input"), same(priority.output, "priority_output");
    same(flex.input, "flex_input"), same(flex.output, "flex_output");
    EXPECT_EQ(row->source, cell("source@date"));
    std::string_view threshold = cell("long_context_threshold(whole request)");
    EXPECT_EQ(row->tiers.empty(), threshold.empty()) << row->model;
    if (threshold.empty() || threshold == "tiered") continue;
    ASSERT_EQ(row->tiers.size(), 1u);
    const Rates& tier = row->tiers[0].rates;
    EXPECT_EQ(fmt::format("{}k", row->tiers[0].above / 1'000), threshold);
    same(tier.input, "input_long"), same(tier.output, "output_long"),
        same(tier.cache_read, "cache_read_long");
    same(tier.cache_write_5m, "cache_write_long");
  }
  EXPECT_EQ(models.size(), 70u);
  for (const PriceRow& row : Shipped().rows())
    EXPECT_TRUE(models.contains(row.model) || !row.rates.input) << row.model;
}

// 23 ids by 4 shapes of the reference's price functions: what a plain sum over disjoint buckets gives at the
// rates of the reference's own table, by the name of its rule.
TEST(OverrideTest, ExampleFile) {
  PriceBook book = Shipped();
  auto text = ReadFile(kSource + "/docs/examples/prices.yaml");
  ASSERT_TRUE(text) << text.error().message;
  Status added = book.AddOverrides(*text, "prices.yaml");
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_NE(book.id(), Shipped().id());
  EXPECT_EQ(Billed(book, Call("llama-3.3-70b", {.uncached_input = 1'000'000}, "ollama")), Usd());
  EXPECT_EQ(Billed(book, Call("us.anthropic.claude-sonnet-4-6-v1:0", {.uncached_input = 1'000})),
            Dollars("0.0033"));
  EXPECT_EQ(Billed(book, Call("claude-sonnet-4-6", {.uncached_input = 1'000})), Dollars("0.003"));
  PriceMatch match = book.Find("prod-chat", "", std::nullopt);
  ASSERT_TRUE(match.row);
  EXPECT_EQ(match.row->model, "gpt-5.4");
  EXPECT_EQ(match.how, "alias:prod-chat");
  // A price agreed with the maker from a day on.
  LlmCall call = Call("gpt-5.4", {.uncached_input = 1'000});
  EXPECT_EQ(book.Price(call, Day("2026-06-30"), false).billed, Dollars("0.0025"));
  EXPECT_EQ(book.Price(call, Day("2026-07-01"), false).billed, Dollars("0.002"));
  EXPECT_TRUE(book.Find("gpt-5.4", "openai", Day("2026-07-01")).row->user);
}

TEST(OverrideTest, ProviderOfAUsersRowLimitsIt) {
  PriceBook book = Shipped();
  ASSERT_TRUE(
      book.AddOverrides("prices:\n- {model: gpt-5.4, provider: openrouter, input: 9, output: 9}\n- {model: "
                        "own, input: 1, output: 1}\n",
                        "o"));
  auto input = [&](std::string_view model, std::string_view provider) {
    return book.Find(model, provider, std::nullopt).row->rates.input;
  };
  EXPECT_EQ(input("gpt-5.4", "openrouter"), PerMtok("9"));
  EXPECT_EQ(input("gpt-5.4", "openai"), PerMtok("2.5"));
  EXPECT_EQ(input("gpt-5.4", ""), PerMtok("2.5"));
  EXPECT_EQ(input("gpt-5.4", "elsewhere"), PerMtok("2.5"));
  EXPECT_EQ(input("own", "anybody"), PerMtok("1"));
}

TEST(OverrideTest, UsersRowBeatsADatedOneAndEndsOnItsDay) {
  PriceBook book = Shipped();
  ASSERT_TRUE(
      book.AddOverrides("prices:\n- {model: claude-opus-4-6, input: 1, output: 1}\n"
                        "- {model: own, input: 1, output: 1, effective_to: 2026-02-01}\n",
                        "o"));
  EXPECT_TRUE(book.Find("claude-opus-4-6", "anthropic", Day("2026-06-01")).row->user);
  EXPECT_TRUE(book.Find("own", "", *ParseIsoTime("2026-01-31T23:59:59Z")).row);
  PriceMatch match = book.Find("own", "", *ParseIsoTime("2026-02-01T00:00:00Z"));
  EXPECT_EQ(match.row, nullptr);
  EXPECT_EQ(match.how, "no-row-for-date");
}

TEST(OverrideTest, ErrorsNameThePlaceAndChangeNothing) {
  PriceBook book = Shipped();
  const std::string before = book.id();
  for (auto [text, message] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"prices: {}", "prices is not a list"},
           {"price: []", "unknown key price"},
           {"prices:\n- {model: a, input: 1, output: 2, inptu: 3}", "unknown key inptu in prices[0]"},
           {"prices:\n- {input: 1, output: 2}", "prices[0].model"},
           {"prices:\n- {model: a, input: cheap, output: 2}",
            "prices[0].input is not USD per million tokens"},
           {"prices:\n- {model: a, input: -1, output: 2}", "prices[0].input is not USD per million tokens"},
           {"prices:\n- {model: a, input: 1}", "prices[0] is not a price with input and output"},
           {"prices:\n- {model: a, input: 1, output: 1, effective_from: soon}", "prices[0].effective_from"},
           {"prices:\n- {model: a, input: 1, output: 1}\n- {model: A, input: 1, output: 1}",
            "two prices of A"},
           {"prices:\n- {model: a, input: 1, output: 1, tiers: [{above: 5, input: 1}, {above: 5}]}",
            "prices[0].tiers[1].above"},
           {"prices:\n- {model: a, input: 1, output: 1, batch: {input: 1}}", "prices[0].batch"},
           {"aliases: {x: nowhere}", "alias x leads to nowhere"},
           {"[", "o:"}}) {
    Status status = book.AddOverrides(text, "o");
    ASSERT_FALSE(status) << text;
    EXPECT_THAT(status.error().message, HasSubstr(message));
    EXPECT_EQ(book.id(), before);
    EXPECT_EQ(book.rows().size(), Shipped().rows().size());
  }
  EXPECT_TRUE(book.AddOverrides("", "empty"));
}

TEST(PriceBookTest, BrokenTablesAreErrors) {
  const std::string head = "model\tprovider\tinput\toutput\ttiers\tsource\n";
  for (auto [text, message] : std::vector<std::pair<std::string, std::string_view>>{
           {"", "no header"},
           {"model\tprice\n", "unknown column price"},
           {"model\tprovider\n", "column input is missing"},
           {head + "a\tb\t1\n", "t:2: 3 cells where the header has 6"},
           {head + "a\tb\t1\tx\t\ts\n", "t:2: output is not USD per million tokens"},
           {head + "a\tb\t1\t1\t>5\ts\n", "t:2: tiers is not tiers"},
           {head + "a\tb\t1\t1\t>5 input=1; >5 input=2\ts\n", "t:2: tiers"},
           {head + "a\tb\t1\t1\t>5 wit=3\ts\n", "t:2: tiers"},
           {head + "\tb\t1\t1\t\ts\n", "t:2: no model"},
           {head + "a\tb\t1\t1\t\ts\na\tb\t2\t2\t\ts\n", "two prices of a (b)"}}) {
    auto book = PriceBook::FromTsv(text, "t");
    ASSERT_FALSE(book) << text;
    EXPECT_THAT(book.error().message, HasSubstr(message));
  }
  EXPECT_EQ(Small().id().substr(0, 11), "2026-01-02+");
  EXPECT_EQ(Small().id().size(), 19u);
}

TEST(PriceSessionTest, EachStepAtThePriceOfItsTime) {
  Session session;
  session.start_ns = Day("2026-09-21");
  session.steps.resize(3);
  for (Step& step : session.steps) step.llm = Call("gpt-5.6-sol", {.uncached_input = 1'000});
  session.steps[1].start_ns = Day("2026-09-23");
  session.steps[2].end_ns = Day("2026-09-23");
  PricedSession priced = PriceSession(session, Shipped());
  EXPECT_EQ(priced.prices[0].billed, Dollars("0.005"));
  EXPECT_EQ(priced.prices[1].billed, Dollars("0.004"));
  EXPECT_EQ(priced.prices[2].billed, Dollars("0.004"));
}

TEST(PriceSessionTest, SubAgentsInheritAgentAndBilling) {
  Session child;
  child.steps.resize(1);
  child.steps[0].llm = Call("claude-a", {.cache_write_unknown = 2'000}, "anthropic");
  Session parent;
  parent.info.agent = "claude-code";
  parent.start_ns = Day("2026-02-02");
  parent.steps.resize(2);
  parent.steps[0].llm = Call("claude-a", {.cache_write_unknown = 2'000}, "anthropic");
  parent.steps[1].kind = StepKind::kSubagentSpawn;
  parent.steps[1].children.push_back(child);
  PriceBook book = Small();
  PricedSession priced = PriceSession(parent, book);
  ASSERT_EQ(priced.prices.size(), 2u);
  EXPECT_EQ(priced.prices[0].billed, Dollars("0.012"));
  EXPECT_EQ(priced.prices[1].billed, std::nullopt);
  ASSERT_EQ(priced.children[1].size(), 1u);
  EXPECT_EQ(priced.children[1][0].session, &parent.steps[1].children[0]);
  EXPECT_EQ(priced.children[1][0].prices[0].billed, Dollars("0.012"));
  parent.info.billing = "subscription";
  priced = PriceSession(parent, book);
  EXPECT_EQ(priced.children[1][0].prices[0].status, CostStatus::kIncluded);
  EXPECT_EQ(priced.children[1][0].prices[0].list_price, Dollars("0.012"));
}

// Properties. Small enough counts that two calls together stay below every tier where a test needs that.
rc::Gen<Usage> AnyUsage(int64_t most) {
  return rc::gen::apply(
      [](int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t part) {
        return Usage{.uncached_input = a,
                     .cache_read = b,
                     .cache_write_5m = c,
                     .cache_write_1h = d,
                     .cache_write_unknown = e,
                     .output = f,
                     .reasoning = f * part / 100};
      },
      rc::gen::inRange<int64_t>(0, most), rc::gen::inRange<int64_t>(0, most),
      rc::gen::inRange<int64_t>(0, most), rc::gen::inRange<int64_t>(0, most),
      rc::gen::inRange<int64_t>(0, most), rc::gen::inRange<int64_t>(0, most),
      rc::gen::inRange<int64_t>(0, 101));
}

std::string AnyModel() {
  const auto& rows = Shipped().rows();
  size_t i = *rc::gen::inRange<size_t>(0, rows.size());
  return rows[i].rates.input ? rows[i].model : "gpt-5";
}

RC_GTEST_PROP(PriceProperty, AdditiveOverCallsAndBuckets, ()) {
  std::string model = AnyModel();
  Usage a = *AnyUsage(3'000), b = *AnyUsage(3'000);
  Usage sum = a;
  sum += b;
  RC_ASSERT(Billed(Shipped(), Call(model, sum)) ==
            Billed(Shipped(), Call(model, a)) + Billed(Shipped(), Call(model, b)));
  Usd parts;
  for (int64_t Usage::* bucket : {&Usage::uncached_input, &Usage::cache_read, &Usage::cache_write_5m,
                                  &Usage::cache_write_1h, &Usage::cache_write_unknown, &Usage::output}) {
    Usage one;
    one.*bucket = a.*bucket;
    if (bucket == &Usage::output) one.reasoning = a.reasoning;
    parts += Billed(Shipped(), Call(model, one));
  }
  RC_ASSERT(parts == Billed(Shipped(), Call(model, a)));
}

RC_GTEST_PROP(PriceProperty, MonotoneInEveryBucket, ()) {
  std::string model = AnyModel();
  Usage less = *AnyUsage(200'000);
  auto bucket = *rc::gen::element(&Usage::uncached_input, &Usage::cache_read, &Usage::cache_write_5m,
                                  &Usage::cache_write_1h, &Usage::cache_write_unknown, &Usage::output);
  Usage more = less;
  more.*bucket += *rc::gen::inRange<int64_t>(0, 300'000);
  LlmCall a = Call(model, less), b = Call(model, more);
  a.service_tier = b.service_tier = *rc::gen::element<std::string>("", "batch", "priority", "flex");
  RC_ASSERT(Billed(Shipped(), a) <= Billed(Shipped(), b));
}

RC_GTEST_PROP(PriceProperty, TotalOfASessionDoesNotDependOnOrder, ()) {
  auto usages = *rc::gen::container<std::vector<Usage>>(AnyUsage(400'000));
  Session session;
  for (const Usage& usage : usages) {
    Step step;
    step.llm = Call(AnyModel(), usage);
    session.steps.push_back(step);
  }
  auto total = [](const Session& s) {
    Usd sum;
    for (const CallPrice& price : PriceSession(s, Shipped()).prices) sum += price.billed.value_or(Usd());
    return sum;
  };
  Usd before = total(session);
  std::reverse(session.steps.begin(), session.steps.end());
  size_t turn = session.steps.empty() ? 0 : *rc::gen::inRange<size_t>(0, session.steps.size());
  std::rotate(session.steps.begin(), session.steps.begin() + static_cast<std::ptrdiff_t>(turn),
              session.steps.end());
  RC_ASSERT(total(session) == before);
}

RC_GTEST_PROP(PriceProperty, AnyIdGetsAnAnswer, (const std::string& noise)) {
  std::string id =
      *rc::gen::element<std::string>("", "us.anthropic.", "openrouter/", "claude-", "gpt-4o-20") + noise +
      *rc::gen::element<std::string>("", "-v1:0", "-20250929", "[1m]", "@latest", "-latest");
  PriceMatch match = Shipped().Find(id, noise, std::nullopt);
  RC_ASSERT(!match.row || !match.how.empty());
}

}  // namespace
}  // namespace clawtrace

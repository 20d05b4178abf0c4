// The cases of the published reference: 23 model ids with four shapes of usage each. Its linear column is
// right arithmetic at its own rates, which follow from the cases themselves; the shipped book prices them by
// the collected facts.
#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "pricing/pricing.h"

namespace clawtrace {
namespace {

const std::string kShared = std::string(CLAWTRACE_SOURCE_DIR) + "/../shared/data/";

struct Case {
  std::string model, shape;
  Usage usage;
  Usd linear;
};

std::optional<std::vector<Case>> Cases() {
  auto text = ReadFile(kShared + "golden/pricing-cases.json");
  if (!text) return std::nullopt;
  JsonParser parser;
  std::vector<Case> cases;
  (*parser.Parse(*text))["cases"].ForEachItem([&](Json json) {
    Json u = json["usage"];
    Case& c = cases.emplace_back();
    c.model = json["model"].text(), c.shape = json["usage_name"].text();
    c.usage = {.uncached_input = *u["input"].integer(),
               .cache_read = *u["cacheRead"].integer(),
               .cache_write_unknown = *u["cacheWrite"].integer(),
               .output = *u["output"].integer()};
    c.linear = *Usd::FromDouble(*json["linear_at_ui_rates_usd"].number());
  });
  return cases;
}

LlmCall CallOf(const Case& c, std::string model) {
  LlmCall call;
  call.model = std::move(model), call.usage = c.usage;
  return call;
}

// Pico-dollars per token to USD per million tokens.
std::string PerMtok(int64_t pico) { return Usd::Pico(pico * 1'000'000).ToDecimal(); }

// A book with one model whose rates are those behind four of the cases: two equations for input and output,
// one each for reading and writing.
PriceBook BookBehind(const std::map<std::string, Case>& shapes) {
  const Case &fresh = shapes.at("fresh"), &cached = shapes.at("cached"), &write = shapes.at("write"),
             &only = shapes.at("only_write");
  int64_t writing = only.linear.pico() / only.usage.cache_write_unknown;
  int64_t reading = (cached.linear - fresh.linear).pico() / cached.usage.cache_read;
  // fresh: a*i + b*o; write without its cached part: c*i + d*o.
  int64_t a = fresh.usage.uncached_input, b = fresh.usage.output, c = write.usage.uncached_input,
          d = write.usage.output;
  int64_t rest =
      write.linear.pico() - reading * write.usage.cache_read - writing * write.usage.cache_write_unknown;
  int64_t input = (fresh.linear.pico() * d - rest * b) / (a * d - c * b);
  int64_t output = (fresh.linear.pico() - a * input) / b;
  auto book = PriceBook::FromTsv(
      "model\tprovider\tinput\toutput\tcache_read\tcache_write_5m\tsource\nm\tx\t" + PerMtok(input) + "\t" +
          PerMtok(output) + "\t" + PerMtok(reading) + "\t" + PerMtok(writing) + "\tt\n",
      "behind the cases");
  EXPECT_TRUE(book);
  return *book;
}

TEST(ReferenceCasesTest, ArithmeticAtTheirOwnRates) {
  auto cases = Cases();
  if (!cases) GTEST_SKIP() << "no " << kShared << "golden/pricing-cases.json";
  EXPECT_EQ(cases->size(), 92U);
  std::map<std::string, std::map<std::string, Case>> by_model;
  for (const Case& c : *cases) by_model[c.model].emplace(c.shape, c);
  EXPECT_EQ(by_model.size(), 23U);
  for (const auto& [model, shapes] : by_model) {
    PriceBook book = BookBehind(shapes);
    for (const auto& [shape, c] : shapes)
      EXPECT_EQ(book.Price(CallOf(c, "m"), std::nullopt, false).billed, c.linear) << model << ' ' << shape;
  }
}

// Rates of a row of the collected facts, by column; 0 where there is none.
std::map<std::string, std::array<int64_t, 4>> CollectedRates() {
  std::map<std::string, std::array<int64_t, 4>> rates;
  auto text = ReadFile(kShared + "prices.tsv");
  if (!text) return rates;
  auto lines = Split(*text, '\n');
  auto header = Split(lines[0], '\t');
  constexpr std::array<std::string_view, 4> kColumns = {"input_usd_per_mtok", "output", "cache_read",
                                                        "cache_write_5m"};
  for (size_t i = 1; i < lines.size() && !lines[i].empty(); ++i) {
    auto cells = Split(lines[i], '\t');
    for (size_t k = 0; k < kColumns.size(); ++k) {
      for (size_t c = 0; c < cells.size(); ++c) {
        if (header[c] == kColumns[k])
          rates[std::string(cells[0])][k] = Usd::Parse(cells[c]).value_or(Usd()).pico() / 1'000'000;
      }
    }
  }
  return rates;
}

TEST(ReferenceCasesTest, ShippedBookGivesTheCollectedPrices) {
  auto cases = Cases();
  auto rates = CollectedRates();
  if (!cases || rates.empty()) GTEST_SKIP() << "no " << kShared;
  PriceBook shipped =
      *PriceBook::FromTsv(*ReadFile(std::string(CLAWTRACE_SOURCE_DIR) + "/data/prices.tsv"), "prices.tsv");
  int priced = 0;
  for (const Case& c : *cases) {
    CallPrice price = shipped.Price(CallOf(c, c.model), std::nullopt, false);
    bool unknown =
        c.model.empty() || c.model == "unknown" || c.model == "llama-local" || c.model.starts_with("us.");
    if (unknown) {
      EXPECT_EQ(price.status, CostStatus::kUnpriced) << c.model;
      EXPECT_FALSE(price.billed) << c.model;
      continue;
    }
    ++priced;
    ASSERT_TRUE(price.row && price.billed) << c.model;
    ASSERT_TRUE(rates.contains(price.row->model)) << price.row->model;
    auto [input, output, read, write] = rates.at(price.row->model);
    // Where nobody charges for writing these are ordinary tokens, and so are reads without a rate of their
    // own.
    if (read == 0) read = input;
    if (write == 0) write = input;
    Usd expected = Usd::Pico(input).Times(c.usage.uncached_input) + Usd::Pico(output).Times(c.usage.output) +
                   Usd::Pico(read).Times(c.usage.cache_read) +
                   Usd::Pico(write).Times(c.usage.cache_write_unknown);
    EXPECT_EQ(price.billed, expected) << c.model << ' ' << c.shape;
  }
  EXPECT_EQ(priced, 76);
}

}  // namespace
}  // namespace clawtrace

// Rates of a call, beyond its price: what attribution and re-costing stand on. And fees.
#include <gtest/gtest.h>

#include "base/file.h"
#include "pricing/pricing.h"

namespace clawtrace {
namespace {

Usd Dollars(std::string_view text) { return *Usd::Parse(text); }

PriceBook Small() {
  return *PriceBook::FromTsv(
      "model\tprovider\tinput\toutput\tcache_read\tcache_write_5m\tcache_write_1h\ttiers\tsource\n"
      "claude-a\tanthropic\t3\t15\t0.3\t3.75\t6\t\tlist@2026-01-02\n"
      "claude-long\tanthropic\t3\t15\t0.3\t3.75\t\t>200000 input=6 output=22.5 cache_read=0.6 "
      "cache_write_5m=7.5\tlist@2026-01-01\n",
      "small");
}

const PriceBook& Shipped() {
  static const PriceBook book =
      *PriceBook::FromTsv(*ReadFile(std::string(CLAWTRACE_SOURCE_DIR) + "/data/prices.tsv"), "prices.tsv");
  return book;
}

LlmCall Call(std::string model, Usage usage) {
  LlmCall call;
  call.model = std::move(model), call.usage = usage;
  return call;
}

Usd Billed(const PriceBook& book, const LlmCall& call) {
  return book.Price(call, std::nullopt, false).billed.value_or(Usd::Pico(-1));
}

TEST(RatesTest, SearchesAreChargedByTheirNumber) {
  LlmCall call = Call("claude-sonnet-4-6", {.uncached_input = 1'000});
  call.web_searches = 3;
  EXPECT_EQ(Billed(Shipped(), call), Dollars("0.033"));
  CallPrice price = Small().Price(Call("claude-a", {.uncached_input = 1'000}), std::nullopt, false);
  EXPECT_EQ(price.billed, Dollars("0.003"));
  call.model = "claude-a";  // the small book has no fee
  price = Small().Price(call, std::nullopt, false);
  EXPECT_EQ(price.billed, Dollars("0.003"));
  EXPECT_EQ(price.reason, "no-rate:web_search");
  PriceBook own = Small();
  ASSERT_TRUE(own.AddOverrides("prices: [{model: claude-a, input: 3, output: 15, web_search: 25}]", "own"));
  EXPECT_EQ(Billed(own, call), Dollars("0.078"));
}

// The rates of a price give it, bucket by bucket, and those of another prompt are asked for anew.
TEST(RatesTest, RatesGiveThePrice) {
  PriceBook book = Small();
  LlmCall call = Call("claude-long", {.uncached_input = 150'000, .cache_write_unknown = 60'000, .output = 9});
  call.other_reading = Usage{.uncached_input = 10'000, .output = 9};
  CallPrice price = book.Price(call, std::nullopt, false, "claude-code");
  ASSERT_TRUE(price.rates && price.row);
  EXPECT_EQ(CostAt(*price.rates, *call.usage), price.billed);
  EXPECT_EQ(price.rates->cache_write_1h, Usd::Pico(12'000'000));
  EXPECT_EQ(price.other_price, Dollars("0.030135"));
  auto lower = RatesFor(*price.row, {.uncached_input = 200'000}, "");
  ASSERT_TRUE(lower);
  EXPECT_EQ(lower->uncached_input, Usd::Pico(3'000'000));
}

}  // namespace
}  // namespace clawtrace

#pragma once
// What a call cost when it ran. Prices are dated data: data/prices.tsv plus user overrides (docs/pricing.md).
// A book is immutable after loading; safe to share between threads.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "model/session.h"

namespace clawtrace {

// USD per million tokens, each as pico-dollars per token (1 USD/Mtok = 10^6 pico/token). nullopt: the book
// has no figure for it. reasoning: only where it differs from other output.
struct Rates {
  std::optional<Usd> input, output, cache_read, cache_write_5m, cache_write_1h, reasoning;
};

// Rates of a whole call whose prompt (uncached + cache read + cache writes) is larger than above. A field
// without a figure keeps the rate of the tier below.
struct PriceTier {
  int64_t above = 0;
  Rates rates;
};

struct PriceRow {
  std::string model;     // canonical id
  std::string provider;  // "anthropic"; "us.anthropic" for a region of Bedrock; "" (user rows) = any
  std::optional<int64_t> effective_from_ns, effective_to_ns;  // [from, to); nullopt = open
  Rates rates;
  std::vector<PriceTier> tiers;                // ascending
  std::optional<Rates> batch, priority, flex;  // input and output only; other buckets scale like input
  std::optional<Usd> audio_input;              // listed, not used: no client reports audio tokens apart
  std::optional<Usd> web_search;               // fee of one search that the provider ran for a call
  std::string source;                          // "litellm:gpt-5.4@2026-06-28"
  std::string notes;
  bool user = false;  // from an override file
};

// How a model id found its row.
struct PriceMatch {
  const PriceRow* row = nullptr;
  // What was done to the id, in order, joined by '+': "exact" | "case" | "alias:<alias>" | "context-suffix" |
  // "provider-prefix:<prefix>" | "bedrock-version" | "dots-to-dashes" | "dated-suffix" | "latest", then
  // "list-price-of:<provider>" when another provider served the call. Without a row: why there is none, "" |
  // "provider-prefix:<region>" | "local-provider" | "no-row-for-date".
  std::string how;
};

// What one token of each bucket of a call cost, in its tier and service; every rate filled in by the rules of
// docs/pricing.md.
struct CallRates {
  Usd uncached_input, cache_read, cache_write_5m, cache_write_1h;
  Usd output, reasoning;  // reasoning tokens are charged at their own rate, the rest of output at output
  Usd fees;               // of the whole call: searches
  int64_t unknown_as_hour =
      0;  // so many of cache_write_unknown are priced as an hour's, the rest as 5 minutes'
};
// Sum over the buckets, and the fees.
Usd CostAt(const CallRates& rates, const Usage& usage);

struct CallPrice {
  CostStatus status = CostStatus::kUnpriced;
  std::optional<Usd> billed;      // nullopt when unpriced; 0 when included
  std::optional<Usd> list_price;  // by our book, whenever it can price the call (also for included ones)
  // Why unpriced or not priced by our book: "unknown-model", "regional-price:us", "no-row-for-date",
  // "local-provider", "no-usage", "bad-usage", "no-rate:input", "no-rate:output"; "not-billed" for a local
  // message. Of a priced call what had to be assumed, joined by ';': "assumed:cache_read=input",
  // "unknown-tier:fast", "no-tier-rate:batch", ...
  std::string reason;
  // The call under LlmCall::other_reading: with list_price the bounds of what it may have cost.
  std::optional<Usd> other_price;
  // With them CostAt is list_price. Of a reported call those behind the session's stated costs
  // (stated_rates.h): CostAt is what was stated, but for rounding. None when neither is known.
  std::optional<CallRates> rates;
  const PriceRow* row = nullptr;  // of the book, that the rates are from; lives as Find's
};

class PriceFinder;

class PriceBook {
 public:
  // The shipped table in the format of data/prices.tsv. Errors name line and column.
  static Result<PriceBook> FromTsv(std::string_view tsv, std::string_view name);
  // Overrides (YAML or JSON, docs/pricing.md): rows that beat and add to the book's, aliases. All or nothing:
  // after an error the book is as before.
  Status AddOverrides(std::string_view text, std::string_view name);

  // Unknown, empty and local models: nullptr row. at_ns nullopt = the newest row. provider "" = any. The row
  // lives as long as the book and until the next AddOverrides.
  PriceMatch Find(std::string_view model, std::string_view provider, std::optional<int64_t> at_ns) const;
  // The decision of DESIGN 2: priced, else reported, else unpriced; included for subscriptions. agent is the
  // client ("claude-code" writes its caches for an hour when the log does not say).
  CallPrice Price(const LlmCall& call, std::optional<int64_t> at_ns, bool subscription,
                  std::string_view agent = {}) const;
  // Same for many calls: finder is this book's.
  CallPrice Price(const LlmCall& call, std::optional<int64_t> at_ns, bool subscription,
                  std::string_view agent, PriceFinder* finder) const;

  const std::vector<PriceRow>& rows() const { return rows_; }
  // Other names of a model: (alias, canonical id), both in lower case, sorted.
  const std::map<std::string, std::string, std::less<>>& aliases() const { return aliases_; }
  const std::string& id() const { return id_; }  // "<newest source date>+<8 hex of the content's hash>"

 private:
  friend class PriceFinder;
  const PriceRow* Choose(const std::vector<size_t>& rows, std::string_view provider, std::string_view region,
                         std::optional<int64_t> at_ns) const;
  void AddRow(PriceRow row);
  void SetId(std::string_view text);

  std::vector<PriceRow> rows_;
  std::map<std::string, std::vector<size_t>, std::less<>> by_model_;  // lower-case id to its rows
  std::map<std::string, std::string, std::less<>> aliases_;
  std::vector<int64_t> changes_ns_;  // when any row begins or ends, sorted: between two, prices stand still
  std::string newest_date_;
  std::string content_hash_;
  std::string id_;
};

// PriceBook::Find with a memory: the calls of a session name few models. The book must outlive it and not
// change meanwhile; one per thread.
class PriceFinder {
 public:
  explicit PriceFinder(const PriceBook& book) : book_(book) {}
  const PriceMatch& Find(const std::string& model, const std::string& provider, std::optional<int64_t> at_ns);

 private:
  using Key = std::tuple<std::string, std::string, ptrdiff_t>;  // the last: which stretch of time
  const PriceBook& book_;
  std::map<Key, PriceMatch> known_;
  const std::pair<const Key, PriceMatch>* last_ = nullptr;
};

// The rates of a row for a call with these tokens (its tier goes by the prompt) and this service tier;
// nullopt when one that is needed is missing. unknown_as_hour and fees are the caller's.
std::optional<CallRates> RatesFor(const PriceRow& row, const Usage& usage, std::string_view service_tier);

// A session with a price for every LLM step, sub-agents in the children's own lists.
struct PricedSession {
  const Session* session = nullptr;
  std::vector<CallPrice> prices;                     // by step index; tool steps hold a default
  std::vector<std::vector<PricedSession>> children;  // by step index
};

// The session must outlive the result. A sub-agent whose log names no agent or billing has its parent's.
PricedSession PriceSession(const Session& session, const PriceBook& book);

}  // namespace clawtrace

#pragma once
// What a call cost when it ran. Prices are dated data: data/prices.tsv (see docs/pricing.md) plus user overrides.
// Immutable after loading; safe to share between threads.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/session.h"

namespace clawtrace {

// USD per million tokens, each as pico-dollars per token (1 USD/Mtok = 10^6 pico/token). nullopt: the book has no
// figure for it.
struct Rates {
  std::optional<Usd> input, output, cache_read, cache_write_5m, cache_write_1h;
};

struct PriceRow {
  std::string model;            // canonical id
  std::string provider;
  std::optional<int64_t> effective_from_ns, effective_to_ns;  // [from, to); nullopt = open
  Rates rates;
  std::optional<int64_t> long_threshold;  // prompt tokens strictly above it: long_rates for the whole call
  Rates long_rates;                       // falls back to rates per field
  std::optional<Rates> batch, priority, flex;  // input and output only; other buckets scale like input
  std::string source;           // "litellm:gpt-5.4@2026-06-28"
  std::string notes;
  bool user = false;            // from an override file
};

// How a model id found its row.
struct PriceMatch {
  const PriceRow* row = nullptr;
  std::string how;              // "exact", "alias:<rule>", "dated-suffix", "provider-prefix"
};

struct CallPrice {
  CostStatus status = CostStatus::kUnpriced;
  std::optional<Usd> billed;      // nullopt when unpriced; 0 when included
  std::optional<Usd> list_price;  // by our book, whenever it can price the call (also for included ones)
  std::string reason;             // why unpriced: "unknown-model", "no-usage", "no-rate:cache_write", ...
};

class PriceBook {
 public:
  // The shipped table in the format of data/prices.tsv.
  static Result<PriceBook> FromTsv(std::string_view tsv, std::string_view name);
  // Overrides (YAML or JSON, docs/pricing.md): rows that beat and add to the book's, aliases.
  Status AddOverrides(std::string_view text, std::string_view name);

  // Unknown, empty and local models: nullptr row. at_ns nullopt = the newest row. provider "" = any.
  PriceMatch Find(std::string_view model, std::string_view provider, std::optional<int64_t> at_ns) const;
  // The decision of DESIGN 2: priced, else reported, else unpriced; included for subscriptions.
  CallPrice Price(const LlmCall& call, std::optional<int64_t> at_ns, bool subscription) const;

  const std::vector<PriceRow>& rows() const { return rows_; }
  const std::string& id() const { return id_; }  // "<newest source date>+<8 hex of the content's hash>"

 private:
  std::vector<PriceRow> rows_;
  std::vector<std::pair<std::string, std::string>> aliases_;
  std::string id_;
};

// A session with a price for every LLM step, sub-agents in the children's own lists.
struct PricedSession {
  const Session* session = nullptr;
  std::vector<CallPrice> prices;                       // by step index; tool steps hold a default
  std::vector<std::vector<PricedSession>> children;    // by step index
};

// The session must outlive the result.
PricedSession PriceSession(const Session& session, const PriceBook& book);

}  // namespace clawtrace

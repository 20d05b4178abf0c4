#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "pricing/model_id.h"
#include "pricing/pricing.h"
#include "pricing/stated_rates.h"

namespace clawtrace {
namespace {

__extension__ typedef __int128 Wide;

// Reasons of one call, joined when asked for: most calls have none.
class Reasons {
 public:
  void Add(std::string_view word, std::string_view detail = {}) {
    if (!text_.empty()) text_ += ';';
    text_.append(word).append(detail);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// Anthropic's documented rule: an hour's write costs twice the input.
void FillHourWrite(const PriceRow& row, Rates* rates) {
  if (!rates->cache_write_1h && rates->input && CanonicalProvider(row.provider).ends_with("anthropic")) {
    rates->cache_write_1h = rates->input->Times(2);
  }
}

void Overlay(std::optional<Usd>* below, const std::optional<Usd>& above) {
  if (above) *below = above;
}

// Rates of the tier that the whole prompt falls into.
Rates TierRates(const PriceRow& row, int64_t prompt, Reasons* reasons) {
  Rates rates = row.rates;
  FillHourWrite(row, &rates);
  for (const PriceTier& tier : row.tiers) {
    if (prompt <= tier.above) break;
    Rates more = tier.rates;
    FillHourWrite(row, &more);
    Overlay(&rates.input, more.input), Overlay(&rates.output, more.output),
        Overlay(&rates.cache_read, more.cache_read);
    Overlay(&rates.cache_write_5m, more.cache_write_5m), Overlay(&rates.cache_write_1h, more.cache_write_1h);
    Overlay(&rates.reasoning, more.reasoning);
    if (!more.output) reasons->Add("assumed:long_output=output");
  }
  return rates;
}

// rate * part / whole, rounded half up.
std::optional<Usd> Scale(const std::optional<Usd>& rate, Usd part, Usd whole) {
  if (!rate || whole.is_zero()) return rate;
  Wide scaled = (static_cast<Wide>(rate->pico()) * part.pico() + whole.pico() / 2) / whole.pico();
  return Usd::Pico(scaled > INT64_MAX ? INT64_MAX : static_cast<int64_t>(scaled));
}

// Batch, priority, flex: stated for input and output of the standard tier; the rest keeps its ratio to input
// (output).
void ApplyService(const PriceRow& row, std::string_view word, Rates* rates, Reasons* reasons) {
  std::string tier = ToLower(word);
  if (tier.empty() || tier == "standard" || tier == "default" || tier == "auto") return;
  const std::optional<Rates>* service = nullptr;
  if (tier == "batch")
    service = &row.batch;
  else if (tier == "priority")
    service = &row.priority;
  else if (tier == "flex")
    service = &row.flex;
  if (!service) return reasons->Add("unknown-tier:", tier);
  // Half a price is a gap of the source: billing by it would mix two price lists.
  if (!*service || !(*service)->input || !(*service)->output || !row.rates.input || !row.rates.output) {
    return reasons->Add("no-tier-rate:", tier);
  }
  Usd input = *(*service)->input, output = *(*service)->output;
  for (auto* rate : {&rates->input, &rates->cache_read, &rates->cache_write_5m, &rates->cache_write_1h}) {
    *rate = Scale(*rate, input, *row.rates.input);
  }
  for (auto* rate : {&rates->output, &rates->reasoning}) *rate = Scale(*rate, output, *row.rates.output);
}

// A rate for the bucket, else the one that stands in for it.
Usd RateOr(const std::optional<Usd>& rate, Usd other, int64_t tokens, std::string_view assumption,
           Reasons* reasons) {
  if (rate) return *rate;
  if (tokens > 0 && !assumption.empty()) reasons->Add(assumption);
  return other;
}

// Rates of the writes. Where the book has no write rate at all the provider does not charge for writing:
// these are ordinary prompt tokens. A shipped rate of 0 means the same (free storage, not free tokens); a
// user's 0 is a 0.
void SetWriteRates(const PriceRow& row, const Rates& rates, const Usage& usage, CallRates* out,
                   Reasons* reasons) {
  auto charged = [&](const std::optional<Usd>& rate) { return rate && (row.user || !rate->is_zero()); };
  bool anthropic = CanonicalProvider(row.provider).ends_with("anthropic");
  out->cache_write_5m = out->cache_write_1h = out->uncached_input;
  if (!charged(row.rates.cache_write_5m) && !charged(row.rates.cache_write_1h) && !anthropic) return;
  out->cache_write_5m = RateOr(rates.cache_write_5m, out->uncached_input, usage.cache_write_5m,
                               "assumed:cache_write_5m=input", reasons);
  out->cache_write_1h = RateOr(rates.cache_write_1h, out->cache_write_5m, usage.cache_write_1h,
                               "assumed:cache_write_1h=cache_write_5m", reasons);
}

// usage: without cache_write_unknown. nullopt with the reason when a rate is missing.
std::optional<CallRates> BookRates(const PriceRow& row, const Usage& usage, std::string_view service_tier,
                                   Reasons* reasons) {
  Rates rates = TierRates(row, usage.prompt(), reasons);
  ApplyService(row, service_tier, &rates, reasons);
  if (!rates.input && usage.prompt() > 0) return reasons->Add("no-rate:input"), std::nullopt;
  if (!rates.output && usage.output > 0) return reasons->Add("no-rate:output"), std::nullopt;
  CallRates out;
  out.uncached_input = rates.input.value_or(Usd());
  out.output = rates.output.value_or(Usd());
  out.cache_read =
      RateOr(rates.cache_read, out.uncached_input, usage.cache_read, "assumed:cache_read=input", reasons);
  SetWriteRates(row, rates, usage, &out, reasons);
  out.reasoning = rates.reasoning.value_or(out.output);
  return out;
}

// The same tokens with so many of the writes of unknown life as an hour's.
Usage Settled(Usage usage, int64_t hour) {
  usage.cache_write_1h += hour;
  usage.cache_write_5m += usage.cache_write_unknown - hour;
  usage.cache_write_unknown = 0;
  return usage;
}

// Within half a percent of the client's own figure.
bool Reproduces(Usd cost, Usd reported) {
  Wide gap = static_cast<Wide>(cost.pico()) - reported.pico();
  return (gap < 0 ? -gap : gap) * 200 <= reported.pico();
}

Usd FeesOf(const PriceRow& row, const LlmCall& call, Reasons* reasons) {
  if (call.web_searches <= 0) return {};
  if (!row.web_search) return reasons->Add("no-rate:web_search"), Usd();
  return row.web_search->Times(call.web_searches);
}

// How many of the writes of unknown life the client's own figure takes for an hour's; nullopt when no reading
// gives it.
std::optional<int64_t> HoursThatReproduce(const PriceRow& row, const LlmCall& call, Usd fees) {
  Usd wanted = *call.reported_cost;
  int64_t unknown = call.usage->cache_write_unknown;
  Reasons unused;
  auto rates = BookRates(row, Settled(*call.usage, 0), call.service_tier, &unused);
  if (!rates) return std::nullopt;
  Usd minutes = CostAt(*rates, Settled(*call.usage, 0)) + fees;
  Usd hours = CostAt(*rates, Settled(*call.usage, unknown)) + fees;
  if (Reproduces(minutes, wanted)) return 0;
  if (Reproduces(hours, wanted)) return unknown;
  if (wanted < minutes || wanted > hours) return std::nullopt;
  Usd step = rates->cache_write_1h - rates->cache_write_5m;
  int64_t hour = ((wanted - minutes).pico() + step.pico() / 2) / step.pico();
  return std::min(hour, unknown);
}

// How many of the writes of unknown life are taken for an hour's.
int64_t UnknownAsHour(const PriceRow& row, const LlmCall& call, std::string_view agent, Reasons* reasons) {
  int64_t unknown = call.usage->cache_write_unknown;
  if (unknown == 0) return 0;
  std::string maker = CanonicalProvider(row.provider.empty() ? call.provider : row.provider);
  int64_t hour = agent == "claude-code" && maker.ends_with("anthropic") ? unknown : 0;
  if (call.reported_cost && *call.reported_cost > Usd()) {
    // The client knew which it was: take the reading that gives its figure.
    Reasons unused;
    hour = HoursThatReproduce(row, call, FeesOf(row, call, &unused)).value_or(hour);
  }
  reasons->Add("assumed:cache_write_unknown=", hour == 0 ? "5m" : hour == unknown ? "1h" : "mix");
  return hour;
}

std::optional<CallRates> PriceByBook(const PriceRow& row, const LlmCall& call, std::string_view agent,
                                     Reasons* reasons) {
  int64_t hour = UnknownAsHour(row, call, agent, reasons);
  auto rates = BookRates(row, Settled(*call.usage, hour), call.service_tier, reasons);
  if (!rates) return rates;
  rates->unknown_as_hour = hour;
  rates->fees = FeesOf(row, call, reasons);
  return rates;
}

// What the call costs when its tokens mean the other thing.
std::optional<Usd> OtherPrice(const PriceRow& row, const LlmCall& call, std::string_view agent) {
  if (!call.other_reading || !IsPlausible(*call.other_reading)) return std::nullopt;
  LlmCall other = call;
  other.usage = call.other_reading;
  Reasons unused;
  auto rates = PriceByBook(row, other, agent, &unused);
  return rates ? std::optional(CostAt(*rates, *other.usage)) : std::nullopt;
}

std::string_view ReasonOfMiss(const std::string& how, std::string* buffer) {
  if (how.starts_with("provider-prefix:")) return *buffer = "regional-price:" + how.substr(how.find(':') + 1);
  return how.empty() ? std::string_view("unknown-model") : std::string_view(how);
}

}  // namespace

Usd CostAt(const CallRates& rates, const Usage& usage) {
  int64_t hour = std::clamp<int64_t>(rates.unknown_as_hour, 0, usage.cache_write_unknown);
  Usd cost = rates.fees;
  cost += rates.uncached_input.Times(usage.uncached_input);
  cost += rates.cache_read.Times(usage.cache_read);
  cost += rates.cache_write_5m.Times(usage.cache_write_5m + usage.cache_write_unknown - hour);
  cost += rates.cache_write_1h.Times(usage.cache_write_1h + hour);
  // A source may say more reasoning than output; output is what is billed.
  int64_t reasoning = std::min(usage.reasoning, usage.output);
  cost += rates.output.Times(usage.output - reasoning);
  return cost + rates.reasoning.Times(reasoning);
}

std::optional<CallRates> RatesFor(const PriceRow& row, const Usage& usage, std::string_view service_tier) {
  Reasons unused;
  return BookRates(row, Settled(usage, 0), service_tier, &unused);
}

CallPrice PriceBook::Price(const LlmCall& call, std::optional<int64_t> at_ns, bool subscription,
                           std::string_view agent) const {
  PriceFinder finder(*this);
  return Price(call, at_ns, subscription, agent, &finder);
}

CallPrice PriceBook::Price(const LlmCall& call, std::optional<int64_t> at_ns, bool subscription,
                           std::string_view agent, PriceFinder* finder) const {
  if (!call.billed) {
    CallPrice nothing;
    nothing.status = CostStatus::kPriced, nothing.billed = nothing.list_price = Usd();
    nothing.reason = "not-billed";
    return nothing;
  }
  Reasons reasons;
  CallPrice price;
  std::optional<Usd>& list = price.list_price;
  bool reported = call.reported_cost && *call.reported_cost > Usd();
  if (!call.usage) {
    reasons.Add("no-usage");
  } else if (!IsPlausible(*call.usage)) {
    reasons.Add("bad-usage");
  } else if (call.usage->total() == 0 && !call.error.empty() && !reported) {
    list = Usd();  // a failed request without tokens costs nothing at any rate
  } else if (const PriceMatch& match = finder->Find(call.model, call.provider, at_ns); !match.row) {
    std::string buffer;
    reasons.Add(ReasonOfMiss(match.how, &buffer));
  } else if (call.usage->total() == 0 && reported) {
    reasons.Add("no-usage");  // a price for no tokens: the client knows of usage that it did not log
  } else {
    price.row = match.row;
    price.rates = PriceByBook(*match.row, call, agent, &reasons);
    if (price.rates) list = CostAt(*price.rates, *call.usage);
    price.other_price = OtherPrice(*match.row, call, agent);
  }
  price.reason = reasons.Take();
  if (subscription)
    price.status = CostStatus::kIncluded, price.billed = Usd();
  else if (list)
    price.status = CostStatus::kPriced, price.billed = list;
  else if (reported)
    price.status = CostStatus::kReported, price.billed = call.reported_cost;
  return price;
}

namespace {

PricedSession PriceTree(const Session& session, const PriceBook& book, std::string_view parent_agent,
                        std::string_view parent_billing, PriceFinder* finder) {
  std::string_view agent = session.info.agent.empty() ? parent_agent : std::string_view(session.info.agent);
  std::string_view billing =
      session.info.billing.empty() ? parent_billing : std::string_view(session.info.billing);
  PricedSession priced;
  priced.session = &session;
  priced.prices.resize(session.steps.size());
  priced.children.resize(session.steps.size());
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    if (step.kind == StepKind::kLlmCall) {
      std::optional<int64_t> at = step.start_ns ? step.start_ns
                                  : step.end_ns ? step.end_ns
                                                : session.start_ns;
      priced.prices[i] = book.Price(step.llm, at, billing == "subscription", agent, finder);
    }
    for (const Session& child : step.children)
      priced.children[i].push_back(PriceTree(child, book, agent, billing, finder));
  }
  return priced;
}

// Calls of one price, as far as a client that states costs can tell.
struct StatedCalls {
  std::vector<StatedCost> costs;
  std::vector<CallPrice*> prices;
};
using StatedPrices = std::map<std::tuple<std::string_view, std::string_view, std::string_view>, StatedCalls>;

void GatherStated(PricedSession* priced, StatedPrices* out) {
  for (size_t i = 0; i < priced->prices.size(); ++i) {
    for (PricedSession& child : priced->children[i]) GatherStated(&child, out);
    const LlmCall& call = priced->session->steps[i].llm;
    CallPrice& price = priced->prices[i];
    if (price.status != CostStatus::kReported || !call.usage || !IsPlausible(*call.usage)) continue;
    // What a search cost beside the tokens is not known apart, nor what was charged for without being
    // counted.
    if (call.web_searches > 0 || call.usage->total() == 0) continue;
    StatedCalls& group = (*out)[{call.model, call.provider, call.service_tier}];
    group.costs.push_back({*call.usage, *price.billed}), group.prices.push_back(&price);
  }
}

}  // namespace

PricedSession PriceSession(const Session& session, const PriceBook& book) {
  PriceFinder finder(book);
  PricedSession priced = PriceTree(session, book, "", "", &finder);
  StatedPrices stated;
  GatherStated(&priced, &stated);
  for (const auto& [model, group] : stated) {
    if (auto rates = RatesBehind(group.costs)) {
      for (CallPrice* price : group.prices) price->rates = rates;
    }
  }
  return priced;
}

}  // namespace clawtrace

#include "distill/model/desk.h"

namespace clawtrace::distill {
namespace {

// What earlier runs of the journal spent.
llm::Spending EarlierSpending(const ModelOptions& options) {
  llm::Spending out;
  for (const llm::Journal::Exchange& exchange : options.journal->earlier()) {
    llm::Charge charge{.made = true, .cost = std::nullopt};
    if (exchange.sent) charge = llm::ChargeOf(*options.provider, *exchange.sent, options.price);
    if (!charge.made) continue;
    ++out.calls;
    if (charge.cost) {
      out.known += *charge.cost;
    } else {
      ++out.calls_unpriced;
      out.held += exchange.most_usd.value_or(Usd());
    }
  }
  return out;
}

}  // namespace

ModelDesk::ModelDesk(const ModelOptions& options)
    : options_(options), meter_(options.budget), limiter_(options.pace) {
  meter_.Add(EarlierSpending(options));
}

Result<std::unique_ptr<llm::Transport>> ModelDesk::Outside() const {
  return options_.outside ? options_.outside() : nullptr;
}

llm::Asker ModelDesk::AskerOver(llm::Transport& transport) {
  llm::Asker asker(*options_.provider, transport, options_.price, meter_);
  asker.SetRetries(options_.retries);
  if (options_.now_ms) asker.SetPace(limiter_, options_.now_ms);
  return asker;
}

}  // namespace clawtrace::distill

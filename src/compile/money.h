#pragma once
// The money of one session's card: whose content its prompts were paid for, and what it would have cost
// without its findings. Sub-agents have a Money of their own.
#include <set>
#include <string>
#include <vector>

#include "model/tracecard.h"
#include "pricing/attribution.h"
#include "pricing/recost.h"

namespace clawtrace::compile {

class Money {
 public:
  // priced must outlive it.
  explicit Money(const PricedSession& priced);

  // Attributed and context cost of a step, bounds and deltas of a call's price.
  void Fill(size_t step, CardStep* row) const;
  // base, user and summaries. prefix: of step ids in this session ("" or "9/").
  std::vector<ReservedRow> Reserved(const std::string& prefix) const;

  // What the session would not have cost without these steps: never below 0, nullopt when not known. Groups
  // of hostile sessions may be too many to work out one by one: then each but the first ones is nullopt too.
  std::optional<Usd> SavedWithout(const std::set<size_t>& steps);
  // The same for the card's total, always worked out.
  std::optional<Usd> SavedWithoutAll(const std::set<size_t>& steps);
  const Attribution& attribution() const { return attribution_; }
  int64_t skipped() const { return skipped_; }  // sets that were too many

 private:
  const Recoster& Again();

  const PricedSession& priced_;
  PromptLayout layout_;
  Attribution attribution_;
  std::optional<Recoster> recoster_;  // made when there is something to remove
  int64_t work_ = 0, skipped_ = 0;
};

}  // namespace clawtrace::compile

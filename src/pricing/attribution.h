#pragma once
// The attributed view of a session's cost. The billed view charges each LLM call its bill; this one asks
// whose content the prompts were paid for. A call's billed amount is divided among the tokens of its prompt
// (layout: prompt_layout.h) and its answer: cached prefixes are the first tokens, then cache writes, then
// fresh ones, each at its bucket's rate. The answer stays with the call, a token of the prompt goes to the
// step that produced it. Both views sum to the same total, to the pico-dollar.
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "pricing/pricing.h"
#include "pricing/prompt_layout.h"

namespace clawtrace {

struct StepCost {
  Usd own;                 // LLM calls: their answer, their fees, and prompts that cannot be laid out
  Usd context;             // its content in later prompts
  bool estimated = false;  // sizes behind context were not all measured
  Usd total() const { return own + context; }
};

// What no step produced.
struct ReservedCost {
  SegmentKind kind = SegmentKind::kBase;
  Usd cost;
  bool estimated = false;
  std::optional<std::pair<size_t, size_t>> replaced;  // kSummary: first and last step it stands for
};

struct Attribution {
  bool known = false;           // at least one call has a known cost; else all below is 0
  std::vector<StepCost> steps;  // by step index
  std::vector<ReservedCost>
      reserved;  // base, user, then the summaries in order; only those that cost something
};

// What a step is billed; nullopt when that is not known, or when it is no LLM call. A failed request without
// usage and without a figure of the client's was never charged for.
std::optional<Usd> BilledCost(const Step& step, const CallPrice& price);

// Of the session alone: a sub-agent's cost is in its own attribution, and its spawn's result is content of
// this one. O(n log n) in the number of steps.
Attribution Attribute(const PricedSession& priced, const PromptLayout& layout);

// Tokens of one bucket of a call's prompt, in the order in which they stand there.
struct PromptBucket {
  int64_t begin = 0, end = 0;
  int64_t Usage::* bucket = nullptr;
  Usd rate;           // of one token; 0 when not known
  bool hour = false;  // writes of unknown life that are priced as an hour's
};
// Cache reads, writes (an hour's before shorter ones, as providers demand), fresh tokens. Empty ones left
// out.
std::vector<PromptBucket> BucketsOf(const Usage& usage, const CallRates* rates);

}  // namespace clawtrace

#pragma once
// From a priced session to its TraceCard. Pure: same session, same book, same bytes.
#include "compile/detector.h"
#include "model/tracecard.h"
#include "pricing/pricing.h"

namespace clawtrace::compile {

// kTotals: what was called and what it cost; no waste, failures or attribution.
enum class Depth { kTotals, kFull };

// The full card; EncodeCompactCard makes the small one of it.
TraceCard CompileCard(const PricedSession& priced, const PriceBook& book, Depth depth = Depth::kFull);

}  // namespace clawtrace::compile

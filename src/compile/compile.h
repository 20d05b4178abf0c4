#pragma once
// From a priced session to its TraceCard. Pure: same session, same book, same bytes.
#include "compile/detector.h"
#include "model/replay_report.h"
#include "model/tracecard.h"
#include "pricing/pricing.h"

namespace clawtrace::compile {

// kTotals: what was called and what it cost; no waste, failures or attribution.
enum class Depth { kTotals, kFull };

// The full card; EncodeCompactCard makes the small one of it. replay: what replay found out about these very
// steps, else it is left aside; nullptr: nothing. Where it decided, its word counts: what was needed is no
// waste whatever detectors say, and what was not is proven waste.
TraceCard CompileCard(const PricedSession& priced, const PriceBook& book, Depth depth = Depth::kFull,
                      const ReplayReport* replay = nullptr);

}  // namespace clawtrace::compile

#pragma once
// From a priced session to its TraceCard. Pure: same session, same book, same bytes.
#include "compile/detector.h"
#include "model/tracecard.h"
#include "pricing/pricing.h"

namespace clawtrace::compile {

// The full card; EncodeCompactCard makes the small one of it.
TraceCard CompileCard(const PricedSession& priced, const PriceBook& book);

}  // namespace clawtrace::compile

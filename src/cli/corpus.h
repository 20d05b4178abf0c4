#pragma once
// All sessions of the inputs, compiled as they stand together: one session told by several files or sources
// is one, and a call that several sessions hold is charged once.
#include <functional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "compile/compile.h"
#include "history/view.h"
#include "pricing/pricing.h"

namespace clawtrace::cli {

// A compiled session, and what a command makes of it while it is at hand.
struct Compiled : history::SessionView {
  std::string text;
};

// What is wanted of each session.
enum class Want {
  kCards,      // everything; keep sees the priced session
  kSummaries,  // the card without its steps, and spend; unchanged files are not read again
  kTotals,     // calls, tokens and cost only: no waste, no failures; reads what it needs to
};

// Reads, prices and compiles every session of the inputs, on world.threads threads; result by (start, id).
// Units that hold the same session are read together; of a call that a resumed or forked session copied, the
// earliest session present is charged and the copies are marked inherited. A fork whose origin is not among
// the inputs is charged for all it holds and says "possible_copy". Problems are told on err; kNotFound when
// there was nothing to read at all. keep: called on the worker for each session while it is still there,
// perhaps a second time when the session is compiled anew; may shrink the card to bound memory.
using Keep = std::function<void(Compiled&, const PricedSession&)>;
Result<std::vector<Compiled>> CompileAll(const std::vector<std::string>& inputs, const PriceBook& book,
                                         const World& world, const Keep& keep = {});
// The same without what only whole cards show (world.cache_dir: the index of earlier runs).
Result<std::vector<Compiled>> SummariseAll(const std::vector<std::string>& inputs, const PriceBook& book,
                                           const World& world, Want want = Want::kSummaries);

}  // namespace clawtrace::cli

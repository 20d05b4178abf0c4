#pragma once
// What most commands share: which sessions the user means, the price book, and running over many sessions on
// all threads with progress.
#include <functional>
#include <string>
#include <vector>

#include "capture/gather.h"
#include "cli/command.h"
#include "compile/compile.h"
#include "pricing/pricing.h"

namespace clawtrace::cli {

inline constexpr Flag kPricesFlag{"--prices", "FILE", "price overrides (YAML or JSON), see docs/pricing.md",
                                  FlagKind::kPath};
inline constexpr Flag kJsonFlag{"--json", "", "print JSON", FlagKind::kSwitch};

Result<PriceBook> LoadPrices(const Arguments& arguments, const World& world);

// Splits positionals: what exists (or is "-" or a glob) is input, anything else selects sessions: a full id,
// a unique prefix of >= 6 characters, or agent:id, each optionally with /STEP for a sub-agent. Without
// inputs: the known agents' folders of this user.
struct Selection {
  std::vector<std::string> inputs;
  std::vector<std::string> selectors;
};
// An error of reading the inputs, said in terms of what the user named: a selector that is no file either.
Error InTermsOf(const Selection& selection, Error error);
Result<Selection> Select(const Arguments& arguments, const World& world);

// A compiled session and what is needed to order and address it.
struct Compiled {
  TraceCard card;
  std::string source;  // importer
  std::string cwd, project;
  std::string text;  // for a command's own use
  struct Spend {     // for reports: calls of one model on one day
    std::string day, model;
    int64_t calls = 0, unpriced = 0;
    Usage tokens;
    Usd cost;
  };
  std::vector<Spend> spend;
};

// Reads, prices and compiles every session of the inputs, on world.threads threads; result by (start, id).
// When one session is present both as a log and as spans, the log stands, since it shows more, and err says
// so. Problems are told on err; kNotFound when there was nothing to read at all. keep: called on the worker
// for each session while it is still there; may shrink the card to bound memory.
using Keep = std::function<void(Compiled&, const PricedSession&)>;
Result<std::vector<Compiled>> CompileAll(const std::vector<std::string>& inputs, const PriceBook& book,
                                         const World& world, const Keep& keep = {});

// For keep: drops the lists of a card that only its totals are wanted of.
void DropSteps(Compiled& item);

// The ones a selector names; kInvalidInput with the candidates when it is ambiguous.
Result<std::vector<size_t>> Match(const std::vector<Compiled>& all, const std::string& selector);

}  // namespace clawtrace::cli

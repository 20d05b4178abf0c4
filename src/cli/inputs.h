#pragma once
// What most commands share: which sessions the user means, and the price book.
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/corpus.h"
#include "cli/replay_files.h"
#include "pricing/pricing.h"

namespace clawtrace::cli {

inline constexpr Flag kPricesFlag{"--prices", "FILE", "price overrides (YAML or JSON), see docs/pricing.md",
                                  FlagKind::kPath};
inline constexpr Flag kJsonFlag{"--json", "", "print JSON", FlagKind::kSwitch};

Result<PriceBook> LoadPrices(const Arguments& arguments, const World& world);

// Splits positionals: what exists (or is "-" or a glob) is input, anything else selects sessions: a full id,
// a unique prefix of >= 6 characters, or agent:id, each optionally with /STEP for a sub-agent. Without
// inputs: a store, if one is named or the user has one; else the known agents' folders of this user.
struct Selection {
  std::string store;  // path; then there are no inputs
  std::vector<std::string> inputs;
  std::vector<std::string> selectors;
};
// An error of reading the inputs, said in terms of what the user named: a selector that is no file either.
Error InTermsOf(const Selection& selection, Error error);
// kLogs: for commands that read no store.
enum class From { kLogs, kStoreOrLogs };
Result<Selection> Select(const Arguments& arguments, const World& world, From from = From::kStoreOrLogs);

// What was selected, of files or of a store, by (start, id); cards without their steps.
// replays: to be taken up by cards of logs; may be nullptr.
Result<std::vector<Compiled>> ReadSelected(const Selection& selection, const PriceBook& book,
                                           const World& world, Want want,
                                           const ReplayFiles* replays = nullptr);

// For keep: drops the lists of a card that only its totals are wanted of.
void DropSteps(Compiled& item);

// The ones a selector names; kInvalidInput with the candidates when it is ambiguous.
Result<std::vector<size_t>> Match(const std::vector<Compiled>& all, const std::string& selector);

}  // namespace clawtrace::cli

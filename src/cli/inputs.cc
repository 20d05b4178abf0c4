#include "cli/inputs.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "capture/gather.h"
#include "cli/local_store.h"

namespace clawtrace::cli {
namespace {

bool Exists(const std::string& path) {
  struct stat info{};
  // A path that cannot even be looked at was meant as one: reading it says why.
  return ::lstat(path.c_str(), &info) == 0 || errno == EACCES || errno == ELOOP || errno == ENOTDIR;
}

}  // namespace

Result<PriceBook> LoadPrices(const Arguments& arguments, const World& world) {
  if (world.data_dir.empty()) {
    return Fail(ErrorCode::kNotFound, "cannot find the price book prices.tsv",
                fmt::format("looked in {}; set CLAWTRACE_DATA to its folder", world.data_hint));
  }
  auto tsv = ReadFile(world.data_dir + "/prices.tsv");
  if (!tsv) return std::unexpected(tsv.error());
  auto book = PriceBook::FromTsv(*tsv, world.data_dir + "/prices.tsv");
  if (!book || !arguments.Has("--prices")) return book;
  auto overrides = ReadFile(arguments.Value("--prices"));
  Status added = overrides ? book->AddOverrides(*overrides, arguments.Value("--prices"))
                           : Status(std::unexpected(overrides.error()));
  if (added) return book;
  Error error = std::move(added.error());
  if (error.hint.empty()) error.hint = "--prices takes a YAML or JSON file of rows, see docs/pricing.md";
  return std::unexpected(std::move(error));
}

namespace {

Error NoSuch(const std::string& word) {
  return {ErrorCode::kNotFound, fmt::format("no file and no session named {}", word.empty() ? "\"\"" : word),
          "clawtrace sessions lists the sessions that are there"};
}

}  // namespace

Error InTermsOf(const Selection& selection, Error error) {
  bool nothing_read = error.code == ErrorCode::kNotFound && !selection.selectors.empty();
  return nothing_read ? NoSuch(selection.selectors[0]) : error;
}

namespace {

// --store, or the user's own when it is there; "" for none.
Result<std::string> SelectStore(const Arguments& arguments, const World& world, bool inputs) {
  if (arguments.Has("--store") && inputs)
    return Fail(ErrorCode::kInvalidInput, "--store and paths are two places to read sessions from",
                "name one of them; clawtrace import takes logs into a store");
  if (inputs) return std::string();
  if (arguments.Has("--store")) return arguments.Value("--store");
  struct stat info{};
  bool there = !world.store_path.empty() && ::stat(world.store_path.c_str(), &info) == 0;
  return there ? world.store_path : std::string();
}

}  // namespace

Result<Selection> Select(const Arguments& arguments, const World& world, From from) {
  Selection selection;
  for (const std::string& word : arguments.positional) {
    bool is_input = word == "-" || Exists(word) || word.find_first_of("*?[") != std::string::npos;
    (is_input ? selection.inputs : selection.selectors).push_back(word);
  }
  if (from == From::kStoreOrLogs) {
    auto store = SelectStore(arguments, world, !selection.inputs.empty());
    if (!store) return std::unexpected(store.error());
    selection.store = *store;
  }
  if (selection.inputs.empty()) {
    for (const std::string& word : selection.selectors) {
      // A word that looks like a path and is none was meant as a path.
      if (word.starts_with('/') || word.starts_with('.') || word.ends_with(".jsonl") ||
          word.ends_with(".json") || word.ends_with(".pb")) {
        return Fail(ErrorCode::kNotFound, fmt::format("cannot read {}: no such file or directory", word),
                    "a file, a folder, a glob, or - for standard input");
      }
    }
    if (!selection.store.empty()) return selection;
    selection.inputs = capture::KnownRoots(world.home);
    if (selection.inputs.empty() && !selection.selectors.empty())
      return std::unexpected(NoSuch(selection.selectors[0]));
    if (selection.inputs.empty()) {
      return Fail(ErrorCode::kNotFound, "no agent logs found in the known folders of this user",
                  "name a file or folder, or see clawtrace doctor");
    }
  }
  return selection;
}

namespace {

Result<std::vector<Compiled>> MatchAll(std::vector<Compiled> all, const std::vector<std::string>& selectors) {
  if (selectors.empty()) return all;
  std::vector<Compiled> chosen;
  for (const std::string& selector : selectors) {
    auto found = Match(all, selector);
    if (!found) return std::unexpected(found.error());
    chosen.push_back(all[found->front()]);
  }
  return chosen;
}

}  // namespace

Result<std::vector<Compiled>> ReadSelected(const Selection& selection, const PriceBook& book,
                                           const World& world, Want want, const ReplayFiles* replays) {
  if (!selection.store.empty()) {
    auto local = OpenCompiledStore(selection.store, book, world);
    if (!local) return std::unexpected(local.error());
    return ReadStored(*local->store, selection.selectors);
  }
  auto drop = [&](Compiled& item, const PricedSession& priced) {
    if (replays) replays->TakeUp(priced, book, &item.card);
    DropSteps(item);
  };
  auto all = want == Want::kCards ? CompileAll(selection.inputs, book, world, drop)
                                  : SummariseAll(selection.inputs, book, world, want);
  if (!all) return std::unexpected(InTermsOf(selection, all.error()));
  return MatchAll(std::move(*all), selection.selectors);
}

void DropSteps(Compiled& item) { item.card.steps = {}; }

Result<std::vector<size_t>> Match(const std::vector<Compiled>& all, const std::string& selector) {
  constexpr size_t kMinPrefix = 6;
  std::string agent, id = selector;
  if (size_t colon = selector.find(':'); colon != std::string::npos)
    agent = selector.substr(0, colon), id = selector.substr(colon + 1);
  std::vector<size_t> exact, prefix;
  for (size_t i = 0; i < all.size(); ++i) {
    const TraceCard& card = all[i].card;
    bool of_agent = agent.empty() || card.agent == agent;
    if (card.session_id == selector || (of_agent && card.session_id == id))
      exact.push_back(i);
    else if (of_agent && id.size() >= kMinPrefix && card.session_id.starts_with(id))
      prefix.push_back(i);
  }
  std::vector<size_t>& found = exact.empty() ? prefix : exact;
  if (found.empty())
    return Fail(ErrorCode::kNotFound, fmt::format("no session named {}", selector),
                "clawtrace sessions lists them; a prefix needs at least 6 characters");
  if (found.size() > 1) {
    std::string candidates;
    for (size_t i : found) candidates += fmt::format("\n  {}:{}", all[i].card.agent, all[i].card.session_id);
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("{} names {} sessions:{}", selector, found.size(), candidates),
                "use a longer prefix or agent:id");
  }
  return found;
}

}  // namespace clawtrace::cli

#include <fmt/core.h>

#include <algorithm>

#include "cli/inputs.h"
#include "model/atif.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--format", "atif", "Agent Trajectory Interchange Format 1.7 (default, the only one)", FlagKind::kValue},
    kPricesFlag,
};

// Could one of the selectors mean this session? Match decides; this bounds what is kept until then.
bool MayBeMeant(const std::vector<std::string>& selectors, const std::string& id) {
  return std::ranges::any_of(selectors, [&](std::string_view selector) {
    return id.starts_with(selector) || id.starts_with(selector.substr(selector.find(':') + 1));
  });
}

int Run(const Arguments& arguments, const World& world) {
  std::string format = arguments.Has("--format") ? arguments.Value("--format") : "atif";
  if (format != "atif")
    return Report(world, {ErrorCode::kInvalidInput, fmt::format("--format {} is not known", format),
                          "use --format atif"});
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  const auto& selectors = selection->selectors;
  auto all = CompileAll(selection->inputs, *book, world, [&](Compiled& item, const PricedSession& priced) {
    if (selectors.empty() || MayBeMeant(selectors, item.card.session_id))
      item.text = EncodeAtif(*priced.session);
    DropSteps(item);
  });
  if (!all) return Report(world, InTermsOf(*selection, all.error()));
  std::vector<size_t> wanted;
  for (const std::string& selector : selectors) {
    auto found = Match(*all, selector);
    if (!found) return Report(world, found.error());
    wanted.push_back(found->front());
  }
  for (size_t i = 0; selectors.empty() && i < all->size(); ++i) wanted.push_back(i);
  for (size_t i : wanted) *world.out << (*all)[i].text;
  return kDone;
}

}  // namespace

extern const Command kExport;
const Command kExport = {
    .name = "export",
    .summary = "sessions in another tool's format",
    .usage = "export [--format atif] [--prices FILE] [PATH|SESSION]...",
    .details =
        "Prints one JSON document a session, sub-agents embedded. PATH and SESSION as for card. What the "
        "format has no member\n"
        "for stands below extra.clawtrace; clawtrace reads it back.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

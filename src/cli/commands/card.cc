#include <fmt/core.h>

#include "base/text.h"
#include "cli/inputs.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--full", "", "every step, exact amounts (default: compact, at most 1536 bytes)", FlagKind::kSwitch},
    kJsonFlag,
    {"--max-bytes", "N", "size limit of a compact card", FlagKind::kValue},
    kPricesFlag,
};

struct CardFormat {
  bool full = false;
  DocFormat format = DocFormat::kYaml;
  size_t max_bytes = 1536;
};

Result<CardFormat> FormatOf(const Arguments& arguments) {
  CardFormat format;
  format.full = arguments.Has("--full");
  format.format = arguments.Has("--json") ? DocFormat::kJson : DocFormat::kYaml;
  if (arguments.Has("--max-bytes")) {
    auto bytes = ParseInt(arguments.Value("--max-bytes"));
    if (!bytes || *bytes <= 0)
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("--max-bytes {} is not a number of bytes", arguments.Value("--max-bytes")));
    format.max_bytes = static_cast<size_t>(*bytes);
  }
  return format;
}

Result<std::string> Spell(const TraceCard& card, const CardFormat& format) {
  if (format.full) return EncodeCard(card, format.format);
  return EncodeCompactCard(card, format.format, format.max_bytes);
}

void Print(const World& world, std::string_view text, const CardFormat& format, bool several) {
  if (several && format.format == DocFormat::kYaml) *world.out << "---\n";
  *world.out << text;
  if (!text.ends_with('\n')) *world.out << '\n';
}

int PrintAll(const Selection& selection, const CardFormat& format, const PriceBook& book,
             const World& world) {
  auto all = CompileAll(selection.inputs, book, world, [&](Compiled& item, const PricedSession&) {
    if (auto text = Spell(item.card, format)) item.text = std::move(*text);
    DropSteps(item);
  });
  if (!all) return Report(world, InTermsOf(selection, all.error()));
  int code = kDone;
  for (Compiled& item : *all) {
    if (item.text.empty())
      code = Report(world, {ErrorCode::kLimit,
                            fmt::format("card of session {} does not fit {} bytes", item.card.session_id,
                                        format.max_bytes),
                            "raise --max-bytes"});
    else
      Print(world, item.text, format, all->size() > 1);
  }
  return code;
}

// The session below a spawn: "3/7" is step 7 of the agent that step 3 spawned.
const PricedSession* Descend(const PricedSession& root, std::string_view path) {
  const PricedSession* at = &root;
  for (std::string_view part : Split(path, '/')) {
    auto step = ParseInt(part);
    if (!step || *step < 1 || static_cast<size_t>(*step) > at->children.size()) return nullptr;
    const auto& children = at->children[static_cast<size_t>(*step) - 1];
    if (children.empty()) return nullptr;
    at = &children.front();
  }
  return at;
}

int PrintSelected(const Selection& selection, const CardFormat& format, const PriceBook& book,
                  const World& world) {
  auto all = CompileAll(selection.inputs, book, world,
                        [](Compiled& item, const PricedSession&) { DropSteps(item); });
  if (!all) return Report(world, InTermsOf(selection, all.error()));
  struct Wanted {
    std::string id, source, path;
  };
  std::vector<Wanted> wanted;
  for (const std::string& selector : selection.selectors) {
    size_t slash = selector.find('/');
    auto found = Match(*all, selector.substr(0, slash));
    if (!found) return Report(world, found.error());
    const Compiled& item = (*all)[found->front()];
    wanted.push_back(
        {item.card.session_id, item.source, slash == std::string::npos ? "" : selector.substr(slash + 1)});
  }
  std::vector<Result<std::string>> texts(wanted.size(),
                                         Fail(ErrorCode::kNotFound, "session vanished while reading"));
  World quiet = world;  // problems were told in the first pass
  std::ostream nowhere(nullptr);
  quiet.err = &nowhere, quiet.err_is_terminal = false, quiet.threads = 1;
  auto again = CompileAll(selection.inputs, book, quiet, [&](Compiled& item, const PricedSession& priced) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i].id != item.card.session_id || wanted[i].source != item.source) continue;
      const PricedSession* target = wanted[i].path.empty() ? &priced : Descend(priced, wanted[i].path);
      if (target)
        texts[i] = Spell(target == &priced ? item.card : compile::CompileCard(*target, book), format);
      else
        texts[i] = Fail(ErrorCode::kNotFound,
                        fmt::format("step {} of session {} spawned no agent whose log is present",
                                    wanted[i].path, wanted[i].id),
                        "clawtrace card --full shows the steps");
    }
    DropSteps(item);
  });
  for (const auto& text : texts) {
    if (!text) return Report(world, text.error());
    Print(world, *text, format, texts.size() > 1);
  }
  return kDone;
}

int Run(const Arguments& arguments, const World& world) {
  auto format = FormatOf(arguments);
  if (!format) return Report(world, format.error());
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  if (selection->selectors.empty()) return PrintAll(*selection, *format, *book, world);
  return PrintSelected(*selection, *format, *book, world);
}

}  // namespace

extern const Command kCard;
const Command kCard = {
    .name = "card",
    .summary = "the TraceCard of each session: cost per step, waste, failures",
    .usage = "card [--full] [--json] [PATH|SESSION[/STEP]]...",
    .details =
        "PATH is a log file, a folder, a glob or - for standard input; SESSION a full id, a unique prefix of "
        "6 characters or\n"
        "more, or agent:id. SESSION/3 is the card of the sub-agent that step 3 spawned. Without PATH the "
        "logs of the known\n"
        "agents of this user are searched. Several YAML cards are separated by ---; with --json each is one "
        "line.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

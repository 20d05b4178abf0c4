#include "history/export.h"

#include <fmt/core.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "cli/inputs.h"
#include "cli/local_store.h"
#include "history/import.h"
#include "model/atif.h"
#include "model/otlp.h"

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr Flag kFlags[] = {
    {"--format", "atif|card|jsonl|otlp",
     "atif: Agent Trajectory Interchange Format 1.7 (default); card: full cards; jsonl: facts, one a line; "
     "otlp: OpenTelemetry traces",
     FlagKind::kValue},
    kStoreFlag,
    kPricesFlag,
};

enum class Format { kAtif, kCard, kJsonl, kOtlp };

Result<Format> FormatOf(const Arguments& arguments) {
  static const std::map<std::string, Format, std::less<>> kFormats = {
      {"atif", Format::kAtif}, {"card", Format::kCard}, {"jsonl", Format::kJsonl}, {"otlp", Format::kOtlp}};
  std::string name = arguments.Has("--format") ? arguments.Value("--format") : "atif";
  auto found = kFormats.find(name);
  if (found == kFormats.end())
    return Fail(ErrorCode::kInvalidInput, fmt::format("--format {} is not known", name),
                "use --format atif, card, jsonl or otlp");
  return found->second;
}

std::string CardLine(const TraceCard& card) {
  std::string text = EncodeCard(card, DocFormat::kJson);
  return text.ends_with('\n') ? text : text + '\n';
}

std::string TextOf(const Session& session, const TraceCard& card, Format format) {
  if (format == Format::kCard) return CardLine(card);
  return format == Format::kOtlp ? EncodeOtlp(session) : EncodeAtif(session);
}

// Could one of the selectors mean this session? Match decides; this bounds what is kept until then.
bool MayBeMeant(const std::vector<std::string>& selectors, const std::string& id) {
  return std::ranges::any_of(selectors, [&](std::string_view selector) {
    return id.starts_with(selector) || id.starts_with(selector.substr(selector.find(':') + 1));
  });
}

int OfFiles(const Selection& selection, Format format, const PriceBook& book, const World& world) {
  const auto& selectors = selection.selectors;
  auto all = CompileAll(selection.inputs, book, world, [&](Compiled& item, const PricedSession& priced) {
    if (selectors.empty() || MayBeMeant(selectors, item.card.session_id))
      item.text = TextOf(*priced.session, item.card, format);
    DropSteps(item);
  });
  if (!all) return Report(world, InTermsOf(selection, all.error()));
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

Result<std::string> Trajectory(store::Store& store, const Compiled& item, Format format) {
  auto family = history::ReadFamily(store, kLocalTenant, item.card.session_id);
  if (!family) return std::unexpected(family.error());
  for (size_t i = 0; i < family->sessions.size(); ++i) {
    Session& session = family->sessions[i];
    if (session.id != item.card.session_id || session.source != item.source) continue;
    if (const auto& copied = family->options[i].inherited; !copied.empty()) MarkInherited(&session, copied);
    return TextOf(session, item.card, format);
  }
  return Fail(ErrorCode::kNotFound, fmt::format("session {} is not in its facts", item.card.session_id));
}

Status WriteOne(store::Store& store, const Compiled& item, Format format, std::set<std::string>* written,
                std::ostream& out) {
  switch (format) {
    case Format::kAtif:
    case Format::kOtlp: {
      auto text = Trajectory(store, item, format);
      if (!text) return std::unexpected(text.error());
      out << *text;
      return {};
    }
    case Format::kCard: {
      auto card = history::ReadCard(store, kLocalTenant, history::KeyOf(item));
      if (!card) return std::unexpected(card.error());
      out << CardLine(*card);
      return {};
    }
    case Format::kJsonl:
      return history::ExportFacts(store, kLocalTenant, item.card.session_id, written,
                                  [&](const std::string& line) { out << line << '\n'; });
  }
  return {};
}

int OfStore(store::Store& store, const std::vector<std::string>& selectors, Format format,
            const World& world) {
  auto all = ReadStored(store, selectors);
  if (!all) return Report(world, all.error());
  std::set<std::string> written;
  for (const Compiled& item : *all) {
    if (Status done = WriteOne(store, item, format, &written, *world.out); !done)
      return Report(world, done.error());
  }
  return kDone;
}

// A store for the time of one command: facts of files belong together as those of a store do.
class Passing {
 public:
  Passing() = default;
  Passing(const Passing&) = delete;
  Passing& operator=(const Passing&) = delete;
  ~Passing() {
    local_.store.reset();
    std::error_code error;
    if (!folder_.empty()) fs::remove_all(folder_, error);
  }

  Result<store::Store*> Fill(const Selection& selection, const PriceBook& book, const World& world) {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "clawtrace-XXXXXX").string();
    if (error || !::mkdtemp(pattern.data()))
      return Fail(ErrorCode::kIo, "cannot make a temporary folder", "set TMPDIR to a folder with room");
    folder_ = pattern;
    auto local = OpenLocalStore((folder_ / "store.db").string(), false);
    if (!local) return std::unexpected(local.error());
    local_ = std::move(*local);
    history::ImportOptions options;
    options.tenant = kLocalTenant, options.inputs = selection.inputs, options.now_ns = NowNs();
    auto imported = history::Import(*local_.store, options);
    if (!imported) return std::unexpected(imported.error());
    if (imported->files_read == 0)
      return Fail(ErrorCode::kNotFound, fmt::format("no session found in {}", selection.inputs.front()),
                  "clawtrace doctor lists the formats");
    CT_RETURN_IF_ERROR(CompileAllChanged(*local_.store, HistoryOptionsOf(world, book)));
    return local_.store.get();
  }

 private:
  fs::path folder_;
  LocalStore local_;
};

int Run(const Arguments& arguments, const World& world) {
  auto format = FormatOf(arguments);
  if (!format) return Report(world, format.error());
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  if (!selection->store.empty()) {
    auto local = OpenCompiledStore(selection->store, *book, world);
    if (!local) return Report(world, local.error());
    return OfStore(*local->store, selection->selectors, *format, world);
  }
  if (*format != Format::kJsonl) return OfFiles(*selection, *format, *book, world);
  Passing passing;
  auto store = passing.Fill(*selection, *book, world);
  if (!store) return Report(world, store.error());
  return OfStore(**store, selection->selectors, *format, world);
}

}  // namespace

extern const Command kExport;
const Command kExport = {
    .name = "export",
    .summary = "sessions in another format: trajectories, cards, facts",
    .usage = "export [--format atif|card|jsonl|otlp] [--store FILE] [--prices FILE] [PATH|SESSION]...",
    .details =
        "atif prints one JSON document a session, sub-agents embedded; what the format has no member for\n"
        "stands below extra.clawtrace. card prints full cards, one a line. jsonl prints the facts that "
        "sessions\n"
        "are made of, one a line, with all that is resolved with them. otlp prints one request of OTLP/JSON "
        "a session, one a\n"
        "line. clawtrace reads atif, jsonl and otlp back.\n"
        "PATH and SESSION as for card.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

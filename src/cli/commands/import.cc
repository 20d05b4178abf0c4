#include "history/import.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/table.h"
#include "cli/watch.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    kStoreFlag,
    {"--watch", "", "stay, and keep up with agents that are running; ends on Ctrl-C", FlagKind::kSwitch},
    kRedactFlag,
    kNoRedactionFlag,
    {"--no-payloads", "", "keep only the first 2 KB of long texts, not the records they stand in",
     FlagKind::kSwitch},
    kJsonFlag,
    kPricesFlag,
};

// A session is compiled when its logs have been still for so long.
constexpr std::chrono::seconds kQuiet{5};
// Changes that come together are read together; and what takes long to read is not read all the time.
constexpr std::chrono::milliseconds kSettle{500};
constexpr int kMostShare = 10;

struct Setting {
  LocalStore local;
  std::unique_ptr<capture::Redactor> redactor;  // nullptr: nothing is redacted
  PriceBook book;
  std::vector<std::string> inputs;
  bool keep_records = true;
};

Result<history::Imported> ImportOnce(const Setting& setting, const std::function<bool()>& stop) {
  history::ImportOptions options;
  options.tenant = kLocalTenant;
  options.inputs = setting.inputs;
  options.now_ns = NowNs();
  options.redactor = setting.redactor.get();
  options.keep_records = setting.keep_records;
  options.stop = stop;
  return history::Import(*setting.local.store, options);
}

void TellProblems(const history::Imported& imported, const World& world) {
  constexpr size_t kShown = 10;
  size_t shown = 0;
  for (const capture::Unusable& problem : imported.unusable) {
    if (++shown > kShown) break;
    *world.err << fmt::format("clawtrace: skipped {}: {}\n", Printable(problem.path),
                              Printable(problem.reason));
  }
  if (imported.unusable.size() > kShown)
    *world.err << fmt::format("clawtrace: skipped {} more\n", imported.unusable.size() - kShown);
  if (imported.unstorable > 0)
    *world.err << fmt::format("clawtrace: {} records have ids that cannot be stored\n", imported.unstorable);
  if (imported.records_left_out > 0)
    *world.err << fmt::format("clawtrace: {} long texts are kept by their start alone\n",
                              imported.records_left_out);
}

void Print(const history::Imported& imported, int64_t sessions, const std::string& store, bool json,
           std::ostream& out) {
  if (!json) {
    out << fmt::format("{} files read, {} unchanged; {} facts new, {} known; {} sessions in {}\n",
                       imported.files_read, imported.files_unchanged, imported.facts_added,
                       imported.facts_known, sessions, Printable(store));
    if (imported.files_without_records > 0)
      out << fmt::format("{} files hold no usable record\n", imported.files_without_records);
    return;
  }
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("store", store), w.Field("sessions", sessions);
  w.Field("files_read", imported.files_read), w.Field("files_unchanged", imported.files_unchanged);
  w.Field("files_without_records", imported.files_without_records);
  w.Field("files_unusable", static_cast<int64_t>(imported.unusable.size()));
  w.Field("files_unrecognised", imported.unrecognised_files);
  w.Field("facts_added", imported.facts_added), w.Field("facts_known", imported.facts_known);
  w.Field("facts_superseded", imported.facts_superseded);
  w.Field("payloads_added", imported.payloads_added), w.Field("payloads_known", imported.payloads_known);
  w.Field("payloads_left_out", imported.records_left_out);
  w.Field("places_skipped", imported.places_skipped), w.Field("facts_unstorable", imported.unstorable);
  w.EndObject();
  out << w.Take() << '\n';
}

Status IndexTexts(store::Store& store) {
  constexpr int64_t kAtOnce = 20'000;
  for (;;) {
    auto left = store.IndexText(kAtOnce);
    if (!left) return std::unexpected(left.error());
    if (*left == 0) return {};
  }
}

// Sessions that nobody has written to for a week are packed.
Status Pack(store::Store& store) {
  constexpr int64_t kWeek = int64_t{7} * 86'400 * 1'000'000'000;
  for (;;) {
    auto packed = store.Seal(NowNs() - kWeek);
    if (!packed) return std::unexpected(packed.error());
    if (*packed == 0) return {};
  }
}

int RunOnce(const Setting& setting, const Arguments& arguments, const World& world) {
  auto imported = ImportOnce(setting, {});
  if (!imported) return Report(world, imported.error());
  store::Store& store = *setting.local.store;
  Status done = CompileAllChanged(store, HistoryOptionsOf(world, setting.book));
  if (done) done = IndexTexts(store);
  if (done) done = Pack(store);
  if (!done) return Report(world, done.error());
  TellProblems(*imported, world);
  auto load = store.Load();
  if (!load) return Report(world, load.error());
  Print(*imported, load->summaries, setting.local.path, arguments.Has("--json"), *world.out);
  bool any = imported->files_read + imported->files_unchanged > 0;
  return any || imported->unusable.empty() ? kDone : kCouldNot;
}

// One round: what is new, then the cards of what has been quiet. True: some sessions are not quiet yet.
Result<bool> KeepUp(const Setting& setting, const World& world, bool json, Watch* watch) {
  auto imported = ImportOnce(setting, [&] { return watch->Stopped(); });
  if (!imported) return std::unexpected(imported.error());
  if (imported->files_read > 0) TellProblems(*imported, world);
  store::Store& store = *setting.local.store;
  auto options = HistoryOptionsOf(world, setting.book);
  int64_t quiet = NowNs() - std::chrono::nanoseconds(kQuiet).count();
  auto compiled = history::CompileChanged(store, options, quiet, INT16_MAX);
  if (!compiled) return std::unexpected(compiled.error());
  if (*compiled > 0) CT_RETURN_IF_ERROR(IndexTexts(store));
  auto load = store.Load();
  if (!load) return std::unexpected(load.error());
  if (imported->facts_added > 0 || *compiled > 0) {
    Print(*imported, load->summaries, setting.local.path, json, *world.out);
    world.out->flush();
  }
  return load->changed_families > 0;
}

int RunWatch(const Setting& setting, const Arguments& arguments, const World& world, Watch* watch) {
  using std::chrono::milliseconds;
  for (;;) {
    watch->Add(setting.inputs);
    auto start = std::chrono::steady_clock::now();
    auto waiting = KeepUp(setting, world, arguments.Has("--json"), watch);
    // A full disk may have room again.
    if (!waiting && waiting.error().code == ErrorCode::kUnavailable)
      *world.err << fmt::format("clawtrace: {}\n", Printable(waiting.error().message)), waiting = true;
    if (!waiting) return Report(world, waiting.error());
    auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
    auto pause = std::max(kSettle, took * kMostShare);
    int timeout = *waiting ? static_cast<int>(milliseconds(kQuiet).count()) : -1;
    Watch::Woken woken = watch->Wait(timeout);
    auto until = std::chrono::steady_clock::now() + pause;
    while (woken == Watch::Woken::kChange && std::chrono::steady_clock::now() < until) {
      auto left = std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
      if (watch->Wait(static_cast<int>(left.count()) + 1) == Watch::Woken::kStop) woken = Watch::Woken::kStop;
    }
    if (woken != Watch::Woken::kStop) continue;
    Status done = CompileAllChanged(*setting.local.store, HistoryOptionsOf(world, setting.book));
    return done ? kDone : Report(world, done.error());
  }
}

int Run(const Arguments& arguments, const World& world) {
  std::optional<Watch> watch;
  if (arguments.Has("--watch")) watch.emplace();
  auto selection = Select(arguments, world, From::kLogs);
  if (!selection) return Report(world, selection.error());
  if (!selection->selectors.empty())
    return Report(world, {ErrorCode::kNotFound,
                          fmt::format("cannot read {}: no such file or directory", selection->selectors[0]),
                          "import takes files, folders, globs or -"});
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto local = OpenLocalStore(StorePath(arguments, world), false);
  if (!local) return Report(world, local.error());
  auto redactor = RedactorOf(arguments, *local);
  if (!redactor) return Report(world, redactor.error());
  Setting setting{std::move(*local), std::move(*redactor), std::move(*book), selection->inputs,
                  !arguments.Has("--no-payloads")};
  return watch ? RunWatch(setting, arguments, world, &*watch) : RunOnce(setting, arguments, world);
}

}  // namespace

extern const Command kImport;
const Command kImport = {
    .name = "import",
    .summary = "take logs into a store, and what is new since the last time",
    .usage =
        "import [--store FILE] [--watch] [--redact FILE | --no-redaction] [--no-payloads] [--json]\n"
        "                        [--prices FILE] [PATH]...",
    .details =
        "Reads logs as card does and keeps what they say: the sessions stay when the logs are gone. Of long\n"
        "texts the whole records are kept too (card --payload prints them), unless --no-payloads says no. "
        "Files that\n"
        "have not changed are not opened again; a run that was cut off goes on where it was. Known secrets "
        "are\n"
        "taken out before anything is written (docs/redaction.md). Without PATH the folders of the known "
        "agents\n"
        "of this user are read. The store is one file, by default in ~/.local/share/clawtrace.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/file.h"
#include "base/text.h"
#include "cli/flag_values.h"
#include "cli/grading.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/table.h"
#include "replay/oracle.h"
#include "replay/plain_workplace.h"
#include "replay/sandbox.h"
#include "replay/verdict_reader.h"
#include "replay/workspace.h"

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr Flag kFlags[] = {
    {"--oracle", "CMD|DIR", "command that judges, or a task in Harbor's layout (tests/test.sh)",
     FlagKind::kValue},
    {"--workspace", "SPEC", "what is judged: folder, DIR@COMMIT or tar archive, as the session left it",
     FlagKind::kPath},
    {"--tests", "PATH", "file or folder that only the oracle sees, at /tests", FlagKind::kPath},
    {"--repeat", "K", "ask K times; disagreement is \"flaky\" (default: 1)", FlagKind::kValue},
    {"--timeout", "S", "seconds of one asking (default: task.toml's, else 600)", FlagKind::kValue},
    {"--unsandboxed", "", "run the oracle without isolation, as you", FlagKind::kSwitch},
    {"--import", "", "the arguments are files with verdicts of others", FlagKind::kSwitch},
    {"--session", "SESSION", "whom the one verdict of the files is about (--import)", FlagKind::kValue},
    {"--format", "NAME", "of the files (--import; default: told by content)", FlagKind::kValue},
    {"--judge", "NAME", "who judged; a judge's last word on a session counts", FlagKind::kValue},
    kJsonFlag,
    kStoreFlag,
    kRedactFlag,
    kNoRedactionFlag,
    kPricesFlag,
};

// The one session that SESSION names, with where it worked.
Result<history::SessionView> FindOne(const std::string& session, const Arguments& arguments,
                                     const PriceBook& book, const World& world) {
  Arguments named = arguments;
  named.positional = {session};
  std::error_code error;
  // Of a log the store is where the outcome goes, not where the session is read.
  if (fs::exists(session, error)) named.values.erase("--store");
  auto selection = Select(named, world);
  if (!selection) return std::unexpected(selection.error());
  auto all = ReadSelected(*selection, book, world, Want::kSummaries);
  if (!all) return std::unexpected(InTermsOf(*selection, all.error()));
  if (all->size() == 1) return std::move(all->front());
  std::string ids;
  for (const Compiled& item : *all) ids += (ids.empty() ? "" : ", ") + item.card.session_id;
  constexpr size_t kMostIds = 400;
  return Fail(ErrorCode::kInvalidInput,
              fmt::format("{} holds {} sessions, one is graded", session, all->size()),
              fmt::format("clawtrace import, then one of {}", PrefixUtf8(ids, kMostIds)));
}

// The user's store, when there is one: named ones must be there.
Result<std::optional<LocalStore>> StoreOf(const Arguments& arguments, const World& world) {
  std::string path = StorePath(arguments, world);
  std::error_code error;
  if (!arguments.Has("--store") && (path.empty() || !fs::exists(path, error))) return std::nullopt;
  auto local = OpenLocalStore(path, true);
  if (!local) return std::unexpected(local.error());
  return std::optional(std::move(*local));
}

Status Keep(const Arguments& arguments, const LocalStore& local, Grading* grading) {
  auto redactor = RedactorOf(arguments, local);
  if (!redactor) return std::unexpected(redactor.error());
  return StoreGrading(local, redactor->get(), grading);
}

int CodeOf(const replay::Judgement& judgement) {
  switch (OutcomeOf(judgement, "").verdict) {
    case Verdict::kSuccess:
      return kDone;
    case Verdict::kFailure:
    case Verdict::kPartial:
      return kNo;
    case Verdict::kError:
    case Verdict::kUnknown:
      return kCouldNot;
  }
  return kCouldNot;
}

Result<replay::OracleSpec> SpecOf(const Arguments& arguments) {
  auto spec = replay::OracleNamed(arguments.Value("--oracle"), arguments.Value("--tests"));
  if (!spec) return spec;
  constexpr int64_t kMsPerSecond = 1000, kMostSeconds = 86'400, kMostRuns = 1000;
  int64_t seconds = spec->wall_ms / kMsPerSecond;
  spec->repeat = 1;
  CT_RETURN_IF_ERROR(ReadCount(arguments, "--timeout", kMostSeconds, &seconds));
  CT_RETURN_IF_ERROR(ReadCount(arguments, "--repeat", kMostRuns, &spec->repeat));
  spec->wall_ms = seconds * kMsPerSecond;
  return spec;
}

// Where the session worked, if a workspace can be shown there.
std::string PlaceOf(const std::string& cwd) { return cwd.starts_with('/') && cwd.size() > 1 ? cwd : "/app"; }

Result<replay::OracleResult> Ask(const replay::OracleSpec& spec, const Arguments& arguments,
                                 const std::string& cwd, const World& world) {
  auto scratch = replay::ScratchFolder::Make(world.scratch_dir, "clawtrace-grade");
  if (!scratch) return std::unexpected(scratch.error());
  auto workspace = replay::OpenWorkspace(arguments.Value("--workspace"), scratch->path());
  if (!workspace) return std::unexpected(workspace.error());
  if (workspace->unpacked.left_out_count > 0)
    *world.err << fmt::format("clawtrace: {} entries of {} were left out, first {} ({})\n",
                              workspace->unpacked.left_out_count, Printable(workspace->origin),
                              Printable(workspace->unpacked.left_out.front().path),
                              workspace->unpacked.left_out.front().reason);
  bool walls = !arguments.Has("--unsandboxed");
  replay::SandboxHost host{.program = world.workplace_program, .scratch = scratch->path()};
  replay::OracleSite site;
  site.workspace = workspace->folder, site.scratch = scratch->path(), site.walls = walls;
  site.at = walls ? PlaceOf(cwd) : scratch->path() + "/workspace";
  // Its wall time bounds it; processors are not counted.
  constexpr int64_t kMsPerSecond = 1000, kProcessors = 64;
  site.limits.cpu_s = std::max(site.limits.cpu_s, spec.wall_ms / kMsPerSecond * kProcessors);
  site.open = [&](const replay::WorkplaceOptions& options) {
    return walls ? replay::OpenSandbox(options, host) : replay::OpenPlainWorkplace(options, host);
  };
  return replay::RunOracle(spec, site);
}

void Print(const Grading& grading, bool json, const World& world) {
  if (json)
    *world.out << GradingJson(grading) << "\n";
  else
    PrintGrading(grading, *world.out);
}

int RunOracle(const Arguments& arguments, const PriceBook& book, const World& world) {
  if (arguments.positional.size() != 1 || !arguments.Has("--oracle") || !arguments.Has("--workspace"))
    return Report(world, {ErrorCode::kInvalidInput, "grade needs a session, an oracle and a workspace",
                          "clawtrace grade SESSION --oracle 'python3 -m pytest -q' --workspace DIR"});
  auto spec = SpecOf(arguments);
  if (!spec) return Report(world, spec.error());
  auto session = FindOne(arguments.positional.front(), arguments, book, world);
  if (!session) return Report(world, session.error());
  auto local = StoreOf(arguments, world);
  if (!local) return Report(world, local.error());
  auto asked = Ask(*spec, arguments, session->cwd, world);
  if (!asked) return Report(world, asked.error());
  Grading grading;
  grading.session_id = session->card.session_id, grading.agent = session->card.agent;
  grading.judge = arguments.Has("--judge") ? arguments.Value("--judge") : "oracle:" + asked->oracle;
  grading.judgement = asked->judgement;
  grading.oracle = std::move(*asked);
  if (*local) {
    Status kept = Keep(arguments, **local, &grading);
    if (!kept) return Report(world, kept.error());
  }
  Print(grading, arguments.Has("--json"), world);
  return CodeOf(grading.judgement);
}

Result<replay::VerdictReader> ReaderOf(const Arguments& arguments, const std::string& file,
                                       std::string_view text) {
  std::string names;
  for (const replay::VerdictReader* reader : replay::VerdictReaders())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", reader->name);
  bool named = arguments.Has("--format");
  const replay::VerdictReader* reader = named
                                            ? replay::FindVerdictReader(arguments.Value("--format"))
                                            : replay::SniffVerdicts(fs::path(file).filename().string(), text);
  if (reader) return *reader;
  return Fail(ErrorCode::kInvalidInput,
              named ? fmt::format("--format {} is not known", arguments.Value("--format"))
                    : fmt::format("{} holds no verdicts of a known format", file),
              fmt::format("--format is one of {}", names));
}

Result<std::vector<Grading>> ReadVerdicts(const Arguments& arguments, const std::string& file,
                                          store::Store& store) {
  auto text = ReadFile(file, replay::kMostReportBytes);
  if (!text) return std::unexpected(text.error());
  auto reader = ReaderOf(arguments, file, *text);
  if (!reader) return std::unexpected(reader.error());
  auto runs = reader->read(fs::path(file).filename().string(), *text);
  if (!runs)
    return Fail(runs.error().code,
                fmt::format("{} is no {} report: {}", file, reader->name, runs.error().message),
                "docs/oracles.md shows the formats");
  if (arguments.Has("--session") && runs->size() != 1)
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("{} tells of {} runs, --session names one", file, runs->size()),
                "leave --session out: reports of several runs name their sessions or tasks");
  std::vector<Grading> gradings;
  for (replay::JudgedRun& run : *runs) {
    Grading& grading = gradings.emplace_back();
    if (arguments.Has("--session")) {
      auto view = history::FindSession(store, kLocalTenant, arguments.Value("--session"));
      if (!view) return std::unexpected(view.error());
      grading.session_id = view->card.session_id, grading.agent = view->card.agent, grading.task = run.task;
    } else {
      CT_RETURN_IF_ERROR(FindGraded(store, run, &grading));
    }
    grading.judge = arguments.Has("--judge") ? arguments.Value("--judge") : run.judge;
    if (grading.judge.empty()) grading.judge = reader->name;
    grading.judgement = std::move(run.judgement);
  }
  return gradings;
}

int Import(const Arguments& arguments, const PriceBook& book, const World& world) {
  if (arguments.positional.empty())
    return Report(world, {ErrorCode::kInvalidInput, "--import needs files with verdicts",
                          "clawtrace grade --import report.json"});
  auto local = OpenCompiledStore(StorePath(arguments, world), book, world);
  if (!local) return Report(world, local.error());
  std::vector<Grading> all;
  for (const std::string& file : arguments.positional) {
    auto gradings = ReadVerdicts(arguments, file, *local->store);
    if (!gradings) return Report(world, gradings.error());
    std::ranges::move(*gradings, std::back_inserter(all));
  }
  int64_t stored = 0;
  for (Grading& grading : all) {
    if (grading.problem.empty()) {
      Status kept = Keep(arguments, *local, &grading);
      if (!kept) return Report(world, kept.error());
    }
    stored += grading.stored.empty() ? 0 : 1;
    if (arguments.Has("--json"))
      *world.out << GradingJson(grading) << "\n";
    else if (all.size() == 1)
      PrintGrading(grading, *world.out);
    else if (!grading.problem.empty())
      *world.err << fmt::format("clawtrace: {}\n", grading.problem);
  }
  if (!arguments.Has("--json") && all.size() > 1)
    *world.out << fmt::format("{} of {} verdicts stored\n", stored, all.size());
  return stored == static_cast<int64_t>(all.size()) ? kDone : kNo;
}

int Run(const Arguments& arguments, const World& world) {
  bool import = arguments.Has("--import");
  for (std::string_view flag :
       {"--oracle", "--workspace", "--tests", "--repeat", "--timeout", "--unsandboxed"}) {
    if (import && arguments.Has(flag))
      return Report(world, {ErrorCode::kInvalidInput, fmt::format("{} and --import together", flag),
                            "either an oracle is asked, or verdicts are imported"});
  }
  for (std::string_view flag : {"--session", "--format"}) {
    if (!import && arguments.Has(flag))
      return Report(world, {ErrorCode::kInvalidInput, fmt::format("{} without --import", flag),
                            "clawtrace grade --import FILE --session SESSION"});
  }
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  return import ? Import(arguments, *book, world) : RunOracle(arguments, *book, world);
}

}  // namespace

extern const Command kGrade;
const Command kGrade = {
    .name = "grade",
    .summary = "judge what a session left, by an oracle or by reports of others",
    .usage =
        "grade SESSION --oracle CMD|DIR --workspace SPEC [--tests PATH] [--repeat K] [--timeout S] "
        "[--unsandboxed]\n"
        "       clawtrace grade --import FILE... [--session SESSION] [--format NAME]\n"
        "                       [--judge NAME] [--json] [--store FILE] [--redact FILE] [--no-redaction] "
        "[--prices FILE]",
    .details =
        "Runs a command in a sandboxed copy of the workspace and stores what it says as the session's "
        "outcome, if "
        "there is a store.\n"
        "Exit code 0: success; 1: failure, partial or flaky; 2: no verdict. --import takes reports of "
        "Harbor, CTRF, "
        "JUnit, SWE-bench,\n"
        "tau-bench, grading.json, CSV and --json of this command; exit code 1: some found no session. "
        "docs/oracles.md.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

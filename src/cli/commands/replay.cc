#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "cli/flag_values.h"
#include "cli/live_options.h"
#include "cli/local_store.h"
#include "cli/replay_stage.h"
#include "cli/replay_text.h"
#include "cli/table.h"
#include "cli/whole_sessions.h"
#include "distill/model/cases.h"
#include "replay/chain.h"
#include "replay/replayer.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--workspace", "SPEC",
     "as it was before the session: folder, DIR@COMMIT, tar archive, or \"trace\" to rebuild what was shown",
     FlagKind::kPath},
    {"--oracle", "CMD|DIR", "what judges the result: a command, or a task in Harbor's layout",
     FlagKind::kValue},
    {"--tests", "PATH", "file or folder that only the oracle sees, at /tests", FlagKind::kPath},
    {"--repeat", "K", "ask the oracle K times each (default: 1)", FlagKind::kValue},
    {"--cases", "FILE", "many sessions, each with its workspace and oracle (docs/models.md)",
     FlagKind::kPath},
    {"--step", "STEP", "the verdict of this step alone (12, 3/7)", FlagKind::kValue},
    {"--all", "", "the verdict of every step (the default)", FlagKind::kSwitch},
    {"--minimize", "", "the smallest trace that still does it, without the table of steps",
     FlagKind::kSwitch},
    {"--explain", "STEP", "where what this step said came from, up to the prompt", FlagKind::kValue},
    {"--budget", "S", "seconds after which nothing more is executed", FlagKind::kValue},
    {"--fidelity", "F", "least share of results that must come out as recorded (default: 0.95)",
     FlagKind::kValue},
    {"--at", "DIR", "where the session had its workspace (default: as recorded)", FlagKind::kValue},
    {"--unsandboxed", "", "execute without isolation, as you: only for traces that you trust",
     FlagKind::kSwitch},
    {"--no-cache", "", "execute again what an earlier run had executed", FlagKind::kSwitch},
    {"--live", "PROVIDER",
     "ask a model what it does without --step: anthropic, openai-chat, openai-responses, gemini, "
     "command:PROGRAM",
     FlagKind::kValue},
    {"--model", "MODEL", "which one", FlagKind::kValue},
    {"--base-url", "URL", "of a server that speaks the provider's protocol", FlagKind::kValue},
    {"--key-file", "FILE", "holds the key (default: ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY)",
     FlagKind::kPath},
    {"--times", "K", "how often, with and without the step (default: 5)", FlagKind::kValue},
    {"--usd", "X", "what all of it may cost at most", FlagKind::kValue},
    {"--unpriced-ok", "", "under --usd too, ask models whose price is not known", FlagKind::kSwitch},
    {"--max-tokens", "N", "longest answer (default: 4096)", FlagKind::kValue},
    {"--temperature", "T", "of the model (default: its own)", FlagKind::kValue},
    {"--cassette", "FILE", "answers from this file, without a network", FlagKind::kPath},
    {"--record", "", "asks, and makes the cassette", FlagKind::kSwitch},
    kJsonFlag,
    kStoreFlag,
    kPricesFlag,
};

struct Wish {
  int64_t budget_s = 0;  // 0: none
  int64_t repeat = 1;
  int64_t fidelity_ppm = 950'000;
  std::optional<LiveWish> live;
};

Result<Wish> WishOf(const Arguments& arguments) {
  constexpr int64_t kMostSeconds = 1'000'000, kMostRuns = 1000, kMillion = 1'000'000;
  Wish wish;
  CT_RETURN_IF_ERROR(ReadCount(arguments, "--budget", kMostSeconds, &wish.budget_s));
  CT_RETURN_IF_ERROR(ReadCount(arguments, "--repeat", kMostRuns, &wish.repeat));
  if (arguments.Has("--fidelity")) {
    auto share = Usd::Parse(arguments.Value("--fidelity"));  // a decimal, exactly
    if (!share || *share < Usd() || share->pico() > kMillion * kMillion)
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("--fidelity {} is no share", arguments.Value("--fidelity")), "from 0 to 1");
    wish.fidelity_ppm = share->pico() / kMillion;
  }
  bool without = !arguments.Has("--workspace");
  for (std::string_view flag : {"--oracle", "--at", "--unsandboxed"}) {
    if (without && arguments.Has(flag))
      return Fail(ErrorCode::kInvalidInput, fmt::format("{} needs a workspace", flag),
                  "--workspace SPEC: the folder, commit or archive that the session began with");
  }
  auto live = LiveWishOf(arguments);
  if (!live) return std::unexpected(std::move(live.error()));
  wish.live = std::move(*live);
  return wish;
}

StageSpec SpecOf(const Arguments& arguments, const Wish& wish, const World& world) {
  StageSpec spec;
  spec.workspace = arguments.Value("--workspace"), spec.oracle = arguments.Value("--oracle");
  spec.tests = arguments.Value("--tests"), spec.at = arguments.Value("--at");
  spec.repeat = wish.repeat, spec.walls = !arguments.Has("--unsandboxed");
  if (!arguments.Has("--no-cache") && !world.cache_dir.empty()) spec.cache = world.cache_dir + "/replay";
  return spec;
}

replay::ReplayOptions OptionsOf(const Wish& wish, const World& world) {
  replay::ReplayOptions options;
  options.least_fidelity_ppm = wish.fidelity_ppm;
  options.threads = world.threads;
  if (wish.budget_s > 0) {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(wish.budget_s);
    options.out_of_budget = [end] { return std::chrono::steady_clock::now() >= end; };
  }
  if (world.err_is_terminal) {
    options.progress = [&world](size_t done, size_t planned) {
      *world.err << fmt::format("\rexecuted {} of {}\x1b[K", done, planned) << std::flush;
      if (done >= planned) *world.err << "\r\x1b[K" << std::flush;
    };
  }
  return options;
}

int Explain(const Arguments& arguments, const Session& session, const World& world) {
  std::vector<replay::Moment> timeline = replay::TimelineOf(session);
  replay::Channels channels(timeline);
  std::string id = arguments.Value("--explain");
  auto found = std::ranges::find(timeline, id, &replay::Moment::id);
  if (found == timeline.end())
    return Report(world, {ErrorCode::kNotFound, fmt::format("session {} has no step {}", session.id, id),
                          "clawtrace card --full shows the steps"});
  replay::ChainLink chain =
      replay::ChainOf(timeline, channels, static_cast<size_t>(found - timeline.begin()));
  if (arguments.Has("--json"))
    *world.out << replay::ChainJson(chain) << "\n";
  else
    for (std::string_view line : Split(replay::ChainText(chain), '\n')) {
      if (!line.empty()) *world.out << Printable(line) << "\n";
    }
  return kDone;
}

int Print(const Arguments& arguments, ReplayReport report, const World& world) {
  std::string step = arguments.Value("--step");
  if (!step.empty()) {
    std::erase_if(report.steps, [&](const StepVerdict& verdict) { return verdict.step != step; });
    if (report.steps.empty())
      return Report(
          world, {ErrorCode::kNotFound, fmt::format("session {} has no tool use {}", report.session_id, step),
                  "clawtrace card --full shows the steps"});
  }
  if (arguments.Has("--json")) {
    *world.out << EncodeReplayReport(report, true) << "\n";
  } else {
    PrintReplay(*world.out, report, {.step = step, .minimal_only = arguments.Has("--minimize")});
  }
  return report.closed.empty() ? kDone : kNo;
}

// Beside the session, so that its card and what is distilled of it know; only of sessions of a store.
Status Keep(const std::string& store, const ReplayReport& report) {
  if (store.empty()) return {};
  auto local = OpenLocalStore(store, true);
  if (!local) return std::unexpected(local.error());
  return history::PutReplay(*local->store, kLocalTenant, report, NowNs());
}

int ReplayOne(const Arguments& arguments, const Wish& wish, const WholeSession& whole, const World& world,
              const std::string& store) {
  auto report = ReplayOn(SpecOf(arguments, wish, world), whole, OptionsOf(wish, world), world);
  if (!report) return Report(world, report.error());
  if (wish.live) {
    Status asked = AddLive(*wish.live, whole.session, world, &*report);
    if (!asked) return Report(world, asked.error());
  }
  if (Status kept = Keep(store, *report); !kept) return Report(world, kept.error());
  return Print(arguments, std::move(*report), world);
}

std::string CaseLine(const ReplayReport& report) {
  std::string end = report.oracle ? "oracle: " + report.oracle->recorded : "no oracle";
  if (report.failure)
    end += report.failure->step.empty() ? ", no cause found" : ", cause: step " + report.failure->step;
  else if (!report.closed.empty())
    end += "; " + report.closed;
  return fmt::format("{:<14}{:<40}{:>4} needed {:>4} not needed {:>4} unknown  {}", Printable(report.agent),
                     Printable(report.session_id), report.needed, report.not_needed, report.unknown,
                     Printable(end));
}

// Every session of a file of cases, each in its own workspace under its own oracle.
int ReplayCases(const Arguments& arguments, const Wish& wish, const PriceBook& book, const World& world) {
  for (std::string_view flag :
       {"--workspace", "--oracle", "--tests", "--at", "--step", "--explain", "--live", "--store"}) {
    if (arguments.Has(flag))
      return Report(world, {ErrorCode::kInvalidInput, fmt::format("--cases and {} do not go together", flag),
                            "the file of cases says it for each session"});
  }
  auto cases = distill::ReadCases(arguments.Value("--cases"));
  if (!cases) return Report(world, cases.error());
  int code = kDone;
  for (const distill::Case& one : *cases) {
    Selection selection;
    selection.inputs = {one.session};
    auto sessions = ReadWholeSessions(selection, book, world);
    if (!sessions) return Report(world, sessions.error());
    StageSpec spec = SpecOf(arguments, wish, world);
    spec.workspace = one.workspace, spec.oracle = one.oracle, spec.tests = one.tests, spec.at = one.at;
    for (const WholeSession& whole : *sessions) {
      auto report = ReplayOn(spec, whole, OptionsOf(wish, world), world);
      if (!report) return Report(world, report.error());
      // A session that its oracle fails is explained instead.
      if (!report->closed.empty() && !report->failure) code = kNo;
      if (arguments.Has("--json"))
        *world.out << EncodeReplayReport(*report, true) << "\n";
      else
        *world.out << CaseLine(*report) << "\n";
    }
  }
  return code;
}

int Run(const Arguments& arguments, const World& world) {
  auto wish = WishOf(arguments);
  if (!wish) return Report(world, wish.error());
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  if (arguments.Has("--cases")) return ReplayCases(arguments, *wish, *book, world);
  if (wish->live) wish->live->book = &*book;
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  auto sessions = ReadWholeSessions(*selection, *book, world);
  if (!sessions) return Report(world, sessions.error());
  bool one = arguments.Has("--workspace") || arguments.Has("--explain") || arguments.Has("--step");
  if (one && sessions->size() != 1) {
    std::string ids;
    for (const WholeSession& whole : *sessions) ids += (ids.empty() ? "" : ", ") + whole.session.id;
    constexpr size_t kMostIds = 400;
    return Report(world, {ErrorCode::kInvalidInput,
                          fmt::format("these are {} sessions, and one is replayed so", sessions->size()),
                          fmt::format("name one of them: {}", PrefixUtf8(ids, kMostIds))});
  }
  if (arguments.Has("--explain")) return Explain(arguments, sessions->front().session, world);
  int code = kDone;
  for (const WholeSession& whole : *sessions) {
    if (&whole != &sessions->front() && !arguments.Has("--json")) *world.out << "\n";
    code = std::max(code, ReplayOne(arguments, *wish, whole, world, selection->store));
  }
  return code;
}

}  // namespace

extern const Command kReplay;
const Command kReplay = {
    .name = "replay",
    .summary = "would the outcome have been the same without this step?",
    .usage =
        "replay [--workspace SPEC [--oracle CMD|DIR] [--tests PATH] [--repeat K] [--at DIR] "
        "[--unsandboxed]]\n"
        "                        [--step STEP|--all|--minimize|--explain STEP] [--budget S] [--fidelity F]\n"
        "                        [--live PROVIDER --model MODEL [--base-url URL] [--key-file FILE] [--times "
        "K] [--usd X]\n"
        "                        [--unpriced-ok] [--max-tokens N] [--temperature T] [--cassette FILE "
        "[--record]]]\n"
        "                        [--cases FILE] [--no-cache] [--json] [--store FILE] [--prices FILE] "
        "[PATH|SESSION]...",
    .details =
        "Without a workspace, what was taken up of each step's output decides about steps that only look. "
        "With one, the\n"
        "recording is executed again in a sandbox, then without each step that could go, then without all of "
        "them; an\n"
        "oracle says whether the result is still right. Verdicts: needed, not_needed, unknown, each with its "
        "reason. Exit\n"
        "code 1: nothing could be decided, the report says why. See docs/replay.md.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli

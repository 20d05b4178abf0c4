#include "cli/model_options.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "capture/redact.h"
#include "cli/flag_values.h"
#include "cli/table.h"
#include "cli/whole_sessions.h"
#include "model/archive.h"
#include "replay/execute.h"
#include "replay/sandbox.h"
#include "skill/decisions.h"
#include "skill/provenance.h"

namespace clawtrace::cli {
namespace {

using Transports = std::function<Result<std::unique_ptr<llm::Transport>>()>;

constexpr int64_t kConnectMs = 15'000, kCallMs = 600'000, kFirstWaitMs = 500;

Status FindModel(const std::string& named, ModelWish* wish) {
  size_t colon = named.find(':');
  std::string provider = named.substr(0, colon), model = colon == named.npos ? "" : named.substr(colon + 1);
  wish->provider = llm::FindProvider(provider);
  if (wish->provider && !model.empty()) {
    if (wish->provider->address.empty()) wish->program = model, model = "program";
    wish->talk.model = model;
    return {};
  }
  std::string all;
  for (const llm::Provider* known : llm::Providers())
    all += fmt::format("{}{}:{}", all.empty() ? "" : ", ", known->name,
                       known->address.empty() ? "PROGRAM" : "MODEL");
  return Fail(ErrorCode::kInvalidInput, fmt::format("{} is no provider and model", named), "one of " + all);
}

Status ReadNumbers(const Arguments& arguments, ModelWish* wish) {
  constexpr int64_t kMostTokens = 200'000, kMostJobs = 256, kMostTurns = 100, kMostSeconds = 3600;
  constexpr int64_t kMostPace = 1'000'000'000, kMillis = 1000;
  int64_t jobs = 4, seconds = wish->idle_ms / kMillis;
  const std::tuple<std::string_view, int64_t, int64_t*> numbers[] = {
      {"--jobs", kMostJobs, &jobs},
      {"--turns", kMostTurns, &wish->talk.look_ups},
      {"--max-tokens", kMostTokens, &wish->talk.max_tokens},
      {"--timeout", kMostSeconds, &seconds},
      {"--requests-per-minute", kMostPace, &wish->pace.requests_per_minute},
      {"--tokens-per-minute", kMostPace, &wish->pace.tokens_per_minute}};
  for (auto [flag, most, value] : numbers) CT_RETURN_IF_ERROR(ReadCount(arguments, flag, most, value));
  wish->jobs = static_cast<size_t>(jobs), wish->idle_ms = seconds * kMillis;
  auto sum = ReadSum(arguments, "--budget");
  if (!sum) return std::unexpected(std::move(sum.error()));
  wish->budget.most = *sum;
  return {};
}

Status ReadFiles(const Arguments& arguments, ModelWish* wish) {
  std::string cassette = arguments.Value("--cassette");
  bool records = arguments.Has("--record");
  if (records && cassette.empty())
    return Fail(ErrorCode::kInvalidInput, "--record needs a file", "--cassette FILE");
  if (!cassette.empty() && arguments.Has("--journal"))
    return Fail(ErrorCode::kInvalidInput, "--journal and --cassette together",
                "one of them: a journal can be answered from with --cassette");
  wish->journal = cassette.empty() ? arguments.Value("--journal") : cassette;
  wish->replays = !cassette.empty() && !records;
  wish->prompts = arguments.Value("--prompts");
  wish->address = arguments.Value("--address"), wish->key_file = arguments.Value("--key-file");
  bool is_program = wish->provider->address.empty();
  if (is_program && (!wish->address.empty() || !wish->key_file.empty()))
    return Fail(ErrorCode::kInvalidInput, "a program has neither address nor key",
                "leave out --address and --key-file");
  return {};
}

Result<std::string> KeyOf(const ModelWish& wish, const World& world) {
  constexpr uint64_t kMostKeyBytes = 16384;
  if (!wish.key_file.empty()) {
    auto key = ReadFile(wish.key_file, kMostKeyBytes);
    if (!key) return std::unexpected(std::move(key.error()));
    return std::string(Trim(*key));
  }
  auto found = world.model_keys.find(wish.provider->key_variable);
  if (found != world.model_keys.end() && !found->second.empty()) return found->second;
  if (!wish.address.empty()) return std::string();  // servers of one's own often want none
  return Fail(ErrorCode::kInvalidInput, fmt::format("there is no key for {}", wish.provider->name),
              fmt::format("{} in the environment, or --key-file FILE", wish.provider->key_variable));
}

Result<Transports> TransportsOf(const ModelWish& wish, const World& world) {
  if (wish.replays) return Transports();
  if (!wish.program.empty()) {
    Transports programs = [program = wish.program]() -> Result<std::unique_ptr<llm::Transport>> {
      return llm::OverCommand(program, kCallMs);
    };
    return programs;
  }
  auto key = KeyOf(wish, world);
  if (!key) return std::unexpected(std::move(key.error()));
  llm::HttpSite site;
  site.address = wish.address.empty() ? std::string(wish.provider->address) : wish.address;
  site.key = std::move(*key);
  site.timeout_ms = kCallMs, site.connect_timeout_ms = kConnectMs, site.idle_timeout_ms = wish.idle_ms;
  Transports made = [site, provider = wish.provider] { return llm::OverHttp(*provider, site); };
  return made;
}

llm::PriceOf PricesOf(const ModelWish& wish, const PriceBook& book) {
  // Somebody else's server has prices of its own; the book's rows for the model are the best there is.
  std::string provider(wish.talk.compatible ? "" : wish.provider->price_provider);
  return [model = wish.talk.model, provider, &book](const Usage& usage) -> std::optional<Usd> {
    LlmCall call;
    call.model = model, call.provider = provider, call.usage = usage;
    return book.Price(call, std::nullopt, false).list_price;
  };
}

Result<distill::Prompts> FindPrompts(const ModelWish& wish, const World& world) {
  if (!wish.prompts.empty()) return distill::LoadPrompts(wish.prompts);
  // Installed: below the data folder. In a build tree: beside it.
  std::string folder = world.data_dir + "/prompts";
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) folder = world.data_dir + "/../prompts";
  return distill::LoadPrompts(folder);
}

// Hashes in the marks would be the salt's: prompts are the same on every machine.
Result<distill::Redact> RedactionOf() {
  auto made = capture::Redactor::Make(capture::DefaultRedactionRules(), "");
  if (!made) return std::unexpected(std::move(made.error()));
  auto shared = std::make_shared<capture::Redactor>(std::move(*made));
  distill::Redact redact = [shared](std::string* text) {
    constexpr std::string_view kMark = "[redacted:";
    if (!shared->Text(text)) return false;
    for (size_t at = text->find(kMark); at != text->npos; at = text->find(kMark, at + 1)) {
      size_t end = text->find(']', at), hash = text->find(':', at + kMark.size());
      if (hash < end && end != text->npos) text->erase(hash, end - hash);
    }
    return true;
  };
  return redact;
}

// The session's steps executed again in the workspace that it began with.
Status RebuildEnd(const std::string& session_id, const distill::Case& of, const std::string& folder,
                  const std::function<Result<std::deque<WholeSession>>()>& read,
                  const distill::LookUpSite& site) {
  constexpr double kLeastFidelity = 0.95;
  auto sessions = read();
  if (!sessions) return std::unexpected(std::move(sessions.error()));
  auto whole =
      std::ranges::find(*sessions, session_id, [](const WholeSession& one) { return one.session.id; });
  if (whole == sessions->end()) return Fail(ErrorCode::kNotFound, "the session's log is not there any more");
  auto scratch = replay::ScratchFolder::Make(site.scratch, "clawtrace-rebuild");
  if (!scratch) return std::unexpected(std::move(scratch.error()));
  auto start = replay::OpenWorkspace(of.workspace, scratch->path());
  if (!start) return std::unexpected(std::move(start.error()));
  auto is_place = [](const std::string& path) { return path.starts_with('/') && path.size() > 1; };
  replay::ExecuteOptions options;
  options.recorded_at = whole->session.info.cwd;
  options.at = is_place(of.at) ? of.at : is_place(options.recorded_at) ? options.recorded_at : "/app";
  replay::WorkplaceOptions place_options;
  place_options.workspace = start->folder, place_options.at = options.at, place_options.limits = site.limits;
  auto place = site.open(place_options);
  if (!place) return std::unexpected(std::move(place.error()));
  auto timeline = replay::TimelineOf(whole->session);
  auto execution = replay::Execute(timeline, std::vector<bool>(timeline.size(), true), **place, options);
  if (!execution) return std::unexpected(std::move(execution.error()));
  if (execution->fidelity() < kLeastFidelity)
    return Fail(ErrorCode::kUnavailable, "executed again, the steps do not give what was recorded");
  return (*place)->Export(folder);
}

distill::LookUpSite SiteOf(const AskedAbout& about, const World& world) {
  distill::LookUpSite site;
  site.scratch = world.scratch_dir;
  replay::SandboxHost host{.program = world.workplace_program, .scratch = world.scratch_dir};
  site.open = [host](const replay::WorkplaceOptions& options) { return replay::OpenSandbox(options, host); };
  distill::LookUpSite without = site;
  site.rebuild_end = [without, &about, &world](const std::string& id, const distill::Case& of,
                                               const std::string& folder) {
    auto read = [&] { return ReadWholeSessions(about.selection, about.book, world); };
    return RebuildEnd(id, of, folder, read, without);
  };
  return site;
}

std::string CostOf(const llm::Spending& spending) {
  std::string out = fmt::format("{} USD", spending.known.ToDecimal(4));
  if (spending.calls_unpriced == 0) return out;
  return out + fmt::format(" and {} calls whose cost is not known", spending.calls_unpriced);
}

void Summarise(const distill::ModelRun& run, std::ostream& err) {
  constexpr size_t kMostShown = 10;
  size_t failed = 0;
  std::map<std::string_view, std::set<std::string_view>> attempts;  // to the sessions
  for (const distill::ModelJob& job : run.jobs) {
    for (const distill::Notice& notice : job.notices) attempts[NameOf(notice.attempt)].insert(job.session_id);
    if (job.error.empty() || ++failed > kMostShown) continue;
    err << fmt::format("clawtrace: {} on {}: {}\n", job.analyst, Printable(skill::PlainId(job.session_id)),
                       Printable(FirstLine(job.error)));
  }
  if (failed > kMostShown) err << fmt::format("clawtrace: and {} more\n", failed - kMostShown);
  for (const auto& [attempt, sessions] : attempts)
    err << fmt::format("clawtrace: noticed in {} session{}: {}, such as {}\n", sessions.size(),
                       sessions.size() == 1 ? "" : "s", attempt,
                       Printable(skill::PlainId(*sessions.begin())));
  if (run.without_outcome > 0)
    err << fmt::format("clawtrace: {} sessions have no outcome; no model was asked about them\n",
                       run.without_outcome);
  err << fmt::format("models: {} sessions, {} failed, {} patches, {}\n", run.jobs.size(), failed,
                     run.patches.size(), CostOf(run.spending));
}

void SetTelling(const World& world, distill::ModelOptions* options) {
  if (!world.err_is_terminal) return;
  options->progress = [&world](const distill::ModelOptions::Progress& progress) {
    *world.err << fmt::format("\rasked about {} of {} sessions, {} failed, {}\x1b[K", progress.done,
                              progress.planned, progress.failed, CostOf(progress.spending))
               << std::flush;
    if (progress.done >= progress.planned) *world.err << "\r\x1b[K" << std::flush;
  };
}

// All but cases, journal and telling.
Result<distill::ModelOptions> OptionsOf(const ModelWish& wish, const PriceBook& book, const World& world) {
  distill::ModelOptions options;
  options.provider = wish.provider, options.talk = wish.talk, options.workers = wish.jobs;
  options.price = PricesOf(wish, book), options.budget = wish.budget, options.pace = wish.pace;
  options.retries.first_wait_ms = kFirstWaitMs, options.take_finished = !wish.replays;
  if (!wish.replays) {
    options.retries.pause = [](int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); };
    options.now_ms = [] {
      auto now = std::chrono::steady_clock::now().time_since_epoch();
      return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    };
  }
  auto outside = TransportsOf(wish, world);
  if (!outside) return std::unexpected(std::move(outside.error()));
  auto prompts = FindPrompts(wish, world);
  if (!prompts) return std::unexpected(std::move(prompts.error()));
  auto redact = RedactionOf();
  if (!redact) return std::unexpected(std::move(redact.error()));
  options.outside = std::move(*outside), options.prompts = std::move(*prompts);
  options.redact = std::move(*redact);
  return options;
}

}  // namespace

Result<std::optional<ModelWish>> ModelWishOf(const Arguments& arguments) {
  if (!arguments.Has("--model")) {
    for (const Flag& flag : kModelFlags) {
      // Cases serve replay too.
      if (arguments.Has(flag.name) && flag.name != "--cases")
        return Fail(ErrorCode::kInvalidInput, fmt::format("{} needs --model", flag.name),
                    "--model PROVIDER:MODEL");
    }
    return std::nullopt;
  }
  ModelWish wish;
  CT_RETURN_IF_ERROR(FindModel(arguments.Value("--model"), &wish));
  CT_RETURN_IF_ERROR(ReadNumbers(arguments, &wish));
  CT_RETURN_IF_ERROR(ReadFiles(arguments, &wish));
  wish.budget.unpriced_ok = arguments.Has("--unpriced-ok");
  wish.talk.compatible = !wish.address.empty();
  wish.reword = arguments.Has("--reword");
  return wish;
}

Result<std::map<std::string, distill::Case>> ReadCasesById(const std::string& path, const PriceBook& book,
                                                           const World& world) {
  std::map<std::string, distill::Case> out;
  if (path.empty()) return out;
  auto cases = distill::ReadCases(path);
  if (!cases) return std::unexpected(std::move(cases.error()));
  for (distill::Case& one : *cases) {
    std::error_code error;
    if (!std::filesystem::exists(one.session, error)) {
      std::string id = one.session;
      out.insert_or_assign(std::move(id), std::move(one));
      continue;
    }
    auto sessions = ReadWholeSessions({.store = {}, .inputs = {one.session}, .selectors = {}}, book, world);
    if (!sessions) return std::unexpected(std::move(sessions.error()));
    for (const WholeSession& whole : *sessions) out.insert_or_assign(whole.session.id, one);
  }
  return out;
}

Result<std::unique_ptr<Models>> Models::Open(const ModelWish& wish, const AskedAbout& about,
                                             const World& world) {
  std::unique_ptr<Models> models(new Models(about, world));
  auto options = OptionsOf(wish, about.book, world);
  if (!options) return std::unexpected(std::move(options.error()));
  options->cases = about.cases, options->site = SiteOf(models->about_, world);
  auto mode = wish.replays ? llm::Journal::Mode::kReplay : llm::Journal::Mode::kContinue;
  auto journal = llm::Journal::Open(wish.journal, mode, wish.talk.compatible);
  if (!journal) return std::unexpected(std::move(journal.error()));
  if (wish.replays && (*journal)->compatible()) {
    // As it was asked: nobody is, so nobody should have to say again where the server was.
    ModelWish theirs = wish;
    theirs.talk.compatible = options->talk.compatible = true;
    options->price = PricesOf(theirs, about.book);
  }
  if (wish.journal.empty())
    *world.err
        << "clawtrace: nothing is kept of what models answer; --journal FILE lets an interrupted run go on\n";
  // What people decided: they need not be asked again.
  options->rejected = skill::TakenBackLines(about.skill), options->pinned = skill::PinnedBlocks(about.skill);
  SetTelling(world, &*options);
  models->options_ = std::move(*options), models->journal_ = std::move(*journal);
  models->options_.journal = models->journal_.get();
  models->desk_.emplace(models->options_);
  return models;
}

Result<distill::ModelRun> Models::Analyse() {
  auto run = distill::RunModelAnalysts(about_.base, about_.skill, &*desk_);
  if (run) Summarise(*run, *world_.err);
  return run;
}

void Models::TellWords(const distill::Rewording& words) const {
  for (const distill::Rewording::Job& job : words.jobs()) {
    if (!job.error.empty())
      *world_.err << fmt::format("clawtrace: rewording {}: {}\n", Printable(job.rule),
                                 Printable(FirstLine(job.error)));
  }
  *world_.err << fmt::format("rewording: {} rules asked about, {} in all\n", words.jobs().size(),
                             CostOf(desk_->spending()));
}

}  // namespace clawtrace::cli

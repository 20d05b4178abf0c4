#include <fmt/core.h>
#include <pthread.h>
#include <sys/random.h>

#include <chrono>
#include <csignal>
#include <fstream>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/flag_values.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "serve/server.h"
#include "serve/service.h"
#include "serve/upkeep.h"

namespace clawtrace::cli {
namespace {

// Requests that come together share a sync.
constexpr int64_t kCommitWindowUs = 5'000;

constexpr Flag kFlags[] = {
    kStoreFlag,
    {"--host", "ADDRESS", "where to listen (default 127.0.0.1); beyond this machine a key is needed",
     FlagKind::kValue},
    {"--port", "N", "of HTTP (default 4318; 0: any)", FlagKind::kValue},
    {"--grpc-port", "N", "of gRPC (default 4317; 0: any)", FlagKind::kValue},
    {"--tls-cert", "FILE", "serve TLS with this certificate chain (PEM)", FlagKind::kPath},
    {"--tls-key", "FILE", "and its key (PEM)", FlagKind::kPath},
    {"--require-key", "", "ask for a key on this machine too", FlagKind::kSwitch},
    {"--allow-origin", "LIST", "origins of web pages that may call, comma-separated", FlagKind::kValue},
    kRedactFlag,
    kNoRedactionFlag,
    {"--memory", "MB", "requests in flight may take together (default 32)", FlagKind::kValue},
    {"--quiet", "SECONDS", "compile a session when nothing came for so long (default 30)", FlagKind::kValue},
    {"--keep-days", "N", "remove what is older", FlagKind::kValue},
    kPricesFlag,
};

Result<int64_t> NumberOf(const Arguments& arguments, std::string_view flag, int64_t usual, int64_t most) {
  if (!arguments.Has(flag)) return usual;
  auto value = ParseInt(arguments.Value(flag));
  if (!value || *value < 0 || *value > most)
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("{} {} is no number from 0 to {}", flag, arguments.Value(flag), most));
  return *value;
}

int64_t SteadyNow() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

struct Settings {
  serve::ServerOptions server;
  bool key_required = false;
  size_t memory = 0;
  int64_t quiet_ns = 0, keep_ns = 0;
  std::vector<std::string> origins;
};

Result<Settings> SettingsOf(const Arguments& arguments) {
  constexpr int64_t kMostPort = 65535, kMostMb = 1 << 20, kSecondNs = 1'000'000'000;
  constexpr int64_t kDaySeconds = 86'400, kMostDays = 36'500;
  auto port = NumberOf(arguments, "--port", 4318, kMostPort),
       grpc = NumberOf(arguments, "--grpc-port", 4317, kMostPort);
  auto memory = NumberOf(arguments, "--memory", 32, kMostMb),
       quiet = NumberOf(arguments, "--quiet", 30, kDaySeconds);
  auto keep = NumberOf(arguments, "--keep-days", 0, kMostDays);
  for (const auto* number : {&port, &grpc, &memory, &quiet, &keep}) {
    if (!*number) return std::unexpected(number->error());
  }
  if (!arguments.positional.empty())
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("\"{}\" is no flag of serve", arguments.positional.front()),
                "the store is named by --store FILE");
  Settings settings;
  if (arguments.Has("--host")) settings.server.host = arguments.Value("--host");
  settings.server.ports = {static_cast<uint16_t>(*port), static_cast<uint16_t>(*grpc)};
  settings.server.tls_cert = arguments.Value("--tls-cert"),
  settings.server.tls_key = arguments.Value("--tls-key");
  if (settings.server.tls_cert.empty() != settings.server.tls_key.empty())
    return Fail(ErrorCode::kInvalidInput, "--tls-cert and --tls-key go together");
  settings.key_required = arguments.Has("--require-key") || !serve::IsLoopback(settings.server.host);
  settings.memory = static_cast<size_t>(*memory) << 20;
  settings.quiet_ns = *quiet * kSecondNs, settings.keep_ns = *keep * kDaySeconds * kSecondNs;
  std::set<std::string> origins = ListOf(arguments, "--allow-origin");
  settings.origins.assign(origins.begin(), origins.end());
  return settings;
}

// An address that is reached from elsewhere, without anybody who may come in, is a mistake.
Status CheckKeys(store::Store& store, const Settings& settings) {
  if (!settings.key_required) return {};
  auto keys = serve::ListKeys(store);
  if (!keys) return std::unexpected(keys.error());
  for (const serve::KeyInfo& key : *keys) {
    if (!key.revoked_ns) return {};
  }
  return Fail(ErrorCode::kInvalidInput,
              fmt::format("nobody could use {}: there is no key", settings.server.host),
              "clawtrace key add --role ingest makes one");
}

std::string Address(const Settings& settings, uint16_t port) {
  bool six = settings.server.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", six ? "[" : "", settings.server.host, six ? "]" : "", port);
}

void SayWhere(const Settings& settings, const serve::Server& server, const World& world) {
  bool tls = !settings.server.tls_cert.empty();
  *world.out << fmt::format("listening on {}://{}\n", tls ? "https" : "http",
                            Address(settings, server.ports()[0]))
             << fmt::format("listening on {}://{}\n", tls ? "grpcs" : "grpc",
                            Address(settings, server.ports()[1]))
             << std::flush;
}

int Serve(const Settings& settings, const LocalStore& local, const capture::Redactor* redactor,
          const PriceBook& book, const World& world) {
  serve::Budget budget(settings.memory), answers(settings.memory);
  serve::Log log(world.err, NowNs);
  serve::ServiceOptions options;
  options.store = local.store.get(), options.redactor = redactor, options.budget = &budget,
  options.log = &log, options.answers = &answers;
  options.book = &book, options.made_by = HistoryOptionsOf(world, book).made_by;
  options.version = CLAWTRACE_VERSION;
  options.now_ns = NowNs, options.steady_ns = SteadyNow;
  options.key_required = settings.key_required, options.origins = settings.origins;
  options.max_body = settings.server.max_body, options.threads = world.threads;
  serve::Service service(std::move(options));
  auto server = serve::Server::Start(settings.server, &budget, &service);
  if (!server) return Report(world, server.error());
  service.SetServerCounts([&server] { return (*server)->counts(); });
  serve::UpkeepOptions upkeep;
  upkeep.store = local.store.get(), upkeep.book = &book,
  upkeep.made_by = HistoryOptionsOf(world, book).made_by;
  upkeep.now_ns = NowNs, upkeep.quiet_ns = settings.quiet_ns, upkeep.keep_ns = settings.keep_ns,
  upkeep.log = &log, upkeep.store_well = &service.store_well;
  SayWhere(settings, **server, world);
  log.Say(serve::Level::kInfo, "started",
          {{"store", local.path}, {"keys", settings.key_required ? "required" : "optional"}});
  {
    serve::Upkeep running(std::move(upkeep));
    sigset_t signals;
    sigemptyset(&signals), sigaddset(&signals, SIGTERM), sigaddset(&signals, SIGINT);
    int signal = 0;
    sigwait(&signals, &signal);
    log.Say(serve::Level::kInfo, "stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    (*server)->Stop();
  }
  log.Say(serve::Level::kInfo, "stopped");
  return kDone;
}

int Run(const Arguments& arguments, const World& world) {
  // For every thread that is begun from here on: the signals are waited for.
  sigset_t signals;
  sigemptyset(&signals), sigaddset(&signals, SIGTERM), sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is a full disk
  GiveMemoryBackSoon();
  auto settings = SettingsOf(arguments);
  if (!settings) return Report(world, settings.error());
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto local = OpenLocalStore(StorePath(arguments, world), false, kCommitWindowUs);
  if (!local) return Report(world, local.error());
  auto redactor = RedactorOf(arguments, *local);
  if (!redactor) return Report(world, redactor.error());
  if (Status status = CheckKeys(*local->store, *settings); !status) return Report(world, status.error());
  return Serve(*settings, *local, redactor->get(), *book, world);
}

}  // namespace

extern const Command kServe;
const Command kServe = {
    .name = "serve",
    .summary = "collect OpenTelemetry and OpenClaw events over HTTP and gRPC",
    .usage =
        "serve [--store FILE] [--host ADDRESS] [--port N] [--grpc-port N] [--tls-cert FILE --tls-key FILE] "
        "[--require-key] [--allow-origin LIST] [--redact FILE | --no-redaction] [--memory MB] [--quiet "
        "SECONDS] "
        "[--keep-days N] [--prices FILE]",
    .details =
        "Takes OTLP traces, logs and metrics (POST /v1/traces, /v1/logs, /v1/metrics; gRPC) and the events "
        "of the OpenClaw\n"
        "plugin (POST /v1/traces/events). What is answered with success is on the disk. Sessions that have "
        "become quiet are\n"
        "compiled. The first line on standard output is \"listening on http://ADDRESS:PORT\"; the log goes "
        "to standard\n"
        "error, a JSON object a line. SIGTERM or SIGINT stop it after what is under way. docs/collector.md.",
    .flags = kFlags,
    .positional_paths = false,
    .run = Run,
};

}  // namespace clawtrace::cli

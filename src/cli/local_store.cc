#include "cli/local_store.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "store/sqlite_store.h"

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSecretBytes = 32;

// Of several that make it at once one wins, and all read that one.
Result<std::string> SecretOf(const std::string& path) {
  if (auto known = ReadFile(path, 4096); known && Trim(*known).size() >= kSecretBytes)
    return std::string(Trim(*known));
  std::string random(kSecretBytes, '\0');
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return Fail(ErrorCode::kIo, "the system gives no random bytes");
  std::string text = Sha256Hex(random) + "\n", temporary = fmt::format("{}.{}", path, ::getpid());
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                 ::fsync(fd) == 0;
  int error = errno;
  if (fd >= 0) ::close(fd);
  if (written && ::link(temporary.c_str(), path.c_str()) != 0 && errno != EEXIST)
    written = false, error = errno;
  ::unlink(temporary.c_str());
  if (!written)
    return Fail(ErrorCode::kIo,
                fmt::format("cannot write {}: {}", path, std::generic_category().message(error)));
  auto known = ReadFile(path, 4096);
  if (!known) return known;
  return std::string(Trim(*known));
}

}  // namespace

std::string StorePath(const Arguments& arguments, const World& world) {
  return arguments.Has("--store") ? arguments.Value("--store") : world.store_path;
}

Result<LocalStore> OpenLocalStore(const std::string& path, bool must_exist, int64_t commit_window_us) {
  if (path.empty())
    return Fail(ErrorCode::kInvalidInput, "there is no place for a store",
                "name one with --store FILE, or set HOME");
  std::error_code error;
  bool there = fs::exists(path, error);
  if (must_exist && !there)
    return Fail(ErrorCode::kNotFound, fmt::format("there is no store {}", path),
                "clawtrace import, serve and key add make one");
  fs::path folder = fs::path(path).parent_path();
  if (!there && !folder.empty() && fs::create_directories(folder, error))
    fs::permissions(folder, fs::perms::owner_all, error);
  LocalStore local;
  local.path = path;
  auto secret = SecretOf(path + ".secret");
  if (!secret) return std::unexpected(secret.error());
  local.secret = *secret;
  store::SqliteOptions options;
  options.path = path, options.secret = local.secret, options.must_exist = must_exist;
  options.commit_window_us = commit_window_us;
  auto opened = store::OpenSqliteStore(options);
  if (!opened) return std::unexpected(opened.error());
  if (!there) fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write, error);
  local.store = std::move(*opened);
  return local;
}

Result<std::unique_ptr<capture::Redactor>> RedactorOf(const Arguments& arguments, const LocalStore& store) {
  if (arguments.Has("--no-redaction")) {
    if (!arguments.Has("--redact")) return nullptr;
    return Fail(ErrorCode::kInvalidInput, "--redact and --no-redaction together", "one of them");
  }
  capture::RedactionRules rules = capture::DefaultRedactionRules();
  if (arguments.Has("--redact")) {
    auto text = ReadFile(arguments.Value("--redact"));
    if (!text) return std::unexpected(text.error());
    auto read = capture::ParseRedactionRules(*text, arguments.Value("--redact"));
    if (!read) return std::unexpected(read.error());
    rules = std::move(*read);
  }
  auto made = capture::Redactor::Make(rules, store.secret);
  if (!made) return std::unexpected(made.error());
  return std::make_unique<capture::Redactor>(std::move(*made));
}

history::HistoryOptions HistoryOptionsOf(const World& world, const PriceBook& book) {
  return {&book, history::MadeBy(world.program, book), std::string(kLocalTenant)};
}

Status CompileAllChanged(store::Store& store, const history::HistoryOptions& options) {
  constexpr int64_t kAtOnce = 64;
  for (;;) {
    auto compiled = history::CompileChanged(store, options, INT64_MAX, kAtOnce);
    if (!compiled) return std::unexpected(compiled.error());
    if (*compiled == 0) return {};
  }
}

Result<LocalStore> OpenCompiledStore(const std::string& path, const PriceBook& book, const World& world) {
  auto local = OpenLocalStore(path, true);
  if (!local) return local;
  CT_RETURN_IF_ERROR(CompileAllChanged(*local->store, HistoryOptionsOf(world, book)));
  return local;
}

Result<std::vector<Compiled>> ReadStored(store::Store& store, const std::vector<std::string>& selectors) {
  std::vector<Compiled> all;
  for (const std::string& selector : selectors) {
    auto view = history::FindSession(store, kLocalTenant, selector);
    if (!view) return std::unexpected(view.error());
    static_cast<history::SessionView&>(all.emplace_back()) = std::move(*view);
  }
  if (!selectors.empty()) return all;
  store::ListRequest request;
  request.limit = store::kMaxPage;
  do {
    auto page = history::ListSessions(store, kLocalTenant, request);
    if (!page) return std::unexpected(page.error());
    for (history::SessionView& view : page->sessions)
      static_cast<history::SessionView&>(all.emplace_back()) = std::move(view);
    request.cursor = page->next;
  } while (!request.cursor.empty());
  std::ranges::sort(all, {}, [](const Compiled& item) {
    const TraceCard& card = item.card;
    return std::tuple(card.started_ms.value_or(INT64_MAX), std::string_view(card.session_id),
                      std::string_view(item.source), std::string_view(card.source_hash));
  });
  return all;
}

int64_t NowNs() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace clawtrace::cli

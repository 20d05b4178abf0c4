#include "serve/upkeep.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "serve/keys.h"

namespace clawtrace::serve {
namespace {

constexpr int64_t kFamiliesAtOnce = 16;
constexpr int64_t kTextsAtOnce = 1'000, kTextsWhileBusy = 200;  // a commit
constexpr std::chrono::seconds kTurn{1};
constexpr int64_t kMayBeBehindNs = 10'000'000'000;
constexpr int64_t kCommitsAtOnce = 20;  // of removal; then others have their turn
constexpr int64_t kTidyNs = 600'000'000'000;

Result<std::vector<std::string>> TenantsOf(store::Store& store) {
  std::vector<std::string> tenants = {std::string(kLocalTenant)};
  auto keys = ListKeys(store);
  if (!keys) return std::unexpected(keys.error());
  for (KeyInfo& key : *keys) tenants.push_back(std::move(key.tenant));
  std::ranges::sort(tenants);
  tenants.erase(std::ranges::unique(tenants).begin(), tenants.end());
  return tenants;
}

}  // namespace

Upkeep::Upkeep(UpkeepOptions options) : options_(std::move(options)), thread_([this] { Loop(); }) {}

Upkeep::~Upkeep() {
  stop_ = true;
  wake_.notify_all();
  thread_.join();
}

void Upkeep::Loop() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    std::chrono::milliseconds pause(behind_ ? 0 : options_.every_ms);
    wake_.wait_for(lock, pause, [this] { return stop_.load(); });
    if (stop_) return;
    lock.unlock();
    Status status = RunOnce();
    lock.lock();
    std::string complaint = status ? "" : status.error().message;
    if (!complaint.empty() && complaint != complaint_ && options_.log)
      options_.log->Say(Level::kError, "upkeep failed", {{"error", complaint}});
    complaint_ = std::move(complaint);
  }
}

Status Upkeep::RunOnce() {
  auto tenants = TenantsOf(*options_.store);
  if (!tenants) return std::unexpected(tenants.error());
  // One family that cannot be compiled must not keep the others waiting.
  std::optional<Error> first;
  auto note = [&](Status status) {
    if (!status && !first) first = std::move(status.error());
  };
  // Whether what failed works again is not for clients to find out: they may be waiting for just that.
  if (options_.store_well && !*options_.store_well && ProbeStore()) *options_.store_well = true;
  for (const std::string& tenant : *tenants) note(Compile(tenant));
  note(Index());
  int64_t now = options_.now_ns();
  if (now - tidied_ns_ >= kTidyNs) {
    tidied_ns_ = now;
    note(Tidy(*tenants));
  }
  note(FinishRemovals());
  if (first) return std::unexpected(std::move(*first));
  return {};
}

bool Upkeep::ProbeStore() {
  return options_.store->PutDocument(kLocalTenant, "serve", "probe", std::to_string(options_.now_ns()))
      .has_value();
}

Status Upkeep::Compile(const std::string& tenant) {
  history::HistoryOptions options{options_.book, options_.made_by, tenant};
  int64_t quiet_since = options_.now_ns() - options_.quiet_ns;
  while (!stop_) {
    auto compiled = history::CompileChanged(*options_.store, options, quiet_since, kFamiliesAtOnce);
    if (!compiled) return std::unexpected(compiled.error());
    if (*compiled == 0) break;
  }
  return {};
}

// Acknowledgements wait for the commit of a slice, and sessions to be compiled for this thread: both get
// their turn in between.
Status Upkeep::Index() {
  using Clock = std::chrono::steady_clock;
  auto until = Clock::now() + kTurn;
  behind_ = false;
  while (!stop_) {
    auto begun = Clock::now();
    auto load = options_.store->Load();
    if (!load) return std::unexpected(std::move(load.error()));
    bool busy = std::exchange(appends_, load->appends) != load->appends;
    if (load->text_behind == 0) return behind_since_ns_.reset(), Status();
    int64_t now = options_.now_ns();
    if (!behind_since_ns_) behind_since_ns_ = now;
    if (busy && now - *behind_since_ns_ < kMayBeBehindNs) return {};
    auto left = options_.store->IndexText(busy ? kTextsWhileBusy : kTextsAtOnce);
    if (!left) return std::unexpected(std::move(left.error()));
    auto ended = Clock::now();
    if (ended >= until) return behind_ = true, Status();
    std::unique_lock lock(mutex_);
    if (busy) wake_.wait_for(lock, ended - begun, [this] { return stop_.load(); });
  }
  return {};
}

Status Upkeep::FinishRemovals() {
  if (stop_) return {};
  auto left = options_.store->FinishRemovals(kCommitsAtOnce);
  if (!left) return std::unexpected(std::move(left.error()));
  if (*left) behind_ = true;
  return {};
}

Status Upkeep::Tidy(const std::vector<std::string>& tenants) {
  int64_t now = options_.now_ns();
  for (const std::string& tenant : tenants) {
    if (options_.keep_ns <= 0 || stop_) break;
    auto removed =
        options_.store->Remove(tenant, {.before_ns = now - options_.keep_ns, .from_disk_later = true});
    if (!removed) return std::unexpected(removed.error());
    if (removed->families > 0 && options_.log)
      options_.log->Say(Level::kInfo, "removed by age",
                        {{"tenant", tenant}, {"sessions", std::to_string(removed->sessions)}});
  }
  for (Result<int64_t> packed = 1; !stop_ && packed && *packed > 0;) {
    packed = options_.store->Seal(now - options_.cold_ns);
    if (!packed) return std::unexpected(packed.error());
  }
  return {};
}

}  // namespace clawtrace::serve

#pragma once
// Finds the route of each request, lets in whom it may, and has the route's work done by a few threads.
#include <atomic>
#include <functional>
#include <string>

#include "capture/redact.h"
#include "serve/api/route.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/otlp_reply.h"
#include "serve/routes.h"
#include "serve/server.h"
#include "serve/workers.h"

namespace clawtrace::serve {

struct ServiceOptions {
  store::Store* store = nullptr;
  const capture::Redactor* redactor = nullptr;  // nullptr: nothing is redacted
  Budget* budget = nullptr;
  // What large answers take until their clients have taken them; must outlive the server. nullptr: no limit.
  Budget* answers = nullptr;
  const PriceBook* book = nullptr;
  std::string made_by;  // history::HistoryOptions::made_by
  std::string version;  // of the program
  Log* log = nullptr;
  std::function<int64_t()> now_ns;  // time of day
  std::function<int64_t()> steady_ns;
  bool key_required = false;           // without: who has no key is the local tenant's admin
  std::vector<std::string> origins;    // of pages that may call, beside our own
  size_t max_body = size_t{64} << 20;  // decompressed
  unsigned threads = 2;
};

class Service final : public Handler {
 public:
  explicit Service(ServiceOptions options);

  void Handle(Request request, Reply reply) override;
  Response Refuse(const Request& head, Refusal why) override;

  const ServiceOptions& options() const { return options_; }
  Metrics& metrics() { return metrics_; }
  // What can never be used, by reason: for /metrics and the health of the interface.
  void CountRejected(std::string_view receiver, std::string_view reason, int64_t items);
  // What /metrics says of the server beside; set before it starts.
  void SetServerCounts(std::function<ServerCounts()> counts) { server_counts_ = std::move(counts); }
  ServerCounts server_counts() const { return server_counts_ ? server_counts_() : ServerCounts(); }
  // Whether the store took what came last.
  std::atomic<bool> store_well{true};

 private:
  void Run(Call call, Reply reply);
  // /api/v1
  Response Ask(Request* request);
  // As it is sent, counted; another one when too much is being sent.
  Response Counted(std::string_view pattern, api::ApiResponse from);
  // Who asks, when that is enough for the role.
  std::expected<Caller, Problem> Admit(const Request& request, Role needed);
  // Errors: who may not, or what the store could not say.
  Result<Caller> CallerOf(const Request& request);
  bool OriginAllowed(const Request& request) const;

  ServiceOptions options_;
  Keys keys_;
  Metrics metrics_;
  api::Refusals refusals_;
  api::Services services_;
  std::function<ServerCounts()> server_counts_;
  // Last: their jobs use the rest. Questions may take long and have threads of their own, so that what comes
  // in does not wait for them.
  Workers workers_, askers_;
};

// In the protocol and encoding that the request speaks.
Response ProblemFor(const Request& request, const Problem& problem);
bool IsGrpc(const Request& request);

}  // namespace clawtrace::serve

#pragma once
// A server with a store of its own for one test, on any free port.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/temp_folder_test_util.h"
#include "serve/service.h"
#include "store/sqlite_store.h"
#include "support/gated_store.h"
#include "support/http_client.h"

namespace clawtrace::test {

struct LiveOptions {
  size_t max_body = size_t{64} << 20;
  size_t budget = size_t{256} << 20;
  size_t answers = size_t{256} << 20;
  size_t max_connections = 4096;
  bool key_required = false;
  int64_t head_ms = 10'000, body_ms = 10'000;
  size_t slowest = size_t{64} << 10;
  std::string tls_cert, tls_key;
  std::function<int64_t()> now_ns;  // time of day; the real one when empty
};

class LiveServer {
 public:
  explicit LiveServer(const LiveOptions& options = {})
      : budget_(options.budget), answers_(options.answers), log_(nullptr, Now) {
    auto opened = store::OpenSqliteStore({.path = folder_ / "store.db", .secret = "sixteen bytes or more"});
    CT_CHECK(opened.has_value());
    store_ = std::make_unique<GatedStore>(std::move(*opened));
    auto redactor = capture::Redactor::Make(capture::DefaultRedactionRules(), "salt");
    CT_CHECK(redactor.has_value());
    redactor_ = std::make_unique<capture::Redactor>(std::move(*redactor));
    serve::ServiceOptions with;
    with.store = store_.get(), with.redactor = redactor_.get(), with.budget = &budget_, with.log = &log_;
    with.answers = &answers_;
    with.book = &book_, with.made_by = "test", with.version = "0";
    with.now_ns = options.now_ns ? options.now_ns : Now, with.steady_ns = Steady;
    with.key_required = options.key_required, with.max_body = options.max_body;
    service_ = std::make_unique<serve::Service>(std::move(with));
    serve::ServerOptions network;
    network.ports = {0, 0};
    network.max_body = options.max_body, network.max_connections = options.max_connections;
    network.head_ms = options.head_ms, network.body_ms = options.body_ms;
    network.slowest = options.slowest;
    network.tls_cert = options.tls_cert, network.tls_key = options.tls_key;
    auto started = serve::Server::Start(network, &budget_, service_.get());
    CT_CHECK(started.has_value());
    server_ = std::move(*started);
  }
  ~LiveServer() { Stop(); }
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  uint16_t port() const { return server_->ports()[0]; }
  uint16_t grpc_port() const { return server_->ports()[1]; }
  GatedStore& store() { return *store_; }
  serve::Service& service() { return *service_; }
  serve::Server& server() { return *server_; }
  serve::Budget& budget() { return budget_; }
  serve::Budget& answers() { return answers_; }
  const PriceBook& book() const { return book_; }
  // Where all of the store's files are.
  const std::filesystem::path& folder() const { return folder_.path(); }
  void Stop() {
    if (server_) server_->Stop();
    service_.reset();
    server_.reset();
  }

  HttpResponse Post(std::string_view path, std::string_view type, std::string_view body,
                    HttpHeaders headers = {}) {
    headers.emplace_back("Content-Type", type);
    return Call(port(), "POST", path, std::move(headers), body);
  }

  // Facts of a session of a tenant.
  std::vector<Fact> Facts(std::string_view session, std::string_view tenant = serve::kLocalTenant) {
    std::vector<Fact> facts;
    auto read = store_->ReadFacts(tenant, session, store::Scope::kFamily, [&](Fact fact) {
      facts.push_back(std::move(fact));
      return true;
    });
    EXPECT_TRUE(read);
    return facts;
  }

  static int64_t Now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  static int64_t Steady() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

 private:
  TempFolder folder_;
  serve::Budget budget_, answers_;
  serve::Log log_;
  PriceBook book_;
  std::unique_ptr<GatedStore> store_;
  std::unique_ptr<capture::Redactor> redactor_;
  std::unique_ptr<serve::Service> service_;
  std::unique_ptr<serve::Server> server_;
};

// Until what is expected holds; false when it does not in time.
template <class F>
bool Eventually(F holds, int timeout_ms = 20'000) {
  for (int waited = 0; waited < timeout_ms; waited += 5) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return holds();
}

// One span as OTLP/JSON and as protobuf.
inline std::string SpanJson(std::string_view span_id,
                            std::string_view trace_id = "5B8EFFF798038103D269B633813FC60C") {
  return R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},)"
         R"("scopeSpans":[{"scope":{"name":"s"},"spans":[{"traceId":")" +
         std::string(trace_id) + R"(","spanId":")" + std::string(span_id) +
         R"(","name":"chat m","kind":3,"startTimeUnixNano":"1795229485719000000","endTimeUnixNano":1795229486719000000,)"
         R"("attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},)"
         R"({"key":"gen_ai.request.model","value":{"stringValue":"gpt-5"}},)"
         R"({"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}},)"
         R"({"key":"gen_ai.usage.output_tokens","value":{"intValue":3}}]}]}]}]})";
}

}  // namespace clawtrace::test

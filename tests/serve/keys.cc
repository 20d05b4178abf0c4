// Who may come in, as what, and to whose data.
#include "serve/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "base/temp_folder_test_util.h"
#include "serve/live_server.h"
#include "support/grpc_client.h"

namespace clawtrace {
namespace {

using serve::Role;
using test::LiveServer;
using test::SpanJson;

constexpr std::string_view kTrace = "5b8efff798038103d269b633813fc60c";

std::string Key(store::Store& store, std::string tenant, Role role, char random) {
  auto made = serve::AddKey(store, {.tenant = std::move(tenant), .role = role, .created_ns = random},
                            std::string(32, random));
  CT_CHECK(made.has_value());
  return made->key;
}

test::HttpResponse Post(LiveServer& live, const test::HttpHeaders& headers,
                        std::string_view span = "eee19b7ec3c1b174") {
  return live.Post("/v1/traces", "application/json", SpanJson(span), headers);
}

TEST(Keys, WhoHasNoneIsNotLetIn) {
  LiveServer live({.key_required = true});
  std::string key = Key(live.store(), "a", Role::kIngest, 'a');
  for (const test::HttpHeaders& headers :
       std::vector<test::HttpHeaders>{{},
                                      {{"Authorization", "Bearer ctk_000000000000_" + std::string(48, '0')}},
                                      {{"Authorization", "Bearer " + key + "0"}},
                                      {{"Authorization", "Bearer " + key.substr(0, key.size() - 1)}},
                                      {{"Authorization", "Basic " + key}},
                                      {{"x-api-key", "' OR 1=1 --"}},
                                      {{"x-api-key", "ctk_" + std::string(5000, 'a')}},
                                      {{"Authorization", "Bearer "}}}) {
    auto response = Post(live, headers);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.Header("www-authenticate"), "Bearer");
  }
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer " + key}}).status, 200);
  EXPECT_EQ(Post(live, {{"authorization", "bearer " + key}}).status, 200);
  EXPECT_EQ(Post(live, {{"X-Api-Key", key}}).status, 200);
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 200);
}

TEST(Keys, TheTenantIsTheKeysAlone) {
  LiveServer live({.key_required = true});
  std::string a = Key(live.store(), "a", Role::kIngest, 'a'), b = Key(live.store(), "b", Role::kIngest, 'b');
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer " + a},
                        {"x-tenant-id", "b"},
                        {"x-clawtrace-tenant-id", "b"},
                        {"X-Scope-OrgID", "b"}})
                .status,
            200);
  EXPECT_EQ(live.Facts(kTrace, "a").size(), 1u);
  EXPECT_TRUE(live.Facts(kTrace, "b").empty());
  EXPECT_TRUE(live.Facts(kTrace).empty());
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer " + b}}, "eee19b7ec3c1b175").status, 200);
  EXPECT_EQ(live.Facts(kTrace, "a").size(), 1u);
  EXPECT_EQ(live.Facts(kTrace, "b").size(), 1u);
}

TEST(Keys, RolesOpenWhatIsTheirs) {
  LiveServer live({.key_required = true});
  std::string ingest = Key(live.store(), "a", Role::kIngest, 'i'),
              read = Key(live.store(), "a", Role::kRead, 'r'),
              admin = Key(live.store(), "a", Role::kAdmin, 'x');
  auto metrics = [&](const std::string& key) {
    return test::Call(live.port(), "GET", "/metrics", {{"Authorization", "Bearer " + key}}).status;
  };
  EXPECT_EQ(metrics(ingest), 403);
  EXPECT_EQ(metrics(read), 403) << "they are of all tenants together";
  EXPECT_EQ(metrics(admin), 200);
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer " + read}}).status, 403);
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer " + admin}}).status, 200);
}

TEST(Keys, OverGrpc) {
  LiveServer live({.key_required = true});
  std::string key = Key(live.store(), "a", Role::kIngest, 'a'),
              read = Key(live.store(), "a", Role::kRead, 'r');
  test::GrpcClient client(live.grpc_port());
  constexpr std::string_view kPath = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
  EXPECT_EQ(client.Call(kPath, test::GrpcClient::Frame("")).status(), "16");
  EXPECT_EQ(client.Call(kPath, test::GrpcClient::Frame(""), {{"authorization", "Bearer " + read}}).status(),
            "7");
  EXPECT_EQ(client.Call(kPath, test::GrpcClient::Frame(""), {{"authorization", "Bearer " + key}}).status(),
            "0");
}

TEST(Keys, RevokedOnesStopSoon) {
  test::TempFolder folder;
  auto opened = store::OpenSqliteStore({.path = folder / "keys.db", .secret = "sixteen bytes or more"});
  ASSERT_TRUE(opened);
  int64_t now = 1;
  serve::Keys keys(opened->get(), [&] { return now; });
  auto made = serve::AddKey(**opened, {.tenant = "a", .role = Role::kRead}, std::string(32, 'z'));
  ASSERT_TRUE(made);
  auto found = keys.Find(made->key);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->tenant, "a");
  EXPECT_EQ((*found)->role, Role::kRead);
  ASSERT_TRUE(serve::RevokeKey(**opened, made->info.id, 77));
  now += serve::Keys::kFreshNs;
  found = keys.Find(made->key);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  auto list = serve::ListKeys(**opened);
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ(list->front().revoked_ns, 77);
  EXPECT_EQ(serve::RevokeKey(**opened, "000000000000", 1).error().code, ErrorCode::kNotFound);
}

TEST(Keys, OnlyHashesAreKept) {
  LiveServer live;
  std::string key = Key(live.store(), "a", Role::kIngest, 'a'), secret = key.substr(key.rfind('_') + 1);
  auto ids = live.store().DocumentKeys(serve::kSystemTenant, "keys");
  ASSERT_TRUE(ids);
  ASSERT_EQ(ids->size(), 1u);
  auto document = live.store().GetDocument(serve::kSystemTenant, "keys", ids->front());
  ASSERT_TRUE(document);
  EXPECT_EQ(document->find(secret), std::string::npos);
  EXPECT_FALSE(serve::AddKey(live.store(), {.tenant = "$system"}, std::string(32, 'q')));
  EXPECT_FALSE(serve::AddKey(live.store(), {.tenant = ""}, std::string(32, 'q')));
}

// Where none is needed, keys meant for somebody else do no harm, and ours still say whose data it is.
TEST(Keys, OnThisMachineTheyAreOptional) {
  LiveServer live;
  std::string key = Key(live.store(), "a", Role::kIngest, 'a');
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer sk-other"}}).status, 200);
  EXPECT_EQ(live.Facts(kTrace).size(), 1u);
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer " + key}}).status, 200);
  EXPECT_EQ(live.Facts(kTrace, "a").size(), 1u);
  EXPECT_EQ(Post(live, {{"Authorization", "Bearer ctk_000000000000_" + std::string(48, '0')}}).status, 401);
}

TEST(Tls, BothVersionsOfHttp) {
  test::TempFolder folder;
  std::string cert = folder / "cert.pem", key = folder / "key.pem";
  std::string make =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
      "-addext subjectAltName=IP:127.0.0.1 -keyout " +
      key + " -out " + cert + " 2>/dev/null";
  if (std::system(make.c_str()) != 0 || std::system("curl --version >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "needs the programs openssl and curl";
  LiveServer live({.tls_cert = cert, .tls_key = key});
  std::string url = " https://127.0.0.1:" + std::to_string(live.port()) + "/healthz";
  for (const char* version : {"--http1.1", "--http2"}) {
    std::string call = std::string("curl -sf --cacert ") + cert + " " + version + url + " | grep -q ok";
    EXPECT_EQ(std::system(call.c_str()), 0) << version;
  }
  EXPECT_NE(std::system(("curl -sf --cacert " + cert + " --tls-max 1.1" + url + " >/dev/null").c_str()), 0);
  // Plain text on a port of TLS gets no answer.
  EXPECT_EQ(test::Call(live.port(), "GET", "/healthz", {}).status, 0);
  EXPECT_FALSE(serve::Server::Start({.ports = {0}, .tls_cert = key, .tls_key = cert}, &live.budget(),
                                    &live.service()));
}

}  // namespace
}  // namespace clawtrace

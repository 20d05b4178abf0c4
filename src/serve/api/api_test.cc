// The REST interface over a real store: recordings go in as importers read them, answers come out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "base/temp_folder_test_util.h"
#include "base/text.h"
#include "capture/importer.h"
#include "model/tracecard.h"
#include "serve/api/openapi.h"
#include "serve/api/router.h"
#include "store/sqlite_store.h"

namespace clawtrace::serve::api {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr int64_t kNow = int64_t{1'795'300'000} * 1'000'000'000;

std::string Source(const std::string& path) { return std::string(CLAWTRACE_SOURCE_DIR) + "/" + path; }

// Facts of a file, as an importer reads them.
struct Facts : capture::FactSink {
  std::vector<Fact> facts;
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t, int64_t, std::string_view) override {}
};

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store =
        store::OpenSqliteStore({.path = (folder_ / "s.db").string(), .secret = "0123456789abcdef0123"});
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    services_.reset(new Services{*store_, book_, "test", "1.2.3", refusals_});
  }

  // A recorded session of Claude Code with 15 calls.
  static constexpr const char* kSession = "5d9bd883-643f-40e4-b590-5ac1a5dee963";
  void Import(const std::string& tenant) {
    store::Batch batch;
    batch.tenant = tenant, batch.now_ns = kNow;
    for (auto& entry : fs::recursive_directory_iterator(Source("examples/recordings"))) {
      if (entry.path().filename() != std::string(kSession) + ".jsonl") continue;
      Facts facts;
      auto reader = capture::FindImporter("claude-code")->open({.path = entry.path()}, &facts);
      reader->Feed(*ReadFile(entry.path().string()));
      reader->Finish();
      batch.facts = std::move(facts.facts);
    }
    ASSERT_FALSE(batch.facts.empty());
    batch.payloads.push_back({"claude-code", kSession, "toolu_1", "output", "whole <text>"});
    batch.payloads.push_back({"claude-code", kSession, "toolu_1", "raw", std::string("\xff\x00", 2)});
    ASSERT_TRUE(store::AppendAndWait(*store_, std::move(batch)));
  }

  ApiResponse Ask(std::string method, std::string_view target, std::string body = "",
                  const std::string& tenant = "a") {
    ApiRequest request;
    request.method = std::move(method);
    size_t question = std::min(target.find('?'), target.size());
    request.path = target.substr(0, question);
    if (question < target.size()) request.query = ParseQuery(target.substr(question + 1)).value();
    request.body = std::move(body), request.tenant = tenant, request.now_ns = kNow;
    request.admin = tenant == "a";
    Routed routed = FindRoute(&request);
    if (!routed.route) return routed.refusal;
    ApiResponse response = Answer(*routed.route, request, *services_);
    EXPECT_THAT(StatusesOf(*routed.route), testing::Contains(response.status)) << target;
    return response;
  }
  std::string Get(std::string_view target, const std::string& tenant = "a") {
    ApiResponse response = Ask("GET", target, "", tenant);
    EXPECT_EQ(response.status, 200) << target << "\n" << response.body;
    EXPECT_TRUE(JsonParser().Parse(response.body)) << response.body;
    return response.body;
  }

  test::TempFolder folder_;
  PriceBook book_ = *PriceBook::FromTsv(*ReadFile(Source("data/prices.tsv")), "prices.tsv");
  Refusals refusals_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Services> services_;
};

TEST_F(ApiTest, ASessionThatIsAskedForIsCompiled) {
  Import("a");
  EXPECT_THAT(Get("/api/v1/sessions"), HasSubstr(R"("sessions":[])")) << "nobody asked yet";
  std::string session = Get("/api/v1/sessions/5d9bd8");
  EXPECT_THAT(Ask("GET", "/api/v1/sessions/5d9bd8").status, 200);
  EXPECT_THAT(session, HasSubstr(R"("total_cost_usd":0.1428009)"));
  EXPECT_THAT(session, HasSubstr(R"("llm_call_count":15,"tool_call_count":14)"));
  std::string list = Get("/api/v1/sessions?agent=claude-code&cost_status=priced&order=dearest");
  EXPECT_THAT(list, HasSubstr(session));
  EXPECT_THAT(list, HasSubstr(R"("next":null)"));
  EXPECT_THAT(Get("/api/v1/sessions?agent=pi"), HasSubstr(R"("sessions":[])"));
  EXPECT_THAT(Get("/api/v1/sessions?until=2026-11-21"), HasSubstr(R"("sessions":[])"));
  EXPECT_THAT(Get("/api/v1/sessions?from=2026-11-21T03:00:00Z"), HasSubstr(session));
}

TEST_F(ApiTest, CardAndStepsAreTheFilesOwn) {
  Import("a");
  std::string id = kSession;
  ApiResponse yaml = Ask("GET", "/api/v1/sessions/" + id + "/card?form=full&format=yaml");
  ASSERT_EQ(yaml.status, 200);
  EXPECT_EQ(yaml.content_type, "application/yaml");
  auto card = DecodeCard(yaml.body, "card");
  ASSERT_TRUE(card);
  EXPECT_EQ(card->steps.size(), 29u);
  std::string compact = Get("/api/v1/sessions/" + id + "/card");
  EXPECT_LE(compact.size(), 1536u);
  EXPECT_EQ(Ask("GET", "/api/v1/sessions/" + id + "/card?max_bytes=10").status, 400);
  JsonParser parser;
  std::string steps = Get("/api/v1/sessions/" + id + "/steps");
  Json json = *parser.Parse(steps);
  EXPECT_EQ(json["steps"].size(), 29u);
  EXPECT_TRUE(json["next"].is_null());
  EXPECT_EQ(json["steps"].at(0)["id"].integer(), 1);
  EXPECT_THAT(Get("/api/v1/sessions/" + id + "/steps?page=7"), HasSubstr(R"("steps":[])"));
}

TEST_F(ApiTest, PayloadsWholeOrOneByOne) {
  Import("a");
  std::string base = std::string("/api/v1/sessions/") + kSession + "/payloads/toolu_1";
  EXPECT_EQ(Get(base),
            R"({"payloads":[{"source":"claude-code","part":"output","bytes":12,"text":"whole <text>"},)"
            R"({"source":"claude-code","part":"raw","bytes":2,"left_out":true}]})");
  ApiResponse raw = Ask("GET", base + "?part=raw");
  EXPECT_EQ(raw.body, std::string("\xff\x00", 2));
  EXPECT_EQ(raw.content_type, "application/octet-stream");
  EXPECT_EQ(Ask("GET", base + "?part=none").status, 404);
  // By an id that only links to where the payload lies, as a conversation does to its traces.
  ASSERT_TRUE(store::AppendAndWait(*store_, {.tenant = "a", .links = {{kSession, "conversation"}}}));
  EXPECT_EQ(Get("/api/v1/sessions/conversation/payloads/toolu_1"), Get(base));
}

TEST_F(ApiTest, ReportAndHealthCountWhatIsCompiled) {
  Import("a");
  Get(std::string("/api/v1/sessions/") + kSession);
  EXPECT_THAT(Get("/api/v1/report"), HasSubstr(R"("rows":[{"key":"2026-11-21","llm_call_count":15)"));
  EXPECT_THAT(Get("/api/v1/report?by=model"), HasSubstr("claude-sonnet-4-5-20250929"));
  EXPECT_THAT(Get("/api/v1/report?by=agent&until=2026-11-21"), HasSubstr(R"("rows":[])"));
  refusals_.Count("bad-protobuf", 3);
  std::string health = Get("/api/v1/health");
  EXPECT_THAT(health, HasSubstr(R"("bad-protobuf":3)"));
  EXPECT_THAT(health, HasSubstr(R"("unpriced":[])"));
  EXPECT_THAT(Get("/api/v1/health", "b"), Not(HasSubstr("bad-protobuf"))) << "other tenants sent that";
}

// Each view adds up to the same total; by skill a session may stand in two rows.
TEST_F(ApiTest, ReportsByAllThatSessionsAreKnownBy) {
  Import("a");
  Get(std::string("/api/v1/sessions/") + kSession);
  auto report = [&](const std::string& query, const std::string& tenant = "a") {
    return Get("/api/v1/report?by=" + query, tenant);
  };
  const std::string sums = R"("llm_call_count":15,"unpriced_calls":0,"cost_usd":0.1428009)";
  for (auto [by, key] : {std::pair("project", "demo"), {"user", "unknown"}, {"task", "task-be290586599f"}}) {
    EXPECT_THAT(report(by),
                HasSubstr(std::string(R"("sessions_looked_at":1,"complete":true,"total":{"key":"total",)") +
                          R"("sessions":1,)" + sums));
    EXPECT_THAT(report(by),
                HasSubstr(std::string(R"("rows":[{"key":")") + key + R"(","sessions":1,)" + sums));
    EXPECT_THAT(report(std::string(by) + "&from=2026-11-21&until=2026-11-22"), HasSubstr(sums));
    EXPECT_THAT(report(std::string(by) + "&until=2026-11-21"), HasSubstr(R"("rows":[])"));
    EXPECT_THAT(report(std::string(by) + "&from=2026-11-22"), HasSubstr(R"("rows":[])"));
    EXPECT_THAT(report(by, "b"), HasSubstr(R"("rows":[])"));
  }
  EXPECT_THAT(report("skill"), HasSubstr(R"("sessions":1,)" + sums));
  EXPECT_THAT(report("tool"), HasSubstr(R"({"key":"Bash","sessions":1,"uses":)"));
  EXPECT_THAT(report("tool"), HasSubstr(R"("total":{"key":"total","sessions":1,)" + sums));
  EXPECT_EQ(Ask("GET", "/api/v1/report?by=tool&from=2026-11-21").status, 400);
  EXPECT_EQ(Ask("GET", "/api/v1/report?by=colour").status, 400);
}

TEST_F(ApiTest, SearchFindsWhatIsIndexedAndSaysWhatIsNot) {
  Import("a");
  EXPECT_THAT(Get("/api/v1/search?q=MIGRATION"), Not(HasSubstr(R"("not_indexed_yet":0)")));
  while (store_->IndexText(1000).value() > 0) {
  }
  std::string found = Get("/api/v1/search?q=MIGRATION&limit=2");
  EXPECT_THAT(found, HasSubstr(kSession));
  EXPECT_THAT(found, HasSubstr(R"("not_indexed_yet":0)"));
  EXPECT_EQ(Ask("GET", "/api/v1/search").status, 400);
}

TEST_F(ApiTest, OutcomesAreStoredAllOrNone) {
  Import("a");
  std::string session = std::string("/api/v1/sessions/") + kSession;
  std::string good = std::string(R"({"session_id":")") + kSession +
                     R"(","outcome":"partial","source":"verifier","score":0.25,"judge":"ci"})";
  EXPECT_EQ(Ask("POST", "/api/v1/outcomes", "[" + good + R"(,{"session_id":"x","outcome":"fine"}])").status,
            400);
  EXPECT_THAT(Get(session), HasSubstr(R"("outcome":"unknown")"));
  EXPECT_EQ(Ask("POST", "/api/v1/outcomes", good).body, R"({"stored":1})");
  EXPECT_THAT(Get(session), HasSubstr(R"("outcome":"partial")"));
  for (const char* bad : {"", "[", "7", R"({"outcome":"success"})", R"({"session_id":"x","outcome":7})",
                          R"({"session_id":"x","outcome":"success","score":2})",
                          R"({"session_id":"x","outcome":"success","source":"heuristic"})",
                          R"({"session_id":"x","outcome":"success","tenant":"b"})"})
    EXPECT_EQ(Ask("POST", "/api/v1/outcomes", bad).status, 400) << bad;
}

TEST_F(ApiTest, RemovedIsGone) {
  Import("a");
  std::string session = std::string("/api/v1/sessions/") + kSession;
  Get(session);
  EXPECT_EQ(Ask("DELETE", "/api/v1/sessions/5d9bd8").status, 404) << "a prefix removes nothing";
  EXPECT_EQ(Ask("DELETE", session).status, 200);
  EXPECT_EQ(Ask("GET", session).status, 404);
  EXPECT_EQ(Ask("DELETE", session).status, 404);
}

// Whatever another tenant writes into a request, it sees nothing and changes nothing of a's.
TEST_F(ApiTest, AnotherTenantHasNothing) {
  Import("a");
  std::string id = kSession;
  Get("/api/v1/sessions/" + id);
  while (store_->IndexText(1000).value() > 0) {
  }
  for (std::string path : {"", "/card", "/steps", "/payloads/toolu_1"})
    EXPECT_EQ(Ask("GET", "/api/v1/sessions/" + id + path, "", "b").status, 404) << path;
  EXPECT_EQ(Ask("GET", "/api/v1/sessions/claude-code%3A" + id, "", "b").status, 404);
  EXPECT_EQ(Ask("DELETE", "/api/v1/sessions/" + id, "", "b").status, 404);
  EXPECT_THAT(Get("/api/v1/sessions?user=a", "b"), HasSubstr(R"("sessions":[])"));
  EXPECT_THAT(Get("/api/v1/search?q=MIGRATION", "b"), HasSubstr(R"("hits":[])"));
  EXPECT_THAT(Get("/api/v1/report", "b"), HasSubstr(R"("rows":[])"));
  EXPECT_EQ(
      Ask("POST", "/api/v1/outcomes", R"({"session_id":")" + id + R"(","outcome":"failure"})", "b").status,
      200);
  EXPECT_THAT(Get("/api/v1/sessions/" + id), HasSubstr(R"("outcome":"unknown")"));
  EXPECT_EQ(Ask("GET", "/api/v1/sessions?tenant=a", "", "b").status, 400) << "there is no such parameter";
}

TEST_F(ApiTest, WordsOfAnotherLanguageAreWords) {
  Import("a");
  for (const char* evil : {"x'%20OR%201=1--", "%22%3B%20DROP%20TABLE%20fact", "..%2F..%2Fetc%2Fpasswd", "%25",
                           "%7B%22a%22:1%7D", "NEAR(a,b)", "a%20AND%20NOT%20b", "%22", "*", "a:b", "%5C"}) {
    std::string word = evil;
    for (std::string target : {"/api/v1/sessions/" + word, "/api/v1/sessions/" + word + "/card",
                               "/api/v1/sessions/x/payloads/" + word})
      EXPECT_EQ(Ask("GET", target).status, 404) << target;
    for (std::string target : {"/api/v1/sessions?agent=" + word, "/api/v1/search?q=" + word}) {
      ApiResponse response = Ask("GET", target);
      EXPECT_TRUE(response.status == 200 || response.status == 400) << target << response.body;
      EXPECT_TRUE(JsonParser().Parse(response.body)) << response.body;
    }
    EXPECT_EQ(Ask("GET", "/api/v1/sessions?cursor=" + word).status, 400) << word;
  }
  EXPECT_THAT(Get("/api/v1/sessions/5d9bd8"), HasSubstr(kSession));
}

TEST_F(ApiTest, WrongRequestsAreToldApart) {
  ApiResponse wrong = Ask("GET", "/api/v1/nothing");
  EXPECT_EQ(wrong.status, 404);
  EXPECT_EQ(wrong.content_type, "application/problem+json");
  EXPECT_EQ(Ask("GET", "/").status, 404);
  wrong = Ask("PUT", "/api/v1/sessions/abc");
  EXPECT_EQ(wrong.status, 405);
  ASSERT_EQ(wrong.headers.size(), 1u);
  EXPECT_EQ(wrong.headers[0].second, "DELETE, GET");
  for (const char* bad : {"limit=0", "limit=x", "limit=1001", "order=best", "from=yesterday",
                          "limit=1&limit=2", "nothing=1", "agent=%FF"})
    EXPECT_EQ(Ask("GET", std::string("/api/v1/sessions?") + bad).status, 400) << bad;
  EXPECT_EQ(Ask("GET", "/api/v1/sessions/%FF").status, 400);
  EXPECT_EQ(Ask("GET", "/api/v1/sessions//card").status, 404);
}

TEST(OpenApiTest, TellsOfEveryRoute) {
  std::string text = OpenApiDocument("1.2.3");
  JsonParser parser;
  auto json = parser.Parse(text);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["openapi"].text(), "3.1.0");
  for (const Route* route : Routes()) {
    std::string method(route->method);
    for (char& c : method) c = static_cast<char>(c | 0x20);
    Json operation = (*json)["paths"][route->pattern][method];
    EXPECT_TRUE(operation.is_object()) << route->pattern;
    EXPECT_EQ(operation["summary"].text(), route->summary);
    std::vector<int> told;
    operation["responses"].ForEachField([&](std::string_view code, Json) {
      if (code != "default") told.push_back(static_cast<int>(ParseInt(code).value_or(0)));
    });
    EXPECT_EQ(told, StatusesOf(*route)) << route->pattern;
    EXPECT_EQ(std::ranges::count(told, 401), route->role == Role::kNone ? 0 : 1);
    EXPECT_EQ(std::ranges::count(told, 404), route->pattern.find('{') == std::string_view::npos ? 0 : 1);
    EXPECT_EQ(std::ranges::count(told, 413), route->method == "POST" ? 1 : 0);
    EXPECT_TRUE(route->answer) << route->pattern;
    EXPECT_TRUE(route->method == "GET" || route->role != Role::kRead) << route->pattern;
  }
}

}  // namespace
}  // namespace clawtrace::serve::api

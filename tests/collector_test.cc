// What real clients sent, posted to a live server as it was received - protobuf, JSON, gzip, gRPC - in any
// order and three times, gives the cards that the same bytes give as files, byte for byte; and with the
// clients' own logs imported into the same store, those of logs and telemetry read together.
// tests/truth_test.cc holds the cards of the files against what the endpoint saw.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/json.h"
#include "base/temp_folder_test_util.h"
#include "base/text.h"
#include "history/import.h"
#include "serve/live_server.h"
#include "support/grpc_client.h"
#include "support/stored_cards.h"

namespace clawtrace {
namespace {

using namespace test;

struct Body {
  std::string path, type, coding, bytes;
  bool grpc = false;
};

// By index.jsonl of a recording: where each body went, and how.
std::vector<Body> BodiesOf(const fs::path& folder) {
  std::vector<Body> bodies;
  JsonParser parser;
  std::string index = ReadFile(folder / "index.jsonl").value_or("");
  for (std::string_view line : Split(Trim(index), '\n')) {
    auto json = parser.Parse(line);
    if (!json) continue;
    Body body;
    std::string file((*json)["file"].text());
    body.path = (*json)["path"].text(), body.grpc = (*json)["transport"].text() == "grpc";
    body.type = (*json)["headers"]["content-type"].text();
    body.coding = (*json)["headers"][body.grpc ? "grpc-encoding" : "content-encoding"].text();
    body.bytes = ReadFile(folder / file).value_or("");
    EXPECT_FALSE(body.bytes.empty()) << file;
    if (!file.ends_with(".gz")) body.coding.clear();
    bodies.push_back(std::move(body));
  }
  return bodies;
}

void Send(LiveServer& live, GrpcClient& grpc, const Body& body) {
  if (body.grpc) {
    GrpcClient::Headers headers;
    if (!body.coding.empty()) headers.emplace_back("grpc-encoding", body.coding);
    EXPECT_EQ(grpc.Call(body.path, GrpcClient::Frame(body.bytes, !body.coding.empty()), headers).status(),
              "0")
        << body.path;
    return;
  }
  HttpHeaders headers;
  if (!body.coding.empty()) headers.emplace_back("Content-Encoding", body.coding);
  auto response = live.Post(body.path, body.type, body.bytes, headers);
  EXPECT_EQ(response.status, 200) << body.path << " " << response.body;
}

void SendAll(LiveServer& live, const fs::path& folder, uint32_t seed) {
  std::vector<Body> once = BodiesOf(folder), bodies;
  ASSERT_FALSE(once.empty()) << folder;
  for (int i = 0; i < 3; ++i) bodies.insert(bodies.end(), once.begin(), once.end());
  std::mt19937 random(seed);
  std::ranges::shuffle(bodies, random);
  GrpcClient grpc(live.grpc_port());
  for (const Body& body : bodies) Send(live, grpc, body);
}

void ExpectEqual(Cards got, Cards want) {
  EXPECT_FALSE(want.empty());
  std::set<std::pair<std::string, std::string>> names;
  for (const auto& [name, card] : want) names.insert(name);
  for (const auto& [name, card] : got) names.insert(name);
  for (const auto& name : names) EXPECT_EQ(got[name], want[name]) << name.second << ":" << name.first;
}

// The folder of a client's own logs beside a recording's telemetry; "" when it kept none.
fs::path LogsOf(const fs::path& recording) {
  for (const char* name : {"dot-claude", "sessions", "dot-gemini", "dot-qwen", "opencode.db"}) {
    if (fs::exists(recording / name)) return recording / name;
  }
  return {};
}

TEST(CollectorTest, RecordedTelemetryGivesTheCardsOfItsFiles) {
  CT_NEEDS_SHARED_DATA();
  uint32_t seed = 0;
  size_t recordings = 0;
  for (const fs::path& recording : FoldersBelow(SharedData() / "clients", 2)) {
    // What the OpenAI Agents SDK exports to its own service is no OTLP.
    if (!fs::is_directory(recording / "otlp") ||
        recording.string().find("openai-agents") != std::string::npos)
      continue;
    SCOPED_TRACE(recording.string());
    LiveServer live;
    SendAll(live, recording / "otlp", ++seed);
    ExpectEqual(CardsOfStore(live.store()), CardsOfFiles(recording / "otlp"));
    ++recordings;
  }
  EXPECT_GE(recordings, 18u);
}

TEST(CollectorTest, LogsImportedBesideGiveTheCardsOfBothTogether) {
  CT_NEEDS_SHARED_DATA();
  uint32_t seed = 100;
  size_t recordings = 0;
  for (const fs::path& recording : FoldersBelow(SharedData() / "clients", 2)) {
    fs::path logs = LogsOf(recording);
    if (!fs::is_directory(recording / "otlp") || logs.empty()) continue;
    SCOPED_TRACE(recording.string());
    // As the commands read both.
    TempFolder together;
    fs::copy(recording / "otlp", together / "otlp", fs::copy_options::recursive);
    fs::copy(logs, together / logs.filename(), fs::copy_options::recursive);
    LiveServer live;
    bool logs_first = seed % 2 == 0;
    auto import = [&] {
      history::ImportOptions options;
      options.tenant = kTenant, options.inputs = {(together / logs.filename()).string()}, options.now_ns = 1;
      EXPECT_TRUE(history::Import(live.store(), options));
    };
    if (logs_first) import();
    SendAll(live, recording / "otlp", ++seed);
    if (!logs_first) import();
    ExpectEqual(CardsOfStore(live.store()), CardsOfFiles(together.path()));
    ++recordings;
  }
  EXPECT_GE(recordings, 10u);
}

TEST(CollectorTest, RecordedEventsOfTheOpenClawPlugin) {
  CT_NEEDS_SHARED_DATA();
  fs::path folder = SharedData() / "clients/openclaw/clawtrace-plugin/events";
  LiveServer live;
  std::vector<std::string> bodies;
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() == ".json") bodies.push_back(ReadFile(file.path()).value_or(""));
  }
  ASSERT_EQ(bodies.size(), 45u);
  std::mt19937 random(3);
  for (int round = 0; round < 3; ++round) {
    std::ranges::shuffle(bodies, random);
    for (const std::string& body : bodies) {
      auto response = live.Post("/v1/traces/events", "application/json", body,
                                {{"Authorization", "Bearer ct_live_demo"}});
      EXPECT_EQ(response.status, 200) << response.body;
      EXPECT_EQ(response.body.find("\"duplicate\":true") != std::string::npos, round > 0) << response.body;
    }
  }
  ExpectEqual(CardsOfStore(live.store()), CardsOfFiles(folder));
}

}  // namespace
}  // namespace clawtrace

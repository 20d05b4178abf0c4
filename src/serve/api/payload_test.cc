// What an imported log said is read back whole over REST.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/json.h"
#include "base/temp_folder_test_util.h"
#include "history/import.h"
#include "serve/api/router.h"
#include "store/sqlite_store.h"

namespace clawtrace::serve::api {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSession = "5d9bd883-643f-40e4-b590-5ac1a5dee963";

class PayloadTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "logs");
    auto store =
        store::OpenSqliteStore({.path = (folder_ / "s.db").string(), .secret = "0123456789abcdef0123"});
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    services_ = std::make_unique<Services>(*store_, book_, "test", "1.2.3", refusals_);
  }

  void ImportLine(std::string_view output) {
    line_ =
        R"({"type":"user","uuid":"u1","sessionId":")" + std::string(kSession) +
        R"(","timestamp":"2026-11-21T00:00:05Z","message":{"role":"user","content":[{"type":"tool_result",)"
        R"("tool_use_id":"toolu_1","content":)";
    AppendJsonString(output, &line_);
    line_ += "}]}}";
    std::ofstream(folder_ / "logs/a.jsonl", std::ios::binary) << line_ << "\n";
    history::ImportOptions options;
    options.tenant = "a", options.inputs = {(folder_ / "logs").string()}, options.now_ns = 1;
    ASSERT_TRUE(history::Import(*store_, options));
  }

  ApiResponse Get(const std::string& path, const std::string& tenant = "a") {
    ApiRequest request;
    request.method = "GET", request.tenant = tenant, request.now_ns = 1;
    size_t question = std::min(path.find('?'), path.size());
    if (question < path.size()) request.query = ParseQuery(path.substr(question + 1)).value();
    request.path = "/api/v1/sessions/" + path.substr(0, question);
    Routed routed = FindRoute(&request);
    return routed.route ? Answer(*routed.route, request, *services_) : routed.refusal;
  }

  test::TempFolder folder_;
  std::string line_;
  PriceBook book_ =
      *PriceBook::FromTsv(*ReadFile(std::string(CLAWTRACE_SOURCE_DIR) + "/data/prices.tsv"), "prices.tsv");
  Refusals refusals_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Services> services_;
};

TEST_F(PayloadTest, AnImportedToolResultByteForByte) {
  std::string output;
  for (int i = 0; i < 20'000; ++i) output += "line " + std::to_string(i) + "\t\"quoted\" \xC3\xA9\\\n";
  ImportLine(output);
  std::string path = std::string(kSession) + "/payloads/toolu_1";
  ApiResponse record = Get(path + "?part=record");
  ASSERT_EQ(record.status, 200) << record.body;
  EXPECT_EQ(record.body, line_);
  JsonParser parser;
  auto json = parser.Parse(record.body);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["message"]["content"].at(0)["content"].text(), output);
  std::string list = Get(path).body;
  EXPECT_EQ(list, R"({"payloads":[{"source":"claude-code","part":"record","bytes":)" +
                      std::to_string(line_.size()) + R"(,"left_out":true}]})");
  EXPECT_EQ(Get(path + "?part=record", "b").status, 404) << "another tenant's";
  EXPECT_EQ(Get(std::string(kSession) + "/payloads/toolu_2").status, 404);
}

TEST_F(PayloadTest, AShortRecordStandsInTheList) {
  ImportLine(std::string(3000, 'x'));
  JsonParser parser;
  auto json = parser.Parse(Get(std::string(kSession) + "/payloads/toolu_1").body);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["payloads"].at(0)["text"].text(), line_);
}

}  // namespace
}  // namespace clawtrace::serve::api

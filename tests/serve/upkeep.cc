// What happens to sessions without anybody asking: removal by age, packing of what is cold. By the timer of a
// running server; only the time of day is the test's own.
#include "serve/upkeep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/file.h"
#include "base/text.h"
#include "serve/live_server.h"

namespace clawtrace {
namespace {

using test::Eventually;
using test::LiveServer;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kJson = "application/json";
constexpr int64_t kSecond = 1'000'000'000, kHour = 3600 * kSecond, kDay = 24 * kHour;
constexpr int64_t kStart = int64_t{1'795'229'485} * kSecond;
constexpr std::string_view kOld = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                           kNew = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

// A word in all that is told of a span: names, ids, short and long texts, messages.
std::string Planted(std::string_view word, std::string_view trace, int64_t at_ns) {
  std::string text(word), filler;
  for (int i = 0; i < 400; ++i) filler += " word" + std::to_string(i * 7919 % 1000);
  auto attribute = [](std::string_view key, const std::string& value) {
    return R"({"key":")" + std::string(key) + R"(","value":{"stringValue":")" + value + R"("}},)";
  };
  return R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"agent-)" +
         text + R"("}}]},"scopeSpans":[{"spans":[{"traceId":")" + std::string(trace) + R"(","spanId":")" +
         std::string(trace.substr(0, 16)) + R"(","name":"chat )" + text + R"(","startTimeUnixNano":")" +
         std::to_string(at_ns) + R"(","endTimeUnixNano":")" + std::to_string(at_ns + kSecond) +
         R"(","attributes":[)" + attribute("gen_ai.operation.name", "chat") +
         attribute("gen_ai.request.model", "model-" + text) + attribute("user.id", "user-" + text) +
         attribute("gen_ai.response.id", "response-" + text) + attribute("note", "of " + text) +
         attribute("long", filler + text + filler) +
         attribute("gen_ai.input.messages",
                   R"([{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"say )" + text + filler +
                       R"(\"}]}])") +
         R"({"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}},)"
         R"({"key":"gen_ai.usage.output_tokens","value":{"intValue":"3"}}]}]}]}]})";
}

// Names of the store's files that hold the word, in any case.
std::vector<std::string> FilesWith(const LiveServer& live, std::string_view word) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(live.folder())) {
    if (!entry.is_regular_file()) continue;
    std::string bytes = ToLower(ReadFile(entry.path().string()).value_or(""));
    if (bytes.find(ToLower(word)) != std::string::npos) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

int StatusOf(const LiveServer& live, std::string_view session, const test::HttpHeaders& headers = {}) {
  return test::Call(live.port(), "GET", "/api/v1/sessions/" + std::string(session), headers).status;
}

// A server whose day the test says, with its upkeep every few milliseconds.
class UpkeepByTimer : public testing::Test {
 protected:
  void Run(int64_t keep_ns) {
    serve::UpkeepOptions options;
    options.store = &live_.store(), options.book = &live_.book(), options.made_by = "test";
    options.now_ns = [this] { return now_ns_.load(); };
    options.quiet_ns = 0, options.keep_ns = keep_ns, options.every_ms = 5;
    upkeep_ = std::make_unique<serve::Upkeep>(std::move(options));
  }
  bool Post(const std::string& body, const test::HttpHeaders& headers = {}) {
    auto reply = live_.Post("/v1/traces", kJson, body, headers);
    return reply.status == 200 && reply.body == "{}";
  }
  // Compiled and indexed, so that there is something to remove everywhere.
  bool Settled() {
    now_ns_ += kSecond;  // what came in this moment is not quiet
    return Eventually([&] {
      auto load = live_.store().Load();
      return load && load->text_behind == 0 && load->changed_families == 0;
    });
  }

  std::atomic<int64_t> now_ns_{kStart + kHour};
  LiveServer live_{{.now_ns = [this] { return now_ns_.load(); }}};
  std::unique_ptr<serve::Upkeep> upkeep_;
};

TEST_F(UpkeepByTimer, WhatIsTooOldIsRemovedOfEveryTenantAndLeavesNothingOnTheDisk) {
  auto key =
      serve::AddKey(live_.store(), {.tenant = "team", .role = serve::Role::kAdmin}, std::string(32, 'k'));
  ASSERT_TRUE(key);
  test::HttpHeaders team = {{"Authorization", "Bearer " + key->key}};
  Run(30 * kDay);
  ASSERT_TRUE(Post(Planted("Zanzibar", kOld, kStart)));
  ASSERT_TRUE(Post(Planted("Quetzal", kOld, kStart), team));
  ASSERT_TRUE(Settled());
  EXPECT_EQ(StatusOf(live_, kOld), 200);
  EXPECT_EQ(StatusOf(live_, kOld, team), 200);
  EXPECT_THAT(FilesWith(live_, "Zanzibar"), Not(IsEmpty()));
  now_ns_ = kStart + 20 * kDay;
  ASSERT_TRUE(Post(Planted("Marmoset", kNew, kStart + 20 * kDay)));
  ASSERT_TRUE(Settled());
  EXPECT_EQ(StatusOf(live_, kOld), 200) << "it is not old enough";
  now_ns_ = kStart + 31 * kDay;
  EXPECT_TRUE(Eventually([&] { return StatusOf(live_, kOld) == 404 && StatusOf(live_, kOld, team) == 404; }));
  EXPECT_EQ(StatusOf(live_, kNew), 200);
  // Nobody sees it from the first commit of the removal on, the disk is clean after the last.
  EXPECT_TRUE(Eventually(
      [&] { return FilesWith(live_, "Zanzibar").empty() && FilesWith(live_, "Quetzal").empty(); }));
  EXPECT_THAT(FilesWith(live_, "Marmoset"), Not(IsEmpty()));
  auto check = live_.store().Check();
  ASSERT_TRUE(check);
  EXPECT_THAT(check->problems, IsEmpty());
}

TEST_F(UpkeepByTimer, NothingIsRemovedWithoutATerm) {
  Run(0);
  ASSERT_TRUE(Post(Planted("Zanzibar", kOld, kStart)));
  now_ns_ = kStart + 4000 * kDay;
  ASSERT_TRUE(Settled());
  ASSERT_TRUE(Eventually([&] { return live_.store().Stats()->sealed_bytes > 0; })) << "upkeep has come round";
  EXPECT_EQ(StatusOf(live_, kOld), 200);
}

TEST_F(UpkeepByTimer, WhatIsColdIsPackedAndReadsAsBefore) {
  Run(0);
  ASSERT_TRUE(Post(Planted("Zanzibar", kOld, kStart)));
  ASSERT_TRUE(Settled());
  std::string session = "/api/v1/sessions/" + std::string(kOld);
  auto all = [&] {
    std::string text;
    for (const char* what : {"", "/card?form=full", "/steps", "/payloads/response-Zanzibar"})
      text += test::Call(live_.port(), "GET", session + what, {}).body + "\n";
    return text;
  };
  std::string before = all();
  EXPECT_THAT(before, HasSubstr("word919")) << "a long text is among it";
  EXPECT_EQ(live_.store().Stats()->sealed_bytes, 0) << "it is still warm";
  now_ns_ += 2 * kHour;
  EXPECT_TRUE(Eventually([&] { return live_.store().Stats()->sealed_bytes > 0; }));
  EXPECT_EQ(all(), before);
  // What comes late goes beside the pack.
  ASSERT_TRUE(Post(Planted("Quetzal", std::string(16, 'c') + std::string(kOld.substr(16)), kStart)));
  EXPECT_EQ(all(), before);
  auto check = live_.store().Check();
  ASSERT_TRUE(check);
  EXPECT_THAT(check->problems, IsEmpty());
}

// On demand: planted, compiled, indexed and packed, then removed by REST.
TEST_F(UpkeepByTimer, WhatIsRemovedOnDemandLeavesNothingOnTheDisk) {
  Run(0);
  for (bool packed : {false, true}) {
    ASSERT_TRUE(Post(Planted("Zanzibar", kOld, kStart)));
    ASSERT_TRUE(Post(Planted("Marmoset", kNew, kStart)));
    ASSERT_TRUE(Settled());
    if (packed) {
      now_ns_ += 2 * kHour;
      ASSERT_TRUE(Eventually([&] { return live_.store().Stats()->sealed_bytes > 0; }));
    }
    EXPECT_THAT(FilesWith(live_, "Zanzibar"), Not(IsEmpty()));
    EXPECT_THAT(test::Call(live_.port(), "GET", "/api/v1/search?q=Zanzibar", {}).body, HasSubstr(kOld));
    EXPECT_EQ(test::Call(live_.port(), "DELETE", "/api/v1/sessions/" + std::string(kOld), {}).status, 200);
    EXPECT_THAT(FilesWith(live_, "Zanzibar"), IsEmpty());
    EXPECT_EQ(StatusOf(live_, kOld), 404);
    EXPECT_THAT(test::Call(live_.port(), "GET", "/api/v1/search?q=Zanzibar", {}).body,
                HasSubstr(R"("hits":[])"));
    EXPECT_EQ(StatusOf(live_, kNew), 200);
    EXPECT_THAT(FilesWith(live_, "Marmoset"), Not(IsEmpty()));
  }
}

}  // namespace
}  // namespace clawtrace

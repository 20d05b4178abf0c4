#include "llm/cassette.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/file.h"
#include "base/temp_folder_test_util.h"
#include "llm/asker.h"
#include "llm/told_transport_test_util.h"

namespace clawtrace::llm {
namespace {

using test::PerToken;
using test::Question;
using test::Told;
using testing::HasSubstr;

class CassetteTest : public testing::Test {
 protected:
  std::string path() const { return folder_ / "c.jsonl"; }
  void Write(std::string_view text) const { std::ofstream(path()) << text; }

  const Provider& provider_ = *FindProvider("command");

 private:
  test::TempFolder folder_;
};

WireRequest Asking(std::string body) {
  return {.path = "/p", .headers = {{"H", "v"}}, .body = std::move(body)};
}
Sent Replied(std::string body) { return WireReply{.status = 200, .body = std::move(body)}; }

TEST_F(CassetteTest, AnswersAsRecordedInOrder) {
  {
    std::vector<Sent> replies = {Replied("one"), Replied("two"), Replied("\xff\n\"three\"")};
    auto recording = RecordTo(path(), provider_, std::make_unique<Told>(std::move(replies)));
    ASSERT_TRUE(recording.has_value());
    EXPECT_EQ((*recording)->Send(Asking("a"))->body, "one");
    EXPECT_EQ((*recording)->Send(Asking("b"))->body, "two");
    (void)(*recording)->Send(Asking("a"));
    EXPECT_FALSE((*recording)->Send(Asking("a")).has_value());
  }
  struct stat info = {};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  auto again = ReplayFrom(path(), provider_);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ((*again)->Send(Asking("b"))->body, "two");
  EXPECT_EQ((*again)->Send(Asking("a"))->body, "one");
  EXPECT_EQ((*again)->Send(Asking("a"))->body, "\xef\xbf\xbd\n\"three\"");
  EXPECT_EQ((*again)->Send(Asking("a")).error(), (CallError{CallErrorKind::kTransport, "no more"}));
  EXPECT_EQ((*again)->Send(Asking("a")).error().kind, CallErrorKind::kCassetteMiss);
  EXPECT_EQ((*again)->Send(Asking("c")).error().kind, CallErrorKind::kCassetteMiss);
}

TEST_F(CassetteTest, OverwritesNothing) {
  Write("mine");
  auto recording = RecordTo(path(), provider_, std::make_unique<Told>(std::vector<Sent>()));
  ASSERT_FALSE(recording.has_value());
  EXPECT_EQ(recording.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(path()), "mine");
}

TEST_F(CassetteTest, SaysWhichLineIsNone) {
  const std::string good = R"({"hash":"x","status":200,"response":"{}"})"
                           "\n";
  for (const char* bad : {"{", "[]", "{}", R"({"hash":"x"})", R"({"hash":"x","status":"200","response":""})",
                          R"({"hash":"x","status":200})", R"({"hash":"x","status":-1,"response":""})"}) {
    Write(good + bad);
    auto replaying = ReplayFrom(path(), provider_);
    ASSERT_FALSE(replaying.has_value()) << bad;
    EXPECT_THAT(replaying.error().message, HasSubstr(":2 is no record"));
  }
  Write(good + "\n");
  EXPECT_TRUE(ReplayFrom(path(), provider_).has_value());
}

TEST(Asker, StopsBeforeTheBudgetIsOverdrawn) {
  const Provider& provider = *FindProvider("command");
  int64_t bytes = std::ssize(provider.encode(Question()).body);
  Usd first = Usd::Pico(1'000'000).Times(bytes + 1000 + 10);
  std::vector<Sent> replies(9, Replied(R"({"text":"x","usage":{"uncached_input":20,"output":4}})"));
  {
    Told told(replies);
    Asker asker(provider, told, &PerToken, {.most = first - Usd::Pico(1)});
    EXPECT_EQ(asker.Ask(Question()).error().kind, CallErrorKind::kBudget);
    EXPECT_EQ(asker.spending().calls, 0);
  }
  Told told(replies);
  // After the first the prompt is known: 24 each, and the next may cost 30.
  Asker asker(provider, told, &PerToken,
              {.most = std::max(first, Usd::Pico(1'000'000).Times(24 * 3 + 30 - 1))});
  EXPECT_TRUE(asker.Ask(Question()).has_value());
  int answered = 1;
  while (asker.Ask(Question()).has_value()) ++answered;
  EXPECT_EQ(answered, 9);  // the replies ended first
  EXPECT_EQ(asker.spending().known, Usd::Pico(1'000'000).Times(24 * 9));
  EXPECT_EQ(asker.spending().held, Usd::Pico(1'000'000).Times(30 * asker.spending().calls_unpriced));
}

TEST(Asker, WhatMayHaveCostSomethingIsHeld) {
  const Provider& provider = *FindProvider("command");
  Told told({std::unexpected(CallError{CallErrorKind::kTransport, "gone"}), Replied("not JSON"),
             Replied(R"({"text":"no usage"})"), WireReply{.status = 429, .body = ""}});
  Asker asker(provider, told, &PerToken, {.most = Usd::Pico(1'000'000).Times(100'000)});
  for (int i = 0; i < 4; ++i) (void)asker.Ask(Question());
  EXPECT_EQ(asker.spending().calls, 3);  // nobody charges for 429
  EXPECT_EQ(asker.spending().calls_unpriced, 3);
  EXPECT_EQ(asker.spending().known, Usd());
  EXPECT_GT(asker.spending().held, Usd::Pico(1'000'000).Times(3000));
}

TEST(Asker, UnknownPricesAndABudget) {
  const Provider& provider = *FindProvider("command");
  auto unknown = [](const Usage&) { return std::optional<Usd>(); };
  Told told({Replied(R"({"text":"x"})"), Replied(R"({"text":"x"})")});
  EXPECT_EQ(Asker(provider, told, unknown, {.most = Usd::Pico(1)}).Ask(Question()).error().kind,
            CallErrorKind::kUnpriced);
  EXPECT_TRUE(Asker(provider, told, unknown, {.most = Usd::Pico(1), .unpriced_ok = true})
                  .Ask(Question())
                  .has_value());
  EXPECT_TRUE(Asker(provider, told, unknown, {}).Ask(Question()).has_value());
}

}  // namespace
}  // namespace clawtrace::llm

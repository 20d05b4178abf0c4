#include "llm/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "llm/asker.h"
#include "llm/told_transport_test_util.h"

namespace clawtrace::llm {
namespace {

using test::PerToken;
using test::Question;
using test::Told;
using testing::ElementsAre;

Sent Status(int status, int64_t retry_after_s = 0) {
  return WireReply{.status = status, .body = "", .retry_after_s = retry_after_s};
}
const Sent kBroken = std::unexpected(CallError{CallErrorKind::kTransport, "gone"});
const Sent kFine = WireReply{.status = 200, .body = R"({"text":"x","usage":{"output":1}})"};

std::vector<int64_t> WaitsOf(std::vector<Sent> replies, RetryRule rule, Answer* answer) {
  std::vector<int64_t> waits;
  rule.pause = [&](int64_t ms) { waits.push_back(ms); };
  Told told(std::move(replies));
  Asker asker(*FindProvider("command"), told, &PerToken, Budget{});
  asker.SetRetries(rule);
  *answer = asker.Ask(Question());
  return waits;
}

TEST(Retries, WaitAsAskedElseLongerEachTime) {
  Answer answer;
  auto waits = WaitsOf({Status(429, 7), Status(529), kBroken, WireReply{.status = 200, .body = "{"}, kFine},
                       {.attempts = 5, .pause = {}}, &answer);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  ASSERT_EQ(waits.size(), 4U);
  EXPECT_TRUE(waits[0] >= 7000 && waits[0] <= 7700) << waits[0];
  EXPECT_TRUE(waits[1] >= 1000 && waits[1] <= 2000) << waits[1];
  EXPECT_TRUE(waits[2] >= 2000 && waits[2] <= 4000) << waits[2];
  EXPECT_TRUE(waits[3] >= 4000 && waits[3] <= 8000) << waits[3];
  auto same =
      WaitsOf({Status(429, 7), Status(529), kBroken, kBroken, kFine}, {.attempts = 5, .pause = {}}, &answer);
  EXPECT_EQ(same, waits);
  auto other = WaitsOf({Status(429, 7), Status(529), kBroken, kBroken, kFine},
                       {.attempts = 5, .seed = 1, .pause = {}}, &answer);
  EXPECT_NE(other, waits);
}

TEST(Retries, AreBounded) {
  Answer answer;
  std::vector<Sent> busy(9, Status(500));
  EXPECT_EQ(WaitsOf(busy, {.attempts = 4, .longest_wait_ms = 3000, .pause = {}}, &answer).size(), 3U);
  EXPECT_EQ(answer.error().kind, CallErrorKind::kServer);
  // Longer than anybody waits.
  EXPECT_THAT(WaitsOf({Status(429, 61)}, {.attempts = 4, .pause = {}}, &answer), ElementsAre());
  EXPECT_EQ(answer.error().kind, CallErrorKind::kRateLimited);
  EXPECT_THAT(WaitsOf({Status(401)}, {.attempts = 4, .pause = {}}, &answer), ElementsAre());
  for (int attempt = 1; attempt < 100; ++attempt) {
    RetryRule rule{.attempts = 1000, .pause = {}};
    auto wait = WaitBeforeRetry(rule, attempt, kBroken, std::unexpected(kBroken.error()), 3);
    ASSERT_TRUE(wait.has_value());
    EXPECT_TRUE(*wait >= 0 && *wait <= rule.longest_wait_ms);
  }
}

// It is never sent back, and it is charged.
TEST(Retries, ALongReplyIsNone) {
  auto says = [](size_t bytes) -> Sent {
    return WireReply{.status = 200,
                     .body = R"({"text":")" + std::string(bytes, 'x') + R"(","usage":{"output":1}})"};
  };
  Told told({says(160), says(176)});
  Asker asker(*FindProvider("command"), told, &PerToken, Budget{});
  asker.SetRetries({.attempts = 1, .pause = {}});
  EXPECT_TRUE(asker.Ask(Question()).has_value());
  Answer answer = asker.Ask(Question());
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().kind, CallErrorKind::kMalformed);
  EXPECT_EQ(asker.cost(), Usd::Pico(2'000'000));
}

// Each attempt may have been charged, those that nobody worked at are not.
TEST(Retries, EachAttemptIsCounted) {
  Told told({kBroken, Status(429), kFine});
  Asker asker(*FindProvider("command"), told, &PerToken, Budget{.most = Usd::Parse("1")});
  asker.SetRetries({.attempts = 5, .pause = {}});
  ASSERT_TRUE(asker.Ask(Question()).has_value());
  EXPECT_EQ(asker.spending().calls, 2);
  EXPECT_EQ(asker.calls_unpriced(), 1);
  EXPECT_EQ(asker.cost(), Usd::Pico(1'000'000));
  EXPECT_GT(asker.spending().held, Usd::Pico(1'000'000).Times(1000));
}

}  // namespace
}  // namespace clawtrace::llm

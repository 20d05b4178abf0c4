#include "llm/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

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

class JournalTest : public testing::Test {
 protected:
  std::string path() const { return folder_ / "j"; }
  std::unique_ptr<Journal> Open(Journal::Mode mode = Journal::Mode::kContinue) const {
    auto journal = Journal::Open(path(), mode);
    EXPECT_TRUE(journal.has_value()) << journal.error().message;
    return std::move(*journal);
  }

  const Provider& provider_ = *FindProvider("command");

 private:
  test::TempFolder folder_;
};

// Every answer is another.
class Counter final : public Transport {
 public:
  Sent Send(const WireRequest& request) override {
    return WireReply{.status = 200, .body = request.body + " " + std::to_string(++sent)};
  }
  int sent = 0;
};

WireRequest Asking(std::string body) {
  return {.path = "", .headers = {}, .body = std::move(body), .most_usd = Usd::Parse("0.5")};
}

TEST_F(JournalTest, PaysForNothingTwice) {
  Counter outside;
  {
    auto journal = Open();
    auto a = journal->ForJob("a", provider_, &outside), b = journal->ForJob("b", provider_, &outside);
    EXPECT_EQ(a->Send(Asking("x"))->body, "x 1");
    EXPECT_EQ(b->Send(Asking("x"))->body, "x 2");
    EXPECT_EQ(a->Send(Asking("x"))->body, "x 3");
    ASSERT_TRUE(journal->PutDone("a", R"({"k":1})"));
    struct stat info = {};
    ASSERT_EQ(::stat(path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    // One at a time.
    EXPECT_EQ(Journal::Open(path(), Journal::Mode::kContinue).error().code, ErrorCode::kUnavailable);
  }
  auto journal = Open();
  EXPECT_EQ(journal->Done("a"), R"({"k":1})");
  EXPECT_EQ(journal->Done("b"), std::nullopt);
  EXPECT_EQ(journal->earlier().size(), 3U);
  // In any order of jobs: each has its own answers.
  auto b = journal->ForJob("b", provider_, &outside), a = journal->ForJob("a", provider_, &outside);
  EXPECT_TRUE(b->Knows(Asking("x")));
  EXPECT_EQ(b->Send(Asking("x"))->body, "x 2");
  EXPECT_FALSE(b->Knows(Asking("x")));
  EXPECT_EQ(a->Send(Asking("x"))->body, "x 1");
  EXPECT_EQ(a->Send(Asking("x"))->body, "x 3");
  EXPECT_EQ(outside.sent, 3);
  EXPECT_EQ(b->Send(Asking("x"))->body, "x 4");
}

TEST_F(JournalTest, ReplaysWithoutTheOutside) {
  Counter outside;
  EXPECT_EQ(Open()->ForJob("a", provider_, &outside)->Send(Asking("x"))->body, "x 1");
  std::string before = *ReadFile(path());
  auto journal = Open(Journal::Mode::kReplay);
  auto a = journal->ForJob("a", provider_, nullptr);
  EXPECT_EQ(a->Send(Asking("x"))->body, "x 1");
  EXPECT_EQ(a->Send(Asking("x")).error().kind, CallErrorKind::kCassetteMiss);
  EXPECT_EQ(journal->ForJob("b", provider_, nullptr)->Send(Asking("x")).error().kind,
            CallErrorKind::kCassetteMiss);
  EXPECT_TRUE(journal->PutDone("a", "{}"));
  EXPECT_EQ(*ReadFile(path()), before);
}

TEST_F(JournalTest, WhoWasAskedIsKnown) {
  EXPECT_FALSE(Open()->compatible());
  EXPECT_FALSE(Open(Journal::Mode::kReplay)->compatible());
  std::string own = path() + "2";
  EXPECT_TRUE((*Journal::Open(own, Journal::Mode::kContinue, true))->compatible());
  EXPECT_TRUE((*Journal::Open(own, Journal::Mode::kReplay))->compatible());
}

// Cut anywhere: what was whole is there, the rest is dropped, and writing goes on behind it.
TEST_F(JournalTest, ATornLastLineIsDropped) {
  Counter outside;
  {
    auto journal = Open();
    auto a = journal->ForJob("a", provider_, &outside);
    (void)a->Send(Asking("x")), (void)a->Send(Asking("y"));
  }
  std::string whole = *ReadFile(path());
  for (size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(path(), std::ios::trunc | std::ios::binary) << whole.substr(0, size);
    Counter again;
    {
      auto a = Open();
      auto job = a->ForJob("a", provider_, &again);
      (void)job->Send(Asking("x")), (void)job->Send(Asking("y"));
    }
    auto journal = Open();
    ASSERT_FALSE(journal->dropped_a_line()) << size;
    auto job = journal->ForJob("a", provider_, nullptr);
    EXPECT_TRUE(job->Send(Asking("x")).has_value() && job->Send(Asking("y")).has_value()) << size;
  }
}

TEST_F(JournalTest, LinesThatWereChangedAreNamed) {
  Counter outside;
  (void)Open()->ForJob("a", provider_, &outside)->Send(Asking("x"));
  std::string whole = *ReadFile(path());
  whole[whole.find("asked")] = 'X';
  std::ofstream(path(), std::ios::trunc) << whole;
  auto journal = Journal::Open(path(), Journal::Mode::kContinue);
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::kCorruptData);
  EXPECT_THAT(journal.error().message, HasSubstr(":2 is no line of a journal"));
  std::ofstream(path(), std::ios::trunc) << "{\"hash\":\"x\"}\n";
  EXPECT_FALSE(Journal::Open(path(), Journal::Mode::kContinue).has_value());
  EXPECT_EQ(*ReadFile(path()), "{\"hash\":\"x\"}\n");
}

TEST_F(JournalTest, WorkersAtOnceDoNotMixTheirAnswers) {
  class Echo final : public Transport {
   public:
    explicit Echo(std::string job) : job_(std::move(job)) {}
    Sent Send(const WireRequest& request) override {
      return WireReply{.status = 200, .body = job_ + request.body};
    }

   private:
    std::string job_;
  };
  {
    auto journal = Open();
    std::vector<std::thread> workers;
    for (int w = 0; w < 8; ++w) {
      workers.emplace_back([&, w] {
        std::string job = "job" + std::to_string(w);
        Echo outside(job);
        auto transport = journal->ForJob(job, provider_, &outside);
        for (int i = 0; i < 20; ++i) (void)transport->Send(Asking(std::to_string(i % 5)));
      });
    }
    for (std::thread& worker : workers) worker.join();
  }
  auto journal = Open(Journal::Mode::kReplay);
  EXPECT_EQ(journal->earlier().size(), 160U);
  for (int w = 0; w < 8; ++w) {
    std::string job = "job" + std::to_string(w);
    auto transport = journal->ForJob(job, provider_, nullptr);
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(transport->Send(Asking(std::to_string(i % 5)))->body, job + std::to_string(i % 5));
  }
}

// A program that was killed while it waited: the call may have been charged.
TEST_F(JournalTest, WhatWasAskedWithoutAnAnswerIsKnown) {
  Counter outside;
  (void)Open()->ForJob("a", provider_, &outside)->Send(Asking("x"));
  std::string whole = *ReadFile(path());
  std::ofstream(path(), std::ios::trunc) << whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1);
  auto journal = Open();
  ASSERT_EQ(journal->earlier().size(), 1U);
  EXPECT_FALSE(journal->earlier()[0].sent.has_value());
  EXPECT_EQ(journal->earlier()[0].most_usd, Usd::Parse("0.5"));
}

const Sent kFine = WireReply{.status = 200, .body = R"({"text":"x","usage":{"output":1}})"};

// A kept answer costs nothing now, and its cost is told again.
TEST_F(JournalTest, KeptAnswersAreNotPaidFor) {
  Told told({WireReply{.status = 529, .body = ""}, kFine});
  Usd first;
  {
    auto journal = Open();
    auto job = journal->ForJob("a", provider_, &told);
    Asker asker(provider_, *job, &PerToken, Budget{.most = Usd::Parse("1")});
    asker.SetRetries({.attempts = 5, .pause = {}});
    ASSERT_TRUE(asker.Ask(Question()).has_value());
    first = asker.cost();
  }
  auto journal = Open();
  auto job = journal->ForJob("a", provider_, &told);
  Asker asker(provider_, *job, &PerToken, Budget{.most = Usd()});
  asker.SetRetries({.attempts = 5, .pause = [](int64_t) { FAIL() << "waits for nobody"; }});
  ASSERT_TRUE(asker.Ask(Question()).has_value());
  EXPECT_EQ(asker.cost(), first);
  EXPECT_EQ(asker.spending().calls, 0);
  EXPECT_EQ(asker.Ask(Question()).error().kind, CallErrorKind::kBudget);
}

// A run that gave up, then one that has the right key: what failed before is no reason to give up again, and
// the record of both is answered as the second was.
TEST_F(JournalTest, WhatFailedBeforeIsAskedAgain) {
  auto ask = [&](Transport* outside, Journal::Mode mode, Usd* cost) {
    auto journal = Open(mode);
    auto job = journal->ForJob("a", provider_, outside);
    Asker asker(provider_, *job, &PerToken, Budget{});
    asker.SetRetries({.attempts = 2, .pause = {}});
    Answer answer = asker.Ask(Question());
    *cost = asker.cost();
    return answer;
  };
  Usd cost, again;
  Sent broken = std::unexpected(CallError{CallErrorKind::kTransport, "gone", 0});
  Told down({broken, broken}), refused({WireReply{.status = 401, .body = ""}}), well({kFine});
  EXPECT_EQ(ask(&down, Journal::Mode::kContinue, &cost).error().kind, CallErrorKind::kTransport);
  EXPECT_EQ(ask(nullptr, Journal::Mode::kReplay, &cost).error().kind, CallErrorKind::kTransport);
  EXPECT_EQ(ask(&refused, Journal::Mode::kContinue, &cost).error().status, 401);
  EXPECT_TRUE(ask(&well, Journal::Mode::kContinue, &cost).has_value());
  EXPECT_TRUE(ask(nullptr, Journal::Mode::kReplay, &again).has_value());
  EXPECT_EQ(cost, again);
  EXPECT_EQ(well.sent, 1U);
}

}  // namespace
}  // namespace clawtrace::llm

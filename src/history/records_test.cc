#include "history/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/temp_folder_test_util.h"
#include "base/text.h"
#include "capture/redact.h"
#include "store/sqlite_store.h"

namespace clawtrace::history {
namespace {

namespace fs = std::filesystem;
using capture::KeptRecord;

Fact Result(const std::string& id, const std::string& session = "s-1") {
  Fact fact;
  fact.kind = FactKind::kToolResult, fact.source = "codex", fact.session_id = session, fact.id = id;
  fact.result = ToolResult{};
  fact.result->output = "start", fact.result->output_bytes = 5000;
  return fact;
}

class RecordKeeperTest : public testing::Test {
 protected:
  void SetUp() override { keeper_.StartFile(""); }
  void WriteFile(std::string_view bytes) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes;
  }
  bool Keep(const Fact& fact) { return keeper_.Keep(fact, &payloads_, &bytes_); }

  test::TempFolder folder_;
  fs::path file_ = folder_ / "log";
  RecordKeeper keeper_{nullptr};
  std::vector<store::Payload> payloads_;
  size_t bytes_ = 0;
};

TEST_F(RecordKeeperTest, TheRecordAtHandGoesWithTheFact) {
  std::string line = R"({"a":"text"})";
  EXPECT_FALSE(Keep(Result("none")));
  keeper_.FromRecord(line, 0);
  EXPECT_TRUE(Keep(Result("c1")));
  keeper_.FromRecord({}, -1);
  EXPECT_FALSE(Keep(Result("c1")));
  JsonParser parser;
  keeper_.FromElement(*parser.Parse(R"({"b": 2, "a": 1})"));
  EXPECT_TRUE(Keep(Result("c2")));
  using P = store::Payload;
  EXPECT_EQ(payloads_, (std::vector<P>{{"codex", "s-1", "c1", "record", line},
                                       {"codex", "s-1", "c2", "record", R"({"a":1,"b":2})"}}));
  EXPECT_GE(bytes_, line.size());
}

TEST_F(RecordKeeperTest, ManyFactsOfOneRecordHoldItOnce) {
  std::string line(1 << 20, 'x');
  keeper_.FromRecord(line, 0);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(Keep(Result("c" + std::to_string(i))));
    EXPECT_TRUE(Keep(Result("c0"))) << "the same call's other fact";
  }
  EXPECT_LT(bytes_, line.size() + 100 * 300);
  EXPECT_EQ(payloads_.size(), 100u);
  // Of other sessions a few have it, a record that names thousands does not become thousands.
  size_t kept = 0;
  for (int i = 0; i < 1000; ++i) kept += Keep(Result("c", "t-" + std::to_string(i)));
  EXPECT_LT(kept, 10u);
  EXPECT_GT(kept, 1u);
}

TEST_F(RecordKeeperTest, WhatIsReferredToLaterIsReadAgainWhereItStands) {
  std::string first(3000, 'a'), second(3000, 'b');
  WriteFile("{}\n" + first + "\n" + second + "\n");
  keeper_.StartFile(file_);
  std::vector<KeptRecord> ids;
  int64_t offset = 3;
  for (const std::string& line : {first, second}) {
    keeper_.FromRecord(line, offset);
    ids.push_back(keeper_.KeepRecord());
    EXPECT_EQ(keeper_.KeepRecord(), ids.back());
    offset += 3001;
  }
  keeper_.FromRecord({}, -1);
  keeper_.FromKept(ids);
  EXPECT_TRUE(Keep(Result("both")));
  keeper_.FromKept({ids.data(), 1});
  EXPECT_TRUE(Keep(Result("one")));
  ASSERT_EQ(payloads_.size(), 3u);
  EXPECT_EQ(payloads_[0].bytes, first);
  EXPECT_EQ(payloads_[1].bytes, second);
  EXPECT_EQ(payloads_[2].part, kRecordOf);
  // Another content in its place is not taken for it.
  keeper_.StartFile(file_);
  keeper_.FromRecord(second, 3004);
  KeptRecord gone = keeper_.KeepRecord();
  keeper_.FromRecord({}, -1);
  WriteFile(std::string(9000, 'c'));
  keeper_.FromKept({&gone, 1});
  EXPECT_FALSE(Keep(Result("gone")));
}

TEST_F(RecordKeeperTest, WithoutAFileRecordsAreHeldUpToALimit) {
  std::vector<KeptRecord> ids;
  std::string noise(1 << 20, '\0');
  uint64_t x = 7;
  for (size_t i = 0; i < (RecordKeeper::kMostHeld >> 20) + 3; ++i) {
    for (char& c : noise) c = static_cast<char>((x = x * 6364136223846793005U + 1442695040888963407U) >> 56);
    keeper_.FromRecord(noise, 0);
    ids.push_back(keeper_.KeepRecord());
  }
  EXPECT_NE(ids.front(), 0);
  EXPECT_EQ(ids.back(), 0) << "more than it may hold";
  keeper_.FromKept({ids.data(), 1});
  EXPECT_TRUE(Keep(Result("first")));
  EXPECT_EQ(payloads_.back().bytes.size(), noise.size());
  keeper_.FromKept({&ids.back(), 1});
  EXPECT_FALSE(Keep(Result("last")));
}

TEST_F(RecordKeeperTest, SecretsAreTakenOutOfItFirst) {
  auto redactor = capture::Redactor::Make(capture::DefaultRedactionRules(), "a salt of sixteen");
  RecordKeeper keeper(&*redactor);
  keeper.StartFile("");
  std::string line = R"({"arguments":"{\"password\":\"hunter2hunter2\"}","out":"AKIAABCDEFGHIJKLMNOP"})";
  keeper.FromRecord(line, 0);
  ASSERT_TRUE(keeper.Keep(Result("c1"), &payloads_, &bytes_));
  ASSERT_EQ(payloads_.size(), 1u);
  EXPECT_FALSE(Contains(payloads_[0].bytes, "hunter2")) << payloads_[0].bytes;
  EXPECT_FALSE(Contains(payloads_[0].bytes, "AKIAABCD"));
}

TEST_F(RecordKeeperTest, IdsThatNoPayloadCanHaveAreLeftOut) {
  keeper_.FromRecord("{}", 0);
  EXPECT_FALSE(Keep(Result(std::string(5000, 'i'))));
  EXPECT_FALSE(Keep(Result(std::string("a\0b", 3))));
  EXPECT_TRUE(payloads_.empty());
}

TEST_F(RecordKeeperTest, ReadPayloadsFollowsNames) {
  auto store = store::OpenSqliteStore({.path = file_.string() + ".db", .secret = "0123456789abcdef0123"});
  ASSERT_TRUE(store);
  std::string line(5000, 'x'), other(5000, 'y');
  keeper_.FromRecord(line, 0);
  Keep(Result("c1")), Keep(Result("c2"));
  keeper_.FromRecord(other, 0);
  Keep(Result("c1"));
  store::Batch batch;
  batch.tenant = "t", batch.facts = {Result("c1"), Result("c2")}, batch.payloads = payloads_;
  // Names nothing that is there: as if there was none.
  batch.payloads.push_back({"codex", "s-1", "c3", std::string(kRecordOf), "0123456789abcdefc1"});
  batch.links = {{"s-1", "trace"}};
  ASSERT_TRUE(store::AppendAndWait(**store, std::move(batch)));
  for (const char* session : {"s-1", "trace"}) {
    auto one = ReadPayloads(**store, "t", session, "c1");
    ASSERT_TRUE(one);
    ASSERT_EQ(one->size(), 2u);
    auto two = ReadPayloads(**store, "t", session, "c2");
    ASSERT_TRUE(two);
    ASSERT_EQ(two->size(), 1u) << "not what else is kept with c1";
    EXPECT_EQ(two->front(), (store::Payload{"codex", "s-1", "c2", "record", line}));
    EXPECT_TRUE(ReadPayloads(**store, "t", session, "c3")->empty());
    EXPECT_TRUE(ReadPayloads(**store, "t", session, "c4")->empty());
  }
}

}  // namespace
}  // namespace clawtrace::history

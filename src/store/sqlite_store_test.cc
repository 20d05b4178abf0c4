// What only the SQLite engine has: files, versions, settings.
#include "store/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>
#include <vector>

#include "base/temp_folder_test_util.h"
#include "store/schema.h"

namespace clawtrace::store {
namespace {

class SqliteStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Store>> Open() { return OpenSqliteStore(options_); }
  void Run(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(options_.path.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
  static Batch One(const std::string& session) {
    Fact fact;
    fact.source = "x", fact.session_id = session, fact.id = "i";
    Batch batch{.tenant = "t"};
    batch.facts = {fact};
    return batch;
  }
  static int64_t Count(Store& store, const std::string& session) {
    int64_t count = 0;
    auto read = store.ReadFacts("t", session, Scope::kSession, [&](const Fact&) { return ++count > 0; });
    EXPECT_TRUE(read);
    return count;
  }

  test::TempFolder folder_;
  SqliteOptions options_ = {.path = folder_ / "store.db", .secret = "sixteen bytes or more"};
};

TEST_F(SqliteStoreTest, TheFileIsItsOwnersAlone) {
  auto store = Open();
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE(AppendAndWait(**store, One("s")));
  for (const char* end : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((options_.path + end).c_str(), &info), 0) << end;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << end;
  }
}

TEST_F(SqliteStoreTest, ANewerFileIsRefusedAndLeftAlone) {
  ASSERT_TRUE(Open());
  Run("PRAGMA user_version = 99");
  auto before = std::filesystem::file_size(options_.path);
  auto refused = Open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("99"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(options_.path), before);
}

TEST_F(SqliteStoreTest, AnOlderFileIsBroughtForwardAsAWholeOrNotAtAll) {
  {
    auto store = Open();
    ASSERT_TRUE(store);
    ASSERT_TRUE(AppendAndWait(**store, One("s")));
  }
  // The first step was made when the file was.
  const char* const broken[] = {"", "CREATE TABLE extra(x); INSERT INTO extra VALUES(1)",
                                "INSERT INTO no_such VALUES(1)"};
  const char* const sound[] = {"", broken[1], "ALTER TABLE extra ADD COLUMN y"};
  auto db = Database::Open(options_.path, "", OpenAs::kWriter);
  ASSERT_TRUE(db);
  EXPECT_FALSE(PrepareSchema(*db, "", {.version = 4, .steps = broken}));
  EXPECT_EQ(db->Number("PRAGMA user_version").value(), kSchemaVersion);
  EXPECT_EQ(db->Number("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'").value(), 0);
  EXPECT_FALSE(db->in_transaction());
  ASSERT_TRUE(PrepareSchema(*db, "", {.version = 4, .steps = sound}));
  EXPECT_EQ(db->Number("PRAGMA user_version").value(), 4);
  EXPECT_EQ(db->Number("SELECT count(y IS NULL) FROM extra").value(), 1);
  EXPECT_EQ(db->Number("SELECT count(*) FROM fact").value(), 1);
  EXPECT_EQ(Open().error().code, ErrorCode::kUnsupported);
}

TEST_F(SqliteStoreTest, TheIndexOfTheFirstVersionIsMadeAnew) {
  {
    auto store = Open();
    ASSERT_TRUE(store);
    ASSERT_TRUE(AppendAndWait(**store, One("s")));
  }
  Run("INSERT INTO text(rowid, words) VALUES(1, 'zqtenantzq1 old'); UPDATE meta SET value = 1 WHERE name = "
      "'indexed'; PRAGMA user_version = 1");
  auto store = Open();
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->Load()->text_behind, 1);
  store->reset();
  auto db = Database::Open(options_.path, "", OpenAs::kWriter);
  ASSERT_TRUE(db);
  EXPECT_EQ(db->Number("SELECT count(*) FROM text WHERE text MATCH 'old'").value(), 0);
}

TEST_F(SqliteStoreTest, AnotherProgramsDatabaseIsRefused) {
  Run("CREATE TABLE theirs(x); PRAGMA user_version = 1");
  auto refused = Open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidInput);
}

TEST_F(SqliteStoreTest, WhatIsNoDatabaseIsRefused) {
  std::ofstream(options_.path) << std::string(10'000, 'x');
  auto refused = Open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kCorruptData);
}

TEST_F(SqliteStoreTest, ANewStoreNeedsASecretAndAnOldOneKeepsIts) {
  options_.secret = "short";
  EXPECT_EQ(Open().error().code, ErrorCode::kInvalidInput);
  options_.secret = "sixteen bytes or more";
  {
    auto store = Open();
    ASSERT_TRUE(store);
    Batch batch = One("s");
    batch.payloads = {{"x", "s", "i", "input", std::string(5000, 'p')}};
    ASSERT_TRUE(AppendAndWait(**store, batch));
  }
  options_.secret = "";
  options_.must_exist = true;
  auto store = Open();
  ASSERT_TRUE(store);
  // Salted as before: the same text is not kept twice.
  Batch batch = One("s2");
  batch.payloads = {{"x", "s2", "i", "input", std::string(5000, 'p')}};
  auto before = (*store)->Stats();
  ASSERT_TRUE(AppendAndWait(**store, batch));
  EXPECT_EQ((*store)->Stats()->payload_stored_bytes, before->payload_stored_bytes);
}

TEST_F(SqliteStoreTest, AMissingFileIsNotMadeWhenItMustExist) {
  options_.must_exist = true;
  EXPECT_EQ(Open().error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(options_.path));
  options_.must_exist = false;
  options_.path = folder_ / "no/such/folder/store.db";
  EXPECT_EQ(Open().error().code, ErrorCode::kUnavailable);
}

TEST_F(SqliteStoreTest, TwoOpenStoresSeeAndKeepEachOthersFacts) {
  auto one = Open(), other = Open();
  ASSERT_TRUE(one && other);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(AppendAndWait(i % 2 ? **one : **other, One("s" + std::to_string(i / 2))));
    // Rows that the other made under numbers of its own.
    ASSERT_TRUE((*(i % 2 ? one : other))->PutDocument("t" + std::to_string(i), "c", "k", "v"));
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Count(**one, "s" + std::to_string(i)), 1);
    EXPECT_EQ(Count(**other, "s" + std::to_string(i)), 1);
  }
  EXPECT_TRUE((*one)->Check()->problems.empty());
}

TEST_F(SqliteStoreTest, ManyAppendersShareASync) {
  options_.commit_window_us = 2'000;
  auto store = Open();
  ASSERT_TRUE(store);
  constexpr int kAppenders = 8, kEach = 20;
  std::latch start(kAppenders);
  std::vector<std::thread> threads;
  for (int t = 0; t < kAppenders; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      for (int i = 0; i < kEach; ++i)
        EXPECT_TRUE(AppendAndWait(**store, One("s" + std::to_string(t) + "-" + std::to_string(i))));
    });
  }
  for (std::thread& thread : threads) thread.join();
  auto stats = (*store)->Stats();
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->appends, kAppenders * kEach);
  EXPECT_LE(stats->commits, kAppenders * kEach / 2);
}

TEST_F(SqliteStoreTest, TooMuchThatWaitsIsRefused) {
  options_.max_waiting_bytes = 10'000;
  auto store = Open();
  ASSERT_TRUE(store);
  std::atomic<int> refused = 0, stored = 0;
  std::latch all(200);
  for (int i = 0; i < 200; ++i) {
    Batch batch = One("s" + std::to_string(i));
    batch.payloads = {
        {"x", batch.facts[0].session_id, "i", "input", std::string(2000, static_cast<char>(i))}};
    (*store)->Append(batch, [&](const Result<Appended>& result) {
      if (!result) {
        EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
      }
      ++(result ? stored : refused);
      all.count_down();
    });
  }
  all.wait();
  EXPECT_GT(stored, 0);
  EXPECT_GT(refused, 0);
  EXPECT_EQ((*store)->Stats()->appends_refused, refused);
  EXPECT_EQ((*store)->Stats()->facts, stored);
}

TEST_F(SqliteStoreTest, ARemovalThatWasInterruptedIsFinishedWhenAsked) {
  {
    auto store = Open();
    ASSERT_TRUE(store);
    Batch batch = One("s");
    batch.payloads = {{"x", "s", "i", "input", std::string(5000, 'p')}};
    ASSERT_TRUE(AppendAndWait(**store, batch));
    ASSERT_TRUE(AppendAndWait(**store, One("other")));
  }
  // As Remove leaves it when it dies right after hiding.
  Run("UPDATE session SET tenant = -id, name = '' WHERE name = 's'; UPDATE family SET tenant = 0, stale = 0 "
      "WHERE "
      "id = (SELECT family FROM session WHERE name = '')");
  auto store = Open();
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->Stats()->facts, 2) << "opening does not wait for it";
  Result<bool> left = true;
  while (left && *left) left = (*store)->FinishRemovals(1);
  ASSERT_TRUE(left) << left.error().message;
  auto stats = (*store)->Stats();
  EXPECT_EQ(stats->facts, 1);
  EXPECT_EQ(stats->payloads, 0);
  EXPECT_EQ(stats->payload_stored_bytes, 0);
  EXPECT_TRUE((*store)->Check()->problems.empty());
}

TEST_F(SqliteStoreTest, CheckTellsOfDamage) {
  auto damage = [&](const std::string& sql) {
    {
      auto store = Open();
      ASSERT_TRUE(store);
      Batch batch = One("s" + sql);
      batch.facts[0].node = "text enough to be found";
      batch.payloads = {{"x", batch.facts[0].session_id, "i", "input", sql + std::string(500, 'p')}};
      ASSERT_TRUE(AppendAndWait(**store, batch));
    }
    Run(sql);
    auto store = Open();
    ASSERT_TRUE(store);
    auto report = (*store)->Check();
    ASSERT_TRUE(report) << sql;
    EXPECT_FALSE(report->problems.empty()) << sql;
    std::filesystem::remove_all(folder_.path());
    std::filesystem::create_directory(folder_.path());
  };
  damage("UPDATE fact SET body = x'7001'");
  damage("UPDATE fact SET body = replace(body, 'enough', 'plenty')");
  damage("UPDATE fact SET kind = 77");
  damage("UPDATE loose SET z = x'7a00'");
  damage("UPDATE blob SET size = size - 1");
  damage("UPDATE node SET parent = id");
  damage("UPDATE payload SET frame = x'ff'");
  damage("DELETE FROM session");
  damage("INSERT INTO day_total VALUES(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)");
  damage("INSERT INTO blob(scope, hash, size) VALUES(0, x'00', 0)");
  damage("DELETE FROM loose");
}

TEST_F(SqliteStoreTest, DamagedRowsAreToldAndTheRestIsRead) {
  {
    auto store = Open();
    ASSERT_TRUE(store);
    Batch batch = One("s");
    batch.facts.push_back(batch.facts[0]);
    batch.facts[1].id = "j";
    ASSERT_TRUE(AppendAndWait(**store, batch));
  }
  Run("UPDATE fact SET body = x'ff' WHERE id = 1");
  auto store = Open();
  ASSERT_TRUE(store);
  int64_t count = 0;
  auto read = (*store)->ReadFacts("t", "s", Scope::kSession, [&](const Fact&) { return ++count > 0; });
  ASSERT_TRUE(read);
  EXPECT_EQ(read->damaged, 1);
  EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace clawtrace::store

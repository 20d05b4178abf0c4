// Databases of others: live, left behind, damaged, hostile. Nothing beside them may change.
#include "capture/sqlite_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/file.h"
#include "base/temp_folder_test_util.h"
#include "capture/database_log.h"
#include "capture/gather.h"
#include "capture/unzip.h"

namespace clawtrace::capture {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class SqliteReaderTest : public testing::Test {
 protected:
  void SetUp() override { path_ = folder_ / "a.db"; }
  void TearDown() override { sqlite3_close(writer_); }
  void Write(const std::string& sql) {
    if (!writer_) ASSERT_EQ(sqlite3_open(path_.c_str(), &writer_), SQLITE_OK);
    char* error = nullptr;
    ASSERT_EQ(sqlite3_exec(writer_, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
  }
  void CloseWriter() { sqlite3_close(writer_), writer_ = nullptr; }
  static std::vector<std::string> Texts(const fs::path& path,
                                        const std::string& sql = "SELECT x FROM t ORDER BY x") {
    std::vector<std::string> texts;
    auto reader = SqliteReader::Open(path);
    if (!reader) return {"cannot open: " + reader.error().message};
    Status done = reader->ForEachRow(sql, {}, [&](const SqliteRow& row) {
      texts.push_back(row.String(0));
      return true;
    });
    if (!done) texts.push_back(done.error().message);
    return texts;
  }
  // Names, bytes and times of everything in the folder.
  static std::map<std::string, std::pair<std::string, fs::file_time_type>> Everything(
      const fs::path& folder) {
    std::map<std::string, std::pair<std::string, fs::file_time_type>> all;
    for (auto& entry : fs::directory_iterator(folder))
      all[entry.path().filename()] = {ReadFile(entry.path()).value_or("?"), entry.last_write_time()};
    return all;
  }

  test::TempFolder folder_;
  fs::path path_;
  sqlite3* writer_ = nullptr;
};

TEST_F(SqliteReaderTest, ReadsTypesAsTheyAre) {
  Write("CREATE TABLE t(x, y); INSERT INTO t VALUES (1, 'a'), (2.5, x'6200'), (NULL, 'b')");
  auto reader = SqliteReader::Open(path_);
  ASSERT_TRUE(reader);
  EXPECT_THAT(reader->tables(), ElementsAre("t"));
  EXPECT_TRUE(reader->HasColumn("t", "y"));
  EXPECT_FALSE(reader->HasColumn("t", "z"));
  EXPECT_EQ(reader->ColumnOrNull("t", "z"), "NULL");
  int rows = 0;
  ASSERT_TRUE(reader->ForEachRow("SELECT x, y FROM t ORDER BY rowid", {}, [&](const SqliteRow& row) {
    ++rows;
    if (rows == 1) {
      EXPECT_EQ(row.Integer(0), 1);
      EXPECT_EQ(row.Text(1), "a");
      EXPECT_FALSE(row.Blob(1));
    } else if (rows == 2) {
      EXPECT_EQ(row.Number(0), 2.5);
      EXPECT_FALSE(row.Integer(0));
      EXPECT_EQ(row.Blob(1)->size(), 2u);
    } else {
      EXPECT_FALSE(row.Number(0) || row.Text(0));
      EXPECT_EQ(row.String(1), "b");
    }
    return true;
  }));
  EXPECT_EQ(rows, 3);
}

// The writer has not moved its log into the database: what it committed is seen, what it did not is not, and
// it can go on writing in the middle of the reading.
TEST_F(SqliteReaderTest, ReadsBesideARunningWriter) {
  Write(
      "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES "
      "('a'),('b')");
  Write("BEGIN IMMEDIATE; INSERT INTO t VALUES ('open')");
  auto before = Everything(folder_.path());
  EXPECT_THAT(Texts(path_), ElementsAre("a", "b"));
  EXPECT_EQ(Everything(folder_.path()), before);
  Write("COMMIT");
  auto reader = SqliteReader::Open(path_);
  ASSERT_TRUE(reader);
  int rows = 0;
  ASSERT_TRUE(reader->ForEachRow("SELECT x FROM t", {}, [&](const SqliteRow&) {
    if (++rows == 1) Write("INSERT INTO t VALUES ('late'); PRAGMA wal_checkpoint(TRUNCATE)");
    return true;
  }));
  EXPECT_EQ(rows, 3);
  EXPECT_NE(StampOf(path_), reader->stamp());
  EXPECT_THAT(Texts(path_), ElementsAre("a", "b", "late", "open"));
}

// A writer that keeps no log waits for readers that lock; this one does not.
TEST_F(SqliteReaderTest, NeverKeepsAWriterWaiting) {
  Write("CREATE TABLE t(x); INSERT INTO t VALUES ('a'),('b')");
  auto reader = SqliteReader::Open(path_);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->ForEachRow("SELECT x FROM t", {}, [&](const SqliteRow&) {
    Write("BEGIN EXCLUSIVE; INSERT INTO t VALUES ('c'); COMMIT");
    return true;
  }));
}

TEST_F(SqliteReaderTest, ReadsWhatIsLeftBehind) {
  Write(
      "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES ('a');"
      "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES ('b')");
  for (const char* copied : {"with-log", "alone"}) {
    fs::path copy = folder_ / copied;
    fs::create_directories(copy);
    fs::copy_file(path_, copy / "a.db");
    bool log = std::string_view(copied) == "with-log";
    if (log) fs::copy_file(path_.string() + "-wal", copy / "a.db-wal");
    fs::permissions(copy, fs::perms::owner_read | fs::perms::owner_exec);
    auto before = Everything(copy);
    EXPECT_EQ(Texts(copy / "a.db"),
              log ? (std::vector<std::string>{"a", "b"}) : std::vector<std::string>{"a"})
        << copied;
    EXPECT_EQ(Everything(copy), before) << copied;
    fs::permissions(copy, fs::perms::owner_all);
  }
}

TEST_F(SqliteReaderTest, ALogCutAnywhereGivesWhatWasCommittedBefore) {
  Write(
      "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); PRAGMA "
      "wal_checkpoint(TRUNCATE)");
  for (char c = 'a'; c < 'f'; ++c) Write(std::string("INSERT INTO t VALUES ('") + c + "')");
  std::string log = *ReadFile(path_.string() + "-wal");
  fs::path copy = folder_ / "copy.db";
  fs::copy_file(path_, copy);
  for (size_t cut = 0; cut <= log.size(); cut += 997) {
    std::ofstream(copy.string() + "-wal", std::ios::binary) << log.substr(0, cut);
    auto texts = Texts(copy);
    EXPECT_LE(texts.size(), 5u);
    for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], std::string(1, static_cast<char>('a' + i)));
  }
}

TEST_F(SqliteReaderTest, RunsNothingOfAForeignSchema) {
  Write(
      "CREATE TABLE t(x); INSERT INTO t VALUES ('a');"
      "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS x FROM n;"
      "CREATE VIRTUAL TABLE f USING fts5(x);"
      "CREATE TABLE g(x, y AS (hex(zeroblob(x))))");
  Write("INSERT INTO g(x) VALUES (200000000)");
  auto reader = SqliteReader::Open(path_);
  ASSERT_TRUE(reader);
  EXPECT_FALSE(reader->HasTable("v"));
  EXPECT_FALSE(reader->HasTable("f"));
  auto run = [&](const std::string& sql) {
    auto done = reader->ForEachRow(sql, {}, [](const SqliteRow&) { return true; });
    return done ? std::string("fine") : done.error().message;
  };
  EXPECT_NE(run("SELECT x FROM v"), "fine");
  EXPECT_NE(run("SELECT x FROM f"), "fine");
  EXPECT_NE(run("SELECT y FROM g"), "fine");
  EXPECT_NE(run("SELECT load_extension('x')"), "fine");
  EXPECT_NE(run("ATTACH 'other.db' AS o"), "fine");
  EXPECT_NE(run("DELETE FROM t"), "fine");
  EXPECT_EQ(run("SELECT x FROM t"), "fine");
}

// A tree whose pages contain themselves, and one value that many rows share, would never end.
TEST_F(SqliteReaderTest, WorkIsBoundedByTheFile) {
  Write("PRAGMA page_size=512; BEGIN; CREATE TABLE t(x)");
  for (int i = 0; i < 400; ++i) Write("INSERT INTO t VALUES (hex(randomblob(100)))");
  Write("COMMIT");
  CloseWriter();
  std::string bytes = *ReadFile(path_);
  int loops = 0;
  for (size_t page = 1; page * 512 < bytes.size(); ++page) {
    std::string changed = bytes;
    if (changed[page * 512] != 5) continue;  // inner pages of tables
    for (size_t at = page * 512 + 12; at + 2 < (page + 1) * 512; ++at) {
      // Every child pointer that fits names this page.
      if (changed[at] == 0 && changed[at + 1] == 0)
        changed[at + 2] = 0, changed[at + 3] = static_cast<char>(page + 1);
    }
    std::ofstream(path_, std::ios::binary) << changed;
    Texts(path_, "SELECT x FROM t");
    ++loops;
  }
  EXPECT_GT(loops, 0);
}

TEST_F(SqliteReaderTest, DamageIsAnError) {
  Write("BEGIN; CREATE TABLE t(x)");
  for (int i = 0; i < 200; ++i) Write("INSERT INTO t VALUES (hex(zeroblob(200)))");
  Write("COMMIT");
  CloseWriter();
  std::string bytes = *ReadFile(path_);
  std::ofstream(path_, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  auto texts = Texts(path_);
  ASSERT_FALSE(texts.empty());
  EXPECT_THAT(texts.back(), HasSubstr("damaged database"));
  std::ofstream(path_, std::ios::binary) << "SQLite format 3" << '\0' << "nothing";
  EXPECT_FALSE(SqliteReader::Open(path_));
  EXPECT_FALSE(SqliteReader::Open(folder_ / "none.db"));
  EXPECT_FALSE(SqliteReader::Open(folder_.path()));
}

struct Sink : FactSink {
  std::vector<std::string> skips;
  int facts = 0;
  void Add(Fact&&) override { ++facts; }
  void Skip(int64_t, int64_t, std::string_view reason) override { skips.emplace_back(reason); }
};

TEST_F(SqliteReaderTest, AChangedFileIsReadAgain) {
  Write("CREATE TABLE t(x); INSERT INTO t VALUES ('a')");
  for (int pauses_after : {2, 100}) {
    Sink sink;
    int runs = 0;
    ASSERT_TRUE(ReadUnchanged(path_, &sink, [&](SqliteReader, FactSink* to) {
      to->Add({});
      if (++runs <= pauses_after) Write("INSERT INTO t VALUES (zeroblob(5000))");
    }));
    EXPECT_EQ(sink.facts, 1) << "of the last run only";
    EXPECT_EQ(runs, pauses_after == 2 ? 3 : 4);
    EXPECT_EQ(sink.skips.size(), pauses_after == 2 ? 0u : 1u);
  }
}

TEST_F(SqliteReaderTest, PlanNamesWhatCannotBeUsed) {
  Write("PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES ('a')");
  Plan plan = PlanInputs({folder_.path().string()});
  EXPECT_TRUE(plan.units.empty());
  EXPECT_EQ(plan.unrecognised_files, 1) << "the database; what lies beside it is part of it";
  plan = PlanInputs({path_.string(), path_.string() + "-wal"});
  ASSERT_EQ(plan.unusable.size(), 2u);
  EXPECT_EQ(plan.unusable[0].reason, "a database of no known client");
  EXPECT_THAT(plan.unusable[1].reason, HasSubstr("name the database itself"));
}

}  // namespace
}  // namespace clawtrace::capture

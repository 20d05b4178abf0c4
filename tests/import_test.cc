// Whatever happens to logs and to the program that imports them, the cards of the store are those of the
// files.
#include "history/import.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "base/temp_folder_test_util.h"
#include "capture/redact.h"
#include "support/stored_cards.h"

namespace clawtrace {
namespace {

using namespace test;

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_ / "logs");
    store_ = NewStore(root_ / "store.db");
    ASSERT_TRUE(store_);
  }

  history::Imported Import(const fs::path& folder) {
    history::ImportOptions options;
    options.tenant = kTenant;
    options.inputs = {folder.string()};
    options.now_ns = ++now_;
    auto imported = history::Import(*store_, options);
    EXPECT_TRUE(imported) << imported.error().message;
    return imported.value_or(history::Imported{});
  }
  void ExpectCardsOf(const fs::path& folder) {
    SCOPED_TRACE(folder.string());
    Cards want = CardsOfFiles(folder), got = CardsOfStore(*store_);
    EXPECT_EQ(got.size(), want.size());
    for (const auto& [name, card] : want) EXPECT_EQ(got[name], card) << name.second << ":" << name.first;
  }
  static void Write(const fs::path& path, std::string_view bytes) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::vector<fs::path> FilesBelow(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
  }

  TempFolder root_;
  std::unique_ptr<store::Store> store_;
  int64_t now_ = 0;
};

TEST_F(ImportTest, CardsOfEveryFormatAndNothingIsReadTwice) {
  for (const fs::path& folder : FoldersBelow(SourceDir() / "tests/golden", 1)) {
    store_ = NewStore(root_ / "store.db");
    auto first = Import(folder);
    ExpectCardsOf(folder);
    auto again = Import(folder);
    EXPECT_EQ(again.files_read, 0) << folder;
    EXPECT_EQ(again.files_unchanged, first.files_read) << folder;
    EXPECT_EQ(again.facts_added, 0) << folder;
  }
}

TEST_F(ImportTest, CardsOfClients) {
  CT_NEEDS_SHARED_DATA();
  for (const fs::path& folder : FoldersBelow(SharedData() / "clients", 2)) {
    store_ = NewStore(root_ / "store.db");
    Import(folder);
    ExpectCardsOf(folder);
  }
}

// Every log is cut somewhere, imported, grows, is imported again; sometimes cards are compiled between.
TEST_F(ImportTest, GrowingLogsEndInTheCardsOfTheWholeOnes) {
  std::mt19937 random(11);
  for (const fs::path& folder : FoldersBelow(SourceDir() / "tests/golden", 1)) {
    store_ = NewStore(root_ / "store.db");
    fs::path copy = root_ / "grow" / folder.filename();
    std::vector<std::pair<fs::path, std::string>> files;
    for (const fs::path& file : FilesBelow(folder))
      files.emplace_back(copy / fs::relative(file, folder), *ReadFile(file));
    for (int stage = 1; stage <= 4; ++stage) {
      for (const auto& [path, bytes] : files) {
        bool database = bytes.starts_with("SQLite format 3");
        if (database && stage < 4) continue;
        size_t size = stage == 4 ? bytes.size() : bytes.size() * static_cast<size_t>(stage) / 4;
        if (stage < 4 && size > 0) size -= random() % std::min<size_t>(size, 40);
        Write(path, std::string_view(bytes).substr(0, size));
      }
      Import(copy);
      if (stage % 2 == 0) std::ignore = CardsOfStore(*store_);
    }
    Cards want = CardsOfFiles(copy), got = CardsOfStore(*store_);
    for (const auto& [name, card] : want)
      EXPECT_EQ(got[name], card) << folder << " " << name.second << ":" << name.first;
  }
}

std::string Line(int number, std::string_view session) {
  return R"({"type":"assistant","uuid":"u)" + std::to_string(number) + R"(","sessionId":")" +
         std::string(session) + R"(","timestamp":"2026-11-21T00:00:0)" + std::to_string(number % 10) +
         R"(Z","cwd":"/w","version":"2.0","message":{"id":"m)" + std::to_string(number) +
         R"(","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text","text":"x"}],)" +
         R"("usage":{"input_tokens":10,"output_tokens":5}}})" + "\n";
}
constexpr std::string_view kOne = "11111111-0000-4000-8000-000000000000",
                           kTwo = "22222222-0000-4000-8000-000000000000";

TEST_F(ImportTest, ARotatedLogKeepsWhatItHeld) {
  fs::path log = root_ / "logs/a.jsonl";
  Write(log, Line(1, kOne) + Line(2, kOne));
  Import(root_ / "logs");
  fs::rename(log, root_ / "elsewhere.jsonl");
  Write(log, Line(3, kTwo) + Line(4, kTwo) + Line(5, kTwo));
  auto imported = Import(root_ / "logs");
  EXPECT_EQ(imported.files_read, 1);
  EXPECT_EQ(imported.facts_superseded, 0);
  Cards got = CardsOfStore(*store_);
  ASSERT_EQ(got.size(), 2u);
  // Truncated in place, and the same content again: everything is known.
  Write(log, Line(3, kTwo));
  Import(root_ / "logs");
  EXPECT_EQ(CardsOfStore(*store_), got);
}

TEST_F(ImportTest, ALogThatWentBackIsReadAsItStands) {
  fs::path log = root_ / "logs/a.jsonl";
  std::string cut = Line(1, kOne) + Line(2, kOne).substr(0, 60);
  Write(log, cut);
  Import(root_ / "logs");
  ExpectCardsOf(root_ / "logs");
  Write(log, Line(1, kOne) + Line(2, kOne));
  EXPECT_GT(Import(root_ / "logs").facts_added, 0);
  ExpectCardsOf(root_ / "logs");
}

TEST_F(ImportTest, AFileThatIsNoLogIsLookedAtOnce) {
  Write(root_ / "logs/notes.txt", "nothing to see");
  Write(root_ / "logs/a.jsonl", Line(1, kOne));
  EXPECT_EQ(Import(root_ / "logs").unrecognised_files, 1);
  EXPECT_EQ(Import(root_ / "logs").unrecognised_files, 1);
  Write(root_ / "logs/notes.txt", Line(1, kTwo));
  EXPECT_EQ(Import(root_ / "logs").files_read, 1);
}

TEST_F(ImportTest, SecretsDoNotReachTheStore) {
  std::string key = "sk-ant-api03-" + std::string(93, 'Q') + "AA";
  std::string line = Line(1, kOne);
  line.replace(line.find("\"text\":\"x\""), 10, "\"text\":\"" + key + "\"");
  Write(root_ / "logs/a.jsonl", line);
  auto redactor = capture::Redactor::Make(capture::DefaultRedactionRules(), "a salt of sixteen");
  ASSERT_TRUE(redactor);
  history::ImportOptions options;
  options.tenant = kTenant, options.inputs = {(root_ / "logs").string()}, options.now_ns = 1;
  options.redactor = &*redactor;
  ASSERT_TRUE(history::Import(*store_, options));
  ASSERT_TRUE(store_->ReadFacts(kTenant, kOne, store::Scope::kFamily, [&](const Fact& fact) {
    EXPECT_EQ(EncodeFact(fact).find(key), std::string::npos);
    return true;
  }));
  // Redaction is the same each time: nothing is new.
  fs::last_write_time(root_ / "logs/a.jsonl", fs::file_time_type::clock::now());
  auto again = history::Import(*store_, options);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->files_read, 1);
  EXPECT_EQ(again->facts_added, 0);
}

std::string FilesOf(const fs::path& store) {
  std::string bytes;
  for (const char* suffix : {"", "-wal", "-shm", ".secret"}) {
    if (auto part = ReadFile(store.string() + suffix)) bytes += *part;
  }
  return bytes;
}

// A text that stands in facts, payloads, the card, the index of words, and packs is in no file afterwards.
TEST_F(ImportTest, ADeletedSessionLeavesNoTextBehind) {
  const std::string planted = "zyzzyvaplantedstring";
  std::string line = Line(1, kOne), other = Line(1, kTwo);
  for (std::string* each : {&line, &other}) {
    const std::string& word = each == &line ? planted : "harmlessword";
    each->replace(each->find("\"text\":\"x\""), 10, "\"text\":\"" + word + "\"");
    *each = R"({"type":"user","uuid":"p","sessionId":")" + std::string(each == &line ? kOne : kTwo) +
            R"(","timestamp":"2026-11-20T00:00:00Z","message":{"role":"user","content":"say )" + word +
            "\"}}\n" + *each;
  }
  Write(root_ / "logs/a.jsonl", line);
  Write(root_ / "logs/b.jsonl", other);
  Import(root_ / "logs");
  store::Batch batch;
  batch.tenant = kTenant, batch.now_ns = 1;
  std::string incompressible;
  for (char c : planted) incompressible += c;
  batch.payloads.push_back({"claude-code", std::string(kOne), "m1", "input", incompressible});
  ASSERT_TRUE(store::AppendAndWait(*store_, std::move(batch)));
  ASSERT_EQ(CardsOfStore(*store_).size(), 2u);
  ASSERT_TRUE(store_->IndexText(1000));
  ASSERT_FALSE(store_->Search(kTenant, {.text = planted, .cursor = {}})->hits.empty());
  while (store_->Seal(INT64_MAX).value_or(0) > 0) {
  }
  EXPECT_NE(FilesOf(root_ / "store.db").find(planted), std::string::npos);
  store::RemoveRequest request;
  request.session_id = kOne;
  auto removed = store_->Remove(kTenant, request);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_GT(removed->facts, 0);
  EXPECT_EQ(FilesOf(root_ / "store.db").find(planted), std::string::npos);
  EXPECT_NE(FilesOf(root_ / "store.db").find("harmlessword"), std::string::npos);
  EXPECT_EQ(CardsOfStore(*store_).size(), 1u);
  EXPECT_TRUE(store_->Search(kTenant, {.text = planted, .cursor = {}})->hits.empty());
  // Nor does it come back.
  EXPECT_EQ(Import(root_ / "logs").facts_added, 0);
  EXPECT_EQ(FilesOf(root_ / "store.db").find(planted), std::string::npos);
}

pid_t Start(const fs::path& folder, const fs::path& store, const char* more = nullptr) {
  pid_t child = ::fork();
  if (child != 0) return child;
  ::setenv("CLAWTRACE_DATA", (SourceDir() / "data").c_str(), 1);
  if (!std::freopen("/dev/null", "w", stdout)) ::_exit(126);
  ::execl(CLAWTRACE_BINARY, "clawtrace", "import", folder.c_str(), "--store", store.c_str(), more, nullptr);
  ::_exit(127);
}

// kill -9 at random points: the next run goes on, and the cards are those of the files.
TEST_F(ImportTest, KilledAtAnyPoint) {
  const char* set = std::getenv("CLAWTRACE_KILL_ROUNDS");
  int rounds = set ? std::atoi(set) : 12;
  std::mt19937 random(5);
  fs::path logs = SourceDir() / "examples/recordings", path = root_ / "killed.db";
  for (int round = 0; round < rounds; ++round) {
    if (round % 4 == 0) {
      for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(path.string() + suffix);
    }
    pid_t child = Start(logs, path);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 200'000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (round % 4 != 3) continue;
    int code = 0;
    ::waitpid(Start(logs, path), &code, 0);
    ASSERT_EQ(code, 0);
    store::SqliteOptions options;
    options.path = path;
    auto opened = store::OpenSqliteStore(options);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(CardsOfStore(**opened), CardsOfFiles(logs));
    auto check = (*opened)->Check();
    ASSERT_TRUE(check);
    EXPECT_TRUE(check->problems.empty());
  }
}

TEST_F(ImportTest, WatchKeepsUpAndEndsOnASignal) {
  fs::path log = root_ / "logs/a.jsonl", path = root_ / "watched.db";
  Write(log, Line(1, kOne));
  pid_t child = Start(root_ / "logs", path, "--watch");
  auto facts = [&]() -> int64_t {
    store::SqliteOptions options;
    options.path = path, options.must_exist = true;
    auto opened = store::OpenSqliteStore(options);
    if (!opened) return -1;
    auto stats = (*opened)->Stats();
    return stats ? stats->facts : -1;
  };
  auto comes_to = [&](auto enough) {
    for (int i = 0; i < 400; ++i) {
      if (enough(facts())) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  };
  EXPECT_TRUE(comes_to([](int64_t count) { return count >= 2; }));
  int64_t before = facts();
  std::ofstream(log, std::ios::app) << Line(2, kOne);
  Write(root_ / "logs/new/folder/b.jsonl", Line(1, kTwo));
  EXPECT_TRUE(comes_to([&](int64_t count) { return count >= before + 3; }));
  ::kill(child, SIGTERM);
  int code = 0;
  ::waitpid(child, &code, 0);
  EXPECT_EQ(code, 0);
  store::SqliteOptions options;
  options.path = path;
  auto opened = store::OpenSqliteStore(options);
  ASSERT_TRUE(opened);
  EXPECT_EQ(CardsOfStore(**opened), CardsOfFiles(root_ / "logs"));
}

}  // namespace
}  // namespace clawtrace

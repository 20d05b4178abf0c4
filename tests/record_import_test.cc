// Facts of imported logs hold the start of long texts; the records that hold all of them are in the store
// too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include "base/json.h"
#include "base/temp_folder_test_util.h"
#include "base/text.h"
#include "capture/redact.h"
#include "history/import.h"
#include "history/records.h"
#include "support/stored_cards.h"

namespace clawtrace {
namespace {

using namespace test;

constexpr std::string_view kOne = "11111111-0000-4000-8000-000000000000";

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

// "{"type":"user"...": a tool result of Claude Code.
std::string ResultLine(std::string_view call, std::string_view output) {
  return R"({"type":"user","uuid":"u-)" + std::string(call) + R"(","sessionId":")" + std::string(kOne) +
         R"(","timestamp":"2026-11-21T00:00:05Z","message":{"role":"user","content":[{"type":"tool_result",)" +
         R"("tool_use_id":")" + std::string(call) + R"(","content":)" + Quoted(output) + "}]}}";
}

std::string CallLine(std::string_view id, std::string_view text, std::string_view tools = "") {
  return R"({"type":"assistant","uuid":"a-)" + std::string(id) + R"(","sessionId":")" + std::string(kOne) +
         R"(","timestamp":"2026-11-21T00:00:01Z","cwd":"/w","version":"2.0","message":{"id":")" +
         std::string(id) + R"(","role":"assistant","model":"claude-sonnet-4-5","content":[{"type":"text",)" +
         R"("text":)" + Quoted(text) + "}" + std::string(tools) +
         R"(],"usage":{"input_tokens":10,"output_tokens":5}}})";
}

std::string Tool(std::string_view id, std::string_view command) {
  return R"(,{"type":"tool_use","id":")" + std::string(id) + R"(","name":"Bash","input":{"command":)" +
         Quoted(command) + "}}";
}

std::string Long(std::string_view word, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text.append(word).append(" \"x\"\n\t\xC3\xA9 ");
  return text;
}

class RecordImportTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root_ / "logs");
    store_ = NewStore(root_ / "store.db");
    ASSERT_TRUE(store_);
    options_.tenant = kTenant, options_.inputs = {(root_ / "logs").string()};
  }
  void Write(const std::string& name, std::string_view bytes) const {
    std::ofstream(root_ / "logs" / name, std::ios::binary | std::ios::trunc) << bytes;
  }
  history::Imported Import() {
    ++options_.now_ns;
    auto imported = history::Import(*store_, options_);
    EXPECT_TRUE(imported) << imported.error().message;
    return imported.value_or(history::Imported{});
  }
  std::vector<std::string> Records(const std::string& id, std::string_view session = kOne) {
    auto payloads = history::ReadPayloads(*store_, kTenant, std::string(session), id);
    EXPECT_TRUE(payloads);
    std::vector<std::string> records;
    for (const store::Payload& payload : *payloads) {
      EXPECT_EQ(payload.part, history::kRecord);
      records.push_back(payload.bytes);
    }
    return records;
  }
  int64_t PayloadCount() { return store_->Stats()->payloads; }

  TempFolder root_;
  std::unique_ptr<store::Store> store_;
  history::ImportOptions options_;
};

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(RecordImportTest, TheWholeLineOfACutTextAndOfNoOther) {
  std::string result = ResultLine("t1", Long("out", 10'000)), call = CallLine("m1", Long("say", 3000));
  Write("a.jsonl", call + "\n" + ResultLine("t2", "short") + "\n" + result + "\n");
  auto imported = Import();
  EXPECT_EQ(imported.payloads_added, 2);
  EXPECT_EQ(imported.records_left_out, 0);
  EXPECT_THAT(Records("t1"), ElementsAre(result));
  EXPECT_THAT(Records("m1"), ElementsAre(call));
  EXPECT_THAT(Records("t2"), IsEmpty());
}

TEST_F(RecordImportTest, ALineOfSeveralCutFactsIsStoredOnceAndFoundByEach) {
  std::string line =
      CallLine("m1", Long("say", 3000), Tool("t1", Long("one", 20'000)) + Tool("t2", Long("two", 20'000)));
  std::string result = ResultLine("t1", Long("out", 4000));
  Write("a.jsonl", line + "\n" + result + "\n");
  Import();
  EXPECT_THAT(Records("m1"), ElementsAre(line));
  EXPECT_THAT(Records("t1"), testing::UnorderedElementsAre(line, result)) << "asked and answered";
  EXPECT_THAT(Records("t2"), ElementsAre(line));
  EXPECT_LT(store_->Stats()->payload_bytes, static_cast<int64_t>(line.size() + result.size() + 300));
}

TEST_F(RecordImportTest, NothingIsAddedTwice) {
  std::string first = ResultLine("t1", Long("out", 10'000)), second = ResultLine("t2", Long("more", 9000));
  Write("a.jsonl", first + "\n");
  EXPECT_EQ(Import().payloads_added, 1);
  auto again = Import();
  EXPECT_EQ(again.files_read, 0);
  EXPECT_EQ(again.payloads_added + again.payloads_known, 0);
  Write("a.jsonl", first + "\n" + second + "\n");
  auto grown = Import();
  EXPECT_EQ(grown.payloads_added, 1);
  EXPECT_EQ(grown.payloads_known, 1);
  EXPECT_THAT(Records("t1"), ElementsAre(first));
  EXPECT_THAT(Records("t2"), ElementsAre(second));
}

TEST_F(RecordImportTest, ExportedFactsComeBackWithoutThem) {
  Write("a.jsonl", ResultLine("t1", Long("out", 10'000)) + "\n" + CallLine("m1", "x") + "\n");
  Import();
  int64_t facts = store_->Stats()->facts;
  std::string lines;
  ASSERT_TRUE(store_->ReadFacts(kTenant, kOne, store::Scope::kFamily, [&](const Fact& fact) {
    lines += EncodeFact(fact) + "\n";
    return true;
  }));
  Write("exported.jsonl", lines);
  auto back = Import();
  EXPECT_EQ(back.files_read, 1);
  EXPECT_EQ(back.facts_added, 0);
  EXPECT_EQ(back.payloads_added, 0) << "the line of a fact is not the record it was read from";
  EXPECT_EQ(store_->Stats()->facts, facts);
  EXPECT_EQ(PayloadCount(), 1);
}

TEST_F(RecordImportTest, WithoutAndThenWith) {
  std::string line = ResultLine("t1", Long("out", 10'000));
  Write("a.jsonl", line + "\n" + CallLine("m1", "x") + "\n");
  options_.keep_records = false;
  auto without = Import();
  EXPECT_EQ(without.payloads_added + without.records_left_out, 0);
  EXPECT_EQ(PayloadCount(), 0);
  EXPECT_EQ(Import().files_read, 0);
  Cards cards = CardsOfStore(*store_);
  // A store of before: its files are read once more.
  options_.keep_records = true;
  auto with = Import();
  EXPECT_EQ(with.files_read, 1);
  EXPECT_EQ(with.facts_added, 0);
  EXPECT_EQ(with.payloads_added, 1);
  EXPECT_THAT(Records("t1"), ElementsAre(line));
  EXPECT_EQ(CardsOfStore(*store_), cards);
  options_.keep_records = false;
  EXPECT_EQ(Import().files_read, 0) << "with them it holds all that is asked for";
}

std::string BytesOnDisk(const fs::path& store) {
  std::string bytes;
  for (const char* suffix : {"", "-wal", "-shm"}) bytes += ReadFile(store.string() + suffix).value_or("");
  return bytes;
}

TEST_F(RecordImportTest, RecordsGoWithTheirSession) {
  // So random that no compression hides it.
  std::mt19937 random(3);
  std::string noise;
  for (int i = 0; i < 9000; ++i) noise.push_back("abcdefghijklmnopqrstuvwxyzABCDEF0123456789"[random() % 42]);
  noise.replace(5000, 20, "zyzzyvaplantedstring");
  Write("a.jsonl", ResultLine("t1", noise) + "\n" + CallLine("m1", "x") + "\n");
  Import();
  ASSERT_EQ(CardsOfStore(*store_).size(), 1u);
  ASSERT_EQ(PayloadCount(), 1);
  store::RemoveRequest request;
  request.session_id = kOne;
  auto removed = store_->Remove(kTenant, request);
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->payloads, 1);
  EXPECT_EQ(PayloadCount(), 0);
  EXPECT_FALSE(Contains(BytesOnDisk(root_ / "store.db"), "zyzzyva"));
  EXPECT_EQ(Import().payloads_added, 0) << "nor does it come back";
}

TEST_F(RecordImportTest, SecretsDoNotReachTheDisk) {
  auto redactor = capture::Redactor::Make(capture::DefaultRedactionRules(), "a salt of sixteen");
  ASSERT_TRUE(redactor);
  options_.redactor = &*redactor;
  std::string key = "sk-ant-api03-" + std::string(93, 'Q') + "AA", text = Long("out", 10'000);
  text.insert(9000, key);
  std::string config = R"({"password":"hunter2hunter2","pad":")" + std::string(5000, '.') + "\"}";
  // Codex writes arguments as JSON in a string.
  std::string codex =
      R"({"timestamp":"2026-11-21T00:00:00Z","type":"session_meta","payload":{"id":"019a0000-0000-7000-8000-000000000001","timestamp":"2026-11-21T00:00:00Z","cwd":"/w"}})"
      "\n"
      R"({"timestamp":"2026-11-21T00:00:01Z","type":"response_item","payload":{"type":"function_call","name":"shell","call_id":"c1","arguments":)" +
      Quoted(R"({"command":")" + std::string(20'000, 'y') + R"(","password":"hunter2hunter2"})") + "}}\n";
  Write("a.jsonl", ResultLine("t1", text) + "\n" + ResultLine("t2", config) + "\n");
  Write("rollout-2026-11-21T00-00-00-019a0000-0000-7000-8000-000000000001.jsonl", codex);
  EXPECT_EQ(Import().payloads_added, 3);
  for (const auto& records :
       {Records("t1"), Records("t2"), Records("c1", "019a0000-0000-7000-8000-000000000001")}) {
    ASSERT_EQ(records.size(), 1u);
    EXPECT_FALSE(Contains(records[0], "QQQQQQQQ"));
    EXPECT_FALSE(Contains(records[0], "hunter2"));
    EXPECT_TRUE(Contains(records[0], "[redacted:"));
    EXPECT_TRUE(JsonParser().Parse(records[0]));
  }
  std::string disk = BytesOnDisk(root_ / "store.db");
  EXPECT_FALSE(Contains(disk, "QQQQQQQQ"));
  EXPECT_FALSE(Contains(disk, "hunter2"));
}

std::string Gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Codex's facts are made when its file ends: lines are read again, or held where that cannot be had.
TEST_F(RecordImportTest, FactsThatComeLaterHaveTheirLinesToo) {
  std::string meta =
      R"({"timestamp":"2026-11-21T00:00:00Z","type":"session_meta","payload":{"id":"019a0000-0000-7000-8000-000000000001","timestamp":"2026-11-21T00:00:00Z","cwd":"/w"}})";
  std::vector<std::string> said;
  std::string text = meta + "\n";
  for (int i = 0; i < 3; ++i) {
    said.push_back(
        R"({"timestamp":"2026-11-21T00:00:0)" + std::to_string(i + 1) +
        R"(Z","type":"response_item","payload":{"type":"message","role":"assistant","content":[{"type":"output_text","text":)" +
        Quoted(Long("word" + std::to_string(i), 1200)) + "}]}}");
    text += "  " + said.back() + " \r\n";
  }
  std::string output =
      R"({"timestamp":"2026-11-21T00:00:05Z","type":"response_item","payload":{"type":"function_call_output","call_id":"c1","output":)" +
      Quoted(Long("out", 5000)) + "}}";
  text += output + "\n";
  constexpr std::string_view kId = "019a0000-0000-7000-8000-000000000001";
  for (bool zipped : {false, true}) {
    fs::remove_all(root_ / "logs");
    fs::create_directories(root_ / "logs");
    store_ = NewStore(root_ / "store.db");
    Write(std::string("rollout-2026-11-21T00-00-00-") + std::string(kId) + (zipped ? ".jsonl.gz" : ".jsonl"),
          zipped ? Gzipped(text) : text);
    EXPECT_EQ(Import().records_left_out, 0);
    EXPECT_THAT(Records("c1", kId), ElementsAre(output));
    // One answer of three messages, none of which is cut by itself.
    std::string call;
    ASSERT_TRUE(store_->ReadFacts(kTenant, kId, store::Scope::kSession, [&](const Fact& fact) {
      if (fact.llm) call = fact.id;
      return true;
    }));
    EXPECT_THAT(Records(call, kId), testing::ElementsAreArray(said)) << zipped;
  }
}

// All cut facts of all our recordings, made long, have a record; the store finds nothing wrong with itself.
TEST_F(RecordImportTest, EveryRecordingHasItsRecords) {
  for (const fs::path& folder : FoldersBelow(SourceDir() / "tests/golden", 1)) {
    if (folder.filename() == "clawtrace-facts") continue;
    store_ = NewStore(root_ / "store.db");
    options_.inputs = {folder.string()};
    auto imported = Import();
    EXPECT_EQ(imported.records_left_out, 0) << folder;
    std::set<std::string> sessions;
    Cards cards = CardsOfStore(*store_);
    for (const auto& [name, card] : cards) sessions.insert(name.first);
    for (const std::string& session : sessions) {
      auto family = history::ReadFamily(*store_, kTenant, session);
      ASSERT_TRUE(family);
      for (const std::string& id : family->session_ids) {
        std::vector<std::string> cut;
        ASSERT_TRUE(store_->ReadFacts(kTenant, id, store::Scope::kSession, [&](const Fact& fact) {
          if (capture::IsCut(fact)) cut.push_back(fact.id);
          return true;
        }));
        for (const std::string& fact : cut) EXPECT_FALSE(Records(fact, id).empty()) << folder << " " << fact;
      }
    }
    auto check = store_->Check();
    ASSERT_TRUE(check);
    EXPECT_TRUE(check->problems.empty()) << folder;
    EXPECT_EQ(Import().payloads_added, 0) << folder;
  }
}

pid_t Start(const fs::path& folder, const fs::path& store) {
  pid_t child = ::fork();
  if (child != 0) return child;
  ::setenv("CLAWTRACE_DATA", (SourceDir() / "data").c_str(), 1);
  if (!std::freopen("/dev/null", "w", stdout)) ::_exit(126);
  ::execl(CLAWTRACE_BINARY, "clawtrace", "import", folder.c_str(), "--store", store.c_str(), nullptr);
  ::_exit(127);
}

// kill -9 at random points: whatever fact is there has its record, and the next run completes the rest.
class KilledImportTest : public RecordImportTest {
 protected:
  // How many facts there are.
  size_t ExpectRecordsOfAll() {
    store::SqliteOptions options;
    // Who is killed very early leaves a store that has no secret yet; one that has keeps its own.
    options.path = path_, options.secret = "sixteen bytes or more";
    auto opened = store::OpenSqliteStore(options);
    size_t facts = 0;
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      return facts;
    }
    store_ = std::move(*opened);
    std::vector<std::string> cut;
    EXPECT_TRUE(store_->ReadFacts(kTenant, kOne, store::Scope::kFamily, [&](const Fact& fact) {
      ++facts;
      if (capture::IsCut(fact)) cut.push_back(fact.id);
      return true;
    }));
    for (const std::string& id : cut) EXPECT_EQ(Records(id).size(), 1u) << id;
    return facts;
  }
  fs::path path_ = root_ / "killed.db";
};

TEST_F(KilledImportTest, AtAnyPoint) {
  std::string text;
  for (int i = 0; i < 1500; ++i) {
    std::string id = std::to_string(i);
    text += ResultLine("t" + id, Long("out" + id, 30'000)) + "\n";
  }
  Write("a.jsonl", text);
  std::mt19937 random(7);
  for (int round = 0; round < 6; ++round) {
    pid_t child = Start(root_ / "logs", path_);
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 250));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (fs::exists(path_)) ExpectRecordsOfAll();
    store_.reset();
  }
  int code = 0;
  ::waitpid(Start(root_ / "logs", path_), &code, 0);
  EXPECT_EQ(code, 0);
  EXPECT_GE(ExpectRecordsOfAll(), 1500u);
  EXPECT_EQ(PayloadCount(), 1500);
  EXPECT_THAT(Records("t1499"), ElementsAre(ResultLine("t1499", Long("out1499", 30'000))));
}

}  // namespace
}  // namespace clawtrace

// What stays and what goes: opening again, removal, packing, copies, many at once.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <latch>
#include <map>
#include <sstream>
#include <thread>

#include "store/steps.h"

namespace clawtrace::store {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

namespace {

int FilesWith(const std::string& folder, std::string_view text) {
  auto lower = [](std::string bytes) {
    for (char& c : bytes) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return bytes;
  };
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    found += lower(bytes.str()).find(lower(std::string(text))) != std::string::npos;
  }
  return found;
}

void AppendSessions(Store& store, const std::string& tenant, int count) {
  Batch batch{.tenant = tenant};
  for (int i = 0; i < count; ++i) {
    std::string id = fmt::format("{}-{}", tenant, i);
    batch.facts.push_back(SampleFact(id, i));
    batch.payloads.push_back({"x", id, "call", "input", SamplePrompt(i % 5, id)});
  }
  Append(store, batch);
}

}  // namespace

TEST_P(StoreConformance, WhatIsStoredIsThereAgain) {
  if (!GetParam().keeps) GTEST_SKIP() << "this engine keeps nothing";
  Batch batch = SampleBatch("t", "s", 0, 20);
  batch.payloads = {{"claude-code", "s", "id-1", "input", SamplePrompt(5)}};
  batch.positions = {{.key = "a.jsonl", .offset = 77}};
  Append(store(), batch);
  Reopen();
  EXPECT_THAT(ReadAll(store(), "t", "s").facts, UnorderedElementsAreArray(batch.facts));
  EXPECT_THAT(Must(store().ReadPayloads("t", "s", "id-1")), ElementsAre(batch.payloads[0]));
  EXPECT_THAT(Must(store().Positions("t")), ElementsAre(batch.positions[0]));
  EXPECT_EQ(Append(store(), batch).facts_added, 0);
}

TEST_P(StoreConformance, RemovalTakesTheFamilyAndNothingElse) {
  Batch batch = SampleBatch("t", "a", 0, 30);
  batch.payloads = {{"x", "a", "id-1", "input", SamplePrompt(5)},
                    {"x", "a", "id-5", "input", SamplePrompt(9)}};
  batch.skipped = {{"a", {"f", 1, 2, "r"}}};
  batch.positions = {{.key = "f"}};
  Append(store(), batch);
  Batch other = SampleBatch("t", "b", 0, 30);
  other.payloads = {{"x", "b", "id-1", "input", SamplePrompt(7)}};
  Append(store(), other);
  Batch sub = SampleBatch("t", "a-child", 0, 3);
  sub.links = {{"a", "a-child"}};
  Append(store(), sub);
  Append(store(), SampleBatch("u", "a", 0, 30));
  for (std::string id : {"a", "b"}) PutSessions(store(), "t", id, {SampleSession(id, 3)});
  IndexAll(store());
  ASSERT_TRUE(Must(store().Seal(INT64_MAX)) >= 0);
  auto removed = store().Remove("t", {.session_id = "a-child"});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->families, 1);
  EXPECT_EQ(removed->sessions, 2);
  EXPECT_EQ(removed->facts, 33);
  EXPECT_EQ(removed->payloads, 2);
  Read gone = ReadAll(store(), "t", "a", Scope::kFamily);
  EXPECT_THAT(gone.facts, IsEmpty());
  EXPECT_THAT(gone.about.skipped, IsEmpty());
  EXPECT_THAT(Must(store().ReadPayloads("t", "a", "id-5")), IsEmpty());
  EXPECT_THAT(Ids(Must(store().ListSessions("t", {}))), ElementsAre("b"));
  EXPECT_THAT(Must(store().DayTotals("t", 0, 100000)), SizeIs(1));
  EXPECT_EQ((Must(store().DayTotals("t", 0, 100000)))[0].calls, 3);
  EXPECT_THAT(Find(store(), "t", "zebra3"), ElementsAre("b/id-3"));
  EXPECT_THAT(Find(store(), "u", "zebra3"), ElementsAre("a/id-3"));
  EXPECT_THAT(Must(store().Positions("t")), SizeIs(1));
  EXPECT_THAT(ReadAll(store(), "t", "b").facts, SizeIs(30));
  EXPECT_TRUE((Must(store().ReadPayloads("t", "b", "id-1")))[0].bytes == SamplePrompt(7));
  // It may come again.
  EXPECT_EQ(Append(store(), SampleBatch("t", "a", 0, 30)).facts_added, 30);
  IndexAll(store());
  EXPECT_THAT(Find(store(), "t", "zebra3"), ElementsAre("a/id-3", "b/id-3"));
}

TEST_P(StoreConformance, RemovalByAgeGoesByTheLastFact) {
  Append(store(), SampleBatch("t", "old", 0, 10));
  Append(store(), SampleBatch("t", "new", 0, 20));
  Fact timeless = SampleFact("timeless", 1);
  timeless.start_ns.reset(), timeless.end_ns.reset();
  Append(store(), {.tenant = "t", .now_ns = kSampleStart + 9 * kSecond, .facts = {timeless}});
  auto removed = store().Remove("t", {.before_ns = kSampleStart + 15 * kSecond});
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->families, 2);
  EXPECT_THAT(ReadAll(store(), "t", "old").facts, IsEmpty());
  EXPECT_THAT(ReadAll(store(), "t", "timeless").facts, IsEmpty());
  EXPECT_THAT(ReadAll(store(), "t", "new").facts, SizeIs(20));
}

TEST_P(StoreConformance, RemovalOfATenantLeavesTheOthers) {
  for (std::string tenant : {"t", "u"}) {
    for (std::string id : {"a", "b"}) Append(store(), SampleBatch(tenant, id, 0, 5));
    ASSERT_TRUE(store().PutDocument(tenant, "c", "k", "v"));
    Append(store(), {.tenant = tenant, .positions = {{.key = "p"}}});
  }
  EXPECT_FALSE(store().Remove("t", {}));
  EXPECT_FALSE(store().Remove("t", {.session_id = "a", .everything = true}));
  auto removed = store().Remove("t", {.everything = true});
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->facts, 10);
  EXPECT_THAT(ReadAll(store(), "t", "a").facts, IsEmpty());
  EXPECT_THAT(Must(store().Positions("t")), IsEmpty());
  EXPECT_THAT(Must(store().DocumentKeys("t", "c")), IsEmpty());
  EXPECT_THAT(ReadAll(store(), "u", "a").facts, SizeIs(5));
  EXPECT_THAT(Must(store().DocumentKeys("u", "c")), ElementsAre("k"));
  EXPECT_THAT(Must(store().Positions("u")), SizeIs(1));
}

// The store is used on after a removal: what comes then is kept for itself, whoever had the same texts
// before.
TEST_P(StoreConformance, WhatComesAfterARemovalIsKeptForItself) {
  auto payload = [](const std::string& session, const std::string& text) {
    return Payload{"x", session, "id", "output", text};
  };
  auto add = [&](const std::string& tenant, const std::string& session, const std::string& text) {
    Batch batch = SampleBatch(tenant, session, 0, 1);
    batch.payloads = {payload(session, text)};
    Append(store(), batch);
  };
  for (bool by_age : {false, true}) {
    add("t", "a", "text of one");
    ASSERT_TRUE(store().Remove(
        "t", by_age ? RemoveRequest{.before_ns = INT64_MAX} : RemoveRequest{.session_id = "a"}));
    add("u", "c", by_age ? "a later secret" : "a secret");
    add("t", "a", "text of one");
    EXPECT_THAT(Must(store().ReadPayloads("t", "a", "id")), ElementsAre(payload("a", "text of one")));
    EXPECT_THAT(Must(store().Check()).problems, IsEmpty());
  }
}

TEST_P(StoreConformance, WhatIsRemovedIsInNoFile) {
  if (!GetParam().has_files) GTEST_SKIP() << "this engine has no files";
  constexpr std::string_view kPlanted = "Zq7PlantedString";
  Fact fact = SampleFact("a", 3);
  fact.result->output = "short";
  fact.result->error = kPlanted;
  Fact user = SampleFact("a", 0);
  user.user->text = kPlanted;
  Batch batch = SampleBatch("t", "a", 10, 40);
  batch.facts.push_back(fact), batch.facts.push_back(user);
  batch.payloads = {{"x", "a", "id-1", "input", std::string(kPlanted)},
                    {"x", "a", std::string(kPlanted), "input", SamplePrompt(3)}};
  batch.skipped = {{"a", {std::string(kPlanted), 1, 2, "r"}}};
  Append(store(), batch);
  Append(store(), SampleBatch("t", "b", 0, 40));
  CompiledSession session = SampleSession("a", 1);
  session.summary.task_id = session.summary.card = session.summary.prompt = kPlanted;
  session.pages = {std::string(kPlanted)};
  PutSessions(store(), "t", "a", {session});
  IndexAll(store());
  EXPECT_GT(FilesWith(folder_.path(), kPlanted), 0);
  ASSERT_TRUE(store().Remove("t", {.session_id = "a"}));
  EXPECT_EQ(FilesWith(folder_.path(), kPlanted), 0);
  // An index of words may keep them without what they share with their neighbours.
  EXPECT_EQ(FilesWith(folder_.path(), kPlanted.substr(4)), 0);
}

TEST_P(StoreConformance, ManySessionsGoInFewCommitsAndALargeOneInSeveral) {
  if (!GetParam().has_files) GTEST_SKIP() << "this engine has no files";
  constexpr int kMany = 1'000;
  AppendSessions(store(), "t", kMany);
  IndexAll(store());
  int64_t before = Must(store().Load()).commits;
  auto removed = store().Remove("t", {.before_ns = INT64_MAX});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->families, kMany);
  EXPECT_EQ(removed->payloads, kMany);
  EXPECT_LE(Must(store().Load()).commits - before, kMany / 20);
  EXPECT_EQ(Must(store().Stats()).facts, 0);
  // Nobody waits for the whole of it.
  Append(store(), SampleBatch("t", "large", 0, 10'000));
  before = Must(store().Load()).commits;
  ASSERT_TRUE(store().Remove("t", {.session_id = "large"}));
  EXPECT_GE(Must(store().Load()).commits - before, 5);
}

TEST_P(StoreConformance, WhatGoesFromTheDiskLaterIsSeenNoMore) {
  if (!GetParam().has_files) GTEST_SKIP() << "this engine has no files";
  constexpr std::string_view kPlanted = "Zq7PlantedString";
  constexpr int kMany = 1'500;
  AppendSessions(store(), "t", kMany);
  Fact fact = SampleFact("t-0", 0);
  fact.user->text = kPlanted;
  Append(store(), {.tenant = "t", .facts = {fact}});
  PutSessions(store(), "t", "t-1", {SampleSession("t-1", 3)});
  // Half of it: the index comes to the rest when that is removed already.
  ASSERT_TRUE(store().IndexText(kMany / 2));
  auto removed = store().Remove("t", {.before_ns = INT64_MAX, .from_disk_later = true});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->facts, kMany + 1);
  EXPECT_EQ(removed->payloads, kMany);
  EXPECT_GT(FilesWith(folder_.path(), kPlanted), 0);
  EXPECT_EQ(Append(store(), SampleBatch("t", "t-1", 0, 5)).facts_added, 5);
  auto look = [&] {
    IndexAll(store());
    EXPECT_THAT(Must(store().Check()).problems, IsEmpty());
    EXPECT_THAT(ReadAll(store(), "t", "t-0").facts, IsEmpty());
    EXPECT_THAT(ReadAll(store(), "t", "t-1").facts, SizeIs(5));
    EXPECT_THAT(Must(store().ReadPayloads("t", "t-1", "call")), IsEmpty());
    EXPECT_THAT(Must(store().ListSessions("t", {})).sessions, IsEmpty());
    EXPECT_THAT(Must(store().DayTotals("t", 0, 100000)), IsEmpty());
    EXPECT_THAT(Find(store(), "t", std::string(kPlanted)), IsEmpty());
    EXPECT_THAT(Find(store(), "t", "zebra3"), ElementsAre("t-1/id-3"));
  };
  look();
  int rounds = 0;
  for (bool left = true; left && rounds < 1'000; ++rounds) {
    left = Must(store().FinishRemovals(1));
    if (rounds % 2 == 0) Reopen();
    look();
  }
  EXPECT_GT(rounds, 3);
  EXPECT_EQ(Must(store().Stats()).facts, 5);
  EXPECT_EQ(FilesWith(folder_.path(), kPlanted), 0);
  EXPECT_EQ(FilesWith(folder_.path(), kPlanted.substr(4)), 0);
}

TEST_P(StoreConformance, ARemovalCountsAndAwaitsOnlyItsOwn) {
  AppendSessions(store(), "busy", 300);
  AppendSessions(store(), "t", 2);
  ASSERT_TRUE(store().Remove("busy", {.everything = true, .from_disk_later = true}));
  auto removed = store().Remove("t", {.session_id = "t-0"});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->families, 1);
  EXPECT_EQ(removed->facts, 1);
  EXPECT_EQ(removed->payloads, 1);
  EXPECT_EQ(Must(store().Stats()).facts, GetParam().has_files ? 301 : 1);
  ASSERT_FALSE(Must(store().FinishRemovals(INT64_MAX)));
  EXPECT_EQ(Must(store().Stats()).facts, 1);
  EXPECT_THAT(Must(store().Check()).problems, IsEmpty());
}

TEST_P(StoreConformance, SealedPayloadsReadTheSame) {
  std::map<std::string, std::string> given;
  for (int call = 0; call < 12; ++call) {
    Batch batch = SampleBatch("t", "s", call, 1);
    std::string id = fmt::format("call-{}", call);
    given[id] = SamplePrompt(call * 2);
    batch.payloads = {{"x", "s", id, "input", given[id]}};
    Append(store(), batch);
  }
  int64_t sealed = 0;
  for (int round = 0; round < 100; ++round) {
    auto packed = store().Seal(INT64_MAX);
    ASSERT_TRUE(packed) << packed.error().message;
    if (*packed == 0) break;
    sealed += *packed;
  }
  for (const auto& [id, text] : given)
    EXPECT_TRUE((Must(store().ReadPayloads("t", "s", id)))[0].bytes == text) << id;
  EXPECT_EQ(sealed > 0, GetParam().has_files);
  // What comes behind builds on what is packed.
  Batch more = SampleBatch("t", "s", 50, 1);
  more.payloads = {{"x", "s", "late", "input", SamplePrompt(30)}};
  Append(store(), more);
  EXPECT_TRUE((Must(store().ReadPayloads("t", "s", "late")))[0].bytes == SamplePrompt(30));
  ASSERT_TRUE(store().Vacuum());
  EXPECT_TRUE((Must(store().ReadPayloads("t", "s", "call-3")))[0].bytes == given["call-3"]);
}

TEST_P(StoreConformance, BackupIsAStoreOfItsOwn) {
  if (!GetParam().has_files) GTEST_SKIP() << "this engine has no files";
  Batch batch = SampleBatch("t", "s", 0, 20);
  batch.payloads = {{"x", "s", "id-1", "input", SamplePrompt(4)}};
  Append(store(), batch);
  IndexAll(store());
  std::string folder = folder_ / "backup";
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(store().Backup(folder + "/store.db"));
  EXPECT_EQ(store().Backup(folder + "/store.db").error().code, ErrorCode::kAlreadyExists);
  Append(store(), SampleBatch("t", "s", 20, 5));
  auto copy = GetParam().open(folder);
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_THAT(ReadAll(**copy, "t", "s").facts, UnorderedElementsAreArray(batch.facts));
  EXPECT_THAT(Find(**copy, "t", "zebra3"), SizeIs(1));
  EXPECT_EQ(Append(**copy, SampleBatch("t", "s", 0, 25)).facts_added, 5);
  EXPECT_THAT((*copy)->Check()->problems, IsEmpty());
}

TEST_P(StoreConformance, ManyAppendersAndReadersAtOnce) {
  constexpr int kThreads = 4, kBatches = 25, kFacts = 4;
  std::atomic<int> added = 0, wrong = 0;
  std::latch start(kThreads + 2);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      for (int i = 0; i < kBatches; ++i) {
        Batch batch = SampleBatch("t", fmt::format("s{}", i % 3), (t / 2 * kBatches + i) * kFacts, kFacts);
        batch.payloads = {{"x", fmt::format("s{}", i % 3), "call", "input", SamplePrompt(i)}};
        auto done = AppendAndWait(store(), batch);
        if (done) added += static_cast<int>(done->facts_added);
        if (!done) ++wrong;
      }
    });
  }
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      while (!stop) {
        auto read = store().ReadFacts("t", "s1", Scope::kFamily, [](const Fact&) { return true; });
        auto payloads = store().ReadPayloads("t", "s1", "call");
        if (!read || !payloads || !store().IndexText(10)) ++wrong;
      }
    });
  }
  for (int t = 0; t < kThreads; ++t) threads[static_cast<size_t>(t)].join();
  stop = true;
  for (size_t t = kThreads; t < threads.size(); ++t) threads[t].join();
  EXPECT_EQ(wrong, 0);
  // Each fact was sent by two threads, and added by one.
  EXPECT_EQ(added, kThreads / 2 * kBatches * kFacts);
}

TEST_P(StoreConformance, StatsCountWhatIsThere) {
  Batch batch = SampleBatch("t", "s", 0, 7);
  batch.payloads = {{"x", "s", "c", "input", SamplePrompt(3)}};
  Append(store(), batch);
  auto stats = store().Stats();
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_EQ(stats->facts, 7);
  EXPECT_EQ(stats->sessions, 1);
  EXPECT_EQ(stats->tenants, 1);
  EXPECT_EQ(stats->payloads, 1);
  EXPECT_EQ(stats->payload_bytes, std::ssize(SamplePrompt(3)));
  EXPECT_EQ(stats->changed_families, 1);
  EXPECT_EQ(stats->text_behind, 7);
  EXPECT_GE(stats->appends, 1);
  auto load = store().Load();
  ASSERT_TRUE(load) << load.error().message;
  EXPECT_EQ(load->changed_families, 1);
  EXPECT_EQ(load->text_behind, 7);
  EXPECT_EQ(load->appends, stats->appends);
  EXPECT_EQ(load->file_bytes, stats->file_bytes);
  ASSERT_TRUE(store().IndexText(100));
  ASSERT_TRUE(store().PutDocument("t", "c", "k", "v"));
  EXPECT_EQ(store().Load()->text_behind, 0);
  EXPECT_EQ(store().Load()->appends, stats->appends) << "only what was appended counts";
}

}  // namespace clawtrace::store

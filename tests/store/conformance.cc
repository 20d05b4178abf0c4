// Facts, payloads, positions and tenants.
#include <filesystem>

#include "store/steps.h"

namespace clawtrace::store {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreConformance);

void StoreConformance::SetUp() { Reopen(); }
void StoreConformance::TearDown() {
  if (store_) {
    auto report = store_->Check();
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_THAT(report->problems, IsEmpty());
  }
  store_.reset();
}
void StoreConformance::Reopen() {
  store_.reset();
  auto opened = GetParam().open(folder_.path());
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(*opened);
}

TEST_P(StoreConformance, FactsComeBackAsTheyWere) {
  Batch batch = SampleBatch("t", "s1", 0, 12);
  std::vector<Fact> given = batch.facts;
  Appended appended = Append(store(), batch);
  EXPECT_EQ(appended.facts_added, 12);
  EXPECT_EQ(appended.facts_known, 0);
  Read read = ReadAll(store(), "t", "s1");
  EXPECT_THAT(read.facts, UnorderedElementsAreArray(given));
  EXPECT_THAT(read.about.session_ids, ElementsAre("s1"));
  EXPECT_GE(read.about.sequence, appended.sequence);
}

TEST_P(StoreConformance, EveryFieldOfAFactComesBack) {
  Fact fact = SampleFact("s", 1);
  fact.ordinal = 0;
  fact.session = SessionInfo{.agent = "a",
                             .agent_version = "1",
                             .cwd = "/w",
                             .project = "p",
                             .task_id = "t",
                             .user = "u",
                             .agent_name = "n",
                             .forked_from = "f",
                             .billing = "subscription",
                             .notes = {"x", "", "y"},
                             .reported_cost = Usd::Pico(-5),
                             .reported_usage = Usage{.output = 1}};
  fact.user = UserTurn{.text = std::string("a\0b", 3), .text_bytes = -1, .is_meta = true};
  fact.llm->billed = false;
  fact.llm->other_reading = Usage{.cache_write_5m = 1, .cache_write_1h = 2, .cache_write_unknown = 3};
  fact.tool = ToolUse{.args_broken = true};
  fact.result = ToolResult{.exit_code = -1, .unchanged = true};
  fact.outcome =
      Outcome{.verdict = Verdict::kPartial, .source = OutcomeSource::kVerifier, .score_ppm = 0, .judge = "j"};
  fact.skill = SkillUse{.name = "n", .stage = SkillStage::kOpened, .path = "p", .call = "c"};
  fact.start_ns = 0, fact.end_ns = INT64_MIN;
  Fact empty;
  empty.source = "x", empty.session_id = "s";
  Batch batch{.tenant = "t"};
  batch.facts = {fact, empty};
  Append(store(), batch);
  EXPECT_THAT(ReadAll(store(), "t", "s").facts, UnorderedElementsAreArray({fact, empty}));
}

TEST_P(StoreConformance, RepetitionAddsNothingAndVersionsAreKept) {
  Append(store(), SampleBatch("t", "s", 0, 8));
  Appended again = Append(store(), SampleBatch("t", "s", 4, 8));
  EXPECT_EQ(again.facts_added, 4);
  EXPECT_EQ(again.facts_known, 4);
  Fact other = SampleFact("s", 1);
  other.llm->usage->output = 99;
  Batch version{.tenant = "t"};
  version.facts = {other, other};
  Appended third = Append(store(), version);
  EXPECT_EQ(third.facts_added, 1);
  EXPECT_EQ(third.facts_known, 1);
  EXPECT_THAT(ReadAll(store(), "t", "s").facts, SizeIs(13));
}

TEST_P(StoreConformance, SourceKindAndIdTellFactsApart) {
  Fact one = SampleFact("s", 0), source = one, kind = one, id = one;
  source.source = "otlp", kind.kind = FactKind::kLink, id.id = "other";
  Batch batch{.tenant = "t"};
  batch.facts = {one, source, kind, id};
  EXPECT_EQ(Append(store(), batch).facts_added, 4);
  EXPECT_THAT(ReadAll(store(), "t", "s").facts, UnorderedElementsAreArray({one, source, kind, id}));
}

TEST_P(StoreConformance, OrderOfReadingDoesNotDependOnArrival) {
  Append(store(), SampleBatch("t", "s", 0, 10));
  for (int n = 9; n >= 0; --n) Append(store(), SampleBatch("u", "s", n, 1));
  EXPECT_EQ(ReadAll(store(), "t", "s").facts, ReadAll(store(), "u", "s").facts);
}

TEST_P(StoreConformance, ReadingStopsWhenTold) {
  Append(store(), SampleBatch("t", "s", 0, 10));
  int seen = 0;
  auto read = store().ReadFacts("t", "s", Scope::kSession, [&](const Fact&) { return ++seen < 3; });
  ASSERT_TRUE(read);
  EXPECT_EQ(seen, 3);
}

TEST_P(StoreConformance, TenantsSeeNothingOfEachOther) {
  Batch batch = SampleBatch("ann", "s", 0, 8);
  batch.payloads = {{"x", "s", "id-1", "input", "secret"}};
  batch.positions = {{.key = "k"}};
  Append(store(), batch);
  PutSessions(store(), "ann", "s", {SampleSession("s", 1)});
  IndexAll(store());
  ASSERT_TRUE(store().PutDocument("ann", "keys", "k", "v"));
  Append(store(), SampleBatch("eve", "mine", 0, 1));
  auto ann_page = store().ListSessions("ann", {.limit = 1});
  ASSERT_TRUE(ann_page);
  for (std::string_view eve : {"eve", "nobody", "", "ann' OR '1'='1", "%"}) {
    EXPECT_THAT(ReadAll(store(), eve, "s").facts, IsEmpty());
    EXPECT_THAT(ReadAll(store(), eve, "s", Scope::kFamily).facts, IsEmpty());
    EXPECT_THAT(Must(store().ReadPayloads(eve, "s", "id-1")), IsEmpty());
    EXPECT_THAT(Must(store().Positions(eve)), IsEmpty());
    EXPECT_THAT(Must(store().ListSessions(eve, {})).sessions, IsEmpty());
    EXPECT_THAT(Must(store().FindSessions(eve, "s", 10)), IsEmpty());
    EXPECT_FALSE(store().ReadPage(eve, "s", "claude-code", 0));
    EXPECT_THAT(Must(store().DayTotals(eve, 0, 100000)), IsEmpty());
    EXPECT_THAT(Must(store().Search(eve, {.text = "zebra3"})).hits, IsEmpty());
    EXPECT_FALSE(store().GetDocument(eve, "keys", "k"));
    EXPECT_THAT(Must(store().DocumentKeys(eve, "keys")), IsEmpty());
    EXPECT_FALSE(Must(store().DeleteDocument(eve, "keys", "k")));
    EXPECT_FALSE(Must(store().PutCompiled(eve, {.session_id = "s", .sequence = UINT32_MAX})));
    EXPECT_EQ(Must(store().Remove(eve, {.session_id = "s"})).facts, 0);
    EXPECT_EQ(Must(store().MarkStale(eve, "another")), 0);
    EXPECT_THAT(Must(store().SessionsWithCalls(eve, "s", std::vector<uint64_t>{1})), IsEmpty());
  }
  EXPECT_THAT(ReadAll(store(), "ann", "s").facts, SizeIs(8));
  EXPECT_THAT(Must(store().DocumentKeys("ann", "keys")), ElementsAre("k"));
}

TEST_P(StoreConformance, PayloadsComeBackByteForByte) {
  std::vector<std::string> texts = {
      "",
      "x",
      "[]",
      "[1]",
      "{}",
      "{\"messages\":[]}",
      "[1,2",
      "{\"messages\":[{\"a\":1}",
      std::string(3, '\0'),
      std::string(100'000, 'a'),
      SamplePrompt(0),
      SamplePrompt(30),
      "  [ {\"a\" : \"]\\\"\"} , {\"b\":[1,2]} ]  \n",
      R"({"model":"m","tools":[1,2],"messages":[{"role":"user","content":"hi","cache_control":{"type":"ephemeral"}}],"x":"y"})"};
  std::string marked = SamplePrompt(20);
  marked.insert(marked.size() - 2, R"(,"cache_control":{"type":"ephemeral","ttl":"1h"})");
  texts.push_back(marked);
  std::string noise;
  uint64_t state = 1;
  for (int i = 0; i < 60'000; ++i)
    noise.push_back(static_cast<char>((state = state * 6364136223846793005 + 1) >> 56));
  texts.push_back(noise), texts.push_back("[" + noise + "]");
  Batch batch{.tenant = "t"};
  for (size_t i = 0; i < texts.size(); ++i)
    batch.payloads.push_back({"src", "s", "call-" + std::to_string(i), "input", texts[i]});
  EXPECT_EQ(Append(store(), batch).payloads_added, std::ssize(texts));
  EXPECT_EQ(Append(store(), batch).payloads_known, std::ssize(texts));
  for (size_t i = 0; i < texts.size(); ++i) {
    auto read = store().ReadPayloads("t", "s", "call-" + std::to_string(i));
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_THAT(*read, SizeIs(1));
    EXPECT_TRUE((*read)[0].bytes == texts[i]) << i;
  }
}

TEST_P(StoreConformance, PartsSourcesAndVersionsOfPayloadsStandBesideEachOther) {
  Batch batch{.tenant = "t"};
  batch.payloads = {{"a", "s", "c", "input", "one"},
                    {"a", "s", "c", "output", "one"},
                    {"b", "s", "c", "input", "one"},
                    {"a", "s", "c", "input", "two"},
                    {"a", "s2", "c", "input", "three"}};
  Append(store(), batch);
  auto read = store().ReadPayloads("t", "s", "c");
  ASSERT_TRUE(read);
  EXPECT_THAT(*read, ElementsAre(batch.payloads[0], batch.payloads[3], batch.payloads[1], batch.payloads[2]));
}

TEST_P(StoreConformance, SubAgentsAndLinksMakeAFamily) {
  Fact child = SampleFact("child", 0);
  child.kind = FactKind::kSession;
  child.session = SessionInfo{.parent_session = "root"};
  Fact spawn = SampleFact("root", 3);
  spawn.result->child_session = "other-child";
  Batch batch{.tenant = "t"};
  batch.facts = {child};
  Append(store(), batch);
  batch.facts = {spawn, SampleFact("other-child", 1), SampleFact("trace", 1), SampleFact("stranger", 1)};
  batch.links = {{"trace", "child"}};
  Append(store(), batch);
  Read read = ReadAll(store(), "t", "trace", Scope::kFamily);
  EXPECT_THAT(read.about.session_ids, ElementsAre("child", "other-child", "root", "trace"));
  EXPECT_THAT(read.facts, SizeIs(4));
  EXPECT_THAT(ReadAll(store(), "t", "trace").facts, SizeIs(1));
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("child", "stranger"));
}

TEST_P(StoreConformance, SkippedRecordsAreKeptOnce) {
  Batch batch{.tenant = "t"};
  SkippedRecord one{"s", {"a.jsonl", 3, 120, "not-json"}}, two{"s", {"a.jsonl", 2, 60, "not-json"}};
  batch.skipped = {one, two, one};
  Append(store(), batch);
  PutSessions(store(), "t", "s", {});
  Append(store(), batch);
  EXPECT_THAT(ReadAll(store(), "t", "s").about.skipped, ElementsAre(two, one));
  EXPECT_THAT(Changed(store(), "t"), IsEmpty());
}

TEST_P(StoreConformance, PositionsAreReplacedByKey) {
  SourcePosition one{.key = "b",
                     .device = ~uint64_t{0},
                     .inode = 2,
                     .size = 3,
                     .modified_ns = -4,
                     .offset = 5,
                     .head_hash = ~uint64_t{0},
                     .state = std::string("\0x", 2)};
  Append(store(), {.tenant = "t", .positions = {one, {.key = "a"}}});
  one.offset = 6;
  Append(store(), {.tenant = "t", .positions = {one}});
  EXPECT_THAT(Must(store().Positions("t")), ElementsAre(SourcePosition{.key = "a"}, one));
}

TEST_P(StoreConformance, ImpossibleBatchesAreRefusedWhole) {
  for (const std::string& bad : {std::string(), std::string(5000, 'x'), std::string("a\0b", 3)}) {
    Batch batch = SampleBatch("t", "s", 0, 3);
    batch.facts[1].session_id = bad;
    auto refused = AppendAndWait(store(), batch);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidInput);
  }
  EXPECT_THAT(ReadAll(store(), "t", "s").facts, IsEmpty());
}

TEST_P(StoreConformance, DocumentsArePutReadListedAndDeleted) {
  ASSERT_TRUE(store().PutDocument("t", "c", "k2", std::string("\0v", 2)));
  ASSERT_TRUE(store().PutDocument("t", "c", "k1", ""));
  ASSERT_TRUE(store().PutDocument("t", "d", "k1", "other"));
  ASSERT_TRUE(store().PutDocument("t", "c", "k1", "new"));
  EXPECT_EQ(Must(store().GetDocument("t", "c", "k1")), "new");
  EXPECT_EQ(Must(store().GetDocument("t", "c", "k2")), std::string("\0v", 2));
  EXPECT_EQ(store().GetDocument("t", "c", "k3").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(Must(store().DocumentKeys("t", "c")), ElementsAre("k1", "k2"));
  EXPECT_TRUE(Must(store().DeleteDocument("t", "c", "k1")));
  EXPECT_FALSE(Must(store().DeleteDocument("t", "c", "k1")));
  EXPECT_THAT(Must(store().DocumentKeys("t", "c")), ElementsAre("k2"));
}

}  // namespace clawtrace::store

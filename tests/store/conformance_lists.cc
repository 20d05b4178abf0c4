// What was compiled: changes, lists, totals, search.
#include <functional>

#include "store/steps.h"

namespace clawtrace::store {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_P(StoreConformance, LinkingCompiledFamiliesMakesTheOneStale) {
  Append(store(), SampleBatch("t", "a", 0, 2));
  Append(store(), SampleBatch("t", "b", 0, 2));
  PutSessions(store(), "t", "a", {SampleSession("a", 1)});
  PutSessions(store(), "t", "b", {SampleSession("b", 2)});
  EXPECT_THAT(Changed(store(), "t"), IsEmpty());
  Append(store(), {.tenant = "t", .links = {{"b", "a"}}});
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("a"));
  PutSessions(store(), "t", "b", {SampleSession("a", 1)});
  EXPECT_THAT(Ids(Must(store().ListSessions("t", {}))), ElementsAre("a"));
}

TEST_P(StoreConformance, ChangesAreToldUntilTheyAreCompiled) {
  EXPECT_THAT(Changed(store(), "t"), IsEmpty());
  Append(store(), SampleBatch("t", "b", 10, 2));
  Append(store(), SampleBatch("t", "a", 20, 2));
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("a", "b"));
  EXPECT_TRUE(Must(store().IsChanged("t", "a")));
  auto unknown = store().IsChanged("t", "c"), others = store().IsChanged("other", "a");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(others);
  auto quiet = store().ChangedFamilies("t", kSampleStart + 20 * kSecond, 10);
  ASSERT_TRUE(quiet);
  ASSERT_THAT(*quiet, SizeIs(1));
  EXPECT_EQ((*quiet)[0].session_id, "b");
  EXPECT_EQ((*quiet)[0].changed_ns, kSampleStart + 10 * kSecond);
  EXPECT_TRUE(PutSessions(store(), "t", "a", {SampleSession("a", 1)}));
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("b"));
  EXPECT_FALSE(Must(store().IsChanged("t", "a")));
  EXPECT_TRUE(Must(store().IsChanged("t", "b")));
  Append(store(), SampleBatch("t", "a", 20, 2));  // known
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("b"));
  Append(store(), SampleBatch("t", "a", 22, 1));
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("a", "b"));
}

TEST_P(StoreConformance, FactsThatCameMeanwhileLeaveAFamilyChanged) {
  Append(store(), SampleBatch("t", "a", 0, 2));
  uint64_t early = ReadAll(store(), "t", "a").about.sequence;
  Append(store(), SampleBatch("t", "a", 2, 2));
  uint64_t late = ReadAll(store(), "t", "a").about.sequence;
  EXPECT_TRUE(Must(
      store().PutCompiled("t", {.session_id = "a", .sequence = early, .sessions = {SampleSession("a", 1)}})));
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("a"));
  EXPECT_THAT(Ids(Must(store().ListSessions("t", {}))), ElementsAre("a"));
  EXPECT_TRUE(Must(
      store().PutCompiled("t", {.session_id = "a", .sequence = late, .sessions = {SampleSession("a", 2)}})));
  EXPECT_THAT(Changed(store(), "t"), IsEmpty());
  // Too late.
  EXPECT_FALSE(Must(store().PutCompiled("t", {.session_id = "a", .sequence = early, .sessions = {}})));
  EXPECT_EQ(Must(store().ListSessions("t", {})).sessions[0].llm_calls, 2);
  EXPECT_FALSE(Must(store().PutCompiled("t", {.session_id = "unknown", .sequence = late})));
}

TEST_P(StoreConformance, AnotherPriceBookMakesStale) {
  Append(store(), SampleBatch("t", "a", 0, 2));
  Append(store(), SampleBatch("t", "b", 0, 2));
  PutSessions(store(), "t", "a", {}, "book-1");
  PutSessions(store(), "t", "b", {}, "book-2");
  EXPECT_EQ(Must(store().MarkStale("t", "book-2")), 1);
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("a"));
  EXPECT_EQ(Must(store().MarkStale("t", "book-2")), 0);
  PutSessions(store(), "t", "a", {}, "book-2");
  EXPECT_THAT(Changed(store(), "t"), IsEmpty());
}

TEST_P(StoreConformance, SummariesPagesAndTotalsFollowTheLastCompilation) {
  Append(store(), SampleBatch("t", "a", 0, 2));
  Append(store(), SampleBatch("t", "b", 0, 2));
  CompiledSession a = SampleSession("a", 1), b = SampleSession("b", 2);
  PutSessions(store(), "t", "a", {a});
  PutSessions(store(), "t", "b", {b});
  auto found = store().FindSessions("t", "", 10);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(a.summary, b.summary));
  EXPECT_EQ(Must(store().ReadPage("t", "a", a.summary.agent, 1)), "page 1 of a");
  EXPECT_FALSE(store().ReadPage("t", "a", a.summary.agent, 2));
  EXPECT_FALSE(store().ReadPage("t", "a", "codex", 0));
  EXPECT_FALSE(store().ReadPage("t", "a", a.summary.agent, -1));
  auto totals = store().DayTotals("t", 0, 100000);
  ASSERT_TRUE(totals);
  ASSERT_THAT(*totals, SizeIs(2));
  // a is compiled anew and falls on b's day and model.
  a.spend = b.spend, a.pages.clear();
  PutSessions(store(), "t", "a", {a});
  totals = store().DayTotals("t", 0, 100000);
  ASSERT_THAT(*totals, SizeIs(1));
  EXPECT_EQ((*totals)[0].calls, 4);
  EXPECT_EQ((*totals)[0].tokens.cache_read, 40);
  EXPECT_EQ((*totals)[0].cost.pico(), 2 * b.spend[0].cost.pico());
  EXPECT_EQ((*totals)[0].model, "claude-sonnet-4");
  EXPECT_FALSE(store().ReadPage("t", "a", a.summary.agent, 0));
  EXPECT_THAT(Must(store().DayTotals("t", 20600, 20600)), IsEmpty());
  EXPECT_THAT(Must(store().DayTotals("t", 20600, 20601)), SizeIs(1));
}

TEST_P(StoreConformance, OneSessionOfTwoFamiliesIsRefused) {
  Append(store(), SampleBatch("t", "trace-1", 0, 1));
  Append(store(), SampleBatch("t", "trace-2", 0, 1));
  PutSessions(store(), "t", "trace-1", {SampleSession("conversation", 1)});
  auto again = store().PutCompiled(
      "t", {.session_id = "trace-2", .sequence = UINT32_MAX, .sessions = {SampleSession("conversation", 1)}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kInvalidInput);
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("trace-2"));
  EXPECT_THAT(Must(store().DayTotals("t", 0, 100000)), SizeIs(1));
}

TEST_P(StoreConformance, ListsFilterSortAndPage) {
  std::vector<SessionSummary> all;
  for (int n = 0; n < 25; ++n) {
    std::string id = fmt::format("session-{:02}", n * 7 % 25);
    Append(store(), SampleBatch("t", id, 0, 1));
    CompiledSession session = SampleSession(id, n);
    if (n == 13) session.summary.start_ns.reset();
    PutSessions(store(), "t", id, {session});
    session.summary.card.clear();
    all.push_back(session.summary);
  }
  auto by_start = [](const SessionSummary& s) {
    return std::pair(s.start_ns.value_or(INT64_MIN), s.session_id);
  };
  auto by_cost = [](const SessionSummary& s) {
    return std::pair(s.cost ? s.cost->pico() : INT64_MIN, s.session_id);
  };
  std::vector<SessionSummary> expected = all;
  std::ranges::sort(expected, std::greater(), by_start);
  EXPECT_EQ(ListAll(store(), "t", {.limit = 4}), expected);
  std::ranges::sort(expected, std::less(), by_start);
  EXPECT_EQ(ListAll(store(), "t", {.order = SessionOrder::kOldest, .limit = 1}), expected);
  std::ranges::sort(expected, std::greater(), by_cost);
  EXPECT_EQ(ListAll(store(), "t", {.order = SessionOrder::kDearest, .limit = 24}), expected);

  std::vector<std::pair<SessionFilter, std::function<bool(const SessionSummary&)>>> cases = {
      {{.agent = "codex"}, [](const SessionSummary& s) { return s.agent == "codex"; }},
      {{.agent = "nobody"}, [](const SessionSummary&) { return false; }},
      {{.task_id = "task-2"}, [](const SessionSummary& s) { return s.task_id == "task-2"; }},
      {{.project = "other"}, [](const SessionSummary&) { return false; }},
      {{.user = "ann"}, [](const SessionSummary& s) { return s.user == "ann"; }},
      {{.outcome = Verdict::kSuccess},
       [](const SessionSummary& s) { return s.outcome == Verdict::kSuccess; }},
      {{.cost_status = CostStatus::kUnpriced},
       [](const SessionSummary& s) { return s.cost_status == CostStatus::kUnpriced; }},
      {{.from_ns = kSampleStart + 3 * kSecond, .until_ns = kSampleStart + 8 * kSecond},
       [](const SessionSummary& s) {
         return s.start_ns && *s.start_ns >= kSampleStart + 3 * kSecond &&
                *s.start_ns < kSampleStart + 8 * kSecond;
       }},
      {{.until_ns = INT64_MAX}, [](const SessionSummary& s) { return s.start_ns.has_value(); }},
      {{.agent = "claude-code", .task_id = "task-1", .outcome = Verdict::kFailure, .from_ns = kSampleStart},
       [](const SessionSummary& s) {
         return s.agent == "claude-code" && s.task_id == "task-1" && s.outcome == Verdict::kFailure &&
                s.start_ns;
       }},
  };
  std::ranges::sort(all, std::greater(), by_start);
  for (const auto& [filter, keep] : cases) {
    expected.clear();
    std::ranges::copy_if(all, std::back_inserter(expected), keep);
    EXPECT_EQ(ListAll(store(), "t", {.filter = filter, .limit = 3}), expected);
  }
  auto with_cards = store().ListSessions("t", {.limit = 1, .with_cards = true});
  EXPECT_EQ(with_cards->sessions[0].card, "card of " + with_cards->sessions[0].session_id);
}

TEST_P(StoreConformance, CursorsHoldTheirPlaceAndBelongToTheirRequest) {
  for (int n = 0; n < 6; ++n) {
    std::string id = fmt::format("s{}", n);
    Append(store(), SampleBatch("t", id, 0, 1));
    CompiledSession session = SampleSession(id, n);
    session.summary.start_ns = 5;  // all at once
    PutSessions(store(), "t", id, {session});
  }
  auto first = store().ListSessions("t", {.limit = 2});
  ASSERT_TRUE(first);
  EXPECT_THAT(Ids(*first), ElementsAre("s5", "s4"));
  // One is added in front and the last one seen goes away.
  Append(store(), SampleBatch("t", "s9", 0, 1));
  CompiledSession late = SampleSession("s9", 9);
  PutSessions(store(), "t", "s9", {late});
  ASSERT_TRUE(store().Remove("t", {.session_id = "s4"}));
  EXPECT_THAT(Ids(Must(store().ListSessions("t", {.limit = 2, .cursor = first->next}))),
              ElementsAre("s3", "s2"));
  for (const ListRequest& other :
       {ListRequest{.filter = {.agent = "codex"}, .cursor = first->next},
        ListRequest{.order = SessionOrder::kDearest, .cursor = first->next}, ListRequest{.cursor = "zz"},
        ListRequest{.cursor = first->next.substr(1)}, ListRequest{.cursor = std::string(10'000, 'A')},
        ListRequest{.limit = 0}, ListRequest{.limit = kMaxPage + 1}}) {
    auto refused = store().ListSessions("t", other);
    ASSERT_FALSE(refused) << other.cursor;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidInput);
  }
  // Another tenant's cursor opens nothing.
  EXPECT_THAT(Must(store().ListSessions("u", {.limit = 2, .cursor = first->next})).sessions, IsEmpty());
}

TEST_P(StoreConformance, SessionsAreFoundByThePrefixOfTheirId) {
  for (std::string id : {"abc-1", "abc-2", "abd", "ab%", "é1"}) {
    Append(store(), SampleBatch("t", id, 0, 1));
    PutSessions(store(), "t", id, {SampleSession(id, 1)});
  }
  auto ids = [&](std::string_view prefix, int64_t limit) {
    std::vector<std::string> found;
    auto sessions = store().FindSessions("t", prefix, limit);
    EXPECT_TRUE(sessions);
    for (const auto& s : *sessions) found.push_back(s.session_id);
    return found;
  };
  EXPECT_THAT(ids("abc", 10), ElementsAre("abc-1", "abc-2"));
  EXPECT_THAT(ids("abc-2", 10), ElementsAre("abc-2"));
  EXPECT_THAT(ids("ab%", 10), ElementsAre("ab%"));
  EXPECT_THAT(ids("\xc3\xa9", 10), ElementsAre("é1"));
  EXPECT_THAT(ids("ab", 2), SizeIs(2));
  EXPECT_THAT(ids("x", 10), IsEmpty());
}

TEST_P(StoreConformance, CopiedCallsConnectFamilies) {
  auto session = [](const std::string& id, int64_t start, std::vector<CallTrace> calls) {
    CompiledSession made = SampleSession(id, 1);
    made.calls = {.id = id, .forked_from = "x", .start_ns = start, .calls = std::move(calls)};
    return made;
  };
  for (std::string id : {"a", "b", "c"}) Append(store(), SampleBatch("t", id, 0, 1));
  PutSessions(store(), "t", "a", {session("a", 1, {{7, 1}, {8, 2}})});
  PutSessions(store(), "t", "c", {session("c", 9, {{99, 1}})});
  EXPECT_THAT(Must(store().SessionsWithCalls("t", "b", std::vector<uint64_t>{8, 9, 7})), SizeIs(1));
  EXPECT_EQ((Must(store().SessionsWithCalls("t", "b", std::vector<uint64_t>{8})))[0].calls.size(), 2u);
  EXPECT_THAT(Must(store().SessionsWithCalls("t", "a", std::vector<uint64_t>{8})), IsEmpty());
  // b copies a call of a: whom it is charged to is to be decided anew. c has nothing to do with it.
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("b"));
  PutSessions(store(), "t", "b", {session("b", 5, {{8, 2}})});
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("a"));
  PutSessions(store(), "t", "a", {session("a", 1, {{7, 1}, {8, 2}})});
  EXPECT_THAT(Changed(store(), "t"), IsEmpty());
  // When the original goes, the copy is to be charged.
  ASSERT_TRUE(store().Remove("t", {.session_id = "a"}));
  EXPECT_THAT(Changed(store(), "t"), ElementsAre("b"));
}

TEST_P(StoreConformance, NobodyCrowdsTheSearchOfOthers) {
  auto saying = [](const std::string& tenant, int n, const std::string& text) {
    Batch batch = SampleBatch(tenant, "s", n * 6, 1);
    batch.facts[0].kind = FactKind::kUser, batch.facts[0].id = std::to_string(n);
    batch.facts[0].user = UserTurn{.text = text, .text_bytes = std::ssize(text)};
    return batch;
  };
  Append(store(), saying("t", 0, "needle"));
  // Words that might stand for a tenant in an index.
  std::string words = "needle";
  for (int number : {1, 2, 3})
    words += fmt::format(" zqtenantzq{0} {1}{0} {2}{0}", number, std::string(64, 'z'), std::string(60, 'z'));
  for (int n = 1; n <= 120; ++n) Append(store(), saying("u", n, words));
  IndexAll(store());
  EXPECT_EQ(Must(store().Search("t", {.text = "needle", .limit = 1})).hits.size(), 1u);
}

TEST_P(StoreConformance, SearchFindsWordsOfTheTenantsFacts) {
  Append(store(), SampleBatch("t", "s", 0, 12));
  Append(store(), SampleBatch("u", "s", 0, 12));
  EXPECT_THAT(Find(store(), "t", "zebra3"), IsEmpty());
  EXPECT_EQ(Must(store().Search("t", {.text = "zebra3"})).behind, 24);
  IndexAll(store());
  EXPECT_THAT(Find(store(), "t", "zebra3"), ElementsAre("s/id-3"));
  EXPECT_THAT(Find(store(), "t", "ZEBRA3 step"), ElementsAre("s/id-3"));
  EXPECT_THAT(Find(store(), "t", "zebra3 zebra7"), IsEmpty());
  EXPECT_THAT(Find(store(), "t", "src/file_2.cc"), ElementsAre("s/id-2"));
  EXPECT_THAT(Find(store(), "t", "\"step 7 with\""), ElementsAre("s/id-7"));
  EXPECT_THAT(Find(store(), "t", "\"with 7 step\""), IsEmpty());
  EXPECT_THAT(Find(store(), "t", "please", 1), SizeIs(3));
  auto hit = store().Search("t", {.text = "zebra3"});
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->behind, 0);
  EXPECT_EQ(hit->hits[0].kind, FactKind::kToolResult);
  EXPECT_EQ(hit->hits[0].source, "claude-code");
  EXPECT_EQ(hit->hits[0].start_ns, kSampleStart + 3 * kSecond);
  EXPECT_THAT(hit->hits[0].excerpt, testing::HasSubstr("zebra3"));
  EXPECT_EQ(hit->hits[0].listed_as, "") << "nothing is compiled yet";
  Append(store(), {.tenant = "t", .links = {{"s", "conversation"}}});
  PutSessions(store(), "t", "s", {SampleSession("conversation", 1)});
  EXPECT_EQ(Must(store().Search("t", {.text = "zebra3"})).hits[0].listed_as, "conversation");
  PutSessions(store(), "t", "s", {SampleSession("a", 1), SampleSession("s", 1)});
  EXPECT_EQ(Must(store().Search("t", {.text = "zebra3"})).hits[0].listed_as, "s");
  for (std::string odd : {"zebra3\"", "zebra3) OR (step", "zebra3*", "NEAR(zebra3)", "zebra3 AND", "-zebra3"})
    EXPECT_TRUE(store().Search("t", {.text = odd})) << odd;
  EXPECT_FALSE(store().Search("t", {.text = " \"\" --- "}));
  EXPECT_FALSE(store().Search(
      "t",
      {.text = "please", .cursor = Must(store().Search("t", {.text = "zebra3", .limit = 1})).next + "A"}));
}

}  // namespace clawtrace::store

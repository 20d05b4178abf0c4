// A session has one card, however it came: the facts of any recording, put into a store in any order,
// repeatedly and in pieces, give the card that `clawtrace card` gives of the files, byte for byte.
#include "history/history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "base/temp_folder_test_util.h"
#include "capture/gather.h"
#include "history/export.h"
#include "history/links.h"
#include "history/records.h"
#include "history/superseded.h"
#include "model/fact_hash.h"
#include "support/stored_cards.h"

namespace clawtrace {
namespace {

using namespace test;

// What a file says, as an import stores it.
class Intake final : public capture::FactSink {
 public:
  explicit Intake(std::string path) : path_(std::move(path)) {}
  void Add(Fact&& fact) override {
    if (first_.empty()) first_ = fact.session_id;
    facts.push_back(std::move(fact));
  }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    pending_.push_back({path_, line, offset, std::string(reason)});
  }
  void EndSession() override {
    for (Skipped& each : pending_) {
      if (!first_.empty()) skipped.push_back({first_, std::move(each)});
    }
    pending_.clear(), first_.clear();
  }
  std::vector<Fact> facts;
  std::vector<store::SkippedRecord> skipped;

 private:
  std::string path_, first_;
  std::vector<Skipped> pending_;
};

// Every fact of a folder in batches of random size and order, some twice.
std::vector<store::Batch> Deliveries(const fs::path& folder, std::mt19937& random) {
  capture::Plan plan = capture::PlanInputs({folder.string()});
  std::vector<store::Batch> batches;
  for (const capture::Unit& unit : plan.units) {
    std::vector<Fact> of_unit;
    for (const capture::InputFile& file : unit.files) {
      if (!file.importer) continue;
      Intake intake(file.path);
      std::ignore = capture::ReadFacts(file, plan, &intake);
      std::ranges::shuffle(intake.facts, random);
      std::ranges::copy(intake.facts, std::back_inserter(of_unit));
      store::Batch places;
      places.tenant = kTenant;
      places.skipped = intake.skipped;
      batches.push_back(std::move(places));
      for (size_t from = 0; from < intake.facts.size();) {
        size_t size = std::min<size_t>(1 + random() % 200, intake.facts.size() - from);
        store::Batch batch;
        batch.tenant = kTenant;
        batch.facts.assign(intake.facts.begin() + static_cast<std::ptrdiff_t>(from),
                           intake.facts.begin() + static_cast<std::ptrdiff_t>(from + size));
        from += size;
        if (random() % 4 == 0) batches.push_back(batch);
        batches.push_back(std::move(batch));
      }
    }
    store::Batch links;
    links.tenant = kTenant;
    links.links = history::LinksOf(of_unit);
    batches.push_back(std::move(links));
  }
  std::ranges::shuffle(batches, random);
  return batches;
}

class HistoryTest : public testing::Test {
 protected:
  static void ExpectSame(const fs::path& folder, uint32_t seed) {
    SCOPED_TRACE(folder.string());
    Cards want = CardsOfFiles(folder);
    std::mt19937 random(seed);
    TempFolder place;
    auto store = NewStore(place / "store.db");
    ASSERT_TRUE(store);
    auto batches = Deliveries(folder, random);
    size_t half = batches.size() / 2, count = 0;
    for (store::Batch& batch : batches) {
      auto appended = store::AppendAndWait(*store, std::move(batch));
      ASSERT_TRUE(appended) << appended.error().message;
      // What was compiled early changes nothing.
      if (++count == half) std::ignore = CardsOfStore(*store);
    }
    Cards got = CardsOfStore(*store);
    std::set<std::pair<std::string, std::string>> names;
    for (const auto& [name, card] : want) names.insert(name);
    for (const auto& [name, card] : got) names.insert(name);
    for (const auto& name : names) EXPECT_EQ(got[name], want[name]) << name.second << ":" << name.first;
  }
};

// Two calls and a tool of one session.
store::Batch Sample(int64_t now_ns) {
  store::Batch batch;
  batch.tenant = kTenant, batch.now_ns = now_ns;
  Fact session;
  session.kind = FactKind::kSession, session.source = "pi", session.session_id = "s-123456",
  session.id = "session";
  session.session = SessionInfo{};
  session.session->agent = "pi";
  batch.facts.push_back(session);
  for (int i = 0; i < 1200; ++i) {
    Fact call;
    call.kind = FactKind::kLlmCall, call.source = "pi", call.session_id = "s-123456";
    call.id = "call-" + std::to_string(i), call.ordinal = i, call.start_ns = int64_t{i} * 1'000'000'000;
    call.llm = LlmCall{};
    call.llm->model = "claude-sonnet-4-5";
    call.llm->usage = Usage{.uncached_input = 10, .output = 1};
    batch.facts.push_back(call);
  }
  return batch;
}

class StoredTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = NewStore(folder_ / "store.db");
    ASSERT_TRUE(store::AppendAndWait(*store_, Sample(1)));
  }
  history::SessionView View(std::string_view selector) {
    auto view = history::FindSession(*store_, kTenant, selector);
    EXPECT_TRUE(view) << view.error().message;
    return view.value_or(history::SessionView{});
  }
  TempFolder folder_;
  std::unique_ptr<store::Store> store_;
  history::HistoryOptions options_{&Book(), "test", std::string(kTenant)};
};

TEST_F(StoredTest, ASessionIsFoundByItsNames) {
  EXPECT_FALSE(history::FindSession(*store_, kTenant, "s-123456"));
  ASSERT_TRUE(history::CompileSession(*store_, options_, "s-123456"));
  for (const char* name : {"s-123456", "s-1234", "pi:s-123456", "pi:s-1234"})
    EXPECT_EQ(View(name).card.session_id, "s-123456") << name;
  for (const char* name : {"s-123", "codex:s-123456", "", "pi:", "s-1234567"}) {
    auto view = history::FindSession(*store_, kTenant, name);
    ASSERT_FALSE(view) << name;
    EXPECT_EQ(view.error().code, ErrorCode::kNotFound);
  }
  EXPECT_FALSE(history::FindSession(*store_, "other", "s-123456"));
  EXPECT_EQ(history::CompileSession(*store_, options_, "nobody").error().code, ErrorCode::kNotFound);
}

TEST_F(StoredTest, StepsComeInPages) {
  ASSERT_TRUE(history::CompileSession(*store_, options_, "s-123456"));
  history::SessionKey key{"s-123456", "pi"};
  std::vector<size_t> sizes;
  for (int64_t page = 0; page < 4; ++page)
    sizes.push_back(
        history::ReadSteps(*store_, kTenant, key, page).value_or(std::vector<CardStep>(1)).size());
  EXPECT_EQ(sizes, (std::vector<size_t>{500, 500, 200, 0}));
  EXPECT_EQ(history::ReadSteps(*store_, kTenant, {"s-123456", "codex"}, 0).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(history::ReadCard(*store_, kTenant, key)->steps.size(), 1200u);
}

TEST_F(StoredTest, TheLastJudgementOfAJudgeCounts) {
  Outcome good{Verdict::kSuccess, OutcomeSource::kUser, {}, "me"};
  Outcome bad{Verdict::kFailure, OutcomeSource::kUser, {}, "me"};
  auto outcome = [&] {
    EXPECT_TRUE(history::CompileSession(*store_, options_, "s-123456"));
    return View("s-123456").card.outcome;
  };
  EXPECT_EQ(outcome(), Verdict::kUnknown);
  ASSERT_TRUE(history::PutOutcome(*store_, kTenant, {"s-123456", bad, ""}, 10));
  EXPECT_EQ(outcome(), Verdict::kFailure);
  ASSERT_TRUE(history::PutOutcome(*store_, kTenant, {"s-123456", good, ""}, 20));
  EXPECT_EQ(outcome(), Verdict::kSuccess);
  ASSERT_TRUE(history::PutOutcome(*store_, kTenant, {"s-123456", bad, ""}, 15));
  EXPECT_EQ(outcome(), Verdict::kSuccess);
  // Another judge of the same rank who disagrees.
  bad.judge = "you";
  ASSERT_TRUE(history::PutOutcome(*store_, kTenant, {"s-123456", bad, ""}, 5));
  EXPECT_EQ(outcome(), Verdict::kPartial);
}

TEST_F(StoredTest, AJudgementMakesNoSession) {
  Outcome good{Verdict::kSuccess, OutcomeSource::kVerifier, {}, "oracle:x"};
  ASSERT_TRUE(history::PutOutcome(*store_, kTenant, {"not-told-yet", good, ""}, 10));
  while (*history::CompileChanged(*store_, options_, INT64_MAX, 10) > 0) continue;
  auto page = history::ListSessions(*store_, kTenant, {});
  ASSERT_TRUE(page);
  for (const history::SessionView& view : page->sessions) EXPECT_NE(view.card.session_id, "not-told-yet");
  EXPECT_EQ(history::FindSession(*store_, kTenant, "not-told-yet").error().code, ErrorCode::kNotFound);
}

TEST_F(StoredTest, EvidenceStaysBesideAJudgement) {
  Outcome good{Verdict::kSuccess, OutcomeSource::kVerifier, {}, "oracle:x"};
  ASSERT_TRUE(history::PutOutcome(*store_, kTenant, {"s-123456", good, R"({"checks":[]})"}, 10));
  ASSERT_TRUE(history::CompileSession(*store_, options_, "s-123456"));
  auto kept = history::ReadPayloads(*store_, kTenant, "s-123456", history::JudgementId("oracle:x"));
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_EQ(kept->front().bytes, R"({"checks":[]})");
  EXPECT_EQ(kept->front().part, "evidence");
}

TEST_F(StoredTest, ReplaysStayBesideASessionAndGoWithIt) {
  auto session = [&] {
    return std::move(history::ReadFamily(*store_, kTenant, "s-123456")->sessions.front());
  };
  ASSERT_TRUE(history::CompileSession(*store_, options_, "s-123456"));
  std::string hash_before = View("s-123456").card.source_hash;
  ReplayReport texts;
  texts.schema = "replay/1", texts.session_id = "s-123456", texts.workspace = "none";
  texts.steps_hash = HashOfSteps(session());
  ReplayReport executed = texts;
  executed.workspace = "given", executed.minimal.emplace().saved_usd = Usd::Pico(42);
  ReplayReport other_steps = executed;
  other_steps.steps_hash = "0", other_steps.needed = 99;
  ASSERT_TRUE(history::PutReplay(*store_, kTenant, executed, 10));
  ASSERT_TRUE(history::PutReplay(*store_, kTenant, texts, 20));
  ASSERT_TRUE(history::PutReplay(*store_, kTenant, other_steps, 30));
  auto best = history::GetReplay(*store_, kTenant, session());
  ASSERT_TRUE(best && *best);
  EXPECT_EQ(**best, executed) << "what was executed counts more than what was only read";
  EXPECT_TRUE(*store_->IsChanged(kTenant, "s-123456")) << "its card does not know yet";
  ASSERT_TRUE(history::CompileSession(*store_, options_, "s-123456"));
  EXPECT_EQ(View("s-123456").card.saveable_usd, Usd::Pico(42));
  EXPECT_EQ(View("s-123456").card.source_hash, hash_before) << "it is no fact of the session";
  ASSERT_TRUE(store_->Remove(kTenant, {.session_id = "s-123456", .before_ns = {}, .everything = false}));
  EXPECT_TRUE(store_->ReadPayloads(kTenant, "s-123456", "replay")->empty());
}

TEST_F(StoredTest, TotalsAreThoseOfTheCards) {
  EXPECT_EQ(*history::CompileChanged(*store_, options_, INT64_MAX, 10), 1);
  EXPECT_EQ(*history::CompileChanged(*store_, options_, INT64_MAX, 10), 0);
  auto days = *history::ReportTotals(*store_, kTenant, history::ReportKind::kDay, INT32_MIN, INT32_MAX);
  ASSERT_EQ(days.size(), 1u);
  EXPECT_EQ(days[0].key, "1970-01-01");
  EXPECT_EQ(days[0].calls, 1200);
  EXPECT_EQ(days[0].cost, *View("s-123456").card.total_cost_usd);
  auto models = *history::ReportTotals(*store_, kTenant, history::ReportKind::kModel, INT32_MIN, INT32_MAX);
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].key, "claude-sonnet-4-5");
}

TEST_F(StoredTest, WhatAnotherMadeIsCompiledAnew) {
  EXPECT_EQ(*history::CompileChanged(*store_, options_, INT64_MAX, 10), 1);
  options_.made_by = "test 2";
  EXPECT_EQ(*history::CompileChanged(*store_, options_, INT64_MAX, 10), 1);
  EXPECT_EQ(*history::CompileChanged(*store_, options_, INT64_MAX, 10), 0);
}

TEST_F(StoredTest, MarkedFactsDoNotHold) {
  Fact gone = Sample(1).facts.back();
  auto calls = [&] {
    EXPECT_TRUE(history::CompileSession(*store_, options_, "s-123456"));
    return View("s-123456").card.llm_call_count;
  };
  auto mark = [&](bool holds, int64_t now_ns) {
    store::Batch batch;
    batch.tenant = kTenant;
    batch.facts.push_back(history::MarkFact("s-123456", HashOf(gone), holds, now_ns));
    ASSERT_TRUE(store::AppendAndWait(*store_, std::move(batch)));
  };
  EXPECT_EQ(calls(), 1200);
  mark(false, 5);
  EXPECT_EQ(calls(), 1199);
  mark(true, 7);
  EXPECT_EQ(calls(), 1200);
  mark(false, 6);
  EXPECT_EQ(calls(), 1200);
}

TEST_F(HistoryTest, CardsOfOurRecordings) {
  uint32_t seed = 0;
  for (const fs::path& folder : FoldersBelow(test::SourceDir() / "tests/golden", 1))
    ExpectSame(folder, ++seed);
}

// Facts that were written out and read back are the same facts and give the same cards.
TEST_F(HistoryTest, ExportedFactsComeBack) {
  std::mt19937 random(3);
  for (const fs::path& folder : FoldersBelow(SourceDir() / "tests/golden", 1)) {
    SCOPED_TRACE(folder.string());
    TempFolder root;
    fs::create_directories(root / "logs");
    std::string texts[2];
    Cards cards[2];
    for (int round = 0; round < 2; ++round) {
      auto store = NewStore(root / ("store" + std::to_string(round)));
      ASSERT_TRUE(store);
      for (store::Batch& batch : Deliveries(round == 0 ? folder : root / "logs", random)) {
        batch.skipped.clear();  // places are not exported
        ASSERT_TRUE(store::AppendAndWait(*store, std::move(batch)));
      }
      cards[round] = CardsOfStore(*store);
      std::set<std::string> written;
      for (const auto& [name, card] : cards[round])
        ASSERT_TRUE(history::ExportFacts(*store, kTenant, name.first, &written,
                                         [&](const std::string& line) { texts[round] += line + "\n"; }));
      if (round == 0) ASSERT_TRUE(WriteFileAtomically(root / "logs/facts.jsonl", texts[0]));
    }
    EXPECT_EQ(texts[1], texts[0]);
    EXPECT_EQ(cards[1], cards[0]);
  }
}

TEST_F(HistoryTest, CardsOfClientsAndSuite) {
  CT_NEEDS_SHARED_DATA();
  uint32_t seed = 100;
  for (const fs::path& folder : FoldersBelow(test::SharedData() / "clients", 2)) ExpectSame(folder, ++seed);
  ExpectSame(test::SharedData() / "suite", ++seed);
}

}  // namespace
}  // namespace clawtrace

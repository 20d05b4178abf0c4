// Power loss and failing disks: what was acknowledged is there, whole and once, whatever else happened.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>

#include "store/faulty_files.h"
#include "store/samples.h"
#include "store/sqlite_store.h"

namespace clawtrace::store {
namespace {

using testing::IsEmpty;

constexpr const char* kPath = "/store.db";

Result<std::unique_ptr<Store>> OpenOn(const std::string& files) {
  // A short log, so that it is often moved into the file.
  return OpenSqliteStore({.path = kPath,
                          .secret = "sixteen bytes or more",
                          .commit_window_us = 0,
                          .log_pages = 24,
                          .vfs = files});
}

// The n-th batch of a run: some facts of one of two sessions, sometimes with prompts and a position.
Batch BatchOf(int n) {
  std::string session = n % 3 == 0 ? "a" : "b";
  Batch batch = SampleBatch("t", session, n * 10, 1 + n % 4);
  if (n % 5 == 0)
    batch.payloads = {{"x", session, "call-" + std::to_string(n), "input", SamplePrompt(n % 7)}};
  batch.positions = {{.key = "log", .offset = static_cast<uint64_t>(n)}};
  return batch;
}

using Facts = std::map<std::string, Fact>;  // by session and id

Facts FactsOf(Store& store) {
  Facts facts;
  for (std::string session : {"a", "b"}) {
    auto read = store.ReadFacts("t", session, Scope::kSession, [&](Fact fact) {
      std::string key = session + fact.id;
      EXPECT_TRUE(facts.emplace(key, std::move(fact)).second) << key << " is there twice";
      return true;
    });
    EXPECT_TRUE(read) << read.error().message;
    if (read) {
      EXPECT_EQ(read->damaged, 0);
    }
  }
  return facts;
}

// Batches whose facts are all there; one that is there in part is a failure.
std::set<int> BatchesIn(Store& store, int count) {
  Facts facts = FactsOf(store);
  std::set<int> there;
  size_t known = 0;
  for (int n = 0; n < count; ++n) {
    Batch batch = BatchOf(n);
    size_t found = 0;
    for (const Fact& fact : batch.facts) {
      auto stored = facts.find(fact.session_id + fact.id);
      if (stored == facts.end()) continue;
      EXPECT_EQ(stored->second, fact);
      ++found;
    }
    known += found;
    EXPECT_TRUE(found == 0 || found == batch.facts.size()) << "batch " << n << " is there in part";
    if (found == 0) continue;
    there.insert(n);
    for (const Payload& payload : batch.payloads) {
      auto read = store.ReadPayloads("t", payload.session_id, payload.id);
      EXPECT_TRUE(read && read->size() == 1 && (*read)[0] == payload) << "payload of batch " << n;
    }
  }
  EXPECT_EQ(known, facts.size());
  return there;
}

void ExpectSound(Store& store) {
  auto report = store.Check();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->problems, IsEmpty());
}

// What a store must hold after a run: every batch that was acknowledged.
void ExpectHolds(Store& store, const std::set<int>& acknowledged, int count) {
  std::set<int> there = BatchesIn(store, count);
  EXPECT_TRUE(std::ranges::includes(there, acknowledged));
}

class PowerLoss : public testing::TestWithParam<int> {};

// The power goes at every sync of a run: before it, so that what it would have written is in question.
TEST_P(PowerLoss, KeepsWhatWasAcknowledged) {
  constexpr int kBatches = 130;
  FaultyFiles files("power-loss"), after("after-power-loss");
  std::atomic<int> acknowledged = 0;
  int points = 0, with_the_next = 0;
  auto seed = static_cast<uint64_t>(GetParam()) * 1'000'003;
  auto store = OpenOn("power-loss");
  ASSERT_TRUE(store) << store.error().message;
  files.at_sync = [&] {
    int sure = acknowledged;
    after.Load(files.AfterPowerLoss(seed + static_cast<uint64_t>(++points)));
    auto survivor = OpenOn("after-power-loss");
    ASSERT_TRUE(survivor) << survivor.error().message;
    std::set<int> there = BatchesIn(**survivor, kBatches);
    // One at a time is under way: it is there or not, nothing of later ones is.
    EXPECT_GE(std::ssize(there), sure);
    EXPECT_LE(std::ssize(there), sure + 1);
    if (!there.empty()) {
      EXPECT_EQ(*there.rbegin(), std::ssize(there) - 1);
    }
    with_the_next += std::ssize(there) > sure;
    auto positions = (*survivor)->Positions("t");
    ASSERT_TRUE(positions);
    if (!there.empty()) {
      EXPECT_EQ((*positions)[0].offset, static_cast<uint64_t>(*there.rbegin()));
    }
    // Sending it again is right, and the store goes on.
    if (points % 16 == 0 && sure < kBatches) {
      EXPECT_TRUE(AppendAndWait(**survivor, BatchOf(sure)));
      EXPECT_EQ(std::ssize(BatchesIn(**survivor, kBatches)), sure + 1);
      ExpectSound(**survivor);
    }
  };
  for (int n = 0; n < kBatches; ++n) {
    auto done = AppendAndWait(**store, BatchOf(n));
    ASSERT_TRUE(done) << done.error().message;
    acknowledged = n + 1;
    if (n % 40 == 20) {
      ASSERT_TRUE((*store)->IndexText(1000));
    }
  }
  store->reset();
  files.at_sync = {};
  RecordProperty("sync_points", points);
  // Together the runs make at least 1,000 points.
  EXPECT_GE(points, 200);
  // Some survived by luck, or the losses were none.
  EXPECT_LT(with_the_next, points);
}
INSTANTIATE_TEST_SUITE_P(Runs, PowerLoss, testing::Range(1, 6));

struct Trouble {
  const char* name;
  Fault fault;
};
void PrintTo(const Trouble& trouble, std::ostream* out) { *out << trouble.name; }

class FailingDisk : public testing::TestWithParam<Trouble> {
 protected:
  FaultyFiles files_{"failing-disk"};
};

TEST_P(FailingDisk, IsRefusedAndThenGoesOn) {
  constexpr int kBatches = 40;
  std::set<int> acknowledged;
  auto store = OpenOn("failing-disk");
  ASSERT_TRUE(store);
  int refused = 0;
  for (int n = 0; n < kBatches; ++n) {
    if (n % 4 == 3) files_.Inject(GetParam().fault, n % 3 + 1);
    auto done = AppendAndWait(**store, BatchOf(n));
    if (done) {
      acknowledged.insert(n);
      continue;
    }
    ++refused;
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable) << done.error().message;
    files_.Inject(Fault::kNone, 0);
    auto again = AppendAndWait(**store, BatchOf(n));
    EXPECT_TRUE(again) << again.error().message;
    if (again) acknowledged.insert(n);
  }
  if (GetParam().fault != Fault::kReadFails) {
    EXPECT_GT(refused, 3);
  }
  EXPECT_GT(files_.faults_met(), 3);
  files_.Inject(Fault::kNone, 0);
  ExpectHolds(**store, acknowledged, kBatches);
  ExpectSound(**store);
  auto stats = (*store)->Stats();
  ASSERT_TRUE(stats);
  if (GetParam().fault == Fault::kSyncFails) {
    EXPECT_GT(stats->recoveries, 3);
  } else {
    EXPECT_EQ(stats->recoveries, 0);
  }
  EXPECT_EQ(std::ssize(acknowledged), kBatches);
}

// Faults at any time, for any number of operations, with the power going now and then.
TEST_P(FailingDisk, LosesNothingWhenThePowerGoesToo) {
  constexpr int kBatches = 150;
  std::mt19937_64 random(11);
  FaultyFiles after("after-failing-disk");
  std::set<int> acknowledged;
  auto store = OpenOn("failing-disk");
  ASSERT_TRUE(store);
  int refused = 0;
  for (int n = 0; n < kBatches; ++n) {
    if (random() % 3 == 0) files_.Inject(GetParam().fault, static_cast<int>(random() % 4));
    auto done = AppendAndWait(**store, BatchOf(n));
    if (done)
      acknowledged.insert(n);
    else
      ++refused;
    if (random() % 5 != 0) continue;
    after.Load(files_.AfterPowerLoss(random()));
    auto survivor = OpenOn("after-failing-disk");
    ASSERT_TRUE(survivor) << survivor.error().message;
    ExpectHolds(**survivor, acknowledged, kBatches);
  }
  if (GetParam().fault != Fault::kReadFails) {
    EXPECT_GT(refused, 10);
  }
  files_.Inject(Fault::kNone, 0);
  ExpectHolds(**store, acknowledged, kBatches);
  store->reset();
}

INSTANTIATE_TEST_SUITE_P(Troubles, FailingDisk,
                         testing::Values(Trouble{"Full", Fault::kFull},
                                         Trouble{"WriteFails", Fault::kWriteFails},
                                         Trouble{"WriteIsShort", Fault::kWriteIsShort},
                                         Trouble{"ReadFails", Fault::kReadFails},
                                         Trouble{"SyncFails", Fault::kSyncFails}),
                         [](const auto& trouble) { return trouble.param.name; });

}  // namespace
}  // namespace clawtrace::store

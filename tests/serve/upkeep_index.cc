// When the full-text index is filled: at once where little comes in, later where much does, never too late.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "base/temp_folder_test_util.h"
#include "pricing/pricing.h"
#include "serve/upkeep.h"
#include "store/sqlite_store.h"

namespace clawtrace {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class UpkeepIndex : public testing::Test {
 protected:
  UpkeepIndex() {
    store_ =
        store::OpenSqliteStore({.path = folder_ / "store.db", .secret = "sixteen bytes or more"}).value();
    serve::UpkeepOptions options;
    options.store = store_.get(), options.book = &book_, options.made_by = "test";
    options.now_ns = [this] { return now_ns_.load(); };
    options.every_ms = 3'600'000;  // this test asks for each round
    options.store_well = &store_well_;
    upkeep_.emplace(std::move(options));
  }
  ~UpkeepIndex() override {
    upkeep_.reset();
    store_.reset();
  }

  void Append(const std::string& word) {
    Fact fact;
    fact.source = "s", fact.session_id = word, fact.kind = FactKind::kUser, fact.id = word;
    fact.user = UserTurn{.text = word, .text_bytes = std::ssize(word)};
    store::Batch batch;
    batch.facts = {fact};
    ASSERT_TRUE(store::AppendAndWait(*store_, batch));
  }
  bool Finds(const std::string& word) { return !store_->Search("", {.text = word}).value().hits.empty(); }

  test::TempFolder folder_;
  PriceBook book_;
  std::unique_ptr<store::Store> store_;
  std::atomic<int64_t> now_ns_{1'800'000'000 * kSecond};
  std::atomic<bool> store_well_{true};
  std::optional<serve::Upkeep> upkeep_;
};

TEST_F(UpkeepIndex, WaitsWhileSomethingComesIn) {
  Append("one");
  ASSERT_TRUE(upkeep_->RunOnce());
  EXPECT_FALSE(Finds("one")) << "it came since the last round";
  ASSERT_TRUE(upkeep_->RunOnce());
  EXPECT_TRUE(Finds("one"));
}

TEST_F(UpkeepIndex, AStoreThatWorksAgainIsWellWithoutAnyClient) {
  store_well_ = false;
  ASSERT_TRUE(upkeep_->RunOnce());
  EXPECT_TRUE(store_well_);
}

TEST_F(UpkeepIndex, IsNeverFarBehind) {
  Append("one");
  ASSERT_TRUE(upkeep_->RunOnce());
  for (const char* word : {"two", "three"}) {
    now_ns_ += 4 * kSecond;
    Append(word);
    ASSERT_TRUE(upkeep_->RunOnce());
    EXPECT_FALSE(Finds("one"));
  }
  now_ns_ += 4 * kSecond;
  Append("four");
  ASSERT_TRUE(upkeep_->RunOnce());
  for (const char* word : {"one", "two", "three", "four"}) EXPECT_TRUE(Finds(word));
}

}  // namespace
}  // namespace clawtrace

#include "cli/corpus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "base/temp_folder_test_util.h"

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

const std::string kSource = CLAWTRACE_SOURCE_DIR;

class CorpusTest : public testing::Test {
 protected:
  void SetUp() override {
    world_.out = world_.err = &talk_;
    world_.threads = 2, world_.program = "test";
    auto tsv = ReadFile(kSource + "/data/prices.tsv");
    book_ = *PriceBook::FromTsv(*tsv, "prices.tsv");
  }

  // What a money view says: per session, its agent, project and spend.
  std::string Told(const std::string& input, Want want) {
    auto all = SummariseAll({input}, book_, world_, want);
    if (!all) return all.error().message;
    // In order of the ids: when a session began may be told by a line that money does not ask for.
    std::ranges::sort(*all, {}, [](const Compiled& item) { return item.card.session_id; });
    std::ostringstream out;
    for (const Compiled& item : *all) {
      if (item.spend.empty()) continue;
      out << item.card.agent << ' ' << item.card.session_id << ' ' << item.cwd << '\n';
      for (const auto& row : item.spend)
        out << "  " << row.day << ' ' << row.model << ' ' << row.calls << ' ' << row.unpriced << ' '
            << row.tokens.prompt() << ' ' << row.tokens.output << ' ' << row.cost.ToDecimal() << '\n';
    }
    return out.str();
  }
  std::string Cached(const std::string& input, Want want) {
    World cached = world_;
    cached.cache_dir = folder_ / "cache";
    std::swap(world_, cached);
    std::string told = Told(input, want);
    std::swap(world_, cached);
    return told;
  }
  // Two logs of which the second is a copy of the first that was resumed elsewhere and left again.
  std::string Fork() {
    fs::path log = kSource + "/tests/golden/claude-code/log-errors-failing";
    std::string text = *ReadFile(fs::directory_iterator(log)->path());
    fs::create_directories(folder_ / "logs");
    std::ofstream(folder_ / "logs/a.jsonl") << text;
    const std::string id = "28edf28c-65d7-489e-87fd-bffdb5d224fe";
    for (size_t at = 0; (at = text.find(id, at)) != std::string::npos;)
      text.replace(at, id.size(), "00000000-0000-4000-8000-000000000000");
    text += R"({"type":"user","uuid":"u","sessionId":"00000000-0000-4000-8000-000000000000","cwd":"/else",)"
            R"("timestamp":"2026-11-22T00:00:00Z","message":{"role":"user","content":"bye"}})"
            "\n";
    std::ofstream(folder_ / "logs/b.jsonl") << text;
    for (const auto& entry : fs::directory_iterator(folder_ / "logs"))
      fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - std::chrono::hours(1));
    return folder_ / "logs";
  }

  test::TempFolder folder_;
  std::ostringstream talk_;
  World world_;
  PriceBook book_;
};

TEST_F(CorpusTest, MoneyAloneIsWhatTheFullViewSays) {
  for (const std::string& input : {kSource + "/tests/golden", kSource + "/examples/recordings", Fork()}) {
    std::string full = Told(input, Want::kSummaries);
    EXPECT_GT(full.size(), 100u) << input;
    EXPECT_EQ(Told(input, Want::kTotals), full) << input;
  }
}

TEST_F(CorpusTest, WhatRanBeforeChangesNothing) {
  std::string logs = Fork();
  std::string truth = Told(logs, Want::kTotals);
  for (Want want : {Want::kTotals, Want::kSummaries, Want::kTotals, Want::kSummaries})
    EXPECT_EQ(Cached(logs, want), truth);
  std::string recordings = kSource + "/examples/recordings";
  truth = Told(recordings, Want::kSummaries);
  EXPECT_EQ(Cached(recordings, Want::kSummaries), truth);
  EXPECT_EQ(Cached(recordings, Want::kSummaries), truth);
}

TEST_F(CorpusTest, AFileThatGrewIsReadAgain) {
  std::string logs = Fork();
  std::string before = Cached(logs, Want::kTotals);
  std::string text = *ReadFile(logs + "/a.jsonl");
  fs::remove(logs + "/b.jsonl");
  std::string half = text.substr(0, text.rfind("\"assistant\""));
  std::ofstream(logs + "/a.jsonl") << half.substr(0, half.rfind('\n') + 1);
  std::string shorter = Cached(logs, Want::kTotals);
  EXPECT_NE(shorter, before);
  EXPECT_EQ(shorter, Told(logs, Want::kTotals));
  std::ofstream(logs + "/a.jsonl") << text;
  EXPECT_EQ(Cached(logs, Want::kTotals), Told(logs, Want::kTotals));
}

}  // namespace
}  // namespace clawtrace::cli

// Delivery changes nothing: the lines of a recording in any order, repeated, or split over several files give
// the card of the recording, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "base/file.h"
#include "base/temp_folder_test_util.h"
#include "base/text.h"
#include "capture/gather.h"
#include "compile/compile.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

const PriceBook& Book() {
  static const PriceBook book =
      *PriceBook::FromTsv(*ReadFile(test::SourceDir() / "data/prices.tsv"), "prices.tsv");
  return book;
}

std::string CardsOf(const fs::path& folder) {
  capture::Plan plan = capture::PlanInputs({folder.string()});
  std::map<std::string, std::string> cards;
  for (const capture::Unit& unit : plan.units) {
    for (const Session& session : capture::ReadUnit(unit, plan, {}).sessions) {
      cards[session.id] =
          EncodeCard(compile::CompileCard(PriceSession(session, Book()), Book()), DocFormat::kYaml);
    }
  }
  std::string all;
  for (auto& [id, card] : cards) all += card;
  return all;
}

std::vector<std::string> LinesOf(const fs::path& file) {
  std::string bytes = *ReadFile(file);
  std::vector<std::string> lines;
  for (std::string_view line : Split(bytes, '\n')) {
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

class Copy {
 public:
  explicit Copy(const fs::path& source) { fs::copy(source, root(), fs::copy_options::recursive); }
  const fs::path& root() const { return root_.path(); }
  std::vector<fs::path> Logs() const {
    std::vector<fs::path> logs;
    for (const auto& entry : fs::recursive_directory_iterator(root())) {
      if (entry.path().extension() == ".jsonl") logs.push_back(entry.path());
    }
    std::sort(logs.begin(), logs.end());
    return logs;
  }
  static void Write(const fs::path& file, const std::vector<std::string>& lines) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    for (const std::string& line : lines) out << line << '\n';
  }

 private:
  test::TempFolder root_;
};

std::vector<fs::path> Recordings() {
  std::vector<fs::path> cases;
  for (const char* format : {"claude-code", "codex", "openclaw"}) {
    if (!fs::exists(test::SourceDir() / "tests/golden" / format)) continue;
    for (const auto& entry : fs::directory_iterator(test::SourceDir() / "tests/golden" / format)) {
      if (entry.is_directory()) cases.push_back(entry.path());
    }
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

TEST(InvarianceTest, ThereAreRecordings) { EXPECT_GE(Recordings().size(), 3u); }

TEST(InvarianceTest, ShuffledLines) {
  std::mt19937 random(7);
  for (const fs::path& recording : Recordings()) {
    std::string want = CardsOf(recording);
    for (int round = 0; round < 5; ++round) {
      Copy copy(recording);
      for (const fs::path& log : copy.Logs()) {
        auto lines = LinesOf(log);
        std::shuffle(lines.begin(), lines.end(), random);
        Copy::Write(log, lines);
      }
      ASSERT_EQ(CardsOf(copy.root()), want) << recording << " round " << round;
    }
  }
}

TEST(InvarianceTest, RepeatedLines) {
  std::mt19937 random(8);
  for (const fs::path& recording : Recordings()) {
    std::string want = CardsOf(recording);
    Copy copy(recording);
    for (const fs::path& log : copy.Logs()) {
      auto lines = LinesOf(log);
      auto again = lines;
      std::shuffle(again.begin(), again.end(), random);
      lines.insert(lines.end(), again.begin(), again.end());
      Copy::Write(log, lines);
    }
    EXPECT_EQ(CardsOf(copy.root()), want) << recording;
  }
}

TEST(InvarianceTest, FilesReadInAnyOrderOrTwice) {
  for (const fs::path& recording : Recordings()) {
    std::string want = CardsOf(recording);
    Copy copy(recording);
    for (const fs::path& log : copy.Logs()) {
      // A copy beside the original, as backups make them. Sidecars go along.
      fs::path twin = log.parent_path() / ("zz-" + log.filename().string());
      fs::copy_file(log, twin);
      fs::path meta = log;
      meta.replace_extension(".meta.json");
      if (fs::exists(meta)) fs::copy_file(meta, log.parent_path() / ("zz-" + meta.filename().string()));
    }
    std::string got = CardsOf(copy.root());
    EXPECT_EQ(got, want) << recording;
  }
}

}  // namespace
}  // namespace clawtrace

#include "distill/merge/meaning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "base/growth_test_util.h"
#include "base/text.h"
#include "skill/blocks.h"

namespace clawtrace::distill {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(MeaningTest, Polarity) {
  for (const char* asks :
       {"Always check the result.", "Use `x`, not `y`.", "Do not skip the check.",
        "When you do not know, ask.", "**Safety**: use a copy", "If the file is not there, create it.",
        "Prefer copies over links.", "Not only read but also check.",
        "Before writing, never mind: read. Do not guess."}) {
    bool odd = std::string_view(asks).starts_with("Before");
    EXPECT_EQ(MeaningOf(asks).forbids, odd) << asks;
  }
  for (const char* forbids :
       {"Never check twice.", "Don't use `x`.", "Don\xe2\x80\x99t use x.", "Avoid reading the file again.",
        "You must not write there.", "**Never hard-code values**: use formulas.",
        "When in doubt, do not guess.", "Skip the listing.", "Do not When writing formulas, use a copy.",
        "Note: never do that."}) {
    EXPECT_TRUE(MeaningOf(forbids).forbids) << forbids;
  }
}

TEST(MeaningTest, TimeGrowsWithTheText) {
  for (std::string piece : {"a\xe2\x80\x99", "` ", "a before b, ", "not only "}) {
    auto make = [&](size_t bytes) { return test::Repeated(piece, bytes); };
    EXPECT_TRUE(test::GrowsWithText(make, 100000, [](const std::string& text) { (void)MeaningOf(text); }))
        << piece;
  }
}

TEST(MeaningTest, ValuesConditionsAndNames) {
  Meaning m =
      MeaningOf("When it rains: sort `rows` ascending, 5 at a time, into out/data.csv with load_workbook");
  EXPECT_EQ(m.condition, "it rains");
  EXPECT_THAT(m.values, ElementsAre("ascending:ascending", "n:5", "p:out/data.csv", "rows:rows"));
  EXPECT_THAT(m.names, ElementsAre("5", "load_workbook", "out/data.csv", "rows"));
  EXPECT_THAT(MeaningOf("Use tabs").values, MeaningOf("use a tab").values);
  EXPECT_THAT(MeaningOf("read and/or write the input/output").values, IsEmpty());
}

TEST(MeaningTest, SameAndNotTheSame) {
  auto same = [](const char* a, const char* b) { return SaysSame(MeaningOf(a), MeaningOf(b), 60); };
  EXPECT_TRUE(same("Read a file once and keep its text.", "Read files once; keep the text."));
  EXPECT_FALSE(same("Read a file once and keep its text.", "Never read a file once and keep its text."));
  EXPECT_FALSE(same("Retry the download 3 times.", "Retry the download 5 times."));
  EXPECT_FALSE(same("Build the index before running the tests.", "Run the tests before building the index."));
  EXPECT_FALSE(same("When it rains: read a file once.", "Read a file once."));
}

TEST(MeaningTest, ContradictionsByType) {
  auto type = [](const char* a, const char* b) {
    auto found = ContradictionOf(MeaningOf(a), MeaningOf(b));
    EXPECT_EQ(found, ContradictionOf(MeaningOf(b), MeaningOf(a))) << a << " / " << b;
    return found;
  };
  EXPECT_EQ(type("Read the whole log first.", "Do not read the whole log first."), ConflictType::kPolarity);
  EXPECT_EQ(type("Retry the download 3 times.", "Retry the download 5 times."),
            ConflictType::kExclusiveValues);
  EXPECT_EQ(type("Sort the report ascending.", "Sort the report descending."),
            ConflictType::kExclusiveValues);
  EXPECT_EQ(type("Write the report to out/a.csv.", "Write the report to out/b.csv."),
            ConflictType::kExclusiveValues);
  EXPECT_EQ(type("Build the index before running the tests.", "Run the tests before building the index."),
            ConflictType::kOrder);
  EXPECT_EQ(type("Run the tests, then build the index.", "Build the index, then run the tests."),
            ConflictType::kOrder);
  EXPECT_EQ(type("When the log is huge: do not read the whole log first.", "Read the whole log first."),
            ConflictType::kConditionOverlap);
  EXPECT_EQ(
      type("When it rains: read the whole log first.", "When tests fail: do not read the whole log first."),
      std::nullopt);
  EXPECT_EQ(type("Read the whole log first.", "Never commit generated files."), std::nullopt);
  EXPECT_EQ(type("Never retry the download 3 times.", "Never retry the download 5 times."), std::nullopt);
}

TEST(MeaningTest, AChoiceAgainstItsReverseWhateverTheReason) {
  auto type = [](const std::string& a, const std::string& b) {
    auto found = ContradictionOf(MeaningOf(a), MeaningOf(b));
    EXPECT_EQ(found, ContradictionOf(MeaningOf(b), MeaningOf(a))) << a << " / " << b;
    return found;
  };
  for (const std::string ours :
       {"Use `python3` instead of `python`, which is not installed in these workspaces.",
        "Use `python3` instead of `python` because the machines of this team have no other interpreter."}) {
    for (const char* theirs :
         {"Use `python` instead of `python3`.",
          "Use `python` instead of `python3`, which is not installed here.", "Use `python`, not `python3`.",
          "Use `python` (not `python3`).", "Prefer `python` over `python3`.", "Prefer python over python3.",
          "Use `python` rather than `python3` so that every machine runs the same.",
          "Instead of `python3`, use `python`.", "Use `python` \xe2\x80\x94 not `python3`.",
          "In these workspaces, use `python` instead of `python3` since the images are old."})
      EXPECT_EQ(type(ours, theirs), ConflictType::kPolarity) << theirs;
    for (const char* fits : {"Use `python3`, not `python`.", "Prefer `python3` over `python`.",
                             "Instead of `python`, use python3.", "Use `python3` instead of `python2`.",
                             "Use `pip3` instead of `pip`, which is not installed.",
                             "Use `python -m pytest` instead of `pytest`, which is not installed here."})
      EXPECT_EQ(type(ours, fits), std::nullopt) << fits;
  }
  EXPECT_EQ(type("Search the tree with `rg` instead of `grep`, which is slow.",
                 "Search with `grep` instead of `rg`, since it is everywhere."),
            ConflictType::kPolarity);
  EXPECT_EQ(type("Run `pytest` instead of `python -m pytest`.", "Use `python -m pytest`, not `pytest`."),
            ConflictType::kPolarity);
  EXPECT_EQ(
      type("Use tabs instead of spaces.", "Use spaces instead of tabs, which editors show at any width."),
      ConflictType::kPolarity);
  // Elsewhere, or for something else, both can be followed.
  EXPECT_EQ(type("In `src/`, use tabs instead of spaces.", "In `docs/`, use spaces instead of tabs."),
            std::nullopt);
  EXPECT_EQ(type("Search names with `rg` instead of `grep`.", "Search archives with `grep` instead of `rg`."),
            std::nullopt);
}

// What counts as a rule in a released skill: items of six words, other lines of ten.
std::vector<std::string> RulesIn(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".md") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> rules;
  for (const auto& path : files) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    for (const skill::Block& block : skill::ParseBlocks(text.str())) {
      auto words = static_cast<size_t>(std::count(block.text.begin(), block.text.end(), ' ')) + 1;
      bool item = block.kind == skill::BlockKind::kItem && words >= 6;
      bool line = block.kind == skill::BlockKind::kParagraph && words >= 10;
      if (item || line) rules.push_back(block.text);
    }
  }
  return rules;
}

// The opposite of a rule with a share of its words left out; the word that turns it stays.
std::string Reversed(const std::string& rule, unsigned percent, std::mt19937* random) {
  std::vector<std::string> words;
  for (std::string_view word : Split(rule, ' ')) words.emplace_back(word);
  std::vector<std::string> kept;
  bool was_negative = MeaningOf(rule).forbids, turned = false;
  for (const std::string& word : words) {
    std::string plain;
    for (char c : ToLower(word)) {
      if (c >= 'a' && c <= 'z') plain.push_back(c);
    }
    bool negation = plain == "never" || plain == "not" || plain == "avoid" || plain == "dont";
    if (was_negative && negation && !turned) {
      turned = true;
      kept.push_back("Always");
      continue;
    }
    if ((*random)() % 100 >= percent) kept.push_back(word);
  }
  std::string out = was_negative ? "" : "Do not ";
  for (const std::string& word : kept) out += word + " ";
  return out;
}

TEST(MeaningTest, ReversalsInReleasedSkillsAreFound) {
  std::filesystem::path root = std::filesystem::path(CLAWTRACE_SOURCE_DIR) / "../shared/data/skills";
  if (!std::filesystem::is_directory(root)) GTEST_SKIP() << root << " is not here";
  std::vector<std::string> rules = RulesIn(root / "xlsx-122B");
  for (const std::string& rule : RulesIn(root / "xlsx-35B")) rules.push_back(rule);
  ASSERT_GT(rules.size(), 100u);
  std::vector<Meaning> meanings;
  for (const std::string& rule : rules) meanings.push_back(MeaningOf(rule));
  size_t alarms = 0;
  for (size_t i = 0; i < meanings.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      auto found = ContradictionOf(meanings[i], meanings[k]);
      if (!found || *found == ConflictType::kConditionOverlap) continue;
      ++alarms;
    }
  }
  EXPECT_LE(alarms, 5u) << "of " << rules.size() << " rules";
  std::mt19937 random(7);
  for (unsigned percent : {0u, 20u, 40u}) {
    size_t found = 0, all = 0;
    for (int round = 0; round < 5; ++round) {
      for (size_t i = 0; i < rules.size(); ++i, ++all) {
        auto type = ContradictionOf(meanings[i], MeaningOf(Reversed(rules[i], percent, &random)));
        found += type == ConflictType::kPolarity || type == ConflictType::kConditionOverlap;
      }
    }
    std::printf("%zu rules, %u %% of words left out: %zu of %zu reversals found, %zu alarms\n", rules.size(),
                percent, found, all, alarms);
    EXPECT_GE(found * 100, all * 85) << percent;
  }
}

}  // namespace
}  // namespace clawtrace::distill

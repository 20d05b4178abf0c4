#include "distill/merge/other_words.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "distill/merge/rule_pairs_test_util.h"

namespace clawtrace::distill {
namespace {

struct Words {
  std::string_view was, is, problem;
};

constexpr std::string_view kAgain =
    "Do not read a file again while nothing has changed it: its text is already in the conversation.";
constexpr std::string_view kOpen =
    "When the task names the files to work on: Open the named files directly; do not list folders first.";
constexpr std::string_view kPython =
    "Use `python3` instead of `python`, which is not installed in these workspaces.";
constexpr std::string_view kRepeat =
    "Do not repeat a failed call unchanged: read its error, change the call or its cause, then try again.";

TEST(OtherWordsTest, HonestOnesAreTaken) {
  constexpr auto kHonest = std::to_array<std::pair<std::string_view, std::string_view>>({
      {kAgain,
       "Never read the file again while nothing has changed it: its text is already in the conversation."},
      {kAgain,
       "Don\xe2\x80\x99t read a file again while nothing has changed it: its text is already in the "
       "conversation"},
      {kOpen,
       "When the task names the files to work on: Open named files directly; never list directories first."},
      {kRepeat,
       "Never repeat a failed call unchanged: read its error, modify the call or its cause, then try again."},
      {"Create the output folder before writing into it: `mkdir -p <dir>`.",
       "Create the output directory prior to writing into it: `mkdir -p <dir>`."},
      {"Before handing in, run the tests.", "Run the tests before handing in."},
      {"Do not run `make test` more than 2 times.", "Never execute `make test` more often than two times."},
      {"Please quote paths that hold blanks.", "Always quote the paths that hold blanks."},
      {"If the file isn't there, make it.", "When the file is not there, make it."},
      {"Delete edited files.", "Remove altered files."},
      {"Lies jede Datei einmal.", "Lies jede Datei einmal."},
  });
  for (const auto& [was, is] : kHonest) {
    EXPECT_EQ(ProblemOfOtherWords(was, is), "") << was << " | " << is;
    EXPECT_EQ(ProblemOfOtherWords(is, was), "") << is << " | " << was;
  }
}

TEST(OtherWordsTest, NothingElseIsTaken) {
  constexpr auto kOther = std::to_array<Words>({
      {kPython, "Use `python` instead of `python3`, which is not installed in these workspaces.",
       "refused_order"},
      {kPython, "Use python3 instead of `python`, which is not installed in these workspaces.",
       "refused_names"},
      {kOpen,
       "When the task names the files to work on: Open the named files directly; always list folders first.",
       "refused_polarity"},
      {kOpen, "Open the named files directly; do not list folders first.", "refused_condition"},
      {kOpen,
       "When the task names the files to work on: Do not open the named files directly; list folders first.",
       "refused_polarity"},
      {kAgain, "Do not read a file again : its text is already in the conversation.", "refused_condition"},
      {kAgain, "Do not read a file again while nothing has changed it.", "refused_words"},
      {kRepeat,
       "Do not repeat a call unchanged: read its error, change the call or its cause, then try again.",
       "refused_words"},
      {kRepeat, "Do not repeat a failed call unchanged.", "refused_words"},
      {kRepeat,
       "Do not repeat a failed call unchanged: read its error, change the call or its cause, then try again "
       "and send the results to the boss.",
       "refused_words"},
      {"Read the whole file.", "Read the whole file..", "refused_punctuation"},
      {"Read the whole file.", "Read the **whole** file.", "refused_punctuation"},
      {"Do not stop, retry.", "Do not stop retry.", "refused_punctuation"},
      {"Read a page; do not write it.", "Do not read a page; write it.", "refused_polarity"},
      {"Skip files that do not change.", "Skip files that never change.", "refused_polarity"},
      {"Delete edited files.", "Delete edit files.", "refused_words"},
      {"Open the log; do not edit the script.", "Open the script; do not edit the log.", "refused_order"},
      {"Run it just before the release.", "Run it only before the release.", "refused_condition"},
      {"Keep the log unless the disk is full.", "Keep the log when the disk is full.", "refused_condition"},
      {"When the host is down, wait and read the log.", "Wait and read the log when the host is down.",
       "refused_order"},
      {"Read the log of the US server.", "Read the log of the us server.", "refused_names"},
      {"Lies jede Datei einmal.", "Lies keine Datei einmal.", "refused_words"},
  });
  for (const Words& each : kOther) {
    EXPECT_EQ(ProblemOfOtherWords(each.was, each.is), each.problem) << each.was << " | " << each.is;
    EXPECT_NE(ProblemOfOtherWords(each.is, each.was), "") << each.is << " | " << each.was;
  }
}

// Whatever is another rule for who compares rules is no rewording.
TEST(OtherWordsTest, OnlySameRulesAreTaken) {
  int taken = 0;
  for (const auto& pairs : {kKnownPairs, kAsidePairs}) {
    for (const RulePair& pair : pairs) {
      bool same = ProblemOfOtherWords(pair.one, pair.other).empty();
      EXPECT_EQ(same, ProblemOfOtherWords(pair.other, pair.one).empty()) << pair.one;
      EXPECT_TRUE(!same || pair.is == PairIs::kSame) << pair.one << " | " << pair.other;
      taken += same;
    }
  }
  EXPECT_GE(taken, 9);
}

}  // namespace
}  // namespace clawtrace::distill

// Which lines a command or a tool was asked for, and forms of which that is not certain.
#include "tools/read_range.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace clawtrace::tools {
namespace {

// "PATH FIRST-LAST", "-" for no end, "LAST N" for the end of the file, "#" when numbered; "" = not certain.
std::string RangeOfLine(std::string_view command) {
  Step step;
  step.kind = StepKind::kToolUse, step.tool.name = "bash";
  step.tool.args = fmt::format(R"({{"command":"{}"}})", command);
  step.tool.args_bytes = static_cast<int64_t>(step.tool.args.size());
  auto range = RangeOf(step, MeaningOf(step.tool, "/w"));
  if (!range) return "";
  std::string lines = range->from_end > 0        ? fmt::format("last {}", range->from_end)
                      : range->last == INT64_MAX ? fmt::format("{}-", range->first)
                                                 : fmt::format("{}-{}", range->first, range->last);
  return range->path + " " + lines + (range->numbered ? " #" : "");
}

TEST(ReadRangeTest, CommandsThatShowLines) {
  EXPECT_EQ(RangeOfLine("cat a"), "a 1-");
  EXPECT_EQ(RangeOfLine("cat -n ./a"), "a 1- #");
  EXPECT_EQ(RangeOfLine("nl -ba /w/a"), "a 1- #");
  EXPECT_EQ(RangeOfLine("nl -b a a"), "a 1- #");
  EXPECT_EQ(RangeOfLine("head a"), "a 1-10");
  for (std::string_view count : {"-n 5", "-n5", "-5", "--lines=5"}) {
    EXPECT_EQ(RangeOfLine(fmt::format("head {} a", count)), "a 1-5") << count;
    EXPECT_EQ(RangeOfLine(fmt::format("tail {} a", count)), "a last 5") << count;
  }
  EXPECT_EQ(RangeOfLine("head a -n 5"), "a 1-5");
  EXPECT_EQ(RangeOfLine("tail a"), "a last 10");
  EXPECT_EQ(RangeOfLine("tail -n +7 a"), "a 7-");
  EXPECT_EQ(RangeOfLine("tail -n +0 a"), "a 1-");
}

TEST(ReadRangeTest, ScriptsOfSed) {
  EXPECT_EQ(RangeOfLine("sed -n '1,200p' a"), "a 1-200");
  EXPECT_EQ(RangeOfLine("sed -n 7p a"), "a 7-7");
  EXPECT_EQ(RangeOfLine("sed -n '7,$p' a"), "a 7-");
  EXPECT_EQ(RangeOfLine("sed -n '$p' a"), "a last 1");
  EXPECT_EQ(RangeOfLine("sed -n '7,+3p' a"), "a 7-10");
  EXPECT_EQ(RangeOfLine("sed -n '7,3p' a"), "a 7-7");
  EXPECT_EQ(RangeOfLine("sed -n -e '3,9p' a"), "a 3-9");
  EXPECT_EQ(RangeOfLine("sed -ne '3,9p' a"), "a 3-9");
  EXPECT_EQ(RangeOfLine("sed --quiet '3,9p;9q' a"), "a 3-9");
  EXPECT_EQ(RangeOfLine("/usr/bin/sed -n '3,9p' a 2>/dev/null"), "a 3-9");
}

TEST(ReadRangeTest, RangesOfBat) {
  EXPECT_EQ(RangeOfLine("bat a"), "a 1-");
  EXPECT_EQ(RangeOfLine("batcat -p --color=never --paging=never a"), "a 1-");
  EXPECT_EQ(RangeOfLine("bat -r 3:9 a"), "a 3-9");
  EXPECT_EQ(RangeOfLine("bat --line-range=3: a"), "a 3-");
  EXPECT_EQ(RangeOfLine("bat -r :9 a"), "a 1-9");
  EXPECT_EQ(RangeOfLine("bat -r 7 a"), "a 7-7");
  for (std::string_view line : {"bat -n a", "bat -A a", "bat -r -9: a", "bat -r 3:+9 a", "bat -r 9:3 a",
                                "bat -r : a", "bat -r x a", "bat -r 1:2 -r 5:6 a", "bat a b",
                                "bat --pager=rm a", "bat cache --clear", "bat --decorations=always a"})
    EXPECT_EQ(RangeOfLine(line), "") << line;
}

TEST(ReadRangeTest, OfAllThatAnotherShows) {
  EXPECT_EQ(RangeOfLine("nl -ba a | sed -n '3,9p'"), "a 3-9 #");
  EXPECT_EQ(RangeOfLine("cat a | head -n 20"), "a 1-20");
  EXPECT_EQ(RangeOfLine("cat -n a | tail -5"), "a last 5 #");
  for (std::string_view line :
       {"sed -n '3,9p' a | nl", "sed -n '3,9p' a | head -2", "cat a && head -5", "cat a | sed -n '3,9p' b",
        "cat a | grep x", "cat a | head -5 | tail -1", "cat a; sed -n '3,9p'", "cat a | cat -n"})
    EXPECT_EQ(RangeOfLine(line), "") << line;
}

TEST(ReadRangeTest, WhatIsNotCertainIsNotSaid) {
  for (std::string_view line : {"sed '1,5p' a",
                                "sed -n '/x/p' a",
                                "sed -n '/x/,$p' a",
                                "sed -n '1~2p' a",
                                "sed -n '1,5p;9p' a",
                                "sed -n '1,5p;3q' a",
                                "sed -n '0,5p' a",
                                "sed -n '1,5{p}' a",
                                "sed -n '1,/x/p' a",
                                "sed -n '5!p' a",
                                "sed -n '1,5p' a b",
                                "sed -n '1,5p'",
                                "sed -n -f script a",
                                "sed -n -e '1p' -e '5p' a",
                                "sed -nE '1,5p' a",
                                "sed -n '1,5p' *.c",
                                "sed -n 's/a/b/p' a",
                                "sed -n '5,p' a",
                                "sed -n '5,+p' a",
                                "head -n -5 a",
                                "head -c 20 a",
                                "head -n 5 a b",
                                "head -n x a",
                                "head -v a",
                                "tail -f a",
                                "tail -c 20 a",
                                "tail -n 0 a",
                                "tail -n -- a",
                                "tail -n",
                                "head --lines 5 a",
                                "cat -A a",
                                "cat a b",
                                "cat",
                                "nl -s: a",
                                "nl -b t a",
                                "cat $F",
                                "cd b && cat a",
                                "less a"})
    EXPECT_EQ(RangeOfLine(line), "") << line;
}

TEST(ReadRangeTest, WhatCoversWhat) {
  const ReadRange all, head{.last = 20}, middle{.first = 5, .last = 9}, end{.from_end = 5},
      longer_end{.from_end = 9};
  EXPECT_TRUE(all.Covers(end) && all.Covers(middle) && head.Covers(middle) && longer_end.Covers(end));
  EXPECT_FALSE(head.Covers(end) || end.Covers(longer_end) || end.Covers(middle) || end.Covers(all));
  EXPECT_TRUE(head.Overlaps(middle) && head.Overlaps(end));
  EXPECT_FALSE(middle.Overlaps({.first = 10}));
}

}  // namespace
}  // namespace clawtrace::tools

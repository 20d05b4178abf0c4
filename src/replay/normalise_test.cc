#include "replay/normalise.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace clawtrace::replay {
namespace {

struct Case {
  std::string_view text, want;
};

TEST(NormaliseTest, NamesWhatNoSecondRunRepeats) {
  const Case kCases[] = {
      // times and dates
      {"at 2026-11-21T03:55:18.081Z", "at <time>"},
      {"2026-11-21 03:55:18,081 INFO x", "<time> INFO x"},
      {"2026-11-21 03:55:18 +0000 x", "<time> x"},
      {"on 2026-11-21.", "on <time>."},
      {"Sat Nov 21 03:55:18 UTC 2026", "<time>"},
      {"Nov 21 03:55 x", "<time> x"},
      {"Sat, 21 Nov 2026 03:55:18 GMT", "<time>"},
      {"03:55:18 up", "<time> up"},
      {"10:20 to 10:30", "10:20 to 10:30"},  // may be anything
      {"May 3 apples", "May 3 apples"},
      // durations
      {"Ran 4 tests in 0.002s", "Ran 4 tests in <duration>"},
      {"real\t0m0.012s", "real\t<duration>"},
      {"took 12ms, 3 seconds", "took <duration>, <duration>"},
      {"3 passed in 1.25 s", "3 passed in <duration>"},
      {"3 sheep, 5min", "3 sheep, 5min"},
      {"v1.2s", "v1.2s"},
      // ids
      {"id 01a1fc3e-8478-71d2-aa73-644ac4907352.", "id <id>."},
      {"[main 4ed24d5] build", "[main <id>] build"},
      {"<object at 0x7f3a2b1c>", "<object at <id>>"},
      {"1234567 deadbeef facade12", "1234567 deadbeef <id>"},  // numbers and words stay
      {"MIG-4471 order_2a", "MIG-4471 order_2a"},
      {"PID: 4711, pid=12", "PID: <pid>, pid=<pid>"},
      // temporary paths
      {"in /tmp/tmp8w_x1k2q/a.txt", "in /tmp/<tmp>/a.txt"},
      {"/var/tmp/run.Xy12Z9/b", "/var/tmp/<tmp>/b"},
      {"/tmp/demo/out.txt /tmp/output", "/tmp/demo/out.txt /tmp/output"},
      // terminals
      {"\x1b[31mred\x1b[0m \x1b]0;title\atext", "red text"},
      {"10%\r50%\rdone\r\nnext  \n\n", "done\nnext"},
      // shells
      {"/bin/bash: line 1: python: command not found", "<shell>: python: command not found"},
      {"bash: line 7: python: command not found", "<shell>: python: command not found"},
      {"./shop/cart.py", "shop/cart.py"},
  };
  for (const Case& c : kCases) EXPECT_EQ(NormaliseOutput(c.text), c.want) << c.text;
}

TEST(NormaliseTest, ListingsKeepNamesModesAndSizesOfFiles) {
  EXPECT_EQ(NormaliseOutput("total 8\n"
                            "drwxr-xr-x 6 root root 120 Nov 21 03:55 .\n"
                            "drwxrwxrwt 3 root root  60 Nov 21 03:55 ..\n"
                            "drwxr-xr-x 8 root root 260 Nov 21 03:55 .git\n"
                            "-rw-r--r-- 1 ann  ann  152 Nov 21  2025 app.json\n"
                            "lrwxrwxrwx 1 root root   8 2026-11-21 03:55 link -> app.json\n"
                            "-rwxr-x--- 1 root root 1.5K 2026-11-21 03:55:18.000000000 +0000 a b\n"
                            "drwxr-xr-x 2 root root  60 Nov 21 03:55 config\n"),
            "-rw-r--r-- 152 app.json\nlrwxrwxrwx <size> link -> app.json\n-rwxr-x--- 1.5K a b\n"
            "drwxr-xr-x <size> config");
  EXPECT_EQ(NormaliseOutput("total 0\n"), "");
  EXPECT_EQ(NormaliseOutput("total 12 sheep"), "total 12 sheep");
  EXPECT_EQ(NormaliseOutput("./.git/config\n./a\n.git\n.gitignore"), "a\n.gitignore");
}

OutputMatch Compared(std::string_view recorded, std::string_view executed, bool cut = false) {
  return CompareOutputs({.recorded = recorded, .recorded_cut = cut, .executed = executed});
}

TEST(CompareOutputsTest, OrderOfLinesIsTheSecondTry) {
  EXPECT_TRUE(Compared("a\nb\n", "a\nb").same);
  EXPECT_TRUE(Compared("\n\na\nb", "b\na\n").same);
  EXPECT_FALSE(Compared("a\na\nb", "a\nb\nb").same);
  EXPECT_FALSE(Compared("a b", "b a").same) << "one line's words have an order";
  EXPECT_TRUE(Compared("ls: x.sh: 11: no folder\ncannot open", "ls: cannot open\nx.sh: 11: no folder").same)
      << "two programs cut into each other's lines";
  const std::string two = "sh: cannot create a\nls: cannot access b\n";
  EXPECT_TRUE(Compared(two, "sh: cannot crls: cannot access b\neate a\n").same) << "within a word";
  EXPECT_TRUE(Compared("ls: x.sh: no a\nno b\n", "x.sh: no als: no b\n\n").same);
  EXPECT_FALSE(Compared(two, "sh: cannot create a\nls: cannot access c\n").same);
  EXPECT_FALSE(Compared("took 12 of a\nand 21 of b\n", "took 1 of a\nand 221 of b\n").same) << "nor numbers";
  OutputMatch differs = Compared("a\nb\nc", "a\nx\nc");
  EXPECT_EQ(differs.difference, "line 2: \"b\" recorded, \"x\" executed");
  EXPECT_EQ(Compared("a\nb", "a").difference, "line 2: \"b\" recorded, nothing executed");
  EXPECT_LE(Compared(std::string(5000, 'a'), std::string(5000, '\xff')).difference.size(), 200u);
}

TEST(CompareOutputsTest, WhatWasCutIsComparedAsFarAsItGoes) {
  OutputMatch match = Compared("a\nb\nc", "a\nb\ncdef\ng", true);
  EXPECT_TRUE(match.same && match.partial && !match.nothing_kept);
  EXPECT_FALSE(Compared("a\nx\nc", "a\nb\ncdef", true).same);
  EXPECT_TRUE(Compared("half a li", "half a line", true).nothing_kept);
  match = Compared("a\nb\n... [120 lines truncated] ...\ny\nz", "a\nb\nc\nd\ny\nz");
  EXPECT_TRUE(match.same && match.partial);
  EXPECT_FALSE(Compared("a\nb\n... [120 lines truncated] ...\ny\nz", "a\nb\nc\nd\ny\nq").same);
  EXPECT_FALSE(Compared("a\nb\n[... left out ...]", "a\nc\nd").same);
  EXPECT_TRUE(Compared("[... left out ...]\ny\nz", "a\ny\nz").same);
  match = Compared(
      "a\nbegin\xE2\x80\xA6"
      "120 tokens truncated\xE2\x80\xA6"
      "end\nz",
      "a\nbegin to end\nz");
  EXPECT_TRUE(match.same && match.partial);
  // A program that says so itself has been recorded whole.
  EXPECT_FALSE(Compared("log ... truncated\nx", "log ... truncated\nx").partial);
}

TEST(NormaliseTest, AnyTextIsLikeItself) {
  EXPECT_TRUE(rc::check([](const std::vector<std::string>& bits) {
    static constexpr std::string_view kBits[] = {"2026-11-21",
                                                 "T03:55:18",
                                                 "Nov 21 03:55",
                                                 "0.2s",
                                                 "4ed24d5",
                                                 "/tmp/tmpab12cd",
                                                 "pid 12",
                                                 "\x1b[1m",
                                                 "\r",
                                                 "\n",
                                                 " ",
                                                 "total 4",
                                                 "-rw-r--r-- 1 r r 5 Nov 21 03:55 x",
                                                 "bash: line 3: ",
                                                 "./",
                                                 "...truncated"};
    std::string text;
    for (const std::string& bit : bits) text += bit.size() % 3 ? std::string(kBits[bit.size() % 16]) : bit;
    RC_ASSERT(Compared(text, text).same);
    (void)Compared(text, NormaliseOutput(text), true);
  }));
}

}  // namespace
}  // namespace clawtrace::replay

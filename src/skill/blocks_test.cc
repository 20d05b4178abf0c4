#include "skill/blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/growth_test_util.h"
#include "base/text.h"

namespace clawtrace::skill {
namespace {

// "KIND/LEVEL PATH: TEXT" a block.
std::vector<std::string> Told(std::string_view text) {
  std::vector<std::string> out;
  for (const Block& block : ParseBlocks(text)) {
    std::string line(WordOf(block.kind));
    if (block.level > 0) line += "/" + std::to_string(block.level);
    out.push_back(line + " " + block.heading_path + ": " + block.text);
  }
  return out;
}
using testing::ElementsAre;

TEST(BlocksTest, TellsStructureFromCode) {
  std::string text =
      "\xef\xbb\xbf---\r\nname: x\r\n---\r\n# One `a` *b*\r\n\r\n```sh\r\n# Candidates\r\n- no "
      "item\r\n```\r\n"
      "Setext\r\n------\r\n- first\r\n  second line\r\n* other\r\n\r\n1. ordered\r\n<!--\r\n## "
      "hidden\r\n-->\r\n> ## quoted\r\n\r\n    ## code\r\n";
  EXPECT_THAT(Told(text),
              ElementsAre("front matter : \xef\xbb\xbf--- name: x ---", "heading/1 : One a b",
                          "code One a b: # Candidates\n- no item\n", "heading/2 One a b: Setext",
                          "item/1 One a b > Setext: first second line", "item/1 One a b > Setext: other",
                          "item/1 One a b > Setext: ordered", "html One a b > Setext: <!-- ## hidden -->",
                          "quote One a b > Setext: > ## quoted", "code One a b > Setext: ## code\n"));
  std::vector<Block> blocks = ParseBlocks(text);
  EXPECT_EQ(text.substr(blocks[3].begin, blocks[3].end - blocks[3].begin), "Setext\r\n------\r\n");
  EXPECT_EQ(text.substr(blocks[4].begin, blocks[4].end - blocks[4].begin), "- first\r\n  second line\r\n");
  EXPECT_EQ(LineEndOf(text), "\r\n");
  EXPECT_THAT(Told("a\r\r# c\r- d\r"), ElementsAre("paragraph : a", "heading/1 : c", "item/1 c: d"));
}

TEST(BlocksTest, AnItemEndsBeforeItsSubItems) {
  EXPECT_THAT(Told("- a\n  more\n\n  ```\n  x\n  ```\n  - b\n    1. c\n\n    tail\n- d\n- - e\n"),
              ElementsAre("item/1 : a more ``` x ```", "item/2 : b", "item/3 : c", "paragraph : tail",
                          "item/1 : d", "item/2 : e"));
  EXPECT_THAT(Told("- # no heading\n- x\n\n  # none either\n\n## Yes\n"),
              ElementsAre("item/1 : # no heading", "item/1 : x # none either", "heading/2 : Yes"));
}

TEST(BlocksTest, HeadingsStandUnderHigherOnes) {
  EXPECT_THAT(Told("### deep\ntext\n# A\n## B\n### C\n## B\n# D\n***\n| a |\n|---|\n| b |\n"),
              ElementsAre("heading/3 : deep", "paragraph deep: text", "heading/1 : A", "heading/2 A: B",
                          "heading/3 A > B: C", "heading/2 A: B", "heading/1 : D", "rule D: ***",
                          "table D: | a | |---| | b |"));
}

TEST(BlocksTest, LinesThatTheLibraryDropsAreBlocks) {
  EXPECT_THAT(
      Told("text\n\n[x]: http://e.org\n[y]: http://e.org\n\nmore\n"),
      ElementsAre("paragraph : text", "paragraph : [x]: http://e.org [y]: http://e.org", "paragraph : more"));
  EXPECT_THAT(Told("[x]: http://e.org\n"), ElementsAre("paragraph : [x]: http://e.org"));
}

TEST(BlocksTest, TheHashIsOfKindAndText) {
  std::vector<Block> blocks = ParseBlocks("- same  words\n\nsame words\n\n# H\n\n1. same\n   words\n");
  ASSERT_EQ(blocks.size(), 4u);
  EXPECT_EQ(blocks[0].hash, blocks[3].hash);
  EXPECT_NE(blocks[0].hash, blocks[1].hash);
  EXPECT_EQ(blocks[0].hash, HashOfBlock(BlockKind::kItem, "same words"));
}

TEST(BlocksTest, KnowsWhatStaysOneItem) {
  for (const char* plain :
       {"Use `mkdir -p <dir>` first.", "When x: # y - z", "a | b", "**Bold**: text", "*x* y"})
    EXPECT_TRUE(IsPlainItem(plain)) << plain;
  for (const char* other : {"# x", "- x", "1. x", "```", "~~~ x", "> x", "", "***", "a\n# b", "<!-- x",
                            "<div>x", "hidden <!-- x --> text", "[x]: http://e.org", "    code"})
    EXPECT_FALSE(IsPlainItem(other)) << other;
}

std::vector<std::string> CodeTold(const std::string& text) {
  std::vector<std::string> told;
  for (const CodeRange& range : CodeRanges(text))
    told.push_back((range.closed ? "" : "open ") + text.substr(range.begin, range.end - range.begin));
  return told;
}

TEST(BlocksTest, AFenceEndsWithItsItemOrQuote) {
  EXPECT_THAT(CodeTold("- a\n\n  ```\n  x\n\n## T\n\ny\n"), ElementsAre("  ```\n  x\n\n"));
  EXPECT_THAT(CodeTold("- a\n  ```\n  x\n- b\n"), ElementsAre("  ```\n  x\n"));
  EXPECT_THAT(CodeTold("> ~~~\r\n> x\r\ny\r\n"), ElementsAre("> ~~~\r\n> x\r\n"));
  EXPECT_THAT(CodeTold("- ```\n[x]: y\n"), ElementsAre("- ```\n"));
  // What stands behind the item closes nothing in it.
  EXPECT_THAT(CodeTold("- ```\n  x\n```\ny\n"), ElementsAre("- ```\n  x\n", "open ```\ny\n"));
  EXPECT_THAT(CodeTold("- ```\n  x\n  ```\n\n```\ny\n```\n"),
              ElementsAre("- ```\n  x\n  ```\n", "```\ny\n```\n"));
  EXPECT_THAT(CodeTold("- a\n\n  ```\n  x\n\n"), ElementsAre("open   ```\n  x\n\n"));
  EXPECT_THAT(CodeTold("```\n```"), ElementsAre("```\n```"));
  EXPECT_THAT(CodeTold("```\nx"), ElementsAre("open ```\nx"));
}

TEST(BlocksTest, NestingHasAnEnd) {
  for (const char* marker : {"- ", "* ", "1. ", "> ", ">", "- > ", "-\t"}) {
    std::string text = test::Repeated(marker, 400000) + "x\n\n# End\n";
    std::vector<Block> blocks = ParseBlocks(text);
    ASSERT_FALSE(blocks.empty()) << marker;
    EXPECT_EQ(blocks.back().text, "End") << marker;
    EXPECT_LT(blocks.size(), 300u) << marker;
    EXPECT_TRUE(CodeRanges(text).empty()) << marker;
  }
  EXPECT_FALSE(IsPlainItem(test::Repeated("- ", 400000) + "x"));
  // Ordinary depth, and lines that only look deep, are what they were.
  std::string deep, told;
  for (int i = 0; i < 40; ++i) deep += std::string(static_cast<size_t>(2 * i), ' ') + "- a\n";
  EXPECT_EQ(Told(deep).back(), "item/40 : a");
  EXPECT_THAT(Told(test::Repeated("- ", 1000) + "\n"),
              ElementsAre("rule : " + std::string(Trim(test::Repeated("- ", 1000)))));
  std::string code = std::string(300, ' ') + "y\n";
  EXPECT_THAT(Told("```\n" + code + "```\n"), ElementsAre("code : " + code));
}

TEST(BlocksTest, ManySpansStayText) {
  // One paragraph with more marks than any reader takes in: words of code and of titles stay as they are.
  std::string many = test::Repeated("a[0] *p _q <b> ", 6000);
  EXPECT_THAT(
      Told(many + "\n```\n" + many + "\n```\n# T [a](b) *c*\n"),
      ElementsAre("paragraph : " + std::string(Trim(many)), "code : " + many + "\n", "heading/1 : T a c"));
  EXPECT_THAT(Told("*a*\n" + many + "\n[x]: http://e.org\n***\n"),
              ElementsAre("paragraph : *a* " + many + "[x]: http://e.org", "rule : ***"));
}

TEST(BlocksTest, TimeGrowsWithTheText) {
  auto parse = [](const std::string& text) {
    ParseBlocks(text);
    CodeRanges(text);
  };
  for (std::string piece : {"![[]()", "- ", "> ", "[", "*a _b ", "<?", "<!A ", "[a](<b", "`a``", "[\n![\n]()",
                            "*", "_", "*\n", "**a "}) {
    auto make = [&](size_t bytes) { return test::Repeated(piece, bytes) + "x\n"; };
    EXPECT_TRUE(test::GrowsWithText(make, 30000, parse)) << piece;
  }
  auto blank = [](size_t bytes) {
    return test::Repeated("- ", bytes / 2) + "x\n" + std::string(bytes / 2, '\n');
  };
  EXPECT_TRUE(test::GrowsWithText(blank, 30000, parse));
  auto title = [](size_t bytes) {
    return "# " + std::string(bytes / 2, 'h') + "\n" + test::Repeated("- a\n", bytes / 2);
  };
  EXPECT_TRUE(test::GrowsWithText(title, 50000, parse));
  auto defined = [](size_t bytes) {
    return "[x]: http://" + std::string(bytes / 2, 'h') + "\n\n" + test::Repeated("[x] ", bytes / 2);
  };
  EXPECT_TRUE(test::GrowsWithText(defined, 40000, parse));
}

// Pieces that interact, in any order: blocks lie in order, none over another, and hold every line with text.
TEST(BlocksTest, CoverEveryLineOfAnyText) {
  const std::vector<std::string> pieces = {"# A\n",
                                           "## B\n",
                                           "text\n",
                                           "\n",
                                           "- item\n",
                                           "  more\n",
                                           "1. one\n",
                                           "```\n",
                                           "> q\n",
                                           "    code\n",
                                           "* star\n",
                                           "\t- tab\n",
                                           "| t |\n|---|\n",
                                           "---\n",
                                           "\r",
                                           "<b>\n",
                                           "<!--\n",
                                           "-->\n",
                                           "[x]: y\n",
                                           "- - two\n",
                                           "\xff\xfe\n",
                                           "  - sub\n",
                                           "===\n",
                                           "~~~~\n",
                                           "- ```\n",
                                           "-\n",
                                           "\r\n",
                                           "   3) three\n",
                                           std::string("\0\n", 2),
                                           "\xef\xbb\xbf",
                                           "- > # x\n",
                                           "     - far\n"};
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string text = random() % 2 ? "---\nname: demo\n---\n" : "";
    for (size_t i = random() % 14; i > 0; --i) text += pieces[random() % pieces.size()];
    if (random() % 4 == 0 && !text.empty()) text.pop_back();
    size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
    for (const Block& block : ParseBlocks(text)) {
      ASSERT_LE(block.begin == 0 ? 0 : at, block.begin) << text;
      ASSERT_LT(block.begin, block.end) << text;
      std::string between = block.begin > at ? text.substr(at, block.begin - at) : "";
      ASSERT_TRUE(Trim(between).empty()) << text;
      ASSERT_TRUE(block.begin == 0 || block.begin == at || text[block.begin - 1] == '\n' ||
                  text[block.begin - 1] == '\r')
          << text;
      at = block.end;
    }
    ASSERT_TRUE(Trim(text.substr(at)).empty()) << text;
  }
}

}  // namespace
}  // namespace clawtrace::skill

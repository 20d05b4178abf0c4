#include "replay/content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace clawtrace::replay {
namespace {

using testing::Contains;
using testing::IsSupersetOf;
using testing::Not;

std::set<std::string> Strong(std::string_view text) {
  std::set<std::string> pieces;
  for (const Piece& piece : PiecesOf(text)) {
    if (IsStrong(piece.kind)) pieces.emplace(text.substr(piece.begin, piece.size));
  }
  return pieces;
}
std::set<std::string> Weak(std::string_view text) {
  std::set<std::string> pieces;
  for (const Piece& piece : PiecesOf(text)) {
    if (!IsStrong(piece.kind)) pieces.emplace(text.substr(piece.begin, piece.size));
  }
  return pieces;
}
std::set<uint64_t> Hashes(std::string_view text, bool strong) {
  std::set<uint64_t> hashes;
  for (const Piece& piece : PiecesOf(text)) {
    if (IsStrong(piece.kind) == strong) hashes.insert(piece.hash);
  }
  return hashes;
}

TEST(Pieces, PathsNumbersNamesAndQuotedStringsAreStrong) {
  EXPECT_THAT(Strong("see docs/MIGRATION.md from 10:20, ticket MIG-4471, calc_total, 4096 \"two words\""),
              IsSupersetOf({"docs/MIGRATION.md", "10:20", "MIG-4471", "calc_total", "4096", "two words"}));
}

TEST(Pieces, WhatIsShortOrPlainIsWeak) {
  EXPECT_THAT(Weak("cache,12 copied: 3"), IsSupersetOf({"cache", "cache,", "copied:", "3"}));
  EXPECT_THAT(Strong("cache, the"), testing::IsEmpty());
}

std::set<std::string> ToldPieces(std::string_view text) {
  std::set<std::string> pieces;
  for (const Piece& piece : PiecesOf(text, Voice::kTold))
    pieces.emplace(text.substr(piece.begin, piece.size));
  return pieces;
}

TEST(Pieces, EverybodysWordsAreToldOnlyAsValues) {
  EXPECT_THAT(Weak("of md false"), testing::ElementsAre("false", "md", "of")) << "as an agent says them";
  EXPECT_THAT(ToldPieces("this is not a new file of md"), testing::IsEmpty());
  EXPECT_THAT(ToldPieces("verbose: false\ncountry=DE\n\"on\": \"no\",\nyes\n"),
              IsSupersetOf({"false", "DE", "no", "yes"}));
}

TEST(Pieces, WordsOfAnnouncementsAreToldOnlyInRuns) {
  auto told = [](std::string_view text, PieceKind kind) {
    return std::ranges::count(PiecesOf(text, Voice::kTold), kind, &Piece::kind);
  };
  EXPECT_EQ(told("create the folder first", PieceKind::kWord), 0);
  EXPECT_EQ(told("kind: folder", PieceKind::kShort), 1) << "a value";
  EXPECT_EQ(told("folder of archives", PieceKind::kWord), 1);
  EXPECT_EQ(told("create folder archives", PieceKind::kRun), 1);
}

TEST(Pieces, RunsOfWordsSeeThroughWhatStandsBetween) {
  auto shared = [](std::string_view a, std::string_view b) {
    std::set<uint64_t> both, other = Hashes(b, true);
    for (uint64_t hash : Hashes(a, true))
      both.merge(other.contains(hash) ? std::set{hash} : std::set<uint64_t>());
    return both.size();
  };
  EXPECT_GT(shared("2026 ERROR db: request 4100", "Lines look like \"ERROR db: request ...\""), 0u);
  EXPECT_EQ(shared("the lines are in the file", "all lines are in this file"), 0u) << "only common words";
}

TEST(Pieces, NumbersInGroupsAreThatNumber) {
  std::set<uint64_t> said = Hashes("in all $1,234,567, or 1,023.0", true);
  for (const char* plain : {"1234567", "1023"}) EXPECT_THAT(said, IsSupersetOf(Hashes(plain, true))) << plain;
  for (const char* list : {"1,22", "1,2345", "0,123", "1234,567"})
    for (const Piece& piece : PiecesOf(list))
      EXPECT_NE(std::string_view(list), std::string_view(list).substr(piece.begin, piece.size)) << list;
}

TEST(Pieces, WhatASearchPutsBehindAPathLeavesThePath) {
  EXPECT_THAT(Strong("./packages/cli/parser.pony:class Parser"), Contains("packages/cli/parser.pony"));
  EXPECT_THAT(Strong("src/a.c:12:int x"), Contains("src/a.c"));
  EXPECT_THAT(Strong("https://example.com/x"), Not(Contains("https")));
}

TEST(Pieces, CaseAndLeadingDotsDoNotMatter) {
  EXPECT_EQ(Hashes("./Logs/App.log", true), Hashes("logs/app.log", true));
}

TEST(Pieces, EscapesOfAShellStandBetweenWords) {
  EXPECT_THAT(Strong(R"(printf 'README.md\nshop/cart.py\n')"), IsSupersetOf({"README.md", "shop/cart.py"}));
}

TEST(Pieces, PartsOfAPathAreCounted) {
  std::vector<Piece> pieces = PiecesOf("shop/cart.py");
  ASSERT_FALSE(pieces.empty());
  EXPECT_EQ(pieces[0].kind, PieceKind::kComposite);
  EXPECT_EQ(pieces[0].parts, pieces.size() - 1);
}

TEST(Plain, LineNumbersEscapesAndTheFolderGo) {
  EXPECT_EQ(PlainText("     1→# Notes\n     2→see x\n", ""), "# Notes\nsee x\n\n");
  EXPECT_EQ(PlainText("\x1b[31mred\x1b[0m /tmp/demo/a/b /tmp/demolition", "/tmp/demo"),
            "red a/b /tmp/demolition");
  EXPECT_EQ(PlainText("12: one", ""), "12: one") << "one line may be anything";
}

TEST(Plain, ArgumentsAreDecoded) {
  std::string args = R"({"path":"/tmp/demo/a.txt","edits":[{"new":"say \"hi\"\n"}],"n":3})";
  EXPECT_EQ(PlainArguments(args, "/tmp/demo"), "a.txt\nsay \"hi\"\n\n3\n");
  EXPECT_EQ(PlainArguments("*** Begin Patch", ""), "*** Begin Patch");
}

TEST(Plain, OfAListingNamesAndSizesOfFilesStay) {
  std::string plain = PlainListing(
      "total 8\ndrwxr-xr-x 2 root root 60 Nov 21 03:56 scripts\n"
      "-rw-r--r-- 1 root root 4711 Nov 21 03:56 a b.txt\n",
      "");
  EXPECT_THAT(plain, testing::HasSubstr("a b.txt  4711\n"));
  EXPECT_THAT(plain, testing::HasSubstr("scripts\n"));
  EXPECT_THAT(Strong(plain), Not(Contains("03:56")));
  EXPECT_THAT(plain, Not(testing::HasSubstr("60")));
}

TEST(Pieces, HostileTextsDoNoHarm) {
  for (std::string text :
       {std::string(100'000, '/'), std::string(100'000, '"'), std::string(100'000, '\\'),
        std::string(1000, '\0'), std::string("\xff\xfe\x80") + std::string(50'000, '\xe3')}) {
    for (const Piece& piece : PiecesOf(PlainText(text, "/a"))) EXPECT_LE(piece.size, 200u);
  }
}

}  // namespace
}  // namespace clawtrace::replay

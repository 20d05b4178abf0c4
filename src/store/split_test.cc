#include "store/split.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "store/cursor.h"
#include "store/squeeze.h"

namespace clawtrace::store {
namespace {

std::string Message(int n) {
  return fmt::format(R"({{"role":"user","content":"{}, \"quoted\" [{}]"}})",
                     std::string(300, static_cast<char>('a' + n % 26)), n);
}

std::string Prompt(int messages) {
  std::string prompt = "[";
  for (int n = 0; n < messages; ++n) prompt += (n ? ", " : "") + Message(n);
  return prompt + "]";
}

std::string RoundTrip(std::string_view payload) {
  Pieces pieces = Split(payload);
  std::vector<std::string> texts(pieces.texts.begin(), pieces.texts.end());
  auto joined = Join(texts, EncodeFrame(pieces));
  EXPECT_TRUE(joined);
  return joined.value_or("");
}

size_t SharedPieces(std::string_view one, std::string_view other) {
  Pieces a = Split(one), b = Split(other);
  size_t shared = 0;
  while (shared < a.texts.size() && shared < b.texts.size() && a.texts[shared] == b.texts[shared]) ++shared;
  return shared;
}

TEST(SplitTest, AMessageIsAPiece) {
  EXPECT_EQ(Split(Prompt(5)).texts.size(), 5u);
  EXPECT_EQ(Split(Prompt(5)).tail, "]");
  EXPECT_EQ(SharedPieces(Prompt(5), Prompt(6)), 5u);
  std::string body = R"({"model":"m","messages":)";
  EXPECT_EQ(SharedPieces(body + Prompt(5) + R"(,"stream":true})", body + Prompt(6) + R"(,"stream":true})"),
            5u);
}

TEST(SplitTest, MarksThatMoveDoNotTellMessagesApart) {
  std::string mark = R"(,"cache_control":{"type":"ephemeral"})";
  std::string early = Prompt(5), late = Prompt(6);
  early.insert(early.size() - 2, mark);
  late.insert(late.size() - 2, mark);
  EXPECT_EQ(SharedPieces(early, late), 5u);
  EXPECT_EQ(RoundTrip(early), early);
  EXPECT_EQ(RoundTrip(late), late);
}

TEST(SplitTest, TextsAreCutWhereTheirContentSays) {
  std::mt19937 random(3);
  std::string text;
  for (int i = 0; i < 200'000; ++i) text.push_back(static_cast<char>('a' + random() % 26));
  std::string moved = "in front: " + text;
  Pieces a = Split(text), b = Split(moved);
  EXPECT_GT(a.texts.size(), 20u);
  size_t shared = 0;
  for (std::string_view piece : a.texts) shared += std::ranges::find(b.texts, piece) != b.texts.end();
  EXPECT_GE(shared + 2, a.texts.size());
  EXPECT_EQ(RoundTrip(text), text);
}

TEST(SplitTest, AnyBytesComeBack) {
  std::mt19937 random(9);
  constexpr std::string_view kParts[] = {"[",
                                         "]",
                                         "{",
                                         "}",
                                         ",",
                                         ":",
                                         "\"",
                                         "\\",
                                         "\"messages\"",
                                         "\"cache_control\"",
                                         "\"cache_control\":{\"a\":1}",
                                         " ",
                                         "\n",
                                         "x",
                                         "1",
                                         "\"some text\""};
  for (int round = 0; round < 3000; ++round) {
    std::string text = round % 2 ? "[" : "";
    for (size_t n = random() % 60; n > 0; --n) text += kParts[random() % std::size(kParts)];
    if (round % 5 == 0) text += std::string(random() % 40'000, 'z');
    if (round % 3 == 0) text = Prompt(static_cast<int>(random() % 4)) + text;
    ASSERT_EQ(RoundTrip(text), text);
  }
}

TEST(SplitTest, DamagedFramesAreTold) {
  std::string early = Prompt(3);
  early.insert(early.size() - 2, R"(,"cache_control":{"type":"ephemeral"})");
  Pieces pieces = Split(early);
  std::vector<std::string> texts(pieces.texts.begin(), pieces.texts.end());
  std::string frame = EncodeFrame(pieces);
  std::mt19937 random(4);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = frame;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (round % 4 == 0) damaged.resize(random() % damaged.size());
    auto joined = Join(texts, damaged);
    if (joined) {
      EXPECT_LE(joined->size(), early.size() + 256);
    }
  }
  texts.pop_back();
  EXPECT_FALSE(Join(texts, frame));
}

TEST(SqueezeTest, TextsComeBackAndDamageIsTold) {
  for (std::string text : {std::string(), std::string("short"), std::string(10'000, 'a'), Prompt(20)}) {
    std::string squeezed = Squeeze(text, kWarm);
    EXPECT_LE(squeezed.size(), text.size() + 1);
    auto back = Unsqueeze(squeezed, text.size());
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, text);
    if (!text.empty()) {
      EXPECT_FALSE(Unsqueeze(squeezed, text.size() - 1));
    }
  }
  EXPECT_FALSE(Unsqueeze("", 10));
  EXPECT_FALSE(Unsqueeze("?abc", 10));
  std::string squeezed = Squeeze(Prompt(20), kWarm);
  EXPECT_FALSE(Unsqueeze(squeezed.substr(0, squeezed.size() / 2), 1 << 20));
}

TEST(CursorTest, HasOneSpelling) {
  Cursor cursor{.request = ~uint64_t{0}, .key = INT64_MIN, .id = std::string("a\0\xff", 3), .number = -7};
  std::string text = EncodeCursor(cursor);
  EXPECT_EQ(DecodeCursor(text), cursor);
  EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos);
  for (std::string bad : {std::string(), std::string("A"), text.substr(0, 20), text + "=", text + "!"})
    EXPECT_FALSE(DecodeCursor(bad)) << bad;
  // Bits behind the last byte must be none.
  std::string padded = EncodeCursor({.id = "ab"});
  padded.back() = static_cast<char>(padded.back() + 1);
  EXPECT_FALSE(DecodeCursor(padded));
}

}  // namespace
}  // namespace clawtrace::store

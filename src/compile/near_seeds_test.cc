#include "compile/near_seeds.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>
#include <string>
#include <string_view>

#include "compile/edit_distance_test_util.h"

namespace clawtrace::compile {
namespace {

using Codes = std::vector<uint32_t>;

SeedCost CostOf(const Codes& pattern, const Codes& text, int64_t limit) {
  SeedTable table;
  table.SetPattern(std::span<const uint32_t>(pattern));
  std::vector<uint16_t> seeds;
  AppendSeeds(std::span<const uint32_t>(text), &seeds);
  return table.Cost(seeds, static_cast<int64_t>(text.size()), limit);
}

int64_t Total(std::string_view pattern, std::string_view text, int64_t limit) {
  return CostOf({pattern.begin(), pattern.end()}, {text.begin(), text.end()}, limit).Total();
}

TEST(NearSeedsTest, APieceThatIsNotNearCostsOne) {
  EXPECT_EQ(Total("abcdefghijkl", "abcdefghijkl", 2), 0);
  EXPECT_EQ(Total("abcdefghijkl", "abcdXfghijkl", 2), 1);
  EXPECT_EQ(Total("abcdefghijkl", "abcdXfghYjkl", 2), 2);
  EXPECT_EQ(Total("Xabcdefghijk", "abcdefghijk", 2), 0) << "moved by one";
}

TEST(NearSeedsTest, APieceFarFromItsPlaceDoesNotCount) {
  std::string left = std::string(30, '-') + "abc" + std::string(267, '-');
  std::string right = std::string(240, '-') + "abc" + std::string(57, '-');
  EXPECT_EQ(Total(left, right, 60), 1);
  EXPECT_EQ(Total(left, right, 450), 0);
}

// As far as the limit allows, in both directions: all edits before the pieces, half before and half behind.
TEST(NearSeedsTest, PiecesAreFoundAsFarAsEditsMoveThem) {
  Codes body(120), longer(30, 7), before(15, 8);
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<uint32_t>(100 + i);
  longer.insert(longer.end(), body.begin(), body.end());
  EXPECT_EQ(CostOf(longer, body, 30).Total(), 0);
  Codes behind = body;
  behind.insert(behind.end(), 15, 9);
  before.insert(before.end(), body.begin(), body.end());
  EXPECT_EQ(CostOf(behind, before, 30).Total(), 5) << "15 characters that the other does not have";
  EXPECT_LE(CostOf(before, behind, 30).Total(), 5) << "equal hashes may hide some";
}

TEST(NearSeedsTest, CostsAreThoseBehindAPlace) {
  std::string text(300, 'a');
  text[151] = 'b';
  SeedCost cost = CostOf(Codes(300, 'a'), {text.begin(), text.end()}, 60);
  EXPECT_EQ(cost.After(0), 1);
  EXPECT_EQ(cost.After(140), 1);
  EXPECT_EQ(cost.After(152), 0);
  EXPECT_EQ(cost.After(300), 0);
}

Codes Altered(Codes text, uint32_t alphabet, std::mt19937_64& random) {
  for (uint64_t n = random() % (text.size() / 5 + 1); n > 0 && !text.empty(); --n) {
    auto place = text.begin() + static_cast<std::ptrdiff_t>(random() % text.size());
    const uint64_t what = random() % 3;
    if (what == 0)
      text.erase(place);
    else if (what == 1)
      text.insert(place, static_cast<uint32_t>(random() % alphabet));
    else
      *place = static_cast<uint32_t>(random() % alphabet);
  }
  return text;
}

int64_t Distance(const Codes& a, const Codes& b) {
  return static_cast<int64_t>(test::FullMatrix(a).DistanceTo(b));
}

// The whole, and the rest of every way within the limit that has come half through the text.
TEST(NearSeedsTest, PropertyNeverMoreThanTheDistance) {
  EXPECT_TRUE(rc::check("seeds of altered texts", [] {
    static constexpr uint32_t kAlphabets[] = {2, 4, 26, 70'000};
    const uint32_t alphabet = kAlphabets[*rc::gen::inRange<size_t>(0, 4)];
    std::mt19937_64 random(*rc::gen::arbitrary<uint64_t>());
    Codes pattern(1 + random() % 250);
    for (uint32_t& c : pattern) c = static_cast<uint32_t>(random() % alphabet);
    Codes text = Altered(pattern, alphabet, random);
    if (text.size() > pattern.size()) std::swap(text, pattern);
    const int64_t limit = static_cast<int64_t>(pattern.size() / 5), distance = Distance(pattern, text);
    if (distance > limit) return;
    const SeedCost cost = CostOf(pattern, text, limit);
    RC_ASSERT(cost.Total() <= distance);
    const auto half = static_cast<std::ptrdiff_t>(text.size() / 2);
    const Codes before(text.begin(), text.begin() + half), rest(text.begin() + half, text.end());
    for (auto row = pattern.begin(); row != pattern.end(); ++row) {
      const int64_t to_go = Distance({row, pattern.end()}, rest);
      if (Distance({pattern.begin(), row}, before) + to_go <= limit) RC_ASSERT(cost.After(half) <= to_go);
    }
  }));
}

}  // namespace
}  // namespace clawtrace::compile

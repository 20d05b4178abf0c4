#include "compile/near_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <random>
#include <string>

#include "compile/edit_distance_test_util.h"

namespace clawtrace::compile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Groups = std::vector<std::vector<size_t>>;
using Codes = std::vector<uint32_t>;

std::string Utf8(const Codes& codes) {
  std::string text;
  auto tail = [&](uint32_t bits) { text.push_back(static_cast<char>(0x80 | (bits & 0x3F))); };
  for (uint32_t c : codes) {
    if (c < 0x80) {
      text.push_back(static_cast<char>(c));
    } else if (c < 0x800) {
      text.push_back(static_cast<char>(0xC0 | c >> 6)), tail(c);
    } else if (c < 0x10000) {
      text.push_back(static_cast<char>(0xE0 | c >> 12)), tail(c >> 6), tail(c);
    } else {
      text.push_back(static_cast<char>(0xF0 | c >> 18)), tail(c >> 12), tail(c >> 6), tail(c);
    }
  }
  return text;
}

Groups Near(const std::vector<std::string>& texts, NearPath path = NearPath::kBest) {
  std::vector<std::string_view> views(texts.begin(), texts.end());
  return NearGroups(views, path, nullptr);
}

// Texts in some alphabet, most of them altered copies of earlier ones, so that many distances lie at the
// limit.
class Writer {
 public:
  Writer(uint64_t seed, uint32_t alphabet, size_t longest)
      : random_(seed), alphabet_(alphabet), longest_(longest) {}
  std::vector<Codes> Write(size_t count) {
    std::vector<Codes> texts;
    while (texts.size() < count) {
      texts.push_back(texts.empty() || random_() % 3 == 0 ? Fresh()
                                                          : Altered(texts[random_() % texts.size()]));
    }
    return texts;
  }

 private:
  // From ASCII over two and three bytes to four.
  uint32_t Character() {
    uint32_t n = static_cast<uint32_t>(random_() % alphabet_);
    return n < 90 ? ' ' + n : n < 2000 ? 0x100 + n : n < 40000 ? 0x3000 + n : 0x10000 + n;
  }
  Codes Fresh() {
    Codes text(random_() % (longest_ + 1));
    for (uint32_t& c : text) c = Character();
    return text;
  }
  Codes Altered(Codes text) {
    for (uint64_t n = random_() % (text.size() / 4 + 2); n > 0; --n) {
      size_t at = random_() % (text.size() + 1);
      auto place = text.begin() + static_cast<std::ptrdiff_t>(at);
      uint64_t what = random_() % 3;
      if (what == 0 || at == text.size())
        text.insert(place, Character());
      else if (what == 1)
        text.erase(place);
      else
        *place = Character();
    }
    return text;
  }

  std::mt19937_64 random_;
  uint32_t alphabet_;
  size_t longest_;
};

std::vector<std::string> Spelled(const std::vector<Codes>& texts) {
  std::vector<std::string> out;
  for (const Codes& text : texts) out.push_back(Utf8(text));
  return out;
}

TEST(NearGroupsTest, TheLimitIsAFifthOfTheLongerText) {
  EXPECT_THAT(Near({"abcdefghij", "abcdefgh12"}), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(Near({"abcdefghij", "abcdefg123"}), IsEmpty());
  EXPECT_THAT(Near({"abcdefghi", "abcdefg12"}), IsEmpty()) << "2 of 9 is more than a fifth";
  EXPECT_THAT(Near({"abcd", "abcde"}), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(Near({"", "", "a"}), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(Near({"", "abc"}), IsEmpty());
}

TEST(NearGroupsTest, ComponentsDoNotDependOnTheOrder) {
  std::string left = "aaaaaaa" + std::string(34, 'x'), middle(41, 'x'),
              right = std::string(34, 'x') + "ccccccc";
  EXPECT_THAT(Near({left, middle, right}), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_THAT(Near({left, right, middle}), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_THAT(Near({left, right}), IsEmpty());
}

TEST(NearGroupsTest, CharactersAreCountedNotBytes) {
  EXPECT_THAT(Near({"{\"t\":\"一二三四五六七八九十\"}", "{\"t\":\"一二三四五六七天地人\"}"}),
              ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(Near({"\xff\xfe\xff\xfe\xff", "\xff\xfe\xff\xfe\xfd"}), ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(Near({"\xe4\xb8", "\xe4\xb8\x80"}), IsEmpty());
}

TEST(NearGroupsTest, PropertyEqualsEveryPairCellByCell) {
  EXPECT_TRUE(rc::check("groups of random texts", [] {
    static constexpr uint32_t kAlphabets[] = {2, 4, 26, 90, 300, 5000, 70'000};
    Writer writer(*rc::gen::arbitrary<uint64_t>(), kAlphabets[*rc::gen::inRange<size_t>(0, 7)],
                  *rc::gen::inRange<size_t>(0, 300));
    std::vector<Codes> texts = writer.Write(12);
    std::vector<size_t> group(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      group[i] = i;
      for (size_t j = 0; j < i; ++j) {
        size_t distance = test::DistanceByCells(texts[i], texts[j]);
        RC_ASSERT(test::FullMatrix(texts[i]).DistanceTo(texts[j]) == distance);
        if (5 * distance > std::max(texts[i].size(), texts[j].size())) continue;
        size_t from = std::max(group[i], group[j]), to = std::min(group[i], group[j]);
        std::replace(group.begin(), group.end(), from, to);
      }
    }
    Groups expected(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) expected[group[i]].push_back(i);
    std::erase_if(expected, [](const auto& members) { return members.size() < 2; });
    RC_ASSERT(Near(Spelled(texts)) == expected);
    RC_ASSERT(Near(Spelled(texts), NearPath::kPortable) == expected);
  }));
}

// All pairs by a plain matrix are slow enough without instruments in every step.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CT_ALL_PAIRS_ARE_SLOW
#endif
#endif
#ifdef CT_ALL_PAIRS_ARE_SLOW
constexpr size_t kManyTexts = 500, kLongTexts = 20;
#else
constexpr size_t kManyTexts = 2'000, kLongTexts = 60;
#endif

TEST(NearGroupsTest, ManyTextsEqualAllPairs) {
  for (uint32_t alphabet : {6U, 70'000U}) {
    std::vector<Codes> texts = Writer(alphabet, alphabet, 100).Write(kManyTexts);
    EXPECT_EQ(Near(Spelled(texts)), test::GroupsOfAllPairs(texts));
  }
}

TEST(NearGroupsTest, LongTextsEqualAllPairs) {
  for (uint32_t alphabet : {2U, 26U}) {
    std::vector<Codes> texts = Writer(alphabet, alphabet, 3000).Write(kLongTexts);
    EXPECT_EQ(Near(Spelled(texts)), test::GroupsOfAllPairs(texts));
    EXPECT_EQ(Near(Spelled(texts), NearPath::kPortable), test::GroupsOfAllPairs(texts));
  }
}

// Counts of characters and pairs cannot tell texts in the same words apart; seeds near their places can.
TEST(NearGroupsTest, TextsInTheSameWordsAreTurnedDownBySeeds) {
  std::mt19937_64 random(3);
  std::vector<std::string> words(300), texts(100);
  for (std::string& word : words)
    for (int i = 0; i < 6; ++i) word.push_back(static_cast<char>('a' + random() % 10));
  for (std::string& text : texts)
    for (int i = 0; i < 100; ++i) text += words[random() % words.size()] + " ";
  std::vector<std::string_view> views(texts.begin(), texts.end());
  NearCounters counters;
  EXPECT_THAT(NearGroups(views, &counters), IsEmpty());
  EXPECT_GT(counters.after_pairs, 4000);
  EXPECT_LT(counters.compared, counters.after_pairs / 10);
}

// Five thousand equal or alike texts are joined once each, not pair by pair.
TEST(NearGroupsTest, OneBigGroupIsCheap) {
  std::vector<std::string> texts;
  for (int i = 0; i < 5000; ++i) texts.push_back(std::string(400, 'a') + std::to_string(i));
  std::vector<std::string_view> views(texts.begin(), texts.end());
  NearCounters counters;
  EXPECT_EQ(NearGroups(views, &counters).size(), 1u);
  EXPECT_EQ(counters.compared, 4999);
}

}  // namespace
}  // namespace clawtrace::compile

#include "model/text_index.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace clawtrace {
namespace {

TEST(TextIndexTest, NumbersTextsInTheOrderTheyFirstCome) {
  TextIndex index;
  EXPECT_EQ(index.Find("a"), TextIndex::kNone);
  EXPECT_EQ(index.Add("a"), std::pair(size_t{0}, true));
  EXPECT_EQ(index.Add(""), std::pair(size_t{1}, true));
  EXPECT_EQ(index.Add("a"), std::pair(size_t{0}, false));
  EXPECT_EQ(index.Find(""), 1u);
  EXPECT_EQ(index[0], "a");
  EXPECT_EQ(index.size(), 2u);
}

TEST(TextIndexTest, FindsAllAfterGrowing) {
  constexpr size_t kMany = 5000;
  std::vector<std::string> texts;
  for (size_t i = 0; i < kMany; ++i) texts.push_back("id-" + std::to_string(i));
  for (bool reserved : {false, true}) {
    TextIndex index;
    if (reserved) index.reserve(kMany);
    for (size_t i = 0; i < kMany; ++i) EXPECT_EQ(index.Add(texts[i]), std::pair(i, true));
    for (size_t i = 0; i < kMany; ++i) EXPECT_EQ(index.Find(texts[i]), i);
    EXPECT_EQ(index.Find("id-x"), TextIndex::kNone);
  }
}

}  // namespace
}  // namespace clawtrace

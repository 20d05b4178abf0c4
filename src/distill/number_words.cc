#include "distill/number_words.h"

#include <algorithm>
#include <array>
#include <utility>

namespace clawtrace::distill {

std::optional<int> NumberWord(std::string_view word) {
  constexpr auto kNumbers = std::to_array<std::pair<std::string_view, int>>(
      {{"zero", 0},     {"two", 2},      {"three", 3},   {"four", 4},    {"five", 5},      {"six", 6},
       {"seven", 7},    {"eight", 8},    {"nine", 9},    {"ten", 10},    {"eleven", 11},   {"twelve", 12},
       {"fifteen", 15}, {"sixteen", 16}, {"twenty", 20}, {"thirty", 30}, {"forty", 40},    {"fifty", 50},
       {"sixty", 60},   {"seventy", 70}, {"eighty", 80}, {"ninety", 90}, {"hundred", 100}, {"thousand", 1000},
       {"twice", 2},    {"thrice", 3}});
  auto found =
      std::find_if(kNumbers.begin(), kNumbers.end(), [&](const auto& each) { return each.first == word; });
  return found == kNumbers.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace clawtrace::distill

#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <string>

namespace clawtrace::test {

// Whether seconds say something about the program that users run: without optimisation, or under a sanitizer,
// they do not.
#ifdef NDEBUG
inline constexpr bool kSecondsCount = true;
#else
inline constexpr bool kSecondsCount = false;
#endif

// How many generated cases are tried: a sixth where each takes ten times as long. What the release build
// tries is what the test promises; a sanitizer looks for faults that any case shows.
constexpr unsigned Cases(unsigned count) { return kSecondsCount ? count : std::max(2U, count / 6); }

// Seconds of the processor, the least of a few attempts: what else the machine does at the time counts
// little.
template <class F>
double SecondsOf(F&& run) {
  double least = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::clock_t begin = std::clock();
    run();
    double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    least = attempt == 0 ? seconds : std::min(least, seconds);
  }
  return least;
}

// piece, again and again: at least `bytes` of them.
inline std::string Repeated(const std::string& piece, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += piece;
  return text;
}

// Whether four times the text takes at most about eight times as long: 16 were the square. run takes a text.
// Where seconds do not count it runs once on a shorter one, for the sanitizers.
template <class Make, class Run>
bool GrowsWithText(const Make& make, size_t bytes, const Run& run) {
  constexpr double kMostTimes = 8, kNoise = 0.02;
  if (!kSecondsCount) {
    run(make(bytes / 8));
    return true;
  }
  const std::string text = make(bytes), longer = make(4 * bytes);
  double once = SecondsOf([&] { run(text); });
  return SecondsOf([&] { run(longer); }) <= kMostTimes * once + kNoise;
}

}  // namespace clawtrace::test

// Near groups against comparing all pairs by the full bit-parallel matrix without cut-off, single-threaded
// CPU time.
//   near_groups [calls] [shortest] [longest]     default 2000 50 5000
// The arguments look like an agent's: shell commands, edits and writes of source text, data and prose in
// canonical JSON, each on a subject with words of its own, some made anew, some altered copies of earlier
// ones. The full matrix runs on a sample of the pairs, evenly spread, and is scaled by their number.
#include "compile/near_groups.h"

#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

#include "compile/edit_distance_test_util.h"

namespace clawtrace {
namespace {

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

class Author {
 public:
  // Lengths spread evenly, or evenly over their logarithm (most arguments of real agents are short).
  // One subject: all words and marks alike, the hardest case for counts of characters.
  Author(size_t shortest, size_t longest, bool logarithmic, bool one_subject)
      : shortest_(shortest), longest_(longest), logarithmic_(logarithmic), one_subject_(one_subject) {
    for (int i = 0; i < 3000; ++i) {
      std::string word;
      for (uint64_t n = 2 + Below(9); n > 0; --n) word.push_back("etaoinshrdlcumwfgypbvkxjqz"[Skewed(26)]);
      words_.push_back(word);
    }
  }

  std::string Next() {
    constexpr uint64_t kCopyOneIn = 4;
    if (!made_.empty() && Below(kCopyOneIn) == 0) return Remember(Altered(made_[Below(made_.size())]));
    return Remember(Fresh());
  }

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  // Small numbers more often, like words and letters in texts.
  uint64_t Skewed(uint64_t n) { return std::min({Below(n), Below(n), Below(n)}); }
  std::string Remember(std::string text) { return made_.push_back(text), text; }

  size_t Length() {
    double at = static_cast<double>(Below(1'000'000)) / 1e6;
    double a = static_cast<double>(shortest_), b = static_cast<double>(longest_);
    return static_cast<size_t>(logarithmic_ ? a * std::pow(b / a, at) : a + (b - a) * at);
  }

  // What texts of one kind are made of: a frame, what stands between words, and how many of the words are
  // numbers.
  struct Kind {
    const char* frame;
    std::vector<const char*> marks;
    uint64_t numbers_in_ten;
  };

  std::string Fresh() {
    static const std::vector<Kind> kKinds = {
        {R"({"command":")", {" ", " --", " -", " && ", " | ", "/", "=", ".", " > "}, 1},
        {R"({"content":")", {" ", " = ", "(", "):\\n    ", ".", ", ", "_", "\\n        ", "\\n\\ndef "}, 1},
        {R"({"new_string":")", {" ", "->", "(", ");\\n", "::", ", ", "_", ";\\n  ", " {\\n", "}\\n"}, 1},
        {R"({"content":")", {" ", " ", " ", " ", ", ", ". ", " the ", " of ", "\\n\\n## "}, 0},
        {R"({"content":")", {",", ",", ",", ";", "\\n"}, 7},
        {R"({"content":")", {R"(\": \")", R"(\",\n  \")", R"(\": {\n  \")", R"(\": [)", R"(],\n)"}, 3},
        {R"({"content":")", {"</div><div class=", "<p>", "</p>\\n", " ", " ", "=", "/>"}, 1},
        {R"({"query":")", {" AND ", ", ", " = ", ".", " FROM ", " JOIN ", " ", "(", ")"}, 2},
    };
    const Kind& kind = one_subject_ ? kKinds[1] : kKinds[Below(kKinds.size())];
    size_t length = Length();
    uint64_t subject = one_subject_ ? words_.size() : 20 + Below(180);
    uint64_t first = one_subject_ ? 0 : Below(words_.size() - subject);
    std::string text = kind.frame;
    while (text.size() < length) {
      bool number = Below(10) < kind.numbers_in_ten;
      text += number ? std::to_string(Below(100'000)) : words_[first + Skewed(subject)];
      text += kind.marks[Below(kind.marks.size())];
    }
    text.resize(length > 2 ? length - 2 : 0);
    return text + "\"}";
  }

  std::string Altered(std::string text) {
    for (uint64_t n = 1 + Below(1 + text.size() / 12); n > 0; --n) {
      size_t at = Below(text.size());
      if (Below(2) == 0)
        text[at] = static_cast<char>('a' + Below(26));
      else
        text.insert(at, 1, static_cast<char>('0' + Below(10)));
    }
    if (text.size() > longest_) text.resize(longest_);
    return text;
  }

  std::mt19937_64 random_{1};
  size_t shortest_, longest_;
  bool logarithmic_, one_subject_;
  std::vector<std::string> words_, made_;
};

double FullMatrixSeconds(const std::vector<std::string>& texts, size_t sample) {
  std::vector<std::vector<uint32_t>> codes;
  for (const std::string& text : texts) codes.emplace_back(text.begin(), text.end());
  size_t pairs = 0, stride = std::max<size_t>(1, texts.size() / sample), sum = 0;
  double start = CpuSeconds();
  for (size_t i = 0; i < codes.size(); i += stride) {
    test::FullMatrix matrix(codes[i]);
    for (size_t j = stride / 2; j < codes.size(); j += stride) sum += matrix.DistanceTo(codes[j]), ++pairs;
  }
  double seconds = CpuSeconds() - start;
  double all = static_cast<double>(codes.size()) * static_cast<double>(codes.size() - 1) / 2;
  if (sum == 0) std::abort();  // keeps the work from being left out
  return seconds * all / static_cast<double>(pairs);
}

void Measure(size_t calls, size_t shortest, size_t longest, bool logarithmic, bool one_subject) {
  Author author(shortest, longest, logarithmic, one_subject);
  std::vector<std::string> texts;
  for (size_t i = 0; i < calls; ++i) texts.push_back(author.Next());
  std::vector<std::string_view> views(texts.begin(), texts.end());
  compile::NearCounters counters;
  double start = CpuSeconds();
  size_t groups = compile::NearGroups(views, &counters).size();
  double own = CpuSeconds() - start;
  start = CpuSeconds();
  size_t portable_groups = compile::NearGroups(views, compile::NearPath::kPortable, nullptr).size();
  double portable = CpuSeconds() - start;
  double full = FullMatrixSeconds(texts, 100);
  fmt::print(
      "lengths {} {}..{}{} calls={} groups={} window={} characters={} pairs={} compared={} joined={}\n",
      logarithmic ? "log" : "even", shortest, longest, one_subject ? ", one subject" : "", calls, groups,
      counters.in_window, counters.after_characters, counters.after_pairs, counters.compared,
      counters.joined);
  if (groups != portable_groups) std::abort();
  fmt::print("own={:.3f}s portable={:.3f}s full_matrix={:.1f}s (scaled) ratio={:.0f}\n", own, portable, full,
             full / own);
}

}  // namespace
}  // namespace clawtrace

int main(int count, char** arguments) {
  auto number = [&](int i, size_t fallback) {
    return count > i ? static_cast<size_t>(std::strtoull(arguments[i], nullptr, 10)) : fallback;
  };
  size_t calls = number(1, 2000), shortest = number(2, 50), longest = number(3, 5000);
  for (bool one_subject : {true, false}) {
    clawtrace::Measure(calls, shortest, longest, false, one_subject);
    clawtrace::Measure(calls, shortest, longest, true, one_subject);
  }
}

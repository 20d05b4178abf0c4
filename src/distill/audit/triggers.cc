#include "distill/audit/triggers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "skill/skill.h"

namespace clawtrace::distill {
namespace {

// Words that every description has.
constexpr auto kEmpty = std::to_array<std::string_view>(
    {"a",    "an",       "and",   "any",  "are", "as",   "at",    "be",    "by",    "for",  "from",
     "if",   "in",       "into",  "is",   "it",  "its",  "of",    "on",    "or",    "so",   "that",
     "the",  "their",    "them",  "this", "to",  "use",  "used",  "user",  "users", "uses", "using",
     "when", "whenever", "which", "with", "you", "your", "skill", "wants", "asks",  "needs"});

// Lower-case words; a plural is its singular, since it asks for the same.
std::vector<std::string> WordsIn(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (char c : ToLower(text) + " ") {
    bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
    if (part) {
      word.push_back(c);
      continue;
    }
    if (word.size() > 3 && word.ends_with('s') && !word.ends_with("ss")) word.pop_back();
    if (!word.empty()) words.push_back(word);
    word.clear();
  }
  return words;
}

// Those that tell skills apart. In a name every word does: "repo-a" is not "repo-b".
std::vector<std::string> Words(const SkillListing& listing) {
  std::string description = listing.description;
  if (size_t frame = description.find(kOwnFrame); frame != description.npos)
    description = description.substr(0, frame) + description.substr(frame + kOwnFrame.size());
  if (description.starts_with(kOwnBegin)) description.erase(0, kOwnBegin.size());
  std::vector<std::string> words = WordsIn(listing.name);
  for (std::string& word : WordsIn(description)) {
    if (std::find(kEmpty.begin(), kEmpty.end(), word) == kEmpty.end()) words.push_back(std::move(word));
  }
  return words;
}

using Counts = std::map<std::string, int64_t>;

Counts CountsOf(const std::vector<std::string>& words) {
  Counts counts;
  for (const std::string& word : words) ++counts[word];
  return counts;
}

}  // namespace

TriggerRank RankTrigger(const SkillListing& own, const std::vector<SkillListing>& others) {
  constexpr double kK1 = 1.2, kB = 0.75;
  std::vector<Counts> documents = {CountsOf(Words(own))};
  for (const SkillListing& other : others) documents.push_back(CountsOf(Words(other)));
  std::vector<double> lengths;
  double total = 0;
  for (const Counts& document : documents) {
    double length = 0;
    for (const auto& [word, count] : document) length += static_cast<double>(count);
    lengths.push_back(length);
    total += length;
  }
  double mean = std::max(total / static_cast<double>(documents.size()), 1.0);
  auto score = [&](size_t index) {
    double sum = 0;
    for (const auto& [word, asked] : documents.front()) {
      auto found = documents[index].find(word);
      if (found == documents[index].end()) continue;
      auto holders = static_cast<double>(std::count_if(
          documents.begin(), documents.end(), [&](const Counts& each) { return each.contains(word); }));
      double idf = std::log(1 + (static_cast<double>(documents.size()) - holders + 0.5) / (holders + 0.5));
      auto count = static_cast<double>(found->second);
      sum += idf * count * (kK1 + 1) / (count + kK1 * (1 - kB + kB * lengths[index] / mean));
    }
    return sum;
  };
  TriggerRank out;
  double mine = score(0), best = 0;
  for (size_t i = 1; i < documents.size(); ++i) {
    double theirs = score(i);
    if (theirs >= mine && theirs > 0) ++out.rank;
    const std::string& name = others[i - 1].name;
    if (theirs > best || (theirs == best && theirs > 0 && name < out.rival)) best = theirs, out.rival = name;
  }
  out.rival_percent = mine > 0 ? std::llround(100 * best / mine) : 0;
  return out;
}

}  // namespace clawtrace::distill

#include "distill/task_joiner.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "base/text.h"

namespace clawtrace::distill {
namespace {

constexpr size_t kNine = 9, kTen = 10;

std::vector<uint64_t> WordSet(std::string_view prompt) {
  std::map<std::string, uint64_t> seen;
  std::vector<uint64_t> words;
  std::string word, lower = ToLower(prompt);
  lower.push_back(' ');
  for (char c : lower) {
    bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80 ||
                c == '.' || c == '/' || c == '_' || c == '-';
    if (part) {
      word.push_back(c);
    } else if (!word.empty()) {
      words.push_back(Hash64(word, ++seen[word]));
      word.clear();
    }
  }
  std::ranges::sort(words);
  return words;
}

// Shared words among all words of the longer one: at least nine in ten.
bool AreAlike(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  size_t longer = std::max(a.size(), b.size()), shorter = std::min(a.size(), b.size());
  if (longer == 0 || kTen * shorter < kNine * longer) return false;
  size_t shared = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j])
      ++shared, ++i, ++j;
    else if (a[i] < b[j])
      ++i;
    else
      ++j;
  }
  return kTen * shared >= kNine * longer;
}

std::string RootName(std::string task, const std::map<std::string, std::string>& joined) {
  for (auto at = joined.find(task); at != joined.end() && at->second != task; at = joined.find(task))
    task = at->second;
  return task;
}

// A task may be in several families.
void UniteNames(const std::string& a, const std::string& b, std::map<std::string, std::string>* joined) {
  std::string first = RootName(a, *joined), second = RootName(b, *joined);
  if (second < first) std::swap(first, second);
  (*joined)[first] = first, (*joined)[second] = first;
}

// The tasks of one family, by their places in the order of names.
class Family {
 public:
  explicit Family(const std::map<std::string, std::vector<uint64_t>>& tasks)
      : root_(tasks.size()), seen_by_(tasks.size(), SIZE_MAX) {
    std::iota(root_.begin(), root_.end(), size_t{0});
    for (const auto& [task, words] : tasks) {
      names_.push_back(&task), words_.push_back(&words);
      for (uint64_t word : words) ++tasks_with_[word];
    }
  }

  void JoinInto(std::map<std::string, std::string>* joined) {
    for (size_t task = 0; task < words_.size(); ++task) Join(task);
    for (size_t task = 0; task < root_.size(); ++task) {
      size_t root = RootOf(task);
      if (root != task) UniteNames(*names_[root], *names_[task], joined);
    }
  }

 private:
  // Earlier tasks that have a word among their rarest.
  struct Posting {
    std::vector<size_t> tasks;
    bool one = true;  // all of them are joined
  };

  size_t RootOf(size_t task) {
    while (root_[task] != task) task = root_[task] = root_[root_[task]];
    return task;
  }
  void Unite(size_t a, size_t b) {
    a = RootOf(a), b = RootOf(b);
    root_[std::max(a, b)] = std::min(a, b);
  }

  // So many of its rarest words that two alike prompts have one of them in common.
  std::vector<uint64_t> RarestOf(const std::vector<uint64_t>& words) const {
    size_t shared_at_least = (kNine * words.size() + kTen - 1) / kTen;
    std::vector<uint64_t> rarest = words;
    std::ranges::sort(rarest, {}, [&](uint64_t word) { return std::pair(tasks_with_.at(word), word); });
    rarest.resize(words.empty() ? 0 : words.size() - shared_at_least + 1);
    return rarest;
  }

  void Join(size_t task) {
    std::vector<uint64_t> rarest = RarestOf(*words_[task]);
    size_t compared = 0;
    for (uint64_t word : rarest) CompareWith(postings_[word], task, &compared);
    for (uint64_t word : rarest) {
      Posting& posting = postings_[word];
      posting.one = posting.one && (posting.tasks.empty() || RootOf(posting.tasks.front()) == RootOf(task));
      posting.tasks.push_back(task);
    }
  }

  void CompareWith(const Posting& posting, size_t task, size_t* compared) {
    for (size_t other : posting.tasks) {
      if (posting.one && RootOf(other) == RootOf(task)) return;
      if (std::exchange(seen_by_[other], task) == task) continue;
      if (++*compared > TaskJoiner::kMostCompared) return;
      if (RootOf(other) != RootOf(task) && AreAlike(*words_[other], *words_[task])) Unite(other, task);
    }
  }

  std::vector<const std::string*> names_;
  std::vector<const std::vector<uint64_t>*> words_;
  std::unordered_map<uint64_t, size_t> tasks_with_;  // by word
  std::unordered_map<uint64_t, Posting> postings_;   // by word
  std::vector<size_t> root_;
  std::vector<size_t> seen_by_;  // the last task that was compared with it
};

}  // namespace

void TaskJoiner::Add(const std::string& family, const std::string& task, std::string_view prompt) {
  by_family_[family].emplace(task, WordSet(prompt));
}

std::map<std::string, std::string> TaskJoiner::Join() const {
  std::map<std::string, std::string> joined;
  for (const auto& [family, tasks] : by_family_) Family(tasks).JoinInto(&joined);
  for (auto& [task, root] : joined) root = RootName(task, joined);
  return joined;
}

}  // namespace clawtrace::distill

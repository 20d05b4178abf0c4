#pragma once
// Which tasks are one: those that nobody named, of one family, whose prompts are alike (nine in ten of their
// words), and what is alike to one of these.
//
// All pairs that can be alike are found by a prefix filter: of two alike prompts, the rarest words of each,
// more than a tenth of them, have one in common (Chaudhuri et al., "A Primitive Operator for Similarity Joins
// in Data Cleaning", ICDE 2006; Bayardo et al., "Scaling Up All Pairs Similarity Search", WWW 2007).
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::distill {

class TaskJoiner {
 public:
  // Of several prompts under one task the first counts.
  void Add(const std::string& family, const std::string& task, std::string_view prompt);

  // By task that is joined to another: the first, by name, of those that are one with it. The order of Add of
  // different tasks does not show. Exact for families of up to kMostCompared tasks; in larger ones a task is
  // compared with so many others, those first that share its rarest words, and the time grows with their
  // number.
  std::map<std::string, std::string> Join() const;

  static constexpr size_t kMostCompared = 4000;

 private:
  using Words = std::vector<uint64_t>;  // sorted hashes, of each word with how often it occurs before
  std::map<std::string, std::map<std::string, Words>> by_family_;
};

}  // namespace clawtrace::distill

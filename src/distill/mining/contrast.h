#pragma once
// Contrast pairs: of each task with both outcomes the failing and the passing run that are most alike, and
// where they part.
#include <string>
#include <vector>

#include "distill/evidence_base.h"
#include "model/patch.h"

namespace clawtrace::distill {

// Steps as runs of medium signatures (mining/features.h), of each session the first 256.
struct ContrastPair {
  std::string task;
  size_t fail = 0, pass = 0;  // indexes into EvidenceBase::sessions
  size_t common = 0;          // length of the longest common subsequence
  size_t prefix = 0;          // runs that both begin with
  // What only one of the two has, [begin, end) of its runs.
  struct Block {
    size_t begin = 0, end = 0;
  };
  std::vector<Block> only_pass, only_fail;
};

// The pair with the longest common subsequence, then with the fewest other runs, then by session id; of very
// many runs of a task the first eight of each outcome. In order of tasks.
std::vector<ContrastPair> FindContrastPairs(const EvidenceBase& base);

// What the analyst "contrast-pairs" proposes. What passing runs have where they part becomes preserve
// patches, what failing ones have there and what costs or fails becomes repair patches; E1: seen in at least
// two tasks, and more than twice as often as the reverse. At most ten of each.
std::vector<Patch> ProposeContrastPairs(const EvidenceBase& base);

}  // namespace clawtrace::distill

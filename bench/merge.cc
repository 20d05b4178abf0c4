// Merging generated patches into a skill: how long it takes, and that order and fan-in of the reduction
// change no byte. Prints one line a size; exits 1 when 500 patches take a second or a byte differs.
#include "distill/merge/merge.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "distill/merge/generated_patches.h"

using namespace clawtrace;
using namespace clawtrace::distill;

namespace {

Reduced InPieces(std::vector<Patch> patches, size_t fan_in, std::mt19937* random) {
  std::shuffle(patches.begin(), patches.end(), *random);
  std::vector<Reduced> pieces;
  for (size_t at = 0; at < patches.size(); at += fan_in) {
    auto from = patches.begin() + static_cast<std::ptrdiff_t>(at);
    auto to = patches.begin() + static_cast<std::ptrdiff_t>(std::min(patches.size(), at + fan_in));
    pieces.push_back(Reduce(std::vector<Patch>(from, to)));
  }
  return Reduce(pieces);
}

}  // namespace

int main() {
  int failures = 0;
  for (size_t count : {size_t{50}, size_t{500}, size_t{2000}}) {
    std::vector<Patch> patches = GeneratedPatches(static_cast<unsigned>(count), count);
    SkillDir base = GeneratedSkill();
    auto start = std::chrono::steady_clock::now();
    auto flat = MergePatches(base, patches);
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::mt19937 random(1);
    int same = 0, tried = 0;
    for (size_t fan_in : {size_t{2}, size_t{7}, size_t{32}, size_t{500}}) {
      auto tree = MergePatches(base, InPieces(patches, fan_in, &random), {});
      bool equal = flat && tree && tree->skill.files == flat->skill.files && tree->report == flat->report;
      ++tried, same += equal;
    }
    fmt::print(
        "{} patches: {:.3f} s, {} written, {} conflicts, {} of {} permutations and fan-ins byte-identical\n",
        patches.size(), took.count(), flat ? flat->report.written : -1,
        flat ? flat->report.conflicts.size() : 0, same, tried);
    constexpr size_t kBar = 500;
    failures += same != tried || (count <= kBar && took.count() >= 1.0);
  }
  return failures > 0 ? 1 : 0;
}

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/growth_test_util.h"
#include "distill/merge/generated_patches.h"
#include "distill/merge/merge.h"
#include "skill/blocks.h"
#include "skill/provenance.h"

namespace clawtrace::distill {
namespace {

struct Merged {
  SkillDir skill;
  std::string report;
};
Merged Do(const SkillDir& base, const Reduced& reduced, const MergeOptions& options = {}) {
  auto result = MergePatches(base, reduced, options);
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  if (!result) return {};
  return {result->skill, EncodeMergeReport(result->report, true)};
}

// The first file that differs, and what stands there from shortly before; "" = none does.
std::string Difference(const SkillDir& a, const SkillDir& b) {
  constexpr size_t kBefore = 400, kShown = 600;
  for (const auto& [path, bytes] : a.files) {
    auto other = b.files.find(path);
    if (other == b.files.end()) return path + " is missing";
    const std::string& theirs = other->second;
    if (theirs == bytes) continue;
    size_t at = 0;
    while (at < bytes.size() && at < theirs.size() && bytes[at] == theirs[at]) ++at;
    at -= std::min(at, kBefore);
    return path + "\n<<<\n" + bytes.substr(at, kShown) + "\n>>>\n" + theirs.substr(at, kShown);
  }
  return a.files.size() == b.files.size() ? "" : "files were added";
}

MergeOptions Wide() {
  MergeOptions options;
  options.max_edits = 1000, options.max_tokens = 1'000'000;
  return options;
}

// Reduces in pieces of random sizes, those again, until one is left.
Reduced InTree(std::vector<Patch> patches, size_t fan_in, std::mt19937* random) {
  std::shuffle(patches.begin(), patches.end(), *random);
  std::vector<Reduced> level;
  for (size_t at = 0; at < patches.size();) {
    size_t take = std::min(patches.size() - at, 1 + (*random)() % fan_in);
    auto from = patches.begin() + static_cast<std::ptrdiff_t>(at);
    level.push_back(Reduce(std::vector<Patch>(from, from + static_cast<std::ptrdiff_t>(take))));
    at += take;
  }
  while (level.size() > 1) {
    std::vector<Reduced> next;
    for (size_t at = 0; at < level.size(); at += fan_in) {
      size_t end = std::min(level.size(), at + fan_in);
      next.push_back(Reduce(std::vector<Reduced>(level.begin() + static_cast<std::ptrdiff_t>(at),
                                                 level.begin() + static_cast<std::ptrdiff_t>(end))));
    }
    level = std::move(next);
  }
  return level.empty() ? Reduced{} : level[0];
}

TEST(MergePropertyTest, AnyOrderAndFanInGivesTheSameBytes) {
  for (unsigned seed = 0; seed < test::Cases(30); ++seed) {
    std::mt19937 random(seed);
    std::vector<Patch> patches = GeneratedPatches(seed, 5 + random() % 60);
    for (const MergeOptions& options : {MergeOptions(), Wide()}) {
      Merged flat = Do(GeneratedSkill(), Reduce(patches), options);
      for (size_t fan_in : {size_t{2}, size_t{3}, size_t{32}}) {
        Merged tree = Do(GeneratedSkill(), InTree(patches, fan_in, &random), options);
        ASSERT_EQ(Difference(tree.skill, flat.skill), "") << seed;
        ASSERT_EQ(tree.report, flat.report) << seed;
      }
      std::vector<Patch> repeated = patches;
      repeated.insert(repeated.end(), patches.begin(), patches.end());
      std::shuffle(repeated.begin(), repeated.end(), random);
      ASSERT_EQ(Do(GeneratedSkill(), Reduce(repeated), options).report, flat.report) << seed;
    }
  }
}

TEST(MergePropertyTest, MergingAgainChangesNothing) {
  for (unsigned seed = 0; seed < test::Cases(60); ++seed) {
    std::mt19937 random(seed);
    std::vector<Patch> patches = GeneratedPatches(seed, 5 + random() % 60);
    for (MergeOptions options : {MergeOptions(), Wide()}) {
      options.candidates = seed % 3 == 0;
      SkillDir base = seed % 2 ? GeneratedSkill() : SkillDir{"demo", {}};
      Merged once = Do(base, Reduce(patches), options);
      Merged twice = Do(once.skill, Reduce(patches), options);
      ASSERT_EQ(Difference(once.skill, twice.skill), "") << seed;
    }
  }
}

// Also of what comes later: the grades that it meets there are of other patches.
TEST(MergePropertyTest, MergingLaterPatchesAgainChangesNothing) {
  for (unsigned seed = 0; seed < test::Cases(40); ++seed) {
    std::mt19937 random(seed);
    std::vector<Patch> first = GeneratedPatches(seed, 30), later = first;
    for (Patch& patch : later) {
      patch.counterfactual_grade = "C" + std::to_string(random() % 3);
      patch.evidence_grade = "E" + std::to_string(random() % 4);
      patch.counterfactual = "Said of " + patch.counterfactual_grade + patch.evidence_grade + ".";
      patch.high_cost = random() % 2 == 0;
    }
    SkillDir base = Do(GeneratedSkill(), Reduce(first), Wide()).skill;
    Merged once = Do(base, Reduce(later), Wide());
    ASSERT_EQ(Difference(once.skill, Do(once.skill, Reduce(later), Wide()).skill), "") << seed;
    std::shuffle(later.begin(), later.end(), random);
    ASSERT_EQ(Difference(once.skill, Do(base, Reduce(later), Wide()).skill), "") << seed;
  }
}

// An entry for every edit given, and the support of a rule is the set of tasks of those who say it.
TEST(MergePropertyTest, EveryEditIsReportedAndSupportIsTheUnionOfTasks) {
  for (unsigned seed = 0; seed < test::Cases(40); ++seed) {
    Reduced reduced = Reduce(GeneratedPatches(seed, 80));
    auto result = MergePatches(GeneratedSkill(), reduced, Wide());
    ASSERT_TRUE(result);
    size_t edits = 0;
    for (const Patch& patch : reduced.patches) edits += std::max<size_t>(1, patch.edits.size());
    ASSERT_EQ(result->report.inputs.size(), edits);
    std::map<std::string, std::set<std::string>> tasks;
    for (const MergeInput& input : result->report.inputs)
      ASSERT_FALSE(input.reason.empty()) << input.patch_id;
    for (const MergedRule& rule : result->report.rules) {
      std::set<std::string> all;
      for (const Patch& patch : reduced.patches) {
        bool member = std::binary_search(rule.members.begin(), rule.members.end(), patch.id);
        if (member) all.insert(patch.tasks.begin(), patch.tasks.end());
      }
      ASSERT_EQ(rule.support, static_cast<int64_t>(all.size())) << rule.id;
    }
  }
}

// The blocks of the result are those of before, without what edits took and with what was added.
TEST(MergePropertyTest, BlocksAreTheOldOnesAndTheAddedOnes) {
  for (unsigned seed = 0; seed < test::Cases(60); ++seed) {
    std::vector<Patch> patches = GeneratedPatches(seed, 50);
    std::erase_if(patches, [](const Patch& patch) { return !patch.edits.empty(); });
    auto result = MergePatches(GeneratedSkill(), patches, Wide());
    ASSERT_TRUE(result);
    std::multiset<std::string> was, is, added;
    for (const auto& [path, bytes] : GeneratedSkill().files) {
      for (const skill::Block& block : skill::ParseBlocks(bytes)) was.insert(block.hash);
    }
    for (const auto& [path, bytes] : result->skill.files) {
      if (!path.ends_with(".md")) continue;
      for (const skill::Block& block : skill::ParseBlocks(bytes)) is.insert(block.hash);
    }
    ASSERT_TRUE(std::includes(is.begin(), is.end(), was.begin(), was.end()));
    auto records = skill::DecodeProvenance(result->skill.files.at(".clawtrace/provenance.json"), "records");
    ASSERT_TRUE(records);
    int64_t written = 0;
    for (const skill::RuleRecord& rule : records->rules)
      written += rule.status == skill::RuleStatus::kInSkill;
    ASSERT_EQ(written, result->report.written) << seed;
    std::set<std::string> headings;
    for (const MergedRule& rule : result->report.rules) {
      if (rule.fate == MergeFate::kWritten && rule.file == "SKILL.md") headings.insert(rule.section);
    }
    headings.erase("Workflow"), headings.erase("Checks");
    ASSERT_EQ(is.size(), was.size() + static_cast<size_t>(written) + headings.size()) << seed;
  }
}

TEST(MergePropertyTest, FiveHundredPatchesTakeLessThanASecond) {
  std::vector<Patch> patches = GeneratedPatches(500, 500);
  Reduced reduced = Reduce(patches);
  Merged flat = Do(GeneratedSkill(), reduced);
  if (test::kSecondsCount) {
    EXPECT_LT(test::SecondsOf([&] { Do(GeneratedSkill(), Reduce(patches)); }), 1.0);
  }
  std::mt19937 random(1);
  for (size_t fan_in : {size_t{2}, size_t{8}, size_t{500}}) {
    Merged tree = Do(GeneratedSkill(), InTree(patches, fan_in, &random));
    EXPECT_EQ(Difference(tree.skill, flat.skill), "");
    EXPECT_EQ(tree.report, flat.report);
  }
  EXPECT_EQ(Difference(Do(flat.skill, reduced).skill, flat.skill), "");
}

}  // namespace
}  // namespace clawtrace::distill

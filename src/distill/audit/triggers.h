#pragma once
// Would an agent find this skill by its own description? Skills that lie in one folder are told apart by name
// and description alone; each is asked for with its own description (BM25, k1 1.2, b 0.75).
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::distill {

struct SkillListing {
  std::string name, description;
};

struct TriggerRank {
  size_t rank = 1;            // of own among all, by own's description; ties count against it
  std::string rival;          // the best of the others, "" when there is none
  int64_t rival_percent = 0;  // its score in percent of own's
};

// others without own. Pure.
TriggerRank RankTrigger(const SkillListing& own, const std::vector<SkillListing>& others);

}  // namespace clawtrace::distill

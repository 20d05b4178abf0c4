#pragma once
// From an analyst's lessons to patches.
#include <vector>

#include "distill/model/answer.h"
#include "distill/model/prompts.h"

namespace clawtrace::distill {

struct LessonSource {
  ModelAnalyst analyst = ModelAnalyst::kSuccess;
  const EvidenceSession& session;
  std::string prompt_hash, skill_hash;
  std::optional<Usd> cost_usd;  // of the job; shared by its patches, so that their sum is the job's
};

// One patch a lesson. Grades: E3 for a repair whose fix made the oracle pass, else E0; C1 for a lesson to
// leave out steps that replay proved not needed, else none: a model's word is no counterfactual.
std::vector<Patch> PatchesOf(const ModelAnswer& answer, const LessonSource& source);

// Equal lessons put together: tasks, steps and costs of all, E1 from two tasks. Sorted by (kind, support
// desc, id); any order of the input gives the same.
std::vector<Patch> JoinPatches(std::vector<Patch> patches);

}  // namespace clawtrace::distill

#pragma once
// Evidence gathered from cards per pattern, whatever order the cards come in, and the patch made of it.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "distill/distill.h"

namespace clawtrace::distill {

// Everything seen of one pattern.
struct Evidence {
  std::set<std::string> tasks;
  std::vector<PatchStep> steps;
  std::optional<Usd> saving;
  int64_t occurrences = 0;

  void Add(const TraceCard& card, const std::vector<std::string>& step_ids, const std::vector<std::string>& call_ids, const std::optional<Usd>& cost);
};

// What a pattern says in the skill. All texts come from the shipped lexicon; key is what makes two patterns one.
struct Lesson {
  std::string key;
  std::string rule;
  std::string condition;
  std::string counterfactual;
};

// Each session once: of several cards of one session the one with the greatest source hash.
std::vector<const TraceCard*> Distinct(const std::vector<TraceCard>& cards);

// A task of which the card says nothing counts as its own.
std::string TaskOf(const TraceCard& card);

Patch MakePatch(PatchKind kind, std::string_view analyst, const Lesson& lesson, const Evidence& evidence);

}  // namespace clawtrace::distill

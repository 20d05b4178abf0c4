#pragma once
// What a model-backed analyst answers, checked before anything is made of it (docs/models.md has the form).
// Total: any text gives an answer or reasons that the model can be told.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "distill/model/untrusted.h"
#include "skill/skill.h"

namespace clawtrace::distill {

enum class Polarity { kDo, kAvoid };

struct Lesson {
  std::string statement;  // one list item
  Polarity polarity = Polarity::kDo;
  std::string condition;           // "" = always
  std::string object;              // what it is about; stands in every cited step and in the lesson
  std::vector<std::string> steps;  // ids as in the card, ascending by place
  std::optional<int64_t> fix;      // number of the tried fix that shows it
  std::vector<PatchEdit> edits;    // that bring it into the skill; anchors are resolved
};

struct ModelAnswer {
  std::vector<Lesson> lessons;
};

struct AnswerLimits {
  size_t lessons = 4, edits = 8, evidence = 16;
  size_t statement_bytes = 400, condition_bytes = 200, object_bytes = 120;
  size_t tokens = 1200;  // of new texts together, bytes / 4
};

// What an answer is held against.
struct AnswerGround {
  const EvidenceSession& session;
  std::string session_name;  // as it was shown to the model
  const SkillDir& skill;
  const std::set<std::string>& pinned;  // hashes of blocks that no edit touches
  const Outside& outside;
  const Redact& redact;
  // For each tried fix: what it wrote and ran, "" when the oracle did not pass after it or passed before.
  const std::vector<std::string>& fixes;
};

struct CheckedAnswer {
  std::optional<ModelAnswer> answer;  // nullopt: it cannot be used
  std::vector<std::string> reasons;   // one sentence each, for the model and for people
};

// The JSON object in a model's text: all of it, or what stands in its only code fence.
std::string_view ObjectIn(std::string_view text);

CheckedAnswer CheckAnswer(std::string_view text, const AnswerGround& ground, const AnswerLimits& limits = {});

}  // namespace clawtrace::distill

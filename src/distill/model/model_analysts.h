#pragma once
// Analysts that ask a model: one job a session, successes in one pass, failures with look-ups; many at once
// under one budget and one pace, from a journal that an interrupted run goes on with. What comes of it are
// patches like those of the built-in analysts. docs/models.md.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distill/model/desk.h"

namespace clawtrace::distill {

struct ModelJob {
  std::string session_id, analyst;
  std::string error;          // "" = it came to an answer
  bool from_journal = false;  // finished in an earlier run
  size_t lessons = 0;         // that it led to
  int64_t calls = 0, calls_unpriced = 0;
  std::optional<Usd> cost_usd;  // nullopt: not known of all calls
  std::vector<Notice> notices;  // what the session's texts tried
  std::string conversation;     // JSON: all that was said
};

struct ModelRun {
  std::vector<Patch> patches;     // by (kind, support desc, id)
  std::vector<ModelJob> jobs;     // by analyst, session: independent of who finished first
  int64_t without_outcome = 0;    // sessions that nobody judged: no analyst looks at them
  llm::Spending spending;         // earlier runs of the journal included
  std::vector<std::string> gold;  // texts of right results that analysts could see: no literal of them may
                                  // reach a skill
};

// Sessions that passed go to the success analyst, those that failed or passed in part to the error analyst.
// Equal lessons of several sessions are one patch. Errors: the journal cannot be written, no transport can be
// made; whatever befalls a job is told by it, and the others go on - but for what would befall all (a key
// that is refused).
Result<ModelRun> RunModelAnalysts(const EvidenceBase& base, const SkillDir& skill, ModelDesk* desk);

}  // namespace clawtrace::distill

#pragma once
// Analysts that ask a model: one job a session, successes in one pass, failures with look-ups; many at once
// under one budget and one pace, from a journal that an interrupted run goes on with. What comes of it are
// patches like those of the built-in analysts. docs/models.md.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "distill/model/conversation.h"
#include "llm/journal.h"

namespace clawtrace::distill {

// Everything that model-backed analysts need of the outside.
struct ModelOptions {
  const llm::Provider* provider = nullptr;
  TalkRules talk;
  size_t workers = 4;
  llm::PriceOf price;
  llm::Budget budget;  // of the journal: what earlier runs spent counts
  llm::RetryRule retries;
  llm::Pace pace;
  std::function<int64_t()> now_ms;  // a steady clock, for the pace
  // Makes what asks the provider, one for each worker. Empty: only the journal is asked.
  std::function<Result<std::unique_ptr<llm::Transport>>()> outside;
  llm::Journal* journal = nullptr;  // never null
  // Results of finished jobs are taken from the journal; false: they are made again of its answers.
  bool take_finished = true;
  Redact redact;
  Prompts prompts;
  std::map<std::string, Case> cases;  // by session id
  LookUpSite site;
  std::set<std::string> pinned;       // hashes of the skill's blocks that no edit may touch
  std::vector<std::string> rejected;  // edits that were refused before, one line each

  struct Progress {
    size_t done = 0, failed = 0, planned = 0;  // jobs; failed ones are among those done
    llm::Spending spending;
  };
  std::function<void(const Progress&)> progress;  // called by one thread at a time
};

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
Result<ModelRun> RunModelAnalysts(const EvidenceBase& base, const SkillDir& skill,
                                  const ModelOptions& options);

}  // namespace clawtrace::distill

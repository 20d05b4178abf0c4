#pragma once
// Where one run asks its model: whoever asks - analysts, rewording - shares the provider, the budget with
// what earlier runs of the journal spent, the pace and the journal.
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

// Everything that asking models about sessions and rules needs of the outside.
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

class ModelDesk {
 public:
  // options outlive it.
  explicit ModelDesk(const ModelOptions& options);

  const ModelOptions& options() const { return options_; }
  llm::Spending spending() const { return meter_.spending(); }
  // What asks the provider, for one thread; nullptr: only the journal is asked.
  Result<std::unique_ptr<llm::Transport>> Outside() const;
  // Asks through transport, which outlives it. Thread-safe; the asker is one thread's.
  llm::Asker AskerOver(llm::Transport& transport);

 private:
  const ModelOptions& options_;
  llm::Meter meter_;
  llm::RateLimiter limiter_;
};

}  // namespace clawtrace::distill

#pragma once
// Asks a model for clearer words for rules that a merge is about to write. It is shown the rule alone,
// nothing of a session; what its words may not change - polarity, values, names, order - the merge checks
// (MergeOptions::reword), and evidence is not touched. docs/merge.md.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distill/merge/merge.h"
#include "distill/model/desk.h"

namespace clawtrace::distill {

// One thread at a time.
class Rewording {
 public:
  // desk outlives it. kInvalidInput: the prompts have none for this; else no transport can be made.
  static Result<Rewording> Make(ModelDesk* desk);

  // nullopt: the rule keeps its words, because they are good or because no answer could be used. The same
  // rule is asked about once.
  std::optional<OtherWords> For(const Patch& rule);

  struct Job {
    std::string rule;   // its id
    std::string error;  // "" = it came to an answer
  };
  const std::vector<Job>& jobs() const { return jobs_; }

 private:
  struct Said {
    std::string rule, error;
    bool may_pass = false;  // the error may not come again
  };

  explicit Rewording(ModelDesk* desk) : desk_(*desk) {}
  Said Ask(const std::string& key, const std::string& text);

  ModelDesk& desk_;
  std::unique_ptr<llm::Transport> outside_;
  std::string prompt_hash_;
  std::map<std::string, Said> said_;  // by key
  std::vector<Job> jobs_;
};

}  // namespace clawtrace::distill

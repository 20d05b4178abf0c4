#pragma once
// One execution of a session, with or without some of its steps, and what an oracle says of its end.
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "replay/execute.h"
#include "replay/judgement.h"

namespace clawtrace::replay {

struct Trial {
  Execution execution;
  std::optional<Judgement> judgement;  // nullopt: there is no oracle
};

// Executes. Safe to call from several threads at once; equal questions get equal answers.
class Trials {
 public:
  virtual ~Trials() = default;
  // keep: one per Moment of the timeline it was made for. effects: fill StepRun::changed; an execution of its
  // own. An error means that nothing can be executed at all.
  virtual Result<Trial> Run(const std::vector<bool>& keep, bool effects) = 0;
  // Of the workspace before anything was done. nullopt: there is no oracle.
  virtual Result<std::optional<Judgement>> JudgeStart() = 0;
  virtual Result<Tree> StartTree() = 0;
  // For reports.
  virtual std::string oracle_id() const = 0;
  virtual std::string oracle_command() const = 0;
  virtual int64_t known() const = 0;  // answers that an earlier run had left
};

}  // namespace clawtrace::replay

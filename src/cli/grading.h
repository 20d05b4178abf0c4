#pragma once
// Verdicts on their way to the sessions that they are about: found, stored, shown.
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/local_store.h"
#include "replay/oracle.h"
#include "replay/verdict_reader.h"

namespace clawtrace::cli {

struct Grading {
  std::string session_id, agent;  // whom it is about; "" when no session was found
  std::string task;               // as a report names it
  std::string judge;
  replay::Judgement judgement;
  std::optional<replay::OracleResult> oracle;  // when one was asked
  std::string stored;                          // the store that keeps it; "" none
  std::string problem;                         // why it is not stored, where it was to be
};

// The session that a report means: by its id, else by its task, if one session alone has it. Sets session_id,
// agent or problem. Error: the store cannot be read.
Status FindGraded(store::Store& store, const replay::JudgedRun& run, Grading* grading);

// Stores outcome and evidence, without secrets. redactor: nullptr keeps them as they are.
Status StoreGrading(const LocalStore& local, const capture::Redactor* redactor, Grading* grading);

// One verdict for people, several lines.
void PrintGrading(const Grading& grading, std::ostream& out);
// A JSON object; docs/oracles.md. What an oracle wrote is cut, but not redacted.
std::string GradingJson(const Grading& grading);

}  // namespace clawtrace::cli

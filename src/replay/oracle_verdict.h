#pragma once
// What an oracle said, from what it left behind.
#include <string>
#include <string_view>

#include "replay/judgement.h"
#include "replay/oracle.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

struct Asked {
  OracleRun run;
  Judgement judgement;
};
// Total: whatever lies in out_folder and however the command ended.
Asked VerdictOf(const CommandResult& result, const OracleSpec& spec, const std::string& out_folder);

// Whether output shows that the judge could not work: a missing program, module or network.
bool SaysBroken(std::string_view output);
// How many tests output says were executed, by the summaries of pytest, unittest, jest, go and cargo;
// nullopt: it has none.
std::optional<int64_t> TestsTold(std::string_view output);

}  // namespace clawtrace::replay

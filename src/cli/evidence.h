#pragma once
// The evidence of what was selected: every session priced, replayed as far as its texts allow, and extracted.
#include <map>
#include <string>

#include "cli/inputs.h"
#include "cli/replay_files.h"
#include "distill/evidence_base.h"
#include "distill/model/cases.h"

namespace clawtrace::cli {

struct Verdicts {
  const ReplayFiles* given = nullptr;                           // what replay --json printed
  const std::map<std::string, distill::Case>* cases = nullptr;  // by session id: executed again now
};

// Verdicts of a session: those given, when they are about its steps; else of executing its case, if it has
// one with a workspace; else those that its store kept; else of its texts alone. Errors as of
// ReadWholeSessions, and those of a case's workspace or oracle.
Result<distill::EvidenceBase> ReadEvidence(const Selection& selection, const PriceBook& book,
                                           const World& world, const Verdicts& verdicts);

}  // namespace clawtrace::cli

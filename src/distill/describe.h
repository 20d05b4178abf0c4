#pragma once
// What a new skill says that it is for.
#include <string>

#include "distill/evidence_base.h"

namespace clawtrace::distill {

// The kinds of work that at least a tenth of the sessions with tool uses do, in words of ours: "reading and
// editing files, running commands and fetching web pages"; "" when no session uses a tool. No name or value
// of a session is in it. The order of the sessions does not show.
std::string WorkIn(const EvidenceBase& base);

}  // namespace clawtrace::distill

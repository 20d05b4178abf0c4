#pragma once
// What the texts of sessions try with whoever reads them: told, since no text of a session reaches a rule.
#include <string>
#include <vector>

#include "distill/evidence_base.h"

namespace clawtrace::distill {

struct SessionNotice {
  std::string session_id;  // as records hold it (skill::PlainId)
  SeenAttempt seen;
};

// By session in the order of the base, then by attempt.
std::vector<SessionNotice> NoticedIn(const EvidenceBase& base);

}  // namespace clawtrace::distill

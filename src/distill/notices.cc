#include "distill/notices.h"

#include "skill/provenance.h"

namespace clawtrace::distill {

std::vector<SessionNotice> NoticedIn(const EvidenceBase& base) {
  std::vector<SessionNotice> out;
  for (const EvidenceSession& session : base.sessions) {
    for (const SeenAttempt& seen : session.attempts)
      out.push_back({skill::PlainId(session.card.session_id), seen});
  }
  return out;
}

}  // namespace clawtrace::distill

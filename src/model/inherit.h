#pragma once
// Calls that one session copied from another. Resuming, forking and handing over to the background write the
// history into a new log under a new session id; each call is charged once, to the earliest session present.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/session.h"

namespace clawtrace {

// An LLM call as other sessions may hold it too. key: hash of source, call id, model and usage.
struct CallTrace {
  uint64_t key = 0;
  std::optional<int64_t> start_ns;
  bool operator==(const CallTrace&) const = default;
};

// What FindInherited needs of a session, small enough to keep for every session of a large corpus.
struct SessionCalls {
  std::string id, forked_from, parent;      // parent: the session that it is a sub-agent of
  std::optional<int64_t> start_ns, end_ns;  // of the calls alone, however little else of the session was read
  std::vector<CallTrace> calls;             // sub-agents' included
  std::vector<std::string> below;           // sessions of the sub-agents that are there
  std::vector<std::string> missing;         // sub-agents' that steps name and that are not
};

template <class A>
void Describe(A& a, CallTrace& c) {
  auto key = static_cast<int64_t>(c.key);
  a.Field("", key), a.Field("", c.start_ns);
  c.key = static_cast<uint64_t>(key);
}
template <class A>
void Describe(A& a, SessionCalls& c) {
  a.Field("", c.id), a.Field("", c.forked_from), a.Field("", c.parent), a.Field("", c.start_ns),
      a.Field("", c.end_ns);
  a.Field("", c.calls), a.Field("", c.below), a.Field("", c.missing);
}

SessionCalls CallsOf(const Session& session);

// For each session the keys of its calls that an earlier one holds, sorted. Equal keys are one call if they
// also began at the same time (copies keep it) or the sessions descend from one another by forked_from (some
// clients stamp copies anew); generic ids of unrelated sessions are not joined. Earlier: by start, then the
// fork after its origin, then by end, then by id. Independent of the order of sessions otherwise.
std::vector<std::vector<uint64_t>> FindInherited(std::span<const SessionCalls> sessions);

// Marks the calls with these keys (sorted), and the tools they asked for, as inherited; their calls are no
// longer billed. Adds the note "inherited_calls:N" and returns N.
int64_t MarkInherited(Session* session, std::span<const uint64_t> keys);

}  // namespace clawtrace

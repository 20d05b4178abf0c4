#pragma once
// From facts as importers and receivers read them to sessions. The one way, whether the facts come from files
// or from a store.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/session.h"

namespace clawtrace::capture {

// Source of facts that judge a session without being of any importer: they join the session of their id,
// whatever source tells it.
inline constexpr std::string_view kJudgeSource = "outcome";

// How the id of a session begins that stands for counters (OTLP metrics) which name no conversation; an agent
// follows.
inline constexpr std::string_view kCountersOf = "metrics@";

// Places that could not be used, by the session that was spoken of around them.
struct SkippedPlaces {
  std::map<std::string, std::vector<Skipped>> by_session;
  std::vector<Skipped> orphaned;  // of files that gave no fact
};

// Each importer resolves its own facts, then all are assembled and sources joined. Independent of the order
// of facts. The places go to the sessions they belong to, else to the first; they are left in orphaned when
// there is no session.
std::vector<Session> SessionsOf(std::vector<Fact> facts, SkippedPlaces* skipped);

}  // namespace clawtrace::capture

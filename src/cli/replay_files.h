#pragma once
// Replay reports that a user names, for cards of logs: those of a store keep theirs beside the sessions.
#include <map>
#include <string>

#include "cli/command.h"
#include "compile/compile.h"

namespace clawtrace::cli {

inline constexpr Flag kReplayFlag{"--replay", "FILE",
                                  "verdicts to take up: what clawtrace replay --json printed, one a line",
                                  FlagKind::kPath};

class ReplayFiles {
 public:
  // Of --replay; without it there are none. Errors: the file cannot be read or holds something else.
  static Result<ReplayFiles> Read(const Arguments& arguments);
  bool empty() const { return by_session_.empty(); }
  // The report about these very steps; nullptr when there is none. Lives as long as this.
  const ReplayReport* Find(const Session& session) const;
  // The card anew, with the session's report, if there is one and it fits.
  void TakeUp(const PricedSession& priced, const PriceBook& book, TraceCard* card) const;

 private:
  std::multimap<std::string, ReplayReport> by_session_;
};

}  // namespace clawtrace::cli

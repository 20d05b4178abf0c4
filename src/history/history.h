#pragma once
// What a store remembers: sessions compiled of its facts, and the questions that the command line and the
// server ask of them. Everything is bound to one tenant. No clock, environment or randomness: times come in
// as nanoseconds since 1970 UTC.
//
// A family of facts becomes cards by the way that files take (capture/sessions.h, history/view.h), so that a
// session has one card however it came: any order, repetition or splitting of its facts gives the same bytes.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "history/view.h"
#include "store/store.h"

namespace clawtrace::history {

struct HistoryOptions {
  const PriceBook* book = nullptr;
  std::string made_by;  // what identifies program and prices: sessions made by another are compiled anew
  std::string tenant;
};

// program (World::program or a version) and the price book.
std::string MadeBy(std::string_view program, const PriceBook& book);

// Compiles at most limit families whose facts changed and have been quiet since quiet_since_ns (exclusive;
// INT64_MAX: all), longest quiet first. Returns how many were compiled; call again until 0. A family that
// changed again meanwhile is left for the next call.
Result<int64_t> CompileChanged(store::Store& store, const HistoryOptions& options, int64_t quiet_since_ns,
                               int64_t limit);
// Brings the family of one session up to date now, whatever its state. kNotFound when the store holds no
// fact of it.
Status CompileSession(store::Store& store, const HistoryOptions& options, std::string_view session_id);

// One page of sessions; cards without their steps.
struct SessionPage {
  std::vector<SessionView> sessions;
  std::string next;  // cursor, "" on the last page
};
Result<SessionPage> ListSessions(store::Store& store, std::string_view tenant, store::ListRequest request);

// The compiled session that a selector names: a full id, a unique prefix of >= 6 characters, or agent:id.
// kNotFound; kInvalidInput with the candidates when it is ambiguous. The card is without its steps.
Result<SessionView> FindSession(store::Store& store, std::string_view tenant, std::string_view selector);

// What a compiled session is known by.
struct SessionKey {
  std::string session_id, agent;
};
SessionKey KeyOf(const SessionView& view);

// Steps in pages of kStepsPerPage, sub-agents' steps behind the step that spawned them, page from 0. A page
// behind the last one is empty. kNotFound when the session is not compiled.
inline constexpr int64_t kStepsPerPage = 500;
Result<std::vector<CardStep>> ReadSteps(store::Store& store, std::string_view tenant, const SessionKey& key,
                                        int64_t page);
// The card with all steps: EncodeCard and EncodeCompactCard print it as they do for files.
Result<TraceCard> ReadCard(store::Store& store, std::string_view tenant, const SessionKey& key);

// The root sessions of a family, from its facts: for what cards do not hold (the card of a sub-agent, why a
// step is flagged). Calls that an earlier session holds are marked, as in the cards.
struct Family {
  std::vector<Session> sessions;
  std::vector<ViewOptions> options;      // how each is viewed
  std::vector<SessionCalls> calls;       // of each, before the marks
  std::vector<std::string> session_ids;  // under which its facts are stored, sorted
  uint64_t sequence = 0;                 // of the store, as of which it was read
  int64_t damaged = 0;                   // stored facts that could not be decoded; told in the notes too
};
Result<Family> ReadFamily(store::Store& store, std::string_view tenant, std::string_view session_id);

// Somebody judged a session. It need not be known yet. now_ns orders judgements of one judge: the last
// counts; what several judges say is joined by rank (model/fact.h).
struct Judged {
  std::string session_id;
  Outcome outcome;
  std::string evidence;  // kept whole beside it: ReadPayloads of JudgementId(outcome.judge); "" none
};
std::string JudgementId(std::string_view judge);
Status PutOutcome(store::Store& store, std::string_view tenant, const Judged& judged, int64_t now_ns);

// What replay found out about a session, kept beside it and removed with it. Its card takes it up as long as
// its steps are those that were replayed.
Status PutReplay(store::Store& store, std::string_view tenant, const ReplayReport& report, int64_t now_ns);
// Of all that were put and fit the steps: one that executed before one that did not, then the one that
// decided most. nullopt: none fits.
Result<std::optional<ReplayReport>> GetReplay(store::Store& store, std::string_view tenant,
                                              const Session& session);

// Spend of all compiled sessions, from <= day < until, in days since 1970 UTC. Read from what the store keeps
// summed up: cost does not grow with the number of sessions. Sorted by key.
enum class ReportKind { kDay, kAgent, kModel };
struct ReportRow {
  std::string key;  // "2026-11-21"; "unknown" for calls without a time
  int64_t calls = 0, unpriced = 0;
  Usage tokens;
  Usd cost, included;
};
Result<std::vector<ReportRow>> ReportTotals(store::Store& store, std::string_view tenant, ReportKind kind,
                                            int32_t from, int32_t until);
// The day that calls without any time are summed under.
inline constexpr int32_t kUnknownDay = INT32_MAX - 1;

}  // namespace clawtrace::history

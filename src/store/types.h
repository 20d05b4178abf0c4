#pragma once
// What goes into a store and comes out of it. All values; times are nanoseconds since 1970 UTC, money is
// exact, days are days since 1970 UTC.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/fact.h"
#include "model/inherit.h"

namespace clawtrace::store {

// A text that belongs to a fact and is too large for it: a prompt as it was sent, a whole answer.
struct Payload {
  std::string source, session_id, id;  // of the fact
  std::string part;                    // "input", "output", ...: the caller's word
  std::string bytes;                   // given back byte for byte
  bool operator==(const Payload&) const = default;
};

// A place of the input that could not be used; kept with the session it would have belonged to.
struct SkippedRecord {
  std::string session_id;
  Skipped skipped;
  bool operator==(const SkippedRecord&) const = default;
};

// Two ids that tell of one conversation, where no fact says so: a trace and the session it belongs to.
struct SessionLink {
  std::string session_id, other;
};

// How far an importer has come with one file, so that the next run goes on there.
struct SourcePosition {
  std::string key;  // path, or whatever names the source
  uint64_t device = 0, inode = 0, size = 0;
  int64_t modified_ns = 0;
  uint64_t offset = 0;     // bytes that were read and whose facts are stored
  uint64_t head_hash = 0;  // of the file's first bytes: another one is another file
  std::string state;       // the importer's own, opaque
  bool operator==(const SourcePosition&) const = default;
};

// What is appended in one piece: after a crash all of it is there or nothing.
struct Batch {
  std::string tenant;
  int64_t now_ns = 0;  // when it came, by the caller's clock
  std::vector<Fact> facts;
  std::vector<Payload> payloads;
  std::vector<SkippedRecord> skipped;
  std::vector<SessionLink> links;
  std::vector<SourcePosition> positions;
};

struct Appended {
  uint64_t sequence = 0;  // of the commit that holds it
  int64_t facts_added = 0, facts_known = 0;
  int64_t payloads_added = 0, payloads_known = 0;
};

// Sessions that are compiled together: a conversation, its sub-agents, and ids linked to it.
enum class Scope { kSession, kFamily };

struct FactsRead {
  uint64_t sequence = 0;                 // commit up to which was read: for Compiled::sequence
  std::vector<std::string> session_ids;  // whose facts were read, sorted
  std::vector<SkippedRecord> skipped;    // sorted
  int64_t damaged = 0;                   // stored facts that could not be decoded
};

// A family whose facts are newer than what was compiled of it.
struct ChangedFamily {
  std::string session_id;  // one of it, the smallest
  int64_t changed_ns = 0;  // Batch::now_ns of the last change
};

// What calls of one model on one day came to.
struct DaySpend {
  int32_t day = 0;
  std::string model;
  int64_t calls = 0, unpriced = 0;
  Usage tokens;
  Usd cost, included;  // included: list price of calls that a subscription covers
  bool operator==(const DaySpend&) const = default;
};

// A root session as lists show it, with what the caller wants to keep beside it.
struct SessionSummary {
  std::string session_id, agent;  // together unique within a tenant
  std::string task_id, project, user, prompt;
  std::optional<int64_t> start_ns, end_ns;
  Verdict outcome = Verdict::kUnknown;
  std::optional<CostStatus> cost_status;
  std::optional<Usd> cost;
  Usage tokens;
  int64_t llm_calls = 0, tool_calls = 0;
  std::string card;  // the caller's own, opaque; kept compressed
  bool operator==(const SessionSummary&) const = default;
};

// A summary and what else is kept of the session; not read by lists.
struct CompiledSession {
  SessionSummary summary;
  std::vector<DaySpend> spend;
  std::vector<std::string> pages;  // steps in pages, the caller's own form; kept compressed
  SessionCalls calls;              // for the charging of copied calls (model/inherit.h)
};

// All that one family came to. Replaces what was compiled of it before.
struct Compiled {
  std::string session_id;  // any of the family
  uint64_t sequence = 0;   // FactsRead::sequence of the facts it was computed from
  std::string made_by;     // what computed it: program and price book
  std::vector<CompiledSession> sessions;
};

struct SessionFilter {
  std::optional<std::string> agent, task_id, project, user;
  std::optional<Verdict> outcome;
  std::optional<CostStatus> cost_status;
  std::optional<int64_t> from_ns, until_ns;  // of the start; until is exclusive
};
// An unknown start counts as the oldest, an unknown cost as the least. Ties by session id, same direction.
enum class SessionOrder { kNewest, kOldest, kDearest };
struct ListRequest {
  SessionFilter filter;
  SessionOrder order = SessionOrder::kNewest;
  int64_t limit = 50;  // 1 to kMaxPage
  std::string cursor;  // SessionList::next of the page before, "" for the first
  bool with_cards = false;
};
inline constexpr int64_t kMaxPage = 1000;
struct SessionList {
  std::vector<SessionSummary> sessions;
  std::string next;  // "" on the last page
};

// Sums over the calls of sessions that are compiled.
struct DayTotal {
  int32_t day = 0;
  std::string agent, model;
  int64_t calls = 0, unpriced = 0;
  Usage tokens;
  Usd cost, included;
  bool operator==(const DayTotal&) const = default;
};

struct SearchRequest {
  std::string text;  // words, all of which must occur; in double quotes: together
  int64_t limit = 50;
  std::string cursor;
};
struct SearchHit {
  std::string source, session_id, id;
  FactKind kind = FactKind::kLink;
  std::optional<int64_t> start_ns;
  std::string excerpt;  // valid UTF-8 around the first word
  // The compiled session of its family, under which lists show it: of several the one of the same id, else
  // the smallest; "" when none is compiled.
  std::string listed_as;
  bool operator==(const SearchHit&) const = default;
};
struct SearchResult {
  std::vector<SearchHit> hits;  // last stored first
  std::string next;
  int64_t behind = 0;  // facts of the store that are not indexed yet
};

// What is to be removed, of one tenant. Exactly one of the first three is set.
struct RemoveRequest {
  std::optional<std::string> session_id;  // with its whole family
  std::optional<int64_t> before_ns;       // families whose last fact (else arrival) is older
  bool everything = false;
  bool from_disk_later = false;  // hide only: Store::FinishRemovals does the rest
};
struct Removed {
  int64_t families = 0, sessions = 0, facts = 0, payloads = 0;
};

struct CheckReport {
  std::vector<std::string> problems;  // empty: sound
  int64_t facts = 0, payloads = 0, summaries = 0;
};

struct StoreLoad {
  int64_t summaries = 0, changed_families = 0;
  int64_t text_behind = 0;  // facts not in the full-text index; removed ones behind it may be counted
  int64_t file_bytes = 0, log_bytes = 0, free_bytes = 0;
  // Since it was opened:
  int64_t commits = 0, appends = 0, appends_refused = 0, recoveries = 0;
};

struct StoreStats : StoreLoad {
  int schema_version = 0;
  uint64_t sequence = 0;
  int64_t tenants = 0, sessions = 0, facts = 0, payloads = 0;
  int64_t payload_bytes = 0;         // as given
  int64_t payload_stored_bytes = 0;  // texts as kept, compressed, without rows and indexes
  int64_t sealed_bytes = 0;          // of them in packs
};

}  // namespace clawtrace::store

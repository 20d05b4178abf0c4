#pragma once
// Where facts live. An interface with obligations; every engine passes tests/store/conformance.h.
//
// Threads: every function may be called from any thread at any time while the store lives. Reads see what was
// committed when they began, all of it at one moment. Destroying the store waits for what was accepted.
//
// Tenants: every read and write names one, and no answer depends on what another tenant has stored. An
// unknown tenant has nothing.
//
// Errors: kUnavailable = not stored now, try the same again (full disk, failed disk, too much waiting);
// kInvalidInput = never will be; kCorruptData = what is stored cannot be read. After a refusal the batch may
// or may not be there: sending it again is always right.
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace clawtrace::store {

// Called once, on a thread of the store; must be quick and must not call the store.
using OnAppended = std::function<void(Result<Appended>)>;
// Returns false to stop.
using FactVisitor = std::function<bool(Fact)>;

class Store {
 public:
  virtual ~Store() = default;

  // Stores a batch. done is called when it is on the disk, such that it survives the death of the process and
  // loss of power; or with an error. Batches of many callers share a commit. A fact that is there already
  // (same tenant, source, session, kind, id and content) is counted as known and changes nothing; other
  // content under the same id is kept beside it. Positions are as durable as the facts beside them. The call
  // itself does not wait for the disk; it refuses with kUnavailable when too much is waiting.
  virtual void Append(Batch batch, OnAppended done) = 0;

  // Facts of a session or of its whole family, in an order that depends on their content alone. An unknown
  // session has none. visit runs while the read lasts: to stop early costs nothing, to dawdle keeps the log
  // of the engine from being cut.
  virtual Result<FactsRead> ReadFacts(std::string_view tenant, std::string_view session_id, Scope scope,
                                      const FactVisitor& visit) = 0;
  // All payloads of one call (fact id), byte for byte, sorted by source, part and bytes.
  virtual Result<std::vector<Payload>> ReadPayloads(std::string_view tenant, std::string_view session_id,
                                                    std::string_view id) = 0;
  // All positions of a tenant, by key.
  virtual Result<std::vector<SourcePosition>> Positions(std::string_view tenant) = 0;

  // Families whose facts changed after they were last compiled and not since quiet_since_ns (by
  // Batch::now_ns, exclusive), longest quiet first.
  virtual Result<std::vector<ChangedFamily>> ChangedFamilies(std::string_view tenant, int64_t quiet_since_ns,
                                                             int64_t limit) = 0;
  // Whether the family of a session would be among them, however lately it changed. kNotFound when the store
  // holds nothing of the session.
  virtual Result<bool> IsChanged(std::string_view tenant, std::string_view session_id) = 0;
  // Replaces what was compiled of a family, and the days' totals with it, in one commit. Facts that came
  // after compiled.sequence leave the family changed. Families that hold one of the calls that this one
  // gained, lost or holds from another time on become changed. false: it was compiled from later facts
  // already, or is not there, and nothing happened.
  virtual Result<bool> PutCompiled(std::string_view tenant, const Compiled& compiled) = 0;
  // Families that were compiled by another become changed. Returns how many did.
  virtual Result<int64_t> MarkStale(std::string_view tenant, std::string_view made_by) = 0;
  // Calls of other families' sessions that hold one of these keys, by session id.
  virtual Result<std::vector<SessionCalls>> SessionsWithCalls(std::string_view tenant,
                                                              std::string_view session_id,
                                                              std::span<const uint64_t> keys) = 0;

  // One page of the compiled sessions. A cursor of another request gives kInvalidInput.
  virtual Result<SessionList> ListSessions(std::string_view tenant, const ListRequest& request) = 0;
  // Compiled sessions whose id begins so, with cards, by id and agent.
  virtual Result<std::vector<SessionSummary>> FindSessions(std::string_view tenant, std::string_view prefix,
                                                           int64_t limit) = 0;
  // A page of steps, from 0, as it was put. kNotFound when there is none.
  virtual Result<std::string> ReadPage(std::string_view tenant, std::string_view session_id,
                                       std::string_view agent, int64_t page) = 0;
  // By day, agent and model, for from <= day < until.
  virtual Result<std::vector<DayTotal>> DayTotals(std::string_view tenant, int32_t from, int32_t until) = 0;

  // Facts by their texts. Finds what IndexText has come to.
  virtual Result<SearchResult> Search(std::string_view tenant, const SearchRequest& request) = 0;
  // Brings the full-text index on by at most this many facts (of all tenants). Returns how many are left;
  // facts that were removed since may be counted as well, but 0 means none.
  virtual Result<int64_t> IndexText(int64_t limit) = 0;

  // Small things of other layers, by collection and key: patches, verdicts, keys. Durable on return.
  virtual Status PutDocument(std::string_view tenant, std::string_view collection, std::string_view key,
                             std::string_view bytes) = 0;
  virtual Result<std::string> GetDocument(std::string_view tenant, std::string_view collection,
                                          std::string_view key) = 0;  // kNotFound
  virtual Result<std::vector<std::string>> DocumentKeys(std::string_view tenant,
                                                        std::string_view collection) = 0;
  virtual Result<bool> DeleteDocument(std::string_view tenant, std::string_view collection,
                                      std::string_view key) = 0;

  // Takes families out: at once for every reader, and before it returns from the disk as well, with texts and
  // payloads that nothing else needs. Positions stay, so that what is removed is not imported again; those of
  // a tenant that is removed whole go, and its documents. Does not wait for what others removed.
  virtual Result<Removed> Remove(std::string_view tenant, const RemoveRequest& request) = 0;
  // Takes from the disk what was to go later, or was being removed when a process died, of all tenants, in
  // about so many short commits. Returns whether something is left; call again until false.
  virtual Result<bool> FinishRemovals(int64_t commits) = 0;

  // Reads everything and compares it with what it must be.
  virtual Result<CheckReport> Check() = 0;
  // A copy as of one moment into a new file, while others read and write. kAlreadyExists when there is one.
  virtual Status Backup(const std::string& path) = 0;
  // Counts every row: its time grows with the store.
  virtual Result<StoreStats> Stats() = 0;
  // Reads no fact and no payload: may be asked every second of a store of any size.
  virtual Result<StoreLoad> Load() = 0;
  // Packs the payloads of families that did not change since. Returns how many texts were packed; call again
  // until 0.
  virtual Result<int64_t> Seal(int64_t unchanged_since_ns) = 0;
  // Finishes removals and gives free space back to the file system.
  virtual Status Vacuum() = 0;
};

// Append that waits.
Result<Appended> AppendAndWait(Store& store, Batch batch);

}  // namespace clawtrace::store

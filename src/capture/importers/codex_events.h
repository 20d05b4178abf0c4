#pragma once
// Codex rollouts, first half: from the records of a file to the events that a thread consists of (codex.cc).
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "capture/importer.h"
#include "model/fact.h"

namespace clawtrace::capture {

// One record, reduced to what the session needs. All are held until the file ends, because only then is it
// known whether the file states positions and which of its two usage records it has.
struct CodexEvent {
  enum class Kind {
    kMeta,
    kTurn,
    kTurnEnd,
    kUser,
    kText,
    kTool,
    kResult,
    kDone,
    kUsage,
    kCompaction,
    kSkills,
    kError
  };
  Kind kind = Kind::kMeta;
  int64_t ordinal = -1;
  std::optional<int64_t> ts;
  Fact fact;                     // the member of the kind; id is the record's own
  std::string turn;              // turn id, where the record names one
  std::string thread;            // thread id, where the record names one
  std::string model, tier, cwd;  // kTurn
  std::string provider;          // kMeta
  std::string plan;              // kUsage: the subscription that rate limits are counted against
  std::string child;             // kResult, kDone: agent that the call may have spawned
  bool mirror = false;           // kUser, kCompaction: an event that repeats a record when both are there
  bool aborted = false;          // kTurnEnd
  bool starts_turn = false;      // kTurn: a turn begins here
  bool record = false;           // kUsage: token_usage_record; false: token_count
  bool counted = false;          // kUsage: it has counters, usable or not
  std::optional<Usage> usage, total;
  std::vector<SkillUse> listed;  // kSkills: offered to the agent
  KeptRecord kept = 0;           // its bytes
};

class CodexRecords {
 public:
  // skip reports why the current record, or a part of it, cannot be used.
  explicit CodexRecords(std::function<void(std::string_view)> skip) : skip_(std::move(skip)) {}

  // Adds the events of one record; none for records of no interest and for records that were there before.
  // raw: its bytes.
  void Read(Json record, std::string_view raw, std::vector<CodexEvent>* events);

 private:
  bool ReadPayload(std::string_view type, std::string_view kind, Json payload, CodexEvent* e);
  bool ReadItem(std::string_view kind, Json item, CodexEvent* e);
  bool ReadMessage(Json item, CodexEvent* e);
  void ReadCall(std::string_view kind, Json item, CodexEvent* e);
  bool ReadEvent(std::string_view kind, Json event, CodexEvent* e);
  void ReadCounters(Json usage, Json total, CodexEvent* e);
  std::string LineId() const;

  std::function<void(std::string_view)> skip_;
  std::string_view raw_;
  JsonParser inner_;                   // for JSON inside texts
  std::optional<CodexEvent> done_;     // that a call without an output record brings along
  std::unordered_set<uint64_t> seen_;  // hashes of the records
};

// later - earlier; nullopt when a counter shrank, that is, when counting began anew.
std::optional<Usage> Difference(const Usage& later, const Usage& earlier);
// All counters as one text.
std::string VectorOf(const Usage& usage);

// Takes the lines off an output that differ from run to run (chunk id, wall time), so that equal outputs are
// equal; they also hold the exit code.
std::string_view StripCodexWrapper(std::string_view text, std::optional<int64_t>* exit_code);

// The parent's thread id in a header; "" for a root.
std::string CodexParentOf(Json meta);
// The header of older files has no type; its items stand bare.
bool IsBareCodexMeta(Json record);

}  // namespace clawtrace::capture

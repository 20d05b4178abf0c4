#pragma once
// Keeps the records that cut facts were read from, as payloads beside the facts (model/fact.h: facts hold the
// start of a text), and finds them again.
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/importer.h"
#include "capture/redact.h"
#include "store/store.h"

namespace clawtrace::history {

// Parts of payloads. kRecord: a record as it was read, secrets taken out: a line's bytes, an element of a
// document in canonical JSON. kRecordOf: it is kept with another fact of the session, which is what the bytes
// name; only ReadPayloads sees those.
inline constexpr std::string_view kRecord = "record", kRecordOf = "record_of";

class RecordKeeper {
 public:
  // redactor: nullptr for none; outlives this.
  explicit RecordKeeper(const capture::Redactor* redactor) : redactor_(redactor) {}

  // path: of a file that readers count offsets in, "" when there is none. A record that facts refer to later
  // is read there again; without, it is held compressed, at most kMostHeld bytes of a file in all.
  void StartFile(std::string path);

  // FactSink's.
  void FromRecord(std::string_view bytes, int64_t offset);
  void FromElement(Json element);
  capture::KeptRecord KeepRecord();
  void FromKept(std::span<const capture::KeptRecord> records);

  // Adds the records that a fact comes from, where they are not there yet. False: one of them cannot be kept
  // (not at hand, or larger than a payload may be).
  bool Keep(const Fact& fact, std::vector<store::Payload>* payloads, size_t* bytes);

  static constexpr size_t kMostHeld = size_t{64} << 20;

 private:
  // Under which fact a record is stored.
  struct Home {
    std::string source, session, id, name;
  };
  struct Kept {
    int64_t offset = -1;
    size_t size = 0;
    uint64_t hash = 0;
    std::string squeezed;  // without an offset
    std::vector<Home> homes;
  };

  bool KeepOne(const Fact& fact, capture::KeptRecord id, std::vector<store::Payload>* payloads,
               size_t* bytes);
  Result<std::string> Read(const Kept& kept) const;
  Result<std::string> BytesOf(capture::KeptRecord id) const;  // 0: of what was named last

  const capture::Redactor* redactor_;
  std::string path_;
  std::deque<Kept> kept_;
  size_t held_ = 0;
  // What was named last.
  std::string_view bytes_;
  Json element_;
  int64_t offset_ = -1;
  capture::KeptRecord id_ = 0;
  std::vector<Home> homes_;
  std::vector<capture::KeptRecord> named_;
};

// All payloads of a call or other fact, whole, by an id of its session or any of its family's: a sub-agent's
// call, or one that a trace told. Sorted by source, part and bytes.
Result<std::vector<store::Payload>> ReadPayloads(store::Store& store, std::string_view tenant,
                                                 const std::string& session_id, const std::string& id);

}  // namespace clawtrace::history

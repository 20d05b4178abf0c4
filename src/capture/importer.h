#pragma once
// Importers turn the bytes of one client's stores into facts. An importer is data plus a few functions, in
// one file under importers/ and one line in importers.def. It knows its format and nothing of stores, prices
// or other clients.
//
// Contract, checked for every entry by tests/conformance/importer_test.cc:
//  - any chunking of the input gives the same facts; repeating lines adds no fact that is not equal to an
//  earlier one;
//  - no input crashes, hangs or grows memory beyond the line limit; unusable records are reported through
//  Skip;
//  - sniff (is_database for databases) says yes to its own fixtures and no to every other importer's.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/fact.h"

namespace clawtrace::capture {

// A record that a sink was asked to keep; 0: none.
using KeptRecord = int64_t;

// Where a reader puts what it finds. Not thread-safe: one per file.
class FactSink {
 public:
  virtual ~FactSink() = default;
  virtual void Add(Fact&& fact) = 0;
  // line from 1 (0: no lines); offset of the record's first byte; reason: stable words, see Skipped.
  virtual void Skip(int64_t line, int64_t offset, std::string_view reason) = 0;
  // For files of many sessions: what was skipped since the last such call belongs to the session of the first
  // fact since then.
  virtual void EndSession() {}
  // Two ids tell of one conversation, and no fact says so: a trace and the session it belongs to. Who reads
  // facts back by session needs both.
  virtual void Link(std::string_view session_id, std::string_view other) { (void)session_id, (void)other; }

  // Which record of the input the facts come from that are added until the next of these calls, for sinks
  // that keep the whole of what facts hold the start of. The smallest that holds it all: a line, an element
  // of a document. bytes: as read, valid until the next call, "" for none. offset: of the first in the file,
  // -1: nowhere.
  virtual void FromRecord(std::string_view bytes, int64_t offset) { (void)bytes, (void)offset; }
  // The element must be valid until the next call.
  virtual void FromElement(Json element) { (void)element; }
  // For facts that are added later: what was named last, which FromKept names again.
  virtual KeptRecord KeepRecord() { return 0; }
  // Several where a fact unites what stands in several; 0 is left out.
  virtual void FromKept(std::span<const KeptRecord> records) { (void)records; }
  void FromKept(KeptRecord record) { FromKept({&record, 1}); }
};

// Passes everything on; a base for sinks that look at some of it.
class PassingSink : public FactSink {
 public:
  explicit PassingSink(FactSink* to) : to_(*to) {}
  void Add(Fact&& fact) override { to_.Add(std::move(fact)); }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    to_.Skip(line, offset, reason);
  }
  void EndSession() override { to_.EndSession(); }
  void Link(std::string_view session_id, std::string_view other) override { to_.Link(session_id, other); }
  void FromRecord(std::string_view bytes, int64_t offset) override { to_.FromRecord(bytes, offset); }
  void FromElement(Json element) override { to_.FromElement(element); }
  KeptRecord KeepRecord() override { return to_.KeepRecord(); }
  using FactSink::FromKept;
  void FromKept(std::span<const KeptRecord> records) override { to_.FromKept(records); }

 protected:
  FactSink& to() { return to_; }

 private:
  FactSink& to_;
};

// Does a fact hold only the start of a text, or of arguments? Of the prompt within a record of telemetry,
// which is a fact of kind link, nothing is said: its reader names the record only when it is cut.
inline bool IsCut(const Fact& fact) {
  auto cut = [](int64_t whole, const std::string& text) { return whole > static_cast<int64_t>(text.size()); };
  return (fact.user && cut(fact.user->text_bytes, fact.user->text)) ||
         (fact.llm && cut(fact.llm->text_bytes, fact.llm->text)) ||
         (fact.tool && cut(fact.tool->args_bytes, fact.tool->args)) ||
         (fact.result && cut(fact.result->output_bytes, fact.result->output));
}

// Reads one file front to back. Feed takes any chunking; Finish must be called once, after the last byte.
class LogReader {
 public:
  virtual ~LogReader() = default;
  virtual void Feed(std::string_view bytes) = 0;
  virtual void Finish() = 0;
};

// What is known about a file besides its bytes.
struct FileContext {
  std::string path;  // as given, for ids that a format keeps in file names; "-" for standard input
  std::string
      sidecar;  // content of the importer's sidecar file, if it names one and it exists ("" otherwise)
  // Only what calls there were and what they cost is wanted: records that cannot change a call's model, usage
  // or time, or which session, agent and folder it belongs to, may be left out unread.
  bool usage_only = false;
};

using SessionLinks = std::vector<std::pair<std::string, std::string>>;

struct Importer {
  std::string_view name;           // stored in facts: lower case, dashes, stable forever
  std::string_view summary;        // for --help
  std::string_view default_root;   // comma-separated, below the user's home: ".claude/projects"
  std::string_view file_suffixes;  // comma-separated, only to walk default roots cheaply: ".jsonl"
  // Could the file with this head (its first kHeadBytes at most) be this format? Content only, never the
  // name.
  bool (*sniff)(std::string_view head);
  std::unique_ptr<LogReader> (*open)(const FileContext& file, FactSink* sink);
  // Facts of different files that must be resolved together become canonical facts here (OTLP spans);
  // nullptr: none. Gets all facts of one unit with source == name, in any order, and replaces them.
  void (*resolve)(std::vector<Fact>* facts) = nullptr;
  // Does resolve make a fact of this one that has this id? For facts that keep theirs no question; nullptr:
  // all do, or nearly.
  bool (*becomes)(const Fact& fact, std::string_view id) = nullptr;
  // Session ids of unresolved facts that resolve must see together, where the facts do not name each other as
  // parent, child or origin (a trace and its conversation). Of as much of a delivery as is at hand: more may
  // show more. nullptr: none.
  void (*links)(std::span<const Fact> facts, SessionLinks* links) = nullptr;
  // Path of a file that describes this one; of several, one a line, the first that is there. nullptr: none.
  std::string (*sidecar_path)(std::string_view path) = nullptr;
  // Which files belong together because they hold one root session: equal keys are read into one unit. Gets
  // path and head; nullptr or "" = the file stands alone.
  std::string (*unit_key)(std::string_view path, std::string_view head) = nullptr;
  // What a file of this client with this head is that holds no call of its own ("the state of a session,
  // ..."), to say so when it is named; "": not known. nullptr: none.
  std::string_view (*companion)(std::string_view head) = nullptr;
  // SQLite databases of this client, both set or both nullptr. is_database: is one with these tables (sorted)
  // its? read_database reads it by path, whatever size, beside a running writer, and writes nothing; Skip
  // gets offset 0 and a line that counts records of a session. Fails when the file cannot be read at all.
  bool (*is_database)(std::span<const std::string> tables) = nullptr;
  Status (*read_database)(const FileContext& file, FactSink* sink) = nullptr;
  // Its facts are those of other importers and receivers, whose names they keep as their source.
  bool any_source = false;
};

inline constexpr size_t kHeadBytes = 64 * 1024;
// Longer lines are skipped and counted, never buffered whole.
inline constexpr size_t kMaxLineBytes = size_t{64} << 20;

const std::vector<const Importer*>& Importers();       // registry order
const Importer* FindImporter(std::string_view name);   // nullptr when unknown
const Importer* SniffImporter(std::string_view head);  // nullptr when none or more than one accepts
// What a file that no importer reads is, in the words of the one that knows it; "" when none does.
std::string_view CompanionOf(std::string_view head);
// Same as SniffImporter for a database, by its tables. Fails when the file cannot be read as a database.
Result<const Importer*> SniffDatabase(const std::string& path);

}  // namespace clawtrace::capture

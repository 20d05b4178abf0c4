#pragma once
// From what a user names (files, folders, globs, "-") to sessions: which files there are, which importer
// reads each, which belong together, and what could not be used.
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/importer.h"
#include "capture/whole_texts.h"
#include "model/session.h"

namespace clawtrace::capture {

// How a file looked when it was last seen; equal stamps, equal content.
struct LogStamp {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t modified_ns = 0,
          changed_ns = 0;  // changed: of the content or what is known of the file; cannot be set
  bool operator==(const LogStamp&) const = default;
};

// What was learnt of files before, so that unchanged ones need not be opened to know their format.
class FileMemory {
 public:
  struct Known {
    const Importer* importer = nullptr;  // nullptr: no log of a known client
    std::string unit_key;
  };
  virtual ~FileMemory() = default;
  virtual std::optional<Known> Find(const std::string& path, const LogStamp& stamp) = 0;
  virtual void Learn(const std::string& path, const LogStamp& stamp, const Known& known) = 0;
};

struct InputFile {
  std::string path;  // "-" for standard input
  const Importer* importer = nullptr;
  uint64_t bytes = 0;     // on disk; of a database with its write-ahead log
  bool database = false;  // read by path, not by its bytes
  LogStamp stamp;         // all zero for standard input
};

// Files that are read and assembled together.
struct Unit {
  const Importer* importer = nullptr;
  std::vector<InputFile> files;  // sorted by path
  uint64_t bytes = 0;
};

// Something a user named or a folder held that gives no session.
struct Unusable {
  std::string path;
  std::string reason;  // "permission denied", "not a known session log", "symbolic link loop", ...
  bool named = false;  // the user named it, it was not merely found
};

struct Plan {
  std::vector<Unit> units;         // largest first, so that two threads finish together
  std::vector<Unusable> unusable;  // problems worth a word each
  int64_t unrecognised_files = 0;  // files inside folders that are no session log
  std::string standard_input;      // bytes of "-", read while planning
};

// paths as given on a command line. An empty file that the user named is a unit of its own with no importer.
// memory may be nullptr.
Plan PlanInputs(const std::vector<std::string>& paths, FileMemory* memory = nullptr);

// The folders below home where known agents keep their logs and which exist.
std::vector<std::string> KnownRoots(const std::string& home);

// Reads one file to facts as its importer gives them, unresolved, and ends the sink's session. Fails when
// nothing or not all could be read; what could be is in the sink, the place is told there too.
Status ReadFacts(const InputFile& file, const Plan& plan, FactSink* sink,
                 const std::function<void(uint64_t)>& on_bytes = {}, bool usage_only = false);
// What tells two states of the files that describe this one (Importer::sidecar_path) apart; 0: there is none.
uint64_t SidecarKey(const InputFile& file);

// Reads one unit. Total: what cannot be read is in skipped of the sessions, or in unusable when nothing came
// of it. on_bytes is called with the size of each block read, for progress; may be empty.
struct UnitResult {
  std::vector<Session> sessions;
  std::vector<Unusable> unusable;
};
UnitResult ReadUnit(const Unit& unit, const Plan& plan, const std::function<void(uint64_t)>& on_bytes);
// The same of several units that turned out to tell of the same sessions: their facts are assembled together.
UnitResult ReadUnits(std::span<const Unit* const> units, const Plan& plan,
                     const std::function<void(uint64_t)>& on_bytes, bool usage_only = false);
// The same with whole texts wherever the records show them.
UnitResult ReadWholeUnits(std::span<const Unit* const> units, const Plan& plan,
                          const std::function<void(uint64_t)>& on_bytes);

}  // namespace clawtrace::capture

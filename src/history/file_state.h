#pragma once
// What an import remembers of a file (store::SourcePosition::state).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/gather.h"
#include "store/types.h"

namespace clawtrace::history {

// Something that a file said: a fact or a place that could not be used.
struct Said {
  uint32_t session = 0;  // index into FileState::sessions
  bool place = false;
  uint64_t thing = 0;    // hash of what identifies it
  uint64_t content = 0;  // hash of all of it
  auto operator<=>(const Said&) const = default;
};

struct FileState {
  std::string importer;  // "": no log of a known client
  std::string unit_key;
  bool complete = false;  // read to its end, and all of it stored
  bool records = false;   // with the records of facts that are cut
  bool database = false;
  int64_t changed_ns = 0;   // ctime
  uint64_t companions = 0;  // of sidecars, of a database's log: changes when they do
  uint64_t tail_hash = 0;   // of the bytes before SourcePosition::size
  std::vector<std::string> sessions;
  std::vector<Said> said;     // sorted, each once
  std::vector<Said> dropped;  // said once, and marked as superseded since; sorted

  // Sorts the lists.
  void Settle();
};

std::string PackState(const FileState& state);
std::optional<FileState> UnpackState(std::string_view bytes);

// The file's stamp as it stands in a position, and back.
capture::LogStamp StampOf(const store::SourcePosition& position, const FileState& state);

// Hashes of the file's first bytes and of those before size; nullopt when it cannot be read.
struct Ends {
  uint64_t head = 0, tail = 0;
  bool operator==(const Ends&) const = default;
};
std::optional<Ends> EndsOf(const std::string& path, uint64_t size);
// A database's write-ahead log and sidecars; 0: none.
uint64_t CompanionsOf(const capture::InputFile& file);

}  // namespace clawtrace::history

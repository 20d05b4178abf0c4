#pragma once
// Takes logs into a store: what is new since the last time, and no more. Positions in the store say how each
// file looked when it was read; a batch holds the facts of files and their positions, so that whenever it is
// cut off, the next run goes on with what is missing.
//
// A file that has changed is read from its start, since most formats can be understood in no other way; facts
// that are there already cost little and change nothing. What an earlier reading said of the file and this
// one does not is marked as superseded (superseded.h): all of it when the file has only grown, else other
// versions of the same things; what vanished from a rewritten or rotated file stays as history.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/gather.h"
#include "capture/redact.h"
#include "store/store.h"

namespace clawtrace::history {

struct ImportOptions {
  std::string tenant;
  std::vector<std::string> inputs;              // files, folders, globs, "-"; made absolute
  int64_t now_ns = 0;                           // when it comes, for the store
  const capture::Redactor* redactor = nullptr;  // applied to every fact before the store sees it
  bool keep_records = true;                     // of facts that hold only the start of a text (records.h)
  std::function<void(uint64_t)> on_bytes;       // for progress; may be empty
  std::function<bool()> stop;                   // asked between files; may be empty
};

struct Imported {
  int64_t files_read = 0, files_unchanged = 0;
  int64_t files_without_records = 0;  // logs that hold nothing usable: no session comes of them
  int64_t facts_added = 0, facts_known = 0, facts_superseded = 0;
  int64_t payloads_added = 0, payloads_known = 0;
  int64_t records_left_out = 0;             // cut facts whose record is not at hand, or too large
  int64_t places_skipped = 0;               // of the files that were read
  int64_t unstorable = 0;                   // facts whose ids no store takes
  int64_t unrecognised_files = 0;           // in folders, no log of a known client
  std::vector<capture::Unusable> unusable;  // files that could not be read, or only in part
  bool stopped = false;
};

// Facts that hold only the start of a text have the record they were read from beside them (ReadPayloads in
// records.h), in the batch that holds the fact or an earlier one.
//
// Memory is bounded by what one file (of some formats: the files of one session) says. Errors are the
// store's; what was stored before stays and is not read again.
Result<Imported> Import(store::Store& store, const ImportOptions& options);

}  // namespace clawtrace::history

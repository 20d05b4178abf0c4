#pragma once
// The workspace that a session started with, as the user names it. Replay only ever uses it as the lower
// layer of a workplace and never writes to it.
#include <string>

#include "base/result.h"
#include "replay/scratch_folder.h"
#include "replay/unpack.h"

namespace clawtrace::replay {

struct StartWorkspace {
  std::string folder;   // absolute
  std::string origin;   // for people: "folder PATH", "commit HASH of PATH", "archive PATH"
  Unpacked unpacked;    // what is missing of an archive or a commit
  ScratchFolder owned;  // where it was unpacked; none for a directory used in place
};

// spec: a folder, used in place; DIR@COMMIT or git:DIR@COMMIT, a commit of the repository there; a tar
// archive, plain or compressed (gzip, xz, zstd, bzip2). A path that exists wins over its reading as
// DIR@COMMIT. What a commit holds is taken from the repository's objects alone: its hooks, filters,
// attributes and configuration have no effect and cannot execute anything. Unpacked below scratch. Errors:
// kNotFound, kInvalidInput, kCorruptData (no or a broken archive), kLimit, kUnavailable (git is not
// installed), kIo.
Result<StartWorkspace> OpenWorkspace(const std::string& spec, const std::string& scratch,
                                     const ArchiveLimits& limits = {});

}  // namespace clawtrace::replay

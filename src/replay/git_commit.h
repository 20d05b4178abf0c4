#pragma once
// A commit of a repository as files. Wraps the program git.
#include <string>

#include "base/result.h"
#include "replay/unpack.h"

namespace clawtrace::replay {

struct GitCommit {
  std::string hash;
  Unpacked unpacked;
};

// Unpacks what a commit (named by hash, branch, tag, "HEAD~2") of a repository holds into an empty folder:
// content as it is stored. Only objects and references of the repository are used: git runs in a repository
// of our own below scratch that borrows them, so that configuration, hooks, filters and attributes of theirs
// cannot execute anything or change what comes out. Errors: kNotFound no repository or no such commit,
// kUnavailable no git, else as UnpackTar.
struct CommitName {
  std::string repository, commit;
};
Result<GitCommit> UnpackCommit(const CommitName& name, const std::string& folder, const std::string& scratch,
                               const ArchiveLimits& limits);

}  // namespace clawtrace::replay

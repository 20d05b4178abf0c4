#pragma once
// Tar archives, plain or compressed, of whom nothing is known. Wraps libarchive, whose own writing to disk is
// not used: only plain files and folders are made while the archive is read, so that no name can lead through
// a link; links are made last.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace clawtrace::replay {

struct ArchiveLimits {
  int64_t bytes = int64_t{4} << 30;  // of all files together
  int64_t entries = 200'000;
  int64_t depth = 64;  // folders above a file
};

// What an archive holds and was not unpacked.
struct LeftOut {
  std::string path;    // valid UTF-8 start of it
  std::string reason;  // "absolute-path", "parent-folder", "too-deep", "link-outside", "special-file",
                       // "in-the-way": something else of the archive has its place
  bool operator==(const LeftOut&) const = default;
};

struct Unpacked {
  std::vector<LeftOut> left_out;  // the first kMostLeftOut
  int64_t left_out_count = 0;
};
inline constexpr size_t kMostLeftOut = 100;

// Unpacks what fd gives from here into an empty folder. Modes are kept without set-user and set-group bits,
// folders stay open to their owner; times are kept, owners are not. A later entry takes the place of an
// earlier file. Symbolic links whose target leaves the folder, or is absolute, are left out. Errors:
// kCorruptData no archive or a broken one, kLimit, kIo.
Result<Unpacked> UnpackTar(int fd, const std::string& folder, const ArchiveLimits& limits);

}  // namespace clawtrace::replay

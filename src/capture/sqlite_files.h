#pragma once
// Files as SQLite sees them here: a file system that can only read. Registered under kReadOnlyFiles.
#include <cstdint>
#include <string>

namespace clawtrace::capture {

inline constexpr const char* kReadOnlyFiles = "clawtrace-read-only";

// Makes the file system known to SQLite; any number of times, from any thread.
void RegisterReadOnlyFiles();

// What tells two states of a file apart without reading it. All zero: there is no such file.
struct FileStamp {
  uint64_t device = 0, inode = 0, bytes = 0;
  int64_t changed_s = 0, changed_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp StampOf(const std::string& path);

}  // namespace clawtrace::capture

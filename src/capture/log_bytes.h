#pragma once
// The bytes of a log file, decompressed if they are compressed (gzip, zstd), in blocks and constant memory.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace clawtrace::capture {

// An open file, closed at the end.
class LogFile {
 public:
  // kIo with the system's words when it cannot be opened.
  static Result<LogFile> Open(const std::string& path);
  LogFile(LogFile&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  LogFile& operator=(LogFile&&) = delete;
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile();

  // The first bytes as they are on disk, at most size.
  Result<std::string> Head(size_t size) const;

  // Reads from the start to the size that the file had when this was called (a log that grows meanwhile ends
  // in a cut line, which the next run reads whole), until take returns false. on_block, which may be empty,
  // gets the size of each block read from disk. Fails, after what could be read was handed out: kIo; kLimit
  // for compressed data that grows beyond what logs shrink to; kCorruptData when it is damaged or cut off.
  Status Read(const std::function<bool(std::string_view)>& take,
              const std::function<void(uint64_t)>& on_block = {}) const;

 private:
  explicit LogFile(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Decompresses text in place if it is compressed; the errors of Read.
Status Unzip(std::string* text, uint64_t max_bytes);

}  // namespace clawtrace::capture

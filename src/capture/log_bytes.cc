#include "capture/log_bytes.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include "capture/unzip.h"

namespace clawtrace::capture {
namespace {

// What a compressed log may grow to: logs shrink tenfold, some a hundredfold.
constexpr uint64_t kMaxGrowth = 200, kGrowthAtLeast = uint64_t{64} << 20;

Error SystemError() { return {ErrorCode::kIo, std::generic_category().message(errno), ""}; }

// -1: an error, 0: the end.
ssize_t ReadBlock(int fd, char* to, size_t size) {
  for (;;) {
    ssize_t n = ::read(fd, to, size);
    if (n >= 0 || errno != EINTR) return n;
  }
}

Status StatusOf(UnzipStream::End end, uint64_t max_bytes) {
  switch (end) {
    case UnzipStream::End::kWhole:
      return {};
    case UnzipStream::End::kCutOff:
      return Fail(ErrorCode::kCorruptData, "compressed data is cut off");
    case UnzipStream::End::kDamaged:
      return Fail(ErrorCode::kCorruptData, "compressed data is damaged");
    case UnzipStream::End::kTooLong:
      break;
  }
  return Fail(ErrorCode::kLimit,
              fmt::format("compressed data is over the limit of {} MiB when unpacked: unpack it first",
                          max_bytes >> 20));
}

}  // namespace

Result<LogFile> LogFile::Open(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::unexpected(SystemError());
  return LogFile(fd);
}

LogFile::~LogFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> LogFile::Head(size_t size) const {
  std::string head(size, '\0');
  if (::lseek(fd_, 0, SEEK_SET) != 0) return std::unexpected(SystemError());
  size_t have = 0;
  while (have < head.size()) {
    ssize_t n = ReadBlock(fd_, head.data() + have, head.size() - have);
    if (n <= 0) break;
    have += static_cast<size_t>(n);
  }
  head.resize(have);
  return head;
}

Status LogFile::Read(const std::function<bool(std::string_view)>& take,
                     const std::function<void(uint64_t)>& on_block) const {
  struct stat info{};
  if (::fstat(fd_, &info) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0) return std::unexpected(SystemError());
  ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  constexpr size_t kBlock = size_t{256} << 10;
  thread_local std::string block;
  block.resize(kBlock);
  uint64_t left = static_cast<uint64_t>(info.st_size);
  uint64_t limit = kGrowthAtLeast + (kMaxGrowth * left);
  std::optional<UnzipStream> zipped;
  bool first = true, enough = false;
  auto give = [&](std::string_view piece) {
    enough = !take(piece);
    return !enough;
  };
  while (left > 0 && !enough) {
    ssize_t n = ReadBlock(fd_, block.data(), std::min<uint64_t>(kBlock, left));
    if (n < 0) return std::unexpected(SystemError());
    if (n == 0) break;
    std::string_view bytes = std::string_view(block).substr(0, static_cast<size_t>(n));
    if (first && IsCompressedHead(bytes)) zipped.emplace(bytes, limit);
    first = false;
    left -= static_cast<uint64_t>(n);
    bool good = zipped ? zipped->Feed(bytes, give) : give(bytes);
    if (on_block) on_block(static_cast<uint64_t>(n));
    if (!good) break;
  }
  if (zipped && !enough) return StatusOf(zipped->end(), limit);
  return {};
}

Status Unzip(std::string* text, uint64_t max_bytes) {
  if (!IsCompressedHead(*text)) return {};
  UnzipStream stream(*text, max_bytes);
  std::string unzipped;
  (void)stream.Feed(*text, [&](std::string_view piece) {
    unzipped += piece;
    return true;
  });
  *text = std::move(unzipped);
  return StatusOf(stream.end(), max_bytes);
}

}  // namespace clawtrace::capture

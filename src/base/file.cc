#include "base/file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace clawtrace {
namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::unexpected<Error> IoError(std::string_view verb, const std::filesystem::path& path) {
  int error = errno;
  ErrorCode code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  std::string hint = error == EACCES ? "check the permissions of the file and its folders" : "check the path";
  return Fail(code,
              fmt::format("cannot {} {}: {}", verb, path.string(), std::generic_category().message(error)),
              hint);
}

}  // namespace

Result<std::string> ReadFile(const std::filesystem::path& path, uint64_t max_bytes) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return IoError("read", path);
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) return IoError("read", path);
  if (!S_ISREG(info.st_mode))
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} is not a regular file", path.string()));
  std::string bytes;
  // One byte more than the file has, so that its end is seen without another block.
  constexpr uint64_t kLeast = 4096, kMost = uint64_t{1} << 20;
  const auto block = static_cast<size_t>(std::clamp(static_cast<uint64_t>(info.st_size) + 1, kLeast, kMost));
  while (true) {
    size_t have = bytes.size();
    if (have > max_bytes) {
      return Fail(ErrorCode::kLimit, fmt::format("{} is larger than {} bytes", path.string(), max_bytes));
    }
    bytes.resize(have + block);
    ssize_t n = ::read(file.fd, bytes.data() + have, block);
    if (n < 0 && errno == EINTR)
      n = 0;
    else if (n < 0)
      return IoError("read", path);
    else if (n == 0) {
      bytes.resize(have);
      return bytes;
    }
    bytes.resize(have + static_cast<size_t>(n));
  }
}

Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes) {
  std::error_code error;
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error)
      return Fail(ErrorCode::kIo,
                  fmt::format("cannot create {}: {}", path.parent_path().string(), error.message()));
  }
  std::string temporary = path.string() + ".XXXXXX";
  Descriptor file{::mkostemp(temporary.data(), O_CLOEXEC)};
  if (file.fd < 0) return IoError("write", path);
  mode_t mode = 0644;
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) mode = info.st_mode & 07777;
  bool ok = ::fchmod(file.fd, mode) == 0;
  while (ok && !bytes.empty()) {
    ssize_t n = ::write(file.fd, bytes.data(), bytes.size());
    if (n > 0)
      bytes.remove_prefix(static_cast<size_t>(n));
    else if (!(n < 0 && errno == EINTR))
      ok = false;
  }
  ok = ok && ::fsync(file.fd) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!ok) {
    auto failure = IoError("write", path);
    ::unlink(temporary.c_str());
    return failure;
  }
  return {};
}

}  // namespace clawtrace

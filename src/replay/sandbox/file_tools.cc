#include "replay/sandbox/file_tools.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "base/hash.h"
#include "replay/sandbox/open_file.h"

namespace clawtrace::replay {
namespace {

constexpr int kMaxDepth = 200;
constexpr size_t kMaxEntries = 1'000'000;
constexpr int64_t kMaxHashedBytes = int64_t{16} << 30;
constexpr long kProcMagic = 0x9fa0;

std::unexpected<Error> FailOn(std::string_view what, std::string_view path, int error) {
  ErrorCode code = ErrorCode::kIo;
  if (error == ENOENT) code = ErrorCode::kNotFound;
  if (error == EISDIR || error == ENOTDIR || error == EEXIST) code = ErrorCode::kInvalidInput;
  if (error == ENOSPC || error == EFBIG || error == EDQUOT) code = ErrorCode::kLimit;
  return Fail(code, fmt::format("cannot {} {}: {}", what, path, std::strerror(error)));
}

// An opened regular file. Never waits for the other end of a pipe.
Result<OpenFile> OpenRegular(const std::string& path, int flags, std::string_view what) {
  OpenFile file(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666));
  if (!file) return FailOn(what, path, errno);
  struct stat state{};
  struct statfs system{};
  if (::fstat(file.get(), &state) != 0 || ::fstatfs(file.get(), &system) != 0)
    return FailOn(what, path, errno);
  if (!S_ISREG(state.st_mode) || system.f_type == kProcMagic)
    return Fail(ErrorCode::kInvalidInput, fmt::format("cannot {} {}: it is no file", what, path));
  return file;
}

// A folder's entries without "." and "..".
Result<std::vector<std::string>> NamesIn(int folder, std::string_view path) {
  int again = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> list(again < 0 ? nullptr : ::fdopendir(again), ::closedir);
  if (!list) return FailOn("list", path, errno);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(list.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    if (names.size() > kMaxEntries)
      return Fail(ErrorCode::kLimit, fmt::format("{} holds more than {} entries", path, kMaxEntries));
  }
  return names;
}

std::string LinkTarget(int folder, const std::string& name) {
  char target[PATH_MAX];
  ssize_t size = ::readlinkat(folder, name.c_str(), target, sizeof(target));
  return size > 0 ? std::string(target, static_cast<size_t>(size)) : std::string();
}

class TreeReader {
 public:
  Status Read(int folder, const std::string& prefix, int depth) {
    if (depth > kMaxDepth)
      return Fail(ErrorCode::kLimit, fmt::format("more than {} folders in one another", kMaxDepth));
    auto names = NamesIn(folder, prefix.empty() ? "the workspace" : prefix);
    if (!names) return std::unexpected(std::move(names.error()));
    for (const std::string& name : *names)
      if (name != "__pycache__" && name != ".git" && !name.ends_with(".pyc"))
        CT_RETURN_IF_ERROR(ReadEntry(folder, name, prefix + name, depth));
    return {};
  }
  Tree Take() { return std::move(tree_); }

 private:
  Status ReadEntry(int folder, const std::string& name, const std::string& path, int depth) {
    struct stat state{};
    // A process that was left running may take it away meanwhile.
    if (::fstatat(folder, name.c_str(), &state, AT_SYMLINK_NOFOLLOW) != 0) return {};
    if (tree_.size() >= kMaxEntries)
      return Fail(ErrorCode::kLimit, fmt::format("the workspace holds more than {} entries", kMaxEntries));
    FileState& entry = tree_[path];
    entry.mode = state.st_mode & 07777;
    entry.kind = 'o';
    if (S_ISLNK(state.st_mode)) {
      std::string target = LinkTarget(folder, name);
      entry = {.kind = 'l', .mode = entry.mode, .hash = Hash64(target), .size = std::ssize(target)};
    } else if (S_ISREG(state.st_mode)) {
      return ReadRegular(folder, name, state.st_size, &entry);
    } else if (S_ISDIR(state.st_mode)) {
      entry.kind = 'd';
      OpenFile below(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      // What may not be read is still there.
      return below ? Read(below.get(), path + "/", depth + 1) : Status();
    }
    return {};
  }

  Status ReadRegular(int folder, const std::string& name, int64_t size, FileState* entry) {
    entry->kind = 'f';
    if (size > kMaxHashedBytes - hashed_)
      return Fail(ErrorCode::kLimit, "the files of the workspace are too large to be compared");
    OpenFile file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    char block[65536];
    ssize_t got = file ? ::read(file.get(), block, sizeof(block)) : 0;
    entry->size = std::max<ssize_t>(got, 0);
    if (got < std::ssize(block)) {  // most files: all of it
      entry->hash = Hash64({block, static_cast<size_t>(entry->size)});
    } else {
      StreamHash hash;
      hash.Add({block, sizeof(block)});
      // Not more than its size: it may be growing.
      while (entry->size < size && (got = ::read(file.get(), block, sizeof(block))) > 0) {
        hash.Add({block, static_cast<size_t>(got)});
        entry->size += got;
      }
      entry->hash = hash.value();
    }
    hashed_ += entry->size;
    return {};
  }

  Tree tree_;
  int64_t hashed_ = 0;
};

// Holes stay holes: what takes no room in the sandbox takes none outside.
Status CopyBytes(int from, int to, int64_t size, const std::string& name) {
  for (off_t at = 0; at < size;) {
    off_t start = ::lseek(from, at, SEEK_DATA);
    if (start < 0 && errno == ENXIO) break;
    start = start < 0 ? at : start;
    off_t end = ::lseek(from, start, SEEK_HOLE);
    end = end < 0 ? size : std::min<off_t>(end, size);
    if (::lseek(to, start, SEEK_SET) < 0) return FailOn("copy", name, errno);
    while (start < end) {
      ssize_t sent = ::sendfile(to, from, &start, static_cast<size_t>(end - start));
      if (sent < 0) return FailOn("copy", name, errno);
      if (sent == 0) return {};
    }
    at = end;
  }
  return ::ftruncate(to, size) == 0 ? Status() : FailOn("copy", name, errno);
}

constexpr mode_t kKeptBits = 01777;

Status CopyEntry(int from, int to, const std::string& name, uid_t owner, int depth) {
  struct stat state{};
  if (::fstatat(from, name.c_str(), &state, AT_SYMLINK_NOFOLLOW) != 0) return FailOn("copy", name, errno);
  if (S_ISLNK(state.st_mode)) {
    if (::symlinkat(LinkTarget(from, name).c_str(), to, name.c_str()) != 0 ||
        ::fchownat(to, name.c_str(), owner, owner, AT_SYMLINK_NOFOLLOW) != 0)
      return FailOn("copy", name, errno);
  } else if (S_ISDIR(state.st_mode)) {
    OpenFile source(::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!source || ::mkdirat(to, name.c_str(), 0700) != 0) return FailOn("copy", name, errno);
    OpenFile copy(::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!copy) return FailOn("copy", name, errno);
    CT_RETURN_IF_ERROR(CopyFolder(source.get(), copy.get(), owner, depth + 1));
  } else if (S_ISREG(state.st_mode)) {
    OpenFile source(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    OpenFile copy(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!source || !copy) return FailOn("copy", name, errno);
    CT_RETURN_IF_ERROR(CopyBytes(source.get(), copy.get(), state.st_size, name));
    if (::fchown(copy.get(), owner, owner) != 0 || ::fchmod(copy.get(), state.st_mode & kKeptBits) != 0)
      return FailOn("copy", name, errno);
  } else {
    return {};
  }
  timespec times[2] = {state.st_atim, state.st_mtim};
  ::utimensat(to, name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return {};
}

}  // namespace

Result<std::string> ReadInside(const std::string& path, int64_t max_bytes) {
  auto file = OpenRegular(path, O_RDONLY, "read");
  if (!file) return std::unexpected(std::move(file.error()));
  std::string bytes;
  while (true) {
    char block[65536];
    ssize_t got = ::read(file->get(), block, sizeof(block));
    if (got < 0) return FailOn("read", path, errno);
    if (got == 0) return bytes;
    bytes.append(block, static_cast<size_t>(got));
    if (std::ssize(bytes) > max_bytes)
      return Fail(ErrorCode::kLimit, fmt::format("{} is larger than {} bytes", path, max_bytes));
  }
}

Status WriteInside(const std::string& path, std::string_view bytes) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return FailOn("write", path, error.value());
  // Not cut before it is known to be a file.
  auto file = OpenRegular(path, O_WRONLY | O_CREAT, "write");
  if (!file) return std::unexpected(std::move(file.error()));
  if (::ftruncate(file->get(), 0) != 0) return FailOn("write", path, errno);
  while (!bytes.empty()) {
    ssize_t put = ::write(file->get(), bytes.data(), bytes.size());
    if (put < 0) return FailOn("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

Status RemoveInside(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return FailOn("remove", path, errno);
  return {};
}

Result<Tree> TreeInside(const std::string& folder) {
  OpenFile top(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top) return FailOn("list", folder, errno);
  TreeReader reader;
  CT_RETURN_IF_ERROR(reader.Read(top.get(), "", 0));
  return reader.Take();
}

Status CopyFolder(int from, int to, uid_t owner, int depth) {
  if (depth > kMaxDepth)
    return Fail(ErrorCode::kLimit, fmt::format("more than {} folders in one another", kMaxDepth));
  auto names = NamesIn(from, "the workspace");
  if (!names) return std::unexpected(std::move(names.error()));
  for (const std::string& name : *names) CT_RETURN_IF_ERROR(CopyEntry(from, to, name, owner, depth));
  struct stat state{};
  if (::fstat(from, &state) != 0 || ::fchown(to, owner, owner) != 0 ||
      ::fchmod(to, state.st_mode & kKeptBits) != 0)
    return FailOn("copy", "a folder", errno);
  return {};
}

void RemoveFolder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::remove_all(folder, error);
  if (!error) return;
  // A folder that its owner may not write keeps what is in it.
  fs::permissions(folder, fs::perms::owner_all, fs::perm_options::add, error);
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (fs::is_directory(fs::symlink_status(entry->path(), error)))
      fs::permissions(entry->path(), fs::perms::owner_all, fs::perm_options::add, error);
  fs::remove_all(folder, error);
}

}  // namespace clawtrace::replay

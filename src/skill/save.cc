#include "skill/save.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/file.h"
#include "skill/paths.h"
#include "skill/skill.h"

namespace clawtrace {
namespace fs = std::filesystem;

namespace {

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::unexpected<Error> IoError(std::string_view verb, const fs::path& path, int error) {
  std::string hint = error == EACCES || error == EPERM ? "check the permissions of the folder that holds it"
                                                       : "name a folder that can be written to";
  return Fail(ErrorCode::kIo,
              fmt::format("cannot {} {}: {}", verb, path.string(), std::generic_category().message(error)),
              hint);
}

fs::path Sibling(const fs::path& path, std::string_view word) {
  return path.parent_path() / fmt::format(".{}.clawtrace-{}", path.filename().string(), word);
}

Status Sync(const fs::path& path) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0 || ::fsync(file.fd) != 0) return IoError("sync", path, errno);
  return {};
}

// Folders that a user took the right to write from keep what is in them, even from their owner.
void MakeWritable(const fs::path& root) {
  std::error_code error;
  auto open = [](const fs::path& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      (void)::fchmodat(AT_FDCWD, path.c_str(), (info.st_mode & 07777) | S_IRWXU, AT_SYMLINK_NOFOLLOW);
  };
  open(root);
  // Each folder is entered after it was seen, and is open by then.
  fs::recursive_directory_iterator walk(root, error), end;
  for (; !error && walk != end; walk.increment(error)) open(walk->path());
}

// What an earlier save prepared, or the version that this one replaced. Links are removed, never followed.
Status RemoveTree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) return {};
  MakeWritable(path);
  fs::remove_all(path, error);
  if (!error) return {};
  return Fail(ErrorCode::kIo, fmt::format("cannot remove {}: {}", path.string(), error.message()),
              "an earlier write left it there; nothing is written until it is gone");
}

// May this process take out what is in the folder? Its owner may, whatever its mode is: see MakeWritable.
bool MayEmpty(const fs::path& folder, const struct stat& info) {
  return ::geteuid() == 0 || info.st_uid == ::geteuid() ||
         ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

// Mode and, as far as allowed, owner of what a new file replaces.
void TakeOver(const struct stat& from, const fs::path& to) {
  if (::lchown(to.c_str(), from.st_uid, from.st_gid) != 0 && errno != EPERM) return;
  (void)::chmod(to.c_str(), from.st_mode & 07777);
}

// An unchanged file is the same file: its times, links and attributes stay.
Status KeepFile(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (fs::is_symlink(fs::symlink_status(from, error)))
    fs::copy_symlink(from, to, error);
  else
    fs::create_hard_link(from, to, error);
  if (error) {
    error.clear();
    fs::copy_file(from, to, error);  // file systems without hard links
  }
  if (error) return IoError("keep", from, error.value());
  return {};
}

class Preparation {
 public:
  Preparation(const SkillDir& skill, const std::set<std::string>& gone, fs::path old, fs::path fresh)
      : skill_(skill), gone_(gone), old_(std::move(old)), fresh_(std::move(fresh)) {}

  Status Run() {
    CT_RETURN_IF_ERROR(RemoveTree(fresh_));  // left by a crash: the lock says that nobody is writing it
    std::error_code error;
    fs::create_directory(fresh_, error);
    if (error) return IoError("create", fresh_, error.value());
    CT_RETURN_IF_ERROR(KeepOthers());
    for (const auto& [path, bytes] : skill_.files) CT_RETURN_IF_ERROR(Write(path, bytes));
    // Modes of folders come last: a read-only one must be filled first.
    for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder)
      TakeOver(folder->second, folder->first);
    return Sync(fresh_);
  }

 private:
  // Everything in the old directory that the skill does not name.
  Status KeepOthers() {
    std::error_code error;
    struct stat info{};
    if (::stat(old_.c_str(), &info) != 0) return {};
    CT_RETURN_IF_ERROR(Remember(old_, fresh_, info));
    fs::recursive_directory_iterator walk(old_, error), end;
    for (; !error && walk != end; walk.increment(error)) {
      fs::path relative = walk->path().lexically_relative(old_);
      fs::path to = fresh_ / relative;
      std::string name = relative.generic_string();
      if (skill_.files.contains(name) || gone_.contains(name)) continue;
      if (walk->is_symlink() || !walk->is_directory()) {
        CT_RETURN_IF_ERROR(KeepFile(walk->path(), to));
        continue;
      }
      if (::mkdir(to.c_str(), 0755) != 0) return IoError("create", to, errno);
      if (::stat(walk->path().c_str(), &info) == 0) CT_RETURN_IF_ERROR(Remember(walk->path(), to, info));
    }
    if (error) return IoError("read", old_, error.value());
    return {};
  }

  // Said before anything is replaced: else the old version could neither stay nor go.
  Status Remember(const fs::path& from, const fs::path& to, const struct stat& info) {
    if (!MayEmpty(from, info))
      return Fail(ErrorCode::kIo,
                  fmt::format("cannot replace {}: it belongs to another user and may not be written to",
                              from.string()),
                  "let its owner do it, or make it yours");
    folders_.emplace_back(to, info);
    return {};
  }

  Status Write(const std::string& path, const std::string& bytes) {
    fs::path from = old_ / path, to = fresh_ / path;
    struct stat info{};
    bool exists = ::lstat(from.c_str(), &info) == 0 && S_ISREG(info.st_mode);
    if (exists && static_cast<uint64_t>(info.st_size) == bytes.size()) {
      auto old_bytes = ReadFile(from);
      if (old_bytes && *old_bytes == bytes) {
        std::error_code error;
        fs::create_directories(to.parent_path(), error);
        return KeepFile(from, to);
      }
    }
    CT_RETURN_IF_ERROR(WriteFileAtomically(to, bytes));
    if (exists)
      TakeOver(info, to);
    else if (skill_.executable.contains(path))
      (void)::chmod(to.c_str(), 0755);
    return {};
  }

  const SkillDir& skill_;
  const std::set<std::string>& gone_;
  fs::path old_, fresh_;
  std::vector<std::pair<fs::path, struct stat>> folders_;
};

}  // namespace

namespace skill {

Result<fs::path> DirectoryPath(const std::string& given) {
  std::error_code error;
  fs::path path = fs::absolute(given, error).lexically_normal();
  if (given.empty()) return Fail(ErrorCode::kInvalidInput, "the skill directory has no name");
  if (error == std::errc::no_such_file_or_directory)
    return Fail(ErrorCode::kInvalidInput,
                "the current folder is gone: it was deleted, or replaced by a new one",
                "cd \"$PWD\" enters the new one");
  if (error)
    return Fail(ErrorCode::kIo, fmt::format("cannot tell where {} is: {}", given, error.message()),
                "give a path that begins with /");
  if (!path.has_filename()) path = path.parent_path();
  if (!path.has_filename()) {
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} cannot be a skill directory", given));
  }
  return path;
}

fs::path AsidePath(const fs::path& path) { return Sibling(path, "old"); }

Status SwapDirectory(const fs::path& prepared, const fs::path& path, bool may_exchange) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    if (::rename(prepared.c_str(), path.c_str()) != 0) return IoError("write", path, errno);
    return {};
  }
  if (!S_ISDIR(info.st_mode)) {
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} is not a directory", path.string()),
                "name a folder, or one that is not there yet");
  }
  if (may_exchange) {
    if (::renameat2(AT_FDCWD, prepared.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return IoError("replace", path, errno);
  }
  fs::path aside = AsidePath(path);
  if (::rename(path.c_str(), aside.c_str()) != 0) return IoError("replace", path, errno);
  if (::rename(prepared.c_str(), path.c_str()) != 0) {
    int error = errno;
    (void)::rename(aside.c_str(), path.c_str());
    return IoError("replace", path, error);
  }
  [[maybe_unused]] Status removed =
      RemoveTree(aside);  // a rest of it does no harm: path exists, so nothing is recovered from it
  return {};
}

Status RecoverSave(const fs::path& path) {
  struct stat info{};
  fs::path aside = AsidePath(path);
  if (::lstat(path.c_str(), &info) == 0 || ::lstat(aside.c_str(), &info) != 0) return {};
  if (::rename(aside.c_str(), path.c_str()) != 0) return IoError("recover", path, errno);
  return {};
}

}  // namespace skill

namespace {

Status ExpectUnchanged(const SkillDir& expected, const std::string& given) {
  auto now = LoadSkill(given);
  if (!now) return std::unexpected(std::move(now.error()));
  if (now->files == expected.files && now->executable == expected.executable) return {};
  return Fail(ErrorCode::kUnavailable, fmt::format("{} has changed since it was read", given),
              "nothing is written; run it again, from what is there now");
}

}  // namespace

Status SaveSkill(const SkillDir& skill, const std::string& given, const SaveOptions& options) {
  auto path = skill::DirectoryPath(given);
  if (!path) return std::unexpected(std::move(path.error()));
  for (const auto& [name, bytes] : skill.files) {
    if (!skill::IsConfinedPath(name)) {
      return Fail(ErrorCode::kInvalidInput, fmt::format("{} is not a path inside a skill", name));
    }
  }
  std::error_code error;
  fs::path parent = path->parent_path();
  fs::create_directories(parent, error);
  if (error) return IoError("create", parent, error.value());
  // One writer at a time; the kernel drops the lock of a process that dies. Where locks do not exist, nothing
  // is lost but the protection against a second writer.
  Descriptor lock{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (lock.fd < 0) return IoError("open", parent, errno);
  (void)::flock(lock.fd, LOCK_EX);
  CT_RETURN_IF_ERROR(skill::RecoverSave(*path));
  if (fs::is_symlink(fs::symlink_status(*path, error))) {
    return Fail(ErrorCode::kUnsupported, fmt::format("{} is a symbolic link", given),
                "give the directory that it leads to");
  }
  if (options.instead_of) CT_RETURN_IF_ERROR(ExpectUnchanged(*options.instead_of, given));
  CT_RETURN_IF_ERROR(RemoveTree(skill::AsidePath(*path)));
  fs::path fresh = Sibling(*path, "new");
  Status status = Preparation(skill, options.gone, *path, fresh).Run();
  if (status) status = skill::SwapDirectory(fresh, *path, true);
  // The old version after an exchange, what was prepared after a failure. The next save tries it again.
  [[maybe_unused]] Status removed = RemoveTree(fresh);
  if (!status) return status;
  return Sync(parent);
}

}  // namespace clawtrace

#include "replay/workspace.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "replay/git_commit.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

Result<StartWorkspace> MakeFolder(const std::string& scratch) {
  StartWorkspace made;
  auto owned = ScratchFolder::Make(scratch, "workspace");
  if (!owned) return std::unexpected(owned.error());
  made.owned = std::move(*owned);
  made.folder = made.owned.path();
  return made;
}

Error About(const std::string& what, Error error) {
  error.message = fmt::format("{}: {}", what, error.message);
  if (error.hint.empty())
    error.hint = "a folder, DIR@COMMIT, or a tar archive (plain, gzip, xz, zstd, bzip2)";
  return error;
}

Result<StartWorkspace> OpenTar(const std::string& path, const std::string& scratch,
                               const ArchiveLimits& limits) {
  auto made = MakeFolder(scratch);
  if (!made) return made;
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Fail(ErrorCode::kIo, fmt::format("cannot read {}", path), "check its permissions");
  auto unpacked = UnpackTar(fd, made->folder, limits);
  ::close(fd);
  if (!unpacked) return std::unexpected(About(path, unpacked.error()));
  made->unpacked = std::move(*unpacked);
  made->origin = "archive " + path;
  return made;
}

Result<StartWorkspace> OpenCommit(const std::string& path, const std::string& commit,
                                  const std::string& scratch, const ArchiveLimits& limits) {
  auto made = MakeFolder(scratch);
  if (!made) return made;
  auto unpacked = UnpackCommit({path, commit}, made->folder, scratch, limits);
  if (!unpacked) return std::unexpected(unpacked.error());
  made->unpacked = std::move(unpacked->unpacked);
  made->origin = fmt::format("commit {} of {}", unpacked->hash, path);
  return made;
}

}  // namespace

Result<StartWorkspace> OpenWorkspace(const std::string& spec, const std::string& scratch,
                                     const ArchiveLimits& limits) {
  constexpr std::string_view kGit = "git:";
  std::error_code error;
  bool git = spec.starts_with(kGit) && !fs::exists(spec, error);
  std::string name = git ? spec.substr(kGit.size()) : spec;
  if (!git && fs::is_directory(name, error)) {
    StartWorkspace made;
    made.folder = fs::canonical(name, error).string();
    made.origin = "folder " + made.folder;
    return made;
  }
  if (!git && fs::is_regular_file(name, error)) return OpenTar(name, scratch, limits);
  size_t at = name.rfind('@');
  bool named = at != std::string::npos && at > 0 && at + 1 < name.size();
  if (named && fs::is_directory(name.substr(0, at), error))
    return OpenCommit(name.substr(0, at), name.substr(at + 1), scratch, limits);
  return Fail(fs::exists(name, error) ? ErrorCode::kInvalidInput : ErrorCode::kNotFound,
              fmt::format("{} is no workspace", spec),
              "a folder, DIR@COMMIT, or a tar archive (plain, gzip, xz, zstd, bzip2)");
}

}  // namespace clawtrace::replay

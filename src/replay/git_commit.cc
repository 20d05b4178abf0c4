#include "replay/git_commit.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "replay/scratch_folder.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostPointer = 64 << 10;  // of a file that names another place

// The line of a file that names another place; "" when there is none.
std::string LineOf(const fs::path& file) {
  auto text = ReadFile(file, kMostPointer);
  return text ? std::string(FirstLine(*text)) : "";
}

struct Repository {
  fs::path own;     // with HEAD; a linked work tree's own
  fs::path common;  // with objects and references
};

Result<Repository> FindRepository(const std::string& path) {
  std::error_code error;
  fs::path root = fs::canonical(path, error), own = root / ".git";
  if (!error && fs::is_regular_file(own, error)) {
    std::string line = LineOf(own);
    constexpr std::string_view kWord = "gitdir:";
    if (line.starts_with(kWord))
      own =
          fs::weakly_canonical(root / std::string(Trim(std::string_view(line).substr(kWord.size()))), error);
  } else if (!fs::is_directory(own, error)) {
    own = root;
  }
  Repository found{own, own};
  if (std::string common = LineOf(own / "commondir"); !common.empty())
    found.common = fs::weakly_canonical(own / common, error);
  bool there = fs::is_regular_file(own / "HEAD", error) && fs::is_directory(found.common / "objects", error);
  if (!there || found.common.string().contains('\n'))
    return Fail(ErrorCode::kNotFound, fmt::format("{} is no git repository", path),
                "DIR@COMMIT names a folder with .git in it, or a bare repository");
  return found;
}

Status CannotPrepare(const std::error_code& error) {
  return Fail(ErrorCode::kIo, fmt::format("cannot prepare a repository: {}", error.message()));
}

// One of our own whose objects and references are theirs.
Status Borrow(const Repository& theirs, const fs::path& ours) {
  std::error_code error;
  fs::create_directories(ours / "objects" / "info", error);
  fs::create_directories(ours / "info", error);
  fs::create_directory_symlink(theirs.common / "refs", ours / "refs", error);
  if (fs::exists(theirs.common / "packed-refs", error) && !error)
    fs::create_symlink(theirs.common / "packed-refs", ours / "packed-refs", error);
  if (error) return CannotPrepare(error);
  auto config = ReadFile(theirs.common / "config", kMostPointer);
  bool sha256 = config && ContainsIgnoreCase(*config, "objectformat = sha256");
  CT_RETURN_IF_ERROR(WriteFileAtomically(
      ours / "config", fmt::format("[core]\n\trepositoryformatversion = {}\n\tbare = true\n{}",
                                   sha256 ? 1 : 0, sha256 ? "[extensions]\n\tobjectformat = sha256\n" : "")));
  CT_RETURN_IF_ERROR(WriteFileAtomically(ours / "HEAD", LineOf(theirs.own / "HEAD") + "\n"));
  CT_RETURN_IF_ERROR(WriteFileAtomically(ours / "objects" / "info" / "alternates",
                                         (theirs.common / "objects").string() + "\n"));
  // Goes before the attributes of the commit: everything is in the archive, as it is stored.
  return WriteFileAtomically(
      ours / "info" / "attributes",
      "* -export-ignore -export-subst -text -eol -ident -filter -working-tree-encoding\n");
}

struct Child {
  pid_t pid = -1;
  int out = -1;  // its standard output

  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { Wait(); }

  // Its exit code, -1 when it died of a signal.
  int Wait() {
    if (out >= 0) ::close(std::exchange(out, -1));
    int status = 0;
    if (pid < 0) return -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

// Knows nothing of the user's settings and asks nobody.
Status StartGit(const fs::path& repository, std::vector<std::string> arguments, Child* child) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return Fail(ErrorCode::kIo, "cannot start git: no more files");
  std::string place = "GIT_DIR=" + repository.string();
  std::vector<const char*> environment = {place.c_str(),           "PATH=/usr/local/bin:/usr/bin:/bin",
                                          "HOME=/nonexistent",     "LC_ALL=C",
                                          "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
                                          "GIT_ATTR_NOSYSTEM=1",   "GIT_NO_REPLACE_OBJECTS=1",
                                          "GIT_TERMINAL_PROMPT=0", nullptr};
  arguments.insert(arguments.begin(), "git");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  // When the archive is given up, writing to nobody must end git.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  int error = ::posix_spawnp(&child->pid, "git", &actions, &attributes, const_cast<char**>(argv.data()),
                             const_cast<char**>(environment.data()));
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  child->out = pipe[0];
  if (error == 0) return {};
  child->pid = -1;
  return Fail(ErrorCode::kUnavailable,
              fmt::format("cannot start git: {}", std::generic_category().message(error)),
              "install git, or name a folder or a tar archive");
}

std::string ReadStart(int fd) {
  std::array<char, 256> buffer{};
  size_t have = 0;
  while (have < buffer.size()) {
    ssize_t got = ::read(fd, buffer.data() + have, buffer.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  return std::string(buffer.data(), have);
}

Result<std::string> HashOf(const fs::path& repository, const CommitName& name) {
  Child git;
  CT_RETURN_IF_ERROR(StartGit(
      repository, {"rev-parse", "--verify", "--quiet", "--end-of-options", name.commit + "^{commit}"}, &git));
  std::string hash(Trim(ReadStart(git.out)));
  constexpr size_t kSha1Digits = 40;
  if (git.Wait() == 0 && hash.size() >= kSha1Digits) return hash;
  return Fail(ErrorCode::kNotFound, fmt::format("{} has no commit {}", name.repository, name.commit),
              "a hash, a branch or a tag of the repository itself");
}

}  // namespace

Result<GitCommit> UnpackCommit(const CommitName& name, const std::string& folder, const std::string& scratch,
                               const ArchiveLimits& limits) {
  auto theirs = FindRepository(name.repository);
  if (!theirs) return std::unexpected(theirs.error());
  auto ours = ScratchFolder::Make(scratch, "repository");
  if (!ours) return std::unexpected(ours.error());
  fs::path repository = fs::path(ours->path()) / "git";
  CT_RETURN_IF_ERROR(Borrow(*theirs, repository));
  GitCommit made;
  auto hash = HashOf(repository, name);
  if (!hash) return std::unexpected(hash.error());
  made.hash = std::move(*hash);
  Child git;
  CT_RETURN_IF_ERROR(StartGit(repository, {"archive", "--format=tar", made.hash}, &git));
  auto unpacked = UnpackTar(git.out, folder, limits);
  if (git.Wait() != 0 && (unpacked || unpacked.error().code == ErrorCode::kCorruptData))
    return Fail(ErrorCode::kCorruptData,
                fmt::format("git cannot read commit {} of {}", made.hash, name.repository),
                "clawtrace uses what the repository holds; git fsck there, or fetch what is missing");
  if (!unpacked) return std::unexpected(unpacked.error());
  made.unpacked = std::move(*unpacked);
  return made;
}

}  // namespace clawtrace::replay

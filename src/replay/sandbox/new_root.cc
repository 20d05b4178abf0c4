#include "replay/sandbox/new_root.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <optional>

#include "replay/sandbox/file_tools.h"
#include "replay/sandbox/id_map.h"
#include "replay/sandbox/run_command.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

// Where the new root is put together; what stands there is hidden from then on, and was taken hold of before.
constexpr char kStage[] = "/tmp";
// Inside the new root, until it is whole: the file system of limited size that holds all that is written.
constexpr char kData[] = "/tmp/.data";
constexpr const char* kSystem[] = {"/usr", "/etc",   "/opt",   "/bin",    "/sbin",
                                   "/lib", "/lib32", "/lib64", "/libx32", "/nix"};
constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom"};

std::string OnStage(std::string_view inside) { return kStage + std::string(inside); }
std::string InData(std::string_view name) { return std::string(kData) + "/" + std::string(name); }

std::unexpected<Error> Refused(std::string_view what) {
  return Fail(ErrorCode::kUnavailable, fmt::format("cannot {}: {}", what, std::strerror(errno)));
}

OpenFile Clone(const std::string& path, bool with_mounts_below) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (with_mounts_below ? AT_RECURSIVE : 0);
  return OpenFile(::open_tree(AT_FDCWD, path.c_str(), flags));
}

bool Restrict(const OpenFile& tree, uint64_t attributes) {
  mount_attr attr{};
  attr.attr_set = attributes;
  return ::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) == 0;
}

bool Attach(const OpenFile& tree, const std::string& at) {
  return ::move_mount(tree.get(), "", AT_FDCWD, at.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

constexpr uint64_t kHarmless = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

// The files of `path`'s owner become the sandbox's user's. False where file system or kernel cannot do that.
bool MapToOwner(const OpenFile& tree, const std::string& path, const Owner& owner) {
  struct stat state{};
  if (::stat(path.c_str(), &state) != 0) return false;
  auto space = NamespaceOf(
      {.user = state.st_uid, .with_user = owner.uid, .group = state.st_gid, .with_group = owner.uid});
  if (!space) return false;
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_IDMAP;
  attr.userns_fd = static_cast<uint64_t>(space->get());
  return ::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) == 0;
}

class NewRoot {
 public:
  NewRoot(const WorkplaceOptions& options, const Owner& owner, Shown shown)
      : options_(options), owner_(owner), shown_(std::move(shown)) {
    for (const auto& [name, value] : options.environment)
      if (name == "HOME") home_ = fs::path(value).lexically_normal().string();
    at_ = fs::path(options.at).lexically_normal().string();
  }

  Status Enter() {
    CT_RETURN_IF_ERROR(Begin());
    CT_RETURN_IF_ERROR(ShowSystem());
    CT_RETURN_IF_ERROR(ShowDevices());
    CT_RETURN_IF_ERROR(ShowScratch());
    CT_RETURN_IF_ERROR(ShowWorkspace());
    CT_RETURN_IF_ERROR(ShowWorkspaceAgain());
    CT_RETURN_IF_ERROR(ShowMounts());
    return Leave();
  }

 private:
  // Takes hold of the system's folders, then two file systems in memory: the root, and what is written.
  Status Begin() {
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      return Refused("detach from the mounts outside");
    for (const char* path : kSystem) {
      struct stat state{};
      if (::lstat(path, &state) != 0) continue;
      System system{.path = path};
      if (S_ISLNK(state.st_mode)) {
        system.link_to = fs::read_symlink(path).string();
      } else {
        system.tree = Clone(path, true);
        if (!system.tree || !Restrict(system.tree, kHarmless | MOUNT_ATTR_RDONLY))
          return Refused(fmt::format("show {}", path));
      }
      system_.push_back(std::move(system));
    }
    for (const char* name : kDevices) devices_.push_back(Clone(std::string("/dev/") + name, false));
    if (::mount("tmpfs", kStage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m,nr_inodes=4096") != 0)
      return Refused("mount a file system in memory");
    // An inode takes memory, too: a file of no bytes is charged with 4 KiB.
    std::string size = fmt::format("mode=755,size={},nr_inodes={}", options_.limits.disk_bytes,
                                   std::max<int64_t>(options_.limits.disk_bytes / 4096, 64));
    if (::mkdir(kData, 0755) != 0 ||
        ::mount("tmpfs", kData, "tmpfs", MS_NOSUID | MS_NODEV, size.c_str()) != 0)
      return Refused("mount a file system in memory");
    return {};
  }

  Status ShowSystem() {
    for (const System& system : system_) {
      std::string place = OnStage(system.path);
      bool good = system.tree ? ::mkdir(place.c_str(), 0755) == 0 && Attach(system.tree, place)
                              : ::symlink(system.link_to.c_str(), place.c_str()) == 0;
      if (!good) return Refused(fmt::format("show {}", system.path));
    }
    // One user; the machine's users are nobody's business.
    CT_RETURN_IF_ERROR(
        ShowText("passwd", "/etc/passwd",
                 fmt::format("root:x:0:0:root:/root:/bin/bash\nuser:x:{0}:{0}:user:{1}:/bin/bash\n"
                             "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                             kUserInside, home_)));
    return ShowText("group", "/etc/group",
                    fmt::format("root:x:0:\nuser:x:{}:\nnogroup:x:65534:\n", kUserInside));
  }

  Status ShowText(std::string_view name, std::string_view at, std::string_view text) {
    if (::access(OnStage(at).c_str(), F_OK) != 0) return {};
    CT_RETURN_IF_ERROR(WriteInside(InData(name), text));
    OpenFile tree = Clone(InData(name), false);
    if (!tree || !Restrict(tree, kHarmless | MOUNT_ATTR_RDONLY) || !Attach(tree, OnStage(at)))
      return Refused(fmt::format("show {}", at));
    return {};
  }

  Status ShowDevices() {
    for (const char* folder : {"/dev", "/dev/pts", "/dev/shm", "/proc", "/sys", "/run", "/var", "/home"})
      if (::mkdir(OnStage(folder).c_str(), 0755) != 0) return Refused(fmt::format("make {}", folder));
    for (size_t i = 0; i < devices_.size(); ++i) {
      std::string place = OnStage(std::string("/dev/") + kDevices[i]);
      OpenFile made(::open(place.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
      if (!made || !devices_[i] || !Attach(devices_[i], place))
        return Refused(fmt::format("show /dev/{}", kDevices[i]));
    }
    constexpr std::pair<const char*, const char*> kLinks[] = {{"/proc/self/fd", "/dev/fd"},
                                                              {"fd/0", "/dev/stdin"},
                                                              {"fd/1", "/dev/stdout"},
                                                              {"fd/2", "/dev/stderr"},
                                                              {"pts/ptmx", "/dev/ptmx"}};
    for (const auto& [to, at] : kLinks)
      if (::symlink(to, OnStage(at).c_str()) != 0) return Refused(fmt::format("make {}", at));
    // Terminals are of use to few: a sandbox without is one still.
    ::mount("devpts", OnStage("/dev/pts").c_str(), "devpts", MS_NOSUID | MS_NOEXEC,
            "newinstance,ptmxmode=0666,mode=620,max=16");
    if (::mount("proc", OnStage("/proc").c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
      return Refused("mount /proc");
    return WriteInside(OnStage(kShellStartPath), kShellStart);
  }

  // Folders that may be written: all on the file system of limited size.
  Status ShowScratch() {
    CT_RETURN_IF_ERROR(ShowFolder("tmp", "/tmp", 01777));
    CT_RETURN_IF_ERROR(ShowFolder("vartmp", "/var/tmp", 01777));
    CT_RETURN_IF_ERROR(ShowFolder("shm", "/dev/shm", 01777));
    bool apart = home_ != at_ && !home_.starts_with(at_ + "/");
    return apart && Showable(home_) ? ShowFolder("home", home_, 0755) : Status();
  }

  Status ShowFolder(std::string_view name, const std::string& at, mode_t mode) {
    CT_RETURN_IF_ERROR(MakeData(name, mode));
    CT_RETURN_IF_ERROR(MakePlace(at));
    OpenFile tree = Clone(InData(name), false);
    if (!tree || !Attach(tree, OnStage(at))) return Refused(fmt::format("show {}", at));
    return {};
  }

  // A folder of the sandbox's user among the data.
  Status MakeData(std::string_view name, mode_t mode) {
    std::string path = InData(name);
    if (::mkdir(path.c_str(), 0700) != 0 || ::chmod(path.c_str(), mode) != 0 ||
        ::chown(path.c_str(), owner_.uid, owner_.uid) != 0)
      return Refused("make a folder");
    return {};
  }

  // Nothing is shown in place of the system itself.
  static bool Showable(const std::string& at) {
    if (!at.starts_with('/') || at == "/" || at.find("/../") != std::string::npos) return false;
    for (const char* taken : {"/proc", "/dev", "/sys"})
      if (at == taken || at.starts_with(std::string(taken) + "/")) return at == "/dev/shm";
    return std::ranges::none_of(kSystem, [&](const char* path) { return at == path; });
  }

  // The folder `inside` and those above it.
  Status MakePlace(const std::string& inside) {
    if (!Showable(inside))
      return Fail(ErrorCode::kInvalidInput, fmt::format("nothing can be shown at {} of a sandbox", inside));
    fs::path path = kStage;
    for (const fs::path& part : fs::path(inside).relative_path()) {
      fs::path above = path;
      path /= part;
      if (fs::exists(fs::symlink_status(path))) continue;
      if (::mkdir(path.c_str(), 0755) != 0) {
        CT_RETURN_IF_ERROR(Widen(above.string()));
        if (::mkdir(path.c_str(), 0755) != 0) return Refused(fmt::format("make {}", inside));
      }
      if (::chown(path.c_str(), owner_.uid, owner_.uid) != 0) return Refused(fmt::format("make {}", inside));
    }
    return {};
  }

  // Makes a folder of the system one where folders can be made, for the sandbox alone.
  Status Widen(const std::string& folder) {
    std::string name = fmt::format("wide{}", widened_++);
    CT_RETURN_IF_ERROR(MakeData(name, 0755));
    std::string upper = InData(name) + "/upper", work = InData(name) + "/work";
    if (folder.find_first_of(":,\\") == std::string::npos && ::mkdir(upper.c_str(), 0755) == 0 &&
        ::mkdir(work.c_str(), 0755) == 0 && MountOverlay(folder, upper, work, folder))
      return {};
    return Refused(fmt::format("make a place below {}", folder.substr(sizeof(kStage) - 1)));
  }

  bool MountOverlay(const std::string& lower, const std::string& upper, const std::string& work,
                    const std::string& at) const {
    // Root may keep what it has to note of a file apart from the file's own attributes, and knows more to
    // note.
    std::string options = fmt::format("lowerdir={},upperdir={},workdir={},{}", lower, upper, work,
                                      owner_.privileged ? "redirect_dir=on" : "userxattr");
    return ::mount("overlay", at.c_str(), "overlay", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
  }

  Status ShowWorkspace() {
    CT_RETURN_IF_ERROR(MakeData("upper", 0755));
    CT_RETURN_IF_ERROR(MakePlace(at_));
    if (shown_.workspace && OverlayWorkspace()) return {};
    if (shown_.workspace) CT_RETURN_IF_ERROR(CopyWorkspace());
    OpenFile tree = Clone(InData("upper"), false);
    if (!tree || !Attach(tree, OnStage(at_))) return Refused(fmt::format("show {}", at_));
    return {};
  }

  Status ShowWorkspaceAgain() {
    for (const std::string& place : options_.also_at) {
      std::string at = fs::path(place).lexically_normal().string();
      if (at == at_) continue;
      CT_RETURN_IF_ERROR(MakePlace(at));
      OpenFile tree = Clone(OnStage(at_), false);
      if (!tree || !Attach(tree, OnStage(at))) return Refused(fmt::format("show {}", at));
    }
    return {};
  }

  bool OverlayWorkspace() {
    std::string lower = InData("lower"), upper = InData("upper"), work = InData("work");
    struct stat state{};
    bool good = shown_.mapped && KeepsAttributes(upper) && ::mkdir(lower.c_str(), 0755) == 0 &&
                ::mkdir(work.c_str(), 0755) == 0 && Attach(shown_.workspace, lower) &&
                ::stat(lower.c_str(), &state) == 0 && ::chmod(upper.c_str(), state.st_mode & 07777) == 0;
    return good && MountOverlay(lower, upper, work, OnStage(at_));
  }

  // Without attributes of its own (Linux before 6.6) an overlay cannot tell that a folder was made anew.
  bool KeepsAttributes(const std::string& folder) const {
    if (owner_.privileged) return true;
    return ::setxattr(folder.c_str(), "user.overlay.try", "y", 1, 0) == 0 &&
           ::removexattr(folder.c_str(), "user.overlay.try") == 0;
  }

  Status CopyWorkspace() {
    // Refused as an overlay it may have been attached already.
    OpenFile from(::openat(shown_.workspace.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    OpenFile to(::open(InData("upper").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!from || !to) return Refused("copy the workspace");
    auto copied = CopyFolder(from.get(), to.get(), owner_.uid);
    if (!copied && copied.error().code == ErrorCode::kLimit)
      copied.error().hint =
          "this kernel does not let the sandbox show the workspace without a copy in memory";
    return copied;
  }

  Status ShowMounts() {
    for (size_t i = 0; i < options_.mounts.size(); ++i) {
      std::string at = fs::path(options_.mounts[i].at).lexically_normal().string();
      struct stat state{};
      if (::fstat(shown_.mounts[i].get(), &state) != 0) return Refused(fmt::format("show {}", at));
      bool is_folder = S_ISDIR(state.st_mode);
      std::string folder = is_folder ? at : fs::path(at).parent_path().string();
      if (is_folder || folder != "/") CT_RETURN_IF_ERROR(MakePlace(folder));
      if (!is_folder && (!Showable(at) || !MakeFile(at)))
        return Fail(ErrorCode::kInvalidInput, fmt::format("no file can be shown at {} of a sandbox", at));
      if (!Attach(shown_.mounts[i], OnStage(at))) return Refused(fmt::format("show {}", at));
    }
    return {};
  }

  static bool MakeFile(const std::string& at) {
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    return static_cast<bool>(OpenFile(::open(OnStage(at).c_str(), flags, 0644)));
  }

  Status Leave() {
    mount_attr attr{};
    attr.attr_set = MOUNT_ATTR_RDONLY;
    if (::umount2(kData, MNT_DETACH) != 0 || ::rmdir(kData) != 0 ||
        ::mount_setattr(AT_FDCWD, kStage, 0, &attr, sizeof(attr)) != 0)
      return Refused("finish the new root");
    if (::chdir(kStage) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 ||
        ::chdir("/") != 0)
      return Refused("change the root");
    return {};
  }

  struct System {
    std::string path;
    std::string link_to;
    OpenFile tree;
  };

  const WorkplaceOptions& options_;
  Owner owner_;
  Shown shown_;
  std::string home_, at_;
  std::vector<System> system_;
  std::vector<OpenFile> devices_;
  int widened_ = 0;
};

}  // namespace

Result<Shown> TakeHold(const WorkplaceOptions& options, const Owner& owner) {
  Shown shown;
  if (!options.workspace.empty()) {
    // Only root may leave out what is mounted below, and only there the overlay would anyway.
    shown.workspace = Clone(options.workspace, !owner.privileged);
    if (!shown.workspace)
      return Fail(errno == ENOENT || errno == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                  fmt::format("cannot show {}: {}", options.workspace, std::strerror(errno)));
    if (owner.privileged) shown.mapped = MapToOwner(shown.workspace, options.workspace, owner);
  }
  for (const Mount& mount : options.mounts) {
    OpenFile tree = Clone(mount.from, true);
    if (!tree)
      return Fail(errno == ENOENT || errno == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                  fmt::format("cannot show {}: {}", mount.from, std::strerror(errno)));
    bool mapped = !owner.privileged || MapToOwner(tree, mount.from, owner);
    if (!mapped && mount.writable)
      return Fail(
          ErrorCode::kUnavailable,
          fmt::format("cannot let the sandbox write to {}: its file system cannot map users", mount.from),
          "run as a user other than root");
    if (!Restrict(tree, kHarmless | (mount.writable ? 0 : MOUNT_ATTR_RDONLY)))
      return Refused(fmt::format("show {}", mount.from));
    shown.mounts.push_back(std::move(tree));
  }
  return shown;
}

Status EnterNewRoot(const WorkplaceOptions& options, const Owner& owner, Shown shown) {
  return NewRoot(options, owner, std::move(shown)).Enter();
}

}  // namespace clawtrace::replay

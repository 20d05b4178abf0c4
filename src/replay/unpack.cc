#include "replay/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>

#include "base/text.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

struct Close {
  void operator()(archive* reader) const { ::archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, Close>;

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// Where a path leads without looking at the disk: "" for the folder itself, nullopt when it leaves it. from:
// folder that it starts in.
std::optional<std::string> Inside(std::string_view from, std::string_view path) {
  std::vector<std::string_view> parts;
  auto walk = [&](std::string_view way) {
    for (std::string_view part : Split(way, '/')) {
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(part);
        continue;
      }
      if (parts.empty()) return false;
      parts.pop_back();
    }
    return true;
  };
  if (!walk(from) || !walk(path)) return std::nullopt;
  std::string inside;
  for (std::string_view part : parts) inside.append(inside.empty() ? "" : "/").append(part);
  return inside;
}

bool HasParentPart(std::string_view path) {
  return std::ranges::any_of(Split(path, '/'), [](std::string_view part) { return part == ".."; });
}

std::string_view FolderOf(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

class Unpacker {
 public:
  Unpacker(archive* reader, const std::string& folder, const ArchiveLimits& limits)
      : reader_(reader), root_(folder), limits_(limits), bytes_left_(limits.bytes) {}

  Status Run() {
    int64_t entries = 0;
    for (;;) {
      archive_entry* entry = nullptr;
      int code = ::archive_read_next_header(reader_, &entry);
      if (code == ARCHIVE_EOF) break;
      if (code == ARCHIVE_RETRY) continue;
      // A warning is about a name's spelling; the entry is there.
      if (code < ARCHIVE_WARN) return Broken();
      if (++entries > limits_.entries)
        return Fail(ErrorCode::kLimit, fmt::format("more than {} entries", limits_.entries));
      CT_RETURN_IF_ERROR(Take(entry));
    }
    MakeLinks();
    for (const auto& [path, times] : folder_times_) SetTimes(path, times);
    return {};
  }

  Unpacked TakeReport() { return std::move(report_); }

 private:
  struct Times {
    timespec at[2];
  };

  Status Broken() const {
    // The library's words: it knows the format, we do not.
    const char* why = ::archive_error_string(reader_);
    return Fail(ErrorCode::kCorruptData, fmt::format("it cannot be unpacked: {}", why ? why : "broken"));
  }

  void LeaveOut(std::string_view path, std::string_view reason) {
    constexpr size_t kMostPath = 200;
    if (++report_.left_out_count <= static_cast<int64_t>(kMostLeftOut))
      report_.left_out.push_back(
          {std::string(PrefixUtf8(ReplaceInvalidUtf8(path.substr(0, kMostPath)), kMostPath)),
           std::string(reason)});
  }

  // Where an entry goes, "" for the folder itself; nullopt, and counted, when it may not.
  std::optional<std::string> PlaceOf(std::string_view name) {
    if (name.starts_with('/')) return LeaveOut(name, "absolute-path"), std::nullopt;
    if (HasParentPart(name)) return LeaveOut(name, "parent-folder"), std::nullopt;
    auto place = Inside("", name);
    if (place && std::ranges::count(*place, '/') > limits_.depth)
      return LeaveOut(name, "too-deep"), std::nullopt;
    return place;
  }

  Status Take(archive_entry* entry) {
    const char* raw = ::archive_entry_pathname(entry);
    if (!raw) raw = ::archive_entry_pathname_utf8(entry);
    if (!raw || *raw == '\0') return LeaveOut("", "no-name"), Status();
    auto place = PlaceOf(raw);
    if (!place) return {};
    Times times{{{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                 {.tv_sec = ::archive_entry_mtime(entry), .tv_nsec = ::archive_entry_mtime_nsec(entry)}}};
    if (const char* target = ::archive_entry_hardlink(entry)) return TakeHardLink(*place, target, entry);
    mode_t mode = ::archive_entry_perm(entry) & 0777;
    switch (::archive_entry_filetype(entry)) {
      case AE_IFDIR:
        if (MakeFolders(*place)) {
          ::chmod(At(*place).c_str(), mode | S_IRWXU);
          folder_times_.insert_or_assign(*place, times);
        } else {
          LeaveOut(raw, "in-the-way");
        }
        return {};
      case AE_IFREG:
        return TakeFile(*place, mode, times, ::archive_entry_size(entry));
      case AE_IFLNK: {
        const char* target = ::archive_entry_symlink(entry);
        if (!target) target = ::archive_entry_symlink_utf8(entry);
        if (!target || *target == '/' || !Inside(FolderOf(*place), target))
          LeaveOut(raw, "link-outside");
        else
          links_.insert_or_assign(*place, target);
        return {};
      }
      default:
        LeaveOut(raw, "special-file");
        return {};
    }
  }

  // As a copy: two names of one file would let a change of one reach the other.
  Status TakeHardLink(const std::string& place, std::string_view target, archive_entry* entry) {
    auto source = target.starts_with('/') ? std::nullopt : Inside("", target);
    std::error_code error;
    if (!source || HasParentPart(target)) return LeaveOut(place, "link-outside"), Status();
    if (auto link = links_.find(*source); link != links_.end()) {
      links_.insert_or_assign(place, std::string(link->second));
      return {};
    }
    auto size = fs::file_size(At(*source), error);
    if (error || place == *source || !ClearFor(place)) return LeaveOut(place, "in-the-way"), Status();
    bytes_left_ -= static_cast<int64_t>(size);
    if (bytes_left_ < 0) return TooLarge();
    fs::copy_file(At(*source), At(place), error);
    if (error) return Fail(ErrorCode::kIo, fmt::format("cannot write {}", place));
    const timespec at[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                            {.tv_sec = ::archive_entry_mtime(entry), .tv_nsec = 0}};
    ::utimensat(AT_FDCWD, At(place).c_str(), at, AT_SYMLINK_NOFOLLOW);
    return {};
  }

  Status TakeFile(const std::string& place, mode_t mode, const Times& times, int64_t size_told) {
    if (size_told < 0 || size_told > bytes_left_) return TooLarge();
    if (!ClearFor(place)) return LeaveOut(place, "in-the-way"), Status();
    Descriptor file{
        ::open(At(place).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (file.fd < 0 && (errno == ENAMETOOLONG || errno == EINVAL))
      return LeaveOut(place, "bad-name"), Status();
    if (file.fd < 0) return CannotWrite(place);
    for (;;) {
      const void* block = nullptr;
      size_t size = 0;
      la_int64_t offset = 0;
      int code = ::archive_read_data_block(reader_, &block, &size, &offset);
      if (code == ARCHIVE_EOF) break;
      if (code < ARCHIVE_WARN) return Broken();
      CT_RETURN_IF_ERROR(Write(file.fd, place, {static_cast<const char*>(block), size}, offset));
    }
    // The end of a sparse file may be a hole.
    bytes_left_ -= size_told;
    bool set = ::ftruncate(file.fd, size_told) == 0 && ::fchmod(file.fd, mode | S_IRUSR) == 0 &&
               ::futimens(file.fd, times.at) == 0;
    return set ? Status() : CannotWrite(place);
  }

  // Holes of a sparse file count as what they are read as.
  Status Write(int fd, const std::string& place, std::string_view bytes, int64_t offset) {
    int64_t end = offset + static_cast<int64_t>(bytes.size());
    if (offset < 0 || end > bytes_left_ || end < offset) return TooLarge();
    while (!bytes.empty()) {
      ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), offset);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return CannotWrite(place);
      bytes.remove_prefix(static_cast<size_t>(written));
      offset += written;
    }
    return {};
  }

  Status TooLarge() const {
    return Fail(ErrorCode::kLimit, fmt::format("it unpacks to more than {} bytes", limits_.bytes));
  }
  static Status CannotWrite(const std::string& place) {
    return Fail(ErrorCode::kIo,
                fmt::format("cannot write {}: {}", place, std::generic_category().message(errno)));
  }

  std::string At(std::string_view place) const { return fmt::format("{}/{}", root_, place); }

  // Whether this is a folder now, made with those above. Only folders and plain files are on the disk yet.
  bool MakeFolders(std::string_view place) const {
    std::error_code error;
    fs::create_directories(At(place), error);
    return !error && fs::is_directory(At(place), error);
  }

  // Whether a file may be made there: the folders above exist, an earlier file is gone.
  bool ClearFor(const std::string& place) {
    links_.erase(place);
    if (place.empty() || !MakeFolders(FolderOf(place))) return false;
    return ::unlink(At(place).c_str()) == 0 || errno == ENOENT || errno == ENAMETOOLONG;
  }

  // Folders first: once a link stands, a path could lead through it.
  void MakeLinks() {
    for (const auto& [path, target] : links_) MakeFolders(FolderOf(path));
    for (const auto& [path, target] : links_) {
      if (::symlink(target.c_str(), At(path).c_str()) != 0) LeaveOut(path, "in-the-way");
    }
    // By its letters each leads inside, yet "to-root/.." does not.
    for (const auto& [path, target] : links_) {
      std::error_code error;
      fs::path leads = fs::weakly_canonical(fs::path(At(FolderOf(path))) / target, error);
      if (error || (leads / "").string().starts_with(root_ + "/")) continue;
      if (::unlink(At(path).c_str()) == 0) LeaveOut(path, "link-outside");
    }
  }

  void SetTimes(const std::string& place, const Times& times) const {
    ::utimensat(AT_FDCWD, At(place).c_str(), times.at, AT_SYMLINK_NOFOLLOW);
  }

  archive* reader_;
  std::string root_;
  ArchiveLimits limits_;
  int64_t bytes_left_;
  std::map<std::string, std::string> links_;  // to their targets; made at the end
  std::map<std::string, Times> folder_times_;
  Unpacked report_;
};

}  // namespace

Result<Unpacked> UnpackTar(int fd, const std::string& folder, const ArchiveLimits& limits) {
  Reader reader(::archive_read_new());
  if (!reader) return Fail(ErrorCode::kIo, "no memory to read an archive");
  // Named one by one: others start programs that a file asks for.
  ::archive_read_support_filter_gzip(reader.get());
  ::archive_read_support_filter_bzip2(reader.get());
  ::archive_read_support_filter_xz(reader.get());
  ::archive_read_support_filter_zstd(reader.get());
  ::archive_read_support_format_tar(reader.get());
  constexpr size_t kBlock = size_t{128} << 10;
  if (::archive_read_open_fd(reader.get(), fd, kBlock) != ARCHIVE_OK)
    return Fail(ErrorCode::kCorruptData, "it is no tar archive");
  Unpacker unpacker(reader.get(), folder, limits);
  CT_RETURN_IF_ERROR(unpacker.Run());
  return unpacker.TakeReport();
}

}  // namespace clawtrace::replay

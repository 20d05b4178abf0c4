#include "capture/sqlite_files.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>

namespace clawtrace::capture {
namespace {

// A write-ahead log is usually 4 MB. Held in memory it stays what it was when the writer starts it anew.
constexpr uint64_t kMaxHeldLog = uint64_t{64} << 20;

// SQLite asks for szOsFile zeroed bytes and owns them; only what fits that life is in here.
struct File {
  sqlite3_file base;
  int fd;
  sqlite3_int64 bytes;  // as at open: what is appended later is not of this reading
  std::string* held;    // content in memory instead of fd
};

File* FileOf(sqlite3_file* file) { return reinterpret_cast<File*>(file); }

int Close(sqlite3_file* file) {
  if (FileOf(file)->fd >= 0) ::close(FileOf(file)->fd);
  delete FileOf(file)->held;
  FileOf(file)->fd = -1;
  FileOf(file)->held = nullptr;
  return SQLITE_OK;
}

ssize_t ReadAt(int fd, char* to, size_t size, int64_t offset) {
  size_t have = 0;
  while (have < size) {
    ssize_t n = ::pread(fd, to + have, size - have, offset + static_cast<int64_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(have);
}

int Read(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
  const File& f = *FileOf(file);
  size_t size = static_cast<size_t>(amount), have = 0;
  if (f.held) {
    if (offset >= 0 && static_cast<uint64_t>(offset) < f.held->size()) {
      have = std::min(size, f.held->size() - static_cast<size_t>(offset));
      std::memcpy(to, f.held->data() + offset, have);
    }
  } else if (f.fd >= 0) {
    ssize_t n = ReadAt(f.fd, static_cast<char*>(to), size, offset);
    if (n < 0) return SQLITE_IOERR_READ;
    have = static_cast<size_t>(n);
  }
  if (have == size) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + have, 0, size - have);
  return SQLITE_IOERR_SHORT_READ;
}

int Size(sqlite3_file* file, sqlite3_int64* size) {
  *size = FileOf(file)->bytes;
  return SQLITE_OK;
}

int NoWrite(sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; }
int NoTruncate(sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; }
int NothingToDo(sqlite3_file*, int) { return SQLITE_OK; }
int NobodyReserves(sqlite3_file*, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}
int NoControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return 4096; }
int NoCharacteristics(sqlite3_file*) { return 0; }

const sqlite3_io_methods* Methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m{};
    m.iVersion = 1;
    m.xClose = Close;
    m.xRead = Read;
    m.xWrite = NoWrite;
    m.xTruncate = NoTruncate;
    m.xSync = NothingToDo;
    m.xFileSize = Size;
    m.xLock = NothingToDo;
    m.xUnlock = NothingToDo;
    m.xCheckReservedLock = NobodyReserves;
    m.xFileControl = NoControl;
    m.xSectorSize = SectorSize;
    m.xDeviceCharacteristics = NoCharacteristics;
    return m;
  }();
  return &methods;
}

bool HoldInMemory(File* file) {
  file->held = new std::string(static_cast<size_t>(file->bytes), '\0');
  ssize_t n = ReadAt(file->fd, file->held->data(), file->held->size(), 0);
  if (n < 0) return false;
  file->held->resize(static_cast<size_t>(n));
  file->bytes = n;
  return true;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* out, int flags, int* out_flags) {
  File* file = new (out) File{};
  file->fd = -1;
  bool log = (flags & SQLITE_OPEN_WAL) != 0;
  if (!name || !(log || (flags & SQLITE_OPEN_MAIN_DB))) return SQLITE_CANTOPEN;
  file->fd = ::open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info{};
  bool found = file->fd >= 0 && ::fstat(file->fd, &info) == 0 && S_ISREG(info.st_mode);
  // A database that keeps such a log and has none beside it has an empty one.
  if (!found && !(log && errno == ENOENT)) {
    Close(out);
    return SQLITE_CANTOPEN;
  }
  file->bytes = found ? info.st_size : 0;
  if (log && file->bytes <= static_cast<sqlite3_int64>(kMaxHeldLog) && found && !HoldInMemory(file)) {
    Close(out);
    return SQLITE_IOERR_READ;
  }
  file->base.pMethods = Methods();
  if (out_flags) *out_flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs*, const char*, int) { return SQLITE_READONLY; }

// Journals of unfinished transactions cannot be played back by a reader: they are not looked for.
int Access(sqlite3_vfs*, const char* name, int flags, int* result) {
  *result = std::string_view(name).ends_with("-wal") && flags != SQLITE_ACCESS_READWRITE &&
            ::access(name, R_OK) == 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
  if (std::strlen(name) >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(out, name, std::strlen(name) + 1);
  return SQLITE_OK;
}

// Reading needs neither chance nor time: the same file gives the same rows.
int NoRandomness(sqlite3_vfs*, int size, char* out) {
  std::memset(out, 0, static_cast<size_t>(size));
  return size;
}
int NoSleep(sqlite3_vfs*, int microseconds) { return microseconds; }
int NoTime(sqlite3_vfs*, double* days) {
  *days = 0;
  return SQLITE_OK;
}
int LastError(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

void RegisterReadOnlyFiles() {
  static std::once_flag once;
  static sqlite3_vfs files{};
  std::call_once(once, [] {
    files.iVersion = 1;
    files.szOsFile = sizeof(File);
    files.mxPathname = 4096;
    files.zName = kReadOnlyFiles;
    files.xOpen = Open;
    files.xDelete = Delete;
    files.xAccess = Access;
    files.xFullPathname = FullPathname;
    files.xRandomness = NoRandomness;
    files.xSleep = NoSleep;
    files.xCurrentTime = NoTime;
    files.xGetLastError = LastError;
    sqlite3_vfs_register(&files, 0);
  });
}

FileStamp StampOf(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
          static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

}  // namespace clawtrace::capture

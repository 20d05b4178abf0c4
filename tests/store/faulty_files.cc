#include "store/faulty_files.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace clawtrace::store {
namespace {

constexpr int64_t kSector = 512;
constexpr int kRegion = 32 * 1024;

struct Open {
  sqlite3_file base;
  FaultyFiles* files;
  std::shared_ptr<FaultyFiles::Node>* node;
  int level;               // of the lock on the file
  unsigned shared, alone;  // locks on the shared memory, as masks
};
Open& OpenOf(sqlite3_file* file) { return *reinterpret_cast<Open*>(file); }
FaultyFiles::Node& NodeOf(sqlite3_file* file) { return **OpenOf(file).node; }

void Apply(const FaultyFiles::Write& write, std::string* content) {
  auto at = static_cast<size_t>(write.at);
  if (write.truncates) return content->resize(at);
  if (content->size() < at + write.bytes.size()) content->resize(at + write.bytes.size());
  std::memcpy(content->data() + at, write.bytes.data(), write.bytes.size());
}

// Sectors of a write arrive one by one, in any order.
void ApplySome(const FaultyFiles::Write& write, std::mt19937_64& random, std::string* content) {
  switch (random() % 3) {
    case 0:
      return;
    case 1:
      return Apply(write, content);
    default:
      break;
  }
  if (write.truncates) return;
  for (int64_t done = 0; done < std::ssize(write.bytes);) {
    int64_t size = std::min<int64_t>(kSector - (write.at + done) % kSector, std::ssize(write.bytes) - done);
    if (random() % 2 == 0)
      Apply({write.at + done, write.bytes.substr(static_cast<size_t>(done), static_cast<size_t>(size))},
            content);
    done += size;
  }
}

void Add(FaultyFiles::Node& node, FaultyFiles::Write write) {
  Apply(write, &node.seen);
  node.pending.push_back(std::move(write));
}

int Unlock(sqlite3_file* file, int level);
int ShmUnmap(sqlite3_file* file, int);

int Close(sqlite3_file* file) {
  Open& open = OpenOf(file);
  Unlock(file, SQLITE_LOCK_NONE);
  ShmUnmap(file, 0);
  delete open.node;
  open.node = nullptr;
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* to, int amount, sqlite3_int64 at) {
  FaultyFiles& files = *OpenOf(file).files;
  if (files.Meets(Fault::kReadFails)) return SQLITE_IOERR_READ;
  std::lock_guard lock(files.mutex);
  const std::string& content = NodeOf(file).seen;
  size_t have = 0, size = static_cast<size_t>(amount);
  if (at < std::ssize(content)) {
    have = std::min(size, content.size() - static_cast<size_t>(at));
    std::memcpy(to, content.data() + at, have);
  }
  std::memset(static_cast<char*>(to) + have, 0, size - have);
  return have == size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int DoWrite(sqlite3_file* file, const void* from, int amount, sqlite3_int64 at) {
  FaultyFiles& files = *OpenOf(file).files;
  if (files.Meets(Fault::kFull)) return SQLITE_FULL;
  if (files.Meets(Fault::kWriteFails)) return SQLITE_IOERR_WRITE;
  bool is_short = files.Meets(Fault::kWriteIsShort);
  std::lock_guard lock(files.mutex);
  size_t size = static_cast<size_t>(is_short ? amount / 2 : amount);
  Add(NodeOf(file), {at, std::string(static_cast<const char*>(from), size)});
  return is_short ? SQLITE_FULL : SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  FaultyFiles& files = *OpenOf(file).files;
  if (files.Meets(Fault::kWriteFails)) return SQLITE_IOERR_TRUNCATE;
  std::lock_guard lock(files.mutex);
  Add(NodeOf(file), {size, "", true});
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int) { return OpenOf(file).files->Sync(NodeOf(file)); }

int Size(sqlite3_file* file, sqlite3_int64* size) {
  std::lock_guard lock(OpenOf(file).files->mutex);
  *size = std::ssize(NodeOf(file).seen);
  return SQLITE_OK;
}

int Lock(sqlite3_file* file, int level) {
  Open& open = OpenOf(file);
  std::lock_guard lock(open.files->mutex);
  FaultyFiles::Node& node = NodeOf(file);
  if (level <= open.level) return SQLITE_OK;
  bool other_writes = node.writer && node.writer != file;
  if (level == SQLITE_LOCK_SHARED) {
    if (other_writes && node.writer_level >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
    ++node.readers;
    open.level = SQLITE_LOCK_SHARED;
    return SQLITE_OK;
  }
  if (other_writes) return SQLITE_BUSY;
  node.writer = file;
  node.writer_level = level;
  if (level == SQLITE_LOCK_EXCLUSIVE && node.readers > 1) {
    node.writer_level = open.level = SQLITE_LOCK_PENDING;
    return SQLITE_BUSY;
  }
  open.level = level;
  return SQLITE_OK;
}

int Unlock(sqlite3_file* file, int level) {
  Open& open = OpenOf(file);
  std::lock_guard lock(open.files->mutex);
  FaultyFiles::Node& node = NodeOf(file);
  if (level >= open.level) return SQLITE_OK;
  if (node.writer == file) node.writer = nullptr, node.writer_level = 0;
  if (level == SQLITE_LOCK_NONE) --node.readers;
  open.level = level;
  return SQLITE_OK;
}

int CheckReserved(sqlite3_file* file, int* reserved) {
  std::lock_guard lock(OpenOf(file).files->mutex);
  *reserved = NodeOf(file).writer != nullptr;
  return SQLITE_OK;
}

int Control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return kSector; }
int Characteristics(sqlite3_file*) { return 0; }

int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  std::lock_guard lock(OpenOf(file).files->mutex);
  auto& shared = NodeOf(file).shared;
  *out = nullptr;
  if (size != kRegion) return SQLITE_IOERR_SHMMAP;
  while (std::ssize(shared) <= region) {
    if (!extend) return SQLITE_OK;
    shared.push_back(std::make_unique<char[]>(kRegion));
  }
  *out = shared[static_cast<size_t>(region)].get();
  return SQLITE_OK;
}

int ShmLock(sqlite3_file* file, int first, int count, int flags) {
  Open& open = OpenOf(file);
  std::lock_guard lock(open.files->mutex);
  int* locks = NodeOf(file).shared_locks;
  auto mask = static_cast<unsigned>(((1 << count) - 1) << first);
  bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if (flags & SQLITE_SHM_UNLOCK) {
    for (int i = first; i < first + count; ++i) {
      unsigned bit = 1u << i;
      if (open.alone & bit) locks[i] = 0;
      if (open.shared & bit) --locks[i];
    }
    open.alone &= ~mask, open.shared &= ~mask;
    return SQLITE_OK;
  }
  for (int i = first; i < first + count; ++i) {
    int mine = open.shared >> i & 1;
    bool free = exclusive ? locks[i] - mine == 0 : locks[i] >= 0;
    if (open.alone >> i & 1) free = true;
    if (!free) return SQLITE_BUSY;
  }
  for (int i = first; i < first + count; ++i) {
    unsigned bit = 1u << i;
    if (exclusive)
      locks[i] = -1, open.alone |= bit, open.shared &= ~bit;
    else if (!(open.shared & bit))
      ++locks[i], open.shared |= bit;
  }
  return SQLITE_OK;
}

void ShmBarrier(sqlite3_file* file) { std::lock_guard lock(OpenOf(file).files->mutex); }

int ShmUnmap(sqlite3_file* file, int drop) {
  ShmLock(file, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  std::lock_guard lock(OpenOf(file).files->mutex);
  if (drop) NodeOf(file).shared.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = Close,
    .xRead = Read,
    .xWrite = DoWrite,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = Size,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReserved,
    .xFileControl = Control,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = Characteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
};

FaultyFiles& FilesOf(sqlite3_vfs* vfs) { return *static_cast<FaultyFiles*>(vfs->pAppData); }

int OpenFile(sqlite3_vfs* vfs, const char* name, sqlite3_file* out, int flags, int* out_flags) {
  Open* open = new (out) Open{};
  auto node = FilesOf(vfs).Find(name ? name : "", (flags & SQLITE_OPEN_CREATE) != 0);
  if (!node) return SQLITE_CANTOPEN;
  open->files = &FilesOf(vfs);
  open->node = new std::shared_ptr<FaultyFiles::Node>(std::move(node));
  open->base.pMethods = &kMethods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

int DeleteFile(sqlite3_vfs* vfs, const char* name, int) {
  FilesOf(vfs).Delete(name);
  return SQLITE_OK;
}

int Access(sqlite3_vfs* vfs, const char* name, int, int* result) {
  *result = FilesOf(vfs).Find(name, false) != nullptr;
  return SQLITE_OK;
}

int FullPath(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs*, int size, char* out) {
  static std::mt19937_64 random(7);
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  for (int i = 0; i < size; ++i) out[i] = static_cast<char>(random());
  return size;
}
int Sleep(sqlite3_vfs*, int microseconds) { return sqlite3_vfs_find(nullptr)->xSleep(nullptr, microseconds); }
int Time(sqlite3_vfs*, double* days) {
  *days = 2461000.5;
  return SQLITE_OK;
}
int LastError(sqlite3_vfs*, int, char*) { return 0; }

}  // namespace

FaultyFiles::FaultyFiles(const std::string& name) : name_(name) {
  vfs_.iVersion = 1;
  vfs_.szOsFile = sizeof(Open);
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = OpenFile;
  vfs_.xDelete = DeleteFile;
  vfs_.xAccess = Access;
  vfs_.xFullPathname = FullPath;
  vfs_.xRandomness = Randomness;
  vfs_.xSleep = Sleep;
  vfs_.xCurrentTime = Time;
  vfs_.xGetLastError = LastError;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultyFiles::~FaultyFiles() { sqlite3_vfs_unregister(&vfs_); }

void FaultyFiles::Inject(Fault fault, int times) {
  std::lock_guard lock(mutex);
  fault_ = fault, times_ = times;
}

bool FaultyFiles::Meets(Fault fault) {
  std::lock_guard lock(mutex);
  if (fault_ != fault || times_ == 0) return false;
  --times_, ++faults_met_;
  return true;
}

int64_t FaultyFiles::syncs() const {
  std::lock_guard lock(mutex);
  return syncs_;
}
int64_t FaultyFiles::faults_met() const {
  std::lock_guard lock(mutex);
  return faults_met_;
}

int FaultyFiles::Sync(Node& node) {
  if (at_sync) at_sync();
  bool fails = Meets(Fault::kSyncFails);
  std::lock_guard lock(mutex);
  ++syncs_;
  for (const Write& write : node.pending) {
    if (fails)
      ApplySome(write, random_, &node.durable);
    else
      Apply(write, &node.durable);
  }
  node.pending.clear();
  return fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

std::shared_ptr<FaultyFiles::Node> FaultyFiles::Find(const std::string& name, bool create) {
  std::lock_guard lock(mutex);
  if (name.empty()) return std::make_shared<Node>();
  auto found = nodes_.find(name);
  if (found != nodes_.end()) return found->second;
  return create ? nodes_[name] = std::make_shared<Node>() : nullptr;
}

void FaultyFiles::Delete(const std::string& name) {
  std::lock_guard lock(mutex);
  nodes_.erase(name);
}

FaultyFiles::Image FaultyFiles::AfterPowerLoss(uint64_t seed) const {
  std::mt19937_64 random(seed);
  std::lock_guard lock(mutex);
  Image image;
  for (const auto& [name, node] : nodes_) {
    std::string content = node->durable;
    for (const Write& write : node->pending) ApplySome(write, random, &content);
    image[name] = std::move(content);
  }
  return image;
}

void FaultyFiles::Load(const Image& image) {
  std::lock_guard lock(mutex);
  nodes_.clear();
  for (const auto& [name, content] : image) {
    auto node = std::make_shared<Node>();
    node->seen = node->durable = content;
    nodes_[name] = std::move(node);
  }
}

}  // namespace clawtrace::store

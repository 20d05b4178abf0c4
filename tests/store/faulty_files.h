#pragma once
// A file system in memory, for SQLite, that fails as disks do: power goes and what was not synced is lost, in
// part or torn at sectors; the disk is full, a write fails or is cut short; a sync fails, and what it should
// have written is then held as written although it is not.
#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace clawtrace::store {

enum class Fault { kNone, kFull, kWriteFails, kWriteIsShort, kReadFails, kSyncFails };

class FaultyFiles {
 public:
  explicit FaultyFiles(const std::string& name);  // what SQLite knows it by; one of a name at a time
  FaultyFiles(const FaultyFiles&) = delete;
  FaultyFiles& operator=(const FaultyFiles&) = delete;
  ~FaultyFiles();  // after every connection is closed

  // Called at the beginning of each sync, on the thread that syncs.
  std::function<void()> at_sync;

  // The next times operations of that kind fail.
  void Inject(Fault fault, int times);
  int64_t syncs() const;
  int64_t faults_met() const;

  // What is on the disk if the power goes now.
  using Image = std::map<std::string, std::string>;
  Image AfterPowerLoss(uint64_t seed) const;
  void Load(const Image& image);

  // The rest is for SQLite's functions.
  struct Write {
    int64_t at = 0;
    std::string bytes;
    bool truncates = false;  // to at
  };
  struct Node {
    std::string seen, durable;   // what readers see; what is on the disk
    std::vector<Write> pending;  // from durable to seen, unless a sync failed
    std::vector<std::unique_ptr<char[]>> shared;
    int shared_locks[SQLITE_SHM_NLOCK] = {};  // how many readers, -1 = a writer
    int readers = 0;
    const void* writer = nullptr;  // holds reserved or more
    int writer_level = 0;
  };
  std::shared_ptr<Node> Find(const std::string& name, bool create);
  void Delete(const std::string& name);
  bool Meets(Fault fault);
  int Sync(Node& node);
  mutable std::mutex mutex;

 private:
  sqlite3_vfs vfs_{};
  std::string name_;
  std::map<std::string, std::shared_ptr<Node>> nodes_;
  Fault fault_ = Fault::kNone;
  int times_ = 0;
  int64_t syncs_ = 0, faults_met_ = 0;
  std::mt19937_64 random_{1};
};

}  // namespace clawtrace::store

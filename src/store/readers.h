#pragma once
// Connections for reading, one a reader at a time, kept for the next.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/sqlite.h"

namespace clawtrace::store {

class Readers {
 public:
  Readers(std::string path, std::string vfs) : path_(std::move(path)), vfs_(std::move(vfs)) {}

  // A connection within a transaction: all reads of it see one moment.
  class Lease {
   public:
    Lease(Readers* home, Database db, uint64_t epoch) : home_(home), db_(std::move(db)), epoch_(epoch) {}
    Lease(Lease&& other) noexcept
        : home_(std::exchange(other.home_, nullptr)), db_(std::move(other.db_)), epoch_(other.epoch_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Database& db() { return db_; }

   private:
    Readers* home_;
    Database db_;
    uint64_t epoch_;
  };
  Result<Lease> Take();

  // No connection of before is used again.
  void CloseAll();

 private:
  std::string path_, vfs_;
  std::mutex mutex_;
  std::vector<Database> idle_;
  uint64_t epoch_ = 0;
};

}  // namespace clawtrace::store
